use std::fmt;
use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use einode_dist::handshake::{Acceptor, Hello, Initiator, Local, Session, Verdict};
use einode_dist::{Cookie, Flags, Identity, NodeName, Settings, TickTime, limits};

use super::resolve::resolve;
use super::{Epmd, Link, Listener, Socket, Tcp, run};
use crate::carrier::Side;
use crate::entropy;
use crate::error::{ConnectError, ExchangeError};

/// Who we are towards other nodes: makes connections and takes them.
///
/// An endpoint has no connections of its own; it is what all of them have in common.
///
/// ```no_run
/// use std::time::Duration;
///
/// use einode::blocking::Endpoint;
/// use einode::{Cookie, NodeName, term};
///
/// let endpoint = Endpoint::new(NodeName::new("rusty@127.0.0.1")?, Cookie::new("secret")?);
/// let mut link = endpoint.connect(&"app@127.0.0.1".parse()?)?;
/// let total = link.rpc("lists", "sum", &[term!([1, 2, 39])], Duration::from_secs(5))?;
/// assert_eq!(total, term!(42));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Endpoint {
    pub(super) local: Local,
    setup_time: Duration,
    settings: Settings,
    epmd_port: Option<u16>,
    admit: Arc<Admit>,
}

type Admit = dyn Fn(&Hello) -> Verdict + Send + Sync;

impl Endpoint {
    /// A hidden node of this name, or of a name that the first peer gives it.
    pub fn new(identity: impl Into<Identity>, cookie: Cookie) -> Self {
        Self {
            local: Local::new(identity, entropy::creation(), cookie),
            setup_time: limits::SETUP_TIME,
            settings: Settings::default(),
            epmd_port: None,
            admit: Arc::new(admit),
        }
    }

    /// How long it may take to get a connection, from the look-up of the name to the end of the
    /// handshake: 7 seconds by default, as kernel's `net_setuptime`.
    #[must_use]
    pub fn setup_time(mut self, time: Duration) -> Self {
        self.setup_time = time;
        self
    }

    /// After how much silence a peer is given up; see [`TickTime`]. 60 seconds by default.
    #[must_use]
    pub fn tick_time(mut self, time: TickTime) -> Self {
        self.settings.tick_time = time;
        self
    }

    /// The longest packet accepted, in bytes; by default 128 MiB ([`limits::PACKET`]).
    #[must_use]
    pub fn max_packet(mut self, bytes: u32) -> Self {
        self.settings.max_packet = bytes;
        self
    }

    /// Where EPMD listens on every host: by default as `ERL_EPMD_PORT` says, or 4369.
    #[must_use]
    pub fn epmd_port(mut self, port: u16) -> Self {
        self.epmd_port = Some(port);
        self
    }

    /// The flags that peers are told; by default [`Flags::HIDDEN`].
    #[must_use]
    pub fn flags(mut self, flags: Flags) -> Self {
        self.local.flags = flags;
        self
    }

    /// Decides on nodes that connect to us, before they have shown that they know the cookie.
    ///
    /// By default all are welcome, and those that ask for a name are given one.
    #[must_use]
    pub fn admit(mut self, admit: impl Fn(&Hello) -> Verdict + Send + Sync + 'static) -> Self {
        self.admit = Arc::new(admit);
        self
    }

    /// The EPMD of a host.
    pub fn epmd(&self, host: &str) -> Epmd {
        self.epmd_port
            .map_or_else(|| Epmd::on(host), |port| Epmd::at(host, port))
    }

    /// Connects to a node by its name, which EPMD on its host turns into a port.
    ///
    /// # Errors
    /// [`ConnectError`] says which step failed.
    pub fn connect(&self, peer: &NodeName) -> Result<Link<Tcp>, ConnectError> {
        let until = Instant::now() + self.setup_time;
        let port = self.epmd(peer.host()).lookup(peer, until)?;
        self.dial(peer.host(), port, Some(peer), until)
    }

    /// Connects to whichever node listens at this address, without EPMD. If `peer` is given, any
    /// other node is refused.
    ///
    /// # Errors
    /// [`ConnectError`] says which step failed.
    pub fn connect_at(
        &self,
        host: &str,
        port: u16,
        peer: Option<&NodeName>,
    ) -> Result<Link<Tcp>, ConnectError> {
        self.dial(host, port, peer, Instant::now() + self.setup_time)
    }

    fn dial(
        &self,
        host: &str,
        port: u16,
        peer: Option<&NodeName>,
        until: Instant,
    ) -> Result<Link<Tcp>, ConnectError> {
        let addresses = resolve(host, port, until).map_err(|error| ConnectError::Resolve {
            host: host.into(),
            error,
        })?;
        let socket = Tcp::connect(&addresses, until).map_err(|error| ConnectError::Connect {
            at: format!("{host}:{port}"),
            error,
        })?;
        self.initiate(socket, peer, until)
            .map_err(ConnectError::Handshake)
    }

    /// Connects over a socket that leads to a node that waits for a handshake.
    ///
    /// # Errors
    /// The handshake failed; the socket is closed.
    pub fn connect_over<S: Socket>(
        &self,
        socket: S,
        peer: Option<&NodeName>,
    ) -> Result<Link<S>, ExchangeError> {
        self.initiate(socket, peer, Instant::now() + self.setup_time)
    }

    fn initiate<S: Socket>(
        &self,
        mut socket: S,
        peer: Option<&NodeName>,
        until: Instant,
    ) -> Result<Link<S>, ExchangeError> {
        let challenge = entropy::challenge();
        let handshake = Initiator::new(&self.local, peer.cloned(), socket.prefix(), challenge);
        let session = run(handshake, &mut socket, Some(until))?;
        self.complete(socket, session, Side::Initiator)
    }

    /// Takes a connection over a socket on which a node is about to begin a handshake.
    ///
    /// # Errors
    /// The handshake failed; the socket is closed.
    pub fn accept_over<S: Socket>(&self, mut socket: S) -> Result<Link<S>, ExchangeError> {
        let until = Instant::now() + self.setup_time;
        let admit = |hello: &Hello| (self.admit)(hello);
        let handshake = Acceptor::new(&self.local, socket.prefix(), entropy::challenge(), admit);
        let session = run(handshake, &mut socket, Some(until))?;
        self.complete(socket, session, Side::Acceptor)
    }

    fn complete<S: Socket>(
        &self,
        mut socket: S,
        session: Session,
        side: Side,
    ) -> Result<Link<S>, ExchangeError> {
        socket.handshake_complete(side)?;
        Ok(Link::new(socket, session, &self.settings)?)
    }

    /// Listens for nodes. Port 0 leaves the choice to the system.
    ///
    /// # Errors
    /// When the system does not let us listen there.
    pub fn listen(&self, address: impl ToSocketAddrs) -> io::Result<Listener> {
        Listener::bind(self.clone(), address)
    }

    /// The deadline of an attempt that begins now.
    pub(super) fn setup_deadline(&self) -> Instant {
        Instant::now() + self.setup_time
    }
}

/// Welcomes every node, and names those that have no name.
fn admit(hello: &Hello) -> Verdict {
    let Identity::Dynamic(host) = &hello.identity else {
        return Verdict::Ok;
    };
    match NodeName::new(&format!("{}@{}", entropy::name(), host.as_str())) {
        Ok(name) => Verdict::Named {
            name,
            creation: entropy::creation(),
        },
        Err(_) => Verdict::NotAllowed,
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}
