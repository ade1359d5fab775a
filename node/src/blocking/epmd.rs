use std::fmt;
use std::io;
use std::time::Instant;

use einode_dist::epmd;
use einode_dist::epmd::message::{NamesAnswer, Registered};
use einode_dist::{Exchange, NodeName};

use super::resolver::addresses;
use super::{Socket, Tcp, TcpSocket, Transport, run};
use crate::epmd::Daemon;
use crate::error::ConnectError;

/// An Erlang Port Mapper Daemon: it knows the ports of the nodes on its host.
///
/// ```no_run
/// use std::time::{Duration, Instant};
///
/// use einode::blocking::Epmd;
///
/// let until = Instant::now() + Duration::from_secs(5);
/// for (name, port) in Epmd::on("localhost").names(until)?.nodes() {
///     println!("{name} at port {port}");
/// }
/// # Ok::<(), einode::ConnectError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Epmd(Daemon);

impl Epmd {
    /// The daemon of a host, on the port that the environment variable `ERL_EPMD_PORT` names, or else
    /// on 4369.
    ///
    /// `ERL_EPMD_ADDRESS` is a matter of the daemon: whatever it says, the daemon listens on the loopback
    /// addresses too, where nodes register themselves.
    pub fn on(host: &str) -> Self {
        Self(Daemon::on(host))
    }

    /// The daemon of a host, on this port.
    pub fn at(host: &str, port: u16) -> Self {
        Self(Daemon::at(host, port))
    }

    /// The port of a node of its host.
    ///
    /// # Errors
    /// [`ConnectError::UnknownNode`] when there is no such node; [`ConnectError::Resolve`] and
    /// [`ConnectError::Epmd`] when the daemon cannot be asked.
    pub fn lookup(&self, node: &NodeName, until: Instant) -> Result<u16, ConnectError> {
        let (found, _) = self.ask(self.0.lookup(node)?, until)?;
        self.0.port_of(node, found)
    }

    /// The names and ports of all nodes of its host.
    ///
    /// # Errors
    /// [`ConnectError::Resolve`] and [`ConnectError::Epmd`] when the daemon cannot be asked.
    pub fn names(&self, until: Instant) -> Result<NamesAnswer, ConnectError> {
        Ok(self.ask(epmd::Names::new(), until)?.0)
    }

    /// Registers a node for as long as the [`Registration`] lives.
    ///
    /// # Errors
    /// [`ConnectError::Epmd`] when the name is taken or not accepted, or the daemon cannot be asked.
    pub fn register(
        &self,
        registration: epmd::Registration,
        until: Instant,
    ) -> Result<Registration, ConnectError> {
        let register = self.0.register(registration)?;
        let (Registered { creation, .. }, socket) = self.ask(register, until)?;
        Ok(Registration { creation, socket })
    }

    fn ask<E: Exchange>(
        &self,
        exchange: E,
        until: Instant,
    ) -> Result<(E::Outcome, TcpSocket), ConnectError> {
        let mut reached = Err(io::ErrorKind::AddrNotAvailable.into());
        for address in addresses(self.host(), self.0.port, until)? {
            reached = Tcp.connect(&address, None, until);
            if reached.is_ok() {
                break;
            }
        }
        let mut socket = reached.map_err(|error| self.0.error(error))?;
        let outcome = run(exchange, &mut socket, Some(until));
        Ok((outcome.map_err(|error| self.0.error(error))?, socket))
    }

    /// The host that it serves.
    pub(super) fn host(&self) -> &str {
        &self.0.host
    }
}

impl fmt::Display for Epmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A node is registered with EPMD for as long as this lives.
#[derive(Debug)]
pub struct Registration {
    creation: u32,
    /// EPMD takes the end of this connection as the end of the registration.
    socket: TcpSocket,
}

impl Registration {
    /// The number by which EPMD tells the node's lives apart.
    pub const fn creation(&self) -> u32 {
        self.creation
    }

    /// Waits until EPMD ends the registration, which it does when it ends itself, or until
    /// [`end`](Self::end).
    pub fn ended(&self) {
        // EPMD has nothing more to say.
        let mut nothing = [0; 16];
        while matches!(self.socket.read(&mut nothing, None), Ok(1..)) {}
    }

    /// Ends the registration. Whoever waits for its end in another thread is woken.
    pub fn end(&self) {
        self.socket.close();
    }
}
