use std::mem;

use crate::error::{Error, Refusal};
use crate::exchange::Exchange;
use crate::flags::Flags;
use crate::handshake::message::{Challenge, ChallengeAck, ChallengeReply, Hello, Status};
use crate::handshake::wire::Wire;
use crate::handshake::{Digest, Local, Prefix, Session};
use crate::name::{Identity, NodeName};

/// The handshake of the side that connects.
///
/// `replace` is asked when the peer says that it still has a connection with a node of our name.
#[derive(Debug)]
pub struct Initiator<R = fn() -> bool> {
    wire: Wire,
    local: Local,
    peer: Option<NodeName>,
    challenge: u32,
    replace: R,
    /// Whether the peer has such a connection, and it is replaced.
    alive: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    AwaitStatus,
    AwaitChallenge(AwaitChallenge),
    AwaitAck(AwaitAck),
    Done(Session),
    Failed,
}

/// The peer goes on with us under this name.
#[derive(Debug)]
struct AwaitChallenge {
    name: NodeName,
    creation: u32,
}

/// We have proven ourselves and expect `digest`.
#[derive(Debug)]
struct AwaitAck {
    session: Session,
    digest: Digest,
}

impl Initiator {
    /// Connects to `peer`, or to whoever answers if that is `None`.
    ///
    /// `challenge` is the number the peer has to digest: 32 bits from the operating system's
    /// random generator, fresh for every handshake.
    pub fn new(local: &Local, peer: Option<NodeName>, prefix: Prefix, challenge: u32) -> Self {
        let mut wire = Wire::new(prefix);
        let (flags, creation) = match local.identity {
            Identity::Node(_) => (local.flags.offered(), local.creation),
            // A node without a name is hidden and has no incarnation yet, as in ERTS.
            Identity::Dynamic(_) => (local.flags.offered() - Flags::PUBLISHED, 0),
        };
        let identity = local.identity.clone();
        wire.send(
            &Hello {
                identity,
                flags,
                creation: Some(creation),
            }
            .encode(),
        );
        Self {
            wire,
            local: local.clone(),
            peer,
            challenge,
            replace: || true,
            alive: false,
            state: State::AwaitStatus,
        }
    }

    /// Decides whether a connection that the peer still has with a node of our name is to be replaced.
    /// It is by default, for the peer may not have noticed yet that it is dead. A node that has accepted a
    /// connection from the peer meanwhile withdraws.
    #[must_use]
    pub fn replace<R: FnMut() -> bool>(self, replace: R) -> Initiator<R> {
        Initiator {
            wire: self.wire,
            local: self.local,
            peer: self.peer,
            challenge: self.challenge,
            replace,
            alive: self.alive,
            state: self.state,
        }
    }
}

impl<R: FnMut() -> bool> Initiator<R> {
    fn advance(&mut self, packet: &[u8]) -> Result<State, Error> {
        match mem::replace(&mut self.state, State::Failed) {
            State::AwaitStatus => self
                .status(Status::decode(packet)?)
                .map(State::AwaitChallenge),
            State::AwaitChallenge(state) => self
                .challenge(state, Challenge::decode(packet)?)
                .map(State::AwaitAck),
            State::AwaitAck(state) => state.ack(ChallengeAck::decode(packet)?).map(State::Done),
            State::Done(_) | State::Failed => Err(Error::Misuse("the handshake is over")),
        }
    }

    fn status(&mut self, status: Status) -> Result<AwaitChallenge, Error> {
        match status {
            Status::Ok | Status::OkSimultaneous => self.under_own_name(),
            Status::Alive => {
                self.alive = (self.replace)();
                let answer = if self.alive {
                    Status::True
                } else {
                    Status::False
                };
                self.wire.send(&answer.encode());
                if self.alive {
                    self.under_own_name()
                } else {
                    Err(Error::Refused(Refusal::Alive))
                }
            }
            Status::Named { name, creation } => match self.local.identity {
                Identity::Dynamic(_) => Ok(AwaitChallenge { name, creation }),
                Identity::Node(_) => Err(Error::malformed(
                    "status",
                    "it hands out a name, none was asked for",
                )),
            },
            Status::Nok => Err(Error::Refused(Refusal::Nok)),
            Status::NotAllowed => Err(Error::Refused(Refusal::NotAllowed)),
            Status::True | Status::False => Err(Error::malformed(
                "status",
                "it answers a question that was not asked",
            )),
        }
    }

    fn under_own_name(&self) -> Result<AwaitChallenge, Error> {
        match &self.local.identity {
            Identity::Node(name) => Ok(AwaitChallenge {
                name: name.clone(),
                creation: self.local.creation,
            }),
            Identity::Dynamic(_) => Err(Error::malformed(
                "status",
                "expected a name, it hands out none",
            )),
        }
    }

    fn challenge(&mut self, state: AwaitChallenge, theirs: Challenge) -> Result<AwaitAck, Error> {
        if let Some(expected) = self.peer.take_if(|expected| *expected != theirs.name) {
            return Err(Error::OtherNode {
                expected,
                found: theirs.name,
            });
        }
        let missing = self.local.missing(theirs.flags);
        if !missing.is_empty() {
            return Err(Error::MissingFlags(missing));
        }
        let cookie = self.local.cookie_for(&theirs.name);
        let digest = Digest::new(cookie, theirs.challenge);
        let expected = Digest::new(cookie, self.challenge);
        self.wire.send(
            &ChallengeReply {
                challenge: self.challenge,
                digest,
            }
            .encode(),
        );
        Ok(AwaitAck {
            session: Session {
                local: state.name,
                local_creation: state.creation,
                peer: theirs.name,
                peer_creation: theirs.creation,
                peer_flags: theirs.flags,
                flags: self.local.flags.negotiate(theirs.flags),
                replaces: self.alive,
            },
            digest: expected,
        })
    }
}

impl AwaitAck {
    fn ack(self, ack: ChallengeAck) -> Result<Session, Error> {
        if ack.digest == self.digest {
            Ok(self.session)
        } else {
            Err(Error::WrongCookie)
        }
    }
}

impl<R: FnMut() -> bool> Exchange for Initiator<R> {
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
            State::AwaitStatus => "status",
            State::AwaitChallenge(_) => "challenge",
            // An acceptor that is not convinced by our digest closes without a word.
            State::AwaitAck(_) => return Err(Error::Refused(Refusal::Cookie)),
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
