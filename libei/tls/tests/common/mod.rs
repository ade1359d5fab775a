//! C programs: built, and as they run.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Compiles a C file at this path of the repository, and links it with one of the libraries of this
/// build: `libei.a` or `libeinode_c.a`.
pub(crate) fn build(source: &str, library: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let deps = std::env::current_exe().unwrap().with_file_name("");
    let stem = Path::new(source).file_stem().unwrap().to_str().unwrap();
    let name = format!("{stem}-{}", std::thread::current().name().unwrap_or("test"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-I"])
        .args([
            root.join("libei/include"),
            root.join(source),
            deps.join(library),
        ])
        // Of use only where this build has tokio in the library, for tests of other crates.
        .args(["-lm", "-o"])
        .arg(&program)
        .output()
        .expect("a C compiler");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    program
}

/// A program as it runs.
pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("the program");
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut errors = String::new();
            let stderr = self.child.stderr.as_mut().unwrap();
            stderr.read_to_string(&mut errors).unwrap();
            return errors.trim_end().to_owned();
        }
        line.trim_end().to_owned()
    }

    #[track_caller]
    pub(crate) fn says(&mut self, expected: &str) {
        assert_eq!(self.line(), expected);
    }

    pub(crate) fn go_on(&mut self) {
        self.input.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    #[track_caller]
    pub(crate) fn ends(mut self) {
        assert_eq!(self.line(), "");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
