//! From options to a connection.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Instant, SystemTime};

use dns_lookup::{AddrInfoHints, SockType, getaddrinfo};
use einode::blocking::{Any, Endpoint, Epmd, Tcp};
use einode::cookie::{self, CookieError};
use einode::dist::HostName;
use einode::dist::limits::SETUP_TIME;
use einode::{Config, ConnectError, Cookie, Identity, NodeName};

use super::options::Options;
use super::start::Start;
use super::{End, failed, say};
use crate::connect::Link;
use crate::host;

/// Where the node is, and who we are to it.
pub(super) struct Place {
    endpoint: Endpoint<Any>,
    target: Target,
    there: Host,
    here: Host,
    long: bool,
}

enum Target {
    Node(NodeName),
    Port(u16),
}

impl Place {
    /// Finds hosts and our name.
    pub(super) fn find(options: &Options) -> Result<Self, End> {
        let long = options.node.as_ref().is_some_and(|(_, long)| *long);
        let here = Host::find(&host::full()).unwrap_or_else(Host::loopback);
        let at = |host: &str| {
            let found = Host::find(host);
            found.ok_or_else(|| failed(format!("can't find host {host}")))
        };
        let (target, there) = match (&options.address, &options.node) {
            (Some((Some(host), port)), _) => (Target::Port(*port), at(host)?),
            (Some((None, port)), _) => (Target::Port(*port), here.clone()),
            (None, node) => {
                let name = node.as_ref().and_then(|(name, _)| name.to_str());
                let name = name.ok_or_else(|| failed("the name of the node is no text"))?;
                let (alive, there) = match name.split_once('@') {
                    Some((alive, host)) => (alive, at(host)?),
                    None => (name, here.clone()),
                };
                let node = NodeName::new(&format!("{alive}@{}", there.name(long)));
                let node = node.map_err(|error| failed(format!("node {name}: {error}")))?;
                (Target::Node(node), there)
            }
        };
        let config = Config::new(identity(options, here.name(long))?, cookie(options)?);
        let endpoint = Endpoint::new(config).transport(transport(options)?);
        Ok(Self {
            endpoint,
            target,
            there,
            here,
            long,
        })
    }

    /// Connects, and starts the node before if it is not there and is to be.
    pub(super) fn connect(&self, options: &Options) -> Result<Link, End> {
        let reached = match (self.reach(options), &self.target) {
            // A node that is there but does not want us would not go away by starting another.
            (Err(error), Target::Node(node))
                if options.start
                    && !options.halt
                    && !matches!(error, ConnectError::Handshake(_)) =>
            {
                self.start(node, options)?;
                self.reach(options)
            }
            (reached, _) => reached,
        };
        reached.map_err(|error| {
            failed(match &self.target {
                Target::Node(node) => format!("failed to connect to node {node}: {error}"),
                Target::Port(port) => {
                    let host = &self.there.name;
                    format!("failed to connect to node with address \"{host}:{port}\": {error}")
                }
            })
        })
    }

    /// Unless we are strict, whoever is registered by the name that was asked for is right, whatever its
    /// host calls itself: OTP's erl_call does not look. A cookie it must know all the same.
    fn reach(&self, options: &Options) -> Result<Link, ConnectError> {
        // Certificates are for names.
        if let Target::Node(node) = &self.target
            && (options.strict || options.tls_optfile.is_some())
        {
            return self.endpoint.connect(node);
        }
        // The host is known already: to look it up again would take longer than the call.
        let addresses = &self.there.addresses;
        let mut reached = self.reach_at(addresses.first());
        for address in addresses.iter().skip(1) {
            if reached.is_ok() {
                break;
            }
            // What the first says is what matters, if none is right.
            reached = self.reach_at(Some(address)).or(reached);
        }
        reached
    }

    fn reach_at(&self, address: Option<&IpAddr>) -> Result<Link, ConnectError> {
        let host = address.map_or_else(|| self.there.name.clone(), IpAddr::to_string);
        let port = match &self.target {
            Target::Port(port) => *port,
            Target::Node(node) => Epmd::on(&host).lookup(node, Instant::now() + SETUP_TIME)?,
        };
        self.endpoint.connect_at(&host, port, None)
    }

    fn start(&self, node: &NodeName, options: &Options) -> Result<(), End> {
        let text = |text: &Option<OsString>| {
            let text = text.as_ref();
            text.map(|text| text.to_string_lossy().into_owned())
        };
        let address = |host: &Host| {
            let first = host.addresses.first().copied();
            first.ok_or_else(|| failed(format!("host {} has no address", host.name)))
        };
        let (script, cookie) = (text(&options.script), text(&options.cookie));
        let started = Start {
            alive: node.alive(),
            long: self.long,
            there: address(&self.there)?,
            here: address(&self.here)?,
            script: script.as_deref().unwrap_or("erl"),
            cookie: cookie.as_deref(),
            debug: options.debug,
            verbose: options.verbose,
        };
        started
            .run()
            .map_err(|error| failed(format!("unable to start node {node}: {error}")))
    }
}

/// A host as the system's resolver knows it.
#[derive(Clone)]
struct Host {
    /// The name that it has there, which may be another than it was found by.
    name: String,
    /// Those of IPv4 first, as OTP's erl_call knows no others.
    addresses: Vec<IpAddr>,
}

impl Host {
    fn find(host: &str) -> Option<Self> {
        /// `AI_CANONNAME`, the same on Linux, the BSDs, macOS and Windows.
        const CANONICAL_NAME: i32 = 2;
        let hints = AddrInfoHints {
            flags: CANONICAL_NAME,
            socktype: SockType::Stream.into(),
            ..AddrInfoHints::default()
        };
        let found = getaddrinfo(Some(host), None, Some(hints)).ok()?;
        let found: Vec<_> = found.filter_map(Result::ok).collect();
        let name = found.first()?.canonname.clone();
        let mut addresses: Vec<_> = found.iter().map(|found| found.sockaddr.ip()).collect();
        addresses.sort_by_key(IpAddr::is_ipv6);
        addresses.dedup();
        Some(Self {
            name: name.unwrap_or_else(|| host.to_owned()),
            addresses,
        })
    }

    /// Our own, where its name leads nowhere.
    fn loopback() -> Self {
        Self {
            name: host::full(),
            addresses: vec![Ipv4Addr::LOCALHOST.into()],
        }
    }

    /// Its name, up to the first dot unless it is to be full.
    fn name(&self, long: bool) -> &str {
        match self.name.split_once('.') {
            Some((short, _)) if !long => short,
            _ => &self.name,
        }
    }
}

fn identity(options: &Options, here: &str) -> Result<Identity, End> {
    let name = match &options.name {
        Some(name) => name.to_string_lossy().into_owned(),
        None if options.dynamic_name => {
            let host =
                HostName::new(here).map_err(|error| failed(format!("host {here}: {error}")))?;
            return Ok(host.into());
        }
        None if options.random_name => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            format!("c{}", now.unwrap_or_default().as_secs() % 997)
        }
        None => "c17".to_owned(),
    };
    let node = NodeName::new(&format!("{name}@{here}"));
    let node = node.map_err(|error| failed(format!("can't be node {name}@{here}: {error}")))?;
    Ok(node.into())
}

fn cookie(options: &Options) -> Result<Cookie, End> {
    let cookie = match &options.cookie {
        Some(cookie) => Cookie::new(cookie.as_encoded_bytes()).map_err(CookieError::from),
        None => match cookie::find() {
            // OTP's erl_call takes it, and so does whoever else can read the file.
            Err(CookieError::Exposed(file)) => {
                say(&format!(
                    "others can read the cookie file {}",
                    file.display()
                ));
                let cookie = std::fs::read(&file).unwrap_or_default();
                let line = cookie
                    .split(|&byte| byte == b'\n')
                    .next()
                    .unwrap_or_default();
                Cookie::new(line).map_err(CookieError::from)
            }
            found => found,
        },
    };
    cookie.map_err(|error| failed(error.to_string()))
}

#[cfg(feature = "tls")]
fn transport(options: &Options) -> Result<Any, End> {
    use einode::tls::{Tls, TlsOver};
    Ok(match &options.tls_optfile {
        None => Any::new(Tcp),
        Some(file) => {
            let tls = Tls::from_optfile(file).map_err(|error| failed(error.to_string()))?;
            Any::new(TlsOver::new(tls, Tcp))
        }
    })
}

#[cfg(not(feature = "tls"))]
fn transport(options: &Options) -> Result<Any, End> {
    match &options.tls_optfile {
        None => Ok(Any::new(Tcp)),
        Some(_) => Err(failed("this program is built without TLS")),
    }
}
