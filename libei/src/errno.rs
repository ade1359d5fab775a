//! Why a call that uses the network failed: `erl_errno`.

use std::ffi::c_int;
use std::fmt::{self, Display};
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::ffi::{__erl_errno, __erl_errno_place, ERROR};
use crate::note;

/// A value of errno.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) c_int);

impl Errno {
    /// A peer that closed, that broke the protocol or that does not know the cookie, and whatever the
    /// system says of a TCP socket: OTP as it is usually built tells no more of these either.
    pub(crate) const IO: Self = Self(libc::EIO);
    /// It took longer than allowed.
    pub(crate) const TIMED_OUT: Self = Self(libc::ETIMEDOUT);

    /// Why the last system call failed.
    pub(crate) fn last() -> Self {
        io::Error::last_os_error().into()
    }

    /// Sets `erl_errno`: that of this thread, and the one of programs compiled without `_REENTRANT`.
    pub(crate) fn set(self) {
        note::arrives(self);
        // SAFETY: the first is this thread's own, and the second is only written here.
        unsafe {
            __erl_errno_place().write(self.0);
            AtomicI32::from_ptr(&raw mut __erl_errno).store(self.0, Ordering::Relaxed);
        }
    }

    /// Sets `erl_errno` and returns -1.
    pub(crate) fn fail(self) -> c_int {
        self.set();
        ERROR
    }
}

impl Display for Errno {
    /// As the system says it: `Connection refused (os error 111)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EIO))
    }
}
