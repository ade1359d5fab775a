use std::io::{self, IoSlice, Read, Write};
use std::time::{Duration, Instant};

use einode_dist::NodeName;

use super::transport::{Incoming, Socket, Transport};
use super::{TcpIncoming, TcpSocket};
use crate::address::Address;
use crate::tls::{Tls, TlsIncoming, TlsOver, TlsSocket};
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
        Ok(TlsIncoming::new(self, Tcp.listen(address)?)?)
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
        Ok(TlsIncoming::new(&self.tls, self.inner.listen(address)?)?)
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

impl<I: Incoming> Incoming for TlsIncoming<I> {
    type Socket = TlsSocket<I::Socket>;

    fn accept(&self) -> io::Result<(Self::Socket, Address)> {
        let (socket, address) = self.inner.accept()?;
        Ok((self.begin(socket)?, address))
    }

    fn address(&self) -> Address {
        self.inner.address()
    }

    fn close(&self) {
        self.inner.close();
    }
}

impl<S: Socket> Socket for TlsSocket<S> {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        /// How long each direction gets, also where the deadline is nearer.
        const TURN: Duration = Duration::from_millis(2);
        let Self { inner, stream, .. } = self;
        // What an earlier write could not get rid of goes on to leave meanwhile, and is not waited for:
        // the peer may read nothing until we have read what it writes.
        let turn = || Some(Instant::now() + TURN);
        let mut below = Below {
            inner,
            read: || if stream.is_stuck() { turn() } else { until },
            write: turn,
        };
        loop {
            match stream.read(&mut below, buffer) {
                Err(error)
                    if error.kind() == io::ErrorKind::TimedOut
                        && until.is_none_or(|until| Instant::now() < until) => {}
                read => return read,
            }
        }
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        self.stream.write(&mut self.until(until), slices)
    }

    fn flush(&self, until: Option<Instant>) -> io::Result<()> {
        self.stream.flush(&mut self.until(until))?;
        self.inner.flush(until)
    }

    fn shutdown(&self, until: Option<Instant>) -> io::Result<()> {
        self.stream.shutdown(&mut self.until(until))?;
        self.inner.shutdown(until)
    }

    fn close(&self) {
        self.inner.close();
    }
}

impl<S: Socket> TlsSocket<S> {
    /// What lies below, for an operation with this deadline.
    fn until(&self, until: Option<Instant>) -> impl Read + Write {
        Below {
            inner: &self.inner,
            read: move || until,
            write: move || until,
        }
    }
}

/// A socket with the deadline of each operation, as TLS reads from it and writes to it.
struct Below<'a, S, R, W> {
    inner: &'a S,
    read: R,
    write: W,
}

impl<S: Socket, R: Fn() -> Option<Instant>, W> Read for Below<'_, S, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer, (self.read)())
    }
}

impl<S: Socket, R, W: Fn() -> Option<Instant>> Write for Below<'_, S, R, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(&[IoSlice::new(bytes)], (self.write)())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
