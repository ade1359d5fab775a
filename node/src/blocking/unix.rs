use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use einode_dist::NodeName;

use super::stream::Stream;
use super::transport::{Incoming, Transport};
use crate::address::Address;
use crate::deadline;
use crate::unix::{Place, Unix, connect, path};

/// A connection over a Unix domain socket.
pub type UnixSocket = Stream<UnixStream>;

impl TryFrom<UnixStream> for UnixSocket {
    type Error = io::Error;

    /// Takes over a connected stream.
    fn try_from(stream: UnixStream) -> io::Result<Self> {
        Self::new(stream)
    }
}

impl Transport for Unix {
    type Socket = UnixSocket;
    type Incoming = UnixIncoming;

    fn connect(
        &self,
        address: &Address,
        _: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<UnixSocket> {
        Stream::new(connect(path(address)?, until)?)
    }

    fn listen(&self, address: &Address) -> io::Result<UnixIncoming> {
        let (listener, place) = self.bind(path(address)?)?;
        Ok(UnixIncoming {
            listener,
            place,
            closed: AtomicBool::new(false),
        })
    }
}

/// A Unix domain socket on which connections come in. Its file goes with it.
#[derive(Debug)]
pub struct UnixIncoming {
    listener: UnixListener,
    place: Place,
    closed: AtomicBool,
}

impl Incoming for UnixIncoming {
    type Socket = UnixSocket;

    fn accept(&self) -> io::Result<(UnixSocket, Address)> {
        self.open()?;
        let (stream, _) = self.listener.accept()?;
        // Whoever was woken by the end wakes the next.
        self.open().inspect_err(|_| self.wake())?;
        // Those that connect have no address of their own.
        Ok((Stream::new(stream)?, self.address()))
    }

    fn address(&self) -> Address {
        Address::Unix(self.place.path.clone())
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.wake();
    }
}

impl UnixIncoming {
    fn open(&self) -> io::Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(())
    }

    /// Whoever waits for a peer gets one. If this fails, peers queue already.
    fn wake(&self) {
        let until = deadline::after(Duration::from_secs(1));
        drop(connect(&self.place.path, until));
    }
}
