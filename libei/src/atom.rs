//! Atoms.
//!
//! Names come and go in Latin-1 or UTF-8. On the wire they are always written in UTF-8, and read in
//! either.

use std::ffi::{c_char, c_int};

use einode_etf::{Count, Sink, Source, tag};

use crate::ffi::{self, Fault, Outcome, cold_path, decoders, encoders, put};
use crate::raw::{RawSink, Read};
use crate::short::{self, is_ascii, split_ascii};
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
#[inline(always)]
pub(crate) unsafe fn read<'a>(
    source: &mut impl Source<'a>,
    p: *mut c_char,
    room: c_int,
    want: erlang_char_encoding,
) -> Result<Encodings, Fault> {
    let (name, was) = name(source)?;
    let room = Room { p, size: room };
    // SAFETY, of both: as the caller promised.
    let result = if is_ascii(name) {
        unsafe { room.copy(name) }?;
        ERLANG_ASCII
    } else if want & was != 0 {
        unsafe { room.copy(name) }?;
        was
    } else {
        unsafe { room.put_other(name, was, want) }?
    };
    Ok(Encodings { was, result })
}

/// Reads an atom and puts its name in UTF-8 into a member `node` or the like.
///
/// # Safety
/// `p` is null or has that room.
pub(crate) unsafe fn read_utf8<'a>(
    source: &mut impl Source<'a>,
    p: *mut [c_char; MAXATOMLEN_UTF8],
) -> Outcome {
    // SAFETY: as the caller promised.
    unsafe { read(source, p.cast(), MAXATOMLEN_UTF8 as c_int, ERLANG_UTF8) }.map(drop)
}

/// The name of an atom and its encoding.
#[inline]
pub(crate) fn name<'a>(
    source: &mut impl Source<'a>,
) -> Result<(&'a [u8], erlang_char_encoding), Fault> {
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
#[inline]
pub(crate) fn write(sink: &mut impl Sink, name: &[u8], from: erlang_char_encoding) -> Outcome {
    if !is_ascii(name) {
        return write_other(sink, name, from);
    }
    let longest = match from {
        ERLANG_ASCII | ERLANG_UTF8 => name.len(),
        // The longest that it could have become decides the tag.
        ERLANG_LATIN1 => 2 * name.len(),
        _ => return Err(Fault::Refused),
    };
    if name.len() > MAX_CHARS {
        return Err(Fault::Refused);
    }
    write_header(sink, name.len(), longest);
    sink.put_run(name);
    Ok(())
}

/// [`write`] of a name that is not ASCII.
#[inline(never)]
fn write_other(sink: &mut impl Sink, name: &[u8], from: erlang_char_encoding) -> Outcome {
    match from {
        ERLANG_LATIN1 if name.len() <= MAX_CHARS => {
            let length = name.len() + short::count_non_ascii(name);
            write_header(sink, length, 2 * name.len());
            Conversion::ToUtf8.convert(name, sink)
        }
        ERLANG_UTF8 if is_utf8(name) => {
            write_header(sink, name.len(), name.len());
            sink.put_run(name);
            Ok(())
        }
        _ => Err(Fault::Refused),
    }
}

#[inline]
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

/// Whether the bytes have the shape of UTF-8 and are not too many characters. Forms that are longer
/// than need be, and surrogates, pass.
#[inline]
fn is_utf8(mut text: &[u8]) -> bool {
    const CONTINUES: std::ops::RangeInclusive<u8> = 0x80..=0xbf;
    let mut chars = 0;
    loop {
        let (ascii, rest) = split_ascii(text);
        chars += ascii.len();
        text = match rest {
            [] => return chars <= MAX_CHARS,
            [0xc0..=0xdf, a, rest @ ..] if CONTINUES.contains(a) => rest,
            [0xe0..=0xef, a, b, rest @ ..] if [a, b].iter().all(|a| CONTINUES.contains(a)) => rest,
            [0xf0..=0xf7, a, b, c, rest @ ..]
                if [a, b, c].iter().all(|a| CONTINUES.contains(a)) =>
            {
                rest
            }
            _ => return false,
        };
        chars += 1;
    }
}

/// From one encoding of names into the other.
#[derive(Clone, Copy)]
enum Conversion {
    ToUtf8,
    ToLatin1,
}

impl Conversion {
    /// Puts the name into a sink.
    #[inline(always)]
    fn convert(self, name: &[u8], sink: &mut impl Sink) -> Outcome {
        match self {
            Self::ToUtf8 => latin1_to_utf8(name, sink),
            Self::ToLatin1 => utf8_to_latin1(name, sink),
        }
    }

    /// The most bytes that a name may become.
    fn longest(self, name: &[u8]) -> usize {
        match self {
            Self::ToUtf8 => 2 * name.len(),
            Self::ToLatin1 => name.len(),
        }
    }
}

/// From Latin-1.
#[inline(always)]
fn latin1_to_utf8(name: &[u8], sink: &mut impl Sink) -> Outcome {
    for &byte in name {
        if byte.is_ascii() {
            sink.put(&[byte]);
        } else {
            sink.put(&[0xc0 | byte >> 6, 0x80 | byte & 0x3f]);
        }
    }
    Ok(())
}

/// From UTF-8. Latin-1 may not have all of its characters.
#[inline(always)]
fn utf8_to_latin1(name: &[u8], sink: &mut impl Sink) -> Outcome {
    let mut bytes = name.iter();
    while let Some(&byte) = bytes.next() {
        let char = match byte {
            0..=0x7f => byte,
            0xc2..=0xc3 => match bytes.next() {
                Some(&next @ 0x80..=0xbf) => byte << 6 | next & 0x3f,
                _ => return Err(Fault::Refused),
            },
            _ => return Err(Fault::Refused),
        };
        sink.put(&[char]);
    }
    Ok(())
}

/// Where a name goes.
struct Room {
    /// Null to only see whether it would fit.
    p: *mut c_char,
    /// How many bytes there is room for.
    size: c_int,
}

impl Room {
    /// Puts a name and a NUL, or nothing if they do not fit.
    ///
    /// # Safety
    /// `p` is null or has room for `size` bytes.
    #[inline]
    unsafe fn copy(&self, name: &[u8]) -> Outcome {
        self.fits(name.len())?;
        if !self.p.is_null() {
            // SAFETY: as the caller promised, and they fit. The room may be where the atom is.
            unsafe {
                short::copy(name.as_ptr(), self.p.cast(), name.len());
                self.p.add(name.len()).write(0);
            }
        }
        Ok(())
    }

    /// Puts a name that is not ASCII in the encoding that it does not have; gives that encoding.
    ///
    /// # Safety
    /// As for [`Room::copy`].
    #[inline(never)]
    unsafe fn put_other(
        &self,
        name: &[u8],
        was: erlang_char_encoding,
        want: erlang_char_encoding,
    ) -> Result<erlang_char_encoding, Fault> {
        // SAFETY, of both: as the caller promised.
        if want == ERLANG_ASCII {
            Err(Fault::Refused)
        } else if was == ERLANG_LATIN1 {
            unsafe { self.convert(name, Conversion::ToUtf8) }?;
            Ok(ERLANG_UTF8)
        } else {
            unsafe { self.convert(name, Conversion::ToLatin1) }?;
            Ok(ERLANG_LATIN1)
        }
    }

    /// Puts a name in another encoding and a NUL, or nothing if they do not fit.
    ///
    /// # Safety
    /// As for [`Room::copy`].
    #[inline(always)]
    unsafe fn convert(&self, name: &[u8], conversion: Conversion) -> Outcome {
        let mut longest = conversion.longest(name);
        if self.fits(longest).is_err() {
            let mut count = Count::default();
            conversion.convert(name, &mut count)?;
            longest = count.bytes();
            self.fits(longest)?;
        }
        // SAFETY: as the caller promised, and they fit.
        let mut sink = unsafe { RawSink::new(self.p, 0) };
        let start = self.p.cast_const().cast();
        let overlaps = name.as_ptr_range().contains(&start)
            || (start..start.wrapping_add(longest + 1)).contains(&name.as_ptr());
        if overlaps {
            cold_path();
            // SAFETY: as the caller promised.
            return unsafe { self.convert_aside(name, conversion) };
        }
        conversion.convert(name, &mut sink)?;
        sink.put(&[0]);
        Ok(())
    }

    /// [`Room::convert`] of a name that is where the room is.
    ///
    /// # Safety
    /// As for [`Room::copy`].
    #[inline(never)]
    unsafe fn convert_aside(&self, name: &[u8], conversion: Conversion) -> Outcome {
        let mut converted = Vec::new();
        conversion.convert(name, &mut converted)?;
        // SAFETY: as the caller promised.
        unsafe { self.copy(&converted) }
    }

    fn fits(&self, length: usize) -> Outcome {
        // One byte is for the NUL.
        if (length as i64) < self.size.into() {
            Ok(())
        } else {
            Err(Fault::Refused)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin1_and_utf8_are_each_others_inverse() {
        let all: Vec<u8> = (1..=255).collect();
        let mut utf8 = Vec::new();
        assert_eq!(Conversion::ToUtf8.convert(&all, &mut utf8), Ok(()));
        let text: String = all.iter().map(|&byte| char::from(byte)).collect();
        assert_eq!(utf8, text.as_bytes());
        let mut latin1 = Vec::new();
        assert_eq!(Conversion::ToLatin1.convert(&utf8, &mut latin1), Ok(()));
        assert_eq!(latin1, all);
        for other in ["aŁ".as_bytes(), b"\xc3", b"\x80", b"\xc3a", b"\xc1\x80"] {
            assert!(
                Conversion::ToLatin1
                    .convert(other, &mut Vec::new())
                    .is_err()
            );
        }
    }

    #[test]
    fn utf8_is_known_by_its_shape() {
        assert!(is_utf8("aå€𐍈".repeat(63).as_bytes()));
        assert!(!is_utf8("aå€𐍈".repeat(64).as_bytes()));
        assert!(is_utf8(b"\xc0\x80\xed\xa0\x80"));
        for bad in [
            &b"\xc3"[..],
            b"\x80",
            b"\xe2\x82",
            b"\xf8\x80\x80\x80\x80",
            b"\xc3a",
        ] {
            assert!(!is_utf8(bad));
        }
    }
}
