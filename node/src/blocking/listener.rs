use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use einode_dist::epmd::{self, NodeType};
use einode_dist::{Flags, Identity};

use super::{Endpoint, Epmd, Link, Registration, Tcp};
use crate::error::{AcceptError, ConnectError};

/// How many handshakes may be under way at once. More peers wait in the system's queue.
pub const PENDING_HANDSHAKES: usize = 64;

/// A port on which nodes connect to us.
///
/// Handshakes run beside each other, so a peer that stalls keeps nobody waiting; each has to be over
/// in the endpoint's setup time. Dropping the listener ends it, and its registration with EPMD.
#[derive(Debug)]
pub struct Listener {
    shared: Arc<Shared>,
    accepted: Receiver<Accepted>,
    thread: Option<JoinHandle<()>>,
    registration: Option<Registration>,
}

type Accepted = Result<Link<Tcp>, AcceptError>;

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    endpoint: Mutex<Endpoint>,
    /// How many are under way.
    handshakes: Mutex<usize>,
    one_less: Condvar,
    closing: AtomicBool,
}

impl Listener {
    pub(super) fn bind(endpoint: Endpoint, address: impl ToSocketAddrs) -> io::Result<Self> {
        let socket = TcpListener::bind(address)?;
        let shared = Arc::new(Shared {
            address: socket.local_addr()?,
            endpoint: Mutex::new(endpoint),
            handshakes: Mutex::new(0),
            one_less: Condvar::new(),
            closing: AtomicBool::new(false),
        });
        let (sender, accepted) = mpsc::channel();
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("accept".into())
            .spawn(move || accept(&socket, &of_thread, &sender))?;
        Ok(Self {
            shared,
            accepted,
            thread: Some(thread),
            registration: None,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Registers the endpoint's name and this port with the EPMD of this machine, for as long as the
    /// listener lives. Connections made from then on carry the creation that EPMD gives.
    ///
    /// # Errors
    /// [`ConnectError::Epmd`] when EPMD is not there or does not accept the name.
    ///
    /// # Panics
    /// When the endpoint has no name of its own.
    pub fn publish(&mut self) -> Result<(), ConnectError> {
        let mut endpoint = self.shared.endpoint();
        let Identity::Node(name) = &endpoint.local.identity else {
            panic!("a node without a name of its own cannot be published");
        };
        let hidden = !endpoint.local.flags.contains(Flags::PUBLISHED);
        let kind = if hidden {
            NodeType::HIDDEN
        } else {
            NodeType::NORMAL
        };
        let epmd: Epmd = endpoint.epmd("localhost");
        let registration = epmd::Registration::new(name.alive(), self.shared.address.port(), kind);
        let registration = epmd.register(registration, endpoint.setup_deadline())?;
        endpoint.local.creation = registration.creation();
        drop(endpoint);
        self.registration = Some(registration);
        Ok(())
    }

    /// The endpoint, with the creation that EPMD gave it once it is published.
    pub fn endpoint(&self) -> Endpoint {
        self.shared.endpoint().clone()
    }

    /// The next connection, or why a peer did not become one.
    ///
    /// # Errors
    /// [`AcceptError::TimedOut`] when nobody came; [`AcceptError::Handshake`] when somebody came and
    /// did not get in, after which the next call is as good as the first.
    pub fn accept(&self, timeout: Duration) -> Result<Link<Tcp>, AcceptError> {
        self.accepted.recv_timeout(timeout).unwrap_or_else(|error| {
            Err(match error {
                RecvTimeoutError::Timeout => AcceptError::TimedOut,
                RecvTimeoutError::Disconnected => AcceptError::Closed,
            })
        })
    }
}

impl Shared {
    fn endpoint(&self) -> MutexGuard<'_, Endpoint> {
        // An endpoint is whole at every moment, so a panic elsewhere does not spoil it.
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handshakes(&self) -> MutexGuard<'_, usize> {
        self.handshakes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until another handshake may begin, and counts it.
    fn begin(&self) {
        let full = |under_way: &mut usize| {
            *under_way >= PENDING_HANDSHAKES && !self.closing.load(Ordering::SeqCst)
        };
        let room = self.one_less.wait_while(self.handshakes(), full);
        *room.unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn end(&self) {
        *self.handshakes() -= 1;
        self.one_less.notify_one();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.shared.one_less.notify_one();
        // The thread waits for a peer: be one.
        let ip = match self.shared.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let own = SocketAddr::new(ip, self.shared.address.port());
        let woken = TcpStream::connect_timeout(&own, Duration::from_secs(1)).is_ok();
        if let (Some(thread), true) = (self.thread.take(), woken) {
            // Its panic, if any, has been reported on its own.
            let _ = thread.join();
        }
    }
}

/// Takes peers until the listener is dropped. No error of `accept` ends it: they are the peer's
/// (ECONNABORTED) or pass (EMFILE).
fn accept(socket: &TcpListener, shared: &Arc<Shared>, accepted: &Sender<Accepted>) {
    const PAUSE: Duration = Duration::from_millis(20);
    loop {
        let peer = socket.accept();
        if shared.closing.load(Ordering::SeqCst) {
            return;
        }
        let Ok((stream, address)) = peer else {
            // With no descriptor left, the next attempt would fail at once as well.
            thread::sleep(PAUSE);
            continue;
        };
        shared.begin();
        let (of_thread, accepted) = (Arc::clone(shared), accepted.clone());
        let handshake = move || {
            let endpoint = of_thread.endpoint().clone();
            let link = Tcp::new(stream)
                .map_err(Into::into)
                .and_then(|socket| endpoint.accept_over(socket))
                .map_err(|error| AcceptError::Handshake { address, error });
            of_thread.end();
            // The listener may be gone.
            let _ = accepted.send(link);
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
