//! Waiting for descriptors, and those that do not block.

use std::ffi::{c_int, c_short, c_uint};
use std::time::Instant;

use crate::errno::Errno;
use crate::types::EI_SCLBK_INF_TMO;

/// Waits until a descriptor is ready, or has an error that its next use will tell.
pub(crate) fn wait(fd: c_int, event: c_short, until: Option<Instant>) -> Result<(), Errno> {
    let mut asked = libc::pollfd {
        fd,
        events: event,
        revents: 0,
    };
    loop {
        let timeout = match until {
            None => -1,
            Some(_) => c_int::try_from(left(until)).unwrap_or(c_int::MAX),
        };
        // SAFETY: one descriptor is asked about.
        match unsafe { libc::poll(&raw mut asked, 1, timeout) } {
            0 if left(until) == 0 => return Err(Errno::TIMED_OUT),
            0 => {}
            1.. if asked.revents & libc::POLLNVAL != 0 => return Err(Errno(libc::EBADF)),
            1.. => return Ok(()),
            _ => match Errno::last() {
                Errno(libc::EINTR) => {}
                errno => return Err(errno),
            },
        }
    }
}

/// The time that is left, as callbacks are told it; a part of a millisecond is one.
pub(crate) fn left(until: Option<Instant>) -> c_uint {
    let Some(until) = until else {
        return EI_SCLBK_INF_TMO;
    };
    let left = until.saturating_duration_since(Instant::now());
    let ms = left.as_nanos().div_ceil(1_000_000);
    c_uint::try_from(ms).map_or(EI_SCLBK_INF_TMO - 1, |ms| ms.min(EI_SCLBK_INF_TMO - 1))
}

/// The error of a connection attempt that went on in the background, or 0.
pub(crate) fn pending_error(fd: c_int) -> c_int {
    let mut error: c_int = 0;
    let mut length = size_of_val(&error) as libc::socklen_t;
    // SAFETY: there is room for the option.
    let result = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            (&raw mut error).cast(),
            &raw mut length,
        )
    };
    if result == 0 { error } else { Errno::last().0 }
}

/// A descriptor that does not block for as long as this is there.
pub(crate) struct NonBlocking {
    fd: c_int,
    flags: c_int,
}

impl NonBlocking {
    pub(crate) fn switch(fd: c_int) -> Result<Self, Errno> {
        // SAFETY: flags are numbers.
        unsafe {
            let flags = libc::fcntl(fd, libc::F_GETFL);
            if flags < 0 || libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) < 0 {
                return Err(Errno::last());
            }
            Ok(Self { fd, flags })
        }
    }
}

impl Drop for NonBlocking {
    fn drop(&mut self) {
        // SAFETY: flags are numbers.
        unsafe { libc::fcntl(self.fd, libc::F_SETFL, self.flags) };
    }
}
