use std::io;
use std::path::Path;
use std::time::Duration;

use einode_dist::NodeName;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::transport::{Incoming, Transport};
use crate::address::Address;
use crate::carrier::Carrier;
use crate::unix::{Place, Unix, path, try_connect};

/// How long to wait between two looks at a full queue: the system does not say when there is room.
const PAUSE: Duration = Duration::from_millis(10);

impl Carrier for UnixStream {}

impl Transport for Unix {
    type Socket = UnixStream;
    type Incoming = UnixIncoming;

    async fn connect(&self, address: &Address, _: Option<&NodeName>) -> io::Result<UnixStream> {
        connect(path(address)?).await
    }

    async fn listen(&self, address: &Address) -> io::Result<UnixIncoming> {
        let (unix, path) = (*self, path(address)?.to_owned());
        // Whether somebody listens there already may take a moment to find out.
        let bound = spawn_blocking(move || unix.bind(&path)).await;
        let (listener, place) = bound.map_err(io::Error::other)??;
        listener.set_nonblocking(true)?;
        Ok(UnixIncoming {
            listener: UnixListener::from_std(listener)?,
            place,
        })
    }
}

async fn connect(path: &Path) -> io::Result<UnixStream> {
    loop {
        match try_connect(path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(PAUSE).await,
            stream => return UnixStream::from_std(stream?),
        }
    }
}

/// A Unix domain socket on which connections come in. Its file goes with it.
#[derive(Debug)]
pub struct UnixIncoming {
    listener: UnixListener,
    place: Place,
}

impl Incoming for UnixIncoming {
    type Socket = UnixStream;

    async fn accept(&mut self) -> io::Result<(UnixStream, Address)> {
        let (stream, _) = self.listener.accept().await?;
        // Those that connect have no address of their own.
        Ok((stream, self.address()))
    }

    fn address(&self) -> Address {
        Address::Unix(self.place.path.clone())
    }
}
