//! A node without its waiting: processes, names, links, monitors and connections, as bookkeeping that both
//! styles share. A style brings sockets, and waits.
//!
//! What happens to a process happens under one of three locks, taken in this order: that of the
//! relations, that of a connection's queue or of the registry, that of a process's messages. Who holds the
//! first may send, so that what is told to another process has the order in which it came about.

mod bell;
mod connections;
mod counters;
mod exits;
mod inbox;
mod kept;
mod message;
mod peer;
mod registry;
mod relations;
mod requests;
mod signals;
mod silent;
mod ties;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

use einode_dist::{Control, Destination, NodeName, Payload};
use einode_etf::{Atom, Pid, Reference};

use connections::Peers;
use counters::Counters;
use inbox::Fate;
use kept::Kept;
use registry::{Key, Registry};
use relations::Relations;
pub use relations::TIES;

pub(crate) use bell::{Bell, lock};
pub(crate) use connections::Admission;
pub(crate) use inbox::{Inbox, Look, Scan, reason};
pub use message::{Down, Exit, Message, MessageError, Monitored, Spawned};
pub use peer::OWED;
pub(crate) use peer::{Outlet, Peer, READ_LIMIT, Rejected, Urgency};
pub use registry::AliasKind;
pub(crate) use requests::Wanted;

use crate::process::Process;
use crate::serve::{Function, Rex};
use crate::trace;

/// The process of every node that answers pings.
const NET_KERNEL: &str = "net_kernel";

/// A node: what its processes, its connections and the program share.
pub(crate) struct Core {
    name: NodeName,
    creation: u32,
    mailbox_limit: usize,
    /// Whether a node is welcome, in either direction.
    allows: Box<dyn Fn(&NodeName) -> bool + Send + Sync>,
    driver: Box<dyn Driver>,
    registry: RwLock<Registry>,
    relations: Mutex<Relations>,
    peers: RwLock<Peers>,
    kept: Mutex<Kept>,
    /// A connection that is kept has come about or ended.
    kept_changed: Bell,
    last_pid: AtomicU64,
    last_reference: AtomicU64,
    leader: OnceLock<Pid>,
    /// The functions that others may call, and how many processes run them.
    exports: RwLock<HashMap<(Atom, Atom, u8), Function>>,
    jobs: AtomicUsize,
    counters: Counters,
}

/// What a style does for a node: what takes time.
pub(crate) trait Driver: Send + Sync {
    /// Begins to connect to a node, without waiting for the outcome: [`Core::join`] or
    /// [`Core::not_connected`]. Neither comes where it cannot begin.
    fn dial(&self, core: &Arc<Core>, peer: Arc<Peer>) -> io::Result<()>;

    /// Begins to attend to the connections that are kept: [`Core::attend_kept`] again and again, until
    /// there is nothing to wait for any more.
    fn keep(&self, core: &Arc<Core>) -> io::Result<()>;

    /// Runs a process of the node's own, until it ends. Where it cannot begin, it ends at once.
    fn run(&self, process: Process, behaviour: Box<dyn Behaviour>);
}

/// What a process does with its messages, whatever it runs on.
pub(crate) trait Behaviour: Send + 'static {
    /// A message has arrived.
    fn handle(&mut self, process: &Process, message: Message);
}

/// What the program chooses for its node.
pub(crate) struct Choices {
    pub(crate) name: NodeName,
    pub(crate) creation: u32,
    pub(crate) mailbox_limit: usize,
    pub(crate) allows: Box<dyn Fn(&NodeName) -> bool + Send + Sync>,
}

impl Core {
    pub(crate) fn new(choices: Choices, driver: impl Driver + 'static) -> Arc<Self> {
        let Choices {
            name,
            creation,
            mailbox_limit,
            allows,
        } = choices;
        Arc::new(Self {
            name,
            creation,
            mailbox_limit,
            allows,
            driver: Box::new(driver),
            registry: RwLock::default(),
            relations: Mutex::default(),
            peers: RwLock::default(),
            kept: Mutex::default(),
            kept_changed: Bell::default(),
            last_pid: AtomicU64::new(0),
            last_reference: AtomicU64::new(0),
            leader: OnceLock::new(),
            exports: RwLock::default(),
            jobs: AtomicUsize::new(0),
            counters: Counters::default(),
        })
    }

    pub(crate) const fn name(&self) -> &NodeName {
        &self.name
    }

    pub(crate) const fn creation(&self) -> u32 {
        self.creation
    }

    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A new process.
    pub(crate) fn spawn(&self) -> Arc<Inbox> {
        let count = self.last_pid.fetch_add(1, Ordering::Relaxed) + 1;
        let node = self.name.as_atom().clone();
        let pid = Pid::new(node, count as u32, (count >> 32) as u32, self.creation());
        let inbox = Arc::new(Inbox::new(pid, self.mailbox_limit));
        self.relations().begin(Key::from(&inbox.pid));
        self.registry_mut().add(Arc::clone(&inbox));
        inbox
    }

    /// Has a process do this with its messages from now on.
    pub(crate) fn run(&self, process: Process, behaviour: impl Behaviour) {
        self.driver.run(process, Box::new(behaviour));
    }

    /// A reference that nobody else has.
    pub(crate) fn reference(&self) -> Reference {
        let count = self.last_reference.fetch_add(1, Ordering::Relaxed) + 1;
        // ERTS takes no more than 18 bits in the first word.
        let words = [
            count as u32 & 0x3_ffff,
            (count >> 18) as u32,
            (count >> 50) as u32,
        ];
        Reference::new(self.name.as_atom().clone(), self.creation(), &words)
            .expect("a reference may have three words")
    }

    /// Sends a message from a process to one of any node. Nobody being there is no error.
    pub(crate) fn send(
        self: &Arc<Self>,
        from: &Inbox,
        to: &Destination,
        node: &Atom,
        message: Payload,
        priority: bool,
        urgency: Urgency,
    ) -> Result<(), Rejected> {
        if self.is_here(node) {
            self.deliver(to, Message::User(message), priority);
            return Ok(());
        }
        let control = Control::Send {
            from: Some(from.pid.clone()),
            to: to.clone(),
            priority,
            token: None,
        };
        self.signal(node, &control, Some(&message), urgency)
    }

    /// Lets others call a function. With the first one, the server `rex` begins.
    pub(crate) fn export(self: &Arc<Self>, called: (Atom, Atom, u8), function: Function) {
        const REX: Atom = Atom::from_static("rex");
        let is_first = {
            let exports = self.exports.write();
            let mut exports = exports.unwrap_or_else(PoisonError::into_inner);
            exports.insert(called, function);
            exports.len() == 1
        };
        if is_first && self.named(&REX).is_none() {
            let rex = Process::spawn(self);
            if self.register(REX, &rex.inbox) {
                self.driver.run(rex, Box::new(Rex));
            } else {
                rex.end("normal");
            }
        }
    }

    pub(crate) fn exported(&self, module: &Atom, function: &Atom, arity: u8) -> Option<Function> {
        let exports = self.exports.read();
        let exports = exports.unwrap_or_else(PoisonError::into_inner);
        exports
            .get(&(module.clone(), function.clone(), arity))
            .cloned()
    }

    /// Whether this is the name of our own node.
    pub(crate) fn is_here(&self, node: &Atom) -> bool {
        node == self.name.as_atom()
    }

    /// Whether this is a process of ours, or was one.
    pub(crate) fn is_ours(&self, pid: &Pid) -> bool {
        self.is_here(pid.node()) && pid.creation() == self.creation()
    }

    /// The process of ours with this pid, if it lives.
    pub(crate) fn process(&self, pid: &Pid) -> Option<Arc<Inbox>> {
        if !self.is_ours(pid) {
            return None;
        }
        self.registry().process(Key::from(pid)).cloned()
    }

    pub(crate) fn named(&self, name: &Atom) -> Option<Arc<Inbox>> {
        self.registry().named(name).cloned()
    }

    /// The names of processes, in no order.
    pub(crate) fn names(&self) -> Vec<Atom> {
        self.registry().names().cloned().collect()
    }

    pub(crate) fn processes(&self) -> Vec<Arc<Inbox>> {
        self.registry().processes().cloned().collect()
    }

    /// How many processes live.
    pub(crate) fn process_count(&self) -> usize {
        self.registry().processes().len()
    }

    /// How many processes there have been.
    pub(crate) fn spawned(&self) -> u64 {
        self.last_pid.load(Ordering::Relaxed)
    }

    /// Names a process. False if the name is taken or the process has ended.
    pub(crate) fn register(&self, name: Atom, inbox: &Inbox) -> bool {
        name != NET_KERNEL && self.registry_mut().register(name, Key::from(&inbox.pid))
    }

    pub(crate) fn unregister(&self, name: &Atom) -> bool {
        self.registry_mut().unregister(name)
    }

    pub(crate) fn add_alias(&self, inbox: &Inbox, kind: AliasKind, priority: bool) -> Reference {
        let alias = self.reference();
        let process = Key::from(&inbox.pid);
        self.registry_mut()
            .add_alias(alias.clone(), process, kind, priority);
        alias
    }

    pub(crate) fn remove_alias(&self, inbox: &Inbox, alias: &Reference) -> bool {
        self.registry_mut()
            .remove_alias(alias, Key::from(&inbox.pid))
    }

    /// Gives a message to whom it is for. False if nobody is there.
    fn deliver(&self, to: &Destination, message: Message, priority: bool) -> bool {
        let Some(reached) = self.reach(to) else {
            self.counters.dropped.one_more();
            match to {
                Destination::Pid(pid) if !self.is_ours(pid) => trace::other_life(pid),
                to => trace::no_process(to),
            }
            return false;
        };
        let fate = reached.inbox.push(message, priority && reached.priority);
        self.meet(&reached.inbox, fate);
        true
    }

    /// Whom a signal reaches. An alias that is for one message only has had it then.
    fn reach(&self, to: &Destination) -> Option<registry::Reached> {
        let registry = self.registry();
        if !registry.ends_by(to) {
            return registry.reach(to);
        }
        drop(registry);
        let mut registry = self.registry_mut();
        let reached = registry.reach(to);
        if let Destination::Alias(alias) = to
            && registry.used(alias)
        {
            drop(registry);
            let process = reached
                .as_ref()
                .map(|reached| Key::from(&reached.inbox.pid));
            self.end_monitor(process?, alias);
        }
        reached
    }

    /// Ends a process, if that is its fate.
    fn meet(&self, inbox: &Arc<Inbox>, fate: Fate) {
        if let Fate::Ends(why) = fate {
            self.end(inbox, why);
        }
    }

    fn registry(&self) -> RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn registry_mut(&self) -> RwLockWriteGuard<'_, Registry> {
        let registry = self.registry.write();
        registry.unwrap_or_else(PoisonError::into_inner)
    }

    fn relations(&self) -> MutexGuard<'_, Relations> {
        lock(&self.relations)
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
