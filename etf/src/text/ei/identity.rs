//! How `ei_print_term` prints what stands for a process, a port, a reference or a fun.

use std::io::{self, Write};

use super::read::{count, name_in_utf8, small, u8, u16, u32};
use crate::{DecodeError, MAX_REFERENCE_WORDS, Reader, Source, tag};

/// Numbers are printed as an `int`.
pub(super) fn print_id<'a, S: Source<'a>>(source: &mut S, out: &mut dyn Write) -> io::Result<()> {
    let found = u8(source)?;
    match found {
        tag::PID_EXT | tag::NEW_PID_EXT => {
            let (node, id, serial) = pid(found, source)?;
            out.write_all(b"<")?;
            out.write_all(&node)?;
            write!(out, ".{id}.{serial}>")
        }
        tag::PORT_EXT | tag::NEW_PORT_EXT | tag::V4_PORT_EXT => {
            name_in_utf8(source)?;
            let id = match found {
                tag::V4_PORT_EXT => u64::from_be_bytes(source.array()?) as i32,
                _ => u32(source)? as i32,
            };
            let creation = creation(source, found != tag::PORT_EXT)? as i32;
            write!(out, "#Port<{id}.{creation}>")
        }
        _ => {
            let old = found == tag::REFERENCE_EXT;
            let length = if old { 1 } else { u16(source)? };
            if usize::from(length) > MAX_REFERENCE_WORDS {
                return Err(DecodeError::BadReference(length).into());
            }
            name_in_utf8(source)?;
            // The oldest form has its word first.
            if !old {
                creation(source, found == tag::NEWER_REFERENCE_EXT)?;
            }
            let words = (0..length).map(|_| Ok(u32(source)? as i32));
            let words = words.collect::<Result<Vec<_>, DecodeError>>()?;
            if old {
                creation(source, false)?;
            }
            out.write_all(b"#Ref<")?;
            for (at, word) in words.iter().enumerate() {
                let separator = if at == 0 { "" } else { "." };
                write!(out, "{separator}{word}")?;
            }
            out.write_all(b">")
        }
    }
}

/// Node, number and serial of a pid.
fn pid<'a, S: Source<'a>>(found: u8, source: &mut S) -> Result<(Vec<u8>, i32, i32), DecodeError> {
    let node = name_in_utf8(source)?;
    let (id, serial) = (u32(source)? as i32, u32(source)? as i32);
    creation(source, found == tag::NEW_PID_EXT)?;
    Ok((node, id, serial))
}

/// A creation: four bytes today, one byte of which two bits count in the forms before OTP 23.
fn creation<'a, S: Source<'a>>(source: &mut S, wide: bool) -> Result<u32, DecodeError> {
    if wide {
        u32(source)
    } else {
        Ok((u8(source)? & 0b11).into())
    }
}

/// Names are printed as they are.
pub(super) fn print_fun<'a, S: Source<'a>>(source: &mut S, out: &mut dyn Write) -> io::Result<()> {
    let (module, index, uniq) = match u8(source)? {
        tag::EXPORT_EXT => {
            let (module, function) = (name_in_utf8(source)?, name_in_utf8(source)?);
            let arity = small(source)?;
            out.write_all(b"fun ")?;
            out.write_all(&module)?;
            out.write_all(b":")?;
            out.write_all(&function)?;
            return write!(out, "/{arity}");
        }
        tag::NEW_FUN_EXT => closure(source)?,
        _ => old_closure(source)?,
    };
    out.write_all(b"#Fun{")?;
    out.write_all(&module)?;
    write!(out, ".{index}.{uniq}}}")
}

/// Module, index and uniq of a fun.
fn closure<'a, S: Source<'a>>(source: &mut S) -> Result<(Vec<u8>, i64, i64), DecodeError> {
    let start = source.remaining();
    let size = count(source)?;
    source.take(1 + 16)?;
    let index = i32::from_be_bytes(source.array()?);
    let free = count(source)?;
    let module = name_in_utf8(source)?;
    small(source)?;
    let uniq = small(source)?;
    some_pid(source)?;
    skip(source, free)?;
    // The size counts itself.
    if start - source.remaining() != size {
        return Err(DecodeError::Truncated);
    }
    Ok((module, index.into(), uniq))
}

fn old_closure<'a, S: Source<'a>>(source: &mut S) -> Result<(Vec<u8>, i64, i64), DecodeError> {
    let free = count(source)?;
    some_pid(source)?;
    let module = name_in_utf8(source)?;
    let (index, uniq) = (small(source)?, small(source)?);
    skip(source, free)?;
    Ok((module, index, uniq))
}

fn some_pid<'a, S: Source<'a>>(source: &mut S) -> Result<(), DecodeError> {
    match u8(source)? {
        found @ (tag::PID_EXT | tag::NEW_PID_EXT) => pid(found, source).map(drop),
        found => Err(DecodeError::UnknownTag(found)),
    }
}

fn skip<'a, S: Source<'a>>(source: &mut S, terms: usize) -> Result<(), DecodeError> {
    let mut reader = Reader::from_source(source.clone());
    (0..terms).try_for_each(|_| reader.skip())?;
    *source = reader.source().clone();
    Ok(())
}
