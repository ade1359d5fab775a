//! `epmd`: OTP's port mapper daemon, and what one asks it from the command line.

mod ask;
mod options;
#[cfg(unix)]
mod serve;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use options::{Options, Task};

/// Runs as the program `epmd` with these arguments.
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some(Options { serve, task }) = Options::read(arguments) else {
        let _ = io::stderr().write_all(options::USAGE.as_bytes());
        return ExitCode::FAILURE;
    };
    let port = match serve.port {
        Ok(port) => port,
        Err(wrong) => return fail(&wrong),
    };
    match task {
        Task::Serve => serve_at(port, serve),
        Task::Ask(question) => ask::run(port, &question),
    }
}

#[cfg(unix)]
fn serve_at(port: u16, options: options::Serve) -> ExitCode {
    serve::run(port, options)
}

#[cfg(not(unix))]
fn serve_at(_: u16, _: options::Serve) -> ExitCode {
    fail("there is no daemon for this system yet")
}

/// Says what is wrong, and gives the exit code for it.
fn fail(wrong: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "epmd: {wrong}");
    ExitCode::FAILURE
}
