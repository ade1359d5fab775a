//! From options to a connection.

use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use einode::blocking::{Any, Endpoint, Node, Tcp, Transport, Unix};
use einode::{Address, Config, Cookie, Identity, StartError, Table, cookie};

use crate::args::{Carrier, Limit, Peer, Proto, Secret};
use crate::exit::Failure;
use crate::host;
use crate::progress::Progress;
use crate::via::Via;

/// A connection with a node, whatever carries it.
pub(crate) type Link = einode::blocking::Link<<Any as Transport>::Socket>;

/// When everything has to be over.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Limit {
    /// The time starts to run now.
    pub(crate) fn start(&self) -> Deadline {
        Deadline::after(self.timeout)
    }
}

impl Deadline {
    /// So long from now; a time that no clock reaches is a hundred years.
    pub(crate) fn after(time: Duration) -> Self {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
        Self(Instant::now() + time.min(CENTURY))
    }

    pub(crate) const fn instant(self) -> Instant {
        self.0
    }

    /// The time that is left.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

impl Peer {
    /// Connects to the node.
    ///
    /// Without a name of our own we ask the node for one. A name that we made up would be a new atom in
    /// the tables of the node at each call, while the names it gives are used again.
    pub(crate) fn connect(&self, deadline: Deadline) -> Result<Link, Failure> {
        let mut config =
            Config::new(self.identity(), self.secret.cookie()?).setup_time(deadline.left());
        if let Some(port) = self.place.epmd.epmd_port {
            config = config.epmd_port(port);
        }
        let endpoint = Endpoint::new(config).transport(self.transport()?);
        let node = Some(&self.node);
        let _progress = Progress::start(|| format!("connecting with {}", self.node));
        Ok(if let Some(command) = &self.via {
            endpoint.connect_to(&Address::Other(command.clone()), node)?
        } else if let Some(path) = &self.place.unix {
            endpoint.connect_to(&Address::Unix(path.clone()), node)?
        } else if let Some((host, port)) = &self.place.address {
            endpoint.connect_at(host, *port, node)?
        } else {
            endpoint.connect(&self.node)?
        })
    }

    /// Becomes a node that is connected with it, and that nobody else can connect with.
    pub(crate) fn node(&self, deadline: Deadline) -> Result<Node, Failure> {
        let mut builder = match &self.name {
            Some(name) => Node::builder(name.as_str()).no_listener(),
            None => Node::nameless(host::name().as_str(), self.node.clone()),
        };
        if let Some(port) = self.place.epmd.epmd_port {
            builder = builder.epmd_port(port);
        }
        if let Some(addresses) = self.addresses()? {
            let found = addresses.into_iter();
            let table: Table = found.map(|at| (self.node.clone(), at)).collect();
            builder = builder.resolver(table);
        }
        let builder = builder
            .cookie(self.secret.cookie()?.reveal())
            .setup_time(deadline.left())
            .transport(self.transport()?);
        let _progress = Progress::start(|| format!("connecting with {}", self.node));
        let node = builder.start().map_err(|error| match error {
            StartError::Connect(error) => error.into(),
            error => Failure::Usage(error.to_string()),
        })?;
        match node.connect(&self.node).as_ref().map_err(Arc::as_ref) {
            Ok(()) => Ok(node),
            Err(why) => Err(Failure::Connection(why.to_string())),
        }
    }

    /// Where the node listens, if its name does not say it.
    fn addresses(&self) -> Result<Option<Vec<Address>>, Failure> {
        Ok(Some(if let Some(command) = &self.via {
            vec![Address::Other(command.clone())]
        } else if let Some(path) = &self.place.unix {
            vec![Address::Unix(path.clone())]
        } else if let Some((host, port)) = &self.place.address {
            let found = (host.as_str(), *port).to_socket_addrs();
            let failed = |error| Failure::Connection(format!("{host}: {error}"));
            found.map_err(failed)?.map(Address::Inet).collect()
        } else {
            return Ok(None);
        }))
    }

    /// What the connection is made of.
    fn transport(&self) -> Result<Any, Failure> {
        let plain = self.via.is_none() && self.place.unix.is_none();
        if self.carrier.proto == Some(Proto::Tcp) && !plain {
            let wrong = "--proto tcp does not go together with --unix and --via";
            return Err(Failure::Usage(wrong.into()));
        }
        if self.via.is_some() {
            self.carrier.over(Via)
        } else if self.place.unix.is_some() {
            self.carrier.over(Unix::default())
        } else {
            self.carrier.over(Tcp)
        }
    }

    fn identity(&self) -> Identity {
        match &self.name {
            Some(name) => name.clone().into(),
            None => host::name().into(),
        }
    }
}

impl Secret {
    /// The cookie, from where it is said to be.
    pub(crate) fn cookie(&self) -> Result<Cookie, Failure> {
        let cookie = match (&self.cookie, &self.cookie_file) {
            (Some(cookie), _) => Cookie::new(cookie).map_err(Into::into),
            (None, Some(file)) => cookie::read(file),
            (None, None) => cookie::find(),
        };
        cookie.map_err(|error| Failure::Usage(format!("{error}; see --cookie and --cookie-file")))
    }
}

impl Carrier {
    /// The transport, with TLS on top if that is wanted.
    #[cfg(feature = "tls")]
    pub(crate) fn over(&self, transport: impl Transport) -> Result<Any, Failure> {
        use einode::tls::{Tls, TlsOver};

        Ok(match (&self.tls_optfile, self.proto) {
            (None, _) => Any::new(transport),
            (Some(file), None | Some(Proto::Tls)) => {
                let tls = Tls::from_optfile(file);
                let tls = tls.map_err(|error| Failure::Usage(error.to_string()))?;
                Any::new(TlsOver::new(tls, transport))
            }
            (Some(_), Some(Proto::Tcp | Proto::Unix)) => {
                let wrong = "--tls-optfile is for --proto tls";
                return Err(Failure::Usage(wrong.into()));
            }
        })
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) fn over(&self, transport: impl Transport) -> Result<Any, Failure> {
        Ok(Any::new(transport))
    }
}
