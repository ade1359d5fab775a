use std::fmt;

use einode_etf::{Atom, DecodeError, EncodeError, Term};

use crate::error::LinkError;
use crate::process::{Exited, SendError};
use crate::recipient::InvalidRecipient;

/// Why a call has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// No answer came in time. The call may still be under way.
    TimedOut,
    /// The connection ended, or there is none to be had. A link says why, of a node its
    /// [status](crate::Status) does.
    NoConnection(Option<LinkError>),
    /// The call could not be sent over a link, or its answer not be kept; the connection lives.
    Link(LinkError),
    /// The call could not be sent.
    Send(SendError),
    /// The answer is not of the type that was asked for.
    Decode(DecodeError),
    /// `rpc` says `{badrpc, Reason}`.
    BadRpc(Term),
    /// The function did not catch this.
    Exception(Box<Exception>),
    /// The peer made no process for the call: `notsup` from a node that serves none, `system_limit`.
    Refused(Atom),
    /// The called process ended, or does not exist (`noproc`).
    Exit(Term),
    /// The name of a server, module or function is too long for an atom.
    BadName,
}

/// An exception that reached us from another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// How it was raised.
    pub class: Class,
    /// What was raised.
    pub reason: Term,
    /// Where, for those of class `error`.
    pub stack: Option<Term>,
}

/// The class of an exception (OTP, *Reference Manual*, "Errors and Error Handling").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A run-time error, or `error/1`.
    Error,
    /// `exit/1`.
    Exit,
    /// `throw/1`.
    Throw,
}

impl From<LinkError> for CallError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::TimedOut => Self::TimedOut,
            LinkError::Encode(_) | LinkError::Backlog => Self::Link(error),
            _ => Self::NoConnection(Some(error)),
        }
    }
}

impl From<SendError> for CallError {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<InvalidRecipient> for CallError {
    fn from(error: InvalidRecipient) -> Self {
        Self::Send(error.into())
    }
}

impl From<EncodeError> for CallError {
    fn from(error: EncodeError) -> Self {
        Self::Send(error.into())
    }
}

impl From<Exited> for CallError {
    fn from(exited: Exited) -> Self {
        Self::Send(SendError::Exited(exited))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::NoConnection(Some(error)) => write!(f, "the connection ended: {error}"),
            Self::NoConnection(None) => f.write_str("no connection with the node"),
            Self::Link(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::Decode(error) => write!(f, "the answer is of another type: {error}"),
            Self::BadRpc(reason) => write!(f, "badrpc: {reason}"),
            Self::Exception(exception) => exception.fmt(f),
            Self::Refused(reason) => write!(f, "the peer refused to make a process: {reason}"),
            Self::Exit(reason) => write!(f, "the called process ended: {reason}"),
            Self::BadName => f.write_str("a name of more than 255 characters"),
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoConnection(Some(error)) | Self::Link(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::Decode(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            class,
            reason,
            stack,
        } = self;
        write!(f, "{class}: {reason}")?;
        match stack.as_ref().and_then(Term::as_list) {
            Some(stack) => stack
                .iter()
                .try_for_each(|frame| write!(f, "\n  in {frame}")),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Exit => "exit",
            Self::Throw => "throw",
        })
    }
}
