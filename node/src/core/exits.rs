//! What the end of a process or of a connection does to others.

use std::collections::VecDeque;
use std::sync::Arc;

use einode_dist::{Control, NodeName, Payload};
use einode_etf::{Atom, Pid, Reference};

use super::Core;
use super::inbox::{Cause, Fate, Inbox, reason};
use super::message::{Down, Message, Monitored, Spawned};
use super::registry::Key;
use super::relations::{Relations, Ties};

/// Processes that have to end, and why. The end of one may be that of others.
#[derive(Debug, Default)]
pub(super) struct Ending(VecDeque<(Arc<Inbox>, Payload)>);

impl Ending {
    /// Notes what became of something sent to a process.
    pub(super) fn note(&mut self, inbox: &Arc<Inbox>, fate: Fate) {
        if let Fate::Ends(why) = fate {
            self.0.push_back((Arc::clone(inbox), why));
        }
    }
}

impl Core {
    /// Ends a process, and those that are linked with it and do not trap exits.
    pub(crate) fn end(&self, inbox: &Arc<Inbox>, why: Payload) {
        let mut ending = Ending::default();
        ending.note(inbox, Fate::Ends(why));
        self.end_all(&mut self.relations(), ending);
    }

    /// An exit signal that was sent to a process of ours with `exit/2`.
    pub(crate) fn exit(&self, from: &Pid, to: &Arc<Inbox>, why: &Payload, priority: bool) {
        let fate = to.exit(from, why, Cause::Sent, priority);
        self.meet(to, fate);
    }

    /// A link with a process of ours has ended with the process at its other end.
    pub(super) fn link_broken(&self, from: &Pid, to: &Pid, why: &Payload) {
        let mut relations = self.relations();
        if relations.sever(Key::from(to), from)
            && let Some(inbox) = self.process(to)
        {
            let mut ending = Ending::default();
            ending.note(&inbox, inbox.exit(from, why, Cause::Link, false));
            self.end_all(&mut relations, ending);
        }
    }

    /// A monitor of a process of ours has fired.
    pub(super) fn monitor_fired(&self, watcher: &Pid, monitor: &Reference, why: &Payload) {
        let mut relations = self.relations();
        let mut ending = Ending::default();
        self.fire(&mut relations, &mut ending, watcher, monitor, why);
        self.end_all(&mut relations, ending);
    }

    /// A monitor is no more, for its alias has been used.
    pub(super) fn end_monitor(&self, process: Key, monitor: &Reference) {
        let watcher = self.registry().process(process).cloned();
        if let Some(watcher) = watcher {
            self.demonitor(&watcher, monitor);
        }
    }

    /// Tells those who watch nodes that one has come or gone.
    pub(super) fn tell_of_node(&self, relations: &mut Relations, node: &NodeName, is_up: bool) {
        let mut ending = Ending::default();
        for process in relations.watching_nodes() {
            let inbox = self.registry().process(process).cloned();
            if let Some(inbox) = inbox {
                let message = if is_up {
                    Message::NodeUp(node.clone())
                } else {
                    Message::NodeDown(node.clone())
                };
                ending.note(&inbox, inbox.push(message, false));
            }
        }
        self.end_all(relations, ending);
    }

    /// All that processes had with those of a node is lost.
    pub(super) fn lose(&self, relations: &mut Relations, node: &Atom) {
        let why = reason("noconnection");
        let mut ending = Ending::default();
        for (process, lost) in relations.lose(node) {
            let inbox = self.registry().process(process).cloned();
            let Some(inbox) = inbox else {
                continue;
            };
            for request in lost.requests {
                let spawned = Spawned {
                    request,
                    result: Err(Atom::from_static("noconnection")),
                };
                ending.note(&inbox, inbox.push(Message::Spawned(spawned), false));
            }
            for (monitor, process) in lost.monitors {
                self.registry_mut().end_monitor(&monitor);
                let reason = why.clone();
                let down = Down {
                    monitor,
                    process,
                    reason,
                };
                ending.note(&inbox, inbox.push(Message::Down(down), false));
            }
            for other in lost.links {
                ending.note(&inbox, inbox.exit(&other, &why, Cause::Link, false));
            }
        }
        self.end_all(relations, ending);
    }

    /// Ends processes until no end has another one for its consequence.
    pub(super) fn end_all(&self, relations: &mut Relations, mut ending: Ending) {
        while let Some((inbox, why)) = ending.0.pop_front() {
            if inbox.end(why.clone()) {
                let process = Key::from(&inbox.pid);
                self.registry_mut().remove(process);
                let ties = relations.end(process);
                self.tell_of_end(relations, &mut ending, &inbox.pid, ties, &why);
            }
        }
    }

    /// Tells of the end of a process those who had to do with it.
    fn tell_of_end(
        &self,
        relations: &mut Relations,
        ending: &mut Ending,
        pid: &Pid,
        ties: Ties,
        why: &Payload,
    ) {
        let linked = ties.linked();
        for (monitor, target) in ties.monitors {
            match (self.is_here(target.node()), target) {
                (true, _) => relations.unwatch(&monitor, pid),
                (false, target) => {
                    self.tell(target.node(), &demonitor(pid, &target, monitor), None);
                }
            }
        }
        for other in &linked {
            if !self.is_here(other.node()) {
                let control = Control::Exit {
                    from: pid.clone(),
                    to: other.clone(),
                    token: None,
                };
                self.tell(other.node(), &control, Some(why));
            } else if relations.sever(Key::from(other), pid)
                && let Some(inbox) = self.process(other)
            {
                ending.note(&inbox, inbox.exit(pid, why, Cause::Link, false));
            }
        }
        for (monitor, (watcher, target)) in ties.watchers {
            if self.is_here(watcher.node()) {
                self.fire(relations, ending, &watcher, &monitor, why);
            } else {
                let node = watcher.node().clone();
                let control = Control::MonitorPExit {
                    from: target,
                    to: watcher,
                    reference: monitor,
                };
                self.tell(&node, &control, Some(why));
            }
        }
    }

    fn fire(
        &self,
        relations: &mut Relations,
        ending: &mut Ending,
        watcher: &Pid,
        monitor: &Reference,
        why: &Payload,
    ) {
        let ties = relations.of(Key::from(watcher));
        let Some(target) = ties.and_then(|ties| ties.monitors.remove(monitor)) else {
            return;
        };
        self.registry_mut().end_monitor(monitor);
        if let Some(inbox) = self.process(watcher) {
            let down = Down {
                monitor: monitor.clone(),
                process: target,
                reason: why.clone(),
            };
            ending.note(&inbox, inbox.push(Message::Down(down), false));
        }
    }
}

/// Ends the monitor of a process of another node.
pub(super) fn demonitor(from: &Pid, monitored: &Monitored, reference: Reference) -> Control {
    Control::DemonitorP {
        from: from.clone(),
        to: monitored.target(),
        reference,
    }
}
