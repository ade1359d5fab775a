//! What the library tells about itself on stderr, and the trace tokens that messages carry on.

use std::arch::naked_asm;
use std::cell::UnsafeCell;
use std::ffi::{CString, c_char, c_int, c_long};
use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::control;
use crate::ffi::guard;
use crate::format::variadic;
use crate::show;
use crate::types::{erlang_msg, erlang_trace};

/// What is told: 0 nothing, from 1 on errors, from 3 on how connections come
/// about, from 4 on every message.
#[unsafe(no_mangle)]
pub static ei_tracelevel: AtomicI32 = AtomicI32::new(0);

/// The level from which on errors are told.
const ERRORS: c_int = 1;
/// The level from which on it is told how connections come about.
const PROGRESS: c_int = 3;
/// The level from which on messages are shown.
const MESSAGES: c_int = 4;

/// Sets how much is told, for the whole process.
#[unsafe(no_mangle)]
pub extern "C" fn ei_set_tracelevel(level: c_int) {
    ei_tracelevel.store(level, Ordering::Relaxed);
}

/// How much is told.
#[unsafe(no_mangle)]
pub extern "C" fn ei_get_tracelevel() -> c_int {
    ei_tracelevel.load(Ordering::Relaxed)
}

variadic! {
    /// `void ei_trace_printf(const char *name, int level, const char *format, ...)`: writes a line to
    /// stderr that says where it comes from, when, and what `printf` makes of the rest. Not in the
    /// manual.
    ei_trace_printf => ei_trace_printf_variadic;
}

unsafe extern "C" {
    fn ei_trace_printf_variadic(name: *const c_char, level: c_int, format: *const c_char, ...);
    fn ei_tell(text: *const c_char, length: usize);
}

/// Tells what went wrong in a function.
pub(crate) fn error(function: &str, text: fmt::Arguments<'_>) {
    line(ERRORS, function, text);
}

/// Tells how a connection comes about.
pub(crate) fn progress(function: &str, text: fmt::Arguments<'_>) {
    line(PROGRESS, function, text);
}

fn line(level: c_int, function: &str, text: fmt::Arguments<'_>) {
    if ei_get_tracelevel() < level {
        return;
    }
    if let (Ok(name), Ok(text)) = (CString::new(function), CString::new(text.to_string())) {
        // SAFETY: the format asks for one string.
        unsafe { ei_trace_printf_variadic(name.as_ptr(), level, c"%s".as_ptr(), text.as_ptr()) };
    }
}

/// Writes to C's stderr, which a process that forks may use, unlike that of Rust.
pub(crate) fn tell(text: &[u8]) {
    // SAFETY: the text has the length that is said.
    unsafe { ei_tell(text.as_ptr().cast(), text.len()) };
}

/// Sets the level that the environment asks for: `EI_TRACELEVEL`, or else `ERL_DEBUG_DIST`.
pub(crate) fn initialize() {
    let asked = ["EI_TRACELEVEL", "ERL_DEBUG_DIST"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    if let Some(asked) = asked {
        let digits = asked.trim_start();
        let end = digits.find(|c: char| !c.is_ascii_digit());
        let level = digits
            .get(..end.unwrap_or(digits.len()))
            .unwrap_or_default();
        ei_set_tracelevel(level.parse().unwrap_or(0));
    }
}

/// Shows a message that is about to leave: a packet's beginning and its message.
pub(crate) fn sending(head: &[u8], message: &[u8]) {
    if ei_get_tracelevel() >= MESSAGES {
        let mut text = Vec::new();
        if show::sent(&mut text, head, message).is_ok() {
            tell(&text);
        }
    }
}

/// Shows a message that has come.
pub(crate) fn received(msg: &erlang_msg, body: &[u8]) {
    if ei_get_tracelevel() >= MESSAGES {
        let mut text = Vec::new();
        if show::received(&mut text, msg, body).is_ok() {
            tell(&text);
        }
    }
}

/// The token of what this thread does, and a clock that counts its events.
struct Tracing {
    token: erlang_trace,
    on: bool,
    clock: c_long,
}

thread_local! {
    static TRACING: UnsafeCell<Tracing> = const {
        UnsafeCell::new(Tracing { token: control::NO_TOKEN, on: false, clock: 0 })
    };
}

/// Asks for the token that the next message carries (`query` 0, null if there is none), lets messages
/// carry `token` (1), or none (-1). Every thread has its own. Not in the manual.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_trace(query: c_int, token: *mut erlang_trace) -> *mut erlang_trace {
    guard(std::ptr::null_mut(), || {
        TRACING.with(|tracing| {
            // SAFETY: no other thread has it, and nothing here comes back; the token is null or one.
            let (tracing, token) = unsafe { (&mut *tracing.get(), token.as_ref()) };
            match (query, token) {
                (-1, _) => tracing.on = false,
                (0, _) if tracing.on => {
                    tracing.clock = tracing.clock.wrapping_add(1);
                    tracing.token.prev = tracing.token.serial;
                    tracing.token.serial = tracing.token.serial.wrapping_add(1);
                    return &raw mut tracing.token;
                }
                (1, Some(token)) => {
                    tracing.on = true;
                    tracing.token = *token;
                    if token.serial > tracing.clock {
                        tracing.token.prev = token.serial;
                        tracing.clock = token.serial;
                    }
                }
                _ => {}
            }
            std::ptr::null_mut()
        })
    })
}

/// The token for the next message of this thread, null if it has none. Valid until the next call.
pub(crate) fn next_token() -> *const erlang_trace {
    // SAFETY: no token is given.
    unsafe { ei_trace(0, std::ptr::null_mut()) }
}

/// Messages carry this token from now on.
pub(crate) fn start(token: &erlang_trace) {
    // SAFETY: it is only read.
    unsafe { ei_trace(1, (&raw const *token).cast_mut()) };
}

/// Messages carry no token from now on.
pub(crate) fn stop() {
    // SAFETY: no token is needed.
    unsafe { ei_trace(-1, std::ptr::null_mut()) };
}
