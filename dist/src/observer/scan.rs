//! Where the next packet begins, in bytes of which nothing else is known.

use bytes::Buf;
use einode_etf::tag;

use crate::atoms::{References, TRUNCATED};
use crate::limits;
use crate::packet::{FIRST_FRAGMENT, NEXT_FRAGMENT, NORMAL, PASS_THROUGH, PREFIX};

/// What there is in some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A packet begins here.
    Packet(usize),
    /// None begins before this. Whether one begins here, more bytes have to tell.
    Perhaps(usize),
}

/// Looks for a packet: a length, the first bytes of one of the framings, and a control message with the number
/// of an operation. Ticks and messages without any of that would be found everywhere.
pub(super) fn find(bytes: &[u8], max_packet: u32) -> Found {
    for at in 0..bytes.len() {
        match begins(bytes.get(at..).unwrap_or_default(), max_packet) {
            Ok(()) => return Found::Packet(at),
            Err(Not::Complete) => return Found::Perhaps(at),
            Err(Not::Packet) => {}
        }
    }
    Found::Perhaps(bytes.len())
}

/// Why bytes are not seen to begin a packet.
enum Not {
    Packet,
    /// There are too few of them to tell.
    Complete,
}

fn begins(mut bytes: &[u8], max_packet: u32) -> Result<(), Not> {
    let all = bytes.len();
    let length = match bytes.try_get_u32() {
        Ok(length) if length > max_packet => return Err(Not::Packet),
        Ok(length) => length,
        Err(_)
            if bytes
                .first()
                .is_some_and(|first| u32::from(*first) > max_packet >> 24) =>
        {
            return Err(Not::Packet);
        }
        Err(_) => return Err(Not::Complete),
    };
    match u8(&mut bytes)? {
        PASS_THROUGH if u8(&mut bytes)? == tag::VERSION => control(&mut bytes)?,
        tag::VERSION => match u8(&mut bytes)? {
            NORMAL => {
                header(&mut bytes)?;
                control(&mut bytes)?;
            }
            FIRST_FRAGMENT => {
                fragment(&mut bytes)?;
                header(&mut bytes)?;
                control(&mut bytes)?;
            }
            NEXT_FRAGMENT => fragment(&mut bytes)?,
            _ => return Err(Not::Packet),
        },
        _ => return Err(Not::Packet),
    }
    let read = all.saturating_sub(bytes.len()).saturating_sub(PREFIX);
    if u64::from(length) < read as u64 {
        return Err(Not::Packet);
    }
    Ok(())
}

/// The sequence, which may be anything, and a number that is not above the limit.
fn fragment(bytes: &mut &[u8]) -> Result<(), Not> {
    bytes.try_get_u64().map_err(|_| Not::Complete)?;
    let number = bytes.try_get_u64().map_err(|_| Not::Complete)?;
    if (1..=limits::FRAGMENTS).contains(&number) {
        Ok(())
    } else {
        Err(Not::Packet)
    }
}

fn header(bytes: &mut &[u8]) -> Result<(), Not> {
    let why = |problem| {
        if problem == TRUNCATED {
            Not::Complete
        } else {
            Not::Packet
        }
    };
    let mut references = References::start(bytes).map_err(why)?;
    while let Some(reference) = references.next(bytes).map_err(why)? {
        if reference
            .name
            .is_some_and(|name| std::str::from_utf8(name).is_err())
        {
            return Err(Not::Packet);
        }
    }
    Ok(())
}

/// A tuple of a few elements, of which the first is a small number.
fn control(bytes: &mut &[u8]) -> Result<(), Not> {
    let tuple = u8(bytes)? == tag::SMALL_TUPLE_EXT && (2..=16).contains(&u8(bytes)?);
    if tuple && u8(bytes)? == tag::SMALL_INTEGER_EXT && u8(bytes)? > 0 {
        Ok(())
    } else {
        Err(Not::Packet)
    }
}

fn u8(bytes: &mut &[u8]) -> Result<u8, Not> {
    bytes.try_get_u8().map_err(|_| Not::Complete)
}
