use std::fmt;
use std::io;

use einode_dist::NodeName;
use einode_etf::EncodeError;

use crate::address::Address;
use crate::carrier::Ending;
use crate::core::Rejected;

/// Why a conversation over a socket failed: a handshake, or a question to EPMD.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The socket failed, or the deadline passed ([`io::ErrorKind::TimedOut`]).
    Io(io::Error),
    /// The two sides did not come to terms.
    Protocol(einode_dist::Error),
}

impl From<io::Error> for ExchangeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<einode_dist::Error> for ExchangeError {
    fn from(error: einode_dist::Error) -> Self {
        Self::Protocol(error)
    }
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What the socket says itself is better than the name of its kind.
            Self::Io(error)
                if error.kind() == io::ErrorKind::TimedOut && error.get_ref().is_none() =>
            {
                f.write_str("timed out")
            }
            Self::Io(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExchangeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Protocol(error) => Some(error),
        }
    }
}

/// Why there is no connection, by the step that failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host has no address.
    Resolve {
        /// The host.
        host: String,
        /// What the resolver says.
        error: io::Error,
    },
    /// EPMD did not answer.
    Epmd {
        /// Where it was asked.
        at: String,
        /// What went wrong.
        error: ExchangeError,
    },
    /// EPMD knows no node of this name.
    UnknownNode {
        /// The node.
        node: NodeName,
        /// Where EPMD was asked.
        at: String,
    },
    /// A node without a name of its own, or without a TCP port, cannot be registered with EPMD.
    Unpublishable,
    /// Nothing could be reached at the node's address.
    Connect {
        /// The address.
        at: String,
        /// What the system says.
        error: io::Error,
    },
    /// The handshake did not succeed.
    Handshake(ExchangeError),
}

impl ConnectError {
    /// Whether the peer prefers a connection that it makes, or has made.
    pub(crate) const fn is_overtaken(&self) -> bool {
        use einode_dist::{Error, Refusal};
        matches!(
            self,
            Self::Handshake(ExchangeError::Protocol(Error::Refused(
                Refusal::Nok | Refusal::Alive
            )))
        )
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |error: &io::Error| match error.kind() {
            io::ErrorKind::TimedOut => "timed out".to_owned(),
            _ => error.to_string(),
        };
        match self {
            Self::Resolve { host, error } => {
                write!(f, "name lookup of host {host} failed: {}", text(error))
            }
            Self::Epmd { at, error } => write!(f, "EPMD at {at} does not answer: {error}"),
            Self::UnknownNode { node, at } => {
                write!(f, "EPMD at {at} knows no node {}", node.alive())
            }
            Self::Unpublishable => {
                f.write_str("only nodes with a name and a TCP port are registered with EPMD")
            }
            Self::Connect { at, error } => {
                write!(f, "connection to {at} failed: {}", text(error))
            }
            Self::Handshake(error) => write!(f, "handshake failed: {error}"),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Resolve { error, .. } | Self::Connect { error, .. } => Some(error),
            Self::Epmd { error, .. } | Self::Handshake(error) => Some(error),
            Self::UnknownNode { .. } | Self::Unpublishable => None,
        }
    }
}

/// Why a peer that reached our port did not become a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The handshake failed.
    Handshake {
        /// Who it was.
        address: Address,
        /// What went wrong.
        error: ExchangeError,
    },
    /// No peer came before the deadline.
    TimedOut,
    /// The listening socket is of no more use.
    Closed,
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake { address, error } => {
                write!(f, "handshake with {address} failed: {error}")
            }
            Self::TimedOut => f.write_str("no node connected in time"),
            Self::Closed => f.write_str("the listening socket is closed"),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Handshake { error, .. } => Some(error),
            Self::TimedOut | Self::Closed => None,
        }
    }
}

/// Why a node is not connected with another one, or not any more.
#[derive(Debug)]
#[non_exhaustive]
pub enum Disconnected {
    /// The connection did not come about.
    Connect(ConnectError),
    /// The peer began to connect to us, and did not succeed.
    Refused,
    /// The connection failed: it was closed by the peer, it was silent, or what it sent made no sense.
    Link(LinkError),
    /// The peer has connected again.
    Replaced,
    /// The program has closed it.
    Requested,
    /// Our own node has ended.
    Stopped,
    /// Such a node is not to be connected with.
    NotAllowed,
}

impl From<Rejected> for Disconnected {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::NotDialed(kind) => Self::Link(LinkError::Io(kind.into())),
            _ => Self::NotAllowed,
        }
    }
}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Refused => f.write_str("the peer began to connect, and did not succeed"),
            Self::Link(error) => error.fmt(f),
            Self::Replaced => f.write_str("the peer has connected again"),
            Self::Requested => f.write_str("disconnected by the program"),
            Self::Stopped => f.write_str("our node has ended"),
            Self::NotAllowed => f.write_str("connections with this node are not allowed"),
        }
    }
}

impl std::error::Error for Disconnected {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Link(error) => Some(error),
            _ => None,
        }
    }
}

/// Why an operation on a connection failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkError {
    /// The deadline passed. The connection is as good as before.
    TimedOut,
    /// The peer closed the connection.
    Closed,
    /// The peer was silent for the whole of `net_ticktime`.
    Silent,
    /// The peer took so little of what was sent to it that more than [`OWED`](crate::OWED) bytes waited.
    Overrun,
    /// The socket failed.
    Io(io::Error),
    /// The peer broke the protocol.
    Protocol(einode_dist::Error),
    /// The program's own value cannot be sent. The connection is as good as before.
    Encode(EncodeError),
    /// More than [`BACKLOG`](crate::BACKLOG) signals arrived while an answer was awaited.
    /// The connection is as good as before, once they are received.
    Backlog,
}

impl LinkError {
    /// How the connection ended, if this ended it.
    pub(crate) const fn ending(&self) -> Option<Ending> {
        match self {
            Self::TimedOut | Self::Encode(_) | Self::Backlog => None,
            Self::Closed => Some(Ending::Peer),
            Self::Silent => Some(Ending::Silent),
            Self::Overrun | Self::Io(_) | Self::Protocol(_) => Some(Ending::Failed),
        }
    }
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl From<einode_dist::Error> for LinkError {
    fn from(error: einode_dist::Error) -> Self {
        Self::Protocol(error)
    }
}

impl From<EncodeError> for LinkError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("timed out"),
            Self::Closed => f.write_str("the peer closed the connection"),
            Self::Silent => f.write_str("the peer was silent for longer than net_ticktime"),
            Self::Overrun => f.write_str("the peer reads too slowly for what is sent to it"),
            Self::Io(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Backlog => f.write_str("too many signals wait to be received"),
        }
    }
}

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::Encode(error) => Some(error),
            Self::TimedOut | Self::Closed | Self::Silent | Self::Overrun | Self::Backlog => None,
        }
    }
}
