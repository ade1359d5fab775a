//! What a process of ours does about others: links, monitors, exit signals.

use std::sync::Arc;

use einode_dist::{Control, Destination, Payload, Target};
use einode_etf::{Atom, Pid, Reference};

use super::exits::demonitor;
use super::inbox::{Cause, Inbox, reason};
use super::message::{Down, Message, Monitored};
use super::peer::{Rejected, Urgency};
use super::registry::{AliasKind, Key};
use super::relations::Relations;
use super::{Core, NET_KERNEL};

impl Core {
    /// Links a process with another one. If that is not there, an exit signal says so.
    pub(crate) fn link(self: &Arc<Self>, inbox: &Arc<Inbox>, other: &Pid) {
        let process = Key::from(&inbox.pid);
        if *other == inbox.pid {
            return;
        }
        let missing = {
            let mut relations = self.relations();
            if self.is_here(other.node()) {
                let is_there = self.process(other).is_some()
                    && relations.of(process).is_some()
                    && relations.of(Key::from(other)).is_some();
                if is_there {
                    relations.link(process, other, true);
                    relations.link(Key::from(other), &inbox.pid, true);
                }
                (!is_there).then_some("noproc")
            } else {
                let control = Control::Link {
                    from: inbox.pid.clone(),
                    to: other.clone(),
                };
                // Noted first, so that a connection that fails takes it away again.
                let is_new = relations.link(process, other, true);
                let sent = !is_new
                    || self
                        .signal_with(&mut relations, other.node(), &control, None)
                        .is_ok();
                if !sent {
                    relations.sever(process, other);
                }
                (!sent).then_some("noconnection")
            }
        };
        if let Some(missing) = missing {
            let fate = inbox.exit(other, &reason(missing), Cause::Link, false);
            self.meet(inbox, fate);
        }
    }

    /// Removes the link with a process. An exit signal by it does nothing from now on.
    pub(crate) fn unlink(&self, inbox: &Inbox, other: &Pid) {
        let process = Key::from(&inbox.pid);
        let mut relations = self.relations();
        if self.is_here(other.node()) {
            relations.sever(process, other);
            relations.sever(Key::from(other), &inbox.pid);
        } else if let Some(id) = relations.unlink(process, other) {
            let control = Control::UnlinkId {
                id,
                from: inbox.pid.clone(),
                to: other.clone(),
            };
            self.tell(other.node(), &control, None);
        }
    }

    /// Monitors a process, with an alias if one is asked for. If the process is not there, that is told
    /// at once.
    pub(crate) fn monitor(
        self: &Arc<Self>,
        inbox: &Arc<Inbox>,
        target: Monitored,
        alias: Option<AliasKind>,
    ) -> Reference {
        let (reference, process) = (self.reference(), Key::from(&inbox.pid));
        if let Some(kind) = alias {
            self.registry_mut()
                .add_alias(reference.clone(), process, kind, false);
        }
        let missing = {
            let mut relations = self.relations();
            if self.is_here(target.node()) {
                let watched = self.watch(&mut relations, &reference, &inbox.pid, &target.target());
                if watched.is_ok()
                    && let Some(ties) = relations.of(process)
                {
                    ties.monitors.insert(reference.clone(), target.clone());
                }
                watched.err()
            } else {
                let control = Control::MonitorP {
                    from: inbox.pid.clone(),
                    to: target.target(),
                    reference: reference.clone(),
                };
                if let Some(ties) = relations.of(process) {
                    ties.monitors.insert(reference.clone(), target.clone());
                }
                let sent = self.signal_with(&mut relations, target.node(), &control, None);
                if sent.is_err()
                    && let Some(ties) = relations.of(process)
                {
                    ties.monitors.remove(&reference);
                }
                sent.is_err().then_some("noconnection")
            }
        };
        if let Some(missing) = missing {
            self.registry_mut().end_monitor(&reference);
            let down = Down {
                monitor: reference.clone(),
                process: target,
                reason: reason(missing),
            };
            let fate = inbox.push(Message::Down(down), false);
            self.meet(inbox, fate);
        }
        reference
    }

    /// Ends a monitor. False if there is none, for it has fired.
    pub(crate) fn demonitor(&self, inbox: &Inbox, reference: &Reference) -> bool {
        self.registry_mut().end_monitor(reference);
        let mut relations = self.relations();
        let ties = relations.of(Key::from(&inbox.pid));
        let Some(target) = ties.and_then(|ties| ties.monitors.remove(reference)) else {
            return false;
        };
        if self.is_here(target.node()) {
            relations.unwatch(reference, &inbox.pid);
        } else {
            let control = demonitor(&inbox.pid, &target, reference.clone());
            self.tell(target.node(), &control, None);
        }
        true
    }

    /// Has one of our processes watched, by whoever it is.
    ///
    /// # Errors
    /// What the watcher is told instead.
    pub(super) fn watch(
        &self,
        relations: &mut Relations,
        reference: &Reference,
        watcher: &Pid,
        target: &Target,
    ) -> Result<(), &'static str> {
        if is_net_kernel(target) {
            return Ok(());
        }
        let watched = match target {
            Target::Pid(pid) => self.process(pid),
            Target::Name(name) => self.named(name),
        };
        let watched = Key::from(&watched.ok_or("noproc")?.pid);
        relations.watch(watched, reference, watcher, target.clone())
    }

    /// Sends an exit signal, as `exit/2`. Nobody being there is no error.
    pub(crate) fn send_exit(
        self: &Arc<Self>,
        from: &Pid,
        to: &Destination,
        node: &Atom,
        why: &Payload,
        priority: bool,
    ) -> Result<(), Rejected> {
        if self.is_here(node) {
            if let Some(reached) = self.reach(to) {
                self.exit(from, &reached.inbox, why, priority && reached.priority);
            }
            return Ok(());
        }
        let control = Control::Exit2 {
            from: from.clone(),
            to: to.clone(),
            priority,
            token: None,
        };
        self.signal(node, &control, Some(why), Urgency::Owed)
    }

    /// Whether a process is told which nodes come and go.
    pub(crate) fn watch_nodes(&self, inbox: &Inbox, watch: bool) {
        if let Some(ties) = self.relations().of(Key::from(&inbox.pid)) {
            ties.watches_nodes = watch;
        }
    }
}

/// Whether this is the process that every node has, and that does not end.
fn is_net_kernel(target: &Target) -> bool {
    matches!(target, Target::Name(name) if name == NET_KERNEL)
}
