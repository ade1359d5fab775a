//! What the transports of both styles have in common.

use std::io;
use std::net::SocketAddr;

use crate::address::Address;

/// TCP, over IPv4 and IPv6, without Nagle's delay.
///
/// It is a transport of both styles.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

/// How many connections may wait to be accepted, where the transport has a queue of its own.
pub(crate) const QUEUE: usize = 128;

/// How many bytes may be under way in one direction of a connection within the process.
pub(crate) const PIPE: usize = 64 * 1024;

/// The IP address and port of an address.
pub(crate) fn inet(address: &Address) -> io::Result<&SocketAddr> {
    match address {
        Address::Inet(address) => Ok(address),
        _ => Err(unsupported(address)),
    }
}

/// The place within the process that an address names.
pub(crate) fn other(address: &Address) -> io::Result<&String> {
    match address {
        Address::Other(place) => Ok(place),
        _ => Err(unsupported(address)),
    }
}

/// The error for an address that a transport cannot use.
pub(crate) fn unsupported(address: &Address) -> io::Error {
    let text = format!("this transport has no addresses like {address}");
    io::Error::new(io::ErrorKind::Unsupported, text)
}
