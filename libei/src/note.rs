//! The text for the last error.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::fmt;

use crate::errno::Errno;
use crate::ffi::guard;

thread_local! {
    /// What is known about an error that is on its way to the program.
    static NOTE: RefCell<Option<(Errno, String)>> = const { RefCell::new(None) };
    /// The last one that arrived there: its text, if more is known than `erl_errno` says.
    static LAST: RefCell<(Errno, Option<String>)> = const { RefCell::new((Errno(0), None)) };
    /// The text as C sees it.
    static SHOWN: RefCell<CString> = RefCell::default();
}

/// What the last call of this thread that failed and set `erl_errno` has to say: whose fault it was, what
/// was expected and what came. Valid until the next call of this function by the same thread; empty if
/// none has failed.
#[unsafe(no_mangle)]
pub extern "C" fn einode_last_error() -> *const c_char {
    guard(c"".as_ptr(), || {
        let text = LAST.with_borrow(|(errno, text)| match (errno, text) {
            (_, Some(text)) => text.clone(),
            (Errno(0), None) => String::new(),
            (errno, None) => of_system(*errno),
        });
        let text = CString::new(text.replace('\0', "\\0")).unwrap_or_default();
        SHOWN.with_borrow_mut(|shown| {
            *shown = text;
            shown.as_ptr()
        })
    })
}

/// Notes why an error happens, and gives it back.
pub(crate) fn because(errno: Errno, why: impl fmt::Display) -> Errno {
    put(errno, why.to_string());
    errno
}

/// Notes what was being done when an error happened, before what is known of it.
pub(crate) fn while_doing(errno: Errno, what: impl fmt::Display) -> Errno {
    let why = take(errno).unwrap_or_else(|| of_system(errno));
    put(errno, format!("{what}: {why}"));
    errno
}

/// Cleans up after an error, of which the note stays.
pub(crate) fn kept<T>(clean_up: impl FnOnce() -> T) {
    let noted = NOTE.try_with(|note| note.borrow_mut().take());
    clean_up();
    if let Ok(Some((errno, why))) = noted {
        put(errno, why);
    }
}

/// Notes an error of the system that the program sees as another.
pub(crate) fn shown_as(errno: Errno, shown: Errno) -> Errno {
    if errno == shown {
        return errno;
    }
    let why = take(errno).unwrap_or_else(|| of_system(errno));
    because(shown, why)
}

/// The program learns of an error, or of a success: then what was noted on the way does not matter.
pub(crate) fn arrives(errno: Errno) {
    let text = take(errno);
    if errno != Errno(0) {
        let _ = LAST.try_with(|last| *last.borrow_mut() = (errno, text));
    }
}

fn put(errno: Errno, why: String) {
    let _ = NOTE.try_with(|note| *note.borrow_mut() = Some((errno, why)));
}

/// What was noted, if it was about this error.
fn take(errno: Errno) -> Option<String> {
    let note = NOTE.try_with(|note| note.borrow_mut().take());
    let (noted, why) = note.ok()??;
    (noted == errno).then_some(why)
}

/// The system's text for an error.
fn of_system(errno: Errno) -> String {
    let mut text = errno.to_string();
    // Rust adds the number, which programs have.
    text.truncate(text.rfind(" (os error").unwrap_or(text.len()));
    text
}
