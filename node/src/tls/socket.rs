use std::io;
use std::ops::Deref;

use einode_dist::handshake::Session;
use einode_dist::{NodeName, Prefix};
use rustls::Connection;
use rustls::pki_types::CertificateDer;

use super::stream::Stream;
use super::{Tls, TlsError, TlsFailure, check_node};
use crate::carrier::{Carrier, Ending, Side};

/// A socket with TLS around it. It is one of the same styles.
///
/// The handshake is part of the first read or write, under its deadline. Errors of TLS are
/// [`TlsFailure`](super::TlsFailure)s inside of the [`io::Error`].
#[derive(Debug)]
pub struct TlsSocket<S> {
    pub(crate) inner: S,
    pub(crate) stream: Stream,
    /// Whether the peer's certificate has to be for the node that it says it is.
    node_names: bool,
}

impl<S> TlsSocket<S> {
    /// Begins TLS on a connected socket, with [`Tls::client`] or [`Tls::server`].
    pub fn new(tls: impl Into<Connection>, inner: S) -> Self {
        Self {
            inner,
            stream: Stream::new(tls.into()),
            node_names: false,
        }
    }

    /// Demands that the peer's certificate is for the host in the name that it gives in the handshake of
    /// the nodes, as [`Tls::check_node_names`] does for all connections.
    #[must_use]
    pub fn check_node_name(mut self, check: bool) -> Self {
        self.node_names = check;
        self
    }

    /// The peer's certificate, followed by those of the CAs that it has sent; none before the end of the
    /// handshake, or if it has shown none.
    pub fn peer_certificates(&self) -> Option<Vec<CertificateDer<'static>>> {
        self.connection().peer_certificates().map(<[_]>::to_vec)
    }

    /// Checks that the peer's certificate is for the host in this name, which the peer has given.
    ///
    /// # Errors
    /// [`TlsFailure::PeerCertificate`]; [`TlsFailure::NoPeerCertificate`].
    pub fn is_for(&self, node: &NodeName) -> Result<(), TlsFailure> {
        check_node(self.peer_certificates().as_deref(), node)
    }

    /// Whether something that is encrypted waits to be written, and nobody is about to: it leaves with the next
    /// call of any kind. The state of TLS does not tell, since it gives everything away at once.
    pub fn wants_write(&self) -> bool {
        self.stream.wants_write()
    }

    /// The state of TLS: its version, its cipher suite. While this is held, nothing is read or written.
    pub fn connection(&self) -> impl Deref<Target = Connection> + '_ {
        self.stream.tls()
    }
}

impl<S: Carrier> Carrier for TlsSocket<S> {
    fn prefix(&self) -> Prefix {
        Prefix::Four
    }

    fn handshake_complete(&mut self, side: Side, session: &Session) -> io::Result<()> {
        if self.node_names {
            self.is_for(&session.peer)?;
        }
        self.inner.handshake_complete(side, session)
    }

    fn timed_out(&self) -> io::Error {
        self.stream.timed_out()
    }

    fn closing(&mut self, why: Ending) {
        self.inner.closing(why);
    }
}

/// The connections that come in on a transport below, with TLS.
#[derive(Debug)]
pub struct TlsIncoming<I> {
    tls: Tls,
    pub(crate) inner: I,
}

impl<I> TlsIncoming<I> {
    pub(crate) fn new(tls: &Tls, inner: I) -> Result<Self, TlsError> {
        // Better to fail now than with every peer.
        tls.server()?;
        Ok(Self {
            tls: tls.clone(),
            inner,
        })
    }

    /// Begins TLS with a peer that has come in below.
    pub(crate) fn begin<S>(&self, socket: S) -> io::Result<TlsSocket<S>> {
        let socket = TlsSocket::new(self.tls.server()?, socket);
        Ok(socket.check_node_name(self.tls.node_names))
    }
}
