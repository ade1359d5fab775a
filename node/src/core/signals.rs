//! What a peer's signals do.

use std::sync::Arc;

use einode_dist::{Control, Destination, Event, Inbound, Payload};
use einode_etf::{Atom, Pid};

use super::inbox::reason;
use super::message::Message;
use super::peer::{Peer, Urgency};
use super::registry::Key;
use super::ties::is_net_kernel;
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
            (Control::Exit { from, to, .. }, Some(why)) if self.is_ours(&to) => {
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
            (Control::UnlinkId { id, from, to }, _) => {
                // Confirmed before anything else can be sent to that process.
                let mut relations = self.relations();
                relations.drop_link(Key::from(&to), &from);
                let (from, to) = (to, from);
                owe(peer, &Control::UnlinkIdAck { id, from, to }, None);
            }
            (Control::UnlinkIdAck { id, from, to }, _) => {
                self.relations().unlinked(Key::from(&to), &from, id);
            }
            (Control::Unlink { from, to }, _) => {
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
                let is_there = is_net_kernel(&to)
                    || is_of(&from, peer) && self.watch(&mut relations, &reference, &from, &to);
                if !is_there {
                    let (from, to) = (to, from);
                    let exit = Control::MonitorPExit {
                        from,
                        to,
                        reference,
                    };
                    owe(peer, &exit, Some(&reason("noproc")));
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
        if self.is_ours(&to) && relations.of(process).is_some() && is_of(&from, peer) {
            relations.link(process, &from, false);
        } else {
            let (from, to) = (to, from);
            let token = None;
            let exit = Control::Exit { from, to, token };
            owe(peer, &exit, Some(&reason("noproc")));
        }
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
