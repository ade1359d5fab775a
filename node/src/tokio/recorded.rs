use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use einode_dist::NodeName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::transport::{Incoming, Transport};
use crate::address::Address;
use crate::recorded::{Recorded, RecordedIncoming, RecordedSocket};

impl<T: Transport> Transport for Recorded<T> {
    type Socket = RecordedSocket<T::Socket>;
    type Incoming = RecordedIncoming<T::Incoming>;

    async fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
    ) -> io::Result<Self::Socket> {
        let inner = self.inner.connect(address, node).await?;
        Ok(RecordedSocket::new(inner, &self.recorder))
    }

    async fn listen(&self, address: &Address) -> io::Result<Self::Incoming> {
        Ok(RecordedIncoming {
            inner: self.inner.listen(address).await?,
            recorder: Arc::clone(&self.recorder),
        })
    }
}

impl<I: Incoming> Incoming for RecordedIncoming<I> {
    type Socket = RecordedSocket<I::Socket>;

    async fn accept(&mut self) -> io::Result<(Self::Socket, Address)> {
        let (socket, address) = self.inner.accept().await?;
        Ok((RecordedSocket::new(socket, &self.recorder), address))
    }

    fn address(&self) -> Address {
        self.inner.address()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RecordedSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut socket.inner).poll_read(cx, buffer))?;
        socket.was_read(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RecordedSocket<S> {
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
        let socket = self.get_mut();
        let written = ready!(Pin::new(&mut socket.inner).poll_write_vectored(cx, slices))?;
        socket.was_written(slices, written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
