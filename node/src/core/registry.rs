use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use einode_dist::Destination;
use einode_etf::{Atom, Pid, Reference};

use super::inbox::Inbox;

/// Which of the node's processes: its pid without what all of them have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(crate) u64);

impl From<&Pid> for Key {
    fn from(pid: &Pid) -> Self {
        Self(u64::from(pid.serial()) << 32 | u64::from(pid.id()))
    }
}

/// The processes of a node, and by what else than their pids they are reached.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    processes: HashMap<Key, Member>,
    names: HashMap<Atom, Arc<Inbox>>,
    aliases: HashMap<Reference, Alias>,
}

/// A process with all that leads to it.
#[derive(Debug)]
struct Member {
    inbox: Arc<Inbox>,
    names: Vec<Atom>,
    aliases: HashSet<Reference>,
}

/// What an alias leads to.
#[derive(Debug)]
struct Alias {
    inbox: Arc<Inbox>,
    kind: AliasKind,
    priority: bool,
}

/// When an alias ceases to be one (`erlang:alias/1`, `erlang:monitor/3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AliasKind {
    /// When it is removed by [`unalias`](crate::Process::unalias).
    Explicit,
    /// Also when a message has arrived by it.
    Reply,
    /// Of a monitor: also when that is removed or has fired.
    Demonitor,
    /// Of a monitor: also when that is removed or has fired, or a message has arrived by it.
    ReplyDemonitor,
}

impl AliasKind {
    const fn is_reply(self) -> bool {
        matches!(self, Self::Reply | Self::ReplyDemonitor)
    }

    const fn is_of_monitor(self) -> bool {
        matches!(self, Self::Demonitor | Self::ReplyDemonitor)
    }
}

/// Whom a signal reaches.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) inbox: Arc<Inbox>,
    /// Whether it may ask for priority.
    pub(crate) priority: bool,
}

impl Registry {
    pub(crate) fn add(&mut self, inbox: Arc<Inbox>) {
        let member = Member {
            inbox,
            names: Vec::new(),
            aliases: HashSet::new(),
        };
        self.processes.insert(Key::from(&member.inbox.pid), member);
    }

    /// A process, its names and its aliases are no more.
    pub(crate) fn remove(&mut self, process: Key) {
        let Some(member) = self.processes.remove(&process) else {
            return;
        };
        for name in &member.names {
            self.names.remove(name);
        }
        for alias in &member.aliases {
            self.aliases.remove(alias);
        }
    }

    pub(crate) fn process(&self, process: Key) -> Option<&Arc<Inbox>> {
        Some(&self.processes.get(&process)?.inbox)
    }

    pub(crate) fn processes(&self) -> impl ExactSizeIterator<Item = &Arc<Inbox>> {
        self.processes.values().map(|member| &member.inbox)
    }

    /// Gives a living process a name, unless one has it.
    pub(crate) fn register(&mut self, name: Atom, process: Key) -> bool {
        let Some(member) = self.processes.get_mut(&process) else {
            return false;
        };
        match self.names.entry(name) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                member.names.push(entry.key().clone());
                entry.insert(Arc::clone(&member.inbox));
                true
            }
        }
    }

    pub(crate) fn unregister(&mut self, name: &Atom) -> bool {
        let Some(inbox) = self.names.remove(name) else {
            return false;
        };
        if let Some(member) = self.processes.get_mut(&Key::from(&inbox.pid)) {
            member.names.retain(|other| other != name);
        }
        true
    }

    pub(crate) fn named(&self, name: &Atom) -> Option<&Arc<Inbox>> {
        self.names.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Atom> {
        self.names.keys()
    }

    pub(crate) fn add_alias(
        &mut self,
        alias: Reference,
        process: Key,
        kind: AliasKind,
        priority: bool,
    ) {
        if let Some(member) = self.processes.get_mut(&process) {
            member.aliases.insert(alias.clone());
            let inbox = Arc::clone(&member.inbox);
            let leads_to = Alias {
                inbox,
                kind,
                priority,
            };
            self.aliases.insert(alias, leads_to);
        }
    }

    /// Removes an alias, if it is one of this process.
    pub(crate) fn remove_alias(&mut self, alias: &Reference, process: Key) -> bool {
        match self.aliases.get(alias) {
            Some(found) if Key::from(&found.inbox.pid) == process => {
                self.forget_alias(alias);
                true
            }
            _ => false,
        }
    }

    fn forget_alias(&mut self, alias: &Reference) {
        if let Some(found) = self.aliases.remove(alias)
            && let Some(member) = self.processes.get_mut(&Key::from(&found.inbox.pid))
        {
            member.aliases.remove(alias);
        }
    }

    /// A monitor is no more, and with it its alias, if it has one that lives only as long.
    pub(crate) fn end_monitor(&mut self, monitor: &Reference) {
        if self
            .aliases
            .get(monitor)
            .is_some_and(|alias| alias.kind.is_of_monitor())
        {
            self.forget_alias(monitor);
        }
    }

    /// Whether [`Registry::reach`] would remove an alias, which needs a lock for writing.
    pub(crate) fn ends_by(&self, to: &Destination) -> bool {
        match to {
            Destination::Alias(alias) => {
                let alias = self.aliases.get(alias);
                alias.is_some_and(|alias| alias.kind.is_reply())
            }
            _ => false,
        }
    }

    /// Whom a signal to `to` reaches, of the processes with our name and creation.
    pub(crate) fn reach(&self, to: &Destination) -> Option<Reached> {
        let plain = |inbox: &Arc<Inbox>| Reached {
            inbox: Arc::clone(inbox),
            priority: false,
        };
        match to {
            Destination::Pid(pid) => {
                let inbox = self.process(Key::from(pid))?;
                (inbox.pid == *pid).then(|| plain(inbox))
            }
            Destination::Name(name) => self.names.get(name).map(plain),
            Destination::Alias(alias) => self.aliases.get(alias).map(|alias| Reached {
                inbox: Arc::clone(&alias.inbox),
                priority: alias.priority,
            }),
        }
    }

    /// A message has arrived by this alias, which ends if it is for one only. True if its monitor ends
    /// with it.
    pub(crate) fn used(&mut self, alias: &Reference) -> bool {
        match self.aliases.get(alias) {
            Some(found) if found.kind.is_reply() => {
                let is_of_monitor = found.kind.is_of_monitor();
                self.forget_alias(alias);
                is_of_monitor
            }
            _ => false,
        }
    }
}
