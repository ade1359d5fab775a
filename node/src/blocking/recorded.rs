use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use einode_dist::{NodeName, Prefix};

use super::transport::{Incoming, Socket, Transport};
use crate::address::Address;
use crate::carrier::{Carrier, Ending, Side};
use crate::record::{Direction, Recorder, Track};

/// Any transport, with a [`Recorder`] that sees what passes.
///
/// ```
/// use std::sync::Arc;
///
/// use einode::Recorder;
/// use einode::blocking::{Recorded, Tcp};
///
/// let recorder = Arc::new(Recorder::new());
/// let transport = Recorded::new(Tcp, Arc::clone(&recorder));
/// ```
#[derive(Debug, Clone)]
pub struct Recorded<T> {
    inner: T,
    recorder: Arc<Recorder>,
}

impl<T> Recorded<T> {
    /// Shows the recorder what passes through the transport.
    pub const fn new(inner: T, recorder: Arc<Recorder>) -> Self {
        Self { inner, recorder }
    }
}

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

/// What connections come in on, with a recorder that sees what passes through them.
#[derive(Debug)]
pub struct RecordedIncoming<I> {
    inner: I,
    recorder: Arc<Recorder>,
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

/// A socket with a recorder that sees what passes.
#[derive(Debug)]
pub struct RecordedSocket<S> {
    inner: S,
    recorder: Arc<Recorder>,
    track: Track,
}

impl<S: Socket> RecordedSocket<S> {
    /// Shows the recorder what passes through the socket.
    pub fn new(inner: S, recorder: &Arc<Recorder>) -> Self {
        let track = Track::new(recorder, inner.prefix());
        Self {
            inner,
            recorder: Arc::clone(recorder),
            track,
        }
    }
}

impl<S: Socket> Carrier for RecordedSocket<S> {
    fn prefix(&self) -> Prefix {
        self.inner.prefix()
    }

    fn handshake_complete(&mut self, side: Side) -> io::Result<()> {
        self.track.handshake_complete();
        self.inner.handshake_complete(side)
    }

    fn closing(&mut self, why: Ending) {
        self.inner.closing(why);
    }
}

impl<S: Socket> Socket for RecordedSocket<S> {
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        let read = self.inner.read(buffer, until)?;
        self.track
            .pass(&self.recorder, Direction::Read, &buffer[..read]);
        Ok(read)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        let written = self.inner.write(slices, until)?;
        let mut left = written;
        for slice in slices {
            let passed = slice.len().min(left);
            self.track
                .pass(&self.recorder, Direction::Written, &slice[..passed]);
            left -= passed;
        }
        Ok(written)
    }

    fn shutdown(&mut self, until: Option<Instant>) -> io::Result<()> {
        self.inner.shutdown(until)
    }
}
