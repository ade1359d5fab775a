//! From options to a connection.

use std::time::{Duration, Instant};

use einode::blocking::{Endpoint, Link};
use einode::{Config, Cookie, Identity, cookie};

use crate::args::{Limit, Peer};
use crate::exit::Failure;
use crate::host;

/// When everything has to be over.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Limit {
    /// The time starts to run now.
    pub(crate) fn start(&self) -> Deadline {
        Deadline(Instant::now() + self.timeout)
    }
}

impl Deadline {
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
        let mut config = Config::new(self.identity(), self.cookie()?).setup_time(deadline.left());
        if let Some(port) = self.epmd.epmd_port {
            config = config.epmd_port(port);
        }
        let endpoint = Endpoint::new(config);
        Ok(match &self.address {
            Some((host, port)) => endpoint.connect_at(host, *port, Some(&self.node))?,
            None => endpoint.connect(&self.node)?,
        })
    }

    fn identity(&self) -> Identity {
        match &self.name {
            Some(name) => name.clone().into(),
            None => host::name().into(),
        }
    }

    fn cookie(&self) -> Result<Cookie, Failure> {
        let cookie = match (&self.cookie, &self.cookie_file) {
            (Some(cookie), _) => Cookie::new(cookie).map_err(Into::into),
            (None, Some(file)) => cookie::read(file),
            (None, None) => cookie::find(),
        };
        cookie.map_err(|error| Failure::Usage(format!("{error}; see --cookie and --cookie-file")))
    }
}
