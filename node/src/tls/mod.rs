//! TLS, as nodes speak it that run with `-proto_dist inet_tls`.
//!
//! The option file of the cluster's Erlang nodes is all that is needed to join them:
//!
//! ```no_run
//! use einode::blocking::Endpoint;
//! use einode::tls::Tls;
//!
//! # let cookie = einode::Cookie::new("secret").unwrap();
//! # let config = einode::Config::new(einode::NodeName::new("rusty@here").unwrap(), cookie);
//! let tls = Tls::from_optfile("/etc/cluster/inet_tls.conf")?;
//! let endpoint = Endpoint::new(config).transport(tls);
//! # Ok::<(), einode::tls::TlsError>(())
//! ```
//!
//! [`TlsOptions`] says the same in Rust, and [`Tls::new`] takes whatever `rustls` can be made to do.
//!
//! # What is verified
//!
//! - A **client** verifies the server's certificate: it has to be valid, for the host part of the name of
//!   the node that it connects to, and issued by a CA in `cacertfile`. So do Erlang nodes since OTP 26; those
//!   before verify nothing unless told to. `{verify, verify_none}` in the client's section of the
//!   file accepts every server, in all releases and here.
//! - A **server** verifies clients only if its section says `{verify, verify_peer}`, and it takes
//!   `{fail_if_no_peer_cert, true}` to turn those away that show no certificate. Without both, the cookie
//!   alone decides who gets in.
//! - A certificate is for a host if one of its subject alternative names is the host's. One without such
//!   names may have the host as common name of its subject. Labels `*` match as they do for HTTPS. If the
//!   host part of the node name is an IP address, either an `iPAddress` or a `dNSName` has to be that
//!   address; OTP (25 to 29) looks only for the latter.
//! - A node's certificate has to be of X.509 version 3 and not that of a CA. So a certificate that is its own
//!   CA is only good for `verify_none`.
//! - Sessions are never resumed, so each connection is verified with the CAs of its time.
//!
//! # The options
//!
//! | options of OTP's `ssl` | here |
//! |---|---|
//! | `certfile`, `cert`, `keyfile`, `key`, `cacertfile`, `cacerts`, `password` | honoured; paths are relative to the current directory, and encrypted keys (PKCS #8) need the feature `encrypted-keys` |
//! | `verify`, `fail_if_no_peer_cert`, `depth`, `server_name_indication` | honoured; more than 6 CAs between a trusted one and a node are never accepted |
//! | `{verify_fun, {inet_tls_dist, verify_client, _}}` of servers | honoured: with [`TlsOptions::allow`] in the place of `net_kernel:allow/1` |
//! | `versions`, `ciphers`, `supported_groups`, `eccs`, `honor_cipher_order` | honoured, as far as rustls has them: TLS 1.2 and 1.3, and suites with ECDHE and AEAD; by default all of these |
//! | about renegotiation, session reuse, kTLS, ALPN, buffers, processes and logs | ignored, as nothing becomes less secure |
//! | `crl_check`, `stapling`, other `verify_fun`s, `partial_chain`, `customize_hostname_check`, `sni_fun`, `sni_hosts`, `signature_algs`, pre-shared keys | refused, with an error that names the option |
//! | unknown ones | refused |
//!
//! (OTP: Using TLS for Erlang Distribution; `ssl`, type `common_option/0` and those it refers to.)

mod ciphers;
mod config;
mod error;
mod failure;
mod files;
mod names;
mod optfile;
mod options;
mod socket;
mod stream;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use rustls;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

pub use error::{OptionError, Role, TlsError};
pub use failure::TlsFailure;
pub use options::{TlsOptions, Verify};
pub use socket::{TlsIncoming, TlsSocket};
#[cfg(feature = "tokio")]
pub(crate) use stream::READ;

use einode_dist::NodeName;

use crate::address::Address;
pub(crate) use verify::check_node;

use files::Files;
use optfile::Sections;
use options::ServerNameIndication;

/// All that it takes to begin TLS handshakes with other nodes, in both roles.
///
/// It is a transport of both styles: TLS over TCP. Over others there is [`TlsOver`].
///
/// Clones share what they have, so reloading one reloads all.
#[derive(Debug, Clone)]
pub struct Tls {
    shared: Arc<Shared>,
    /// Whether peers' certificates have to be for the nodes that they say they are.
    pub(crate) node_names: bool,
}

#[derive(Debug)]
struct Shared {
    source: Source,
    state: Mutex<State>,
}

/// Where the configuration comes from, to make it anew.
#[derive(Debug)]
enum Source {
    Optfile(PathBuf),
    Options(Box<Sections>),
    /// From the program, once and for all.
    Configs,
}

#[derive(Debug, Default)]
struct State {
    client: Option<Client>,
    server: Option<Arc<ServerConfig>>,
    files: Files,
}

#[derive(Debug)]
struct Client {
    config: Arc<ClientConfig>,
    server_name: ServerNameIndication,
}

impl Tls {
    /// Reads the file that Erlang nodes get with `-ssl_dist_optfile`. A side without a section in it
    /// cannot be used.
    ///
    /// # Errors
    /// When the file, or one that it names, cannot be read or used; when an option is unknown or
    /// [refused](self#the-options).
    pub fn from_optfile(path: impl Into<PathBuf>) -> Result<Self, TlsError> {
        Self::from_source(Source::Optfile(path.into()))
    }

    /// Reads the arguments that Erlang nodes get with `-ssl_dist_opt`:
    ///
    /// ```no_run
    /// # use einode::tls::Tls;
    /// let tls = Tls::from_dist_opt(["client_verify", "verify_peer", "client_cacertfile", "ca.pem"])?;
    /// # Ok::<(), einode::tls::TlsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tls::from_optfile`].
    pub fn from_dist_opt<'a>(
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TlsError> {
        let sections = optfile::parse_arguments(arguments).map_err(|error| TlsError::Options {
            source: "-ssl_dist_opt".to_owned(),
            error,
        })?;
        Self::from_source(Source::Options(sections.into()))
    }

    /// Takes the options for each side. A side without options cannot be used.
    ///
    /// # Errors
    /// When a file cannot be read or used, or something is missing.
    pub fn from_options(
        client: Option<TlsOptions>,
        server: Option<TlsOptions>,
    ) -> Result<Self, TlsError> {
        Self::from_source(Source::Options(Sections { client, server }.into()))
    }

    /// Takes configurations that the program has made itself. They are used as they are.
    ///
    /// ALPN is not needed; Erlang nodes offer none.
    pub fn new(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Self {
        let state = State {
            client: Some(Client {
                config: client,
                server_name: ServerNameIndication::Host,
            }),
            server: Some(server),
            files: Files::default(),
        };
        Self {
            shared: Arc::new(Shared {
                source: Source::Configs,
                state: Mutex::new(state),
            }),
            node_names: false,
        }
    }

    fn from_source(source: Source) -> Result<Self, TlsError> {
        let state = source.load()?.unwrap_or_default();
        Ok(Self {
            shared: Arc::new(Shared {
                source,
                state: Mutex::new(state),
            }),
            node_names: false,
        })
    }

    /// Demands that the certificate of every peer is for the host in the name that the peer gives in
    /// the handshake of the nodes. Erlang nodes do not look at that.
    ///
    /// Without it, a node that connects may have any certificate of a trusted CA and call itself
    /// whatever it likes; a node that is connected to has to have one for the host that was asked for.
    #[must_use]
    pub fn check_node_names(mut self) -> Self {
        self.node_names = true;
        self
    }

    /// Reads all files anew. Connections that there are do not change.
    ///
    /// A file that has changed is read anew without this, too, when the next connection is made. If it
    /// cannot be used then, what it held before stays in force.
    ///
    /// # Errors
    /// As [`Tls::from_optfile`]. Nothing has changed then.
    pub fn reload(&self) -> Result<(), TlsError> {
        if let Some(state) = self.shared.source.load()? {
            *self.lock() = state;
        }
        Ok(())
    }

    /// Begins a connection to a node on this host: the host part of its name.
    ///
    /// # Errors
    /// [`TlsError::HostName`]; [`TlsError::Missing`] if there are no client options.
    pub fn client(&self, host: &str) -> Result<ClientConnection, TlsError> {
        let role = Role::Client;
        let state = self.current();
        let client = state.client.as_ref().ok_or(TlsError::Missing {
            role,
            what: "there are none",
        })?;
        let host = match &client.server_name {
            ServerNameIndication::Name(name) => name,
            ServerNameIndication::Host | ServerNameIndication::Disable => host,
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| TlsError::HostName(host.to_owned()))?;
        ClientConnection::new(Arc::clone(&client.config), name)
            .map_err(|error| TlsError::Rustls { role, error })
    }

    /// Begins a connection to the node at this address, whose name may not be known.
    pub(crate) fn client_to(
        &self,
        address: &Address,
        node: Option<&NodeName>,
    ) -> Result<ClientConnection, TlsError> {
        match (node, address) {
            (Some(node), _) => self.client(node.host()),
            (None, Address::Inet(address)) => self.client(&address.ip().to_string()),
            (None, address) => self.client(&address.to_string()),
        }
    }

    /// Takes a connection.
    ///
    /// # Errors
    /// [`TlsError::Missing`] if there are no server options.
    pub fn server(&self) -> Result<ServerConnection, TlsError> {
        let role = Role::Server;
        let state = self.current();
        let config = state.server.as_ref().ok_or(TlsError::Missing {
            role,
            what: "there are none",
        })?;
        ServerConnection::new(Arc::clone(config)).map_err(|error| TlsError::Rustls { role, error })
    }

    /// The configurations, made anew if their files have changed.
    fn current(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.files.have_changed() {
            // Files that are being written may be unusable for a moment.
            if let Ok(Some(changed)) = self.shared.source.load() {
                *state = changed;
            }
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is replaced as a whole, so a panic elsewhere does not spoil it.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// TLS over any transport.
///
/// It is a transport of both styles. Over TCP, a [`Tls`] is one by itself.
///
/// ```no_run
/// use einode::blocking::{Endpoint, Unix};
/// use einode::tls::{Tls, TlsOver};
/// # let cookie = einode::Cookie::new("secret").unwrap();
/// # let config = einode::Config::new(einode::NodeName::new("rusty@here").unwrap(), cookie);
///
/// let tls = Tls::from_optfile("/etc/cluster/inet_tls.conf")?;
/// let endpoint = Endpoint::new(config).transport(TlsOver::new(tls, Unix::default()));
/// # Ok::<(), einode::tls::TlsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TlsOver<T> {
    pub(crate) tls: Tls,
    pub(crate) inner: T,
}

impl<T> TlsOver<T> {
    /// Encrypts what `inner` carries.
    pub const fn new(tls: Tls, inner: T) -> Self {
        Self { tls, inner }
    }
}

impl Source {
    fn load(&self) -> Result<Option<State>, TlsError> {
        let mut files = Files::default();
        let (client, server) = match self {
            Self::Configs => return Ok(None),
            Self::Options(sections) => roles(sections, &mut files)?,
            Self::Optfile(path) => roles(&read(path, &mut files)?, &mut files)?,
        };
        Ok(Some(State {
            client,
            server,
            files,
        }))
    }
}

fn read(path: &Path, files: &mut Files) -> Result<Sections, TlsError> {
    let text = match String::from_utf8(files.read(path)?) {
        Ok(text) => text,
        // Latin-1, in which OTP reads such files unless they say otherwise.
        Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
    };
    optfile::parse(&text).map_err(|error| TlsError::Options {
        source: path.display().to_string(),
        error,
    })
}

type Roles = (Option<Client>, Option<Arc<ServerConfig>>);

fn roles(sections: &Sections, files: &mut Files) -> Result<Roles, TlsError> {
    let client = match &sections.client {
        None => None,
        Some(options) => Some(Client {
            config: Arc::new(config::client(options, files)?),
            server_name: options.server_name.clone(),
        }),
    };
    let server = match &sections.server {
        None => None,
        Some(options) => Some(Arc::new(config::server(options, files)?)),
    };
    Ok((client, server))
}
