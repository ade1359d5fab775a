//! Calls of functions on other nodes, by way of the process `rex`, which every Erlang node has.
//!
//! ```text
//! to rex:    {FromPid, {call, Module, Function, Arguments, GroupLeader}}
//! from rex:  {rex_stdout, Binary}, any number of times if that was asked for, then {rex, Result}
//! ```

use std::ffi::{c_char, c_int, c_uint};
use std::ptr;

use einode_etf::{Slice, Source, Writer};

use crate::atom;
use crate::control::{self, Parts};
use crate::errno::Errno;
use crate::ffi::{self, ERROR, Fault, OK, guard};
use crate::ids::write_pid;
use crate::node::ei_self;
use crate::raw::Read;
use crate::receive::ei_xreceive_msg_tmo;
use crate::send::send;
use crate::types::*;

/// Calls a function and waits for its result, for as long as that takes. `buf` has the list of
/// arguments, without a version byte; `x` gets the result, without one too.
///
/// A call that fails has the result `{badrpc, Reason}`. Whatever else comes from the node in the
/// meantime makes this fail.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_rpc(
    ec: *mut ei_cnode,
    fd: c_int,
    r#mod: *mut c_char,
    fun: *mut c_char,
    inbuf: *const c_char,
    inbuflen: c_int,
    x: *mut ei_x_buff,
) -> c_int {
    guard(ERROR, || {
        let mut msg = control::nothing();
        // SAFETY: the pointers are what ei.h says.
        unsafe {
            if ei_rpc_to(ec, fd, r#mod, fun, inbuf, inbuflen) != OK {
                return ERROR;
            }
            loop {
                match ei_rpc_from(ec, fd, -1, &raw mut msg, x) {
                    ERL_TICK => {}
                    ERL_MSG => break,
                    _ => return ERROR,
                }
            }
            match x
                .as_mut()
                .ok_or(Fault::Refused)
                .and_then(|x| unwrap(x, &msg))
            {
                Ok(()) => OK,
                Err(_) => Errno::IO.fail(),
            }
        }
    })
}

/// Sends what [`ei_rpc`] sends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_rpc_to(
    ec: *mut ei_cnode,
    fd: c_int,
    r#mod: *mut c_char,
    fun: *mut c_char,
    buf: *const c_char,
    len: c_int,
) -> c_int {
    // SAFETY: the same arguments.
    unsafe { ei_xrpc_to(ec, fd, r#mod, fun, buf, len, 0) }
}

/// [`ei_rpc_to`]; with the flag `EI_RPC_FETCH_STDOUT`, what the function prints comes back as messages.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_xrpc_to(
    ec: *mut ei_cnode,
    fd: c_int,
    r#mod: *mut c_char,
    fun: *mut c_char,
    buf: *const c_char,
    len: c_int,
    flags: c_int,
) -> c_int {
    guard(ERROR, || {
        let leader: &[u8] = if flags & EI_RPC_FETCH_STDOUT == 0 {
            b"user"
        } else {
            b"send_stdout_to_caller"
        };
        // SAFETY: the pointers are what ei.h says.
        let sent = unsafe {
            let arguments = (
                ffi::text(r#mod),
                ffi::text(fun),
                ffi::bytes(buf.cast(), len),
            );
            let (Ok(module), Ok(function), Ok(arguments)) = arguments else {
                return Errno(libc::EINVAL).fail();
            };
            call(fd, ei_self(ec), module, function, arguments, leader)
        };
        crate::send::answer(sent)
    })
}

/// Receives a message: an answer, or what a function printed. It is still what `rex` has sent, with
/// its version byte.
///
/// Waits for at most `timeout` milliseconds, or without limit if that is not positive. Returns
/// `ERL_MSG`, `ERL_TICK`, `ERL_TIMEOUT` or `ERL_ERROR`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_rpc_from(
    _ec: *mut ei_cnode,
    fd: c_int,
    timeout: c_int,
    msg: *mut erlang_msg,
    x: *mut ei_x_buff,
) -> c_int {
    let ms = c_uint::try_from(timeout).unwrap_or(0);
    // SAFETY: the pointers are what ei.h says.
    unsafe {
        match ei_xreceive_msg_tmo(fd, msg, x, ms) {
            ERROR if *ffi::__erl_errno_place() == libc::ETIMEDOUT => ERL_TIMEOUT,
            result => result,
        }
    }
}

/// Sends a call to `rex`. Names are in Latin-1, `arguments` is an encoded list.
///
/// # Safety
/// `from` is null or a pid.
pub(crate) unsafe fn call(
    fd: c_int,
    from: *const erlang_pid,
    module: &[u8],
    function: &[u8],
    arguments: &[u8],
    leader: &[u8],
) -> Result<(), Errno> {
    let mut request = Vec::with_capacity(arguments.len() + 256);
    let mut writer = Writer::new(&mut request);
    writer
        .version()
        .and_then(|()| writer.tuple(2))
        .map_err(Fault::from)?;
    // SAFETY: as the caller promised.
    unsafe { write_pid(&mut request, from) }?;
    Writer::new(&mut request).tuple(5).map_err(Fault::from)?;
    for name in [b"call", module, function] {
        atom::write(&mut request, name, ERLANG_LATIN1)?;
    }
    request.extend_from_slice(arguments);
    atom::write(&mut request, leader, ERLANG_LATIN1)?;
    let parts = Parts {
        from,
        name: b"rex",
        ..Parts::default()
    };
    // SAFETY: as above.
    unsafe { send(fd, ERL_REG_SEND, &parts, &request, 0) }
}

/// Reads `131 {rex, Result}` up to the result.
pub(crate) fn open_answer<'a>(source: &mut impl Source<'a>) -> Result<(), Fault> {
    let arity = source.read(|reader| {
        reader.version()?;
        reader.tuple()
    })?;
    if arity == 2 && atom::name(source)?.0 == b"rex" {
        Ok(())
    } else {
        Err(Fault::Refused)
    }
}

/// Leaves only the result in a buffer that holds a message.
///
/// # Safety
/// It does.
unsafe fn unwrap(x: &mut ei_x_buff, msg: &erlang_msg) -> Result<(), Fault> {
    if msg.msgtype != ERL_SEND {
        return Err(Fault::Refused);
    }
    // SAFETY: as the caller promised.
    unsafe {
        let message = ffi::bytes(x.buff.cast(), x.index)?;
        let mut source = Slice::new(message);
        open_answer(&mut source)?;
        let length = source.ahead().len();
        ptr::copy(x.buff.add(message.len() - length), x.buff, length);
        x.index = length as c_int;
    }
    Ok(())
}
