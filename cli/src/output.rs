//! Standard output.

use std::fmt;
use std::io::{self, BufWriter, Write};

use crate::exit::Failure;

/// Prints a line.
pub(crate) fn line(text: impl fmt::Display) -> Result<(), Failure> {
    to_stdout(|out| writeln!(out, "{text}"))
}

/// Writes bytes as they are.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    to_stdout(|out| out.write_all(bytes))
}

/// Says something on standard error that is no reason to end.
pub(crate) fn complain(what: impl fmt::Display) {
    // With standard error closed there is nobody to hear it.
    let _ = writeln!(io::stderr(), "einode: {what}");
}

fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::Io(format!("standard output: {error}"))),
    }
}
