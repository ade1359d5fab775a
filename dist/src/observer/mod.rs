//! A look at a connection between two other nodes.

mod half;
mod scan;

use crate::connection::Settings;
use crate::control::{Control, Operation};
use crate::error::Error;
use crate::flags::Flags;
use crate::handshake::message::{
    Challenge, ChallengeAck, ChallengeReply, Complement, Hello, Status,
};
use crate::name::{Identity, NodeName};
use crate::payload::Payload;

use half::Half;

use einode_etf::Atom;

/// Reads along with a connection between two nodes, from the first byte of the handshake on or from
/// anywhere in the middle: bytes of both directions in, what they mean out.
///
/// It understands what the nodes understand, by the same decoders, and goes on where they would not:
/// what makes no sense is an event like another, and the next packet is looked at. It knows no cookie,
/// needs none, and proves nothing: digests are passed on unseen.
///
/// Give it bytes by [`receive`](Self::receive) as they come, and then [`poll`](Self::poll) until there is
/// nothing more. The events of a direction are the same however its bytes are cut and whatever comes of the
/// other meanwhile. What it holds is bounded for each direction as for an [`Inbound`](crate::Inbound) by
/// its [`Settings`].
///
/// ```
/// use einode_dist::{Observed, Observer, Settings, Side};
///
/// let mut observer = Observer::new(&Settings::default());
/// observer.receive(Side::Initiator, b"\0\x12N\0\0\0\x04\x03\x07\x0f\x94\0\0\0\x05\0\x03a@b");
/// let (from, hello) = observer.poll().expect("a whole message");
/// assert_eq!((from, hello.size), (Side::Initiator, 20));
/// assert!(matches!(hello.observed, Observed::Hello(_)));
/// assert_eq!(observer.name(Side::Initiator), Some("a@b"));
/// ```
#[derive(Debug)]
pub struct Observer {
    initiator: Half,
    acceptor: Half,
    initiator_name: Option<Identity>,
    acceptor_name: Option<NodeName>,
}

/// Who sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The node that connected.
    Initiator,
    /// The node that it connected to.
    Acceptor,
}

impl Side {
    /// Who receives it.
    pub const fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Acceptor,
            Self::Acceptor => Self::Initiator,
        }
    }
}

/// Something that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation {
    /// How many bytes it took on the wire, with all lengths before it; for a message in fragments, of all
    /// of them together.
    pub size: u64,
    /// What it was.
    pub observed: Observed,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are signals")]
#[non_exhaustive]
pub enum Observed {
    /// `send_name`: the initiator introduces itself.
    Hello(Hello),
    /// `status`, of either side.
    Status(Status),
    /// `challenge`: the acceptor introduces itself and asks for a proof.
    Challenge(Challenge),
    /// `complement`: what had no room in a `send_name` of the old form.
    Complement(Complement),
    /// `challenge_reply`: the initiator's proof and its own challenge.
    ChallengeReply(ChallengeReply),
    /// `challenge_ack`: the acceptor's proof. From here on the nodes are connected.
    ChallengeAck(ChallengeAck),
    /// A tick: the sender lives.
    Tick,
    /// A part of a message. The message comes with the last, as a [`Signal`](Self::Signal) after it.
    Fragment(Fragment),
    /// A control message and what belongs to it.
    Signal(Signal),
    /// What made no sense. The next packet is looked at.
    Malformed(Error),
    /// The direction does not begin with a handshake: it is looked at from the next packet on. An atom
    /// whose name was told before is then called `?` and the number of its slot in the atom cache.
    Midway,
    /// Bytes that were passed over: they were lost on the way to the observer, or between them no packet
    /// begins, or the connection ended in the middle of one.
    Skipped(u64),
    /// TLS: nothing of what follows can be looked into.
    Encrypted,
}

/// A control message and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signal {
    /// Which operation said it.
    pub operation: Operation,
    /// What it says.
    pub control: Control,
    /// What belongs to it.
    pub payload: Option<Payload>,
    /// From how many fragments it was put together; 0 for a message in one packet of its own.
    pub fragments: u64,
    /// The atoms of the distribution header; those of a message in fragments are with its first.
    pub atoms: Vec<CachedAtom>,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fragment {
    /// What all parts of a message have in common.
    pub sequence: u64,
    /// How many parts are due from this one on; 1 for the last.
    pub number: u64,
    /// Whether it is the first.
    pub first: bool,
    /// The atoms of the distribution header, which only the first has.
    pub atoms: Vec<CachedAtom>,
}

/// An atom in a distribution header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedAtom {
    /// Its slot in the atom cache, up to 2047.
    pub slot: u16,
    /// The atom.
    pub atom: Atom,
    /// Whether its name is told here, and not only its slot.
    pub new: bool,
}

impl Observer {
    /// An observer of a connection of which nothing is known yet.
    pub fn new(settings: &Settings) -> Self {
        Self {
            initiator: Half::new(Side::Initiator, settings),
            acceptor: Half::new(Side::Acceptor, settings),
            initiator_name: None,
            acceptor_name: None,
        }
    }

    /// Takes bytes that this side has sent.
    pub fn receive(&mut self, from: Side, bytes: &[u8]) {
        self.half(from).receive(bytes);
    }

    /// Takes note that bytes of this side cannot be had, once [`poll`](Self::poll) has given all before them.
    /// What follows is looked at from the next packet on.
    pub fn lost(&mut self, from: Side, bytes: u64) {
        self.half(from).lost(bytes);
    }

    /// Takes note that this side sends nothing more.
    pub fn eof(&mut self, from: Side) {
        self.half(from).eof();
    }

    /// The next thing that was sent, and by whom.
    pub fn poll(&mut self) -> Option<(Side, Observation)> {
        let (from, observation) = self.next()?;
        match &observation.observed {
            Observed::Hello(hello) => self.initiator_name = Some(hello.identity.clone()),
            Observed::Challenge(challenge) => self.acceptor_name = Some(challenge.name.clone()),
            Observed::Status(Status::Named { name, .. }) => {
                self.initiator_name = Some(Identity::Node(name.clone()));
            }
            _ => {}
        }
        Some((from, observation))
    }

    /// The name of a side, once it has been told. One that wants to be given a name is known by its host
    /// until then.
    pub fn name(&self, side: Side) -> Option<&str> {
        match side {
            Side::Initiator => self.initiator_name.as_ref().map(|identity| match identity {
                Identity::Node(name) => name.as_str(),
                Identity::Dynamic(host) => host.as_str(),
            }),
            Side::Acceptor => self.acceptor_name.as_ref().map(NodeName::as_str),
        }
    }

    /// What both sides handle, once both have told.
    pub fn flags(&self) -> Option<Flags> {
        let (ours, theirs) = (self.initiator.flags()?, self.acceptor.flags()?);
        Some(ours.negotiate(theirs))
    }

    fn next(&mut self) -> Option<(Side, Observation)> {
        // The acceptor may have told now what the initiator waited for.
        for side in [Side::Initiator, Side::Acceptor, Side::Initiator] {
            let told = self.half(side.other()).told();
            if let Some(observation) = self.half(side).poll(told) {
                return Some((side, observation));
            }
        }
        None
    }

    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Acceptor => &mut self.acceptor,
        }
    }
}
