//! Integers of any size, as digits of 16 bits.
//!
//! ei.h shows these only where `USE_EI_UNDOCUMENTED` is defined. An `arity` is a number of bytes; the
//! memory of the digits is always a whole number of them, and has their bytes in the order in which
//! they are written: the processors that this library is for have the least significant first.

use std::cmp::Ordering;
use std::ffi::{c_char, c_double, c_int, c_uint};
use std::{ptr, slice};

use einode_etf::{Sink, Source, tag};

use crate::ffi::{self, ERROR, Fault, OK, Outcome, decoders, encoders, guard, put};
use crate::raw::Read;
use crate::short;
use crate::types::erlang_big;

const _: () = assert!(cfg!(target_endian = "little"));

decoders! {
    /// A large integer of exactly `p->arity` bytes, whose digits `p` has room for.
    ei_decode_big(p: *mut erlang_big) |source| read(source, p);
}

encoders! {
    /// A large integer.
    ei_encode_big(big: *mut erlang_big),
    ei_x_encode_big(big: *mut erlang_big) |sink| {
        let big = big.as_ref().ok_or(Fault::Refused)?;
        let negative = big.is_neg as u8;
        match u8::try_from(big.arity) {
            Ok(length) => sink.put(&[tag::SMALL_BIG_EXT, length, negative]),
            Err(_) => {
                sink.put(&[tag::LARGE_BIG_EXT]);
                sink.put(&big.arity.to_be_bytes());
                sink.put(&[negative]);
            }
        }
        let bytes = ffi::bytes(big.digits.cast(), big.arity)?;
        sink.put_run(bytes);
        Ok(())
    };
}

/// An integer with room for `arity` bytes of digits, all of them zero; null if there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn ei_alloc_big(arity: c_uint) -> *mut erlang_big {
    guard(ptr::null_mut(), || {
        let size = (arity as usize).next_multiple_of(2);
        // SAFETY: what is written is what was allocated.
        unsafe {
            let big: *mut erlang_big = libc::malloc(size_of::<erlang_big>()).cast();
            let digits = libc::calloc(size.max(1), 1);
            if big.is_null() || digits.is_null() {
                libc::free(big.cast());
                libc::free(digits);
                return ptr::null_mut();
            }
            big.write(erlang_big {
                arity,
                is_neg: 0,
                digits,
            });
            big
        }
    })
}

/// Frees what `ei_alloc_big` made.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_free_big(b: *mut erlang_big) {
    if !b.is_null() {
        // SAFETY: it is from `ei_alloc_big`, as ei.h says.
        unsafe {
            libc::free((*b).digits);
            libc::free(b.cast());
        }
    }
}

/// Compares two integers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_big_comp(x: *mut erlang_big, y: *mut erlang_big) -> c_int {
    guard(0, || {
        // SAFETY: the pointers are what ei.h says.
        let (Some(x), Some(y)) = (unsafe { (x.as_ref(), y.as_ref()) }) else {
            return 0;
        };
        let order = match (x.is_neg != 0, y.is_neg != 0) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => compare(x, y),
            (true, true) => compare(y, x),
        };
        order as c_int
    })
}

/// As a double, with what that cannot hold rounded off; -1 if it would be infinite.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_big_to_double(b: *mut erlang_big, resp: *mut c_double) -> c_int {
    guard(ERROR, || {
        // SAFETY: the pointers are what ei.h says.
        let Some(big) = (unsafe { b.as_ref() }) else {
            return ERROR;
        };
        let Ok(digits) = digits(big) else {
            return ERROR;
        };
        let (mut magnitude, mut unit) = (0.0, 1.0);
        for &digit in digits {
            magnitude += f64::from(digit) * unit;
            unit *= 65536.0;
        }
        if !f64::is_finite(magnitude) {
            return ERROR;
        }
        let value = if big.is_neg != 0 {
            -magnitude
        } else {
            magnitude
        };
        // SAFETY: as above.
        unsafe { put(resp, value) };
        OK
    })
}

/// Puts an `int` into `b`, which has room for two digits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_small_to_big(s: c_int, b: *mut erlang_big) -> c_int {
    guard(ERROR, || {
        // SAFETY: the pointer is what ei.h says.
        unsafe {
            let Some(big) = b.as_mut() else {
                return ERROR;
            };
            let digits: *mut u16 = big.digits.cast();
            if digits.is_null() {
                return ERROR;
            }
            let magnitude = s.unsigned_abs();
            big.is_neg = (s < 0).into();
            big.arity = 4;
            digits.write(magnitude as u16);
            digits.add(1).write((magnitude >> 16) as u16);
            OK
        }
    })
}

/// # Safety
/// `p` is null or a large integer that was allocated.
unsafe fn read<'a>(source: &mut impl Source<'a>, p: *mut erlang_big) -> Outcome {
    let length = match source.u8()? {
        tag::SMALL_BIG_EXT => source.u8()?.into(),
        tag::LARGE_BIG_EXT => source.count()? as c_uint,
        _ => return Err(Fault::Refused),
    };
    let negative = source.u8()?;
    // SAFETY: as the caller promised.
    match unsafe { p.as_mut() } {
        Some(big) if big.arity != length => return Err(Fault::Refused),
        Some(big) => {
            big.is_neg = negative.into();
            let bytes = source.take(length as usize)?;
            if big.digits.is_null() && length > 0 {
                return Err(Fault::Refused);
            }
            // SAFETY: there is room for as many digits as hold `arity` bytes.
            unsafe {
                let to: *mut u8 = big.digits.cast();
                short::copy(bytes.as_ptr(), to, bytes.len());
                if length % 2 == 1 {
                    to.add(bytes.len()).write(0);
                }
            }
        }
        None => drop(source.take(length as usize)?),
    }
    Ok(())
}

/// The digits, without zeros at the end.
fn digits(big: &erlang_big) -> Result<&[u16], Fault> {
    let mut digits = all_digits(big)?;
    while let [rest @ .., 0] = digits {
        digits = rest;
    }
    Ok(digits)
}

fn all_digits(big: &erlang_big) -> Result<&[u16], Fault> {
    let length = (big.arity as usize).div_ceil(2);
    if length == 0 {
        return Ok(&[]);
    }
    if big.digits.is_null() {
        return Err(Fault::Refused);
    }
    // SAFETY: an integer has the digits that it says, aligned as `malloc` does.
    Ok(unsafe { slice::from_raw_parts(big.digits.cast(), length) })
}

/// Compares magnitudes.
fn compare(x: &erlang_big, y: &erlang_big) -> Ordering {
    let (Ok(x), Ok(y)) = (digits(x), digits(y)) else {
        return Ordering::Equal;
    };
    x.len()
        .cmp(&y.len())
        .then_with(|| x.iter().rev().cmp(y.iter().rev()))
}
