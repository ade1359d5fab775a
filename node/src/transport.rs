//! What the transports of both styles have in common.

use std::io;

use crate::address::Address;

/// TCP, over IPv4 and IPv6, without Nagle's delay.
///
/// It is a transport of both styles.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

/// How many connections may wait to be accepted, where the transport has a queue of its own.
pub(crate) const QUEUE: usize = 128;

/// The error for an address that a transport cannot use.
pub(crate) fn unsupported(address: &Address) -> io::Error {
    let text = format!("this transport has no addresses like {address}");
    io::Error::new(io::ErrorKind::Unsupported, text)
}
