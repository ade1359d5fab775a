//! Connecting to nodes, and closing what is open.

use std::ffi::{c_char, c_int, c_uint};
use std::fmt;
use std::net::Ipv4Addr;

use crate::callbacks::{Port, Refusal, Timeout};
use crate::conversation;
use crate::epmd;
use crate::errno::Errno;
use crate::ffi::{self, ERROR, OK, guard};
use crate::host;
use crate::node;
use crate::table;
use crate::trace;
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
            trace::error("ei_connect", format_args!("a name of a node has an @"));
            return ERROR;
        };
        if name.len() > MAXNODELEN {
            trace::error("ei_connect", format_args!("a name of {} bytes", name.len()));
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
            Err(errno) => {
                trace::error("ei_close_connection", format_args!("<- CLOSE: {errno}"));
                errno.fail()
            }
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
    let (name, found) = unsafe { (ffi::text(host).unwrap_or_default(), host::resolve(host)) };
    let addresses = found.map(|host| host.addresses).unwrap_or_default();
    if addresses.is_empty() {
        let name = name.escape_ascii();
        trace::error("ei_connect", format_args!("no host is called {name}"));
    }
    for ip in addresses {
        result = connect(ip);
        if result.is_ok() {
            break;
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
    let peer = alive.escape_ascii();
    match epmd::lookup(ip, alive, timeout) {
        Ok(port) => connect(ec, ip, port.into(), timeout, format_args!("{peer}")),
        Err(errno) => {
            tell_error(format_args!("-> CONNECT: no port of {peer}"));
            Err(Failure(NO_PORT, errno))
        }
    }
}

fn by_port(
    ec: &mut ei_cnode,
    ip: Ipv4Addr,
    port: c_int,
    timeout: Timeout,
) -> Result<c_int, Failure> {
    connect(ec, ip, port, timeout, format_args!("port {port}"))
}

/// Connects to `peer`, as those who watch are told.
fn connect(
    ec: &mut ei_cnode,
    ip: Ipv4Addr,
    port: c_int,
    timeout: Timeout,
    peer: fmt::Arguments<'_>,
) -> Result<c_int, Failure> {
    let port = u16::try_from(port).map_err(|_| Errno(libc::EINVAL))?;
    let mut socket = Port::socket(ec.cbs, ec.setup_context)
        .inspect_err(|errno| tell_error(format_args!("-> SOCKET: {errno}")))?;
    tell(format_args!("-> CONNECT to {peer}"));
    let connected = match socket.connect(&host::address(ip, port), timeout) {
        Ok(()) => {
            tell(format_args!("-> CONNECT: the socket is connected"));
            let done = set_up(ec, &mut socket, timeout).map_err(Failure::from);
            done.inspect_err(|Failure(_, errno)| tell_error(format_args!("-> CONNECT: {errno}")))
        }
        Err(refusal) => {
            let (Refusal::AtOnce(errno) | Refusal::Late(errno)) = refusal;
            tell_error(format_args!("-> CONNECT: {errno}"));
            Err(match refusal {
                Refusal::AtOnce(_) | Refusal::Late(Errno::TIMED_OUT) => {
                    Failure(CONNECT_FAIL, errno)
                }
                Refusal::Late(_) => errno.into(),
            })
        }
    };
    match connected {
        Ok(()) => tell(format_args!("-> CONNECT (ok) remote = {peer}")),
        Err(_) => drop(socket.close()),
    }
    connected.map(|()| socket.fd)
}

fn tell(text: fmt::Arguments<'_>) {
    trace::progress("ei_xconnect", text);
}

fn tell_error(text: fmt::Arguments<'_>) {
    trace::error("ei_xconnect", text);
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
