use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Endpoint, Incoming, Link, Registration, Tcp, Transport};
use crate::address::Address;
use crate::config::{ACCEPT_PAUSE, PENDING_HANDSHAKES};
use crate::core::lock;
use crate::error::{AcceptError, ConnectError};

/// An address at which nodes connect to us.
///
/// Handshakes run beside each other, so a peer that stalls keeps nobody waiting; each has to be over
/// in the endpoint's setup time. Dropping the listener ends it, its handshakes, and its registration with
/// EPMD.
pub struct Listener<T: Transport = Tcp> {
    address: Address,
    endpoint: Arc<Mutex<Endpoint<T>>>,
    accepted: Receiver<Accepted<T>>,
    registration: Option<Registration>,
    /// The task that takes peers. It is aborted with this.
    _taking: JoinSet<()>,
}

type Accepted<T> = Result<Link<<T as Transport>::Socket>, AcceptError>;

impl<T: Transport> Listener<T> {
    pub(super) fn new(endpoint: Endpoint<T>, incoming: T::Incoming) -> Self {
        let (address, endpoint) = (incoming.address(), Arc::new(Mutex::new(endpoint)));
        // What is done with its handshake waits in its own task.
        let (sender, accepted) = mpsc::channel(1);
        let mut taking = JoinSet::new();
        let of_task = Arc::clone(&endpoint);
        taking.spawn(accept(incoming, move |socket, address| {
            let (endpoint, accepted) = (lock(&of_task).clone(), sender.clone());
            async move {
                let link = endpoint.accept_over(socket).await;
                let link = link.map_err(|error| AcceptError::Handshake { address, error });
                // The listener may be gone.
                let _ = accepted.send(link).await;
            }
        }));
        Self {
            address,
            endpoint,
            accepted,
            registration: None,
            _taking: taking,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        self.address.clone()
    }

    /// The TCP port on which it listens, if it listens on one.
    pub const fn port(&self) -> Option<u16> {
        self.address.port()
    }

    /// Registers the endpoint's name and this port with the EPMD of this machine, for as long as the
    /// listener lives. Connections made from then on carry the creation that EPMD gives.
    ///
    /// # Errors
    /// [`ConnectError::Epmd`] when EPMD is not there or does not accept the name;
    /// [`ConnectError::Unpublishable`] without a name of our own, or without a TCP port.
    ///
    /// # Cancelling
    /// The name is not registered, or not any more.
    pub async fn publish(&mut self) -> Result<(), ConnectError> {
        let registration = self.endpoint().publish(self.port()).await?;
        lock(&self.endpoint).config.local.creation = registration.creation();
        self.registration = Some(registration);
        Ok(())
    }

    /// The endpoint, with the creation that EPMD gave it once it is published.
    pub fn endpoint(&self) -> Endpoint<T> {
        lock(&self.endpoint).clone()
    }

    /// The next connection, or why a peer did not become one.
    ///
    /// # Errors
    /// [`AcceptError::TimedOut`] when nobody came; [`AcceptError::Handshake`] when somebody came and
    /// did not get in, after which the next call is as good as the first.
    ///
    /// # Cancelling
    /// The connection is there for the next call.
    pub async fn accept(&mut self, within: Duration) -> Accepted<T> {
        match timeout(within, self.accepted.recv()).await {
            Ok(Some(accepted)) => accepted,
            Ok(None) => Err(AcceptError::Closed),
            Err(_) => Err(AcceptError::TimedOut),
        }
    }
}

/// Takes peers and has them shake hands, until this is dropped, and with it all handshakes. No error of
/// `accept` ends it: they are the peer's (ECONNABORTED) or pass (EMFILE).
pub(super) async fn accept<I: Incoming, F: Future<Output = ()> + Send + 'static>(
    mut incoming: I,
    handshake: impl Fn(I::Socket, Address) -> F,
) {
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        if handshakes.len() >= PENDING_HANDSHAKES {
            handshakes.join_next().await;
        }
        match incoming.accept().await {
            Ok((socket, address)) => {
                handshakes.spawn(handshake(socket, address));
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

impl<T: Transport> fmt::Debug for Listener<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
