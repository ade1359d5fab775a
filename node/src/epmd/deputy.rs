use std::io;

use super::{Running, Server, usual_port};
use crate::address::Address;
use crate::config::Config;
use crate::error::{ConnectError, ExchangeError};

/// The EPMD of a host that has none: where a node registers with itself, and others with it.
pub(crate) struct Deputy {
    port: u16,
    /// Whether only this host can connect with the node, and so need not be told of it.
    here: bool,
    serving: Option<Running>,
}

impl Deputy {
    /// For a node that listens there. It does not serve yet.
    pub(crate) fn new(config: &Config, listening: Option<&Address>) -> Self {
        let here = match listening {
            Some(Address::Inet(at)) => at.ip().is_loopback(),
            _ => true,
        };
        Self {
            port: config.epmd_port.unwrap_or_else(usual_port),
            here,
            serving: None,
        }
    }

    /// Takes the place of an EPMD to which there was no connection. Whether one can be asked now: this, or
    /// one that began at the same time.
    pub(crate) fn take_over(&mut self, error: &ConnectError) -> bool {
        if !is_refused(error) {
            return false;
        }
        self.serving = None;
        let server = if self.here {
            Server::bind(self.port)
        } else {
            Server::bind_as_usual(self.port)
        };
        match server.and_then(Server::spawn) {
            Ok(serving) => {
                self.serving = Some(serving);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::AddrInUse,
        }
    }
}

/// Whether nobody listens where EPMD should.
fn is_refused(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::Epmd { error: ExchangeError::Io(error), .. }
            if error.kind() == io::ErrorKind::ConnectionRefused
    )
}
