use std::io::{self, IoSlice, Read, Write};
use std::time::{Duration, Instant};

use einode_dist::handshake::Session;
use einode_dist::{NodeName, Prefix};
use rustls::Connection;
use rustls::pki_types::CertificateDer;

use super::transport::{Incoming, Socket, Transport};
use super::{TcpIncoming, TcpSocket};
use crate::address::Address;
use crate::carrier::{Carrier, Ending, Side};
use crate::tls::{Tls, TlsFailure, TlsOver, check_node};
use crate::transport::Tcp;

/// TLS over TCP.
impl Transport for Tls {
    type Socket = TlsSocket<TcpSocket>;
    type Incoming = TlsIncoming<TcpIncoming>;

    fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<Self::Socket> {
        connect(self, &Tcp, address, node, until)
    }

    fn listen(&self, address: &Address) -> io::Result<Self::Incoming> {
        TlsIncoming::new(self, Tcp.listen(address)?)
    }
}

impl<T: Transport> Transport for TlsOver<T> {
    type Socket = TlsSocket<T::Socket>;
    type Incoming = TlsIncoming<T::Incoming>;

    fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<Self::Socket> {
        connect(&self.tls, &self.inner, address, node, until)
    }

    fn listen(&self, address: &Address) -> io::Result<Self::Incoming> {
        TlsIncoming::new(&self.tls, self.inner.listen(address)?)
    }
}

fn connect<T: Transport>(
    tls: &Tls,
    inner: &T,
    address: &Address,
    node: Option<&NodeName>,
    until: Instant,
) -> io::Result<TlsSocket<T::Socket>> {
    let connection = tls.client_to(address, node)?;
    let socket = inner.connect(address, node, until)?;
    Ok(TlsSocket::new(connection, socket).check_node_name(tls.node_names))
}

/// The connections that come in on a transport below, with TLS.
#[derive(Debug)]
pub struct TlsIncoming<I> {
    tls: Tls,
    inner: I,
}

impl<I> TlsIncoming<I> {
    fn new(tls: &Tls, inner: I) -> io::Result<Self> {
        // Better to fail now than with every peer.
        tls.server()?;
        Ok(Self {
            tls: tls.clone(),
            inner,
        })
    }
}

impl<I: Incoming> Incoming for TlsIncoming<I> {
    type Socket = TlsSocket<I::Socket>;

    fn accept(&self) -> io::Result<(Self::Socket, Address)> {
        let (socket, address) = self.inner.accept()?;
        let socket = TlsSocket::new(self.tls.server()?, socket);
        Ok((socket.check_node_name(self.tls.node_names), address))
    }

    fn address(&self) -> Address {
        self.inner.address()
    }

    fn close(&self) {
        self.inner.close();
    }
}

/// How many bytes are read from the socket below at once.
const READ: usize = 32 * 1024;

/// A socket with TLS around it.
///
/// The handshake is part of the first read or write, under its deadline. Errors of TLS are
/// [`TlsFailure`]s inside of the [`io::Error`].
#[derive(Debug)]
pub struct TlsSocket<S> {
    inner: S,
    tls: Connection,
    /// What was read and not yet decrypted: `received[begin..end]`.
    received: Box<[u8]>,
    begin: usize,
    end: usize,
    /// Whether the peer has said anything.
    answered: bool,
    /// Whether the peer's certificate has to be for the node that it says it is.
    node_names: bool,
}

impl<S: Socket> TlsSocket<S> {
    /// Begins TLS on a connected socket, with [`Tls::client`] or [`Tls::server`].
    pub fn new(tls: impl Into<Connection>, inner: S) -> Self {
        Self {
            inner,
            tls: tls.into(),
            received: vec![0; READ].into(),
            begin: 0,
            end: 0,
            answered: false,
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
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.tls.peer_certificates()
    }

    /// The state of TLS: its version, its cipher suite.
    pub const fn connection(&self) -> &Connection {
        &self.tls
    }

    fn handshake(&mut self, until: Option<Instant>) -> io::Result<()> {
        while self.tls.is_handshaking() {
            self.flush(until)?;
            if self.tls.is_handshaking() {
                self.receive(until)?;
            }
        }
        self.flush(until)
    }

    /// Writes what is encrypted.
    fn flush(&mut self, until: Option<Instant>) -> io::Result<()> {
        while self.tls.wants_write() {
            let inner = &mut self.inner;
            match self.tls.write_tls(&mut Until { inner, until }) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) => return Err(self.failure(error, until)),
            }
        }
        Ok(())
    }

    /// Reads, if nothing is left to decrypt, and decrypts.
    fn receive(&mut self, until: Option<Instant>) -> io::Result<()> {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
            self.end = match self.inner.read(&mut self.received, until) {
                Ok(0) if self.tls.is_handshaking() => {
                    return Err(self.unfinished(io::ErrorKind::UnexpectedEof));
                }
                Ok(read) => read,
                Err(error) if self.tls.is_handshaking() => {
                    return Err(match error.kind() {
                        kind @ (io::ErrorKind::TimedOut | io::ErrorKind::ConnectionReset) => {
                            self.unfinished(kind)
                        }
                        _ => error,
                    });
                }
                Err(error) => return Err(error),
            };
        }
        self.answered |= self.end > 0;
        let mut rest = &self.received[self.begin..self.end];
        self.tls.read_tls(&mut rest)?;
        self.begin = self.end - rest.len();
        match self.tls.process_new_packets() {
            Ok(_) => Ok(()),
            Err(error) => {
                // The peer deserves to know why, but it may be gone.
                let inner = &mut self.inner;
                let _ = self.tls.write_tls(&mut Until { inner, until });
                Err(TlsFailure::from(error).into())
            }
        }
    }

    /// Receives. What an earlier write could not get rid of goes on to leave meanwhile, and is not waited
    /// for: the peer may read nothing until we have read what it writes. Both get their turn also where
    /// the deadline is nearer.
    fn receive_or_flush(&mut self, until: Option<Instant>) -> io::Result<()> {
        const TURN: Duration = Duration::from_millis(2);
        let timed_out = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
        while self.begin == self.end && self.tls.wants_write() {
            match self.flush(Some(Instant::now() + TURN)) {
                Err(error) if !timed_out(&error) => return Err(error),
                _ => {}
            }
            match self.receive(Some(Instant::now() + TURN)) {
                Err(error)
                    if timed_out(&error) && until.is_none_or(|until| Instant::now() < until) => {}
                received => return received,
            }
        }
        self.receive(until)
    }

    fn unfinished(&self, kind: io::ErrorKind) -> io::Error {
        if self.answered {
            TlsFailure::Unfinished(kind).into()
        } else {
            TlsFailure::NoAnswer(kind).into()
        }
    }

    /// What is behind an error of writing: a peer that has closed may have said why.
    fn failure(&mut self, error: io::Error, until: Option<Instant>) -> io::Error {
        if error.kind() == io::ErrorKind::TimedOut && self.tls.is_handshaking() {
            return self.unfinished(error.kind());
        }
        if !matches!(
            error.kind(),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
        ) {
            return error;
        }
        loop {
            match self.receive(until) {
                Ok(()) if self.end > 0 => {}
                Err(reason)
                    if reason
                        .get_ref()
                        .is_some_and(|inner| inner.is::<TlsFailure>()) =>
                {
                    return reason;
                }
                _ => return error,
            }
        }
    }
}

impl<S: Socket> Socket for TlsSocket<S> {
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        if self.tls.is_handshaking() {
            self.handshake(until)?;
        }
        let mut filled = 0;
        loop {
            match self.tls.reader().read(&mut buffer[filled..]) {
                Ok(read) => {
                    filled += read;
                    if read == 0 || filled == buffer.len() {
                        return Ok(filled);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The peer has not said goodbye. What it has cut off is seen from the packets' lengths.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(filled),
                Err(error) => return Err(error),
            }
            if filled > 0 && self.begin == self.end {
                return Ok(filled);
            }
            match self.receive_or_flush(until) {
                // It fails in the same way again, when there is nothing before it.
                Err(_) if filled > 0 => return Ok(filled),
                step => step?,
            }
        }
    }

    fn write(&mut self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        self.handshake(until)?;
        let written = self.tls.writer().write_vectored(slices)?;
        match self.flush(until) {
            // What was taken is encrypted, and leaves first in the next call.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(written),
            flushed => flushed.map(|()| written),
        }
    }

    fn shutdown(&mut self, until: Option<Instant>) -> io::Result<()> {
        self.tls.send_close_notify();
        self.flush(until)?;
        self.inner.shutdown(until)
    }
}

impl<S: Carrier> Carrier for TlsSocket<S> {
    fn prefix(&self) -> Prefix {
        Prefix::Four
    }

    fn handshake_complete(&mut self, side: Side, session: &Session) -> io::Result<()> {
        if self.node_names {
            check_node(self.tls.peer_certificates(), &session.peer)?;
        }
        self.inner.handshake_complete(side, session)
    }

    fn closing(&mut self, why: Ending) {
        self.inner.closing(why);
    }
}

/// A socket with a deadline, as rustls writes to it.
struct Until<'a, S> {
    inner: &'a mut S,
    until: Option<Instant>,
}

impl<S: Socket> Write for Until<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(&[IoSlice::new(bytes)], self.until)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner.write(slices, self.until)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
