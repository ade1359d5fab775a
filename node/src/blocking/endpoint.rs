use std::fmt;
use std::io;
use std::slice;
use std::sync::Arc;
use std::time::Instant;

use einode_dist::handshake::Session;
use einode_dist::{Exchange, NodeName};

use super::resolver::addresses;
use super::run::run_while;
use super::{Epmd, Link, Listener, Registration, Resolver, Socket, Tcp, Transport};
use crate::address::Address;
use crate::carrier::{Closing, Ending, Side};
use crate::config::Config;
use crate::deadline;
use crate::engine::Engine;
use crate::error::{ConnectError, ExchangeError};
use crate::trace;

/// Makes connections and takes them.
///
/// An endpoint has no connections of its own; it is what all of them have in common: who we are
/// ([`Config`]), what connections are made of ([`Transport`]) and how nodes are found ([`Resolver`]).
///
/// ```no_run
/// use std::time::Duration;
///
/// use einode::blocking::Endpoint;
/// use einode::{Config, Cookie, NodeName, term};
///
/// let config = Config::new(NodeName::new("rusty@127.0.0.1")?, Cookie::new("secret")?);
/// let mut link = Endpoint::new(config).connect(&"app@127.0.0.1".parse()?)?;
/// let total = link.rpc("lists", "sum", &[term!([1, 2, 39])], Duration::from_secs(5))?;
/// assert_eq!(total, term!(42));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Endpoint<T = Tcp> {
    pub(super) config: Config,
    pub(super) transport: Arc<T>,
    pub(super) resolver: Option<Arc<dyn Resolver>>,
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
    pub fn connect(&self, node: &NodeName) -> Result<Link<T::Socket>, ConnectError> {
        let until = self.setup_deadline();
        let addresses = match &self.resolver {
            Some(resolver) => resolver.resolve(node, until)?,
            None => self.epmd(node.host()).resolve(node, until)?,
        };
        self.dial(&addresses, Some(node), until)
    }

    /// Connects to whichever node listens at this port of this host, without a resolver. If `node` is
    /// given, any other node is refused.
    ///
    /// # Errors
    /// [`ConnectError`] says which step failed.
    pub fn connect_at(
        &self,
        host: &str,
        port: u16,
        node: Option<&NodeName>,
    ) -> Result<Link<T::Socket>, ConnectError> {
        let until = self.setup_deadline();
        self.dial(&addresses(host, port, until)?, node, until)
    }

    /// Connects to whichever node listens at this address. If `node` is given, any other node is
    /// refused.
    ///
    /// # Errors
    /// [`ConnectError`] says which step failed.
    pub fn connect_to(
        &self,
        address: &Address,
        node: Option<&NodeName>,
    ) -> Result<Link<T::Socket>, ConnectError> {
        self.dial(slice::from_ref(address), node, self.setup_deadline())
    }

    /// Connects to the first of the addresses that answers. Each gets an equal share of the time that
    /// is left.
    fn dial(
        &self,
        addresses: &[Address],
        node: Option<&NodeName>,
        until: Instant,
    ) -> Result<Link<T::Socket>, ConnectError> {
        let mut failure = None;
        for (tried, address) in addresses.iter().enumerate() {
            let now = Instant::now();
            let left = until.saturating_duration_since(now);
            let share = left / (addresses.len() - tried).try_into().unwrap_or(u32::MAX);
            trace::dialing(address);
            match self.transport.connect(address, node, now + share) {
                Ok(socket) => {
                    return self
                        .initiate(socket, node, until)
                        .map_err(ConnectError::Handshake);
                }
                Err(error) => failure = Some((address, error)),
            }
        }
        Err(match failure {
            Some((address, error)) => ConnectError::Connect {
                at: address.to_string(),
                error,
            },
            None => ConnectError::Connect {
                at: "no address".into(),
                error: io::ErrorKind::AddrNotAvailable.into(),
            },
        })
    }

    /// Listens for nodes. Port 0 leaves the choice to the system.
    ///
    /// # Errors
    /// When the system does not let us listen there.
    pub fn listen(&self, address: &Address) -> io::Result<Listener<T>> {
        Listener::new(self.clone(), self.transport.listen(address)?)
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
    pub fn connect_over<S: Socket>(
        &self,
        socket: S,
        node: Option<&NodeName>,
    ) -> Result<Link<S>, ExchangeError> {
        self.initiate(socket, node, self.setup_deadline())
    }

    /// Takes a connection over a socket on which a node is about to begin a handshake.
    ///
    /// # Errors
    /// The handshake failed; the socket is closed.
    pub fn accept_over<S: Socket>(&self, socket: S) -> Result<Link<S>, ExchangeError> {
        let handshake = self.config.acceptor(socket.prefix());
        self.complete(handshake, socket, Side::Acceptor, self.setup_deadline())
    }

    fn initiate<S: Socket>(
        &self,
        socket: S,
        node: Option<&NodeName>,
        until: Instant,
    ) -> Result<Link<S>, ExchangeError> {
        let handshake = self.config.initiator(node, socket.prefix());
        self.complete(handshake, socket, Side::Initiator, until)
    }

    fn complete<S: Socket>(
        &self,
        handshake: impl Exchange<Outcome = Session>,
        socket: S,
        side: Side,
        until: Instant,
    ) -> Result<Link<S>, ExchangeError> {
        let mut socket = Closing::new(socket, Ending::Handshake);
        let is_wanted = || (self.config.is_wanted)();
        let session = run_while(is_wanted, handshake, &mut *socket, Some(until))?;
        socket.handshake_complete(side, &session)?;
        let engine = Engine::new(session, &self.config.settings)?;
        Ok(Link::new(socket, engine))
    }

    /// Registers our name and this port with the EPMD of this machine, which gives a creation.
    pub(super) fn publish(&self, port: Option<u16>) -> Result<Registration, ConnectError> {
        let registration = self.config.registration(port)?;
        let (epmd, until) = (self.epmd("localhost"), self.setup_deadline());
        epmd.register(registration, until)
    }

    /// The deadline of an attempt that begins now.
    pub(super) fn setup_deadline(&self) -> Instant {
        deadline::after(self.config.setup_time)
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
