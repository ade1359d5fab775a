use std::fmt;

use einode_dist::Payload;
use einode_etf::{Atom, EncodeError};

use crate::core::Rejected;
use crate::recipient::InvalidRecipient;

/// A process has ended: an exit signal did it, or its node is no more.
#[derive(Debug, Clone, PartialEq)]
pub struct Exited {
    /// Why.
    pub reason: Payload,
}

impl fmt::Display for Exited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the process has ended: {:?}", self.reason)
    }
}

impl std::error::Error for Exited {}

/// Why nothing was received.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RecvError {
    /// No message came in time.
    TimedOut,
    /// The process has ended.
    Exited(Exited),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no message came in time"),
            Self::Exited(exited) => exited.fmt(f),
        }
    }
}

impl std::error::Error for RecvError {}

/// Why nothing was sent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SendError {
    /// The recipient has no valid name.
    Recipient(InvalidRecipient),
    /// No process of our own node has this name.
    NotRegistered(Atom),
    /// An alias was given where a process is needed.
    Alias,
    /// A function has at most 255 arguments.
    Arguments,
    /// The value is no term.
    Encode(EncodeError),
    /// More than 1 MiB ([`BUSY`](einode_dist::limits::BUSY)) waits for the node already.
    Busy,
    /// The peer does not understand such a signal.
    Invalid(einode_dist::Error),
    /// The sender has ended.
    Exited(Exited),
}

impl From<InvalidRecipient> for SendError {
    fn from(error: InvalidRecipient) -> Self {
        Self::Recipient(error)
    }
}

impl From<EncodeError> for SendError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<Rejected> for SendError {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Busy | Rejected::Down | Rejected::Unreachable | Rejected::NotDialed(_) => {
                Self::Busy
            }
            Rejected::Invalid(error) => Self::Invalid(error),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipient(error) => error.fmt(f),
            Self::NotRegistered(name) => write!(f, "no process of this node is named {name}"),
            Self::Alias => f.write_str("an alias is no process"),
            Self::Arguments => f.write_str("more than 255 arguments"),
            Self::Encode(error) => error.fmt(f),
            Self::Busy => f.write_str("too much waits to be sent"),
            Self::Invalid(error) => error.fmt(f),
            Self::Exited(exited) => exited.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

/// Why a process did not get a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// Another process has it, or it is the node's own.
    Taken,
    /// More than 255 characters.
    TooLong,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken => "the name is taken",
            Self::TooLong => "a name of more than 255 characters",
        })
    }
}

impl std::error::Error for NameError {}
