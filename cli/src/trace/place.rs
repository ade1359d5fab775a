//! Where the proxy listens, and where it connects to.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use einode::blocking::{Any, Epmd, Resolver, Socket, Tcp, Transport, Unix};
use einode::{Address, ConnectError, FixedPort, NodeName};

use crate::args;
use crate::exit::Failure;

/// A place that is told by its address or by the name of a node.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Inet(String, u16),
    Unix(PathBuf),
    Node(NodeName),
}

/// What connections come in on.
pub(super) type Entrance = <Any as Transport>::Incoming;

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('@') || text.contains('/') {
            return Ok(Self::Unix(text.into()));
        }
        if let Some(host) = text.strip_suffix(":0") {
            return Ok(Self::Inet(host.trim_matches(['[', ']']).into(), 0));
        }
        if text.contains(':') {
            return args::address(text)
                .map(|(host, port)| Self::Inet(host, port))
                .map_err(Into::into);
        }
        args::node(text).map(Self::Node)
    }
}

impl Place {
    /// Listens here; for a node, on all addresses, or only on that of its host where that is a loopback one.
    pub(super) fn listen(&self, until: Instant) -> Result<Entrance, Failure> {
        let addresses = match self {
            Self::Unix(path) => vec![Address::Unix(path.clone())],
            Self::Inet(host, port) => at(host, *port, until)?,
            Self::Node(node) if matches!(node.host(), "localhost" | "127.0.0.1" | "::1") => {
                at(node.host(), 0, until)?
            }
            Self::Node(_) => at("0.0.0.0", 0, until)?,
        };
        let mut failed = io::ErrorKind::AddrNotAvailable.into();
        for address in addresses {
            match carrier(&address).listen(&address) {
                Ok(entrance) => return Ok(entrance),
                Err(error) => failed = error,
            }
        }
        Err(Failure::Io(format!("listening on {self}: {failed}")))
    }

    /// Connects.
    pub(super) fn connect(
        &self,
        epmd_port: Option<u16>,
        until: Instant,
    ) -> Result<Arc<dyn Socket>, ConnectError> {
        let addresses = match self {
            Self::Unix(path) => vec![Address::Unix(path.clone())],
            Self::Inet(host, port) => at(host, *port, until)?,
            Self::Node(node) => epmd(node.host(), epmd_port).resolve(node, until)?,
        };
        let mut failed = None;
        let count = addresses.len();
        for (tried, address) in addresses.iter().enumerate() {
            let now = Instant::now();
            let left = (count - tried).try_into().unwrap_or(u32::MAX);
            let until = now + until.saturating_duration_since(now) / left;
            match carrier(address).connect(address, None, until) {
                Ok(socket) => return Ok(Arc::from(socket)),
                Err(error) => {
                    let at = address.to_string();
                    failed = Some(ConnectError::Connect { at, error });
                }
            }
        }
        Err(failed.unwrap_or_else(|| ConnectError::Connect {
            at: self.to_string(),
            error: io::ErrorKind::AddrNotAvailable.into(),
        }))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inet(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Inet(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
            Self::Node(node) => node.fmt(f),
        }
    }
}

/// The EPMD of a host.
pub(super) fn epmd(host: &str, port: Option<u16>) -> Epmd {
    match port {
        Some(port) => Epmd::at(host, port),
        None => Epmd::on(host),
    }
}

fn carrier(address: &Address) -> Any {
    match address {
        Address::Unix(_) => Any::new(Unix::default()),
        _ => Any::new(Tcp),
    }
}

fn at(host: &str, port: u16, until: Instant) -> Result<Vec<Address>, ConnectError> {
    let somebody =
        NodeName::new(&format!("somebody@{host}")).map_err(|error| ConnectError::Resolve {
            host: host.to_owned(),
            error: io::Error::new(io::ErrorKind::InvalidInput, error.to_string()),
        })?;
    FixedPort(port).resolve(&somebody, until)
}
