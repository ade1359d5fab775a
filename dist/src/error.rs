use std::borrow::Cow;
use std::fmt;

use einode_etf::EncodeError;

use crate::flags::Flags;
use crate::name::{InvalidName, NodeName};

/// Why a conversation with a peer cannot go on, and who is to blame: see [`culprit`](Self::culprit).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer sent something that is not the message that was due.
    Malformed {
        /// The message that was due, as the manual calls it.
        message: &'static str,
        /// What was expected and what came.
        problem: Cow<'static, str>,
    },
    /// The peer announced or sent more than a limit allows.
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length in bytes, as far as it is known.
        length: u64,
        /// The limit in bytes, see [`limits`](crate::limits).
        limit: u64,
    },
    /// The peer announced or sent more of something than a limit allows.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: u64,
        /// The limit, see [`limits`](crate::limits).
        limit: u64,
    },
    /// The peer goes by a name that no node may have.
    PeerName(InvalidName),
    /// Another node than the one asked for answered.
    OtherNode {
        /// The node asked for.
        expected: NodeName,
        /// The node that answered.
        found: NodeName,
    },
    /// The peer has the wrong cookie: its digest does not fit ours.
    WrongCookie,
    /// The peer cannot do what we require, or what the operation takes.
    MissingFlags(Flags),
    /// The peer closed the connection in the middle of a conversation.
    Closed {
        /// The message that was due, as the manual calls it.
        awaiting: &'static str,
    },
    /// The peer answered that it does not want this.
    Refused(Refusal),
    /// We told the peer that we do not want it: the verdict of the acceptor's own policy.
    Turned(Turned),
    /// A value has no form as a term.
    Unencodable(EncodeError),
    /// The caller used this library in a way that makes no sense; nothing is wrong with the peer.
    Misuse(&'static str),
}

/// Who made an operation fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Culprit {
    /// The peer broke the protocol, lacks a capability or does not know the cookie.
    Peer,
    /// Nobody: the peer or our own policy said no, as the protocol provides.
    Refusal,
    /// The calling program.
    Caller,
}

/// How a peer says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// `nok`: the peer is itself connecting to us, and its attempt wins.
    Nok,
    /// `not_allowed`: the peer does not accept this node, or misses one of our flags.
    NotAllowed,
    /// `alive`: the peer has a live connection with a node of our name, and we chose to leave it.
    Alive,
    /// The peer was told `alive` and withdrew.
    Withdrawn,
    /// The peer closed instead of acknowledging our digest: it has another cookie.
    Cookie,
    /// EPMD did not register the name: it is taken, or not one EPMD accepts.
    Registration,
}

/// How we said no to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Turned {
    /// `nok`: our own attempt to connect wins.
    Nok,
    /// `not_allowed`.
    NotAllowed,
}

impl Error {
    /// Who made the operation fail.
    pub fn culprit(&self) -> Culprit {
        match self {
            Self::Malformed { .. }
            | Self::TooLong { .. }
            | Self::TooMany { .. }
            | Self::PeerName(_)
            | Self::OtherNode { .. }
            | Self::WrongCookie
            | Self::MissingFlags(_)
            | Self::Closed { .. } => Culprit::Peer,
            Self::Refused(_) | Self::Turned(_) => Culprit::Refusal,
            Self::Unencodable(_) | Self::Misuse(_) => Culprit::Caller,
        }
    }

    pub(crate) fn malformed(message: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed {
            message,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { message, problem } => {
                write!(f, "the peer sent a malformed {message}: {problem}")
            }
            Self::TooLong {
                what,
                length,
                limit,
            } => {
                write!(
                    f,
                    "the peer sent a {what} of {length} bytes, the limit is {limit}"
                )
            }
            Self::TooMany { what, count, limit } => {
                write!(f, "the peer has {count} {what}, the limit is {limit}")
            }
            Self::PeerName(invalid) => write!(f, "the peer's name is invalid: {invalid}"),
            Self::OtherNode { expected, found } => {
                write!(f, "expected the node {expected}, but {found} answered")
            }
            Self::WrongCookie => f.write_str("the peer has the wrong cookie"),
            Self::MissingFlags(flags) => {
                write!(f, "the peer lacks flags that are required: {flags:?}")
            }
            Self::Closed { awaiting } => {
                write!(
                    f,
                    "the peer closed the connection where a {awaiting} was due"
                )
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Turned(Turned::Nok) => {
                f.write_str("the peer was turned away: our own connection attempt wins")
            }
            Self::Turned(Turned::NotAllowed) => {
                f.write_str("the peer was turned away: it is not allowed to connect")
            }
            Self::Unencodable(error) => write!(f, "the value cannot be encoded: {error}"),
            Self::Misuse(how) => write!(f, "incorrect use of the library: {how}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nok => "the peer refused: its own connection attempt wins",
            Self::NotAllowed => "the peer refused: this node is not allowed to connect",
            Self::Alive => "the peer already has a connection with a node of our name",
            Self::Withdrawn => "the peer withdrew: its earlier connection is still alive",
            Self::Cookie => "the peer refused our digest: it has another cookie",
            Self::Registration => {
                "EPMD refused the registration: the name is taken or not accepted"
            }
        })
    }
}

impl std::error::Error for Error {}
