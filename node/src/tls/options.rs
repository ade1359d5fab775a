use std::fmt;
use std::path::PathBuf;

use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{CipherSuite, NamedGroup};

/// What one side of a TLS handshake shows and what it asks for.
///
/// The names and their meaning are those of OTP's `ssl`. Unlike there, the defaults are strict: the peer
/// has to show a certificate that a trusted CA has issued.
///
/// ```no_run
/// use einode::tls::{Tls, TlsOptions};
///
/// let options = TlsOptions::new()
///     .certfile("/etc/cluster/node.pem")
///     .keyfile("/etc/cluster/node.key")
///     .cacertfile("/etc/cluster/ca.pem");
/// let tls = Tls::from_options(Some(options.clone()), Some(options))?;
/// # Ok::<(), einode::tls::TlsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TlsOptions {
    pub(super) certificates: Option<Certificates>,
    pub(super) key: Option<Key>,
    pub(super) authorities: Option<Certificates>,
    pub(super) password: Option<Password>,
    pub(super) verify: Verify,
    pub(super) fail_if_no_peer_cert: bool,
    pub(super) depth: u8,
    pub(super) server_name: ServerNameIndication,
    pub(super) allowed: Vec<ServerName<'static>>,
    pub(super) versions: Vec<Version>,
    /// Those of rustls that are allowed, best first; all if there are none.
    pub(super) ciphers: Option<Vec<CipherSuite>>,
    pub(super) groups: Option<Vec<NamedGroup>>,
    pub(super) honor_cipher_order: bool,
}

/// Whether a peer's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// It has to be valid, and issued by a trusted CA.
    Peer,
    /// Any is accepted, and none as well. Connections are encrypted, but whoever can redirect them can
    /// read and change them; the cookie is not told to the peer, but that is all the protection left.
    None,
}

/// Where certificates are.
#[derive(Debug, Clone)]
pub(super) enum Certificates {
    File(PathBuf),
    Der(Vec<Vec<u8>>),
}

/// Where a private key is.
pub(super) enum Key {
    File(PathBuf),
    Der(PrivateKeyDer<'static>),
}

#[derive(Clone)]
#[cfg_attr(
    not(feature = "encrypted-keys"),
    expect(dead_code, reason = "only encrypted keys need it")
)]
pub(super) struct Password(pub(super) Vec<u8>);

/// What a client calls the server, and which name the server's certificate has to have.
#[derive(Debug, Clone)]
pub(super) enum ServerNameIndication {
    /// The host part of its node name.
    Host,
    /// Always this.
    Name(String),
    /// Nothing, and any name will do.
    Disable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Tls12,
    Tls13,
}

/// How many CAs may stand between a trusted one and a node, by default. OTP's default, 10, is more than
/// webpki ever follows.
pub(super) const MAX_DEPTH: u8 = 6;

impl TlsOptions {
    /// Options with which no certificate is shown and peers have to show one.
    pub const fn new() -> Self {
        Self {
            certificates: None,
            key: None,
            authorities: None,
            password: None,
            verify: Verify::Peer,
            fail_if_no_peer_cert: true,
            depth: MAX_DEPTH,
            server_name: ServerNameIndication::Host,
            allowed: Vec::new(),
            versions: Vec::new(),
            ciphers: None,
            groups: None,
            honor_cipher_order: false,
        }
    }

    /// The PEM file with our certificate, followed by those of intermediate CAs, if there are any. They
    /// may be in [`cacertfile`](Self::cacertfile) instead.
    #[must_use]
    pub fn certfile(mut self, path: impl Into<PathBuf>) -> Self {
        self.certificates = Some(Certificates::File(path.into()));
        self
    }

    /// The PEM file with the private key; by default the [`certfile`](Self::certfile).
    #[must_use]
    pub fn keyfile(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = Some(Key::File(path.into()));
        self
    }

    /// The PEM file with the CAs that we trust.
    #[must_use]
    pub fn cacertfile(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities = Some(Certificates::File(path.into()));
        self
    }

    /// The password of the private key. It needs the feature `encrypted-keys`.
    #[must_use]
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> Self {
        self.password = Some(Password(password.into()));
        self
    }

    /// Whether the peer's certificate is verified: by default it is.
    #[must_use]
    pub const fn verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }

    /// Whether a server that verifies turns away clients without a certificate: by default it does.
    #[must_use]
    pub const fn fail_if_no_peer_cert(mut self, fail: bool) -> Self {
        self.fail_if_no_peer_cert = fail;
        self
    }

    /// How many CAs may stand between a trusted one and the peer's certificate, at most and by default 6.
    #[must_use]
    pub const fn depth(mut self, depth: u8) -> Self {
        self.depth = depth;
        self
    }

    /// The name that a server's certificate has to have, whatever its node's name; the server is told it,
    /// too. By default it is the host part of the node name.
    #[must_use]
    pub fn server_name_indication(mut self, name: impl Into<String>) -> Self {
        self.server_name = ServerNameIndication::Name(name.into());
        self
    }

    /// Makes a server that verifies accept only clients whose certificate is for one of these hosts. By
    /// default it accepts them for any.
    #[must_use]
    pub fn allow(mut self, hosts: impl IntoIterator<Item = ServerName<'static>>) -> Self {
        self.allowed = hosts.into_iter().collect();
        self
    }
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Key {
    fn clone(&self) -> Self {
        match self {
            Self::File(path) => Self::File(path.clone()),
            Self::Der(key) => Self::Der(key.clone_key()),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Der(_) => f.write_str("a private key"),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a password")
    }
}
