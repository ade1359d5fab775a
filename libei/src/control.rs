//! Control messages: what a packet says before its message.
//!
//! ```text
//! packet = length:u32 'p' 131 {Op, Field...} [131 message]
//! ```
//!
//! Which fields an operation has, [`layout`] says for both directions. (OTP: Distribution Protocol,
//! section "Protocol between Connected Nodes".)

use std::ffi::{c_int, c_long};

use einode_etf::{Reader, Source, Writer, tag};

use crate::atom;
use crate::ffi::{Fault, Outcome, put};
use crate::ids::{member, read_pid, read_trace, write_pid, write_trace};
use crate::number::{read_signed, read_unsigned, write_signed};
use crate::raw::Read;
use crate::types::*;

/// The most bytes of a packet up to its message or reason, for operations that [`layout`] knows: four
/// names of 1020 bytes and some numbers.
pub(crate) const HEAD: usize = 5 * 1024;

/// The bytes of a packet up to its message, if its names are not very long.
const USUAL: usize = 256;

/// What the operations that add a trace token have added to their number.
const TRACED: c_long = 10;

/// A link is gone, and its end shall be acknowledged. Programs see `ERL_UNLINK`.
pub(crate) const UNLINK_ID: c_long = 35;
/// The answer to [`UNLINK_ID`].
pub(crate) const UNLINK_ID_ACK: c_long = 36;

/// What a control message says after its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// What was a cookie once: an atom that is ignored, the empty one.
    Unused,
    From,
    To,
    ToName,
    Token,
    /// Of the end of a link: an integer that the answer repeats.
    Id,
}

/// What comes after the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    Nothing,
    /// One more element of the tuple.
    Reason,
    /// Another term, with a version byte of its own.
    Message,
}

/// What a control message with this operation has; `None` if programs are not told of it.
pub(crate) fn layout(op: c_long) -> Option<(&'static [Field], Rest)> {
    use Field::{From, Id, To, ToName, Token, Unused};
    Some(match op {
        ERL_LINK | ERL_UNLINK | ERL_GROUP_LEADER => (&[From, To], Rest::Nothing),
        UNLINK_ID | UNLINK_ID_ACK => (&[Id, From, To], Rest::Nothing),
        ERL_EXIT | ERL_EXIT2 => (&[From, To], Rest::Reason),
        ERL_EXIT_TT | ERL_EXIT2_TT => (&[From, To, Token], Rest::Reason),
        ERL_SEND => (&[Unused, To], Rest::Message),
        ERL_SEND_TT => (&[Unused, To, Token], Rest::Message),
        ERL_REG_SEND => (&[From, Unused, ToName], Rest::Message),
        ERL_REG_SEND_TT => (&[From, Unused, ToName, Token], Rest::Message),
        _ => return None,
    })
}

/// The operation that a program is told: without its trace token and without its acknowledgement.
pub(crate) const fn shown(op: c_long) -> c_long {
    match op {
        UNLINK_ID => ERL_UNLINK,
        op if op > TRACED => op - TRACED,
        op => op,
    }
}

/// What a control message to be sent consists of; what its operation does not have is ignored.
pub(crate) struct Parts<'a> {
    pub(crate) from: *const erlang_pid,
    pub(crate) to: *const erlang_pid,
    /// In Latin-1.
    pub(crate) name: &'a [u8],
    pub(crate) token: Option<&'a erlang_trace>,
    /// An encoded integer.
    pub(crate) id: &'a [u8],
    /// A string.
    pub(crate) reason: &'a [u8],
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Self {
            from: std::ptr::null(),
            to: std::ptr::null(),
            name: &[],
            token: None,
            id: &[],
            reason: &[],
        }
    }
}

/// A packet up to its message, which has `message` bytes.
///
/// # Safety
/// The pids of `parts` are null or pids.
pub(crate) unsafe fn write(
    op: c_long,
    parts: &Parts<'_>,
    message: usize,
) -> Result<Vec<u8>, Fault> {
    let traced = if parts.token.is_some() { TRACED } else { 0 };
    let (fields, rest) = layout(op + traced).ok_or(Fault::Refused)?;
    let mut packet = Vec::with_capacity(USUAL);
    packet.extend_from_slice(&[0, 0, 0, 0, ERL_PASS_THROUGH as u8, tag::VERSION]);
    Writer::new(&mut packet).tuple(1 + fields.len() + usize::from(rest == Rest::Reason))?;
    write_signed(&mut packet, op + traced)?;
    for field in fields {
        // SAFETY: as the caller promised.
        unsafe {
            match field {
                Field::Unused => atom::write(&mut packet, b"", ERLANG_LATIN1)?,
                Field::From => write_pid(&mut packet, parts.from)?,
                Field::To => write_pid(&mut packet, parts.to)?,
                // As ei_encode_atom cuts long names.
                Field::ToName => {
                    let length = parts.name.len().min(MAXATOMLEN - 1);
                    let name = parts.name.get(..length).unwrap_or_default();
                    atom::write(&mut packet, name, ERLANG_LATIN1)?;
                }
                Field::Token => write_trace(&mut packet, parts.token)?,
                Field::Id => packet.extend_from_slice(parts.id),
            }
        }
    }
    if rest == Rest::Reason {
        Writer::new(&mut packet).string(parts.reason)?;
    }
    let length = u32::try_from(packet.len() - 4 + message).map_err(|_| Fault::Refused)?;
    if let Some(prefix) = packet.first_chunk_mut() {
        *prefix = length.to_be_bytes();
    }
    Ok(packet)
}

/// A control message that was read as far as it is understood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Control<'a> {
    pub(crate) op: c_long,
    /// An encoded integer, if it has one.
    pub(crate) id: &'a [u8],
    /// How many elements of the tuple have not been read.
    left: c_int,
}

/// Reads a packet, whose length is behind, up to its reason or message; if the operation is not
/// understood, up to what follows that.
///
/// # Safety
/// `msg` has room for a message.
pub(crate) unsafe fn read<'a>(
    source: &mut impl Source<'a>,
    msg: *mut erlang_msg,
) -> Result<Control<'a>, Fault> {
    if source.array()? != [ERL_PASS_THROUGH as u8, tag::VERSION] {
        return Err(Fault::Refused);
    }
    let arity = match source.u8()? {
        tag::SMALL_TUPLE_EXT => source.u8()?.into(),
        tag::LARGE_TUPLE_EXT => source.count()?,
        _ => return Err(Fault::Refused),
    };
    let op = read_signed(source)?;
    let mut control = Control {
        op,
        id: &[],
        left: arity - 1,
    };
    // SAFETY: as the caller promised.
    unsafe { put(member!(msg, msgtype), op) };
    let Some((fields, _)) = layout(op) else {
        return if op > 0 {
            Ok(control)
        } else {
            Err(Fault::Refused)
        };
    };
    for field in fields {
        // SAFETY: as above.
        unsafe {
            match field {
                Field::Unused => atom::read_utf8(source, member!(msg, cookie))?,
                Field::From => read_pid(source, member!(msg, from))?,
                Field::To => read_pid(source, member!(msg, to))?,
                Field::ToName => atom::read_utf8(source, member!(msg, toname))?,
                Field::Token => read_trace(source, member!(msg, token))?,
                Field::Id => {
                    let mut ahead = source.clone();
                    if read_unsigned(source)? == 0 {
                        return Err(Fault::Refused);
                    }
                    control.id = ahead.take(ahead.remaining() - source.remaining())?;
                }
            }
        }
        control.left -= 1;
    }
    Ok(control)
}

impl Control<'_> {
    /// Checks that what follows is what the operation says, and nothing else: `body` may be given to a
    /// program that believes what the bytes announce.
    pub(crate) fn check(&self, body: &[u8]) -> Outcome {
        let mut reader = Reader::new(body);
        for _ in 0..self.left {
            reader.skip()?;
        }
        let (left, message) = match layout(self.op) {
            Some((_, rest)) => (c_int::from(rest == Rest::Reason), rest == Rest::Message),
            None => (self.left, !reader.is_empty()),
        };
        if self.left != left {
            return Err(Fault::Refused);
        }
        if message {
            reader.version()?;
            reader.skip()?;
        }
        Ok(reader.finish()?)
    }
}

/// A pid of nobody.
pub(crate) const NOBODY: erlang_pid = erlang_pid {
    node: [0; MAXATOMLEN_UTF8],
    num: 0,
    serial: 0,
    creation: 0,
};

/// A trace token of nobody.
pub(crate) const NO_TOKEN: erlang_trace = erlang_trace {
    serial: 0,
    prev: 0,
    from: NOBODY,
    label: 0,
    flags: 0,
};

/// A message that says nothing.
pub(crate) const fn nothing() -> erlang_msg {
    erlang_msg {
        msgtype: 0,
        from: NOBODY,
        to: NOBODY,
        toname: [0; MAXATOMLEN_UTF8],
        cookie: [0; MAXATOMLEN_UTF8],
        token: NO_TOKEN,
    }
}
