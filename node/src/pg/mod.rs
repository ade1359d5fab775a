//! Process groups, as OTP's `pg`.

mod groups;
mod protocol;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use einode_dist::{Control, Destination, NodeName, Payload};
use einode_etf::{Atom, Pid, Reference, Term, term};

use crate::core::{Behaviour, Core, Message, lock};
use crate::process::{NameError, Process};
use crate::status::Status;
pub use groups::MEMBERS;
use groups::{Change, Groups};
use protocol::Heard;

/// A scope of process groups, as OTP's `pg` has them: processes of any node join groups, and every node
/// knows who is in which.
///
/// Both forms of the protocol are spoken, that of `pg` up to OTP 28 and that since OTP 29, with each node
/// its own. A hidden node is not sought by the scopes of Erlang nodes, so this one seeks them, on every
/// node that ours is connected with.
///
/// Clones are the same scope. It ends when the last is dropped, and its processes leave their groups.
///
/// ```no_run
/// use einode::tokio::Node;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::builder("rusty@127.0.0.1").cookie("secret").start().await?;
/// node.connect(&"app@127.0.0.1".parse()?).await?;
/// let (scope, me) = (node.pg("pg")?, node.mailbox());
/// scope.join("workers", &me);
/// for worker in scope.members("workers") {
///     me.send(&worker, "to work").await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// OTP: *Kernel Reference Manual*, `pg`.
#[derive(Clone)]
pub struct Scope(Arc<Shared>);

/// What the clones of a scope and its process share.
struct Shared {
    name: Atom,
    process: Process,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    groups: Groups,
    watchers: Vec<Watcher>,
}

/// Who wants to know what changes.
struct Watcher {
    /// The monitor of the process, by which it knows what it is told.
    reference: Reference,
    pid: Pid,
    /// In one group, or in all.
    group: Option<Term>,
}

impl Status {
    /// Takes part in a scope of process groups. `pg` itself, without a scope of one's own, uses that named
    /// `pg`.
    ///
    /// # Errors
    /// When a process of our node has that name: the scope may be there already.
    pub fn pg(&self, scope: &str) -> Result<Scope, NameError> {
        Scope::start(self.core(), scope)
    }
}

impl Scope {
    fn start(core: &Arc<Core>, scope: &str) -> Result<Self, NameError> {
        let process = Process::spawn(core);
        let name = Atom::new(scope).map_err(|_| NameError::TooLong)?;
        if let Err(error) = process.register(scope) {
            process.end("normal");
            return Err(error);
        }
        process.monitor_nodes(true);
        let shared = Arc::new(Shared {
            name,
            process: process.share(),
            state: Mutex::default(),
        });
        core.run(process, Listening(Arc::downgrade(&shared)));
        for peer in core.connected() {
            shared.seek(&peer.node);
        }
        Ok(Self(shared))
    }

    /// Has a process of this node join a group. It leaves the group when it ends.
    pub fn join(&self, group: impl Into<Term>, process: &Process) {
        let mut state = self.0.lock();
        let pid = process.pid();
        if !state.groups.monitors.contains_key(pid) {
            let Ok(monitor) = self.0.process.monitor(pid) else {
                return;
            };
            state.groups.monitors.insert(pid.clone(), monitor);
        }
        let change = state.groups.join(group.into(), vec![pid.clone()]);
        self.0.changed(&state, vec![change]);
    }

    /// Has a process leave a group, once if it has joined several times. False if it was not in it.
    pub fn leave(&self, group: impl Into<Term>, process: &Process) -> bool {
        let mut state = self.0.lock();
        let pid = process.pid();
        let Some(change) = state.groups.leave(group.into(), std::slice::from_ref(pid)) else {
            return false;
        };
        if !state.groups.is_member(pid)
            && let Some(monitor) = state.groups.monitors.remove(pid)
        {
            self.0.process.demonitor(&monitor);
        }
        self.0.changed(&state, vec![change]);
        true
    }

    /// The processes in a group, on all nodes; those of this node first.
    pub fn members(&self, group: impl Into<Term>) -> Vec<Pid> {
        self.0.lock().groups.members(&group.into())
    }

    /// The processes in a group on this node.
    pub fn local_members(&self, group: impl Into<Term>) -> Vec<Pid> {
        self.0.lock().groups.local_members(&group.into())
    }

    /// All groups that have a member, in their order.
    pub fn groups(&self) -> Vec<Term> {
        self.0.lock().groups.all().into_keys().collect()
    }

    /// Tells a process what changes in a group from now on, as `pg:monitor/2`: it gets messages `{Reference,
    /// join | leave, Group, [Pid]}`. Gives the reference, and the members so far.
    pub fn monitor(&self, group: impl Into<Term>, process: &Process) -> (Reference, Vec<Pid>) {
        let group = group.into();
        let mut state = self.0.lock();
        let members = state.groups.members(&group);
        let reference = self.0.watch(&mut state, process, Some(group));
        (reference, members)
    }

    /// Tells a process what changes in any group, as `pg:monitor_scope/1`. Gives the reference, and all
    /// groups with their members so far.
    pub fn monitor_scope(&self, process: &Process) -> (Reference, BTreeMap<Term, Vec<Pid>>) {
        let mut state = self.0.lock();
        let groups = state.groups.all();
        (self.0.watch(&mut state, process, None), groups)
    }

    /// Ends [`monitor`](Self::monitor) and [`monitor_scope`](Self::monitor_scope). False if there is no
    /// such.
    pub fn demonitor(&self, reference: &Reference) -> bool {
        let watchers = &mut self.0.lock().watchers;
        let before = watchers.len();
        watchers.retain(|watcher| watcher.reference != *reference);
        self.0.process.demonitor(reference);
        watchers.len() < before
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scope").field(&self.0.name).finish()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.process.end("normal");
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn watch(&self, state: &mut State, process: &Process, group: Option<Term>) -> Reference {
        let pid = process.pid().clone();
        // A watcher that has ended is noticed by this monitor.
        let monitor = self.process.monitor(&pid);
        let reference = monitor.unwrap_or_else(|_| self.process.reference());
        state.watchers.push(Watcher {
            reference: reference.clone(),
            pid,
            group,
        });
        reference
    }

    /// Tells our watchers and all peers. The state is locked, so that all see changes in one order.
    fn changed(&self, state: &State, changes: Vec<Change>) {
        self.notify(state, &changes);
        for (peer, version) in state.groups.peers() {
            for message in protocol::update(self.process.pid(), version, &changes) {
                self.send(peer.node(), peer.clone(), &message);
            }
        }
    }

    fn notify(&self, state: &State, changes: &[Change]) {
        for change in changes {
            let wants = |watcher: &&Watcher| {
                let group = watcher.group.as_ref();
                group.is_none_or(|group| *group == change.group)
            };
            for Watcher { reference, pid, .. } in state.watchers.iter().filter(wants) {
                let (joined, left) = (&change.joined, &change.left);
                for (what, pids) in [(term!(join), joined), (term!(leave), left)] {
                    if !pids.is_empty() {
                        let (group, pids) = (change.group.clone(), protocol::list(pids));
                        let message = term!({(reference.clone()), (what), (group), (pids)});
                        // Whoever has ended is not told.
                        let _ = self.process.try_send(pid, &message);
                    }
                }
            }
        }
    }

    /// Asks the scope of another node, if it has one, to tell us its groups and to hear ours.
    fn seek(&self, node: &NodeName) {
        let discover = protocol::discover(self.process.pid(), 0);
        self.send(node.as_atom(), self.name.clone(), &discover);
    }

    /// Sends to a node that we are connected with.
    fn send(&self, node: &Atom, to: impl Into<Destination>, message: &Term) {
        let control = Control::Send {
            from: Some(self.process.pid().clone()),
            to: to.into(),
            priority: false,
            token: None,
        };
        if let Ok(message) = Payload::encode(message) {
            self.process.core.tell(node, &control, Some(&message));
        }
    }

    fn hear(&self, heard: Heard) {
        let mut state = self.lock();
        let us = self.process.pid();
        match heard {
            Heard::Discover(peer, version) => {
                let groups = protocol::groups(us, version, state.groups.local());
                self.send(peer.node(), peer.clone(), &groups);
                if !state.groups.knows(&peer) {
                    self.send(peer.node(), peer.clone(), &protocol::discover(us, version));
                    self.meet(&mut state, peer, version);
                }
            }
            Heard::Groups(peer, version, groups) => {
                self.meet(&mut state, peer.clone(), version);
                let changes = state.groups.replace(&peer, version, groups);
                self.notify(&state, &changes);
                self.bound(&mut state, &peer);
            }
            Heard::Update(peer, changes) => {
                if state.groups.update(&peer, &changes) {
                    self.notify(&state, &changes);
                    self.bound(&mut state, &peer);
                }
            }
        }
    }

    fn meet(&self, state: &mut State, peer: Pid, version: u64) {
        if !state.groups.knows(&peer)
            && state.groups.has_room()
            && let Ok(monitor) = self.process.monitor(&peer)
        {
            state.groups.add_peer(peer, version, monitor);
        }
    }

    /// A peer is forgotten if it has told of too much.
    fn bound(&self, state: &mut State, peer: &Pid) {
        if let Some(monitor) = state.groups.too_large(peer) {
            self.process.demonitor(&monitor);
            let changes = state.groups.remove_peer(&monitor);
            self.notify(state, &changes);
        }
    }

    /// A peer, a member or a watcher has ended.
    fn ended(&self, monitor: &Reference, pid: Option<&Pid>) {
        let mut state = self.lock();
        state
            .watchers
            .retain(|watcher| watcher.reference != *monitor);
        let changes = state.groups.remove_peer(monitor);
        self.notify(&state, &changes);
        if let Some(pid) = pid
            && state.groups.monitors.get(pid) == Some(monitor)
        {
            state.groups.monitors.remove(pid);
            let changes = state.groups.leave_all(pid);
            self.changed(&state, changes);
        }
    }
}

/// The process of a scope.
struct Listening(Weak<Shared>);

impl Behaviour for Listening {
    fn handle(&mut self, _: &Process, message: Message) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        match &message {
            Message::User(payload) => {
                if let Some(heard) = Heard::decode(payload) {
                    shared.hear(heard);
                }
            }
            Message::Down(down) => shared.ended(&down.monitor, down.process.pid()),
            Message::NodeUp(node) => shared.seek(node),
            _ => {}
        }
    }
}
