use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use einode_dist::handshake::Session;
use einode_dist::{
    Control, NodeName, Outbound, Payload, Received, Sent, Statistics, Ticker, limits,
};

use super::bell::{Bell, lock};
use crate::error::{Disconnected, LinkError};
use crate::pulse::Pulse;
use crate::trace;

/// While more than this waits to be written, nothing is read: a peer that makes us answer and does not
/// read the answers is not read from. What the program sends waits far below.
pub(crate) const READ_LIMIT: usize = 8 * limits::BUSY;

/// How many bytes wait at the most for a peer that takes nothing, of what waits for nobody: links, monitors,
/// exit signals, calls and answers. 512 MiB, as much as the longest message; ERTS has no limit.
///
/// More is lost, and with the next tick the connection, so that all who have to do with the peer are told. What
/// the program [sends](crate::Process::try_send) waits far below, at 1 MiB.
pub const OWED: usize = limits::MESSAGE;

/// A connection with a node, from the first thing that is sent to it to the end. The next connection
/// with the same node is another one.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) node: NodeName,
    state: Mutex<State>,
    heard: Mutex<Heard>,
    /// There is something to write, or no more.
    outgoing: Bell,
    /// It is connected, has room again, or has ended.
    changed: Bell,
    /// How a sender writes by itself, in styles where waking somebody who writes takes longer.
    outlet: OnceLock<Weak<dyn Outlet>>,
}

/// What writes from the thread of a sender.
pub(crate) trait Outlet: Send + Sync {
    /// Writes what is queued, if nobody else writes and the socket takes it at once. False where something may
    /// be left for those whose task it is.
    fn write_at_once(&self) -> bool;
}

#[derive(Debug)]
enum State {
    /// There is none yet.
    Connecting(Connecting),
    Up(Box<Up>),
    Down {
        why: Arc<Disconnected>,
        /// What was sent before the end, for a connection that we close.
        rest: Option<Box<Outbound>>,
        /// What had been sent by then.
        sent: Sent,
    },
}

/// What has come from the peer, in numbers.
#[derive(Debug, Default)]
struct Heard {
    received: Received,
    ticks_missed: u64,
    dropped: u64,
}

/// How a connection may come about, and what is to be sent over it then.
#[derive(Debug, Default)]
struct Connecting {
    /// Whether we connect, or wait for the peer to do it after it has said that it does.
    dialing: bool,
    /// How many of its handshakes are under way.
    accepting: usize,
    early: VecDeque<(Control, Option<Payload>)>,
    bytes: usize,
    /// More than [`OWED`] was to be sent.
    is_overrun: bool,
}

#[derive(Debug)]
struct Up {
    outbound: Outbound,
    session: Arc<Session>,
    /// Somebody could not send since there was no room.
    held_up: bool,
    /// More than [`OWED`] was to be sent: the connection ends, and what comes after it is lost with it.
    is_overrun: bool,
}

impl Up {
    fn state(outbound: Outbound, session: Arc<Session>, is_overrun: bool) -> State {
        State::Up(Box::new(Self {
            outbound,
            session,
            held_up: false,
            is_overrun,
        }))
    }
}

/// Why a signal was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// The connection has ended; another one may begin.
    Down,
    /// Too much waits to be written.
    Busy,
    /// The node is not to be connected with, or ours has ended.
    Unreachable,
    /// There is nobody who could connect: the system gives no thread, for this reason.
    NotDialed(io::ErrorKind),
    /// The peer does not understand it, or it makes no sense.
    Invalid(einode_dist::Error),
}

/// How much a signal must be let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// It waits while the connection is busy.
    Patient,
    /// It has to be queued in any case: what the protocol demands, and what waits for nobody.
    Owed,
}

impl Peer {
    /// A node that we connect to (`dialing`), or that connects to us.
    pub(crate) fn connecting(node: NodeName, dialing: bool) -> Self {
        let state = State::Connecting(Connecting {
            dialing,
            accepting: usize::from(!dialing),
            ..Connecting::default()
        });
        Self::new(node, state)
    }

    /// A node that is connected.
    pub(crate) fn connected(node: NodeName, outbound: Outbound, session: Arc<Session>) -> Self {
        Self::new(node, Up::state(outbound, session, false))
    }

    fn new(node: NodeName, state: State) -> Self {
        Self {
            node,
            state: Mutex::new(state),
            heard: Mutex::default(),
            outgoing: Bell::default(),
            changed: Bell::default(),
            outlet: OnceLock::new(),
        }
    }

    /// Has senders write by themselves from now on.
    pub(crate) fn write_through(&self, outlet: Weak<dyn Outlet>) {
        // There is one connection, and one that runs it.
        let _ = self.outlet.set(outlet);
    }

    /// Queues a signal.
    pub(crate) fn send(
        &self,
        control: &Control,
        payload: Option<&Payload>,
        urgency: Urgency,
    ) -> Result<(), Rejected> {
        let mut state = lock(&self.state);
        match &mut *state {
            State::Down { .. } => Err(Rejected::Down),
            State::Connecting(connecting) => {
                if urgency == Urgency::Patient && connecting.bytes > limits::BUSY {
                    return Err(Rejected::Busy);
                }
                if overruns(&mut connecting.is_overrun, connecting.bytes) {
                    return Ok(());
                }
                let size = payload.map_or(0, |payload| payload.bytes().len());
                connecting.bytes += size_of::<Control>() + size;
                let signal = (control.clone(), payload.cloned());
                connecting.early.push_back(signal);
                Ok(())
            }
            State::Up(up) => {
                let queued = up.outbound.queued();
                if urgency == Urgency::Patient && queued > limits::BUSY {
                    if !std::mem::replace(&mut up.held_up, true) {
                        drop(state);
                        trace::busy(&self.node, queued);
                    }
                    return Err(Rejected::Busy);
                }
                if overruns(&mut up.is_overrun, queued) {
                    return Ok(());
                }
                let sent = up.outbound.send(control, payload.cloned());
                drop(state);
                // What is owed may be sent with locks held, and must not take long.
                let outlet = match urgency {
                    Urgency::Patient => self.outlet.get().and_then(Weak::upgrade),
                    Urgency::Owed => None,
                };
                if !outlet.is_some_and(|outlet| outlet.write_at_once()) {
                    self.outgoing.ring();
                }
                sent.map_err(Rejected::Invalid)
            }
        }
    }

    /// One more handshake of the peer is under way. Gives what to answer the peer, by what there is with
    /// it already.
    pub(crate) fn accepting<R>(&self, answer: impl FnOnce(Presence) -> (R, bool)) -> R {
        let mut state = lock(&self.state);
        match &mut *state {
            State::Connecting(connecting) => {
                let presence = if connecting.dialing {
                    Presence::Dialing
                } else {
                    Presence::Accepting
                };
                let (answer, welcome) = answer(presence);
                connecting.accepting += usize::from(welcome);
                answer
            }
            State::Up(_) => answer(Presence::Up).0,
            State::Down { .. } => answer(Presence::Down).0,
        }
    }

    /// A handshake of the peer has failed. Gives what is left; where that is work, we are to connect. Where it is
    /// nothing, this has ended, before anything can be queued that would be lost.
    pub(crate) fn not_accepted(&self) -> Left {
        self.without(|connecting| {
            connecting.accepting = connecting.accepting.saturating_sub(1);
            if connecting.dialing || connecting.accepting > 0 {
                Ok(Left::Hope)
            } else if connecting.early.is_empty() {
                Err(Arc::new(Disconnected::Refused))
            } else {
                connecting.dialing = true;
                Ok(Left::Work)
            }
        })
    }

    /// Our attempt to connect has failed. A handshake of the peer may still be under way.
    pub(crate) fn not_connected(&self, why: Arc<Disconnected>) -> Left {
        self.without(|connecting| {
            connecting.dialing = false;
            if connecting.accepting > 0 {
                Ok(Left::Hope)
            } else {
                Err(why)
            }
        })
    }

    /// One way to a connection less. Where nothing is left, this ends for the reason that `lose` gives.
    fn without(
        &self,
        lose: impl FnOnce(&mut Connecting) -> Result<Left, Arc<Disconnected>>,
    ) -> Left {
        let mut state = lock(&self.state);
        let State::Connecting(connecting) = &mut *state else {
            return Left::Hope;
        };
        lose(connecting).unwrap_or_else(|why| {
            *state = State::down(why);
            drop(state);
            self.outgoing.ring();
            self.changed.ring();
            Left::Nothing
        })
    }

    /// Whether our attempt to connect is of use: there is no connection, and none is about to be.
    pub(crate) fn wants_dialing(&self) -> bool {
        matches!(&*lock(&self.state), State::Connecting(connecting)
            if connecting.dialing && connecting.accepting == 0)
    }

    /// Gives the peer what was to be sent to it, unless it is connected or gone already.
    #[expect(clippy::result_large_err, reason = "the connection is handed back")]
    pub(crate) fn join(
        &self,
        mut outbound: Outbound,
        session: Arc<Session>,
    ) -> Result<(), (Outbound, Presence)> {
        let mut state = lock(&self.state);
        let is_overrun = match &mut *state {
            State::Connecting(connecting) => {
                for (control, payload) in std::mem::take(&mut connecting.early) {
                    // What the peer does not understand is lost, as in Erlang.
                    let _ = outbound.send(&control, payload);
                }
                connecting.is_overrun
            }
            State::Up(_) => return Err((outbound, Presence::Up)),
            State::Down { .. } => return Err((outbound, Presence::Down)),
        };
        *state = Up::state(outbound, session, is_overrun);
        drop(state);
        self.outgoing.ring();
        self.changed.ring();
        Ok(())
    }

    /// Ends the connection. False if it has ended already. With `flush`, what was sent is kept to be
    /// written yet.
    pub(crate) fn end(&self, why: Arc<Disconnected>, flush: bool) -> Option<bool> {
        let mut state = lock(&self.state);
        if matches!(*state, State::Down { .. }) {
            return None;
        }
        let before = std::mem::replace(&mut *state, State::down(why));
        let was_up = match (before, &mut *state) {
            (State::Up(up), State::Down { rest, sent, .. }) => {
                *sent = up.outbound.statistics();
                *rest = flush.then(|| Box::new(up.outbound));
                true
            }
            _ => false,
        };
        drop(state);
        self.outgoing.ring();
        self.changed.ring();
        Some(was_up)
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(&*lock(&self.state), State::Up(_))
    }

    pub(crate) fn is_down(&self) -> bool {
        matches!(&*lock(&self.state), State::Down { .. })
    }

    pub(crate) fn session(&self) -> Option<Arc<Session>> {
        match &*lock(&self.state) {
            State::Up(up) => Some(Arc::clone(&up.session)),
            _ => None,
        }
    }

    /// Does something with the queue of what is to be written, while there is a connection.
    pub(crate) fn outbound<R>(&self, use_it: impl FnOnce(&mut Outbound) -> R) -> Option<R> {
        let mut state = lock(&self.state);
        let State::Up(up) = &mut *state else {
            return None;
        };
        let before = up.outbound.queued();
        let used = use_it(&mut up.outbound);
        let after = up.outbound.queued();
        let has_room = before > limits::BUSY && after <= limits::BUSY;
        let held_up = has_room && std::mem::take(&mut up.held_up);
        drop(state);
        if after > before {
            self.outgoing.ring();
        }
        if has_room {
            self.changed.ring();
        }
        if held_up {
            trace::ready(&self.node, after);
        }
        Some(used)
    }

    /// An interval of the tick time is over.
    ///
    /// # Errors
    /// The connection is to end: the peer is silent, or takes nothing while too much waits for it.
    pub(crate) fn beat(&self, pulse: &mut Pulse, ticker: &mut Ticker) -> Result<(), LinkError> {
        if matches!(&*lock(&self.state), State::Up(up) if up.is_overrun) {
            return Err(LinkError::Overrun);
        }
        let beat = self.outbound(|outbound| pulse.beat(ticker, outbound));
        lock(&self.heard).ticks_missed = ticker.missed();
        beat.unwrap_or(Ok(()))
    }

    /// So much has come so far.
    pub(crate) fn heard(&self, received: Received) {
        lock(&self.heard).received = received;
    }

    /// A message has come for nobody.
    pub(crate) fn message_dropped(&self) {
        lock(&self.heard).dropped += 1;
    }

    pub(crate) fn dropped(&self) -> u64 {
        lock(&self.heard).dropped
    }

    /// What has passed over the connection, up to its end.
    pub(crate) fn traffic(&self) -> Statistics {
        let mut traffic = Statistics::default();
        traffic.sent = match &*lock(&self.state) {
            State::Connecting(_) => Sent::default(),
            State::Up(up) => up.outbound.statistics(),
            State::Down { sent, .. } => *sent,
        };
        let heard = lock(&self.heard);
        (traffic.received, traffic.ticks_missed) = (heard.received, heard.ticks_missed);
        traffic
    }

    /// What is left to be written of a connection that we have closed.
    pub(crate) fn rest(&self) -> Option<Box<Outbound>> {
        match &mut *lock(&self.state) {
            State::Down { rest, .. } => rest.take(),
            _ => None,
        }
    }

    /// Waits for something to write, or for the end.
    pub(crate) fn poll_outgoing(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.outgoing.poll(&self.state, cx, has_outgoing)
    }

    /// The same on a thread, but not past the deadline.
    pub(crate) fn wait_outgoing(&self, until: Option<Instant>) {
        self.outgoing.wait(&self.state, until, has_outgoing);
    }

    /// Whether there is a connection, or will be none.
    pub(crate) fn is_settled(&self) -> bool {
        settled(&mut lock(&self.state)).is_some()
    }

    /// Waits until the connection is not busy, or has ended.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.changed.poll(&self.state, cx, has_room)
    }

    /// The same on a thread. False if the deadline came first.
    pub(crate) fn wait_room(&self, until: Option<Instant>) -> bool {
        self.changed.wait(&self.state, until, has_room).is_some()
    }

    /// Waits until there is a connection, or will be none.
    pub(crate) fn poll_settled(&self, cx: &mut Context<'_>) -> Poll<Result<(), Arc<Disconnected>>> {
        self.changed.poll(&self.state, cx, settled)
    }

    /// The same on a thread. Nothing if the deadline came first.
    pub(crate) fn wait_settled(
        &self,
        until: Option<Instant>,
    ) -> Option<Result<(), Arc<Disconnected>>> {
        self.changed.wait(&self.state, until, settled)
    }
}

impl State {
    fn down(why: Arc<Disconnected>) -> Self {
        Self::Down {
            why,
            rest: None,
            sent: Sent::default(),
        }
    }
}

/// What there is with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Dialing,
    Accepting,
    Up,
    Down,
}

/// What is left of a connection after one way to it has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has come about, or still may.
    Hope,
    /// Something to be sent.
    Work,
    /// Nothing: it has ended.
    Nothing,
}

/// Whether what is to be sent is too much, now or before.
const fn overruns(before: &mut bool, queued: usize) -> bool {
    *before |= queued > OWED;
    *before
}

fn has_outgoing(state: &mut State) -> Option<()> {
    let nothing = match state {
        State::Connecting(_) => true,
        State::Up(up) => up.outbound.queued() == 0,
        State::Down { .. } => false,
    };
    (!nothing).then_some(())
}

fn has_room(state: &mut State) -> Option<()> {
    let busy = match state {
        State::Connecting(connecting) => connecting.bytes > limits::BUSY,
        State::Up(up) => up.outbound.queued() > limits::BUSY,
        State::Down { .. } => false,
    };
    (!busy).then_some(())
}

fn settled(state: &mut State) -> Option<Result<(), Arc<Disconnected>>> {
    match state {
        State::Connecting(_) => None,
        State::Up(_) => Some(Ok(())),
        State::Down { why, .. } => Some(Err(Arc::clone(why))),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use einode_dist::handshake::{Acceptor, Initiator, Local, Verdict};
    use einode_dist::{Connection, Cookie, Prefix, Settings, TickTime};
    use einode_etf::{Atom, Binary, Pid};
    use einode_testkit::{Chunks, pair};

    use super::*;

    pub(in crate::core) fn session() -> Session {
        let local = |name| {
            let cookie = Cookie::new("secret").unwrap();
            Local::new(NodeName::new(name).unwrap(), 1, cookie)
        };
        let (us, them) = (local("a@b"), local("c@d"));
        let initiator = Initiator::new(&us, None, Prefix::Two, 1);
        let acceptor = Acceptor::new(&them, Prefix::Two, 2, |_| Verdict::Ok);
        let (ours, _) = pair(initiator, acceptor, &mut Chunks::whole());
        ours.result.unwrap()
    }

    fn exit() -> (Control, Payload) {
        let pid = |node| Pid::new(Atom::from_static(node), 1, 0, 1);
        let control = Control::Exit2 {
            from: pid("a@b"),
            to: pid("c@d").into(),
            priority: false,
            token: None,
        };
        // All share these bytes.
        let reason = Payload::encode(&Binary(vec![0; OWED / 8])).unwrap();
        (control, reason)
    }

    #[test]
    fn a_peer_that_takes_nothing_is_given_up_when_too_much_waits_for_it() {
        let (control, reason) = exit();
        let mut ticker = Ticker::new(TickTime::default(), true);
        for connected_at in [0, 4, 12] {
            let session = Arc::new(session());
            let peer = Peer::connecting(session.peer.clone(), true);
            for sent in 0..20 {
                if sent == connected_at {
                    let outbound = Connection::new(session.flags, &Settings::default()).outbound;
                    assert!(peer.join(outbound, Arc::clone(&session)).is_ok());
                }
                let sent = peer.send(&control, Some(&reason), Urgency::Owed);
                assert_eq!(sent, Ok(()));
            }
            let queued = peer.outbound(|outbound| outbound.queued()).unwrap();
            let most = OWED + OWED / 8 + 20 * size_of::<Control>();
            assert!((OWED..most).contains(&queued), "{queued}");
            let patient = peer.send(&control, Some(&reason), Urgency::Patient);
            assert_eq!(patient, Err(Rejected::Busy));
            // Also if it takes all of a sudden what waited: something is lost.
            peer.outbound(|outbound| outbound.sent(queued));
            let beat = peer.beat(&mut Pulse::default(), &mut ticker);
            assert!(matches!(beat, Err(LinkError::Overrun)), "{beat:?}");
        }
    }
}
