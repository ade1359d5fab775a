//! Which connections there are: at most one with each node, however many try.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard, RwLockWriteGuard};

use einode_dist::handshake::{Hello, Session, Verdict};
use einode_dist::{Control, Identity, NodeName, Outbound, Payload, Statistics};
use einode_etf::Atom;

use super::Core;
use super::bell::lock;
use super::peer::{Left, Peer, Presence, Rejected, Urgency};
use super::relations::Relations;
use crate::address::Address;
use crate::carrier::Side;
use crate::error::{Disconnected, ExchangeError};
use crate::trace;

/// The connections of a node, those included that are about to come about.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    by_name: HashMap<Atom, Arc<Peer>>,
    /// The node has ended: there are no connections any more.
    stopped: bool,
}

/// A handshake of a node that connects to us. Dropping it takes back what was noted down for it.
#[derive(Debug)]
pub(crate) struct Admission {
    core: Arc<Core>,
    peer: Mutex<Option<Arc<Peer>>>,
}

impl Admission {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::clone(core),
            peer: Mutex::new(None),
        }
    }

    /// What to say to a node that has told its name. Those without one are named by `name`.
    pub(crate) fn decide(&self, hello: &Hello, name: impl FnOnce(&Hello) -> Verdict) -> Verdict {
        let Identity::Node(node) = &hello.identity else {
            return name(hello);
        };
        if node == &self.core.name || !(self.core.allows)(node) {
            return Verdict::NotAllowed;
        }
        // While a connection ends, what comes after it waits.
        let mut relations = self.core.relations();
        let before = self.core.existing(node.as_atom());
        if let Some(ended) = before.filter(|peer| peer.is_down()) {
            self.core.forget(&mut relations, &ended);
        }
        let mut peers = self.core.peers_mut();
        if peers.stopped {
            return Verdict::NotAllowed;
        }
        let Some(peer) = peers.by_name.get(node.as_atom()) else {
            let peer = Arc::new(Peer::connecting(node.clone(), false));
            let name = node.as_atom().clone();
            peers.by_name.insert(name, Arc::clone(&peer));
            *lock(&self.peer) = Some(peer);
            return Verdict::Ok;
        };
        let verdict = peer.accepting(|presence| match presence {
            Presence::Dialing => {
                let verdict = Verdict::simultaneous(&self.core.name, node);
                let welcome = verdict == Verdict::OkSimultaneous;
                (verdict, welcome)
            }
            Presence::Accepting => (Verdict::Ok, true),
            Presence::Up => (Verdict::Alive, false),
            Presence::Down => (Verdict::Ok, false),
        });
        if matches!(verdict, Verdict::Ok | Verdict::OkSimultaneous) {
            *lock(&self.peer) = Some(Arc::clone(peer));
        }
        verdict
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(peer) = lock(&self.peer).take() {
            self.core.not_accepted(&peer);
        }
    }
}

impl Core {
    /// Sends a signal to a node, which is connected to first if need be.
    pub(crate) fn signal(
        self: &Arc<Self>,
        node: &Atom,
        control: &Control,
        payload: Option<&Payload>,
        urgency: Urgency,
    ) -> Result<(), Rejected> {
        self.send_by(node, control, payload, urgency, |ended| {
            self.forget(&mut self.relations(), ended);
        })
    }

    /// The same while the relations are locked, so that their change and the signal are one.
    pub(super) fn signal_with(
        self: &Arc<Self>,
        relations: &mut Relations,
        node: &Atom,
        control: &Control,
        payload: Option<&Payload>,
    ) -> Result<(), Rejected> {
        self.send_by(node, control, payload, Urgency::Owed, |ended| {
            self.forget(relations, ended);
        })
    }

    /// Sends a signal over the connection with a node, or over the next one after those that have ended.
    fn send_by(
        self: &Arc<Self>,
        node: &Atom,
        control: &Control,
        payload: Option<&Payload>,
        urgency: Urgency,
        mut forget: impl FnMut(&Arc<Peer>),
    ) -> Result<(), Rejected> {
        loop {
            let peer = self.peer(node)?;
            match peer.send(control, payload, urgency) {
                Err(Rejected::Down) => forget(&peer),
                sent => return sent,
            }
        }
    }

    /// Sends a signal to a node if there is a connection. Without one, its loss has told all there is to
    /// tell.
    pub(crate) fn tell(&self, node: &Atom, control: &Control, payload: Option<&Payload>) {
        if let Some(peer) = self.existing(node) {
            // It owes us nothing if it does not understand it.
            let _ = peer.send(control, payload, Urgency::Owed);
        }
    }

    /// The connection with a node, in whatever state, if there is one.
    pub(crate) fn existing(&self, node: &Atom) -> Option<Arc<Peer>> {
        self.peers().by_name.get(node).cloned()
    }

    /// The connection with a node, which is begun if there is none.
    pub(crate) fn peer(self: &Arc<Self>, node: &Atom) -> Result<Arc<Peer>, Rejected> {
        if let Some(peer) = self.existing(node) {
            return Ok(peer);
        }
        let invalid = |_| Rejected::Invalid(einode_dist::Error::Misuse("no name of a node"));
        let name = NodeName::new(node.as_str()).map_err(invalid)?;
        let not_allowed = name == self.name || !(self.allows)(&name);
        let mut peers = self.peers_mut();
        if peers.stopped || not_allowed {
            return Err(Rejected::Unreachable);
        }
        if let Some(peer) = peers.by_name.get(node) {
            return Ok(Arc::clone(peer));
        }
        let peer = Arc::new(Peer::connecting(name, true));
        // Only who is dialed is found: nobody waits for a connection that nobody makes.
        let dialed = self.dial(&peer);
        dialed.map_err(|error| Rejected::NotDialed(error.kind()))?;
        peers.by_name.insert(node.clone(), Arc::clone(&peer));
        Ok(peer)
    }

    fn dial(self: &Arc<Self>, peer: &Arc<Peer>) -> io::Result<()> {
        trace::connecting(&peer.node);
        self.driver.dial(self, Arc::clone(peer))
    }

    /// A handshake has succeeded: of ours with `dialed`, or else of the peer. Gives the connection to run,
    /// unless it has been overtaken by another one.
    pub(crate) fn join(
        &self,
        session: Session,
        mut outbound: Outbound,
        side: Side,
        dialed: Option<&Arc<Peer>>,
    ) -> Option<Arc<Peer>> {
        let (node, peer_creation) = (session.peer.clone(), session.peer_creation);
        let session = Arc::new(session);
        let mut relations = self.relations();
        let peer = loop {
            let mut peers = self.peers_mut();
            if peers.stopped {
                return None;
            }
            let Some(peer) = peers.by_name.get(node.as_atom()).cloned() else {
                // What we have dialed for is gone, or the peer was named by us.
                if dialed.is_some() {
                    return None;
                }
                let peer = Peer::connected(node.clone(), outbound, session);
                let peer = Arc::new(peer);
                let name = node.as_atom().clone();
                peers.by_name.insert(name, Arc::clone(&peer));
                break peer;
            };
            drop(peers);
            match peer.join(outbound, Arc::clone(&session)) {
                Ok(()) => break peer,
                Err((_, Presence::Up)) if dialed.is_some() && !session.replaces => return None,
                Err((given_back, presence)) => {
                    outbound = given_back;
                    if presence == Presence::Up {
                        self.close(&mut relations, &peer, Disconnected::Replaced, false);
                    } else {
                        self.forget(&mut relations, &peer);
                        if dialed.is_some_and(|dialed| Arc::ptr_eq(dialed, &peer)) {
                            return None;
                        }
                    }
                }
            }
        };
        self.kept_joined(&node);
        match side {
            Side::Initiator => self.counters.initiated.one_more(),
            Side::Acceptor => self.counters.accepted.one_more(),
        }
        trace::up(&node, side, peer_creation);
        self.tell_of_node(&mut relations, &node, true);
        Some(peer)
    }

    /// Our attempt to connect has failed.
    pub(crate) fn not_connected(self: &Arc<Self>, peer: &Arc<Peer>, why: Disconnected) {
        let why = Arc::new(why);
        let left = peer.not_connected(Arc::clone(&why));
        if left == Left::Nothing {
            self.counters.failed.one_more();
            trace::not_connected(&peer.node, &why);
        }
        self.without(peer, left);
    }

    /// Who has reached our port did not become a connection.
    pub(crate) fn not_welcome(&self, address: &Address, why: &ExchangeError) {
        use einode_dist::{Error, Turned};
        self.counters.refused.one_more();
        match why {
            // We connect to it ourselves.
            ExchangeError::Protocol(Error::Turned(Turned::Nok)) => trace::yielded(address, why),
            _ => trace::refused(address, why),
        }
    }

    /// A handshake of the peer has failed. What was to be sent over it is reason for us to connect.
    fn not_accepted(self: &Arc<Self>, peer: &Arc<Peer>) {
        self.without(peer, peer.not_accepted());
    }

    fn without(self: &Arc<Self>, peer: &Arc<Peer>, left: Left) {
        match left {
            Left::Hope => {}
            Left::Work => {
                if let Err(error) = self.dial(peer) {
                    self.not_connected(peer, Disconnected::Link(error.into()));
                }
            }
            Left::Nothing => self.forget(&mut self.relations(), peer),
        }
    }

    /// A connection has ended.
    pub(crate) fn leave(&self, peer: &Arc<Peer>, why: Disconnected) {
        self.close(&mut self.relations(), peer, why, false);
    }

    /// Ends the connection with a node, after all that was sent. False if there is none.
    pub(crate) fn disconnect(&self, node: &NodeName) -> bool {
        let Some(peer) = self.existing(node.as_atom()) else {
            return false;
        };
        let mut relations = self.relations();
        self.close(&mut relations, &peer, Disconnected::Requested, true)
    }

    /// Ends all processes, so that those who have to do with them are told, then all connections, and lets
    /// none begin. With `flush`, what was sent is written yet.
    pub(crate) fn stop(self: &Arc<Self>, why: &Payload, flush: bool) {
        self.stop_keeping();
        for inbox in self.processes() {
            self.end(&inbox, why.clone());
        }
        let peers: Vec<_> = {
            let mut peers = self.peers_mut();
            peers.stopped = true;
            peers.by_name.values().cloned().collect()
        };
        let mut relations = self.relations();
        for peer in &peers {
            self.close(&mut relations, peer, Disconnected::Stopped, flush);
        }
    }

    /// The nodes that we are connected with, in no order.
    pub(crate) fn connected(&self) -> Vec<Arc<Peer>> {
        let peers = self.peers();
        let up = peers.by_name.values().filter(|peer| peer.is_up());
        up.cloned().collect()
    }

    /// How many connections there are, and what has passed over them and those before.
    pub(crate) fn traffic(&self) -> (usize, Statistics) {
        // No connection ends meanwhile, and is counted twice or not at all.
        let _relations = self.relations();
        let connected = self.connected();
        let mut traffic = self.counters.past();
        connected.iter().for_each(|peer| traffic += peer.traffic());
        (connected.len(), traffic)
    }

    fn close(
        &self,
        relations: &mut Relations,
        peer: &Arc<Peer>,
        why: Disconnected,
        flush: bool,
    ) -> bool {
        let why = Arc::new(why);
        let Some(was_up) = peer.end(Arc::clone(&why), flush) else {
            return false;
        };
        self.forget(relations, peer);
        if was_up {
            match *why {
                Disconnected::Requested | Disconnected::Stopped => {
                    self.counters.closed.one_more();
                    trace::closed(&peer.node, &why);
                }
                _ => {
                    self.counters.lost.one_more();
                    trace::lost(&peer.node, &why);
                }
            }
            self.counters.keep(peer.traffic());
            self.tell_of_node(relations, &peer.node, false);
        }
        true
    }

    /// A connection that has ended is replaced by none, and all that depended on it is told, once.
    fn forget(&self, relations: &mut Relations, peer: &Arc<Peer>) {
        {
            let mut peers = self.peers_mut();
            let node = peer.node.as_atom();
            match peers.by_name.get(node) {
                Some(current) if Arc::ptr_eq(current, peer) => peers.by_name.remove(node),
                _ => return,
            };
        }
        self.kept_lost(&peer.node);
        self.lose(relations, peer.node.as_atom());
    }

    fn peers(&self) -> RwLockReadGuard<'_, Peers> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn peers_mut(&self) -> RwLockWriteGuard<'_, Peers> {
        self.peers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    use einode_dist::Flags;

    use super::*;
    use crate::backoff::Backoff;
    use crate::core::{Behaviour, Choices, Driver, Message};
    use crate::process::Process;

    /// Has no threads for some time.
    struct Exhausted(Arc<AtomicBool>);

    impl Exhausted {
        fn begin(&self) -> io::Result<()> {
            match self.0.load(Ordering::Relaxed) {
                true => Err(io::ErrorKind::WouldBlock.into()),
                false => Ok(()),
            }
        }
    }

    impl Driver for Exhausted {
        fn dial(&self, _: &Arc<Core>, _: Arc<Peer>) -> io::Result<()> {
            self.begin()
        }

        fn keep(&self, _: &Arc<Core>) -> io::Result<()> {
            self.begin()
        }

        fn run(&self, process: Process, _: Box<dyn Behaviour>) {
            process.end("normal");
        }
    }

    fn node(name: &str) -> NodeName {
        NodeName::new(name).unwrap()
    }

    #[test]
    fn where_nobody_can_dial_nobody_waits() {
        let exhausted = Arc::new(AtomicBool::new(true));
        let choices = Choices {
            name: node("a@127.0.0.1"),
            creation: 4,
            mailbox_limit: 1 << 20,
            allows: Box::new(|_| true),
        };
        let core = Core::new(choices, Exhausted(Arc::clone(&exhausted)));
        let (b, me) = (node("b@127.0.0.1"), Process::spawn(&core));
        let other = einode_etf::Pid::new(b.as_atom().clone(), 1, 0, 4);
        let received = || me.inbox.take(|_| Some(())).unwrap().unwrap().0;
        let is_lost = |reason: &Payload| reason.decode::<Atom>().unwrap() == "noconnection";

        let dialed = core.peer(b.as_atom());
        let kind = io::ErrorKind::WouldBlock;
        assert_eq!(dialed.unwrap_err(), Rejected::NotDialed(kind));
        me.trap_exit(true);
        me.link(&other);
        assert!(matches!(received(), Message::Exit(exit) if is_lost(&exit.reason)));
        me.monitor(&other).unwrap();
        assert!(matches!(received(), Message::Down(down) if is_lost(&down.reason)));
        me.spawn_request(&b, "erlang", "node", &(), &[]).unwrap();
        assert!(matches!(received(), Message::Spawned(spawned) if spawned.result.is_err()));
        me.try_send(&other, "lost, as in Erlang").unwrap();
        let kept = core.keep(b.clone(), Backoff::default());
        assert!(matches!(kept, Err(Disconnected::Link(_))), "{kept:?}");
        assert!(core.existing(b.as_atom()).is_none());

        // What is to be sent after an attempt of the peer that fails.
        let admission = Admission::new(&core);
        let hello = Hello {
            identity: Identity::Node(b.clone()),
            flags: Flags::HIDDEN,
            creation: Some(4),
        };
        assert_eq!(admission.decide(&hello, |_| Verdict::Ok), Verdict::Ok);
        me.link(&other);
        drop(admission);
        assert!(matches!(received(), Message::Exit(exit) if is_lost(&exit.reason)));
        assert!(core.existing(b.as_atom()).is_none());

        exhausted.store(false, Ordering::Relaxed);
        assert!(core.peer(b.as_atom()).is_ok());
        assert!(core.keep(b, Backoff::default()).is_ok());
        assert_eq!(me.inbox.len(), 0);
    }
}
