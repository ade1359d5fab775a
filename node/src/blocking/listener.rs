use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Endpoint, Incoming, Link, Registration, Tcp, Transport};
use crate::address::Address;
use crate::config::{ACCEPT_PAUSE, PENDING_HANDSHAKES};
use crate::error::{AcceptError, ConnectError};

/// An address at which nodes connect to us.
///
/// Handshakes run beside each other, so a peer that stalls keeps nobody waiting; each has to be over
/// in the endpoint's setup time. Dropping the listener ends it, and its registration with EPMD.
pub struct Listener<T: Transport = Tcp> {
    incoming: Arc<T::Incoming>,
    shared: Arc<Shared<T>>,
    accepted: Receiver<Accepted<T>>,
    thread: Option<JoinHandle<()>>,
    registration: Option<Registration>,
}

type Accepted<T> = Result<Link<<T as Transport>::Socket>, AcceptError>;

/// What the listener shares with the thread that takes peers, and with those that shake hands. The
/// latter may outlive it for a moment, so the socket on which it listens is not here.
struct Shared<T> {
    endpoint: Mutex<Endpoint<T>>,
    /// How many are under way, or over and not yet given to the program.
    handshakes: Mutex<usize>,
    one_less: Condvar,
    closing: AtomicBool,
}

impl<T: Transport> Listener<T> {
    pub(super) fn new(endpoint: Endpoint<T>, incoming: T::Incoming) -> io::Result<Self> {
        let incoming = Arc::new(incoming);
        let shared = Arc::new(Shared {
            endpoint: Mutex::new(endpoint),
            handshakes: Mutex::new(0),
            one_less: Condvar::new(),
            closing: AtomicBool::new(false),
        });
        let (sender, accepted) = mpsc::sync_channel(0);
        let (of_thread, from) = (Arc::clone(&shared), Arc::clone(&incoming));
        let thread = thread::Builder::new()
            .name("accept".into())
            .spawn(move || accept(&*from, &of_thread, &sender))?;
        Ok(Self {
            incoming,
            shared,
            accepted,
            thread: Some(thread),
            registration: None,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        self.incoming.address()
    }

    /// The TCP port on which it listens, if it listens on one.
    pub fn port(&self) -> Option<u16> {
        self.address().port()
    }

    /// Registers the endpoint's name and this port with the EPMD of this machine, for as long as the
    /// listener lives. Connections made from then on carry the creation that EPMD gives.
    ///
    /// # Errors
    /// [`ConnectError::Epmd`] when EPMD is not there or does not accept the name;
    /// [`ConnectError::Unpublishable`] without a name of our own, or without a TCP port.
    pub fn publish(&mut self) -> Result<(), ConnectError> {
        let port = self.port();
        let mut endpoint = self.shared.endpoint();
        let registration = endpoint.config.registration(port)?;
        let until = endpoint.setup_deadline();
        let registration = endpoint.epmd("localhost").register(registration, until)?;
        endpoint.config.local.creation = registration.creation();
        drop(endpoint);
        self.registration = Some(registration);
        Ok(())
    }

    /// The endpoint, with the creation that EPMD gave it once it is published.
    pub fn endpoint(&self) -> Endpoint<T> {
        self.shared.endpoint().clone()
    }

    /// The next connection, or why a peer did not become one.
    ///
    /// # Errors
    /// [`AcceptError::TimedOut`] when nobody came; [`AcceptError::Handshake`] when somebody came and
    /// did not get in, after which the next call is as good as the first.
    pub fn accept(&self, timeout: Duration) -> Result<Link<T::Socket>, AcceptError> {
        self.accepted.recv_timeout(timeout).unwrap_or_else(|error| {
            Err(match error {
                RecvTimeoutError::Timeout => AcceptError::TimedOut,
                RecvTimeoutError::Disconnected => AcceptError::Closed,
            })
        })
    }
}

impl<T> Shared<T> {
    fn endpoint(&self) -> MutexGuard<'_, Endpoint<T>> {
        // An endpoint is whole at every moment, so a panic elsewhere does not spoil it.
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handshakes(&self) -> MutexGuard<'_, usize> {
        self.handshakes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Waits until another handshake may begin, and counts it.
    fn begin(&self) {
        let full = |under_way: &mut usize| *under_way >= PENDING_HANDSHAKES && !self.is_closing();
        let room = self.one_less.wait_while(self.handshakes(), full);
        *room.unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn end(&self) {
        *self.handshakes() -= 1;
        self.one_less.notify_one();
    }
}

impl<T: Transport> Drop for Listener<T> {
    fn drop(&mut self) {
        {
            // Under the lock, so that the thread is either before its look at this or asleep.
            let _under_way = self.shared.handshakes();
            self.shared.closing.store(true, Ordering::SeqCst);
        }
        self.shared.one_less.notify_all();
        self.incoming.close();
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, has been reported on its own.
            let _ = thread.join();
        }
    }
}

/// Takes peers until the listener is dropped. No error of `accept` ends it: they are the peer's
/// (ECONNABORTED) or pass (EMFILE).
fn accept<T: Transport>(
    incoming: &T::Incoming,
    shared: &Arc<Shared<T>>,
    accepted: &SyncSender<Accepted<T>>,
) {
    loop {
        let peer = incoming.accept();
        if shared.is_closing() {
            return;
        }
        let Ok((socket, address)) = peer else {
            thread::sleep(ACCEPT_PAUSE);
            continue;
        };
        shared.begin();
        let (of_thread, accepted) = (Arc::clone(shared), accepted.clone());
        let handshake = move || {
            let endpoint = of_thread.endpoint().clone();
            let link = endpoint.accept_over(socket);
            // The listener may be gone.
            let _ = accepted.send(link.map_err(|error| AcceptError::Handshake { address, error }));
            of_thread.end();
        };
        if thread::Builder::new()
            .name("handshake".into())
            .spawn(handshake)
            .is_err()
        {
            shared.end();
        }
    }
}

impl<T: Transport> fmt::Debug for Listener<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}
