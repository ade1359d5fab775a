use std::env;
use std::fmt;

use einode_dist::NodeName;
use einode_dist::epmd::{Lookup, Register, Registration};

use crate::error::{ConnectError, ExchangeError};

/// The port on which EPMD listens unless told otherwise.
pub const DEFAULT_PORT: u16 = 4369;

/// How long a node waits after EPMD has ended, or has not answered, before it registers again.
pub(crate) const RECONNECT: std::time::Duration = std::time::Duration::from_secs(1);

/// The port that the environment variable `ERL_EPMD_PORT` names, or else 4369.
pub(crate) fn usual_port() -> u16 {
    let port = env::var("ERL_EPMD_PORT").ok();
    port.and_then(|port| port.parse().ok())
        .unwrap_or(DEFAULT_PORT)
}

/// An EPMD, apart from how one talks to it: where it is, what it is asked, and what its answers mean.
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    /// The host that it serves.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Daemon {
    /// On the port that the environment variable `ERL_EPMD_PORT` names, or else on 4369.
    pub(crate) fn on(host: &str) -> Self {
        Self::at(host, usual_port())
    }

    pub(crate) fn at(host: &str, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// Asks for the port of a node.
    pub(crate) fn lookup(&self, node: &NodeName) -> Result<Lookup, ConnectError> {
        Lookup::new(node.alive()).map_err(|error| self.invalid(error))
    }

    /// The port in the answer to that.
    pub(crate) fn port_of(
        &self,
        node: &NodeName,
        found: Option<Registration>,
    ) -> Result<u16, ConnectError> {
        match found {
            Some(found) => Ok(found.port),
            None => Err(ConnectError::UnknownNode {
                node: node.clone(),
                at: self.to_string(),
            }),
        }
    }

    /// Asks to register a node.
    pub(crate) fn register(&self, registration: Registration) -> Result<Register, ConnectError> {
        Register::new(registration).map_err(|error| self.invalid(error))
    }

    /// Says that talking to it failed.
    pub(crate) fn error(&self, error: impl Into<ExchangeError>) -> ConnectError {
        ConnectError::Epmd {
            at: self.to_string(),
            error: error.into(),
        }
    }

    fn invalid(&self, name: einode_dist::InvalidName) -> ConnectError {
        self.error(einode_dist::Error::PeerName(name))
    }
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
