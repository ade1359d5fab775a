use std::mem;

use crate::error::{Error, Refusal, Turned};
use crate::exchange::Exchange;
use crate::flags::Flags;
use crate::handshake::message::{
    Challenge, ChallengeAck, ChallengeReply, Complement, Hello, Status,
};
use crate::handshake::wire::Wire;
use crate::handshake::{Digest, Local, Prefix, Session};
use crate::name::{Identity, NodeName};

/// The handshake of the side that is connected to.
///
/// What the node knows of its other connections enters through `admit`, which is asked once, as
/// soon as the peer has introduced itself. The peer has not shown at that moment that it knows
/// the cookie: whatever `admit` notes down must be taken back when the handshake fails.
#[derive(Debug)]
pub struct Acceptor<F> {
    wire: Wire,
    local: Local,
    challenge: u32,
    admit: F,
    state: State,
}

/// What to do with a peer that has introduced itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Welcome.
    Ok,
    /// Welcome, and our own attempt to connect to it is given up: see
    /// [`simultaneous`](Self::simultaneous).
    OkSimultaneous,
    /// Our own attempt to connect to it goes on instead.
    Nok,
    /// Not wanted here.
    NotAllowed,
    /// There is a connection with a node of that name: the peer may insist or withdraw. If the
    /// handshake succeeds it has insisted, and the old connection is to be closed.
    Alive,
    /// Welcome under this name: the only one of these answers that fits a peer without a name.
    Named {
        /// The name for the peer.
        name: NodeName,
        /// Its creation.
        creation: u32,
    },
}

impl Verdict {
    /// The verdict on a peer that connects while we are connecting to it: the attempt of the
    /// node with the greater name goes on.
    pub fn simultaneous(ours: &NodeName, theirs: &NodeName) -> Self {
        if ours > theirs {
            Self::Nok
        } else {
            Self::OkSimultaneous
        }
    }
}

#[derive(Debug)]
enum State {
    AwaitName,
    AwaitAliveAnswer(Peer),
    AwaitComplement(Peer),
    AwaitReply(Peer),
    Done(Session),
    Failed,
}

/// Who the peer says it is.
#[derive(Debug)]
struct Peer {
    name: NodeName,
    /// `None` until the complement of a `send_name` of the old form.
    creation: Option<u32>,
    flags: Flags,
    /// Whether there is a connection with a node of that name.
    alive: bool,
}

impl<F: FnMut(&Hello) -> Verdict> Acceptor<F> {
    /// Awaits a peer. `challenge` is the number the peer has to digest: 32 bits from the operating
    /// system's random generator, fresh for every handshake.
    pub fn new(local: &Local, prefix: Prefix, challenge: u32, admit: F) -> Self {
        let wire = Wire::new(prefix);
        Self {
            wire,
            local: local.clone(),
            challenge,
            admit,
            state: State::AwaitName,
        }
    }

    fn advance(&mut self, packet: &[u8]) -> Result<State, Error> {
        match mem::replace(&mut self.state, State::Failed) {
            State::AwaitName => self.name(Hello::decode(packet)?),
            State::AwaitAliveAnswer(peer) => match Status::decode(packet)? {
                Status::True => self.send_challenge(peer),
                Status::False => Err(Error::Refused(Refusal::Withdrawn)),
                _ => Err(Error::malformed(
                    "status",
                    "expected true or false after alive",
                )),
            },
            State::AwaitComplement(peer) => self.complement(peer, Complement::decode(packet)?),
            State::AwaitReply(peer) => self
                .reply(peer, ChallengeReply::decode(packet)?)
                .map(State::Done),
            State::Done(_) | State::Failed => Err(Error::Misuse("the handshake is over")),
        }
    }

    fn name(&mut self, hello: Hello) -> Result<State, Error> {
        // The old form leaves the upper flags to the complement. That there is one is what
        // HANDSHAKE_23 says.
        let missing = match hello.creation {
            Some(_) => self.local.missing(hello.flags),
            None => low(self.local.required | Flags::HANDSHAKE_23) - hello.flags.expand(),
        };
        if !missing.is_empty() {
            self.wire.send(&Status::NotAllowed.encode());
            return Err(Error::MissingFlags(missing));
        }
        let verdict = (self.admit)(&hello);
        let (status, name, creation) = match (verdict, hello.identity) {
            (Verdict::Nok, _) => {
                self.wire.send(&Status::Nok.encode());
                return Err(Error::Turned(Turned::Nok));
            }
            (Verdict::NotAllowed, _) => {
                self.wire.send(&Status::NotAllowed.encode());
                return Err(Error::Turned(Turned::NotAllowed));
            }
            (Verdict::Ok, Identity::Node(name)) => (Status::Ok, name, hello.creation),
            (Verdict::OkSimultaneous, Identity::Node(name)) => {
                (Status::OkSimultaneous, name, hello.creation)
            }
            (Verdict::Alive, Identity::Node(name)) => (Status::Alive, name, hello.creation),
            (Verdict::Named { name, creation }, Identity::Dynamic(_)) => (
                Status::Named {
                    name: name.clone(),
                    creation,
                },
                name,
                Some(creation),
            ),
            (Verdict::Named { .. }, Identity::Node(_)) => {
                return Err(Error::Misuse("admit named a peer that has a name"));
            }
            (_, Identity::Dynamic(_)) => {
                return Err(Error::Misuse("admit did not name a peer that has no name"));
            }
        };
        self.wire.send(&status.encode());
        let peer = Peer {
            name,
            creation,
            flags: hello.flags,
            alive: status == Status::Alive,
        };
        match status {
            Status::Alive => Ok(State::AwaitAliveAnswer(peer)),
            _ => self.send_challenge(peer),
        }
    }

    fn send_challenge(&mut self, peer: Peer) -> Result<State, Error> {
        let name = self.own_name()?.clone();
        // As ERTS does: a node is visible to visible nodes only, and a node without a name sees
        // its request acknowledged.
        let hidden = Flags::PUBLISHED - peer.flags;
        let flags = (self.local.flags.offered() - hidden) | (peer.flags & Flags::NAME_ME);
        let creation = self.local.creation;
        self.wire.send(
            &Challenge {
                flags,
                challenge: self.challenge,
                creation,
                name,
            }
            .encode(),
        );
        Ok(match peer.creation {
            Some(_) => State::AwaitReply(peer),
            None => State::AwaitComplement(peer),
        })
    }

    fn complement(&mut self, mut peer: Peer, complement: Complement) -> Result<State, Error> {
        peer.flags = peer.flags | complement.flags;
        peer.creation = Some(complement.creation);
        let missing = self.local.missing(peer.flags);
        if !missing.is_empty() {
            return Err(Error::MissingFlags(missing));
        }
        Ok(State::AwaitReply(peer))
    }

    fn reply(&mut self, peer: Peer, reply: ChallengeReply) -> Result<Session, Error> {
        let cookie = self.local.cookie_for(&peer.name);
        if reply.digest != Digest::new(cookie, self.challenge) {
            return Err(Error::WrongCookie);
        }
        let digest = Digest::new(cookie, reply.challenge);
        self.wire.send(&ChallengeAck { digest }.encode());
        Ok(Session {
            local: self.own_name()?.clone(),
            local_creation: self.local.creation,
            peer: peer.name,
            peer_creation: peer.creation.unwrap_or_default(),
            peer_flags: peer.flags,
            flags: self.local.flags.negotiate(peer.flags),
            replaces: peer.alive,
        })
    }

    fn own_name(&self) -> Result<&NodeName, Error> {
        match &self.local.identity {
            Identity::Node(name) => Ok(name),
            Identity::Dynamic(_) => Err(Error::Misuse("a node without a name cannot accept")),
        }
    }
}

/// The part of a set that fits the old form of `send_name`.
fn low(flags: Flags) -> Flags {
    flags & Flags::from_bits(u32::MAX.into())
}

impl<F: FnMut(&Hello) -> Verdict> Exchange for Acceptor<F> {
    type Outcome = Session;

    fn outgoing(&self) -> &[u8] {
        self.wire.outgoing()
    }

    fn sent(&mut self, n: usize) {
        self.wire.sent(n);
    }

    fn want(&self) -> usize {
        match self.state {
            State::Done(_) | State::Failed => 0,
            _ => self.wire.want(),
        }
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self.wire.receive(bytes) {
            Ok(None) => {}
            Ok(Some(packet)) => self.state = self.advance(&packet)?,
            Err(error) => {
                self.state = State::Failed;
                return Err(error);
            }
        }
        Ok(())
    }

    fn eof(&mut self) -> Result<(), Error> {
        let awaiting = match mem::replace(&mut self.state, State::Failed) {
            State::AwaitName => "send_name",
            State::AwaitAliveAnswer(_) => "status",
            State::AwaitComplement(_) => "complement",
            State::AwaitReply(_) => ChallengeReply::NAME,
            over @ (State::Done(_) | State::Failed) => {
                self.state = over;
                return Ok(());
            }
        };
        Err(Error::Closed { awaiting })
    }

    fn outcome(self) -> Option<Session> {
        match self.state {
            State::Done(session) => Some(session),
            _ => None,
        }
    }
}
