//! What a peer's signals do.

use std::sync::Arc;

use einode_dist::{Control, Destination, Event, Inbound, Payload};
use einode_etf::{Atom, Pid};

use super::inbox::reason;
use super::message::Message;
use super::peer::{Peer, Urgency};
use super::registry::Key;
use super::{Core, NET_KERNEL};
use crate::engine::asked_to_ping;
use crate::error::LinkError;
use crate::trace;

impl Core {
    /// Does what has been read asks for. `on_tick` answers ticks.
    ///
    /// # Errors
    /// The peer broke the protocol, and nothing that follows can be understood.
    pub(crate) fn hear(
        self: &Arc<Self>,
        peer: &Peer,
        inbound: &mut Inbound,
        mut on_tick: impl FnMut(),
    ) -> Result<(), LinkError> {
        let heard = loop {
            match inbound.poll() {
                Ok(Some(Event::Signal(control, payload))) => self.receive(peer, control, payload),
                Ok(Some(Event::Tick)) => on_tick(),
                // A message that makes no sense is lost; the next is as good as any.
                Ok(Some(Event::Malformed(error))) => trace::malformed(&peer.node, error),
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        peer.heard(inbound.statistics());
        heard
    }

    /// Does what a signal asks for. Signals that make no sense are ignored, as are those for processes of
    /// an earlier life of this node.
    pub(crate) fn receive(
        self: &Arc<Self>,
        peer: &Peer,
        control: Control,
        payload: Option<Payload>,
    ) {
        match (control, payload) {
            (
                Control::Send {
                    to: Destination::Name(name),
                    ..
                },
                Some(message),
            ) if name == NET_KERNEL => self.ask_net_kernel(peer, &message),
            (Control::Send { to, priority, .. }, Some(message)) => {
                let arrived = self.deliver(&to, Message::User(message), priority);
                if !arrived {
                    peer.message_dropped();
                }
            }
            (Control::Exit { from, to, .. }, Some(why))
                if self.is_ours(&to) && is_of(&from, peer) =>
            {
                self.link_broken(&from, &to, &why);
            }
            (
                Control::Exit2 {
                    from, to, priority, ..
                },
                Some(why),
            ) => {
                if let Some(reached) = self.reach(&to) {
                    self.exit(&from, &reached.inbox, &why, priority && reached.priority);
                }
            }
            (Control::Link { from, to }, _) => self.linked_by(peer, from, to),
            (Control::UnlinkId { id, from, to }, _) if is_of(&from, peer) => {
                // Confirmed before anything else can be sent to that process; also for one of an earlier
                // life, whose link the peer would keep otherwise.
                let mut relations = self.relations();
                if self.is_ours(&to) {
                    relations.drop_link(Key::from(&to), &from);
                }
                let (from, to) = (to, from);
                owe(peer, &Control::UnlinkIdAck { id, from, to }, None);
            }
            (Control::UnlinkIdAck { id, from, to }, _)
                if self.is_ours(&to) && is_of(&from, peer) =>
            {
                self.relations().unlinked(Key::from(&to), &from, id);
            }
            (Control::Unlink { from, to }, _) if self.is_ours(&to) && is_of(&from, peer) => {
                self.relations().drop_link(Key::from(&to), &from);
            }
            (
                Control::MonitorP {
                    from,
                    to,
                    reference,
                },
                _,
            ) => {
                let mut relations = self.relations();
                let watched = if is_of(&from, peer) {
                    self.watch(&mut relations, &reference, &from, &to)
                } else {
                    Err("noproc")
                };
                if let Err(why) = watched {
                    let (from, to) = (to, from);
                    let exit = Control::MonitorPExit {
                        from,
                        to,
                        reference,
                    };
                    owe(peer, &exit, Some(&reason(why)));
                }
            }
            (
                Control::DemonitorP {
                    from, reference, ..
                },
                _,
            ) => self.relations().unwatch(&reference, &from),
            (Control::MonitorPExit { to, reference, .. }, Some(why)) if self.is_ours(&to) => {
                self.monitor_fired(&to, &reference, &why);
            }
            (Control::GroupLeader { from, to }, _) => {
                if let Some(inbox) = self.process(&to) {
                    inbox.set_group_leader(from);
                }
            }
            (request @ Control::SpawnRequest { .. }, Some(arguments)) => {
                self.spawn_requested(peer, &request, arguments);
            }
            (reply @ Control::SpawnReply { .. }, _) => self.spawn_replied(reply),
            (Control::Unknown { operation, .. }, _) => trace::unknown(&peer.node, operation),
            _ => {}
        }
    }

    /// A process of the peer links itself with one of ours.
    fn linked_by(&self, peer: &Peer, from: Pid, to: Pid) {
        let mut relations = self.relations();
        let process = Key::from(&to);
        let is_there = self.is_ours(&to) && relations.of(process).is_some();
        let why = if !(is_there && is_of(&from, peer)) {
            "noproc"
        } else if relations.is_full(process) {
            "system_limit"
        } else {
            relations.link(process, &from, false);
            return;
        };
        let (from, to) = (to, from);
        let token = None;
        let exit = Control::Exit { from, to, token };
        owe(peer, &exit, Some(&reason(why)));
    }

    /// Answers `net_adm:ping/1`. Whatever else there is to ask of `net_kernel` is not answered.
    fn ask_net_kernel(&self, peer: &Peer, message: &Payload) {
        const YES: Atom = Atom::from_static("yes");
        if let Some((to, tag)) = asked_to_ping(message)
            && let Ok(answer) = Payload::encode(&(tag, YES))
        {
            let control = Control::Send {
                from: None,
                to: to.into(),
                priority: false,
                token: None,
            };
            owe(peer, &control, Some(&answer));
        }
    }
}

/// Sends a peer what it is owed. If it does not understand it, it is not.
pub(super) fn owe(peer: &Peer, control: &Control, payload: Option<&Payload>) {
    let _ = peer.send(control, payload, Urgency::Owed);
}

/// Whether a process is one of the peer's own. What is noted with others would outlive the connection.
pub(super) fn is_of(pid: &Pid, peer: &Peer) -> bool {
    pid.node() == peer.node.as_atom()
}

#[cfg(test)]
mod tests {
    use std::io;

    use std::io::IoSlice;

    use einode_dist::{Connection, NodeName, Settings, Target};
    use einode_etf::Reference;

    use super::super::peer::tests::session;
    use super::super::{Behaviour, Choices, Driver};
    use super::*;
    use crate::process::Process;

    /// Nobody is dialed, and nothing runs.
    struct Nothing;

    impl Driver for Nothing {
        fn dial(&self, _: &Arc<Core>, _: Arc<Peer>) -> io::Result<()> {
            Ok(())
        }

        fn keep(&self, _: &Arc<Core>) -> io::Result<()> {
            Ok(())
        }

        fn run(&self, _: Process, _: Box<dyn Behaviour>) {}
    }

    /// What the peer has been sent, with reasons.
    fn sent(peer: &Peer, inbound: &mut Inbound) -> Vec<(Control, Option<Atom>)> {
        peer.outbound(|outbound| {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = outbound.outgoing(&mut slices);
            let bytes: Vec<u8> = slices[..filled]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            inbound.inbox().extend_from_slice(&bytes);
            outbound.sent(bytes.len());
        });
        std::iter::from_fn(|| match inbound.poll().unwrap()? {
            Event::Signal(control, why) => Some((control, why.map(|why| why.decode().unwrap()))),
            other => panic!("{other:?}"),
        })
        .collect()
    }

    #[test]
    fn others_are_told_when_a_process_has_too_many_ties() {
        let session = session();
        let choices = Choices {
            name: session.local.clone(),
            creation: session.local_creation,
            mailbox_limit: 1 << 20,
            allows: Box::new(|_: &NodeName| true),
        };
        let core = Core::new(choices, Nothing);
        core.relations().limit(2);
        let connection = Connection::new(session.flags, &Settings::default());
        let Connection {
            outbound,
            mut inbound,
            ..
        } = connection;
        let them = session.peer.as_atom().clone();
        let peer = Peer::connected(session.peer.clone(), outbound, Arc::new(session));
        let inbox = core.spawn();
        let other = |id| Pid::new(them.clone(), id, 0, 1);
        let reference = |n| Reference::new(them.clone(), 1, &[n, 0, 0]).unwrap();
        let monitor = |n, to: &Pid| Control::MonitorP {
            from: other(1),
            to: Target::Pid(to.clone()),
            reference: reference(n),
        };
        let link = |id| Control::Link {
            from: other(id),
            to: inbox.pid.clone(),
        };
        core.receive(&peer, monitor(1, &inbox.pid), None);
        core.receive(&peer, link(1), None);
        assert_eq!(sent(&peer, &mut inbound), []);

        core.receive(&peer, monitor(2, &inbox.pid), None);
        core.receive(&peer, link(2), None);
        let told = sent(&peer, &mut inbound);
        let [
            (
                Control::MonitorPExit {
                    reference: second, ..
                },
                why,
            ),
            (Control::Exit { to, .. }, also),
        ] = &told[..]
        else {
            panic!("{told:?}");
        };
        let limit = Some(Atom::from_static("system_limit"));
        assert_eq!(
            (second, why, to, also),
            (&reference(2), &limit, &other(2), &limit)
        );

        // What there was goes on, and makes room when it ends.
        let demonitor = Control::DemonitorP {
            from: other(1),
            to: Target::Pid(inbox.pid.clone()),
            reference: reference(1),
        };
        core.receive(&peer, demonitor, None);
        core.receive(&peer, link(2), None);
        assert_eq!(sent(&peer, &mut inbound), []);
    }
}
