//! Strings, binaries, bit strings and lists of integers.

use std::ffi::{c_char, c_int, c_long, c_uint, c_void};

use einode_etf::{Sink, Source, Writer, tag};

use crate::ffi::{self, Fault, Outcome, decoders, encoders, put};
use crate::number::read_signed;
use crate::raw::Read;
use crate::short;

decoders! {
    /// A list of bytes as a string, for which `p` has room, and for its NUL. What was read before an
    /// element that is no byte is already there.
    ei_decode_string(p: *mut c_char) |source| read_string(source, p.cast());

    /// A binary, for which `p` has room, and its length.
    ei_decode_binary(p: *mut c_void, len: *mut c_long) |source| {
        if source.u8()? != tag::BINARY_EXT {
            return Err(Fault::Refused);
        }
        let length = source.count()?;
        let bytes = source.take(length as usize)?;
        if !p.is_null() {
            short::copy(bytes.as_ptr(), p.cast(), bytes.len());
        }
        put(len, length.into());
        Ok(())
    };

    /// A bit string where it is in `buf`, and its number of bits. The number of bits before its
    /// first one is always 0.
    ei_decode_bitstring(
        pp: *mut *const c_char,
        bitoffsp: *mut c_uint,
        nbitsp: *mut usize,
    ) |source| {
        let (bytes, bits) = read_bits(source)?;
        put(pp, bytes.as_ptr().cast());
        put(bitoffsp, 0);
        put(nbitsp, bits);
        Ok(())
    };

    /// A list of integers, without its tail: the index is then at `[]`, unless the list had the form
    /// of a string. `count` gets how many were read, even if one after them is refused.
    ei_decode_intlist(a: *mut c_long, count: *mut c_int) |source| read_integers(source, a, count);
}

encoders! {
    /// A string as a list of bytes.
    ei_encode_string(p: *const c_char),
    ei_x_encode_string(p: *const c_char)
    |sink| Ok(Writer::new(sink).string(ffi::text(p)?)?);

    /// `len` bytes as a list.
    ei_encode_string_len(p: *const c_char, len: c_int),
    ei_x_encode_string_len(p: *const c_char, len: c_int)
    |sink| Ok(Writer::new(sink).string(ffi::bytes(p.cast(), len)?)?);

    /// A binary.
    ei_encode_binary(p: *const c_void, len: c_long),
    ei_x_encode_binary(p: *const c_void, len: c_int)
    |sink| Ok(Writer::new(sink).binary(ffi::bytes(p.cast(), len)?)?);

    /// A bit string of `bits` bits, of which the first is bit `bitoffs` of the bytes at `p`, counted
    /// from the most significant one.
    ei_encode_bitstring(p: *const c_char, bitoffs: usize, bits: usize),
    ei_x_encode_bitstring(p: *const c_char, bitoffs: usize, bits: usize)
    |sink| {
        let end = bitoffs.checked_add(bits).and_then(|end| end.checked_add(7));
        let bytes = end.and_then(|end| i64::try_from(end / 8).ok()).ok_or(Fault::Refused)?;
        write_bits(sink, ffi::bytes(p.cast(), bytes)?, bitoffs, bits)
    };
}

/// # Safety
/// `p` is null or has room for the string and a NUL.
unsafe fn read_string<'a>(source: &mut impl Source<'a>, p: *mut u8) -> Outcome {
    let length = match source.u8()? {
        tag::NIL_EXT => 0,
        tag::STRING_EXT => {
            let length = source.u16()?.into();
            let bytes = source.take(length)?;
            if !p.is_null() {
                // SAFETY: as the caller promised; a buffer may be read into itself.
                unsafe { short::copy(bytes.as_ptr(), p, length) };
            }
            length
        }
        tag::LIST_EXT => {
            // By value: so the source stays in registers where there is a string.
            // SAFETY: as the caller promised.
            let length = unsafe { read_list(source.clone(), p) }?;
            source.take(4 + 2 * length + 1)?;
            length
        }
        _ => return Err(Fault::Refused),
    };
    if !p.is_null() {
        // SAFETY: as the caller promised.
        unsafe { p.add(length).write(0) };
    }
    Ok(())
}

/// The elements of a list of bytes, whose tag is behind, up to its tail; how many there are.
///
/// # Safety
/// As for [`read_string`].
#[inline(never)]
unsafe fn read_list<'a>(mut source: impl Source<'a>, p: *mut u8) -> Result<usize, Fault> {
    let length = source.count()? as usize;
    for at in 0..length {
        if source.u8()? != tag::SMALL_INTEGER_EXT {
            return Err(Fault::Refused);
        }
        let byte = source.u8()?;
        if !p.is_null() {
            // SAFETY: as the caller promised.
            unsafe { p.add(at).write(byte) };
        }
    }
    match source.u8()? {
        tag::NIL_EXT => Ok(length),
        _ => Err(Fault::Refused),
    }
}

/// The bytes of a bit string, and how many bits of them count.
#[inline]
pub(crate) fn read_bits<'a>(source: &mut impl Source<'a>) -> Result<(&'a [u8], usize), Fault> {
    let found = source.u8()?;
    let length = match found {
        tag::BINARY_EXT | tag::BIT_BINARY_EXT => source.count()? as usize,
        _ => return Err(Fault::Refused),
    };
    let unused = if found == tag::BINARY_EXT {
        0
    } else {
        match source.u8()? {
            // No bits are fine where there is no byte to have them.
            0 if length == 0 => 0,
            bits @ 1..=8 if length > 0 => 8 - usize::from(bits),
            _ => return Err(Fault::Refused),
        }
    };
    Ok((source.take(length)?, 8 * length - unused))
}

#[inline(always)]
fn write_bits(sink: &mut impl Sink, from: &[u8], offset: usize, bits: usize) -> Outcome {
    let (skipped, shift) = (offset / 8, offset % 8);
    let length = bits.div_ceil(8);
    let count = u32::try_from(length).map_err(|_| Fault::Refused)?;
    let unused = 8 * length - bits;
    let [a, b, c, d] = count.to_be_bytes();
    if unused == 0 {
        sink.put(&[tag::BINARY_EXT, a, b, c, d]);
    } else {
        sink.put(&[tag::BIT_BINARY_EXT, a, b, c, d, 8 - unused as u8]);
    }
    let from = from.get(skipped..).unwrap_or_default();
    if shift == 0 && unused == 0 {
        sink.put_run(from);
    } else {
        put_shifted(sink, from, shift, bits);
    }
    Ok(())
}

/// Puts bits from bit `shift` of the first byte on, by words; those after the last one are zero.
#[inline(never)]
fn put_shifted(sink: &mut impl Sink, from: &[u8], shift: usize, bits: usize) {
    let (mut ahead, mut left) = (from, bits);
    while left > 0 {
        let (word, rest) = match ahead.split_first_chunk() {
            Some((word, rest)) => (u64::from_be_bytes(*word), rest),
            None => {
                let word = ahead
                    .iter()
                    .fold(0, |word, &byte| word << 8 | u64::from(byte));
                (word << (64 - 8 * ahead.len()), &[][..])
            }
        };
        let next = rest
            .first()
            .map_or(0, |&byte| u64::from(byte) << shift >> 8);
        let shifted = (word << shift | next).to_be_bytes();
        if left >= 64 {
            sink.put(&shifted);
            left -= 64;
        } else {
            let last = u64::from_be_bytes(shifted) & !(u64::MAX >> left);
            sink.put_run(
                last.to_be_bytes()
                    .get(..left.div_ceil(8))
                    .unwrap_or_default(),
            );
            left = 0;
        }
        ahead = rest;
    }
}

/// # Safety
/// `a` is null or has room for all elements, `count` for one number.
unsafe fn read_integers<'a>(
    source: &mut impl Source<'a>,
    a: *mut c_long,
    count: *mut c_int,
) -> Outcome {
    let store = |at: c_int, value| {
        if !a.is_null() {
            // SAFETY: as the caller promised.
            unsafe { a.add(at as usize).write(value) };
        }
    };
    match source.u8()? {
        tag::STRING_EXT => {
            let length = source.u16()?.into();
            for at in 0..length {
                store(at, source.u8()?.into());
            }
            // SAFETY: as the caller promised.
            unsafe { put(count, length) };
            Ok(())
        }
        tag::LIST_EXT => {
            let length = source.count()?;
            let mut read = 0;
            let outcome = (0..length).try_for_each(|at| {
                store(at, read_signed(source)?);
                read = at + 1;
                Ok(())
            });
            // SAFETY: as the caller promised.
            unsafe { put(count, read) };
            outcome
        }
        _ => Err(Fault::Refused),
    }
}
