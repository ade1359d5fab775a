//! Atoms.
//!
//! Names come and go in Latin-1 or UTF-8. On the wire they are always written in UTF-8, and read in
//! either.

use std::ffi::{c_char, c_int};
use std::ptr;

use einode_etf::{Sink, tag};

use crate::ffi::{self, Fault, Outcome, decoders, encoders, put};
use crate::raw::RawSource;
use crate::types::{
    ERLANG_ASCII, ERLANG_LATIN1, ERLANG_UTF8, MAXATOMLEN, MAXATOMLEN_UTF8, ei_x_buff,
    erlang_char_encoding,
};

decoders! {
    /// An atom as a string in Latin-1, for which `p` has room for `MAXATOMLEN` bytes.
    ei_decode_atom(p: *mut c_char) |source| {
        read(source, p, MAXATOMLEN as c_int, ERLANG_LATIN1).map(drop)
    };

    /// An atom as a string in one of the encodings in `want`, for which `p` has room for `destlen`
    /// bytes with its NUL.
    ///
    /// `was` gets the encoding in which it came, `result` that of the string; text of seven bits is
    /// `ERLANG_ASCII`.
    ei_decode_atom_as(
        p: *mut c_char,
        destlen: c_int,
        want: erlang_char_encoding,
        was: *mut erlang_char_encoding,
        result: *mut erlang_char_encoding,
    ) |source| {
        let encodings = read(source, p, destlen, want)?;
        put(was, encodings.was);
        put(result, encodings.result);
        Ok(())
    };
}

encoders! {
    /// An atom from a string in the encoding `from`. On the wire it is in UTF-8, whatever `_to` says.
    ei_encode_atom_as(p: *const c_char, from: erlang_char_encoding, _to: erlang_char_encoding),
    ei_x_encode_atom_as(p: *const c_char, from: erlang_char_encoding, _to: erlang_char_encoding)
    |sink| write(sink, ffi::text(p)?, from);

    /// [`ei_encode_atom_as`] of `len` bytes.
    ei_encode_atom_len_as(
        p: *const c_char, len: c_int, from: erlang_char_encoding, _to: erlang_char_encoding
    ),
    ei_x_encode_atom_len_as(
        p: *const c_char, len: c_int, from: erlang_char_encoding, _to: erlang_char_encoding
    )
    |sink| write(sink, name_of_length(p, len)?, from);
}

/// An atom from a string in Latin-1, of which the first 255 characters count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_encode_atom(
    buf: *mut c_char,
    index: *mut c_int,
    p: *const c_char,
) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe {
        ffi::encode(buf, index, |sink| {
            write(sink, shortened(ffi::text(p)?), ERLANG_LATIN1)
        })
    }
}

/// [`ei_encode_atom`] of `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_encode_atom_len(
    buf: *mut c_char,
    index: *mut c_int,
    p: *const c_char,
    len: c_int,
) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe {
        ffi::encode(buf, index, |sink| {
            write(sink, shortened(name_of_length(p, len)?), ERLANG_LATIN1)
        })
    }
}

/// An atom from a string in Latin-1, at the end of `x`. More than 255 characters are refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_x_encode_atom(x: *mut ei_x_buff, p: *const c_char) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { ffi::append(x, |sink| write(sink, ffi::text(p)?, ERLANG_LATIN1)) }
}

/// [`ei_x_encode_atom`] of `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_x_encode_atom_len(
    x: *mut ei_x_buff,
    p: *const c_char,
    len: c_int,
) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe {
        ffi::append(x, |sink| {
            write(sink, name_of_length(p, len)?, ERLANG_LATIN1)
        })
    }
}

/// The most characters of an atom.
const MAX_CHARS: usize = MAXATOMLEN - 1;

/// What [`read`] says about a name.
pub(crate) struct Encodings {
    was: erlang_char_encoding,
    result: erlang_char_encoding,
}

/// Reads an atom and puts its name, with a NUL, where `p` has room for `room` bytes.
///
/// # Safety
/// `p` is null or has that room.
pub(crate) unsafe fn read(
    source: &mut RawSource<'_>,
    p: *mut c_char,
    room: c_int,
    want: erlang_char_encoding,
) -> Result<Encodings, Fault> {
    let (name, was) = name(source)?;
    let to = Room {
        p: p.cast(),
        // One byte is for the NUL.
        left: usize::try_from(room)
            .ok()
            .and_then(|room| room.checked_sub(1)),
    };
    // SAFETY, of all: as the caller promised.
    let result = if name.is_ascii() {
        unsafe { to.copy(name) }?;
        ERLANG_ASCII
    } else if want & was != 0 {
        unsafe { to.copy(name) }?;
        was
    } else if want == ERLANG_ASCII {
        return Err(Fault::Refused);
    } else if was == ERLANG_LATIN1 {
        unsafe { to.copy(&latin1_to_utf8(name).collect::<Vec<_>>()) }?;
        ERLANG_UTF8
    } else {
        let latin1: Option<Vec<_>> = utf8_to_latin1(name).collect();
        unsafe { to.copy(&latin1.ok_or(Fault::Refused)?) }?;
        ERLANG_LATIN1
    };
    Ok(Encodings { was, result })
}

/// Reads an atom and puts its name in UTF-8 into a member `node` or the like.
///
/// # Safety
/// `p` is null or has that room.
pub(crate) unsafe fn read_utf8(
    source: &mut RawSource<'_>,
    p: *mut [c_char; MAXATOMLEN_UTF8],
) -> Outcome {
    // SAFETY: as the caller promised.
    unsafe { read(source, p.cast(), MAXATOMLEN_UTF8 as c_int, ERLANG_UTF8) }.map(drop)
}

/// The name of an atom and its encoding.
pub(crate) fn name<'a>(
    source: &mut RawSource<'a>,
) -> Result<(&'a [u8], erlang_char_encoding), Fault> {
    use einode_etf::Source;

    let (length, encoding) = match source.u8()? {
        tag::ATOM_EXT => (source.u16()?, ERLANG_LATIN1),
        tag::SMALL_ATOM_EXT => (source.u8()?.into(), ERLANG_LATIN1),
        tag::ATOM_UTF8_EXT => (source.u16()?, ERLANG_UTF8),
        tag::SMALL_ATOM_UTF8_EXT => (source.u8()?.into(), ERLANG_UTF8),
        _ => return Err(Fault::Refused),
    };
    Ok((source.take(length.into())?, encoding))
}

/// Writes an atom whose name is in exactly this encoding.
pub(crate) fn write(sink: &mut impl Sink, name: &[u8], from: erlang_char_encoding) -> Outcome {
    match from {
        ERLANG_ASCII if name.is_ascii() && name.len() <= MAX_CHARS => {
            write_header(sink, name.len(), name.len());
            sink.put(name);
        }
        ERLANG_LATIN1 if name.len() <= MAX_CHARS => {
            // The longest that it could become decides the tag.
            write_header(sink, latin1_to_utf8(name).count(), 2 * name.len());
            if name.is_ascii() {
                sink.put(name);
            } else {
                latin1_to_utf8(name).for_each(|byte| sink.put(&[byte]));
            }
        }
        ERLANG_UTF8 if utf8_chars(name).is_some_and(|chars| chars <= MAX_CHARS) => {
            write_header(sink, name.len(), name.len());
            sink.put(name);
        }
        _ => return Err(Fault::Refused),
    }
    Ok(())
}

fn write_header(sink: &mut impl Sink, length: usize, longest: usize) {
    // At most 255 characters of at most four bytes, so two bytes can say it.
    let [.., high, low] = length.to_be_bytes();
    if longest <= usize::from(u8::MAX) {
        sink.put(&[tag::SMALL_ATOM_UTF8_EXT, low]);
    } else {
        sink.put(&[tag::ATOM_UTF8_EXT, high, low]);
    }
}

/// The bytes of a name; those of a negative length are none.
///
/// # Safety
/// `p` is null or points to `len` bytes.
unsafe fn name_of_length<'a>(p: *const c_char, len: c_int) -> Result<&'a [u8], Fault> {
    // SAFETY: as the caller promised.
    unsafe { ffi::bytes(p.cast(), len.max(0)) }
}

fn shortened(name: &[u8]) -> &[u8] {
    name.get(..MAX_CHARS).unwrap_or(name)
}

/// How many characters there are, if the bytes have the shape of UTF-8. Forms that are longer than
/// need be, and surrogates, pass.
fn utf8_chars(mut text: &[u8]) -> Option<usize> {
    const CONTINUES: std::ops::RangeInclusive<u8> = 0x80..=0xbf;
    let mut chars = 0;
    loop {
        text = match text {
            [] => return Some(chars),
            [0..=0x7f, rest @ ..] => rest,
            [0xc0..=0xdf, a, rest @ ..] if CONTINUES.contains(a) => rest,
            [0xe0..=0xef, a, b, rest @ ..] if [a, b].iter().all(|a| CONTINUES.contains(a)) => rest,
            [0xf0..=0xf7, a, b, c, rest @ ..]
                if [a, b, c].iter().all(|a| CONTINUES.contains(a)) =>
            {
                rest
            }
            _ => return None,
        };
        chars += 1;
    }
}

fn latin1_to_utf8(name: &[u8]) -> impl Iterator<Item = u8> + Clone {
    name.iter().flat_map(|&byte| {
        let (lead, last) = if byte.is_ascii() {
            (None, byte)
        } else {
            (Some(0xc0 | byte >> 6), 0x80 | byte & 0x3f)
        };
        lead.into_iter().chain([last])
    })
}

/// The characters in Latin-1; one `None` at the end if there are others.
fn utf8_to_latin1(mut name: &[u8]) -> impl Iterator<Item = Option<u8>> + Clone {
    std::iter::from_fn(move || {
        let character;
        (character, name) = match name {
            [] => return None,
            [byte @ 0..=0x7f, rest @ ..] => (Some(*byte), rest),
            [lead @ 0xc2..=0xc3, last @ 0x80..=0xbf, rest @ ..] => {
                (Some(lead << 6 | last & 0x3f), rest)
            }
            _ => (None, &[][..]),
        };
        Some(character)
    })
}

/// Where a name goes.
struct Room {
    /// Null to only see whether it would fit.
    p: *mut u8,
    /// The most bytes, without the NUL; `None` if not even that fits.
    left: Option<usize>,
}

impl Room {
    /// Puts a name and a NUL, or nothing if they do not fit.
    ///
    /// # Safety
    /// `p` is null or has room for `left` bytes and a NUL.
    unsafe fn copy(self, name: &[u8]) -> Outcome {
        if self.left.is_none_or(|left| name.len() > left) {
            return Err(Fault::Refused);
        }
        if !self.p.is_null() {
            // SAFETY: as the caller promised, and they fit. The room may be where the atom is.
            unsafe {
                ptr::copy(name.as_ptr(), self.p, name.len());
                self.p.add(name.len()).write(0);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin1_and_utf8_are_each_others_inverse() {
        let all: Vec<u8> = (1..=255).collect();
        let utf8: Vec<u8> = latin1_to_utf8(&all).collect();
        let text: String = all.iter().map(|&byte| char::from(byte)).collect();
        assert_eq!(utf8, text.as_bytes());
        assert_eq!(
            utf8_to_latin1(&utf8).collect::<Option<Vec<u8>>>(),
            Some(all)
        );
        assert_eq!(utf8_to_latin1("aŁ".as_bytes()).last(), Some(None));
    }

    #[test]
    fn characters_are_counted_by_shape() {
        assert_eq!(utf8_chars("aå€𐍈".as_bytes()), Some(4));
        assert_eq!(utf8_chars(b"\xc0\x80\xed\xa0\x80"), Some(2));
        for bad in [
            &b"\xc3"[..],
            b"\x80",
            b"\xe2\x82",
            b"\xf8\x80\x80\x80\x80",
            b"\xc3a",
        ] {
            assert_eq!(utf8_chars(bad), None);
        }
    }
}
