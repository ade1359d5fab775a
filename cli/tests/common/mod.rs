//! Running the program.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use einode_testkit::Beam;

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
    pub(crate) time: Duration,
}

impl Run {
    /// What was printed, after success.
    #[track_caller]
    pub(crate) fn printed(&self) -> &str {
        assert_eq!((self.code, self.err.as_str()), (0, ""));
        std::str::from_utf8(&self.out).unwrap()
    }

    /// The one line that says what is wrong, after failure.
    #[track_caller]
    pub(crate) fn complaint(&self, code: i32) -> &str {
        assert_eq!(
            (self.code, self.out.as_slice()),
            (code, &b""[..]),
            "{}",
            self.err
        );
        let line = self
            .err
            .strip_prefix("einode: ")
            .and_then(|line| line.strip_suffix('\n'));
        let line = line.unwrap_or_else(|| panic!("not a line of the program: {}", self.err));
        assert!(!line.contains('\n'), "more than one line: {line}");
        line
    }
}

/// The program, knowing nothing of who runs the tests.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_einode"));
    command
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("EINODE_COOKIE")
        .env_remove("ERL_EPMD_PORT")
        .stdin(Stdio::null());
    command
}

pub(crate) fn einode(arguments: &[&str]) -> Run {
    run(program().args(arguments))
}

pub(crate) fn run(command: &mut Command) -> Run {
    let start = Instant::now();
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
        time: start.elapsed(),
    }
}

/// Runs it with this on standard input.
pub(crate) fn pipe(arguments: &[&str], input: &[u8]) -> Run {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    run(program().args(arguments).stdin(file))
}

/// Runs a command that talks to a node, with its cookie and its EPMD.
pub(crate) fn to(beam: &Beam, command: &str, arguments: &[&str]) -> Run {
    let port = beam.epmd_port().to_string();
    run(program()
        .args([
            command,
            "--cookie",
            beam.cookie(),
            "--epmd-port",
            &port,
            beam.name(),
        ])
        .args(arguments))
}
