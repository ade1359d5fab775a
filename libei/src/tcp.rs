//! The callbacks of TCP sockets, which are used where the program gives none. A context is the
//! descriptor itself.
//!
//! They keep to their `tmo` although their flags do not say so: a program may copy them and put
//! callbacks of its own in the place of some.

use std::ffi::{c_char, c_int, c_uint, c_void};

use crate::descriptor;
use crate::errno::Errno;
use crate::ffi::guard;
use crate::types::ei_socket_callbacks;

/// TCP.
#[unsafe(no_mangle)]
pub static ei_default_socket_callbacks: ei_socket_callbacks = ei_socket_callbacks {
    flags: 0,
    socket: Some(socket),
    close: Some(close),
    listen: Some(listen),
    accept: Some(accept),
    connect: Some(connect),
    writev: Some(writev),
    write: Some(write),
    read: Some(read),
    handshake_packet_header_size: Some(header_size),
    connect_handshake_complete: Some(handshake_complete),
    accept_handshake_complete: Some(handshake_complete),
    get_fd: Some(get_fd),
};

/// What a callback returns.
pub(crate) fn code(run: impl FnOnce() -> Result<(), Errno>) -> c_int {
    guard(libc::EIO, || match run() {
        Ok(()) => 0,
        Err(Errno(code)) => code,
    })
}

/// What a callback returns that says at `len` how much it did.
///
/// # Safety
/// The length has a place.
pub(crate) unsafe fn count(len: *mut isize, run: impl FnOnce() -> Result<isize, Errno>) -> c_int {
    // SAFETY: as the caller promised.
    code(|| run().map(|count| unsafe { len.write(count) }))
}

fn fd_of(ctx: *mut c_void) -> c_int {
    ctx as isize as c_int
}

fn context(fd: c_int) -> *mut c_void {
    fd as isize as *mut c_void
}

unsafe extern "C" fn socket(ctx: *mut *mut c_void, _setup_ctx: *mut c_void) -> c_int {
    // SAFETY: the context has a place.
    code(|| descriptor::open(libc::AF_INET).map(|fd| unsafe { ctx.write(context(fd)) }))
}

unsafe extern "C" fn close(ctx: *mut c_void) -> c_int {
    code(|| descriptor::close(fd_of(ctx)))
}

unsafe extern "C" fn listen(
    ctx: *mut c_void,
    addr: *mut c_void,
    len: *mut c_int,
    backlog: c_int,
) -> c_int {
    // SAFETY: the address has the length that is said.
    code(|| unsafe { descriptor::listen(fd_of(ctx), addr, len, backlog) })
}

unsafe extern "C" fn accept(
    ctx: *mut *mut c_void,
    addr: *mut c_void,
    len: *mut c_int,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the context is that of a listening socket and has a place for the new one; the address has
    // room for the length that is said.
    code(|| unsafe {
        let accepted = descriptor::accept(fd_of(*ctx), addr, len, tmo)?;
        ctx.write(context(accepted));
        Ok(())
    })
}

unsafe extern "C" fn connect(
    ctx: *mut c_void,
    addr: *mut c_void,
    len: c_int,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the address has the length that is said.
    code(|| unsafe { descriptor::connect(fd_of(ctx), addr, len, tmo) })
}

unsafe extern "C" fn writev(
    ctx: *mut c_void,
    iov: *const c_void,
    iovcnt: c_int,
    len: *mut isize,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the buffers are those of the caller, and the length has a place.
    unsafe {
        count(len, || {
            descriptor::transfer(fd_of(ctx), libc::POLLOUT, tmo, |fd, flags| {
                descriptor::send(fd, iov, iovcnt, flags)
            })
        })
    }
}

unsafe extern "C" fn write(
    ctx: *mut c_void,
    buf: *const c_char,
    len: *mut isize,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the buffer holds the bytes that the length says.
    unsafe {
        count(len, || {
            descriptor::transfer(fd_of(ctx), libc::POLLOUT, tmo, |fd, flags| {
                libc::send(fd, buf.cast(), *len as usize, flags | libc::MSG_NOSIGNAL)
            })
        })
    }
}

unsafe extern "C" fn read(
    ctx: *mut c_void,
    buf: *mut c_char,
    len: *mut isize,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the buffer has room for the length that is said.
    unsafe {
        count(len, || {
            descriptor::transfer(fd_of(ctx), libc::POLLIN, tmo, |fd, flags| {
                libc::recv(fd, buf.cast(), *len as usize, flags)
            })
        })
    }
}

unsafe extern "C" fn header_size(_ctx: *mut c_void, sz: *mut c_int) -> c_int {
    // SAFETY: the size has a place.
    unsafe { sz.write(2) };
    0
}

unsafe extern "C" fn handshake_complete(ctx: *mut c_void) -> c_int {
    code(|| descriptor::attend(fd_of(ctx)))
}

unsafe extern "C" fn get_fd(ctx: *mut c_void, fd: *mut c_int) -> c_int {
    // SAFETY: the descriptor has a place.
    unsafe { fd.write(fd_of(ctx)) };
    0
}
