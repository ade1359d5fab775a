//! Identifiers: pids, ports and references, and the trace tokens that hold one.

use std::ffi::{c_char, c_int, c_uint};

use einode_etf::{MAX_REFERENCE_WORDS, Sink, Source, Writer, tag};

use crate::atom;
use crate::ffi::{self, Fault, Outcome, decoders, encoders, put};
use crate::number::{read_signed, write_signed};
use crate::raw::Read;
use crate::types::{ERLANG_UTF8, erlang_pid, erlang_port, erlang_ref, erlang_trace};

/// A pointer to a member of what `$pointer` points to; null if that is.
macro_rules! member {
    ($pointer:expr, $($member:ident).+) => {
        if $pointer.is_null() {
            std::ptr::null_mut()
        } else {
            &raw mut (*$pointer).$($member).+
        }
    };
}
pub(crate) use member;

decoders! {
    /// A process identifier.
    ei_decode_pid(p: *mut erlang_pid) |source| read_pid(source, p);

    /// A port identifier.
    ei_decode_port(p: *mut erlang_port) |source| read_port(source, p);

    /// A reference.
    ei_decode_ref(p: *mut erlang_ref) |source| read_ref(source, p);

    /// A trace token.
    ei_decode_trace(p: *mut erlang_trace) |source| read_trace(source, p);
}

encoders! {
    /// A process identifier. If the name of its node is no UTF-8, the index has moved all the same.
    ei_encode_pid(p: *const erlang_pid),
    ei_x_encode_pid(p: *const erlang_pid) |sink| write_pid(sink, p);

    /// A port identifier. If the name of its node is no UTF-8, the index has moved all the same.
    ei_encode_port(p: *const erlang_port),
    ei_x_encode_port(p: *const erlang_port) |sink| {
        let port = p.as_ref().ok_or(Fault::Refused)?;
        // Nodes before OTP 24 know ids of 28 bits only, and only this form of them.
        if port.id < 1 << 28 {
            sink.put(&[tag::NEW_PORT_EXT]);
            write_node(sink, &port.node)?;
            sink.put(&(port.id as c_uint).to_be_bytes());
        } else {
            sink.put(&[tag::V4_PORT_EXT]);
            write_node(sink, &port.node)?;
            sink.put(&port.id.to_be_bytes());
        }
        sink.put(&port.creation.to_be_bytes());
        Ok(())
    };

    /// A reference. If the name of its node is no UTF-8, the index has moved all the same.
    ei_encode_ref(p: *const erlang_ref),
    ei_x_encode_ref(p: *const erlang_ref) |sink| {
        let reference = p.as_ref().ok_or(Fault::Refused)?;
        let words = usize::try_from(reference.len).ok().and_then(|len| reference.n.get(..len));
        let words = words.ok_or(Fault::Refused)?;
        sink.put(&[tag::NEWER_REFERENCE_EXT, 0, words.len() as u8]);
        write_node(sink, &reference.node)?;
        sink.put(&reference.creation.to_be_bytes());
        words.iter().for_each(|word| sink.put(&word.to_be_bytes()));
        Ok(())
    };

    /// A trace token.
    ei_encode_trace(p: *const erlang_trace),
    ei_x_encode_trace(p: *const erlang_trace) |sink| write_trace(sink, p.as_ref());
}

/// # Safety
/// `p` is null or has room for a pid.
pub(crate) unsafe fn read_pid<'a>(source: &mut impl Source<'a>, p: *mut erlang_pid) -> Outcome {
    let found = source.u8()?;
    if !matches!(found, tag::PID_EXT | tag::NEW_PID_EXT) {
        return Err(Fault::Refused);
    }
    // SAFETY: as the caller promised.
    unsafe {
        atom::read_utf8(source, member!(p, node))?;
        put(member!(p, num), source.u32()?);
        put(member!(p, serial), source.u32()?);
        put(
            member!(p, creation),
            read_creation(source, found == tag::NEW_PID_EXT)?,
        );
    }
    Ok(())
}

/// # Safety
/// `p` is null or has room for a port.
pub(crate) unsafe fn read_port<'a>(source: &mut impl Source<'a>, p: *mut erlang_port) -> Outcome {
    let found = source.u8()?;
    if !matches!(found, tag::PORT_EXT | tag::NEW_PORT_EXT | tag::V4_PORT_EXT) {
        return Err(Fault::Refused);
    }
    // SAFETY: as the caller promised.
    unsafe {
        atom::read_utf8(source, member!(p, node))?;
        let id = if found == tag::V4_PORT_EXT {
            u64::from_be_bytes(source.array()?)
        } else {
            source.u32()?.into()
        };
        put(member!(p, id), id);
        let creation = read_creation(source, found != tag::PORT_EXT)?;
        put(member!(p, creation), creation);
    }
    Ok(())
}

/// # Safety
/// `p` is null or has room for a reference.
pub(crate) unsafe fn read_ref<'a>(source: &mut impl Source<'a>, p: *mut erlang_ref) -> Outcome {
    let found = source.u8()?;
    let length = match found {
        tag::REFERENCE_EXT => 1,
        tag::NEW_REFERENCE_EXT | tag::NEWER_REFERENCE_EXT => source.u16()?,
        _ => return Err(Fault::Refused),
    };
    if usize::from(length) > MAX_REFERENCE_WORDS {
        return Err(Fault::Refused);
    }
    // SAFETY: as the caller promised.
    unsafe {
        put(member!(p, len), c_int::from(length));
        atom::read_utf8(source, member!(p, node))?;
        // The oldest form has its word first.
        if found == tag::REFERENCE_EXT {
            put(member!(p, n).cast(), source.u32()?);
            put(member!(p, creation), read_creation(source, false)?);
            return Ok(());
        }
        put(member!(p, n), [0; MAX_REFERENCE_WORDS]);
        let creation = read_creation(source, found == tag::NEWER_REFERENCE_EXT)?;
        put(member!(p, creation), creation);
        let words: *mut c_uint = member!(p, n).cast();
        for at in 0..length.into() {
            let word = source.u32()?;
            if !words.is_null() {
                words.add(at).write(word);
            }
        }
    }
    Ok(())
}

/// # Safety
/// `p` is null or points to a pid.
pub(crate) unsafe fn write_pid(sink: &mut impl Sink, p: *const erlang_pid) -> Outcome {
    // SAFETY: as the caller promised.
    let pid = unsafe { p.as_ref() }.ok_or(Fault::Refused)?;
    sink.put(&[tag::NEW_PID_EXT]);
    write_node(sink, &pid.node)?;
    for number in [pid.num, pid.serial, pid.creation] {
        sink.put(&number.to_be_bytes());
    }
    Ok(())
}

/// # Safety
/// `p` is null or has room for a trace token.
pub(crate) unsafe fn read_trace<'a>(source: &mut impl Source<'a>, p: *mut erlang_trace) -> Outcome {
    if source.array()? != [tag::SMALL_TUPLE_EXT, 5] {
        return Err(Fault::Refused);
    }
    // SAFETY: as the caller promised.
    unsafe {
        put(member!(p, flags), read_signed(source)?);
        put(member!(p, label), read_signed(source)?);
        put(member!(p, serial), read_signed(source)?);
        read_pid(source, member!(p, from))?;
        put(member!(p, prev), read_signed(source)?);
    }
    Ok(())
}

pub(crate) fn write_trace(sink: &mut impl Sink, token: Option<&erlang_trace>) -> Outcome {
    let token = token.ok_or(Fault::Refused)?;
    Writer::new(&mut *sink).tuple(5)?;
    write_signed(sink, token.flags)?;
    write_signed(sink, token.label)?;
    write_signed(sink, token.serial)?;
    // SAFETY: a token has a pid.
    unsafe { write_pid(sink, &raw const token.from) }?;
    write_signed(sink, token.prev)
}

/// The name of an identifier's node. What was written before stays counted if it is refused.
fn write_node(sink: &mut impl Sink, node: &[c_char]) -> Outcome {
    write_name(sink, node).map_err(|_| Fault::Moved)
}

/// A name in UTF-8 that ends with NUL, as an atom.
pub(crate) fn write_name(sink: &mut impl Sink, name: &[c_char]) -> Outcome {
    // SAFETY: NUL ends the name before its array does, or the array does.
    let name = unsafe {
        let length = libc::strnlen(name.as_ptr(), name.len());
        ffi::bytes(name.as_ptr().cast(), length as i64)?
    };
    atom::write(sink, name, ERLANG_UTF8)
}

/// A creation: four bytes today, one byte of which two bits count in the forms before OTP 23.
fn read_creation<'a>(source: &mut impl Source<'a>, wide: bool) -> Result<c_uint, Fault> {
    if wide {
        Ok(source.u32()?)
    } else {
        Ok(c_uint::from(source.u8()? & 0b11))
    }
}
