use std::num::NonZeroU64;

use einode_etf::{Atom, DecodeError, Kind, Pid, Reader, Reference};

use crate::control::op::{self, altact, spawn};
use crate::control::{Control, Destination, Mfa, Operation, Target};
use crate::error::Error;
use crate::packet::Message;
use crate::payload::Payload;

/// A control message as it was read.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) operation: Operation,
    pub(crate) control: Control,
    /// The reason, where it is part of the tuple.
    pub(crate) reason: Option<Payload>,
    /// Where the tuple ends.
    pub(crate) end: usize,
}

impl Control {
    /// Reads the control tuple at the beginning of a packet.
    pub(crate) fn decode(packet: &Payload) -> Result<Decoded, Error> {
        const NAME: &str = "control message";
        let mut tuple = Tuple::start(packet).map_err(|e| Error::malformed(NAME, e.to_string()))?;
        let control = tuple.control().and_then(|control| match control {
            Some(control) => tuple.finish().map(|()| control),
            None => tuple.unknown(),
        });
        let control = control.map_err(|error| {
            Error::malformed(NAME, format!("operation {}: {error}", tuple.operation))
        })?;
        Ok(Decoded {
            operation: Operation(tuple.operation),
            control,
            end: tuple.reader.position(),
            reason: tuple.reason,
        })
    }
}

impl Decoded {
    /// The control message with what follows it in the packet.
    pub(crate) fn with(self, message: Option<Payload>) -> Result<Message, Error> {
        let payload = match &self.control {
            Control::Unknown { .. } => message,
            // What follows a control message that nothing belongs to has no meaning.
            control if !control.has_payload() => None,
            _ if self.reason.is_some() => self.reason,
            _ if message.is_some() => message,
            _ => return Err(Error::malformed("payload", "it is missing")),
        };
        Ok(Message {
            operation: self.operation,
            control: self.control,
            payload,
            fragments: None,
        })
    }
}

/// A control tuple that is being read.
struct Tuple<'a> {
    packet: &'a Payload,
    reader: Reader<'a>,
    operation: u64,
    arity: usize,
    /// How many elements have not been read.
    left: usize,
    /// The reason, once it has been met.
    reason: Option<Payload>,
}

impl<'a> Tuple<'a> {
    fn start(packet: &'a Payload) -> Result<Self, DecodeError> {
        let mut reader = packet.reader();
        let arity = reader.tuple()?;
        let left = arity.checked_sub(1).ok_or(DecodeError::BadArity(0))?;
        let operation = reader.u64()?;
        Ok(Self {
            packet,
            reader,
            operation,
            arity,
            left,
            reason: None,
        })
    }

    /// The control message; `None` for one of an unknown kind.
    fn control(&mut self) -> Result<Option<Control>, DecodeError> {
        use Control::{
            DemonitorP, Exit, Exit2, GroupLeader, Link, MonitorP, MonitorPExit, NodeLink, Send,
            SpawnReply, SpawnRequest, Unlink, UnlinkId, UnlinkIdAck,
        };
        let priority = false;
        Ok(Some(
            match u8::try_from(self.operation).unwrap_or_default() {
                op::LINK => Link {
                    from: self.pid()?,
                    to: self.pid()?,
                },
                op::SEND | op::SEND_TT => {
                    self.skip()?;
                    let to = Destination::Pid(self.pid()?);
                    Send {
                        from: None,
                        to,
                        priority,
                        token: self.token(op::SEND_TT)?,
                    }
                }
                op::EXIT | op::EXIT_TT => {
                    let (from, to, token) = (self.pid()?, self.pid()?, self.token(op::EXIT_TT)?);
                    self.reason = Some(self.term()?);
                    Exit { from, to, token }
                }
                op::UNLINK => Unlink {
                    from: self.pid()?,
                    to: self.pid()?,
                },
                op::NODE_LINK => NodeLink,
                op::REG_SEND | op::REG_SEND_TT => {
                    let from = Some(self.pid()?);
                    self.skip()?;
                    let to = Destination::Name(self.atom()?);
                    Send {
                        from,
                        to,
                        priority,
                        token: self.token(op::REG_SEND_TT)?,
                    }
                }
                op::GROUP_LEADER => GroupLeader {
                    from: self.pid()?,
                    to: self.pid()?,
                },
                op::EXIT2 | op::EXIT2_TT => {
                    let (from, to) = (self.pid()?, Destination::Pid(self.pid()?));
                    let token = self.token(op::EXIT2_TT)?;
                    self.reason = Some(self.term()?);
                    Exit2 {
                        from,
                        to,
                        priority,
                        token,
                    }
                }
                op::MONITOR_P => MonitorP {
                    from: self.pid()?,
                    to: self.target()?,
                    reference: self.reference()?,
                },
                op::DEMONITOR_P => DemonitorP {
                    from: self.pid()?,
                    to: self.target()?,
                    reference: self.reference()?,
                },
                op::MONITOR_P_EXIT => {
                    let (from, to, reference) = (self.target()?, self.pid()?, self.reference()?);
                    self.reason = Some(self.term()?);
                    MonitorPExit {
                        from,
                        to,
                        reference,
                    }
                }
                op::SEND_SENDER | op::SEND_SENDER_TT => {
                    let (from, to) = (Some(self.pid()?), Destination::Pid(self.pid()?));
                    Send {
                        from,
                        to,
                        priority,
                        token: self.token(op::SEND_SENDER_TT)?,
                    }
                }
                op::PAYLOAD_EXIT | op::PAYLOAD_EXIT_TT => {
                    let (from, to) = (self.pid()?, self.pid()?);
                    Exit {
                        from,
                        to,
                        token: self.token(op::PAYLOAD_EXIT_TT)?,
                    }
                }
                op::PAYLOAD_EXIT2 | op::PAYLOAD_EXIT2_TT => {
                    let (from, to) = (self.pid()?, Destination::Pid(self.pid()?));
                    Exit2 {
                        from,
                        to,
                        priority,
                        token: self.token(op::PAYLOAD_EXIT2_TT)?,
                    }
                }
                op::PAYLOAD_MONITOR_P_EXIT => MonitorPExit {
                    from: self.target()?,
                    to: self.pid()?,
                    reference: self.reference()?,
                },
                op::SPAWN_REQUEST | op::SPAWN_REQUEST_TT => SpawnRequest {
                    request: self.reference()?,
                    from: self.pid()?,
                    group_leader: self.pid()?,
                    call: self.call()?,
                    options: self.term()?,
                    token: self.token(op::SPAWN_REQUEST_TT)?,
                },
                op::SPAWN_REPLY | op::SPAWN_REPLY_TT => {
                    let (request, to, bits) = (self.reference()?, self.pid()?, self.u64()?);
                    SpawnReply {
                        request,
                        to,
                        link: bits & spawn::LINK != 0,
                        monitor: bits & spawn::MONITOR != 0,
                        result: match self.target()? {
                            Target::Pid(pid) => Ok(pid),
                            Target::Name(reason) => Err(reason),
                        },
                        token: self.token(op::SPAWN_REPLY_TT)?,
                    }
                }
                op::ALIAS_SEND | op::ALIAS_SEND_TT => {
                    let (from, to) = (Some(self.pid()?), Destination::Alias(self.reference()?));
                    Send {
                        from,
                        to,
                        priority,
                        token: self.token(op::ALIAS_SEND_TT)?,
                    }
                }
                op::UNLINK_ID => UnlinkId {
                    id: self.id()?,
                    from: self.pid()?,
                    to: self.pid()?,
                },
                op::UNLINK_ID_ACK => UnlinkIdAck {
                    id: self.id()?,
                    from: self.pid()?,
                    to: self.pid()?,
                },
                op::ALTACT_SIG_SEND => return self.altact(),
                _ => return Ok(None),
            },
        ))
    }

    /// `{37, Flags, From, To}` or `{37, Flags, From, To, Token}`; flags that did not exist when
    /// this was written may mean anything.
    fn altact(&mut self) -> Result<Option<Control>, DecodeError> {
        let bits = self.u64()?;
        if bits & !altact::ALL != 0 {
            return Ok(None);
        }
        let from = self.pid()?;
        let to = if bits & altact::ALIAS != 0 {
            Destination::Alias(self.reference()?)
        } else if bits & altact::NAME != 0 {
            Destination::Name(self.atom()?)
        } else {
            Destination::Pid(self.pid()?)
        };
        let priority = bits & altact::PRIORITY != 0;
        let token = if bits & altact::TOKEN != 0 {
            Some(self.term()?)
        } else {
            None
        };
        Ok(Some(if bits & altact::EXIT != 0 {
            Control::Exit2 {
                from,
                to,
                priority,
                token,
            }
        } else {
            Control::Send {
                from: Some(from),
                to,
                priority,
                token,
            }
        }))
    }

    /// There must be no more elements than were read.
    fn finish(&self) -> Result<(), DecodeError> {
        if self.left == 0 {
            Ok(())
        } else {
            Err(self.bad_arity())
        }
    }

    /// The whole tuple, for those who know what it means.
    fn unknown(&mut self) -> Result<Control, DecodeError> {
        self.reader = self.packet.reader();
        self.reader.skip()?;
        let tuple = self.packet.part(0, self.reader.position());
        Ok(Control::Unknown {
            operation: self.operation,
            tuple,
        })
    }

    /// The reader before the next element.
    fn next(&mut self) -> Result<&mut Reader<'a>, DecodeError> {
        self.left = self.left.checked_sub(1).ok_or_else(|| self.bad_arity())?;
        Ok(&mut self.reader)
    }

    fn bad_arity(&self) -> DecodeError {
        DecodeError::BadArity(u32::try_from(self.arity).unwrap_or(u32::MAX))
    }

    fn skip(&mut self) -> Result<(), DecodeError> {
        self.next()?.skip()
    }

    fn pid(&mut self) -> Result<Pid, DecodeError> {
        self.next()?.pid()
    }

    fn atom(&mut self) -> Result<Atom, DecodeError> {
        self.next()?.atom()
    }

    fn reference(&mut self) -> Result<Reference, DecodeError> {
        self.next()?.reference()
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        self.next()?.u64()
    }

    fn id(&mut self) -> Result<NonZeroU64, DecodeError> {
        NonZeroU64::new(self.u64()?).ok_or(DecodeError::OutOfRange)
    }

    fn target(&mut self) -> Result<Target, DecodeError> {
        let reader = self.next()?;
        match reader.kind()? {
            Kind::Atom => reader.atom().map(Target::Name),
            _ => reader.pid().map(Target::Pid),
        }
    }

    fn call(&mut self) -> Result<Mfa, DecodeError> {
        let (module, function, arity) = self.next()?.decode()?;
        Ok(Mfa {
            module,
            function,
            arity,
        })
    }

    /// Any term, as a part of the packet.
    fn term(&mut self) -> Result<Payload, DecodeError> {
        let reader = self.next()?;
        let start = reader.position();
        reader.skip()?;
        let end = reader.position();
        Ok(self.packet.part(start, end))
    }

    /// A trace token, if this is the operation that has one.
    fn token(&mut self, with_token: u8) -> Result<Option<Payload>, DecodeError> {
        if self.operation == u64::from(with_token) {
            self.term().map(Some)
        } else {
            Ok(None)
        }
    }
}
