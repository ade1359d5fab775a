//! What is done with stream sockets of the system, whatever their family: errors are those of the system,
//! and a `tmo` is that of callbacks.

use std::ffi::{c_int, c_uint, c_void};
use std::io::{self, IoSlice};
use std::time::Instant;

use crate::callbacks::Timeout;
use crate::errno::Errno;
use crate::wait::{NonBlocking, pending_error, wait};

/// What a system call returned, if it is not negative.
pub(crate) fn check<T: Copy + Default + PartialOrd>(result: T) -> Result<T, Errno> {
    if result < T::default() {
        Err(Errno::last())
    } else {
        Ok(result)
    }
}

/// A new socket.
pub(crate) fn open(family: c_int) -> Result<c_int, Errno> {
    // SAFETY: the arguments are numbers.
    check(unsafe { libc::socket(family, libc::SOCK_STREAM, 0) })
}

/// Closes it, whatever the result.
pub(crate) fn close(fd: c_int) -> Result<(), Errno> {
    // SAFETY: closing takes any number.
    check(unsafe { libc::close(fd) }).map(drop)
}

/// Listens on an IP address, and writes back the one that the system chose.
///
/// # Safety
/// `addr` is an address of `*len` bytes.
pub(crate) unsafe fn listen(
    fd: c_int,
    addr: *mut c_void,
    len: *mut c_int,
    backlog: c_int,
) -> Result<(), Errno> {
    set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, &1)?;
    // SAFETY: as the caller promised.
    unsafe {
        check(libc::bind(fd, addr.cast(), *len as libc::socklen_t))?;
        check(libc::getsockname(fd, addr.cast(), len.cast()))?;
        check(libc::listen(fd, backlog)).map(drop)
    }
}

/// Takes the next connection.
///
/// # Safety
/// `addr` has room for `*len` bytes.
pub(crate) unsafe fn accept(
    fd: c_int,
    addr: *mut c_void,
    len: *mut c_int,
    tmo: c_uint,
) -> Result<c_int, Errno> {
    let until = Timeout::of_callback(tmo).until();
    loop {
        // Another process may take the connection that we were told of.
        let mode = until.map(|_| NonBlocking::switch(fd)).transpose()?;
        // SAFETY: as the caller promised.
        let accepted = check(unsafe { libc::accept(fd, addr.cast(), len.cast()) });
        drop(mode);
        match accepted {
            Ok(accepted) => return Ok(accepted),
            // The peer had gone before it was accepted.
            Err(Errno(libc::ECONNABORTED | libc::EINTR)) => {}
            Err(Errno(libc::EAGAIN)) => wait(fd, libc::POLLIN, until)?,
            Err(errno) => return Err(errno),
        }
    }
}

/// Connects to an IP address.
///
/// # Safety
/// `addr` is an address of `len` bytes.
pub(crate) unsafe fn connect(
    fd: c_int,
    addr: *const c_void,
    len: c_int,
    tmo: c_uint,
) -> Result<(), Errno> {
    let until = Timeout::of_callback(tmo).until();
    let _mode = until.map(|_| NonBlocking::switch(fd)).transpose()?;
    // SAFETY: as the caller promised.
    match check(unsafe { libc::connect(fd, addr.cast(), len as libc::socklen_t) }) {
        Err(Errno(libc::EINPROGRESS | libc::EINTR)) if tmo == 0 => Err(Errno(libc::EINPROGRESS)),
        Err(Errno(libc::EINPROGRESS | libc::EINTR)) => {
            wait(fd, libc::POLLOUT, until)?;
            match pending_error(fd) {
                0 => Ok(()),
                error => Err(Errno(error)),
            }
        }
        result => result.map(drop),
    }
}

/// Sends or receives what `call` does with the descriptor and its flags, and says how much. With a time
/// limit, no call blocks.
pub(crate) fn transfer(
    fd: c_int,
    event: libc::c_short,
    tmo: c_uint,
    mut call: impl FnMut(c_int, c_int) -> isize,
) -> Result<isize, Errno> {
    let until: Option<Instant> = Timeout::of_callback(tmo).until();
    let flags = if until.is_some() {
        libc::MSG_DONTWAIT
    } else {
        0
    };
    loop {
        match check(call(fd, flags)) {
            Err(Errno(libc::EINTR)) => {}
            Err(Errno(libc::EAGAIN)) => wait(fd, event, until)?,
            result => return result,
        }
    }
}

/// Sends the bytes of `count` buffers. Who is gone is no reason for a signal.
///
/// # Safety
/// `iov` are buffers as those of the system's `writev`.
pub(crate) unsafe fn send(fd: c_int, iov: *const c_void, count: c_int, flags: c_int) -> isize {
    // SAFETY: a message is pointers and numbers, which zeros are.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = iov.cast_mut().cast();
    message.msg_iovlen = count as _;
    // SAFETY: as the caller promised.
    unsafe { libc::sendmsg(fd, &raw const message, flags | libc::MSG_NOSIGNAL) }
}

/// Has messages sent at once, and a dead peer found out some day.
pub(crate) fn attend(fd: c_int) -> Result<(), Errno> {
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, &1)?;
    set_option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, &1)
}

/// Sets an option; zeros are what `T` may be.
pub(crate) fn set_option<T>(fd: c_int, level: c_int, name: c_int, value: &T) -> Result<(), Errno> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the option is what is pointed to, of that length.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const *value).cast(), length) })
        .map(drop)
}

/// A connected socket of the system that is never waited for: what is not possible now fails with
/// [`io::ErrorKind::WouldBlock`].
#[derive(Debug)]
pub struct Descriptor(pub(crate) c_int);

impl Descriptor {
    /// Reads what is there; 0 bytes if the peer has closed.
    pub fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        // SAFETY: there is room for that many bytes.
        immediately(|| unsafe {
            libc::recv(
                self.0,
                buf.as_mut_ptr().cast(),
                buf.len(),
                libc::MSG_DONTWAIT,
            )
        })
    }

    /// Writes as much as there is room for, in the order of the slices.
    pub fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let (iov, count) = (slices.as_ptr().cast(), slices.len() as c_int);
        // SAFETY: slices have the form of the system's.
        immediately(|| unsafe { send(self.0, iov, count, libc::MSG_DONTWAIT) })
    }
}

fn immediately(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        match usize::try_from(call()) {
            Ok(count) => return Ok(count),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
}
