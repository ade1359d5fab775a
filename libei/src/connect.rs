//! Connecting to nodes, and closing what is open.

use std::ffi::{c_char, c_int, c_uint};
use std::net::Ipv4Addr;

use crate::callbacks::{Port, Refusal, Timeout};
use crate::conversation;
use crate::epmd;
use crate::errno::Errno;
use crate::ffi::{self, ERROR, OK, guard};
use crate::host;
use crate::node;
use crate::table;
use crate::types::{Erl_IpAddr, MAXNODELEN, ei_cnode};

/// `ERL_NO_PORT`: the port mapper does not answer, or does not know the node.
const NO_PORT: c_int = -3;
/// `ERL_CONNECT_FAIL`: nobody listens there.
const CONNECT_FAIL: c_int = -4;

/// Connects to a node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_connect(ec: *mut ei_cnode, nodename: *mut c_char) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { ei_connect_tmo(ec, nodename, 0) }
}

/// [`ei_connect`], of which no step takes longer than `ms` milliseconds, but for looking the host up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_connect_tmo(
    ec: *mut ei_cnode,
    nodename: *mut c_char,
    ms: c_uint,
) -> c_int {
    guard(ERROR, || {
        // SAFETY: the pointers are what ei.h says.
        let (ec, name) = unsafe { (ec.as_mut(), ffi::text(nodename)) };
        let (Some(ec), Ok(name)) = (ec, name) else {
            return Errno(libc::EINVAL).fail();
        };
        let Some(at) = name.iter().position(|&byte| byte == b'@') else {
            return ERROR;
        };
        if name.len() > MAXNODELEN {
            return ERROR;
        }
        let alive = name.get(..at).unwrap_or_default();
        // SAFETY: the part after the `@` is a string too.
        let host = unsafe { nodename.add(at + 1) };
        // SAFETY: as above.
        unsafe { anywhere(host, |ip| by_name(ec, ip, alive, Timeout::of(ms))) }
    })
}

/// Connects to a node on the host with this address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_xconnect(
    ec: *mut ei_cnode,
    adr: Erl_IpAddr,
    alivename: *mut c_char,
) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { ei_xconnect_tmo(ec, adr, alivename, 0) }
}

/// [`ei_xconnect`], of which no step takes longer than `ms` milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_xconnect_tmo(
    ec: *mut ei_cnode,
    adr: Erl_IpAddr,
    alivename: *mut c_char,
    ms: c_uint,
) -> c_int {
    guard(ERROR, || {
        // SAFETY: the pointers are what ei.h says.
        let (ec, ip, alive) = unsafe { (ec.as_mut(), address(adr), ffi::text(alivename)) };
        match (ec, ip, alive) {
            (Some(ec), Some(ip), Ok(alive)) => code(by_name(ec, ip, alive, Timeout::of(ms))),
            _ => Errno(libc::EINVAL).fail(),
        }
    })
}

/// Connects to the node that listens on this port, without asking the port mapper.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_connect_host_port(
    ec: *mut ei_cnode,
    hostname: *mut c_char,
    port: c_int,
) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { ei_connect_host_port_tmo(ec, hostname, port, 0) }
}

/// [`ei_connect_host_port`], of which no step takes longer than `ms` milliseconds, but for looking the
/// host up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_connect_host_port_tmo(
    ec: *mut ei_cnode,
    hostname: *mut c_char,
    port: c_int,
    ms: c_uint,
) -> c_int {
    guard(ERROR, || {
        // SAFETY: the pointers are what ei.h says.
        match unsafe { ec.as_mut() } {
            // SAFETY: as above.
            Some(ec) if !hostname.is_null() => unsafe {
                anywhere(hostname, |ip| by_port(ec, ip, port, Timeout::of(ms)))
            },
            _ => Errno(libc::EINVAL).fail(),
        }
    })
}

/// Connects to the node that listens on this port of the host with this address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_xconnect_host_port(
    ec: *mut ei_cnode,
    adr: Erl_IpAddr,
    port: c_int,
) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { ei_xconnect_host_port_tmo(ec, adr, port, 0) }
}

/// [`ei_xconnect_host_port`], of which no step takes longer than `ms` milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_xconnect_host_port_tmo(
    ec: *mut ei_cnode,
    adr: Erl_IpAddr,
    port: c_int,
    ms: c_uint,
) -> c_int {
    guard(ERROR, || {
        // SAFETY: the pointers are what ei.h says.
        match unsafe { (ec.as_mut(), address(adr)) } {
            (Some(ec), Some(ip)) => code(by_port(ec, ip, port, Timeout::of(ms))),
            _ => Errno(libc::EINVAL).fail(),
        }
    })
}

/// Closes a connection, or what [`ei_listen`](crate::ei_listen) opened.
#[unsafe(no_mangle)]
pub extern "C" fn ei_close_connection(fd: c_int) -> c_int {
    guard(ERROR, || {
        // A descriptor that is none is none of the system's either, which will say so.
        let port = table::port(fd).unwrap_or_else(|_| Port::foreign(fd));
        table::remove(fd);
        match port.close() {
            Ok(()) => OK,
            Err(errno) => errno.fail(),
        }
    })
}

/// What a function returns that failed, with `erl_errno`.
pub(crate) struct Failure(pub(crate) c_int, pub(crate) Errno);

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self(ERROR, errno)
    }
}

/// A descriptor, or what to return instead.
pub(crate) fn code(connected: Result<c_int, Failure>) -> c_int {
    connected.unwrap_or_else(|Failure(code, errno)| {
        errno.set();
        code
    })
}

/// The address that a program points to.
///
/// # Safety
/// `adr` is null or points to an address.
pub(crate) unsafe fn address(adr: Erl_IpAddr) -> Option<Ipv4Addr> {
    // SAFETY: as the caller promised.
    unsafe { adr.as_ref() }.map(|adr| Ipv4Addr::from(u32::from_be(adr.s_addr)))
}

/// Tries all addresses of a host, in their order.
///
/// # Safety
/// `host` is a string.
unsafe fn anywhere(
    host: *const c_char,
    mut connect: impl FnMut(Ipv4Addr) -> Result<c_int, Failure>,
) -> c_int {
    let mut result = Err(Failure::from(Errno(libc::EHOSTUNREACH)));
    // SAFETY: as the caller promised.
    if let Some(host) = unsafe { host::resolve(host) } {
        for ip in host.addresses {
            result = connect(ip);
            if result.is_ok() {
                break;
            }
        }
    }
    code(result)
}

fn by_name(
    ec: &mut ei_cnode,
    ip: Ipv4Addr,
    alive: &[u8],
    timeout: Timeout,
) -> Result<c_int, Failure> {
    match epmd::lookup(ip, alive, timeout) {
        Ok(port) => by_port(ec, ip, port.into(), timeout),
        Err(errno) => Err(Failure(NO_PORT, errno)),
    }
}

fn by_port(
    ec: &mut ei_cnode,
    ip: Ipv4Addr,
    port: c_int,
    timeout: Timeout,
) -> Result<c_int, Failure> {
    let port = u16::try_from(port).map_err(|_| Errno(libc::EINVAL))?;
    let mut socket = Port::socket(ec.cbs, ec.setup_context)?;
    let connected = socket.connect(&host::address(ip, port), timeout);
    let connected = connected.map_err(|refusal| match refusal {
        Refusal::AtOnce(errno) | Refusal::Late(errno @ Errno::TIMED_OUT) => {
            Failure(CONNECT_FAIL, errno)
        }
        Refusal::Late(errno) => errno.into(),
    });
    let connected = connected.and_then(|()| Ok(set_up(ec, &mut socket, timeout)?));
    if connected.is_err() {
        let _ = socket.close();
    }
    connected.map(|()| socket.fd)
}

/// Makes a connection of a connected socket, which is left to the caller to close if that fails.
fn set_up(ec: &mut ei_cnode, socket: &mut Port, timeout: Timeout) -> Result<(), Errno> {
    let session = conversation::initiate(ec, socket, timeout)?;
    let mut named = *ec;
    if !node::is_set(&ec.thisnodename) {
        let given = session.local;
        if given.as_str().len() > MAXNODELEN {
            return Err(Errno::IO);
        }
        let (alive, full) = (given.alive().as_bytes(), given.as_str().as_bytes());
        node::name(&mut named, alive, full, session.local_creation);
    }
    table::insert(*socket, Some(named));
    if let Err(errno) = socket.handshake_complete(false) {
        table::remove(socket.fd);
        return Err(errno);
    }
    *ec = named;
    Ok(())
}
