//! The callbacks of TCP sockets, which are used where the program gives none. A context is the
//! descriptor itself.
//!
//! They keep to their `tmo` although their flags do not say so: a program may copy them and put
//! callbacks of its own in the place of some.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::time::Instant;

use crate::callbacks::Timeout;
use crate::errno::Errno;
use crate::ffi::guard;
use crate::types::ei_socket_callbacks;
use crate::wait::{NonBlocking, pending_error, wait};

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
fn code(run: impl FnOnce() -> Result<(), Errno>) -> c_int {
    guard(libc::EIO, || match run() {
        Ok(()) => 0,
        Err(Errno(code)) => code,
    })
}

/// What a system call returned, if it is not negative.
fn check<T: Copy + Default + PartialOrd>(result: T) -> Result<T, Errno> {
    if result < T::default() {
        Err(Errno::last())
    } else {
        Ok(result)
    }
}

fn descriptor(ctx: *mut c_void) -> c_int {
    ctx as isize as c_int
}

fn context(fd: c_int) -> *mut c_void {
    fd as isize as *mut c_void
}

unsafe extern "C" fn socket(ctx: *mut *mut c_void, _setup_ctx: *mut c_void) -> c_int {
    // SAFETY: the context has a place.
    code(|| unsafe {
        ctx.write(context(check(libc::socket(
            libc::AF_INET,
            libc::SOCK_STREAM,
            0,
        ))?));
        Ok(())
    })
}

unsafe extern "C" fn close(ctx: *mut c_void) -> c_int {
    // SAFETY: closing takes any number.
    code(|| check(unsafe { libc::close(descriptor(ctx)) }).map(drop))
}

unsafe extern "C" fn listen(
    ctx: *mut c_void,
    addr: *mut c_void,
    len: *mut c_int,
    backlog: c_int,
) -> c_int {
    let fd = descriptor(ctx);
    code(|| {
        set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR)?;
        // SAFETY: the address has the length that is said.
        unsafe {
            check(libc::bind(fd, addr.cast(), *len as libc::socklen_t))?;
            check(libc::getsockname(fd, addr.cast(), len.cast()))?;
            check(libc::listen(fd, backlog)).map(drop)
        }
    })
}

unsafe extern "C" fn accept(
    ctx: *mut *mut c_void,
    addr: *mut c_void,
    len: *mut c_int,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the context is that of a listening socket.
    let fd = descriptor(unsafe { *ctx });
    code(|| {
        let until = Timeout::of_callback(tmo).until();
        loop {
            // Another process may take the connection that we were told of.
            let mode = until.map(|_| NonBlocking::switch(fd)).transpose()?;
            // SAFETY: the address has room for the length that is said.
            let accepted = unsafe { libc::accept(fd, addr.cast(), len.cast()) };
            let accepted = check(accepted);
            drop(mode);
            match accepted {
                Ok(accepted) => {
                    // SAFETY: the context has a place.
                    unsafe { ctx.write(context(accepted)) };
                    return Ok(());
                }
                // The peer had gone before it was accepted.
                Err(Errno(libc::ECONNABORTED | libc::EINTR)) => {}
                Err(Errno(libc::EAGAIN)) => wait(fd, libc::POLLIN, until)?,
                Err(errno) => return Err(errno),
            }
        }
    })
}

unsafe extern "C" fn connect(
    ctx: *mut c_void,
    addr: *mut c_void,
    len: c_int,
    tmo: c_uint,
) -> c_int {
    let fd = descriptor(ctx);
    code(|| {
        let until = Timeout::of_callback(tmo).until();
        let _mode = until.map(|_| NonBlocking::switch(fd)).transpose()?;
        // SAFETY: the address has the length that is said.
        match check(unsafe { libc::connect(fd, addr.cast(), len as libc::socklen_t) }) {
            Err(Errno(libc::EINPROGRESS | libc::EINTR)) if tmo == 0 => {
                Err(Errno(libc::EINPROGRESS))
            }
            Err(Errno(libc::EINPROGRESS | libc::EINTR)) => {
                wait(fd, libc::POLLOUT, until)?;
                match pending_error(fd) {
                    0 => Ok(()),
                    error => Err(Errno(error)),
                }
            }
            result => result.map(drop),
        }
    })
}

unsafe extern "C" fn writev(
    ctx: *mut c_void,
    iov: *const c_void,
    iovcnt: c_int,
    len: *mut isize,
    tmo: c_uint,
) -> c_int {
    // SAFETY: a message is pointers and numbers, which zeros are.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = iov.cast_mut().cast();
    message.msg_iovlen = iovcnt as _;
    // SAFETY: the buffers are those of the caller. Who is gone is no reason for a signal.
    transfer(ctx, libc::POLLOUT, len, tmo, |fd, flags| unsafe {
        libc::sendmsg(fd, &raw const message, flags | libc::MSG_NOSIGNAL)
    })
}

unsafe extern "C" fn write(
    ctx: *mut c_void,
    buf: *const c_char,
    len: *mut isize,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the buffer holds the bytes that the length says.
    transfer(ctx, libc::POLLOUT, len, tmo, |fd, flags| unsafe {
        libc::send(fd, buf.cast(), *len as usize, flags | libc::MSG_NOSIGNAL)
    })
}

unsafe extern "C" fn read(
    ctx: *mut c_void,
    buf: *mut c_char,
    len: *mut isize,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the buffer has room for the length that is said.
    transfer(ctx, libc::POLLIN, len, tmo, |fd, flags| unsafe {
        libc::recv(fd, buf.cast(), *len as usize, flags)
    })
}

/// Sends or receives, and says at `len` how much. With a time limit, no call blocks.
fn transfer(
    ctx: *mut c_void,
    event: libc::c_short,
    len: *mut isize,
    tmo: c_uint,
    mut call: impl FnMut(c_int, c_int) -> isize,
) -> c_int {
    let fd = descriptor(ctx);
    code(|| {
        let until: Option<Instant> = Timeout::of_callback(tmo).until();
        let flags = if until.is_some() {
            libc::MSG_DONTWAIT
        } else {
            0
        };
        loop {
            match check(call(fd, flags)) {
                Ok(count) => {
                    // SAFETY: the length has a place.
                    unsafe { len.write(count) };
                    return Ok(());
                }
                Err(Errno(libc::EINTR)) => {}
                Err(Errno(libc::EAGAIN)) => wait(fd, event, until)?,
                Err(errno) => return Err(errno),
            }
        }
    })
}

unsafe extern "C" fn header_size(_ctx: *mut c_void, sz: *mut c_int) -> c_int {
    // SAFETY: the size has a place.
    unsafe { sz.write(2) };
    0
}

/// Messages are sent at once, and a dead peer is found out some day.
unsafe extern "C" fn handshake_complete(ctx: *mut c_void) -> c_int {
    let fd = descriptor(ctx);
    code(|| {
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY)?;
        set_option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE)
    })
}

unsafe extern "C" fn get_fd(ctx: *mut c_void, fd: *mut c_int) -> c_int {
    // SAFETY: the descriptor has a place.
    unsafe { fd.write(descriptor(ctx)) };
    0
}

fn set_option(fd: c_int, level: c_int, name: c_int) -> Result<(), Errno> {
    let on: c_int = 1;
    let length = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the option is a number.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const on).cast(), length) }).map(drop)
}
