//! Buffers that grow.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::ffi::{self, ERROR, OK, guard};
use crate::header::ei_encode_version;
use crate::types::ei_x_buff;

/// How many bytes more than needed a buffer gets: once when it is made, twice when it grows. A
/// program may set it.
#[unsafe(no_mangle)]
pub static ei_x_extra: AtomicI32 = AtomicI32::new(100);

/// Makes an empty buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_x_new(x: *mut ei_x_buff) -> c_int {
    if x.is_null() {
        return ERROR;
    }
    let buffsz = ei_x_extra.load(Ordering::Relaxed).max(1);
    // SAFETY: `x` has room for a buffer, which `malloc` gives or not.
    unsafe {
        let buff = libc::malloc(buffsz as usize).cast();
        x.write(ei_x_buff {
            buff,
            buffsz,
            index: 0,
        });
        if buff.is_null() { ERROR } else { OK }
    }
}

/// Makes a buffer that holds a version byte, which opens a stand-alone term.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_x_new_with_version(x: *mut ei_x_buff) -> c_int {
    // SAFETY: `x` has room for a buffer, and that for a byte.
    unsafe {
        match ei_x_new(x) {
            OK => ei_encode_version((*x).buff, &raw mut (*x).index),
            failed => failed,
        }
    }
}

/// Frees a buffer; -1 if it is freed already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_x_free(x: *mut ei_x_buff) -> c_int {
    // SAFETY: null or a buffer, as ei.h says.
    let Some(x) = (unsafe { x.as_mut() }) else {
        return ERROR;
    };
    if x.buff.is_null() {
        return ERROR;
    }
    // SAFETY: a buffer's bytes are from `malloc`.
    unsafe { libc::free(x.buff.cast()) };
    x.buff = ptr::null_mut();
    x.buffsz = 0;
    OK
}

/// Appends what is in `x2` to `x`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_x_append(x: *mut ei_x_buff, x2: *const ei_x_buff) -> c_int {
    // SAFETY: null or a buffer, as ei.h says.
    match unsafe { x2.as_ref() } {
        // SAFETY: a buffer holds as many bytes as its index says.
        Some(&x2) => unsafe { append(x, x2.buff, x2.index) },
        None => ERROR,
    }
}

/// Appends `len` bytes to `x`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_x_append_buf(
    x: *mut ei_x_buff,
    buf: *const c_char,
    len: c_int,
) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { append(x, buf, len) }
}

/// # Safety
/// `x` is null or a buffer, and `from` null or `length` bytes, which may be those of `x`.
unsafe fn append(x: *mut ei_x_buff, from: *const c_char, length: c_int) -> c_int {
    // SAFETY: as the caller promised.
    let Some(x) = (unsafe { x.as_mut() }) else {
        return ERROR;
    };
    // Growing may move the bytes, if they are those of `x` itself.
    let at = (from as usize).wrapping_sub(x.buff as usize);
    let own = at < x.buffsz.max(0) as usize;
    guard(ERROR, || {
        let Some(end) = x.index.checked_add(length) else {
            return ERROR;
        };
        // SAFETY: as the caller promised.
        if unsafe { ffi::bytes(from.cast(), length) }.is_err() || !reserve(x, end) {
            return ERROR;
        }
        // SAFETY: there is room, and what is copied is where it was or has moved with `x`.
        unsafe {
            let from = if own { x.buff.add(at) } else { from };
            ptr::copy(from, x.buff.offset(x.index as isize), length as usize);
        }
        x.index = end;
        OK
    })
}

/// Makes room in `x` for bytes up to index `end`, and some more. If there is no memory, says so and
/// leaves `x` as it is.
pub(crate) fn reserve(x: &mut ei_x_buff, end: c_int) -> bool {
    let extra = c_long::from(ei_x_extra.load(Ordering::Relaxed).max(0));
    let wanted = c_long::from(end) + extra;
    if !x.buff.is_null() && wanted <= x.buffsz.into() {
        return true;
    }
    let Ok(size) = c_int::try_from(wanted + extra) else {
        return false;
    };
    // SAFETY: a buffer's bytes are from `malloc`, or there are none.
    let grown = unsafe { libc::realloc(x.buff.cast(), size.max(1) as usize) };
    if grown.is_null() {
        return false;
    }
    x.buff = grown.cast();
    x.buffsz = size;
    true
}

/// `malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_malloc(size: c_long) -> *mut c_void {
    // SAFETY: no size is wrong, and a negative one is too large for any memory.
    unsafe { libc::malloc(size as usize) }
}

/// `realloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_realloc(old: *mut c_void, size: c_long) -> *mut c_void {
    // SAFETY: as the caller promised to `realloc`.
    unsafe { libc::realloc(old, size as usize) }
}

/// `free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_free(old: *mut c_void) {
    // SAFETY: as the caller promised to `free`.
    unsafe { libc::free(old) }
}
