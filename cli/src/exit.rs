//! How the program ends when there is no result.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use einode::dist::Error;
use einode::{CallError, ConnectError, ExchangeError, LinkError};

/// The exit codes, for `--help`.
pub(crate) const CODES: &str = "\
Exit codes:
   0  done; the result, if there is one, is on standard output
   1  the node says that what was asked of it failed, or did not answer in time
   2  no connection to the node, or it broke; one line says at which step
  64  wrong usage: options, the syntax or the bytes of a term, no cookie
  74  a file or a standard stream cannot be read or written";

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The node failed at what was asked of it, or gave no answer.
    Call(String),
    /// There is no connection, or there is none any more.
    Connection(String),
    /// What the user gave makes no sense.
    Usage(String),
    /// A file or a standard stream cannot be read or written.
    Io(String),
}

impl Failure {
    /// Says what is wrong, and gives the exit code that says so too.
    pub(crate) fn report(&self) -> ExitCode {
        // With standard error closed, the exit code still tells.
        let _ = writeln!(io::stderr(), "einode: {self}");
        ExitCode::from(self.code())
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Call(_) => 1,
            Self::Connection(_) => 2,
            Self::Usage(_) => 64,
            Self::Io(_) => 74,
        }
    }
}

/// Ends the program as clap has it: with help or the version, or with what is wrong about the usage.
pub(crate) fn of_clap(answer: &clap::Error) -> ExitCode {
    let wrong = answer.use_stderr();
    let printed = answer.print();
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(74),
        _ if wrong => ExitCode::from(64),
        _ => ExitCode::SUCCESS,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Call(text) | Self::Connection(text) | Self::Usage(text) | Self::Io(text)) = self;
        f.write_str(text)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        // Nodes let us finish the handshake, or say why they do not.
        let foreign = match &error {
            ConnectError::Handshake(ExchangeError::Protocol(error)) => matches!(
                error,
                Error::Malformed { .. } | Error::TooLong { .. } | Error::Closed { .. }
            ),
            ConnectError::Handshake(ExchangeError::Io(error)) => {
                matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
                )
            }
            _ => false,
        };
        let hint = if foreign {
            " (this does not look like an Erlang node)"
        } else {
            ""
        };
        Self::Connection(format!("{error}{hint}"))
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        CallError::from(error).into()
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let text = error.to_string();
        match error {
            CallError::NoConnection(_) => Self::Connection(text),
            CallError::Link(LinkError::Encode(_)) | CallError::BadName => Self::Usage(text),
            _ => Self::Call(text),
        }
    }
}
