//! Connecting to nodes, and closing what is open.

use std::ffi::{c_char, c_int, c_uint};
use std::fmt::{self, Display};
use std::net::{Ipv4Addr, SocketAddr};

use crate::address::Address;
use crate::callbacks::{Port, Refusal, Timeout};
use crate::conversation;
use crate::epmd;
use crate::errno::Errno;
use crate::ffi::{self, ERROR, OK, guard};
use crate::host;
use crate::layer::Problem;
use crate::node::{self, bytes};
use crate::note;
use crate::setup::{self, Place};
use crate::table;
use crate::trace;
use crate::types::{Erl_IpAddr, MAXNODELEN, ei_cnode};
use crate::unix;

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
        let timeout = Timeout::of(ms);
        let (alive, host) = (name.get(..at), name.get(at + 1..));
        let (alive, host) = (alive.unwrap_or_default(), host.unwrap_or_default());
        code(match setup::place(ec) {
            Place::Unix { paths, .. } => by_path(ec, host, paths.of(name), timeout),
            place => anywhere(&place, host, |at| by_name(ec, host, at, alive, timeout)),
        })
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
        let (Some(ec), Some(ip), Ok(alive)) = (ec, ip, alive) else {
            return Errno(libc::EINVAL).fail();
        };
        let timeout = Timeout::of(ms);
        code(match setup::place(ec) {
            // It is a node of this host.
            Place::Unix { paths, .. } => {
                let host = bytes(&ec.thishostname);
                let path = paths.of(&[alive, b"@", &host].concat());
                by_path(ec, &host, path, timeout)
            }
            place => {
                let host = ip.to_string();
                by_name(ec, host.as_bytes(), place.address(ip), alive, timeout)
            }
        })
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
        let (Some(ec), Ok(host)) = (unsafe { (ec.as_mut(), ffi::text(hostname)) }) else {
            return Errno(libc::EINVAL).fail();
        };
        let timeout = Timeout::of(ms);
        code(match setup::place(ec) {
            // A path is both the host and the port.
            Place::Unix { .. } => by_path(ec, host, unix::address(host), timeout),
            place => anywhere(&place, host, |at| by_port(ec, host, at, port, timeout)),
        })
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
        let (Some(ec), Some(ip)) = (unsafe { (ec.as_mut(), address(adr)) }) else {
            return Errno(libc::EINVAL).fail();
        };
        let host = ip.to_string();
        code(match setup::place(ec) {
            Place::Unix { .. } => {
                let text = "nodes on Unix sockets have no addresses of IPv4";
                Err(note::because(Errno(libc::EINVAL), text).into())
            }
            place => {
                let at = place.address(ip);
                by_port(ec, host.as_bytes(), at, port, Timeout::of(ms))
            }
        })
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
    match connected {
        Ok(fd) => {
            note::arrives(Errno(0));
            fd
        }
        Err(Failure(code, errno)) => {
            errno.set();
            code
        }
    }
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
fn anywhere(
    place: &Place,
    host: &[u8],
    mut connect: impl FnMut(SocketAddr) -> Result<c_int, Failure>,
) -> Result<c_int, Failure> {
    let found: Vec<SocketAddr> = match place {
        Place::Inet6 { .. } => {
            let found = host::resolve_ipv6(host)
                .map_err(|Problem { errno, text }| note::because(Errno(errno), text))?;
            found.into_iter().map(SocketAddr::from).collect()
        }
        _ => {
            let found = host::resolve(host).map(|host| host.addresses);
            let found = found.unwrap_or_default().into_iter();
            found.map(|ip| place.address(ip)).collect()
        }
    };
    let mut result = Err(Failure::from(Errno(libc::EHOSTUNREACH)));
    if found.is_empty() {
        let name = host.escape_ascii();
        trace::error("ei_connect", format_args!("no host is called {name}"));
    }
    for at in found {
        result = connect(at);
        if result.is_ok() {
            return result;
        }
    }
    result.map_err(|Failure(code, errno)| {
        let host = String::from_utf8_lossy(host);
        Failure(code, note::while_doing(errno, format_args!("host {host}")))
    })
}

fn by_name(
    ec: &mut ei_cnode,
    host: &[u8],
    mut at: SocketAddr,
    alive: &[u8],
    timeout: Timeout,
) -> Result<c_int, Failure> {
    match epmd::lookup(at, alive, timeout) {
        Ok(port) => {
            at.set_port(port);
            let peer = alive.escape_ascii();
            by_address(ec, host, Address::inet(at), (&at, &peer), timeout)
        }
        Err(errno) => {
            let peer = alive.escape_ascii();
            tell_error(format_args!("-> CONNECT: no port of {peer}"));
            Err(Failure(NO_PORT, errno))
        }
    }
}

fn by_port(
    ec: &mut ei_cnode,
    host: &[u8],
    mut at: SocketAddr,
    port: c_int,
    timeout: Timeout,
) -> Result<c_int, Failure> {
    at.set_port(u16::try_from(port).map_err(|_| Errno(libc::EINVAL))?);
    let peer = format_args!("port {port}");
    by_address(ec, host, Address::inet(at), (&at, &peer), timeout)
}

fn by_path(
    ec: &mut ei_cnode,
    host: &[u8],
    path: Result<Address, Errno>,
    timeout: Timeout,
) -> Result<c_int, Failure> {
    let address = path?;
    let path = address.path().unwrap_or_default();
    let shown = path.escape_ascii();
    by_address(ec, host, address, (&shown, &shown), timeout)
}

/// Connects to what listens at an address: `at`, as is said of errors, and `peer`, as those who watch are
/// told.
fn by_address(
    ec: &mut ei_cnode,
    host: &[u8],
    address: Address,
    (at, peer): (&dyn Display, &dyn Display),
    timeout: Timeout,
) -> Result<c_int, Failure> {
    let mut socket = Port::socket(ec.cbs, ec.setup_context)
        .inspect_err(|errno| tell_error(format_args!("-> SOCKET: {errno}")))?;
    tell(format_args!("-> CONNECT to {peer}"));
    socket.connects_to(&String::from_utf8_lossy(host));
    let connected = match socket.connect(address, timeout) {
        Ok(()) => {
            tell(format_args!("-> CONNECT: the socket is connected"));
            set_up(ec, &mut socket, timeout).map_err(Failure::from)
        }
        Err(Refusal::AtOnce(errno) | Refusal::Late(errno @ Errno::TIMED_OUT)) => {
            Err(Failure(CONNECT_FAIL, errno))
        }
        Err(Refusal::Late(errno)) => Err(errno.into()),
    };
    match connected {
        Ok(()) => {
            tell(format_args!("-> CONNECT (ok) remote = {peer}"));
            Ok(socket.fd)
        }
        Err(Failure(code, errno)) => {
            tell_error(format_args!("-> CONNECT: {errno}"));
            let errno = note::while_doing(errno, format_args!("connecting to {at}"));
            // Closing may have errors of its own, which do not matter.
            note::kept(|| socket.close());
            Err(Failure(code, errno))
        }
    }
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
    if let Err(errno) = socket.handshake_complete(session.peer.as_str(), false) {
        table::remove(socket.fd);
        return Err(errno);
    }
    *ec = named;
    Ok(())
}
