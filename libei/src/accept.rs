//! Listening for nodes, and accepting them.

use std::ffi::{c_char, c_int, c_uint};
use std::fmt;
use std::net::Ipv4Addr;

use einode_dist::NodeName;

use crate::address::Address;
use crate::callbacks::{Port, Timeout};
use crate::connect::address;
use crate::conversation;
use crate::errno::Errno;
use crate::ffi::{ERROR, guard, put};
use crate::node;
use crate::note;
use crate::setup;
use crate::table;
use crate::trace;
use crate::types::{Erl_IpAddr, ErlConnect, MAXNODELEN, ei_cnode};

/// Listens on all addresses; `*port` becomes the port, if it is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_listen(ec: *mut ei_cnode, port: *mut c_int, backlog: c_int) -> c_int {
    let mut any = libc::in_addr { s_addr: 0 };
    // SAFETY: the pointers are what ei.h says.
    unsafe { ei_xlisten(ec, &raw mut any, port, backlog) }
}

/// Listens on an address; `*adr` and `*port` become what they really are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_xlisten(
    ec: *mut ei_cnode,
    adr: Erl_IpAddr,
    port: *mut c_int,
    backlog: c_int,
) -> c_int {
    guard(ERROR, || {
        // SAFETY: the pointers are what ei.h says.
        let (ec, ip, asked) = unsafe { (ec.as_ref(), address(adr), port.as_ref()) };
        let asked = asked.and_then(|&port| u16::try_from(port).ok());
        let (Some(ec), Some(ip), Some(asked)) = (ec, ip, asked) else {
            return Errno(libc::EINVAL).fail();
        };
        match listen(ec, ip, asked, backlog) {
            Ok((fd, bound)) => {
                // SAFETY: as above.
                unsafe {
                    if let Some(ip) = bound.ipv4() {
                        let s_addr = u32::from(ip).to_be();
                        put(adr, libc::in_addr { s_addr });
                    }
                    // What has none stays at what the program asked for.
                    if let Some(at) = bound.socket() {
                        put(port, at.port().into());
                    }
                }
                fd
            }
            Err(errno) => errno.fail(),
        }
    })
}

/// Waits for a node to connect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_accept(ec: *mut ei_cnode, lfd: c_int, conp: *mut ErlConnect) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { ei_accept_tmo(ec, lfd, conp, 0) }
}

/// [`ei_accept`], of which no step takes longer than `ms` milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_accept_tmo(
    ec: *mut ei_cnode,
    lfd: c_int,
    conp: *mut ErlConnect,
    ms: c_uint,
) -> c_int {
    guard(ERROR, || {
        // SAFETY: null or a node, as ei.h says.
        let Some(ec) = (unsafe { ec.as_ref() }) else {
            return Errno(libc::EINVAL).fail();
        };
        match accept(ec, lfd, Timeout::of(ms)) {
            Ok((fd, peer)) => {
                // SAFETY: null or room for a peer, as ei.h says.
                unsafe { put(conp, peer) };
                fd
            }
            Err(errno) => errno.fail(),
        }
    })
}

fn listen(
    ec: &ei_cnode,
    ip: Ipv4Addr,
    port: u16,
    backlog: c_int,
) -> Result<(c_int, Address), Errno> {
    let name = node::bytes(&ec.thisnodename);
    let mut bound = setup::place(ec).listening(ip, port, &name)?;
    let socket = Port::socket(ec.cbs, ec.setup_context)?;
    match socket.listen(&mut bound, backlog) {
        Ok(()) => {
            table::insert(socket, None);
            Ok((socket.fd, bound))
        }
        Err(errno) => {
            trace::error("ei_xlisten", format_args!("-> LISTEN: {errno}"));
            let errno = note::while_doing(socket.shown(errno), "listening");
            note::kept(|| socket.close());
            Err(errno)
        }
    }
}

fn accept(ec: &ei_cnode, lfd: c_int, timeout: Timeout) -> Result<(c_int, ErlConnect), Errno> {
    let listener = table::port(lfd)?;
    tell(format_args!("<- ACCEPT: waiting"));
    let (mut socket, from) = listener.accept(timeout).inspect_err(tell_error)?;
    tell(format_args!("<- ACCEPT: the socket is connected"));
    match set_up(ec, &mut socket, from, timeout) {
        Ok((name, peer)) => {
            tell(format_args!("<- ACCEPT (ok) remote = {name}"));
            Ok((socket.fd, peer))
        }
        Err(errno) => {
            tell_error(&errno);
            let errno = note::while_doing(errno, "accepting a node");
            note::kept(|| socket.close());
            Err(errno)
        }
    }
}

fn tell(text: fmt::Arguments<'_>) {
    trace::progress("ei_accept", text);
}

fn tell_error(errno: &Errno) {
    trace::error("ei_accept", format_args!("<- ACCEPT: {errno}"));
}

/// Makes a connection of an accepted socket, which is left to the caller to close if that fails.
fn set_up(
    ec: &ei_cnode,
    socket: &mut Port,
    from: Address,
    timeout: Timeout,
) -> Result<(NodeName, ErlConnect), Errno> {
    let session = conversation::accept(ec, socket, timeout)?;
    let name = session.peer.as_str().as_bytes();
    if name.len() > MAXNODELEN {
        return Err(Errno::IO);
    }
    // There is no room for others.
    let ip = from.ipv4().unwrap_or(Ipv4Addr::UNSPECIFIED);
    let mut peer = ErlConnect {
        ipadr: ip.octets().map(|byte| byte as c_char),
        nodename: [0; MAXNODELEN + 1],
    };
    node::set(&mut peer.nodename, name);
    table::insert(*socket, Some(*ec));
    if let Err(errno) = socket.handshake_complete(session.peer.as_str(), true) {
        table::remove(socket.fd);
        return Err(errno);
    }
    Ok((session.peer, peer))
}
