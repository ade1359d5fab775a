use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use einode_dist::NodeName;

use super::transport::{Incoming, Socket, Transport};
use crate::address::Address;
use crate::recorded::{Recorded, RecordedIncoming, RecordedSocket};

impl<T: Transport> Transport for Recorded<T> {
    type Socket = RecordedSocket<T::Socket>;
    type Incoming = RecordedIncoming<T::Incoming>;

    fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<Self::Socket> {
        Ok(RecordedSocket::new(
            self.inner.connect(address, node, until)?,
            &self.recorder,
        ))
    }

    fn listen(&self, address: &Address) -> io::Result<Self::Incoming> {
        let inner = self.inner.listen(address)?;
        Ok(RecordedIncoming {
            inner,
            recorder: Arc::clone(&self.recorder),
        })
    }
}

impl<I: Incoming> Incoming for RecordedIncoming<I> {
    type Socket = RecordedSocket<I::Socket>;

    fn accept(&self) -> io::Result<(Self::Socket, Address)> {
        let (socket, address) = self.inner.accept()?;
        Ok((RecordedSocket::new(socket, &self.recorder), address))
    }

    fn address(&self) -> Address {
        self.inner.address()
    }

    fn close(&self) {
        self.inner.close();
    }
}

impl<S: Socket> Socket for RecordedSocket<S> {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        let read = self.inner.read(buffer, until)?;
        self.was_read(&buffer[..read]);
        Ok(read)
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        let written = self.inner.write(slices, until)?;
        self.was_written(slices, written);
        Ok(written)
    }

    fn flush(&self, until: Option<Instant>) -> io::Result<()> {
        self.inner.flush(until)
    }

    fn shutdown(&self, until: Option<Instant>) -> io::Result<()> {
        self.inner.shutdown(until)
    }

    fn close(&self) {
        self.inner.close();
    }
}
