use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use einode_dist::NodeName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::TcpIncoming;
use super::transport::{Incoming, Transport};
use crate::address::Address;
use crate::tls::{READ, Tls, TlsIncoming, TlsOver, TlsSocket};
use crate::transport::Tcp;

/// TLS over TCP.
impl Transport for Tls {
    type Socket = TlsSocket<TcpStream>;
    type Incoming = TlsIncoming<TcpIncoming>;

    async fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
    ) -> io::Result<Self::Socket> {
        connect(self, &Tcp, address, node).await
    }

    async fn listen(&self, address: &Address) -> io::Result<Self::Incoming> {
        Ok(TlsIncoming::new(self, Tcp.listen(address).await?)?)
    }
}

impl<T: Transport> Transport for TlsOver<T> {
    type Socket = TlsSocket<T::Socket>;
    type Incoming = TlsIncoming<T::Incoming>;

    async fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
    ) -> io::Result<Self::Socket> {
        connect(&self.tls, &self.inner, address, node).await
    }

    async fn listen(&self, address: &Address) -> io::Result<Self::Incoming> {
        let incoming = self.inner.listen(address).await?;
        Ok(TlsIncoming::new(&self.tls, incoming)?)
    }
}

async fn connect<T: Transport>(
    tls: &Tls,
    inner: &T,
    address: &Address,
    node: Option<&NodeName>,
) -> io::Result<TlsSocket<T::Socket>> {
    let connection = tls.client_to(address, node)?;
    let socket = inner.connect(address, node).await?;
    Ok(TlsSocket::new(connection, socket).check_node_name(tls.node_names))
}

impl<I: Incoming> Incoming for TlsIncoming<I> {
    type Socket = TlsSocket<I::Socket>;

    async fn accept(&mut self) -> io::Result<(Self::Socket, Address)> {
        let (socket, address) = self.inner.accept().await?;
        Ok((self.begin(socket)?, address))
    }

    fn address(&self) -> Address {
        self.inner.address()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, stream, .. } = self.get_mut();
        // Room for more is not worth to be initialized.
        let room = buffer.remaining().min(READ);
        let room = buffer.initialize_unfilled_to(room);
        let read = ready!(poll(stream.read(&mut Polled { inner, cx }, room)))?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { inner, stream, .. } = self.get_mut();
        poll(stream.write(&mut Polled { inner, cx }, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { inner, stream, .. } = self.get_mut();
        ready!(poll(stream.flush(&mut Polled { inner, cx })))?;
        Pin::new(inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { inner, stream, .. } = self.get_mut();
        ready!(poll(stream.shutdown(&mut Polled { inner, cx })))?;
        Pin::new(inner).poll_shutdown(cx)
    }
}

/// What TLS says, for those that are woken when there is more to say.
fn poll<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// What the system says, for TLS, which does not know of waiting.
fn told<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// A socket and whom to wake, as TLS reads from it and writes to it.
struct Polled<'a, 'c, S> {
    inner: &'a mut S,
    cx: &'a mut Context<'c>,
}

impl<S: AsyncRead + Unpin> Read for Polled<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        told(Pin::new(&mut *self.inner).poll_read(self.cx, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl<S: AsyncWrite + Unpin> Write for Polled<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        told(Pin::new(&mut *self.inner).poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        told(Pin::new(&mut *self.inner).poll_flush(self.cx))
    }
}
