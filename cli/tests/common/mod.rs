//! Running the program.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
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

/// The processes of the node that evaluate what the program has sent there: not those of the test, of which
/// one asks and the other watches it.
pub(crate) const EVALUATING: &str = "
    [P || P <- processes(), P =/= self(),
          [{current_stacktrace, Stack}, {monitors, Monitors}]
              <- [process_info(P, [current_stacktrace, monitors])],
          lists:keymember(erl_eval, 1, Stack), not lists:member({process, self()}, Monitors)]";

/// Waits until there are none.
#[track_caller]
pub(crate) fn nothing_is_left(beam: &Beam) {
    beam.wait_until(&format!("{EVALUATING} =:= []"));
}

/// A run that goes on until it is interrupted.
pub(crate) struct Following {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    /// Runs a command that follows a node.
    pub(crate) fn start(beam: &Beam, command: &str, arguments: &[&str]) -> Self {
        let port = beam.epmd_port().to_string();
        let peer = ["--cookie", beam.cookie(), "--epmd-port", &port, beam.name()];
        Self::of(program().arg(command).args(peer).args(arguments))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that it prints.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        self.lines.next().expect("one more line").unwrap()
    }

    /// The next line with this text.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Ends it by ctrl-c.
    #[track_caller]
    pub(crate) fn interrupt(&mut self) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &process]).status();
        assert!(sent.unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    /// Ends it without any chance to tidy up.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its own end.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.kill();
    }
}
