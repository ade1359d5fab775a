use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use einode_dist::{
    Cookie, CookieTooLong, Flags, HostName, Identity, InvalidName, NodeName, TickTime, limits,
};

use crate::address::Address;
use crate::config::Config;
use crate::cookie::{self, CookieError};
use crate::core::Choices;
use crate::epmd::Deputy;
use crate::error::ConnectError;

/// What can be chosen for a node in either style, until it starts.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) identity: Result<Identity, InvalidName>,
    /// Who is to name it, if it has no name.
    pub(crate) namer: Option<NodeName>,
    pub(crate) cookie: Option<Result<Cookie, CookieTooLong>>,
    pub(crate) cookies: Vec<(NodeName, Cookie)>,
    pub(crate) allowed: Option<BTreeSet<NodeName>>,
    /// Where it listens, if it does.
    pub(crate) listen: Option<Address>,
    pub(crate) publish: bool,
    pub(crate) setup_time: Duration,
    pub(crate) tick_time: TickTime,
    pub(crate) max_packet: u32,
    pub(crate) max_message: usize,
    pub(crate) mailbox_limit: usize,
    pub(crate) epmd_port: Option<u16>,
    pub(crate) start_epmd: bool,
}

impl Options {
    pub(crate) fn named(name: &str) -> Self {
        let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Self {
            identity: NodeName::new(name).map(Identity::Node),
            namer: None,
            cookie: None,
            cookies: Vec::new(),
            allowed: None,
            listen: Some(anywhere.into()),
            publish: true,
            setup_time: limits::SETUP_TIME,
            tick_time: TickTime::default(),
            max_packet: limits::PACKET,
            max_message: limits::MESSAGE,
            mailbox_limit: MAILBOX,
            epmd_port: None,
            start_epmd: false,
        }
    }

    /// Nobody can connect to a node that has no name yet.
    pub(crate) fn nameless(host: &str, namer: NodeName) -> Self {
        Self {
            identity: HostName::new(host).map(Identity::Dynamic),
            namer: Some(namer),
            listen: None,
            publish: false,
            ..Self::named("")
        }
    }

    /// What all connections have in common.
    pub(crate) fn config(&self) -> Result<Config, StartError> {
        let identity = self.identity.clone().map_err(StartError::Name)?;
        let cookie = match &self.cookie {
            Some(cookie) => cookie.clone().map_err(StartError::Cookie)?,
            None => cookie::find().map_err(StartError::NoCookie)?,
        };
        let mut config = Config::new(identity, cookie)
            .setup_time(self.setup_time)
            .tick_time(self.tick_time)
            .max_packet(self.max_packet)
            .max_message(self.max_message);
        config.local.cookies = self.cookies.iter().cloned().collect();
        config.epmd_port = self.epmd_port;
        config.local.flags = Flags::HIDDEN;
        Ok(config)
    }

    /// What is to stand in for EPMD, at a node that listens there.
    pub(crate) fn deputy(&self, config: &Config, listening: Option<&Address>) -> Option<Deputy> {
        self.start_epmd.then(|| Deputy::new(config, listening))
    }

    /// What the node itself has to know, once it has a name.
    pub(crate) fn choices(self, name: NodeName, creation: u32) -> Choices {
        let allowed = self.allowed;
        let allows = move |node: &NodeName| {
            let allowed = allowed.as_ref();
            allowed.is_none_or(|allowed| allowed.contains(node))
        };
        Choices {
            name,
            creation,
            mailbox_limit: self.mailbox_limit,
            allows: Box::new(allows),
        }
    }
}

/// How many bytes of messages may wait for a process by default: 1 GiB.
///
/// In Erlang there is no limit, unless `max_heap_size` is set. A process that is sent more than it
/// receives ends with the reason `killed`, as it does there, and not the whole program.
pub const MAILBOX: usize = 1 << 30;

/// The choices of a node, as methods of the builder of a style.
macro_rules! options {
    () => {
        /// The secret of the cluster. Without one, it is read where `erl` reads it: see
        /// [`cookie::find`](crate::cookie::find).
        #[must_use]
        pub fn cookie(mut self, cookie: impl AsRef<[u8]>) -> Self {
            self.options.cookie = Some(einode_dist::Cookie::new(cookie));
            self
        }

        /// The secret that is shared with one node only, as by `erlang:set_cookie/2`.
        #[must_use]
        pub fn cookie_for(
            mut self,
            node: einode_dist::NodeName,
            cookie: einode_dist::Cookie,
        ) -> Self {
            self.options.cookies.push((node, cookie));
            self
        }

        /// Connects with these nodes only, in either direction, as after `net_kernel:allow/1`. Can be said
        /// several times.
        #[must_use]
        pub fn allow(mut self, nodes: impl IntoIterator<Item = einode_dist::NodeName>) -> Self {
            let allowed = self.options.allowed.get_or_insert_default();
            allowed.extend(nodes);
            self
        }

        /// Where it listens for other nodes; by default, as `erl` does, at a free port of all addresses
        /// of IPv4.
        #[must_use]
        pub fn listen(mut self, address: crate::Address) -> Self {
            self.options.listen = Some(address);
            self
        }

        /// Does not listen: it can connect to other nodes, and they cannot connect to it.
        #[must_use]
        pub fn no_listener(mut self) -> Self {
            (self.options.listen, self.options.publish) = (None, false);
            self
        }

        /// Listens without being registered with EPMD: other nodes have to know where.
        #[must_use]
        pub fn unpublished(mut self) -> Self {
            self.options.publish = false;
            self
        }

        /// How long it may take to get a connection: 7 seconds by default, as kernel's
        /// `net_setuptime`.
        #[must_use]
        pub fn setup_time(mut self, time: std::time::Duration) -> Self {
            self.options.setup_time = time;
            self
        }

        /// After how much silence a peer is given up: 60 seconds by default, as kernel's
        /// `net_ticktime`, in four intervals.
        #[must_use]
        pub fn tick_time(mut self, time: einode_dist::TickTime) -> Self {
            self.options.tick_time = time;
            self
        }

        /// The longest packet accepted, in bytes; by default 128 MiB
        /// ([`limits::PACKET`](einode_dist::limits::PACKET)).
        #[must_use]
        pub fn max_packet(mut self, bytes: u32) -> Self {
            self.options.max_packet = bytes;
            self
        }

        /// The most bytes accepted of messages in fragments that are not complete, and so of the longest;
        /// by default 512 MiB ([`limits::MESSAGE`](einode_dist::limits::MESSAGE)).
        #[must_use]
        pub fn max_message(mut self, bytes: usize) -> Self {
            self.options.max_message = bytes;
            self
        }

        /// How many bytes of messages may wait for a process; by default 1 GiB
        /// ([`MAILBOX`](crate::MAILBOX)). One for which more wait ends with the reason `killed`.
        #[must_use]
        pub fn mailbox_limit(mut self, bytes: usize) -> Self {
            self.options.mailbox_limit = bytes;
            self
        }

        /// Where EPMD listens on every host: by default as `ERL_EPMD_PORT` says, or 4369.
        #[must_use]
        pub fn epmd_port(mut self, port: u16) -> Self {
            self.options.epmd_port = Some(port);
            self
        }

        /// Is the EPMD of this host itself while there is none, as `erl` starts one unless it is told
        /// `-start_epmd false`: when the node starts, and when the one it is registered with has ended and is not
        /// back after a second.
        ///
        /// It listens on the loopback addresses if the node does, and otherwise where `ERL_EPMD_ADDRESS` says, by
        /// default everywhere. It ends with the node. Erlang nodes that were registered with it register again
        /// with the next one, and so do nodes of this library.
        #[must_use]
        pub fn start_epmd(mut self) -> Self {
            self.options.start_epmd = true;
            self
        }
    };
}

pub(crate) use options;

/// Why a node did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Its name breaks a rule.
    Name(InvalidName),
    /// The cookie is too long.
    Cookie(CookieTooLong),
    /// No cookie was given, and none can be read where `erl` reads it.
    NoCookie(CookieError),
    /// It cannot listen there.
    Listen {
        /// The address.
        at: Address,
        /// What the system says.
        error: io::Error,
    },
    /// EPMD does not take it, or the node that was to name it cannot be reached.
    Connect(ConnectError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => write!(f, "the name of the node: {error}"),
            Self::Cookie(error) => error.fmt(f),
            Self::NoCookie(error) => error.fmt(f),
            Self::Listen { at, error } => write!(f, "cannot listen at {at}: {error}"),
            Self::Connect(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Name(error) => Some(error),
            Self::Cookie(error) => Some(error),
            Self::NoCookie(error) => Some(error),
            Self::Listen { error, .. } => Some(error),
            Self::Connect(error) => Some(error),
        }
    }
}
