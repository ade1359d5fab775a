//! Where C calls Rust.
//!
//! Every function that C sees is a skin: it names its arguments, and one of the functions below turns
//! pointers into a [`RawSource`] or [`RawSink`], calls what does the work, moves the index and maps
//! the result to 0 or -1. None of them lets a panic through.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use einode_etf::{DecodeError, EncodeError};

use crate::raw::{RawSink, RawSource};
use crate::types::ei_x_buff;
use crate::xbuff;

/// What most functions return when they succeed.
pub(crate) const OK: c_int = 0;
/// What most functions return when they fail (`ERL_ERROR`).
pub(crate) const ERROR: c_int = -1;

/// Why a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The index stays where it was, as it nearly always does.
    Refused,
    /// The index moves to how far the call came.
    Moved,
}

impl From<DecodeError> for Fault {
    fn from(_: DecodeError) -> Self {
        Self::Refused
    }
}

impl From<EncodeError> for Fault {
    fn from(_: EncodeError) -> Self {
        Self::Refused
    }
}

/// Nothing, or why not.
pub(crate) type Outcome = Result<(), Fault>;

/// Runs what a C function does; a panic makes it return `failed`.
#[inline]
pub(crate) fn guard<T>(failed: T, run: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(failed)
}

/// Reads from `buf` at `*index`, and moves the index.
///
/// # Safety
/// `buf` is null or as [`RawSource::new`] says; `index` is null or points to an `int`.
#[inline]
pub(crate) unsafe fn decode<'a>(
    buf: *const c_char,
    index: *mut c_int,
    read: impl FnOnce(&mut RawSource<'a>) -> Outcome,
) -> c_int {
    if buf.is_null() || index.is_null() {
        return failed();
    }
    guard(ERROR, || {
        // SAFETY: both are what the caller promised.
        let mut source = unsafe { RawSource::new(buf, *index) };
        let outcome = read(&mut source);
        // SAFETY: as above.
        unsafe { finish(outcome, source.index(), index) }
    })
}

/// [`decode`] of a common form of a value, without anything that has to be kept for the rest: whatever
/// `read` does not read, `otherwise` does from the start, and refuses what is to be refused.
///
/// # Safety
/// As for [`decode`] and [`put`].
#[inline]
pub(crate) unsafe fn decode_common<'a, T>(
    buf: *const c_char,
    index: *mut c_int,
    to: *mut T,
    read: impl FnOnce(&mut RawSource<'a>) -> Option<T>,
    otherwise: impl FnOnce() -> c_int,
) -> c_int {
    if buf.is_null() || index.is_null() {
        return otherwise();
    }
    // SAFETY: both are what the caller promised.
    let mut source = unsafe { RawSource::new(buf, *index) };
    if let Some(value) = read(&mut source)
        && let Some(end) = source.index()
    {
        // SAFETY: as above.
        unsafe {
            put(to, value);
            *index = end;
        }
        return OK;
    }
    otherwise()
}

/// Writes to `buf` at `*index`, or counts if `buf` is null, and moves the index.
///
/// # Safety
/// `buf` is null or as [`RawSink::new`] says; `index` is null or points to an `int`.
#[inline]
pub(crate) unsafe fn encode(
    buf: *mut c_char,
    index: *mut c_int,
    write: impl FnOnce(&mut RawSink) -> Outcome,
) -> c_int {
    if index.is_null() {
        return failed();
    }
    guard(ERROR, || {
        // SAFETY: both are what the caller promised.
        let mut sink = unsafe { RawSink::new(buf, *index) };
        let outcome = write(&mut sink);
        // SAFETY: as above.
        unsafe { finish(outcome, sink.index(), index) }
    })
}

/// Moves the index to `end`, if that is an `int` and the call came that far; gives what it returns.
///
/// # Safety
/// `index` points to an `int`.
#[inline]
unsafe fn finish(outcome: Outcome, end: Option<c_int>, index: *mut c_int) -> c_int {
    match (outcome, end) {
        (Ok(()), Some(end)) => {
            // SAFETY: as the caller promised.
            unsafe { *index = end };
            OK
        }
        (Err(Fault::Moved), Some(end)) => {
            // SAFETY: as above.
            unsafe { *index = end };
            failed()
        }
        _ => failed(),
    }
}

/// [`ERROR`], off the path of calls that succeed: since the compiler does not know what this gives,
/// they do not prepare to return it.
#[cold]
#[inline(never)]
pub(crate) fn failed() -> c_int {
    black_box(ERROR)
}

/// Says that what calls this is rare, or takes long anyway: code for the rest comes first, without
/// jumps. The name is that of [`std::hint`] from Rust 1.95 on.
#[cold]
pub(crate) fn cold_path() {}

/// Writes at the end of `x`, which grows as needed. `write` is called twice, first to count.
///
/// # Safety
/// `x` is null or points to what `ei_x_new` made.
pub(crate) unsafe fn append(x: *mut ei_x_buff, write: impl Fn(&mut RawSink) -> Outcome) -> c_int {
    // SAFETY: as the caller promised.
    let Some(x) = (unsafe { x.as_mut() }) else {
        return ERROR;
    };
    guard(ERROR, || {
        // SAFETY: without a buffer there is nothing to hold.
        let mut count = unsafe { RawSink::new(std::ptr::null_mut(), x.index) };
        if write(&mut count).is_err() {
            return ERROR;
        }
        let Some(end) = count.index() else {
            return ERROR;
        };
        if !xbuff::reserve(x, end) {
            return ERROR;
        }
        // SAFETY: there is room for what was counted.
        let mut sink = unsafe { RawSink::new(x.buff, x.index) };
        let outcome = write(&mut sink);
        if outcome.is_ok() {
            x.index = end;
        }
        code(outcome)
    })
}

/// Writes `value` where the caller wants it, if anywhere.
///
/// # Safety
/// `to` is null or points to room for a `T`.
#[inline]
pub(crate) unsafe fn put<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: as the caller promised.
        unsafe { to.write(value) };
    }
}

/// The bytes at `from`.
///
/// # Safety
/// `from` is null or points to `length` bytes, if that is not negative.
pub(crate) unsafe fn bytes<'a>(from: *const u8, length: impl Into<i64>) -> Result<&'a [u8], Fault> {
    match usize::try_from(length.into()) {
        Ok(0) => Ok(&[]),
        // SAFETY: as the caller promised.
        Ok(length) if !from.is_null() => Ok(unsafe { slice::from_raw_parts(from, length) }),
        _ => Err(Fault::Refused),
    }
}

/// The bytes of a C string.
///
/// # Safety
/// `from` is null or points to a string that ends with NUL.
pub(crate) unsafe fn text<'a>(from: *const c_char) -> Result<&'a [u8], Fault> {
    if from.is_null() {
        return Err(Fault::Refused);
    }
    // SAFETY: as the caller promised.
    Ok(unsafe { CStr::from_ptr(from) }.to_bytes())
}

fn code(outcome: Outcome) -> c_int {
    match outcome {
        Ok(()) => OK,
        Err(_) => ERROR,
    }
}

thread_local! {
    static ERL_ERRNO: Cell<c_int> = const { Cell::new(0) };
}

/// Where this thread's `erl_errno` is, for programs that are compiled with `_REENTRANT`.
#[unsafe(no_mangle)]
pub extern "C" fn __erl_errno_place() -> *mut c_int {
    ERL_ERRNO.with(Cell::as_ptr)
}

/// `erl_errno` for programs that are compiled without `_REENTRANT`.
#[unsafe(no_mangle)]
pub static mut __erl_errno: c_int = 0;

/// Functions that read one term each. What is common can be said in advance, for [`decode_common`].
macro_rules! decoders {
    (@body $buf:ident, $index:ident, ($($argument:ident: $type:ty),*) |$source:ident| $read:expr) => {
        $crate::ffi::decode($buf, $index, |$source| $read)
    };
    (@body $buf:ident, $index:ident, ($($argument:ident: $type:ty),*)
        common $to:ident: |$small:ident| $common:expr, |$source:ident| $read:expr
    ) => {{
        #[inline(never)]
        unsafe extern "C" fn otherwise(
            $buf: *const c_char, $index: *mut c_int, $($argument: $type),*
        ) -> c_int {
            // SAFETY: the pointers are what ei.h says.
            unsafe { $crate::ffi::decode($buf, $index, |$source| $read) }
        }
        $crate::ffi::decode_common(
            $buf, $index, $to, |$small| $common, || otherwise($buf, $index, $($argument),*)
        )
    }};
    ($(
        $(#[$about:meta])*
        $name:ident($($argument:ident: $type:ty),* $(,)?)
        $(common $to:ident: |$small:ident| $common:expr,)? |$source:ident| $read:expr;
    )*) => { $(
        $(#[$about])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            buf: *const c_char,
            index: *mut c_int,
            $($argument: $type),*
        ) -> c_int {
            // SAFETY: the pointers are what ei.h says.
            unsafe {
                $crate::ffi::decoders!(@body buf, index, ($($argument: $type),*)
                    $(common $to: |$small| $common,)? |$source| $read)
            }
        }
    )* };
}

/// Functions that write one term each, in pairs: into a buffer that is large enough, and at the end
/// of one that grows. The two may disagree about the types of their arguments.
macro_rules! encoders {
    ($(
        $(#[$about:meta])*
        $plain:ident($($argument:ident: $type:ty),*),
        $growing:ident($($x_argument:ident: $x_type:ty),*) |$sink:ident| $write:expr;
    )*) => { $(
        $(#[$about])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $plain(
            buf: *mut c_char,
            index: *mut c_int,
            $($argument: $type),*
        ) -> c_int {
            // SAFETY: the pointers are what ei.h says.
            unsafe { $crate::ffi::encode(buf, index, |$sink| $write) }
        }

        #[doc = concat!("[`", stringify!($plain), "`] at the end of `x`.")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $growing(
            x: *mut $crate::types::ei_x_buff,
            $($x_argument: $x_type),*
        ) -> c_int {
            // SAFETY: the pointers are what ei.h says.
            unsafe { $crate::ffi::append(x, |$sink| $write) }
        }
    )* };
}

pub(crate) use {decoders, encoders};
