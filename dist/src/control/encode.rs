use einode_etf::{Atom, EncodeError, Pid, Reference, Sink, View, Writer};

use crate::control::op::{self, altact, spawn};
use crate::control::{Control, Destination, Mfa, Target};
use crate::error::Error;
use crate::flags::Flags;
use crate::payload::Payload;

impl Control {
    /// Whether a payload belongs to this.
    pub(crate) fn has_payload(&self) -> bool {
        matches!(
            self,
            Self::Send { .. }
                | Self::Exit { .. }
                | Self::Exit2 { .. }
                | Self::MonitorPExit { .. }
                | Self::SpawnRequest { .. }
        )
    }

    /// Whether the payload follows the control tuple; if not, it is a reason and in the tuple.
    pub(crate) fn carries(&self, flags: Flags) -> bool {
        match self {
            Self::Exit { .. } | Self::MonitorPExit { .. } => flags.contains(Flags::EXIT_PAYLOAD),
            Self::Exit2 { .. } => flags.contains(Flags::EXIT_PAYLOAD) || self.is_altact(flags),
            _ => true,
        }
    }

    /// Whether this is said by `ALTACT_SIG_SEND`.
    fn is_altact(&self, flags: Flags) -> bool {
        use Destination::{Alias, Pid};
        flags.contains(Flags::ALTACT_SIG)
            && match self {
                Self::Send {
                    from, to, priority, ..
                } => from.is_some() && (*priority || matches!(to, Alias(_))),
                Self::Exit2 { to, priority, .. } => *priority || !matches!(to, Pid(_)),
                _ => false,
            }
    }

    /// The process that the signal comes from, if it says so.
    pub(crate) fn sender(&self) -> Option<&Pid> {
        match self {
            Self::Send { from, .. } => from.as_ref(),
            Self::Exit { from, .. }
            | Self::Exit2 { from, .. }
            | Self::Link { from, .. }
            | Self::Unlink { from, .. }
            | Self::UnlinkId { from, .. }
            | Self::UnlinkIdAck { from, .. }
            | Self::MonitorP { from, .. }
            | Self::DemonitorP { from, .. }
            | Self::SpawnRequest { from, .. } => Some(from),
            Self::MonitorPExit {
                from: Target::Pid(from),
                ..
            } => Some(from),
            Self::SpawnReply { result, .. } => result.as_ref().ok(),
            // The group leader is not who makes it one.
            Self::GroupLeader { .. }
            | Self::MonitorPExit { .. }
            | Self::NodeLink
            | Self::Unknown { .. } => None,
        }
    }

    /// Writes the control tuple for a connection with these flags, and into it the payload unless it
    /// [follows](Self::carries).
    ///
    /// # Errors
    /// [`Error::MissingFlags`] when the peer knows no operation that says this.
    pub(crate) fn encode<K: Sink>(
        &self,
        flags: Flags,
        payload: Option<&Payload>,
        writer: &mut Writer<K>,
    ) -> Result<(), Error> {
        use Field::{Call, Id, Int, Name, Optional, Ref, Term, Unused};
        let has = |flag: Flags| flags.contains(flag);
        let need = |flag: Flags| {
            if has(flag) {
                Ok(())
            } else {
                Err(Error::MissingFlags(flag))
            }
        };
        let apart = self.carries(flags);
        let reason = Optional(payload.filter(|_| !apart));
        // As ERTS, a label that the peer does not understand is not told, and so is the token.
        let token = self
            .token()
            .filter(|token| has(Flags::BIG_SEQTRACE_LABELS) || is_small(token));
        let traced = |plain, tt| if token.is_some() { tt } else { plain };
        let (op, fields): (u8, &[Field<'_>]) = match self {
            Self::Send {
                from: Some(from),
                to,
                priority,
                ..
            } if self.is_altact(flags) => {
                let bits = altact_bits(to, *priority, token);
                (
                    op::ALTACT_SIG_SEND,
                    &[Int(bits), Id(from), to.into(), Optional(token)],
                )
            }
            Self::Send { from, to, .. } => match (from, to) {
                (Some(from), Destination::Pid(to)) if has(Flags::SEND_SENDER) => (
                    traced(op::SEND_SENDER, op::SEND_SENDER_TT),
                    &[Id(from), Id(to), Optional(token)],
                ),
                (_, Destination::Pid(to)) => (
                    traced(op::SEND, op::SEND_TT),
                    &[Unused, Id(to), Optional(token)],
                ),
                (Some(from), Destination::Name(to)) => (
                    traced(op::REG_SEND, op::REG_SEND_TT),
                    &[Id(from), Unused, Name(to), Optional(token)],
                ),
                (Some(from), Destination::Alias(to)) => {
                    need(Flags::ALIAS)?;
                    (
                        traced(op::ALIAS_SEND, op::ALIAS_SEND_TT),
                        &[Id(from), Ref(to), Optional(token)],
                    )
                }
                (None, _) => {
                    return Err(Error::Misuse("only messages to pids can lack a sender"));
                }
            },
            Self::Exit { from, to, .. } => {
                let op = if apart {
                    traced(op::PAYLOAD_EXIT, op::PAYLOAD_EXIT_TT)
                } else {
                    traced(op::EXIT, op::EXIT_TT)
                };
                (op, &[Id(from), Id(to), Optional(token), reason])
            }
            Self::Exit2 {
                from, to, priority, ..
            } if self.is_altact(flags) => {
                let bits = altact::EXIT | altact_bits(to, *priority, token);
                (
                    op::ALTACT_SIG_SEND,
                    &[Int(bits), Id(from), to.into(), Optional(token)],
                )
            }
            Self::Exit2 {
                from,
                to: Destination::Pid(to),
                ..
            } => {
                let op = if apart {
                    traced(op::PAYLOAD_EXIT2, op::PAYLOAD_EXIT2_TT)
                } else {
                    traced(op::EXIT2, op::EXIT2_TT)
                };
                (op, &[Id(from), Id(to), Optional(token), reason])
            }
            Self::Exit2 { .. } => return Err(Error::MissingFlags(Flags::ALTACT_SIG)),
            Self::Link { from, to } => (op::LINK, &[Id(from), Id(to)]),
            Self::Unlink { from, to } => (op::UNLINK, &[Id(from), Id(to)]),
            Self::UnlinkId { from, to, .. } if !has(Flags::UNLINK_ID) => {
                (op::UNLINK, &[Id(from), Id(to)])
            }
            Self::UnlinkId { id, from, to } => (op::UNLINK_ID, &[Int(id.get()), Id(from), Id(to)]),
            Self::UnlinkIdAck { id, from, to } => {
                need(Flags::UNLINK_ID)?;
                (op::UNLINK_ID_ACK, &[Int(id.get()), Id(from), Id(to)])
            }
            Self::NodeLink => (op::NODE_LINK, &[]),
            Self::GroupLeader { from, to } => (op::GROUP_LEADER, &[Id(from), Id(to)]),
            Self::MonitorP {
                from,
                to,
                reference,
            } => {
                need(to.flag())?;
                (op::MONITOR_P, &[Id(from), to.into(), Ref(reference)])
            }
            Self::DemonitorP {
                from,
                to,
                reference,
            } => {
                need(to.flag())?;
                (op::DEMONITOR_P, &[Id(from), to.into(), Ref(reference)])
            }
            Self::MonitorPExit {
                from,
                to,
                reference,
            } => {
                need(from.flag())?;
                let op = if apart {
                    op::PAYLOAD_MONITOR_P_EXIT
                } else {
                    op::MONITOR_P_EXIT
                };
                (op, &[from.into(), Id(to), Ref(reference), reason])
            }
            Self::SpawnRequest {
                request,
                from,
                group_leader,
                call,
                options,
                ..
            } => {
                need(Flags::SPAWN)?;
                (
                    traced(op::SPAWN_REQUEST, op::SPAWN_REQUEST_TT),
                    &[
                        Ref(request),
                        Id(from),
                        Id(group_leader),
                        Call(call),
                        Term(options),
                        Optional(token),
                    ],
                )
            }
            Self::SpawnReply {
                request,
                to,
                link,
                monitor,
                result,
                ..
            } => {
                let bits =
                    if *link { spawn::LINK } else { 0 } | if *monitor { spawn::MONITOR } else { 0 };
                let result = match result {
                    Ok(pid) => Id(pid),
                    Err(reason) => Name(reason),
                };
                (
                    traced(op::SPAWN_REPLY, op::SPAWN_REPLY_TT),
                    &[Ref(request), Id(to), Int(bits), result, Optional(token)],
                )
            }
            Self::Unknown { tuple, .. } => {
                return writer.encode(tuple).map_err(Error::Unencodable);
            }
        };
        if fields
            .iter()
            .any(|field| matches!(field, Ref(long) if long.words().len() > OLD_WORDS))
        {
            need(Flags::V4_NC)?;
        }
        put(writer, op, fields).map_err(Error::Unencodable)
    }

    /// The trace token.
    fn token(&self) -> Option<&Payload> {
        match self {
            Self::Send { token, .. }
            | Self::Exit { token, .. }
            | Self::Exit2 { token, .. }
            | Self::SpawnRequest { token, .. }
            | Self::SpawnReply { token, .. } => token.as_ref(),
            _ => None,
        }
    }
}

/// The most words of a reference before OTP 24.
const OLD_WORDS: usize = 3;

/// Whether the label of a trace token, which is `{Flags, Label, Serial, From, Previous}`, is one that all
/// releases understand: an integer.
fn is_small(token: &Payload) -> bool {
    match token.view() {
        Ok(View::Tuple(mut elements)) => elements
            .nth(1)
            .is_none_or(|label| label.decode::<i64>().is_ok()),
        _ => true,
    }
}

fn altact_bits(to: &Destination, priority: bool, token: Option<&Payload>) -> u64 {
    let to = match to {
        Destination::Pid(_) => 0,
        Destination::Name(_) => altact::NAME,
        Destination::Alias(_) => altact::ALIAS,
    };
    to | if priority { altact::PRIORITY } else { 0 }
        | if token.is_some() { altact::TOKEN } else { 0 }
}

impl Target {
    /// What a peer must handle to be told of a monitor of this.
    const fn flag(&self) -> Flags {
        match self {
            Self::Pid(_) => Flags::DIST_MONITOR,
            Self::Name(_) => Flags::DIST_MONITOR_NAME,
        }
    }
}

/// An element of a control tuple that is to be written.
enum Field<'a> {
    Id(&'a Pid),
    Name(&'a Atom),
    Ref(&'a Reference),
    Int(u64),
    Call(&'a Mfa),
    Term(&'a Payload),
    /// An element that may be absent.
    Optional(Option<&'a Payload>),
    /// What once was the cookie: the empty atom.
    Unused,
}

impl<'a> From<&'a Destination> for Field<'a> {
    fn from(to: &'a Destination) -> Self {
        match to {
            Destination::Pid(pid) => Self::Id(pid),
            Destination::Name(name) => Self::Name(name),
            Destination::Alias(alias) => Self::Ref(alias),
        }
    }
}

impl<'a> From<&'a Target> for Field<'a> {
    fn from(target: &'a Target) -> Self {
        match target {
            Target::Pid(pid) => Self::Id(pid),
            Target::Name(name) => Self::Name(name),
        }
    }
}

fn put<K: Sink>(
    writer: &mut Writer<K>,
    operation: u8,
    fields: &[Field<'_>],
) -> Result<(), EncodeError> {
    let present = fields
        .iter()
        .filter(|field| !matches!(field, Field::Optional(None)))
        .count();
    writer.tuple(present.saturating_add(1))?;
    writer.i64(operation.into())?;
    fields.iter().try_for_each(|field| match field {
        Field::Id(pid) => writer.pid(pid),
        Field::Name(name) => writer.atom(name),
        Field::Ref(reference) => writer.reference(reference),
        Field::Int(value) => writer.u64(*value),
        Field::Call(call) => writer.encode(&(&call.module, &call.function, call.arity)),
        Field::Term(term) | Field::Optional(Some(term)) => writer.encode(*term),
        Field::Optional(None) => Ok(()),
        Field::Unused => writer.atom(&const { Atom::from_static("") }),
    })
}
