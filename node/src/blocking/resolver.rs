use std::io;
use std::net::ToSocketAddrs;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use einode_dist::NodeName;

use super::Epmd;
use crate::address::Address;
use crate::error::ConnectError;
use crate::resolver::{FixedPort, Table, found, literal};

/// How the name of a node becomes the addresses at which it may be reached, to be tried in order.
///
/// EPMD is only one way: see [`Table`] and [`FixedPort`], or make one of your own.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of a node.
    ///
    /// # Errors
    /// [`ConnectError::UnknownNode`] when there is no such node; others when it cannot be told before
    /// `until`.
    fn resolve(&self, node: &NodeName, until: Instant) -> Result<Vec<Address>, ConnectError>;
}

/// The EPMD at this place is asked, whatever the host of the node; the node is sought at the same
/// host.
impl Resolver for Epmd {
    fn resolve(&self, node: &NodeName, until: Instant) -> Result<Vec<Address>, ConnectError> {
        let port = self.lookup(node, until)?;
        addresses(self.host(), port, until)
    }
}

impl Resolver for Table {
    fn resolve(&self, node: &NodeName, _: Instant) -> Result<Vec<Address>, ConnectError> {
        self.find(node)
    }
}

impl Resolver for FixedPort {
    fn resolve(&self, node: &NodeName, until: Instant) -> Result<Vec<Address>, ConnectError> {
        addresses(node.host(), self.0, until)
    }
}

/// The addresses of a port of a host, in the order in which to try them.
///
/// The system's resolver knows no deadline, so it runs on a thread of its own, which outlives the
/// deadline where the resolver does.
pub(super) fn addresses(
    host: &str,
    port: u16,
    until: Instant,
) -> Result<Vec<Address>, ConnectError> {
    if let Some(address) = literal(host, port) {
        return Ok(vec![address]);
    }
    let (answer, answered) = mpsc::sync_channel(1);
    let asked = (host.to_owned(), port);
    let lookup = move || {
        let addresses = (asked.0.as_str(), asked.1)
            .to_socket_addrs()
            .map(Iterator::collect);
        // Nobody listens any more after the deadline.
        let _ = answer.send(addresses);
    };
    let left = until.saturating_duration_since(Instant::now());
    let started = thread::Builder::new().name("resolve".into()).spawn(lookup);
    let answer = started.and_then(|_| {
        let answer = answered.recv_timeout(left);
        answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    });
    found(host, answer)
}
