use std::io;

use einode_dist::NodeName;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout_at};

use super::{Boxed, Epmd};
use crate::address::Address;
use crate::error::ConnectError;
use crate::resolver::{FixedPort, Table, found, literal};

/// How the name of a node becomes the addresses at which it may be reached, in the order in which to try
/// them.
///
/// EPMD is only one way: see [`Table`] and [`FixedPort`], or make one of your own.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of a node.
    ///
    /// The future may be dropped, and is when `until` has passed.
    ///
    /// # Errors
    /// [`ConnectError::UnknownNode`] when there is no such node; others when it cannot be told before
    /// `until`.
    fn resolve(
        &self,
        node: &NodeName,
        until: Instant,
    ) -> impl Future<Output = Result<Vec<Address>, ConnectError>> + Send;
}

/// The EPMD at this place is asked, whatever the host of the node; the node is sought at the same
/// host.
impl Resolver for Epmd {
    async fn resolve(&self, node: &NodeName, until: Instant) -> Result<Vec<Address>, ConnectError> {
        let port = self.lookup(node, until).await?;
        addresses(self.host(), port, until).await
    }
}

impl Resolver for Table {
    async fn resolve(&self, node: &NodeName, _: Instant) -> Result<Vec<Address>, ConnectError> {
        self.find(node)
    }
}

impl Resolver for FixedPort {
    async fn resolve(&self, node: &NodeName, until: Instant) -> Result<Vec<Address>, ConnectError> {
        addresses(node.host(), self.0, until).await
    }
}

/// The addresses of a port of a host, in the order in which to try them.
///
/// The system's resolver knows no deadline and cannot be stopped: a thread of the runtime waits for it,
/// which outlives the deadline where the resolver does.
pub(super) async fn addresses(
    host: &str,
    port: u16,
    until: Instant,
) -> Result<Vec<Address>, ConnectError> {
    if let Some(address) = literal(host, port) {
        return Ok(vec![address]);
    }
    let answer = match timeout_at(until, lookup_host((host, port))).await {
        Ok(answer) => answer.map(Iterator::collect),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    found(host, answer)
}

/// [`Resolver`], with its future in a box.
pub(super) trait AnyResolver: Send + Sync {
    fn boxed<'a>(
        &'a self,
        node: &'a NodeName,
        until: Instant,
    ) -> Boxed<'a, Result<Vec<Address>, ConnectError>>;
}

impl<R: Resolver> AnyResolver for R {
    fn boxed<'a>(
        &'a self,
        node: &'a NodeName,
        until: Instant,
    ) -> Boxed<'a, Result<Vec<Address>, ConnectError>> {
        Box::pin(self.resolve(node, until))
    }
}
