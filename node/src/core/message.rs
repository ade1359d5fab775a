use std::fmt;

use einode_dist::{NodeName, Payload, Target};
use einode_etf::{
    Atom, Decode, DecodeError, Encode, EncodeError, Pid, Reference, Sink, Term, Writer,
};

use crate::call::Arrived;

/// What a process finds in its mailbox: a message that was sent to it, or one that the node made
/// because something it watches has changed.
///
/// In Erlang all of these are terms. Here they are told apart by what they are, and
/// [`Message::term`] gives the term that an Erlang process would see.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// What a process sent.
    User(Payload),
    /// A linked process ended, or sent an exit signal, and this one traps exits:
    /// `{'EXIT', Pid, Reason}`.
    Exit(Exit),
    /// A monitored process ended: `{'DOWN', Reference, process, Pid, Reason}`.
    Down(Down),
    /// The answer to a request for a process: `{spawn_reply, Reference, ok | error, Pid | Reason}`.
    Spawned(Spawned),
    /// A connection with a node has come about: `{nodeup, Node}`.
    NodeUp(NodeName),
    /// A connection with a node has ended: `{nodedown, Node}`.
    NodeDown(NodeName),
}

/// An exit signal, as a message.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Exit {
    /// Who ended, or sent it.
    pub from: Pid,
    /// Why.
    pub reason: Payload,
}

/// The end of a process that was monitored.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Down {
    /// The monitor, which is no more.
    pub monitor: Reference,
    /// What was monitored, as it was named then.
    pub process: Monitored,
    /// Why it ended; `noproc` if it was not there, `noconnection` if its node is out of reach.
    pub reason: Payload,
}

/// Whom a monitor watches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Monitored {
    /// A process.
    Pid(Pid),
    /// Whoever has this name on this node.
    Name(Atom, Atom),
}

impl Monitored {
    /// The process, if it was not named.
    pub const fn pid(&self) -> Option<&Pid> {
        match self {
            Self::Pid(pid) => Some(pid),
            Self::Name(..) => None,
        }
    }

    /// What a control message to its node names.
    pub(crate) fn target(&self) -> Target {
        match self {
            Self::Pid(pid) => Target::Pid(pid.clone()),
            Self::Name(name, _) => Target::Name(name.clone()),
        }
    }

    /// The node it is on.
    pub const fn node(&self) -> &Atom {
        match self {
            Self::Pid(pid) => pid.node(),
            Self::Name(_, node) => node,
        }
    }
}

/// The answer to a request for a process.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Spawned {
    /// The request.
    pub request: Reference,
    /// The process, or why there is none: `notsup`, `badopt`, `noconnection` or another reason of its
    /// node.
    pub result: Result<Pid, Atom>,
}

impl Message {
    /// The message of a process as a value, which may borrow from this message.
    ///
    /// # Errors
    /// [`MessageError`] when it is not of this type, or is none of a process.
    pub fn decode<'a, T: Decode<'a>>(&'a self) -> Result<T, MessageError> {
        match self {
            Self::User(payload) => payload.decode().map_err(MessageError::Decode),
            other => Err(MessageError::NotUser(Box::new(other.clone()))),
        }
    }

    /// What the process sent, if this is a message of a process.
    pub const fn user(&self) -> Option<&Payload> {
        match self {
            Self::User(payload) => Some(payload),
            _ => None,
        }
    }

    /// The term that an Erlang process would see.
    ///
    /// # Errors
    /// [`DecodeError`] when what the peer sent is malformed.
    pub fn term(&self) -> Result<Term, DecodeError> {
        match self {
            Self::User(payload) => payload.term(),
            // An error of the writer would mean that the reason does not fit its own format.
            other => Payload::encode(other)
                .map_err(|_| DecodeError::OutOfRange)?
                .term(),
        }
    }

    /// What it is to a call.
    pub(crate) const fn arrived(&self) -> Option<Arrived<'_>> {
        match self {
            Self::User(message) => Some(Arrived::Message(message)),
            Self::Down(down) => Some(Arrived::Down(&down.monitor, &down.reason)),
            Self::Spawned(spawned) => Some(Arrived::Spawned(&spawned.request, &spawned.result)),
            _ => None,
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::User(payload) => payload.bytes().len(),
                Self::Exit(exit) => exit.reason.bytes().len(),
                Self::Down(down) => down.reason.bytes().len(),
                _ => 0,
            }
    }
}

/// As the term that an Erlang process would see.
impl Encode for Message {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        const EXIT: Atom = Atom::from_static("EXIT");
        const DOWN: Atom = Atom::from_static("DOWN");
        const PROCESS: Atom = Atom::from_static("process");
        const SPAWN_REPLY: Atom = Atom::from_static("spawn_reply");
        const OK: Atom = Atom::from_static("ok");
        const ERROR: Atom = Atom::from_static("error");
        const NODEUP: Atom = Atom::from_static("nodeup");
        const NODEDOWN: Atom = Atom::from_static("nodedown");
        match self {
            Self::User(payload) => payload.encode(writer),
            Self::Exit(Exit { from, reason }) => (EXIT, from, reason).encode(writer),
            Self::Down(Down {
                monitor,
                process,
                reason,
            }) => (DOWN, monitor, PROCESS, process, reason).encode(writer),
            Self::Spawned(Spawned { request, result }) => match result {
                Ok(pid) => (SPAWN_REPLY, request, OK, pid).encode(writer),
                Err(reason) => (SPAWN_REPLY, request, ERROR, reason).encode(writer),
            },
            Self::NodeUp(node) => (NODEUP, node.as_atom()).encode(writer),
            Self::NodeDown(node) => (NODEDOWN, node.as_atom()).encode(writer),
        }
    }
}

impl Encode for Monitored {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        match self {
            Self::Pid(pid) => pid.encode(writer),
            Self::Name(name, node) => (name, node).encode(writer),
        }
    }
}

/// Why a message is not the value that was asked for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MessageError {
    /// It is malformed, or a term of another type.
    Decode(DecodeError),
    /// It is no message of a process.
    NotUser(Box<Message>),
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::NotUser(message) => write!(f, "expected a message, got {message:?}"),
        }
    }
}

impl std::error::Error for MessageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Decode(error) => Some(error),
            Self::NotUser(_) => None,
        }
    }
}
