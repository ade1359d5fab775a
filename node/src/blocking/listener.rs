use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Endpoint, Incoming, Link, Registration, Tcp, Transport};
use crate::address::Address;
use crate::config::{ACCEPT_PAUSE, PENDING_HANDSHAKES};
use crate::core::lock;
use crate::error::{AcceptError, ConnectError};

/// An address at which nodes connect to us.
///
/// Handshakes run beside each other, so a peer that stalls keeps nobody waiting; each has to be over
/// in the endpoint's setup time. Dropping the listener ends it, and its registration with EPMD.
pub struct Listener<T: Transport = Tcp> {
    taking: Taking<T::Incoming>,
    endpoint: Arc<Mutex<Endpoint<T>>>,
    accepted: Receiver<Accepted<T>>,
    registration: Option<Registration>,
}

type Accepted<T> = Result<Link<<T as Transport>::Socket>, AcceptError>;

impl<T: Transport> Listener<T> {
    pub(super) fn new(endpoint: Endpoint<T>, incoming: T::Incoming) -> io::Result<Self> {
        let endpoint = Arc::new(Mutex::new(endpoint));
        let of_threads = Arc::clone(&endpoint);
        let (sender, accepted) = mpsc::sync_channel(0);
        let taking = Taking::start(incoming, move |socket, address| {
            let endpoint = lock(&of_threads).clone();
            let link = endpoint.accept_over(socket);
            // The listener may be gone.
            let _ = sender.send(link.map_err(|error| AcceptError::Handshake { address, error }));
        })?;
        Ok(Self {
            taking,
            endpoint,
            accepted,
            registration: None,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        self.taking.incoming.address()
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
        let mut endpoint = lock(&self.endpoint);
        let registration = endpoint.publish(port)?;
        endpoint.config.local.creation = registration.creation();
        drop(endpoint);
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
    pub fn accept(&self, timeout: Duration) -> Result<Link<T::Socket>, AcceptError> {
        self.accepted.recv_timeout(timeout).unwrap_or_else(|error| {
            Err(match error {
                RecvTimeoutError::Timeout => AcceptError::TimedOut,
                RecvTimeoutError::Disconnected => AcceptError::Closed,
            })
        })
    }
}

/// A thread that takes peers and has each shake hands on another one, until this is dropped. Handshakes may
/// outlive it for a moment.
pub(super) struct Taking<I: Incoming> {
    incoming: Arc<I>,
    handshakes: Arc<Handshakes>,
    thread: Option<JoinHandle<()>>,
}

/// How many handshakes there are.
#[derive(Default)]
struct Handshakes {
    /// Those under way, or over and not yet given to the program.
    under_way: Mutex<usize>,
    one_less: Condvar,
    closing: AtomicBool,
}

impl<I: Incoming> Taking<I> {
    pub(super) fn start(
        incoming: I,
        handshake: impl Fn(I::Socket, Address) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let incoming = Arc::new(incoming);
        let handshakes = Arc::new(Handshakes::default());
        let (of_thread, from) = (Arc::clone(&handshakes), Arc::clone(&incoming));
        let handshake = Arc::new(handshake);
        let thread = thread::Builder::new()
            .name("accept".into())
            .spawn(move || accept(&*from, &of_thread, &handshake))?;
        Ok(Self {
            incoming,
            handshakes,
            thread: Some(thread),
        })
    }
}

impl Handshakes {
    fn lock(&self) -> MutexGuard<'_, usize> {
        lock(&self.under_way)
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Waits until another handshake may begin, and counts it.
    fn begin(&self) {
        let full = |under_way: &mut usize| *under_way >= PENDING_HANDSHAKES && !self.is_closing();
        let room = self.one_less.wait_while(self.lock(), full);
        *room.unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn end(&self) {
        *self.lock() -= 1;
        self.one_less.notify_one();
    }
}

impl<I: Incoming> Drop for Taking<I> {
    fn drop(&mut self) {
        {
            // Under the lock, so that the thread is either before its look at this or asleep.
            let _under_way = self.handshakes.lock();
            self.handshakes.closing.store(true, Ordering::SeqCst);
        }
        self.handshakes.one_less.notify_all();
        self.incoming.close();
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, has been reported on its own.
            let _ = thread.join();
        }
    }
}

/// Takes peers until it is to end. No error of `accept` ends it: they are the peer's (ECONNABORTED) or
/// pass (EMFILE).
fn accept<I: Incoming>(
    incoming: &I,
    handshakes: &Arc<Handshakes>,
    handshake: &Arc<impl Fn(I::Socket, Address) + Send + Sync + 'static>,
) {
    loop {
        let peer = incoming.accept();
        if handshakes.is_closing() {
            return;
        }
        let Ok((socket, address)) = peer else {
            thread::sleep(ACCEPT_PAUSE);
            continue;
        };
        handshakes.begin();
        let (of_thread, handshake) = (Arc::clone(handshakes), Arc::clone(handshake));
        let shake = move || {
            handshake(socket, address);
            of_thread.end();
        };
        if thread::Builder::new()
            .name("handshake".into())
            .spawn(shake)
            .is_err()
        {
            handshakes.end();
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
