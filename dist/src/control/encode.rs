use einode_etf::{Atom, EncodeError, Pid, Reference, Sink, Writer};

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

    /// Writes the control tuple for a connection with these flags. Returns whether `payload` is to
    /// follow it; otherwise it is in it.
    ///
    /// # Errors
    /// [`Error::MissingFlags`] when the peer knows no operation that says this.
    pub(crate) fn encode<K: Sink>(
        &self,
        flags: Flags,
        payload: Option<&Payload>,
        writer: &mut Writer<K>,
    ) -> Result<bool, Error> {
        use Field::{Call, Id, Int, Name, Optional, Ref, Term, Unused};
        let has = |flag: Flags| flags.contains(flag);
        let need = |flag: Flags| {
            if has(flag) {
                Ok(())
            } else {
                Err(Error::MissingFlags(flag))
            }
        };
        // Reasons are payload where both sides know that form, and inside the tuple elsewhere.
        let mut apart = has(Flags::EXIT_PAYLOAD);
        let reason = Optional(payload.filter(|_| !apart));
        let altact = |to: &Destination, priority| {
            has(Flags::ALTACT_SIG) && (priority || matches!(to, Destination::Alias(_)))
        };
        let (op, fields): (u8, &[Field<'_>]) = match self {
            Self::Send {
                from: Some(from),
                to,
                priority,
                token,
            } if altact(to, *priority) => {
                let token = Optional(token.as_ref());
                let bits = altact_bits(to, *priority, &token);
                (
                    op::ALTACT_SIG_SEND,
                    &[Int(bits), Id(from), to.into(), token],
                )
            }
            Self::Send {
                from, to, token, ..
            } => {
                let op = |plain, tt| if token.is_some() { tt } else { plain };
                let token = Optional(token.as_ref());
                match (from, to) {
                    (Some(from), Destination::Pid(to)) if has(Flags::SEND_SENDER) => (
                        op(op::SEND_SENDER, op::SEND_SENDER_TT),
                        &[Id(from), Id(to), token],
                    ),
                    (_, Destination::Pid(to)) => {
                        (op(op::SEND, op::SEND_TT), &[Unused, Id(to), token])
                    }
                    (Some(from), Destination::Name(to)) => (
                        op(op::REG_SEND, op::REG_SEND_TT),
                        &[Id(from), Unused, Name(to), token],
                    ),
                    (Some(from), Destination::Alias(to)) => {
                        need(Flags::ALIAS)?;
                        (
                            op(op::ALIAS_SEND, op::ALIAS_SEND_TT),
                            &[Id(from), Ref(to), token],
                        )
                    }
                    (None, _) => {
                        return Err(Error::Misuse("only messages to pids can lack a sender"));
                    }
                }
            }
            Self::Exit { from, to, token } => {
                let op = match (apart, token) {
                    (true, None) => op::PAYLOAD_EXIT,
                    (true, Some(_)) => op::PAYLOAD_EXIT_TT,
                    (false, None) => op::EXIT,
                    (false, Some(_)) => op::EXIT_TT,
                };
                (op, &[Id(from), Id(to), Optional(token.as_ref()), reason])
            }
            Self::Exit2 {
                from,
                to: Destination::Pid(to),
                priority,
                token,
            } if !(*priority && has(Flags::ALTACT_SIG)) => {
                let op = match (apart, token) {
                    (true, None) => op::PAYLOAD_EXIT2,
                    (true, Some(_)) => op::PAYLOAD_EXIT2_TT,
                    (false, None) => op::EXIT2,
                    (false, Some(_)) => op::EXIT2_TT,
                };
                (op, &[Id(from), Id(to), Optional(token.as_ref()), reason])
            }
            Self::Exit2 {
                from,
                to,
                priority,
                token,
            } => {
                need(Flags::ALTACT_SIG)?;
                apart = true;
                let token = Optional(token.as_ref());
                let bits = altact::EXIT | altact_bits(to, *priority, &token);
                (
                    op::ALTACT_SIG_SEND,
                    &[Int(bits), Id(from), to.into(), token],
                )
            }
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
                token,
            } => {
                need(Flags::SPAWN)?;
                let op = if token.is_some() {
                    op::SPAWN_REQUEST_TT
                } else {
                    op::SPAWN_REQUEST
                };
                let token = Optional(token.as_ref());
                (
                    op,
                    &[
                        Ref(request),
                        Id(from),
                        Id(group_leader),
                        Call(call),
                        Term(options),
                        token,
                    ],
                )
            }
            Self::SpawnReply {
                request,
                to,
                link,
                monitor,
                result,
                token,
            } => {
                let op = if token.is_some() {
                    op::SPAWN_REPLY_TT
                } else {
                    op::SPAWN_REPLY
                };
                let bits =
                    if *link { spawn::LINK } else { 0 } | if *monitor { spawn::MONITOR } else { 0 };
                let result = match result {
                    Ok(pid) => Id(pid),
                    Err(reason) => Name(reason),
                };
                let token = Optional(token.as_ref());
                (op, &[Ref(request), Id(to), Int(bits), result, token])
            }
            Self::Unknown { tuple, .. } => {
                writer.encode(tuple).map_err(Error::Unencodable)?;
                return Ok(payload.is_some());
            }
        };
        put(writer, op, fields).map_err(Error::Unencodable)?;
        let inside = matches!(
            self,
            Self::Exit { .. } | Self::Exit2 { .. } | Self::MonitorPExit { .. }
        );
        Ok(self.has_payload() && (apart || !inside))
    }
}

fn altact_bits(to: &Destination, priority: bool, token: &Field<'_>) -> u64 {
    let to = match to {
        Destination::Pid(_) => 0,
        Destination::Name(_) => altact::NAME,
        Destination::Alias(_) => altact::ALIAS,
    };
    to | if priority { altact::PRIORITY } else { 0 }
        | if matches!(token, Field::Optional(Some(_))) {
            altact::TOKEN
        } else {
            0
        }
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
