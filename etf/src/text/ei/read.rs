//! What the texts are printed from: names, numbers and counts as the C library reads them.

use crate::{DecodeError, Reader, Source, tag};

/// The most bytes of an atom in Latin-1; in UTF-8 there may be four for each.
const MAX_ATOM: usize = 255;

#[derive(PartialEq)]
pub(super) enum Coding {
    Latin1,
    Utf8,
}

/// The name of an atom as it is written.
pub(super) fn name<'a, S: Source<'a>>(source: &mut S) -> Result<(&'a [u8], Coding), DecodeError> {
    let (length, coding) = match u8(source)? {
        tag::ATOM_EXT => (u16(source)?, Coding::Latin1),
        tag::SMALL_ATOM_EXT => (u8(source)?.into(), Coding::Latin1),
        tag::ATOM_UTF8_EXT => (u16(source)?, Coding::Utf8),
        tag::SMALL_ATOM_UTF8_EXT => (u8(source)?.into(), Coding::Utf8),
        found => return Err(DecodeError::UnknownTag(found)),
    };
    Ok((source.take(length.into())?, coding))
}

/// The name of an atom in Latin-1, up to a NUL.
pub(super) fn name_in_latin1<'a, S: Source<'a>>(source: &mut S) -> Result<Vec<u8>, DecodeError> {
    let (name, coding) = name(source)?;
    let name = match coding {
        Coding::Latin1 => name.to_vec(),
        Coding::Utf8 => latin1(name).ok_or(DecodeError::BadAtom)?,
    };
    if name.len() > MAX_ATOM {
        return Err(DecodeError::BadAtom);
    }
    Ok(until_nul(&name).to_vec())
}

/// The name of a node or module in UTF-8, up to a NUL.
pub(super) fn name_in_utf8<'a, S: Source<'a>>(source: &mut S) -> Result<Vec<u8>, DecodeError> {
    let (name, coding) = name(source)?;
    let name = match coding {
        Coding::Utf8 => name.to_vec(),
        Coding::Latin1 => {
            let chars = name.iter().copied().map(char::from);
            chars.collect::<String>().into_bytes()
        }
    };
    if name.len() > 4 * MAX_ATOM {
        return Err(DecodeError::BadAtom);
    }
    Ok(until_nul(&name).to_vec())
}

/// A text in Latin-1; `None` if that has not all of its characters.
fn latin1(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut latin1 = Vec::with_capacity(text.len());
    loop {
        text = match *text {
            [] => return Some(latin1),
            [byte @ 0..=0x7f, ref rest @ ..] => {
                latin1.push(byte);
                rest
            }
            [high @ 0xc2..=0xc3, low @ 0x80..=0xbf, ref rest @ ..] => {
                latin1.push(high << 6 | low & 0x3f);
                rest
            }
            _ => return None,
        };
    }
}

pub(super) fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// An integer of a word.
pub(super) fn small<'a, S: Source<'a>>(source: &mut S) -> Result<i64, DecodeError> {
    let mut reader = Reader::from_source(source.clone());
    let value = reader.i64()?;
    *source = reader.source().clone();
    Ok(value)
}

pub(super) fn u8<'a, S: Source<'a>>(source: &mut S) -> Result<u8, DecodeError> {
    source.array().map(u8::from_be_bytes)
}

pub(super) fn u16<'a, S: Source<'a>>(source: &mut S) -> Result<u16, DecodeError> {
    source.array().map(u16::from_be_bytes)
}

pub(super) fn u32<'a, S: Source<'a>>(source: &mut S) -> Result<u32, DecodeError> {
    source.array().map(u32::from_be_bytes)
}

/// Four bytes as a count that an `int` of C can hold.
pub(super) fn count<'a, S: Source<'a>>(source: &mut S) -> Result<usize, DecodeError> {
    let count = i32::try_from(u32(source)?);
    let count = count.ok().and_then(|count| usize::try_from(count).ok());
    count.ok_or(DecodeError::Truncated)
}
