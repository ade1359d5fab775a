use std::fmt;
use std::io;
use std::slice;
use std::sync::Arc;

use einode_dist::handshake::Session;
use einode_dist::{Exchange, NodeName};
use tokio::time::{Instant, timeout_at};

use super::race::race;
use super::resolver::{AnyResolver, addresses};
use super::{Epmd, Link, Listener, Registration, Resolver, Socket, Tcp, Transport, after, run};
use crate::address::Address;
use crate::carrier::{Closing, Ending, Side};
use crate::config::Config;
use crate::engine::Engine;
use crate::error::{ConnectError, ExchangeError};

/// Makes connections and takes them.
///
/// An endpoint has no connections of its own; it is what all of them have in common: who we are
/// ([`Config`]), what connections are made of ([`Transport`]) and how nodes are found ([`Resolver`]).
///
/// ```no_run
/// use std::time::Duration;
///
/// use einode::tokio::Endpoint;
/// use einode::{Config, Cookie, NodeName, term};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::new(NodeName::new("rusty@127.0.0.1")?, Cookie::new("secret")?);
/// let mut link = Endpoint::new(config).connect(&"app@127.0.0.1".parse()?).await?;
/// let total = link.rpc("lists", "sum", &[term!([1, 2, 39])], Duration::from_secs(5)).await?;
/// assert_eq!(total, term!(42));
/// # Ok(())
/// # }
/// ```
pub struct Endpoint<T = Tcp> {
    pub(super) config: Config,
    pub(super) transport: Arc<T>,
    pub(super) resolver: Option<Arc<dyn AnyResolver>>,
}

impl Endpoint {
    /// Connects over TCP, to nodes that EPMD on their hosts knows.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            transport: Arc::new(Tcp),
            resolver: None,
        }
    }
}

impl<T: Transport> Endpoint<T> {
    /// How nodes are found by name, instead of by the EPMD on their hosts.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolver) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// What connections are made of, instead of TCP.
    #[must_use]
    pub fn transport<U: Transport>(self, transport: U) -> Endpoint<U> {
        Endpoint {
            config: self.config,
            transport: Arc::new(transport),
            resolver: self.resolver,
        }
    }

    /// Connects to a node by its name, which the resolver turns into addresses: EPMD on its host,
    /// unless another was given.
    ///
    /// # Errors
    /// [`ConnectError`] says which step failed.
    ///
    /// # Cancelling
    /// No connection comes about; the peer sees the end of what there was.
    pub async fn connect(&self, node: &NodeName) -> Result<Link<T::Socket>, ConnectError> {
        let until = self.setup_deadline();
        let resolved = match &self.resolver {
            Some(resolver) => timeout_at(until, resolver.boxed(node, until)).await,
            None => Ok(self.epmd(node.host()).resolve(node, until).await),
        };
        let addresses = resolved.unwrap_or_else(|_| {
            Err(ConnectError::Resolve {
                host: node.host().into(),
                error: io::ErrorKind::TimedOut.into(),
            })
        })?;
        self.dial(&addresses, Some(node), until).await
    }

    /// Connects to whichever node listens at this port of this host, without a resolver. If `node` is
    /// given, any other node is refused.
    ///
    /// # Errors
    /// [`ConnectError`] says which step failed.
    ///
    /// # Cancelling
    /// As [`Endpoint::connect`].
    pub async fn connect_at(
        &self,
        host: &str,
        port: u16,
        node: Option<&NodeName>,
    ) -> Result<Link<T::Socket>, ConnectError> {
        let until = self.setup_deadline();
        let addresses = addresses(host, port, until).await?;
        self.dial(&addresses, node, until).await
    }

    /// Connects to whichever node listens at this address. If `node` is given, any other node is
    /// refused.
    ///
    /// # Errors
    /// [`ConnectError`] says which step failed.
    ///
    /// # Cancelling
    /// As [`Endpoint::connect`].
    pub async fn connect_to(
        &self,
        address: &Address,
        node: Option<&NodeName>,
    ) -> Result<Link<T::Socket>, ConnectError> {
        let until = self.setup_deadline();
        self.dial(slice::from_ref(address), node, until).await
    }

    /// Connects to the first of the addresses that answers.
    async fn dial(
        &self,
        addresses: &[Address],
        node: Option<&NodeName>,
        until: Instant,
    ) -> Result<Link<T::Socket>, ConnectError> {
        let reached = race(&*self.transport, addresses, node, until).await;
        let socket = reached.map_err(|(at, error)| ConnectError::Connect { at, error })?;
        let link = self.initiate(socket, node, until).await;
        link.map_err(ConnectError::Handshake)
    }

    /// Listens for nodes. Port 0 leaves the choice to the system.
    ///
    /// # Errors
    /// When the system does not let us listen there.
    ///
    /// # Cancelling
    /// Nothing listens.
    pub async fn listen(&self, address: &Address) -> io::Result<Listener<T>> {
        let incoming = self.transport.listen(address).await?;
        Ok(Listener::new(self.clone(), incoming))
    }
}

/// What needs no transport, since the program brings the socket.
impl<T> Endpoint<T> {
    /// The EPMD of a host.
    pub fn epmd(&self, host: &str) -> Epmd {
        self.config
            .epmd_port
            .map_or_else(|| Epmd::on(host), |port| Epmd::at(host, port))
    }

    /// Connects over a socket that leads to a node that waits for a handshake.
    ///
    /// # Errors
    /// The handshake failed; the socket is closed.
    ///
    /// # Cancelling
    /// The socket is closed.
    pub async fn connect_over<S: Socket>(
        &self,
        socket: S,
        node: Option<&NodeName>,
    ) -> Result<Link<S>, ExchangeError> {
        self.initiate(socket, node, self.setup_deadline()).await
    }

    /// Takes a connection over a socket on which a node is about to begin a handshake.
    ///
    /// # Errors
    /// The handshake failed; the socket is closed.
    ///
    /// # Cancelling
    /// The socket is closed.
    pub async fn accept_over<S: Socket>(&self, socket: S) -> Result<Link<S>, ExchangeError> {
        let (handshake, until) = (self.config.acceptor(socket.prefix()), self.setup_deadline());
        self.complete(handshake, socket, Side::Acceptor, until)
            .await
    }

    async fn initiate<S: Socket>(
        &self,
        socket: S,
        node: Option<&NodeName>,
        until: Instant,
    ) -> Result<Link<S>, ExchangeError> {
        let handshake = self.config.initiator(node, socket.prefix());
        self.complete(handshake, socket, Side::Initiator, until)
            .await
    }

    async fn complete<S: Socket>(
        &self,
        handshake: impl Exchange<Outcome = Session>,
        socket: S,
        side: Side,
        until: Instant,
    ) -> Result<Link<S>, ExchangeError> {
        let mut socket = Closing::new(socket, Ending::Handshake);
        let session = timeout_at(until, run(handshake, &mut *socket)).await;
        let session = session.map_err(|_| socket.timed_out())??;
        socket.handshake_complete(side, &session)?;
        let engine = Engine::new(session, &self.config.settings)?;
        Ok(Link::new(socket, engine))
    }

    /// Registers our name and this port with the EPMD of this machine, which gives a creation.
    pub(super) async fn publish(&self, port: Option<u16>) -> Result<Registration, ConnectError> {
        let registration = self.config.registration(port)?;
        let (epmd, until) = (self.epmd("localhost"), self.setup_deadline());
        epmd.register(registration, until).await
    }

    /// The deadline of an attempt that begins now.
    pub(super) fn setup_deadline(&self) -> Instant {
        after(self.config.setup_time)
    }
}

impl<T> Clone for Endpoint<T> {
    fn clone(&self) -> Self {
        let Self {
            config,
            transport,
            resolver,
        } = self;
        Self {
            config: config.clone(),
            transport: Arc::clone(transport),
            resolver: resolver.clone(),
        }
    }
}

impl<T> fmt::Debug for Endpoint<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("local", &self.config.local)
            .finish_non_exhaustive()
    }
}
