//! C programs as they are built and run.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use einode_libei_differential::{INCLUDE, OTP_INCLUDE, OTP_LIBRARY};

/// Which ei.h a program is compiled with, which library it is linked with, and what watches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Build {
    Ours,
    OursWithTheirHeader,
    /// With `libei.so`.
    OursShared,
    /// With gcc's sanitizers of addresses and of undefined behaviour, and their search for leaks.
    OursSanitized,
    /// In valgrind, which looks at the library's code too.
    OursInValgrind,
    Theirs,
    TheirsWithOurHeader,
}

use Build::*;

/// All builds that shall do what [`Theirs`] does.
pub(crate) const ALL: [Build; 6] = [
    Ours,
    OursWithTheirHeader,
    OursShared,
    OursSanitized,
    OursInValgrind,
    TheirsWithOurHeader,
];

/// What a program ends with if its watcher has something to report.
const REPORTED: &str = "77";

/// The directory that cargo has put this test into, and the library.
fn built() -> PathBuf {
    std::env::current_exe().expect("a path").with_file_name("")
}

/// The program of `NAME.c`, which is built once in each way.
fn executable(name: &str, build: Build) -> PathBuf {
    static BUILT: Mutex<BTreeMap<PathBuf, Arc<OnceLock<()>>>> = Mutex::new(BTreeMap::new());
    let kind = match build {
        // The same program in another place.
        OursInValgrind => OursWithTheirHeader,
        build => build,
    };
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{kind:?}"));
    let mut known = BUILT.lock().expect("no panic");
    let once = Arc::clone(known.entry(program.clone()).or_default());
    drop(known);
    once.get_or_init(|| compile(name, kind, &program));
    program
}

fn compile(name: &str, build: Build, program: &Path) {
    let otp = Path::new(OTP_INCLUDE.expect("OTP's ei.h (Debian: erlang-dev)"));
    let include = match build {
        Ours | OursShared | OursSanitized | TheirsWithOurHeader => Path::new(INCLUDE),
        _ => otp,
    };
    let library = match build {
        Theirs | TheirsWithOurHeader => OTP_LIBRARY.expect("OTP's library").into(),
        OursShared => built().join("libei.so"),
        _ => built().join("libei.a"),
    };
    let source = Path::new("tests/programs").join(name).with_extension("c");
    let mut compiler = Command::new("cc");
    // Optimized, since only then does our header have code within programs.
    compiler.args(["-Wall", "-Wextra", "-Werror", "-O2", "-g", "-pthread", "-I"]);
    compiler.arg(include).arg(source);
    if build == OursSanitized {
        compiler.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    compiler.arg(library).arg("-o").arg(program);
    let output = compiler.output().expect("a C compiler");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
}

/// A program as it runs.
pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    command: String,
}

impl Program {
    /// Starts the program of `NAME.c`, with this port mapper.
    pub(crate) fn start(name: &str, build: Build, epmd: u16, arguments: &[&str]) -> Self {
        Self::spawn(&mut Self::command(name, build, epmd, arguments))
    }

    /// What [`start`](Self::start) starts.
    pub(crate) fn command(name: &str, build: Build, epmd: u16, arguments: &[&str]) -> Command {
        let executable = executable(name, build);
        let mut command = match build {
            OursInValgrind => {
                let mut valgrind = Command::new("valgrind");
                valgrind.args([
                    "--quiet",
                    "--leak-check=full",
                    "--show-leak-kinds=definite,possible",
                ]);
                valgrind.args([
                    "--errors-for-leak-kinds=definite,possible",
                    "--num-callers=30",
                ]);
                valgrind
                    .arg(format!("--error-exitcode={REPORTED}"))
                    .arg(executable);
                valgrind
            }
            _ => Command::new(executable),
        };
        let checks = format!("exitcode={REPORTED}");
        command
            .args(arguments)
            .env("ERL_EPMD_PORT", epmd.to_string())
            .env("ASAN_OPTIONS", &checks)
            .env("UBSAN_OPTIONS", &checks)
            .env("LD_LIBRARY_PATH", built());
        command
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().expect("its output")),
            child,
            command: shown,
        }
    }

    pub(crate) fn line(&mut self) -> String {
        // Names may be in Latin-1.
        let mut line = Vec::new();
        self.output.read_until(b'\n', &mut line).expect("a line");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    #[track_caller]
    pub(crate) fn says(&mut self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.line(), *expected, "{}", self.command);
        }
    }

    pub(crate) fn go_on(&mut self) {
        self.input
            .as_mut()
            .expect("its input")
            .write_all(b"\n")
            .expect("it reads");
    }

    #[track_caller]
    pub(crate) fn ends(mut self) {
        assert_eq!(self.line(), "", "{}", self.command);
        self.succeeds();
    }

    /// All that it still says, until it ends.
    #[track_caller]
    pub(crate) fn rest(mut self) -> String {
        let mut text = Vec::new();
        self.output.read_to_end(&mut text).expect("its output");
        let text = String::from_utf8_lossy(&text).into_owned();
        let status = self.child.wait().expect("its status");
        assert!(status.success(), "{}: {status}\n{text}", self.command);
        text
    }

    #[track_caller]
    fn succeeds(&mut self) {
        let status = self.child.wait().expect("its status");
        assert!(status.success(), "{}: {status}", self.command);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
