use std::fmt;
use std::io;
use std::net::SocketAddr;

use einode_dist::Error;

/// What happens at a [`Server`](super::Server), for those who want to log it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Somebody has connected.
    Connected {
        /// Who.
        peer: SocketAddr,
        /// Whether that is this host, so that all requests are allowed.
        local: bool,
    },
    /// Bytes have arrived from somebody who has registered no node.
    Received {
        /// From whom.
        peer: SocketAddr,
        /// What.
        bytes: &'a [u8],
    },
    /// Somebody is answered.
    Answered {
        /// Who.
        peer: SocketAddr,
        /// What. Nothing, if the connection is closed without an answer.
        answer: &'a [u8],
    },
    /// A request is not answered.
    Refused {
        /// Whose.
        peer: SocketAddr,
        /// Why.
        error: &'a Error,
    },
    /// A connection without a node is closed, since it takes too long or there are too many.
    Dropped {
        /// Whose.
        peer: SocketAddr,
    },
    /// A node is registered.
    Registered {
        /// Its name up to the `@`.
        name: &'a str,
        /// Where it listens.
        port: u16,
    },
    /// A node is not registered any more.
    Left {
        /// Its name up to the `@`.
        name: &'a str,
    },
    /// No connection could be taken, for the time being.
    AcceptFailed {
        /// What the system says.
        error: &'a io::Error,
    },
    /// Somebody has told the daemon to end.
    Killed,
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { peer, local } => {
                let place = if *local { "this" } else { "another" };
                write!(f, "{peer} of {place} host connected")
            }
            Self::Received { peer, bytes } => {
                write!(f, "{peer} sent \"{}\"", bytes.escape_ascii())
            }
            Self::Answered { peer, answer } => {
                write!(f, "{peer} gets \"{}\"", answer.escape_ascii())
            }
            Self::Refused { peer, error } => write!(f, "{peer} gets no answer: {error}"),
            Self::Dropped { peer } => write!(f, "{peer} has no more time"),
            Self::Registered { name, port } => {
                write!(f, "node {} registered at port {port}", name.escape_debug())
            }
            Self::Left { name } => write!(f, "node {} left", name.escape_debug()),
            Self::AcceptFailed { error } => write!(f, "no connection can be taken: {error}"),
            Self::Killed => f.write_str("told to end"),
        }
    }
}
