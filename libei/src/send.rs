//! Messages to processes of other nodes.

use std::ffi::{c_char, c_int, c_long, c_uint};
use std::io::IoSlice;

use crate::callbacks::Timeout;
use crate::control::{self, Parts};
use crate::errno::Errno;
use crate::ffi::{self, Fault, OK};
use crate::node::ei_self;
use crate::table;
use crate::trace;
use crate::turn::Turn;
use crate::types::{ERL_EXIT, ERL_REG_SEND, ERL_SEND, ei_cnode, erlang_pid};

/// Declares a function and the same with a limit of `ms` milliseconds for each use of the socket.
macro_rules! timed {
    ($(
        $(#[$about:meta])*
        $plain:ident, $timed:ident($($argument:ident: $type:ty),* $(,)?) |$ms:ident| $run:expr;
    )*) => { $(
        $(#[$about])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $plain($($argument: $type),*) -> c_int {
            // SAFETY: the same arguments.
            unsafe { $timed($($argument,)* 0) }
        }

        #[doc = concat!("[`", stringify!($plain), "`] with a limit of `ms` milliseconds for each use of the \
            socket; 0 is none.")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $timed($($argument: $type,)* ms: c_uint) -> c_int {
            let $ms = ms;
            $crate::ffi::guard($crate::ffi::ERROR, || {
                // SAFETY: the pointers are what ei.h says.
                unsafe { $run }
            })
        }
    )* };
}
pub(crate) use timed;

timed! {
    /// Sends the term in `buf`, with its version byte, to a process.
    ei_send, ei_send_tmo(fd: c_int, to: *mut erlang_pid, buf: *mut c_char, len: c_int) |ms| {
        answer(message(fd, ERL_SEND, &to_pid(to), buf, len, ms))
    };

    /// [`ei_send`] under another name.
    ei_send_encoded,
    ei_send_encoded_tmo(fd: c_int, to: *const erlang_pid, msg: *mut c_char, msglen: c_int) |ms| {
        answer(message(fd, ERL_SEND, &to_pid(to), msg, msglen, ms))
    };

    /// Sends the term in `buf`, with its version byte, to the process with a name at the node that `fd`
    /// leads to. The sender is `ec`'s own pid.
    ei_reg_send,
    ei_reg_send_tmo(
        ec: *mut ei_cnode,
        fd: c_int,
        server_name: *mut c_char,
        buf: *mut c_char,
        len: c_int,
    ) |ms| ei_send_reg_encoded_tmo(fd, ei_self(ec), server_name, buf, len, ms);

    /// [`ei_reg_send`] from any pid.
    ei_send_reg_encoded,
    ei_send_reg_encoded_tmo(
        fd: c_int,
        from: *const erlang_pid,
        to: *const c_char,
        msg: *mut c_char,
        msglen: c_int,
    ) |ms| {
        let Ok(name) = ffi::text(to) else {
            return Errno(libc::EINVAL).fail();
        };
        let parts = Parts { from, name, ..Parts::default() };
        answer(message(fd, ERL_REG_SEND, &parts, msg, msglen, ms))
    };

    /// Tells the process `to`, to which `from` is linked, that `from` has ended because of the string
    /// `reason`. Not in the manual.
    ei_send_exit,
    ei_send_exit_tmo(
        fd: c_int,
        from: *const erlang_pid,
        to: *const erlang_pid,
        reason: *const c_char,
    ) |ms| {
        let Ok(reason) = ffi::text(reason) else {
            return Errno(libc::EINVAL).fail();
        };
        let parts = Parts { from, to, reason, ..Parts::default() };
        answer(send(fd, ERL_EXIT, &parts, &[], ms))
    };
}

fn to_pid<'a>(to: *const erlang_pid) -> Parts<'a> {
    Parts {
        to,
        ..Parts::default()
    }
}

/// # Safety
/// As for [`send`]; `buf` is null or has `len` bytes.
unsafe fn message(
    fd: c_int,
    op: c_long,
    parts: &Parts<'_>,
    buf: *const c_char,
    len: c_int,
    ms: c_uint,
) -> Result<(), Errno> {
    // SAFETY: as the caller promised.
    unsafe { send(fd, op, parts, ffi::bytes(buf.cast(), len)?, ms) }
}

/// Sends a control message and `message`, which is not copied, with a trace token if there is one.
///
/// # Safety
/// The pids of `parts` are null or pids.
pub(crate) unsafe fn send(
    fd: c_int,
    op: c_long,
    parts: &Parts<'_>,
    message: &[u8],
    ms: c_uint,
) -> Result<(), Errno> {
    let (mut port, connected) = table::connection(fd)?;
    // Only of the other end of a connection that this library made it is known that it understands
    // a trace token.
    // SAFETY: null or this thread's token, and nothing below asks for the next one.
    let token = connected.then(|| unsafe { trace::next_token().as_ref() });
    let parts = Parts {
        token: token.flatten(),
        ..*parts
    };
    // SAFETY: as the caller promised.
    let head = unsafe { control::write(op, &parts, message.len()) }?;
    trace::sending(&head, message);
    let timeout = Timeout::of(ms);
    let _turn = Turn::wait(fd, timeout)?;
    let slices = &mut [IoSlice::new(&head), IoSlice::new(message)];
    port.write_all(slices, timeout)
}

/// Sets `erl_errno`; 0 or -1.
pub(crate) fn answer(result: Result<(), Errno>) -> c_int {
    match result {
        Ok(()) => {
            Errno(0).set();
            OK
        }
        Err(errno) => errno.fail(),
    }
}

/// What a program gave that cannot be encoded.
impl From<Fault> for Errno {
    fn from(_: Fault) -> Self {
        Self(libc::EINVAL)
    }
}
