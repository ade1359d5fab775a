//! The port mapper, which is always reached over TCP.

use std::ffi::{c_char, c_int, c_uint};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ptr;
use std::sync::Arc;

use einode_dist::Exchange;
use einode_dist::epmd::message::StopAnswer;
use einode_dist::epmd::{Lookup, NodeType, Register, Registration, Stop};

use crate::address::Address;
use crate::callbacks::{Port, Refusal, Timeout};
use crate::connect::{Failure, address, code};
use crate::conversation::run;
use crate::errno::Errno;
use crate::ffi::{self, ERROR, OK, guard, put};
use crate::note;
use crate::sets::einode_ipv6_callbacks;
use crate::setup::{Place, Setup};
use crate::steps::Steps;
use crate::tcp::ei_default_socket_callbacks;
use crate::trace;
use crate::types::{Erl_IpAddr, ei_cnode};

/// Where the port mapper listens, unless `ERL_EPMD_PORT` says otherwise.
const PORT: u16 = 4369;

/// `ERL_NO_DAEMON`: the port mapper is there, but gives no answer.
const NO_DAEMON: c_int = -2;

/// The version of the protocol that we speak.
const VERSION: u16 = 6;

/// Registers a node that listens on `port`, for as long as the descriptor that this returns is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_publish(ec: *mut ei_cnode, port: c_int) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { ei_publish_tmo(ec, port, 0) }
}

/// [`ei_publish`], of which no step takes longer than `ms` milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_publish_tmo(ec: *mut ei_cnode, port: c_int, ms: c_uint) -> c_int {
    // SAFETY: null or a node, as ei.h says.
    unsafe { ei_epmd_publish_tmo(port, crate::ei_thisalivename(ec), ms) }
}

/// Asks to forget a node, which port mappers only do where they were told to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_unpublish(ec: *mut ei_cnode) -> c_int {
    // SAFETY: null or a node, as ei.h says.
    unsafe { ei_unpublish_tmo(crate::ei_thisalivename(ec), 0) }
}

/// [`ei_unpublish`], of which no step takes longer than `ms` milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_unpublish_tmo(alive: *const c_char, ms: c_uint) -> c_int {
    guard(ERROR, || {
        // SAFETY: null or a string, as ei.h says.
        match unsafe { ffi::text(alive) }.map_or(Err(Errno(libc::EINVAL)), |alive| {
            stop(alive, Timeout::of(ms))
        }) {
            Ok(()) => OK,
            Err(errno) => errno.fail(),
        }
    })
}

/// [`ei_publish`], by name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_epmd_publish(port: c_int, alive: *const c_char) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { ei_epmd_publish_tmo(port, alive, 0) }
}

/// [`ei_publish_tmo`], by name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_epmd_publish_tmo(
    port: c_int,
    alive: *const c_char,
    ms: c_uint,
) -> c_int {
    guard(ERROR, || {
        // SAFETY: null or a string, as ei.h says.
        match (unsafe { ffi::text(alive) }, u16::try_from(port)) {
            (Ok(alive), Ok(port)) => code(register(alive, port, Timeout::of(ms))),
            _ => Errno(libc::EINVAL).fail(),
        }
    })
}

/// The port that a node listens on; `*dist` becomes the version of the protocol that both speak.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_epmd_port(
    adr: Erl_IpAddr,
    alive: *const c_char,
    dist: *mut c_int,
) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { ei_epmd_port_tmo(adr, alive, dist, 0) }
}

/// [`ei_epmd_port`], of which no step takes longer than `ms` milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_epmd_port_tmo(
    adr: Erl_IpAddr,
    alive: *const c_char,
    dist: *mut c_int,
    ms: c_uint,
) -> c_int {
    guard(ERROR, || {
        // SAFETY: null, an address and a string, as ei.h says.
        let (Some(ip), Ok(alive)) = (unsafe { (address(adr), ffi::text(alive)) }) else {
            return Errno(libc::EINVAL).fail();
        };
        match find(mapper(ip), alive, Timeout::of(ms)) {
            Ok(found) => {
                // SAFETY: null or room for a version, as ei.h says.
                unsafe { put(dist, VERSION.into()) };
                found.port.into()
            }
            Err(failure) => code(Err(failure)),
        }
    })
}

/// A connection to the port mapper; without an address, that of this host.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_epmd_connect_tmo(adr: Erl_IpAddr, ms: c_uint) -> c_int {
    guard(ERROR, || {
        // SAFETY: null or an address, as ei.h says.
        let ip = unsafe { address(adr) }.unwrap_or(Ipv4Addr::LOCALHOST);
        match connect(mapper(ip), Timeout::of(ms)) {
            Ok(socket) => socket.fd,
            Err(errno) => errno.fail(),
        }
    })
}

/// The port that a node on the host with this address listens on.
pub(crate) fn lookup(at: SocketAddr, alive: &[u8], timeout: Timeout) -> Result<u16, Errno> {
    match find(at, alive, timeout) {
        Ok(found) => Ok(found.port),
        Err(Failure(_, errno)) => Err(errno),
    }
}

fn find(at: SocketAddr, alive: &[u8], timeout: Timeout) -> Result<Registration, Failure> {
    const FUNCTION: &str = "ei_epmd_r4_port";
    let ip = at.ip();
    let alive = text(alive)?;
    let answer = ask(
        Lookup::new(alive).map_err(|_| Errno::IO)?,
        at,
        timeout,
        (FUNCTION, "PORT2_RESP"),
        format_args!("-> PORT2_REQ alive={alive} ip={ip}"),
    );
    match answer? {
        (socket, Some(found)) => {
            let _ = socket.close();
            trace::progress(FUNCTION, format_args!("<- PORT2_RESP (ok)"));
            trace::progress(FUNCTION, format_args!("   {}", Described(&found)));
            let Registration {
                lowest, highest, ..
            } = found;
            if (lowest..=highest).contains(&VERSION) {
                return Ok(found);
            }
            trace::error(FUNCTION, format_args!("no version that both speak"));
            let text = format_args!(
                "{alive} speaks versions {lowest} to {highest} of the protocol, we {VERSION}"
            );
            Err(note::because(Errno::IO, text).into())
        }
        (socket, None) => {
            let _ = socket.close();
            trace::error(FUNCTION, format_args!("<- PORT2_RESP (unknown)"));
            let text = format_args!("the port mapper at {ip} knows no node {alive}");
            Err(note::because(Errno::IO, text).into())
        }
    }
}

fn register(alive: &[u8], port: u16, timeout: Timeout) -> Result<c_int, Failure> {
    const FUNCTION: &str = "ei_epmd_r4_publish";
    let alive = text(alive)?;
    // What OTP's library says of its nodes.
    let mut registration = Registration::new(alive, port, NodeType(b'h'));
    registration.lowest = registration.highest;
    let question = Register::new(registration.clone()).map_err(|_| Errno::IO)?;
    let (socket, registered) = ask(
        question,
        mapper(Ipv4Addr::LOCALHOST),
        timeout,
        (FUNCTION, "ALIVE2_RESP"),
        format_args!("-> ALIVE2_REQ alive={alive} {}", Described(&registration)),
    )?;
    let creation = registered.creation;
    trace::progress(
        FUNCTION,
        format_args!("<- ALIVE2_RESP (ok) creation={creation}"),
    );
    Ok(socket.fd)
}

fn stop(alive: &[u8], timeout: Timeout) -> Result<(), Errno> {
    const FUNCTION: &str = "ei_unpublish_tmo";
    let alive = text(alive)?;
    let (socket, answer) = ask(
        Stop::new(alive).map_err(|_| Errno::IO)?,
        mapper(Ipv4Addr::LOCALHOST),
        timeout,
        (FUNCTION, "STOPPED"),
        format_args!("-> STOP {alive}"),
    )?;
    let _ = socket.close();
    match answer {
        StopAnswer::Stopped => {
            trace::progress(FUNCTION, format_args!("<- STOPPED"));
            Ok(())
        }
        StopAnswer::NoExist => {
            trace::error(FUNCTION, format_args!("<- NOEXIST"));
            Err(Errno::IO)
        }
        StopAnswer::NotAllowed => {
            trace::error(FUNCTION, format_args!("<- not allowed"));
            Err(Errno::IO)
        }
    }
}

/// Why there is no answer.
enum Unanswered {
    /// Nobody is there to ask.
    Unasked(Errno),
    /// Who was asked does not say.
    Asked(Errno),
}

impl From<Unanswered> for Errno {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Unasked(errno) | Unanswered::Asked(errno) => errno,
        }
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Asked(Errno::TIMED_OUT) => Self(NO_DAEMON, Errno::TIMED_OUT),
            unanswered => Errno::from(unanswered).into(),
        }
    }
}

/// Asks a question, which those who watch are told, as by `function`. Gives the answer and the connection.
fn ask<E: Exchange>(
    question: E,
    at: SocketAddr,
    timeout: Timeout,
    (function, answer): (&str, &str),
    shown: fmt::Arguments<'_>,
) -> Result<(Port, E::Outcome), Unanswered> {
    let mut socket = connect(at, timeout).map_err(Unanswered::Unasked)?;
    trace::progress(function, shown);
    match run(question, &mut socket, timeout, Steps::none()) {
        Ok(answer) => Ok((socket, answer)),
        Err(errno) => {
            trace::error(function, format_args!("<- {answer}: {errno}"));
            let text = format_args!("asking the port mapper at {}", at.ip());
            let errno = note::while_doing(errno, text);
            note::kept(|| socket.close());
            Err(Unanswered::Asked(errno))
        }
    }
}

/// What the port mapper knows of a node.
struct Described<'a>(&'a Registration);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Registration {
            port,
            node_type,
            protocol,
            highest,
            lowest,
            ..
        } = self.0;
        let kind = node_type.0;
        write!(
            f,
            "port={port} ntype={kind} proto={protocol} dist-high={highest} dist-low={lowest}"
        )
    }
}

/// The port mapper of a host.
fn mapper(ip: Ipv4Addr) -> SocketAddr {
    SocketAddr::new(ip.into(), PORT)
}

fn connect(mut at: SocketAddr, timeout: Timeout) -> Result<Port, Errno> {
    let port = std::env::var("ERL_EPMD_PORT").ok();
    at.set_port(port.and_then(|port| port.parse().ok()).unwrap_or(PORT));
    let socket = match at {
        SocketAddr::V4(_) => Port::socket(&raw const ei_default_socket_callbacks, ptr::null_mut())?,
        SocketAddr::V6(_) => {
            let setup = Arc::new(Setup::plain(Place::inet6()));
            let setup = Arc::as_ptr(&setup).cast_mut().cast();
            Port::socket(&raw const einode_ipv6_callbacks, setup)?
        }
    };
    match socket.connect(Address::inet(at), timeout) {
        Ok(()) => Ok(socket),
        Err(Refusal::AtOnce(errno) | Refusal::Late(errno)) => {
            note::kept(|| socket.close());
            let text = format_args!("connecting to the port mapper at {at}");
            Err(note::while_doing(errno, text))
        }
    }
}

fn text(name: &[u8]) -> Result<&str, Errno> {
    std::str::from_utf8(name).map_err(|_| Errno::IO)
}
