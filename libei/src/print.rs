//! Terms as text.

use std::ffi::{c_char, c_int};
use std::io::Write;

use einode_etf::text::ei;

use crate::ffi::{ERROR, guard};
use crate::output::{Counted, Stream, Text};
use crate::raw::RawSource;

/// Prints one term to `fp` and moves the index past it. Gives the number of characters, or -1 if the
/// bytes are no term; what comes before the fault is printed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_print_term(
    fp: *mut libc::FILE,
    buf: *const c_char,
    index: *mut c_int,
) -> c_int {
    if fp.is_null() {
        return ERROR;
    }
    // SAFETY: the pointers are what ei.h says.
    unsafe { print(&mut Stream::new(fp), buf, index) }
}

/// Prints one term to the string `*s` and moves the index past it. Gives the number of characters, or
/// -1 if the bytes are no term; what comes before the fault is printed.
///
/// `*s` is null or from `malloc`, with room for `BUFSIZ` bytes. It is allocated or moved as needed,
/// and the caller frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_s_print_term(
    s: *mut *mut c_char,
    buf: *const c_char,
    index: *mut c_int,
) -> c_int {
    if s.is_null() {
        return ERROR;
    }
    // SAFETY: the pointers are what ei.h says.
    unsafe {
        let size = libc::BUFSIZ as usize;
        if (*s).is_null() {
            *s = libc::malloc(size).cast();
        }
        if (*s).is_null() {
            return ERROR;
        }
        let mut text = Text::new(*s, size);
        let printed = print(&mut text, buf, index);
        *s = text.into_inner();
        printed
    }
}

/// # Safety
/// `buf` and `index` are as for decoders.
unsafe fn print(to: &mut dyn Write, buf: *const c_char, index: *mut c_int) -> c_int {
    if buf.is_null() || index.is_null() {
        return ERROR;
    }
    guard(ERROR, || {
        // SAFETY: as the caller promised.
        let mut source = unsafe { RawSource::new(buf, *index) };
        let mut out = Counted::new(to);
        if ei::print(&mut source, &mut out).is_err() {
            return ERROR;
        }
        let Some(end) = source.index() else {
            return ERROR;
        };
        // SAFETY: as above.
        unsafe { *index = end };
        c_int::try_from(out.count()).unwrap_or(ERROR)
    })
}
