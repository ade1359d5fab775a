//! Processes that are asked for: by ours at other nodes, and by others here.

use std::sync::Arc;

use einode_dist::{Control, Mfa, Payload};
use einode_etf::{Atom, Pid, Reference};

use super::Core;
use super::inbox::{Inbox, reason};
use super::message::{Message, Monitored, Spawned};
use super::peer::Peer;
use super::registry::Key;
use super::relations::Request;
use super::signals::owe;

/// A process that one of ours asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) node: Atom,
    pub(crate) group_leader: Pid,
    pub(crate) call: Mfa,
    /// The list of arguments.
    pub(crate) arguments: Payload,
    /// The list of options.
    pub(crate) options: Payload,
}

impl Core {
    /// Asks another node for a process. The answer is a message to `inbox`.
    pub(crate) fn request(self: &Arc<Self>, inbox: &Arc<Inbox>, wanted: Wanted) -> Reference {
        let request = self.reference();
        let control = Control::SpawnRequest {
            request: request.clone(),
            from: inbox.pid.clone(),
            group_leader: wanted.group_leader,
            call: wanted.call,
            options: wanted.options,
            token: None,
        };
        let refused = {
            let mut relations = self.relations();
            if let Some(ties) = relations.of(Key::from(&inbox.pid)) {
                let pending = Request {
                    node: wanted.node.clone(),
                    abandoned: false,
                };
                ties.requests.insert(request.clone(), pending);
            }
            let arguments = Some(&wanted.arguments);
            let sent = self.signal_with(&mut relations, &wanted.node, &control, arguments);
            if sent.is_err()
                && let Some(ties) = relations.of(Key::from(&inbox.pid))
            {
                ties.requests.remove(&request);
            }
            sent.is_err()
        };
        if refused {
            let spawned = Spawned {
                request: request.clone(),
                result: Err(Atom::from_static("noconnection")),
            };
            let fate = inbox.push(Message::Spawned(spawned), false);
            self.meet(inbox, fate);
        }
        request
    }

    /// The answer to a request is of no interest any more. False if it has been answered.
    pub(crate) fn abandon(&self, inbox: &Inbox, request: &Reference) -> bool {
        let mut relations = self.relations();
        let ties = relations.of(Key::from(&inbox.pid));
        match ties.and_then(|ties| ties.requests.get_mut(request)) {
            Some(request) => {
                request.abandoned = true;
                true
            }
            None => false,
        }
    }

    /// A request of ours is answered: the process is linked and monitored from now on, if it was to be.
    pub(super) fn spawn_replied(&self, reply: Control) {
        let Control::SpawnReply {
            request,
            to,
            link,
            monitor,
            result,
            ..
        } = reply
        else {
            return;
        };
        let inbox = self.process(&to);
        let message = {
            let mut relations = self.relations();
            let process = Key::from(&to);
            let ties = inbox.as_ref().and_then(|_| relations.of(process));
            let asked = ties.and_then(|ties| ties.requests.remove(&request));
            match (asked, &result) {
                (Some(asked), result) if !asked.abandoned => {
                    if let Ok(pid) = result {
                        if link {
                            relations.link(process, pid, true);
                        }
                        if monitor && let Some(ties) = relations.of(process) {
                            let target = Monitored::Pid(pid.clone());
                            ties.monitors.insert(request.clone(), target);
                        }
                    }
                    Some(Message::Spawned(Spawned {
                        request,
                        result: result.clone(),
                    }))
                }
                // Nobody waits for it. What it has with us ends as if we had.
                (asked, Ok(pid)) => {
                    let why = if asked.is_some() {
                        "abandoned"
                    } else {
                        "noproc"
                    };
                    self.disown(to.clone(), pid, request, link, monitor, why);
                    None
                }
                (_, Err(_)) => None,
            }
        };
        if let (Some(inbox), Some(message)) = (inbox, message) {
            let fate = inbox.push(message, false);
            self.meet(&inbox, fate);
        }
    }

    fn disown(
        &self,
        from: Pid,
        pid: &Pid,
        request: Reference,
        link: bool,
        monitor: bool,
        why: &'static str,
    ) {
        if monitor {
            let target = Monitored::Pid(pid.clone());
            let control = super::exits::demonitor(&from, target, request);
            self.tell(pid.node(), &control, None);
        }
        if link {
            let (to, token) = (pid.clone(), None);
            let control = Control::Exit { from, to, token };
            self.tell(pid.node(), &control, Some(&reason(why)));
        }
    }

    /// A peer asks for a process.
    pub(super) fn spawn_requested(&self, peer: &Peer, asked: Control, _arguments: Payload) {
        let Control::SpawnRequest { request, from, .. } = asked else {
            return;
        };
        let reply = Control::SpawnReply {
            request,
            to: from,
            link: false,
            monitor: false,
            result: Err(Atom::from_static("notsup")),
            token: None,
        };
        owe(peer, &reply, None);
    }
}
