//! Integers that a machine word can hold, floats, booleans and characters.

use std::ffi::{c_char, c_double, c_int, c_long, c_longlong, c_ulong, c_ulonglong};

use einode_etf::{DecodeError, Sink, Source, tag};

use crate::atom;
use crate::ffi::{Fault, Outcome, cold_path, decoders, encoders, put};
use crate::raw::Read;
use crate::types::ERLANG_ASCII;

decoders! {
    /// An integer that fits a `long`.
    ei_decode_long(p: *mut c_long)
    common p: |source| small(source).map(c_long::from),
    |source| {
        put(p, read_signed(source)?);
        Ok(())
    };

    /// An integer that fits an `unsigned long`.
    ei_decode_ulong(p: *mut c_ulong)
    common p: |source| small(source)?.try_into().ok(),
    |source| {
        put(p, read_unsigned(source)?);
        Ok(())
    };

    /// An integer that fits a `long long`.
    ei_decode_longlong(p: *mut c_longlong)
    common p: |source| small(source).map(c_longlong::from),
    |source| {
        put(p, read_signed(source)?);
        Ok(())
    };

    /// An integer that fits an `unsigned long long`.
    ei_decode_ulonglong(p: *mut c_ulonglong)
    common p: |source| small(source)?.try_into().ok(),
    |source| {
        put(p, read_unsigned(source)?);
        Ok(())
    };

    /// An integer from 0 to 255.
    ei_decode_char(p: *mut c_char)
    common p: |source| match source.u8() {
        Ok(tag::SMALL_INTEGER_EXT) => Some(source.u8().ok()? as c_char),
        _ => None,
    },
    |source| {
        let value = read_unsigned(source)?;
        if value > u8::MAX.into() {
            return Err(Fault::Refused);
        }
        put(p, value as c_char);
        Ok(())
    };

    /// A float, in either of its forms. Infinity and NaN, which no Erlang node writes, are read too.
    ei_decode_double(p: *mut c_double)
    common p: |source| match source.u8() {
        Ok(tag::NEW_FLOAT_EXT) => Some(f64::from_be_bytes(source.array().ok()?)),
        _ => None,
    },
    |source| {
        put(p, read_float(source)?);
        Ok(())
    };

    /// The atom `true` or `false` as 1 or 0. The index moves past any other atom of up to five
    /// characters, although that is refused.
    ei_decode_boolean(p: *mut c_int) |source| {
        put(p, read_boolean(source)?.into());
        Ok(())
    };
}

encoders! {
    /// An integer.
    ei_encode_long(p: c_long),
    ei_x_encode_long(p: c_long) |sink| write_signed(sink, p);

    /// An integer.
    ei_encode_ulong(p: c_ulong),
    ei_x_encode_ulong(p: c_ulong) |sink| write_unsigned(sink, p);

    /// An integer.
    ei_encode_longlong(p: c_longlong),
    ei_x_encode_longlong(p: c_longlong) |sink| write_signed(sink, p);

    /// An integer.
    ei_encode_ulonglong(p: c_ulonglong),
    ei_x_encode_ulonglong(p: c_ulonglong) |sink| write_unsigned(sink, p);

    /// A character, as an integer from 0 to 255.
    ei_encode_char(p: c_char),
    ei_x_encode_char(p: c_char) |sink| write_unsigned(sink, (p as u8).into());

    /// A float. Infinity and NaN are written too, and no Erlang node can read them.
    ei_encode_double(p: c_double),
    ei_x_encode_double(p: c_double) |sink| write_float(sink, p);

    /// The atom `false` for 0, `true` for anything else.
    ei_encode_boolean(p: c_int),
    ei_x_encode_boolean(p: c_int) |sink| {
        atom::write(sink, if p == 0 { b"false" } else { b"true" }, ERLANG_ASCII)
    };
}

/// The integers that ei writes as INTEGER_EXT: those that fitted a word of old BEAMs.
const INTEGERS: std::ops::Range<i64> = -(1 << 27)..1 << 27;

#[inline]
pub(crate) fn write_signed(sink: &mut impl Sink, value: i64) -> Outcome {
    if !INTEGERS.contains(&value) {
        cold_path();
        write_magnitude(sink, value < 0, value.unsigned_abs());
    } else if let Ok(byte) = u8::try_from(value) {
        sink.put(&[tag::SMALL_INTEGER_EXT, byte]);
    } else {
        // In range, so nothing is cut off.
        let [a, b, c, d] = (value as i32).to_be_bytes();
        sink.put(&[tag::INTEGER_EXT, a, b, c, d]);
    }
    Ok(())
}

pub(crate) fn write_float(sink: &mut impl Sink, value: f64) -> Outcome {
    sink.put(&[tag::NEW_FLOAT_EXT]);
    sink.put(&value.to_be_bytes());
    Ok(())
}

#[inline]
pub(crate) fn write_unsigned(sink: &mut impl Sink, value: u64) -> Outcome {
    match i64::try_from(value) {
        Ok(value) => write_signed(sink, value),
        Err(_) => {
            write_magnitude(sink, false, value);
            Ok(())
        }
    }
}

/// An integer that is no INTEGER_EXT, and so has at least four bytes.
#[inline(always)]
fn write_magnitude(sink: &mut impl Sink, negative: bool, magnitude: u64) {
    let more = [32, 40, 48, 56].map(|bits| usize::from(magnitude >> bits != 0));
    let length = 4 + more.iter().sum::<usize>();
    sink.put(&[tag::SMALL_BIG_EXT, length as u8, negative.into()]);
    let digits = magnitude.to_le_bytes();
    sink.put_run(digits.get(..length).unwrap_or(&digits));
}

/// An integer that does not have the form of a large one, if there is one.
#[inline]
fn small<'a>(source: &mut impl Source<'a>) -> Option<i32> {
    match source.u8().ok()? {
        tag::SMALL_INTEGER_EXT => Some(source.u8().ok()?.into()),
        tag::INTEGER_EXT => Some(i32::from_be_bytes(source.array().ok()?)),
        _ => None,
    }
}

#[inline]
pub(crate) fn read_signed<'a>(source: &mut impl Source<'a>) -> Result<i64, Fault> {
    let found = source.u8()?;
    signed_body(found, source)
}

/// An integer whose tag is behind.
#[inline]
pub(crate) fn signed_body<'a>(found: u8, source: &mut impl Source<'a>) -> Result<i64, Fault> {
    match found {
        tag::SMALL_INTEGER_EXT => Ok(source.u8()?.into()),
        tag::INTEGER_EXT => Ok(i32::from_be_bytes(source.array()?).into()),
        found => match read_magnitude(found, source)? {
            (true, magnitude) => 0_i64.checked_sub_unsigned(magnitude).ok_or(Fault::Refused),
            (false, magnitude) => magnitude.try_into().map_err(|_| Fault::Refused),
        },
    }
}

#[inline]
pub(crate) fn read_unsigned<'a>(source: &mut impl Source<'a>) -> Result<u64, Fault> {
    match source.u8()? {
        tag::SMALL_INTEGER_EXT => Ok(source.u8()?.into()),
        tag::INTEGER_EXT => {
            let value = i32::from_be_bytes(source.array()?);
            value.try_into().map_err(|_| Fault::Refused)
        }
        found => match read_magnitude(found, source)? {
            (false, magnitude) => Ok(magnitude),
            (true, _) => Err(Fault::Refused),
        },
    }
}

/// Sign and magnitude of an integer of at most 64 bits that has the form of a large one.
#[inline]
fn read_magnitude<'a>(found: u8, source: &mut impl Source<'a>) -> Result<(bool, u64), DecodeError> {
    // By value: so the source stays in registers where the integer is a small one.
    let (value, behind) = magnitude(found, source.clone())?;
    *source = behind;
    Ok(value)
}

#[inline(never)]
fn magnitude<'a, S: Source<'a>>(found: u8, mut source: S) -> Result<((bool, u64), S), DecodeError> {
    let length = match found {
        tag::SMALL_BIG_EXT => source.u8()?.into(),
        tag::LARGE_BIG_EXT => source.count()?,
        found => return Err(DecodeError::UnknownTag(found)),
    };
    let negative = source.u8()? != 0;
    let bytes = source.take(length as usize)?;
    let magnitude = match bytes.split_first_chunk() {
        Some((low, high)) if high.iter().all(|&byte| byte == 0) => u64::from_le_bytes(*low),
        Some(_) => return Err(DecodeError::OutOfRange),
        None => {
            let shifted = |high, &byte: &u8| high << 8 | u64::from(byte);
            bytes.iter().rev().fold(0, shifted)
        }
    };
    Ok(((negative, magnitude), source))
}

#[inline]
pub(crate) fn read_float<'a>(source: &mut impl Source<'a>) -> Result<f64, Fault> {
    match source.u8()? {
        tag::NEW_FLOAT_EXT => Ok(f64::from_be_bytes(source.array()?)),
        tag::FLOAT_EXT => scan_padded(source.array()?),
        _ => Err(Fault::Refused),
    }
}

/// A float as `sprintf` wrote it, with zeros behind.
#[inline(never)]
fn scan_padded(padded: [u8; 31]) -> Result<f64, Fault> {
    let mut text = [0; 32];
    text.iter_mut()
        .zip(padded)
        .for_each(|(to, byte)| *to = byte);
    let digits = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if digits.iter().all(|byte| b"0123456789+-.e".contains(byte)) {
        let number = str::from_utf8(digits)
            .ok()
            .and_then(|text| text.parse().ok());
        if let Some(number) = number {
            return Ok(number);
        }
    }
    scan(&text)
}

/// The number that a text starts with, as C's library reads it. The text ends with NUL.
fn scan(text: &[u8]) -> Result<f64, Fault> {
    let mut value = 0.0;
    // SAFETY: the text ends with NUL, and `%lf` stores a double.
    let found = unsafe { libc::sscanf(text.as_ptr().cast(), c"%lf".as_ptr(), &raw mut value) };
    if found == 1 {
        Ok(value)
    } else {
        Err(Fault::Refused)
    }
}

fn read_boolean<'a>(source: &mut impl Source<'a>) -> Result<bool, Fault> {
    let (name, _) = atom::name(source)?;
    match name {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ if name.is_ascii() && name.len() <= b"false".len() => Err(Fault::Moved),
        _ => Err(Fault::Refused),
    }
}
