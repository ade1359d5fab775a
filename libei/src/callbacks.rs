//! Exact input and output through the callbacks of a socket, whoever implements them.
//!
//! Callbacks with `EI_SCLBK_FLG_FULL_IMPL` are told how long they may take. For others we wait with
//! `poll`, and the descriptor does not block while they are called, unless there is no limit at all. Only to
//! read from what has come needs no such switch, and could not have it: another thread may write meanwhile,
//! and whoever switches back last would not know what was first.

use std::ffi::{c_int, c_short, c_uint, c_void};
use std::io::IoSlice;
use std::ptr;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::ahead::CLOSED;
use crate::errno::Errno;
use crate::note;
use crate::sets;
use crate::tcp::ei_default_socket_callbacks;
use crate::turn::Turn;
use crate::types::{EI_SCLBK_FLG_FULL_IMPL, EI_SCLBK_INF_TMO, ei_socket_callbacks};
use crate::wait::{NonBlocking, left, pending_error, wait};

/// How long each use of a socket may take; a call uses it several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timeout {
    /// As long as it takes.
    None,
    /// So many milliseconds.
    Millis(c_uint),
}

impl Timeout {
    /// The `ms` of functions that end in `_tmo`, where 0 is no limit.
    pub(crate) const fn of(ms: c_uint) -> Self {
        match ms {
            0 | EI_SCLBK_INF_TMO => Self::None,
            ms => Self::Millis(ms),
        }
    }

    /// The `tmo` of callbacks, where 0 is to try once.
    pub(crate) const fn of_callback(tmo: c_uint) -> Self {
        match tmo {
            EI_SCLBK_INF_TMO => Self::None,
            ms => Self::Millis(ms),
        }
    }

    /// When it is over, if it starts now.
    pub(crate) fn until(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Millis(ms) => Instant::now().checked_add(Duration::from_millis(ms.into())),
        }
    }
}

/// Why a socket is not connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The callback said so.
    AtOnce(Errno),
    /// It was in progress, and failed or took too long.
    Late(Errno),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::AtOnce(errno)
    }
}

/// A connected or listening socket: its descriptor and what it is used through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Port {
    /// The descriptor, for `poll` and as the name of the connection.
    pub(crate) fd: c_int,
    cbs: *const ei_socket_callbacks,
    ctx: *mut c_void,
}

// SAFETY: callbacks may be called from any thread, as ei.h says, and programs keep them.
unsafe impl Send for Port {}

/// Calls a member of the callbacks; `ENOTSUP` if it is null.
macro_rules! call {
    ($port:expr, $member:ident($($argument:expr),*)) => {
        // SAFETY: ei.h says what callbacks get, and the program that they are valid.
        unsafe {
            match (*$port.cbs).$member {
                Some(callback) => callback($($argument),*),
                None => libc::ENOTSUP,
            }
        }
    };
}

impl Port {
    /// A descriptor that somebody else made.
    pub(crate) const fn foreign(fd: c_int) -> Self {
        Self {
            fd,
            cbs: &raw const ei_default_socket_callbacks,
            ctx: fd as isize as *mut c_void,
        }
    }

    /// A new socket.
    pub(crate) fn socket(
        cbs: *const ei_socket_callbacks,
        setup_context: *mut c_void,
    ) -> Result<Self, Errno> {
        if cbs.is_null() {
            return Err(Errno(libc::EINVAL));
        }
        let mut port = Self {
            fd: -1,
            cbs,
            ctx: ptr::null_mut(),
        };
        let mut ctx = ptr::null_mut();
        port.check(call!(port, socket(&raw mut ctx, setup_context)))?;
        port.ctx = ctx;
        port.with_descriptor()
    }

    /// Connects to an address. What is said at once is told as it is, also over TCP.
    pub(crate) fn connect(&self, mut address: Address, timeout: Timeout) -> Result<(), Refusal> {
        let until = timeout.until();
        let polled = until.is_some() && !self.keeps_time();
        let mode = polled.then(|| NonBlocking::switch(self.fd)).transpose()?;
        let tmo = if polled { 0 } else { left(until) };
        let (address, length) = address.parts();
        // SAFETY: that is a length.
        let code = call!(self, connect(self.ctx, address, *length, tmo));
        if !matches!(code, libc::EINPROGRESS | libc::EAGAIN | libc::EINTR) {
            return Ok(outcome(code)?);
        }
        let waited = wait(self.fd, libc::POLLOUT, until);
        let waited = waited.and_then(|()| self.check(pending_error(self.fd)));
        drop(mode);
        waited.map_err(Refusal::Late)
    }

    /// Listens on an address, and writes back the one that the system chose. The error is what the
    /// callback says, also over TCP.
    pub(crate) fn listen(&self, address: &mut Address, backlog: c_int) -> Result<(), Errno> {
        let (address, length) = address.parts();
        outcome(call!(self, listen(self.ctx, address, length, backlog)))
    }

    /// Takes the next connection, and says where it comes from.
    pub(crate) fn accept(&self, timeout: Timeout) -> Result<(Self, Address), Errno> {
        let mut address = Address::room();
        let mut accepted = *self;
        let polled = self.is_polled(timeout.until());
        self.perform(libc::POLLIN, timeout, |tmo| {
            // Another thread or process may have been faster.
            let alone = polled.then(|| Alone::with(self.fd, timeout)).transpose();
            let _alone = match alone {
                Ok(alone) => alone,
                Err(errno) => return errno.0,
            };
            accepted.ctx = self.ctx;
            address = if self.is_ready_made() {
                Address::wide_room()
            } else {
                Address::room()
            };
            let (place, length) = address.parts();
            call!(self, accept(&raw mut accepted.ctx, place, length, tmo))
        })?;
        Ok((accepted.with_descriptor()?, address))
    }

    /// Reads what is there, at least a byte; 0 bytes if the peer has closed.
    pub(crate) fn read(&mut self, buf: &mut [u8], tmo: Timeout) -> Result<usize, Errno> {
        let mut length = 0;
        self.perform(libc::POLLIN, tmo, |tmo| {
            length = buf.len() as isize;
            let length = &raw mut length;
            call!(self, read(self.ctx, buf.as_mut_ptr().cast(), length, tmo))
        })?;
        match usize::try_from(length) {
            Ok(read) if read <= buf.len() => Ok(read),
            _ => Err(Errno::IO),
        }
    }

    /// Fills `buf`. `EIO` if the peer closes before it is full.
    pub(crate) fn read_exact(&mut self, mut buf: &mut [u8], tmo: Timeout) -> Result<(), Errno> {
        while !buf.is_empty() {
            let read = self.read(buf, tmo)?;
            match buf.split_at_mut_checked(read) {
                Some((_, rest)) if read > 0 => buf = rest,
                _ => return Err(note::because(Errno::IO, CLOSED)),
            }
        }
        Ok(())
    }

    /// Writes all that there is, at once if there is `writev`, or else one after the other.
    pub(crate) fn write_all(
        &mut self,
        mut rest: &mut [IoSlice<'_>],
        tmo: Timeout,
    ) -> Result<(), Errno> {
        // SAFETY: the program keeps its callbacks.
        let at_once = unsafe { (*self.cbs).writev.is_some() };
        loop {
            // What is empty is not written.
            IoSlice::advance_slices(&mut rest, 0);
            let Some(first) = rest.first() else {
                return Ok(());
            };
            let most = if at_once {
                rest.iter().map(|slice| slice.len()).sum()
            } else {
                first.len()
            };
            let mut length = 0;
            self.perform(libc::POLLOUT, tmo, |tmo| {
                length = most as isize;
                let length = &raw mut length;
                if at_once {
                    let (iov, count) = (rest.as_ptr().cast(), rest.len() as c_int);
                    call!(self, writev(self.ctx, iov, count, length, tmo))
                } else {
                    call!(self, write(self.ctx, first.as_ptr().cast(), length, tmo))
                }
            })?;
            match usize::try_from(length) {
                Ok(written) if (1..=most).contains(&written) => {
                    IoSlice::advance_slices(&mut rest, written);
                }
                _ => return Err(Errno::IO),
            }
        }
    }

    /// How many bytes the length of a handshake packet has.
    pub(crate) fn header_size(&self) -> Result<c_int, Errno> {
        let mut size = 0;
        self.check(call!(
            self,
            handshake_packet_header_size(self.ctx, &raw mut size)
        ))?;
        Ok(size)
    }

    /// Says what the host that is connected to is called, to a socket that may want to know.
    pub(crate) fn connects_to(&self, host: &str) {
        if self.is_ready_made() {
            // SAFETY: just that.
            unsafe { sets::connects_to(self.ctx, host) };
        }
    }

    /// Tells that we have connected to `peer`; `accepted` if the peer has connected to us.
    pub(crate) fn handshake_complete(&self, peer: &str, accepted: bool) -> Result<(), Errno> {
        if self.is_ready_made() {
            // SAFETY: just that.
            unsafe { sets::is_named(self.ctx, peer) }?;
        }
        let code = if accepted {
            call!(self, accept_handshake_complete(self.ctx))
        } else {
            call!(self, connect_handshake_complete(self.ctx))
        };
        match code {
            // These callbacks may be missing.
            libc::ENOTSUP => Ok(()),
            code => self.check(code),
        }
    }

    /// Closes; the socket is gone, whatever the result. What a descriptor that is none gives is shown
    /// as it is.
    pub(crate) fn close(self) -> Result<(), Errno> {
        outcome(call!(self, close(self.ctx)))
    }

    /// Asks for the descriptor, closing the socket if there is none.
    fn with_descriptor(mut self) -> Result<Self, Errno> {
        let mut fd = -1;
        let asked = self.check(call!(self, get_fd(self.ctx, &raw mut fd)));
        self.fd = fd;
        let known = asked.and(if fd < 0 {
            Err(Errno(libc::EBADF))
        } else {
            Ok(())
        });
        if known.is_err() {
            let _ = self.close();
        }
        known.map(|()| self)
    }

    /// Calls `call` until it has done something or `timeout` is over.
    fn perform(
        &self,
        event: c_short,
        timeout: Timeout,
        mut call: impl FnMut(c_uint) -> c_int,
    ) -> Result<(), Errno> {
        let until = timeout.until();
        let polled = self.is_polled(until);
        loop {
            let code = if polled {
                wait(self.fd, event, until)?;
                let writes = event == libc::POLLOUT;
                let _mode = writes.then(|| NonBlocking::switch(self.fd)).transpose()?;
                call(0)
            } else {
                call(left(until))
            };
            match code {
                libc::EINTR => {}
                // The descriptor does not block, by our doing or the program's.
                libc::EAGAIN => wait(self.fd, event, until)?,
                code => return self.check(code),
            }
            // There is an end to what never comes.
            if left(until) == 0 {
                return Err(Errno::TIMED_OUT);
            }
        }
    }

    /// Whether the callbacks of the program see to timeouts.
    fn keeps_time(&self) -> bool {
        // SAFETY: the program keeps its callbacks.
        unsafe { (*self.cbs).flags & EI_SCLBK_FLG_FULL_IMPL != 0 }
    }

    /// Whether we wait before the callbacks are called. Those of TCP do it themselves, which their flags
    /// do not say.
    fn is_polled(&self, until: Option<Instant>) -> bool {
        until.is_some() && !self.keeps_time() && !self.is_tcp()
    }

    /// Whether there is a stream around the socket, which reads more than it is asked for.
    pub(crate) fn is_layered(&self) -> bool {
        // SAFETY: just what was asked.
        self.is_ready_made() && unsafe { sets::is_layered(self.ctx) }
    }

    /// Forgets a socket whose descriptor the program has closed itself.
    pub(crate) fn forget(self) {
        if self.is_ready_made() {
            // SAFETY: just that, and a socket without its descriptor is of no use.
            unsafe { sets::forget(self.ctx) };
        }
    }

    fn is_ready_made(&self) -> bool {
        // SAFETY: the program keeps its callbacks.
        sets::is_ready_made(unsafe { &*self.cbs })
    }

    fn is_tcp(&self) -> bool {
        ptr::eq(self.cbs, &raw const ei_default_socket_callbacks)
    }

    /// What a callback returned.
    fn check(&self, code: c_int) -> Result<(), Errno> {
        outcome(code).map_err(|errno| self.shown(errno))
    }

    /// The `erl_errno` for an error: what callbacks of the program say, and not what TCP does.
    pub(crate) fn shown(&self, errno: Errno) -> Errno {
        if self.is_tcp() && errno != Errno::TIMED_OUT {
            note::shown_as(errno, Errno::IO)
        } else {
            errno
        }
    }
}

/// The only use of a listening descriptor, which does not block meanwhile.
struct Alone {
    _mode: NonBlocking,
    _turn: Turn,
}

impl Alone {
    fn with(fd: c_int, timeout: Timeout) -> Result<Self, Errno> {
        // The mode is switched back before the turn ends.
        let turn = Turn::wait(fd, timeout)?;
        let mode = NonBlocking::switch(fd)?;
        Ok(Self {
            _mode: mode,
            _turn: turn,
        })
    }
}

/// What a callback returned, which is no error number if it is negative.
const fn outcome(code: c_int) -> Result<(), Errno> {
    match code {
        0 => Ok(()),
        1.. => Err(Errno(code)),
        _ => Err(Errno::IO),
    }
}
