use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use einode_dist::epmd::{NodeType, Registration};
use einode_dist::handshake::{Acceptor, Hello, Initiator, Local, Verdict};
use einode_dist::{Cookie, Flags, Identity, NodeName, Prefix, Settings, TickTime, limits};

use crate::entropy;
use crate::error::ConnectError;

/// How many handshakes a listener has under way at once, those counted that are over and wait to be
/// accepted by the program. More peers wait in the system's queue.
pub const PENDING_HANDSHAKES: usize = 64;

/// How long a listener pauses after an error: with no descriptor left, the next attempt would fail at
/// once as well.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Who we are towards other nodes, and on which terms: the same for all connections, whatever they
/// are made of and in whichever style one waits for them.
///
/// ```
/// use std::time::Duration;
///
/// use einode::{Config, Cookie, NodeName};
///
/// let config = Config::new(NodeName::new("rusty@127.0.0.1")?, Cookie::new("secret")?)
///     .setup_time(Duration::from_secs(2))
///     .max_packet(1 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) local: Local,
    pub(crate) setup_time: Duration,
    pub(crate) settings: Settings,
    pub(crate) epmd_port: Option<u16>,
    pub(crate) admit: Arc<Admit>,
    /// Whether a connection that a peer still has with a node of our name is to be replaced.
    pub(crate) replace: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Whether a handshake is to go on. Tasks are dropped instead, and never ask.
    pub(crate) is_wanted: Arc<dyn Fn() -> bool + Send + Sync>,
}

type Admit = dyn Fn(&Hello) -> Verdict + Send + Sync;

impl Config {
    /// A hidden node of this name, or on this host and of a name that the first peer gives it.
    pub fn new(identity: impl Into<Identity>, cookie: Cookie) -> Self {
        Self {
            local: Local::new(identity, entropy::creation(), cookie),
            setup_time: limits::SETUP_TIME,
            settings: Settings::default(),
            epmd_port: None,
            admit: Arc::new(admit),
            replace: Arc::new(|| true),
            is_wanted: Arc::new(|| true),
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

    /// The most bytes accepted of messages in fragments that are not complete, and so of the longest; by
    /// default 512 MiB ([`limits::MESSAGE`]). Each fragment is a packet.
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.settings.max_message = bytes;
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

    /// Our own name, unless the first peer is to give it.
    pub const fn name(&self) -> Option<&NodeName> {
        match &self.local.identity {
            Identity::Node(name) => Some(name),
            Identity::Dynamic(_) => None,
        }
    }

    /// Our side of a connection that we make.
    pub(crate) fn initiator(
        &self,
        node: Option<&NodeName>,
        prefix: Prefix,
    ) -> Initiator<impl FnMut() -> bool + use<>> {
        let replace = Arc::clone(&self.replace);
        Initiator::new(&self.local, node.cloned(), prefix, entropy::challenge())
            .replace(move || replace())
    }

    /// Our side of a connection that a peer makes.
    pub(crate) fn acceptor(
        &self,
        prefix: Prefix,
    ) -> Acceptor<impl FnMut(&Hello) -> Verdict + use<>> {
        let admit = Arc::clone(&self.admit);
        let admit = move |hello: &Hello| admit(hello);
        Acceptor::new(&self.local, prefix, entropy::challenge(), admit)
    }

    /// What EPMD is to know of us, where we listen on this port.
    pub(crate) fn registration(&self, port: Option<u16>) -> Result<Registration, ConnectError> {
        let (Some(name), Some(port)) = (self.name(), port) else {
            return Err(ConnectError::Unpublishable);
        };
        let kind = if self.local.flags.contains(Flags::PUBLISHED) {
            NodeType::NORMAL
        } else {
            NodeType::HIDDEN
        };
        Ok(Registration::new(name.alive(), port, kind))
    }
}

/// Welcomes every node, and names those that have no name.
fn admit(hello: &Hello) -> Verdict {
    match hello.identity {
        Identity::Node(_) => Verdict::Ok,
        Identity::Dynamic(_) => named(hello),
    }
}

/// Names a node that has no name.
pub(crate) fn named(hello: &Hello) -> Verdict {
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

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            local,
            setup_time,
            settings,
            epmd_port,
            ..
        } = self;
        f.debug_struct("Config")
            .field("local", local)
            .field("setup_time", setup_time)
            .field("settings", settings)
            .field("epmd_port", epmd_port)
            .finish_non_exhaustive()
    }
}
