//! The setup contexts of the ready-made sets of callbacks.

use std::ffi::{c_char, c_uint, c_void};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ptr;
use std::sync::Arc;

use crate::address::Address;
use crate::errno::Errno;
use crate::ffi::{self, guard};
use crate::host;
use crate::layer::{Layer, Problem};
use crate::note;
use crate::sets;
use crate::types::ei_cnode;
use crate::unix::Paths;

/// Where nodes are, and what stands around the sockets that lead to them.
pub struct Setup {
    pub(crate) place: Place,
    pub(crate) layer: Option<Box<dyn Layer>>,
}

/// How a node is found.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// By IPv4, as ei.h says.
    Inet,
    /// By IPv6; listening on this address.
    Inet6 { listen: SocketAddrV6 },
    /// By the path of a Unix socket; listening with these permissions.
    Unix { paths: Paths, mode: u32 },
}

impl Place {
    /// IPv6, listening on all addresses.
    pub(crate) const fn inet6() -> Self {
        Self::Inet6 {
            listen: SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0),
        }
    }

    /// The address that one of IPv4 is here. Its port is 0.
    pub(crate) fn address(&self, ip: Ipv4Addr) -> SocketAddr {
        match self {
            Self::Inet6 { .. } => SocketAddr::new(ip.to_ipv6_mapped().into(), 0),
            Self::Inet | Self::Unix { .. } => SocketAddr::new(ip.into(), 0),
        }
    }

    /// The address to listen on, where the program asks for one of IPv4 and a port. The node's name is
    /// what counts for Unix sockets.
    pub(crate) fn listening(&self, ip: Ipv4Addr, port: u16, node: &[u8]) -> Result<Address, Errno> {
        match self {
            Self::Inet => Ok(Address::inet((ip, port))),
            Self::Inet6 { listen } => {
                let mut at = match ip {
                    Ipv4Addr::UNSPECIFIED => (*listen).into(),
                    Ipv4Addr::LOCALHOST => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 0),
                    ip => self.address(ip),
                };
                at.set_port(port);
                Ok(Address::inet(at))
            }
            Self::Unix { paths, .. } => paths.of(node),
        }
    }
}

impl Setup {
    /// Sockets without anything around them.
    pub(crate) const fn plain(place: Place) -> Self {
        Self { place, layer: None }
    }

    /// `layer` over the sockets of another setup, or over TCP.
    pub fn layered(over: Option<&Self>, layer: Box<dyn Layer>) -> Result<Self, Problem> {
        let place = match over {
            None => Place::Inet,
            Some(Self { place, layer: None }) => place.clone(),
            Some(_) => return Err(Problem::invalid("TLS over TLS")),
        };
        Ok(Self {
            place,
            layer: Some(layer),
        })
    }

    /// What C gets, or null and why.
    pub fn into_raw(made: Result<Self, Problem>) -> *mut Self {
        match made {
            Ok(setup) => Arc::into_raw(Arc::new(setup)).cast_mut(),
            Err(Problem { errno, text }) => {
                note::because(Errno(errno), text).set();
                ptr::null_mut()
            }
        }
    }

    /// Another owner of what C has.
    ///
    /// # Safety
    /// `setup` is from [`into_raw`](Self::into_raw) and has not been freed.
    pub(crate) unsafe fn share(setup: *const Self) -> Arc<Self> {
        // SAFETY: as the caller promised.
        unsafe {
            Arc::increment_strong_count(setup);
            Arc::from_raw(setup)
        }
    }
}

/// How the nodes are found that a node connects to, and that connect to it.
pub(crate) fn place(ec: &ei_cnode) -> Place {
    // SAFETY: null or callbacks, which the program keeps.
    let cbs = unsafe { ec.cbs.as_ref() };
    match cbs {
        // SAFETY: what gets a setup context that is ours has one.
        Some(cbs) if sets::is_ready_made(cbs) => {
            unsafe { of(ec.setup_context) }.map_or(Place::Inet, |setup| setup.place.clone())
        }
        _ => Place::Inet,
    }
}

/// The setup of a node.
///
/// # Safety
/// `setup_context` is null or from [`Setup::into_raw`], and has not been freed.
unsafe fn of<'a>(setup_context: *const c_void) -> Option<&'a Setup> {
    // SAFETY: as the caller promised.
    unsafe { setup_context.cast::<Setup>().as_ref() }
}

/// Nodes that are found by the path of a Unix socket: `paths`, with `%n` for the node's name, `%a` for
/// the part before the `@` and `%h` for the part after it. The files of sockets that listen get the
/// permissions `mode`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn einode_unix(paths: *const c_char, mode: c_uint) -> *mut Setup {
    guard(ptr::null_mut(), || {
        // SAFETY: null or a string, as einode.h says.
        let text = unsafe { ffi::text(paths) }.unwrap_or_default();
        let paths = Paths::new(text).ok_or_else(|| {
            let text = String::from_utf8_lossy(text);
            Problem::invalid(format_args!(
                "expected a path in which %n, %a, %h or %% may be, found \"{text}\""
            ))
        });
        Setup::into_raw(paths.and_then(|paths| {
            if mode & !0o777 != 0 {
                let text = format_args!("expected permissions of at most 0777, found {mode:#o}");
                return Err(Problem::invalid(text));
            }
            Ok(Setup::plain(Place::Unix { paths, mode }))
        }))
    })
}

/// Nodes that are found by IPv6. `listen` is the address to listen on, or null for all of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn einode_ipv6(listen: *const c_char) -> *mut Setup {
    guard(ptr::null_mut(), || {
        if listen.is_null() {
            return Setup::into_raw(Ok(Setup::plain(Place::inet6())));
        }
        // SAFETY: a string, as einode.h says.
        let found = host::resolve_ipv6(unsafe { ffi::text(listen) }.unwrap_or_default());
        Setup::into_raw(found.map(|found| {
            Setup::plain(
                found
                    .first()
                    .map_or_else(Place::inet6, |&listen| Place::Inet6 { listen }),
            )
        }))
    })
}

/// Frees a setup, which no node uses any more. Connections and listening sockets go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn einode_free(setup: *mut Setup) {
    if !setup.is_null() {
        // SAFETY: it is from `into_raw`, as einode.h says.
        guard((), || drop(unsafe { Arc::from_raw(setup) }));
    }
}
