use std::env;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use einode_dist::epmd::{Caller, Daemon, NodeId, Reply, Then};
use einode_dist::limits;
use socket2::{Domain, Socket, Type};

use super::Event;
use crate::blocking::EpmdLoop;

/// An Erlang Port Mapper Daemon of one's own, in place of OTP's `epmd`.
///
/// It tells everybody which nodes are registered and where they listen. Only callers from this host may
/// register nodes, see the names of those that left, and end nodes or the daemon. Nodes that register again
/// get another creation. A registered node costs a descriptor and some hundred bytes, and no thread.
///
/// No caller can keep another waiting: a request has to be over in time, however slowly it trickles, the
/// oldest unfinished one makes way when there are too many or when no descriptor is left, and no error ends
/// the daemon.
///
/// ```no_run
/// use einode::epmd::{DEFAULT_PORT, Server};
///
/// // On 127.0.0.1 and ::1, on a thread, until this is dropped.
/// let epmd = Server::bind(DEFAULT_PORT)?.spawn()?;
/// println!("listening on {:?}", epmd.addresses());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Server {
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) settings: Settings,
}

/// What a server goes by.
#[derive(Clone)]
pub(crate) struct Settings {
    relaxed: bool,
    remembered: usize,
    pub(crate) packet_timeout: Duration,
    pub(crate) delay_accept: Duration,
    pub(crate) delay_write: Duration,
    observer: Option<Arc<Observer>>,
}

type Observer = dyn Fn(&Event<'_>) + Send + Sync;

const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];
const ANY: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
];

impl Server {
    /// Listens on the loopback addresses of this host, 127.0.0.1 and ::1, as far as it has them. With port
    /// 0 the system chooses one.
    ///
    /// # Errors
    /// What the system says: [`io::ErrorKind::AddrInUse`] when there is a daemon already.
    pub fn bind(port: u16) -> io::Result<Self> {
        open(&[], &LOOPBACK, port).map(Self::listening_on)
    }

    /// Listens on the loopback addresses first, and on these: epmd's `-address`.
    ///
    /// # Errors
    /// As [`bind`](Self::bind), and when one of these addresses is not one of this host.
    pub fn bind_to(addresses: &[IpAddr], port: u16) -> io::Result<Self> {
        open(addresses, &LOOPBACK, port).map(Self::listening_on)
    }

    /// Listens on the addresses of a list, with commas or spaces between them, as by
    /// [`bind_to`](Self::bind_to); [everywhere](Self::bind_everywhere) if it is empty.
    ///
    /// # Errors
    /// As [`bind_to`](Self::bind_to); [`io::ErrorKind::InvalidInput`] when it lists something else.
    pub fn bind_list(addresses: &str, port: u16) -> io::Result<Self> {
        let addresses = addresses.split([' ', ',']);
        let addresses = addresses.filter(|address| !address.is_empty());
        let addresses = addresses.map(|address| {
            let wrong = |_| format!("cannot parse IP address \"{address}\"");
            address.parse().map_err(wrong)
        });
        match addresses.collect::<Result<Vec<_>, _>>() {
            Ok(addresses) if addresses.is_empty() => Self::bind_everywhere(port),
            Ok(addresses) => Self::bind_to(&addresses, port),
            Err(wrong) => Err(io::Error::new(io::ErrorKind::InvalidInput, wrong)),
        }
    }

    /// Listens where the environment variable `ERL_EPMD_ADDRESS` says, a
    /// [list of addresses](Self::bind_list).
    ///
    /// # Errors
    /// As [`bind_list`](Self::bind_list).
    pub fn bind_as_usual(port: u16) -> io::Result<Self> {
        let addresses = env::var_os("ERL_EPMD_ADDRESS").unwrap_or_default();
        Self::bind_list(&addresses.to_string_lossy(), port)
    }

    /// Listens on all addresses of this host, as epmd does unless told otherwise: nodes of other hosts
    /// can ask for nodes of this one.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_everywhere(port: u16) -> io::Result<Self> {
        open(&[], &ANY, port).map(Self::listening_on)
    }

    /// Listens on sockets that are there already, for instance from systemd. In its answers, the port of
    /// the first is that of the daemon.
    pub const fn listening_on(listeners: Vec<TcpListener>) -> Self {
        Self {
            listeners,
            settings: Settings {
                relaxed: false,
                remembered: limits::EPMD_REMEMBERED,
                packet_timeout: limits::EPMD_PACKET_TIMEOUT,
                delay_accept: Duration::ZERO,
                delay_write: Duration::ZERO,
                observer: None,
            },
        }
    }

    /// Whether it may be killed while nodes are registered, and be told to end one of those: epmd's
    /// `-relaxed_command_check`.
    pub const fn relaxed(mut self, relaxed: bool) -> Self {
        self.settings.relaxed = relaxed;
        self
    }

    /// How many names of nodes that have left are remembered, so that their creations go on:
    /// [`limits::EPMD_REMEMBERED`] by default.
    pub const fn remembered(mut self, names: usize) -> Self {
        self.settings.remembered = names;
        self
    }

    /// How long a connection may take that registers no node: [`limits::EPMD_PACKET_TIMEOUT`] by
    /// default, epmd's `-packet_timeout`.
    pub const fn packet_timeout(mut self, time: Duration) -> Self {
        self.settings.packet_timeout = time;
        self
    }

    /// Waits so long before it takes a connection, to play a busy daemon: epmd's `-delay_accept`.
    pub const fn delay_accept(mut self, time: Duration) -> Self {
        self.settings.delay_accept = time;
        self
    }

    /// Waits so long before it answers, to play a busy daemon: epmd's `-delay_write`.
    pub const fn delay_write(mut self, time: Duration) -> Self {
        self.settings.delay_write = time;
        self
    }

    /// Tells this function what happens.
    pub fn observe(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.settings.observer = Some(Arc::new(observer));
        self
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let addresses = self.listeners.iter().map(TcpListener::local_addr);
        addresses.filter_map(Result::ok).collect()
    }

    /// Serves on this thread, until somebody tells it to end by `KILL_REQ`.
    ///
    /// # Errors
    /// The system has no means to wait for sockets.
    pub fn run(self) -> io::Result<()> {
        EpmdLoop::new(self)?.run()
    }

    /// Serves on a thread of its own, until what this gives is dropped, or somebody tells it to end.
    ///
    /// # Errors
    /// The system has no means to wait for sockets, or no thread.
    pub fn spawn(self) -> io::Result<Running> {
        let addresses = self.addresses();
        let mut served = EpmdLoop::new(self)?;
        let waker = served.waker()?;
        let thread = thread::Builder::new()
            .name("epmd".into())
            .spawn(move || served.run())?;
        Ok(Running {
            addresses,
            waker,
            thread: Some(thread),
        })
    }

    /// Serves on the tasks of tokio, until this future is dropped, or somebody tells it to end by
    /// `KILL_REQ`.
    ///
    /// # Errors
    /// Its sockets cannot be used with tokio.
    #[cfg(feature = "tokio")]
    pub async fn serve(self) -> io::Result<()> {
        crate::tokio::serve_epmd(self).await
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses())
            .finish_non_exhaustive()
    }
}

/// A [`Server`] on a thread of its own. Dropping this ends it, and the registrations it holds.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    waker: mio::Waker,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Whether it still serves.
    pub fn is_running(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without a wake-up it would be waited for in vain.
        if self.waker.wake().is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// Opens the `usual` addresses first, of which this host need not have all, and then those that must be.
fn open(given: &[IpAddr], usual: &[IpAddr], mut port: u16) -> io::Result<Vec<TcpListener>> {
    let covers = |given: &IpAddr, usual: &IpAddr| {
        given == usual || given.is_unspecified() && given.is_ipv4() == usual.is_ipv4()
    };
    let is_covered = |usual: &IpAddr| given.iter().any(|given| covers(given, usual));
    let mut listeners = Vec::new();
    let mut none = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let usual = usual.iter().filter(|usual| !is_covered(usual));
    for (address, must) in usual
        .map(|&a| (a, false))
        .chain(given.iter().map(|&a| (a, true)))
    {
        match listen(SocketAddr::new(address, port)) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) if must || error.kind() == io::ErrorKind::AddrInUse => {
                return Err(io::Error::new(error.kind(), format!("{address}: {error}")));
            }
            Err(error) => none = error,
        }
    }
    if listeners.is_empty() {
        return Err(none);
    }
    Ok(listeners)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    /// What the system allows is less.
    const BACKLOG: i32 = 4096;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Elsewhere it would let two daemons have one port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What all connections of a server have to do with, in whichever style they are waited for.
pub(crate) struct Desk {
    daemon: Daemon,
    settings: Settings,
}

impl Desk {
    pub(crate) fn new(server: &Server) -> Self {
        let settings = server.settings.clone();
        let port = server.addresses().first().map_or(0, SocketAddr::port);
        let daemon = Daemon::new(port)
            .relaxed(settings.relaxed)
            .remembered(settings.remembered);
        Self { daemon, settings }
    }

    /// Somebody has connected.
    pub(crate) fn connected(
        &self,
        peer: SocketAddr,
        here: impl FnOnce() -> io::Result<SocketAddr>,
        descriptor: i32,
    ) -> Caller {
        let address = peer.ip().to_canonical();
        let is_here = |here: SocketAddr| here.ip().to_canonical() == address;
        let local = address.is_loopback() || here().is_ok_and(is_here);
        self.tell(&Event::Connected { peer, local });
        Caller::new(local, descriptor)
    }

    /// Takes bytes, and says how to go on once the request is whole, or wrong.
    pub(crate) fn receive(
        &mut self,
        peer: SocketAddr,
        caller: &mut Caller,
        bytes: &[u8],
    ) -> Option<Reply> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        self.tell(&Event::Received { peer, bytes });
        let reply = match self.daemon.receive(caller, bytes, now) {
            Ok(reply) => reply?,
            Err(error) => {
                self.tell(&Event::Refused {
                    peer,
                    error: &error,
                });
                return Some(Reply {
                    answer: Arc::from([]),
                    then: Then::Close,
                });
            }
        };
        if let Then::Keep(Some(node)) = reply.then
            && let Some(node) = self.daemon.node(node)
        {
            let (name, port) = (&node.name, node.port);
            self.tell(&Event::Registered { name, port });
        }
        let answer = &reply.answer;
        self.tell(&Event::Answered { peer, answer });
        if reply.then == Then::Terminate {
            self.tell(&Event::Killed);
        }
        Some(reply)
    }

    /// The connection of a node has ended.
    pub(crate) fn left(&mut self, node: NodeId) {
        if let Some(node) = self.daemon.node(node) {
            self.tell(&Event::Left { name: &node.name });
        }
        self.daemon.left(node);
    }

    /// Whether a node is still registered.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_registered(&self, node: NodeId) -> bool {
        self.daemon.node(node).is_some()
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.settings.tell(event);
    }
}

impl Settings {
    pub(crate) fn tell(&self, event: &Event<'_>) {
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }
}
