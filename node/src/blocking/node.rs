use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use einode_dist::handshake::Verdict;
use einode_dist::{Connection, Identity, InvalidName, NodeName};

use super::connection::Running;
use super::listener::Taking;
use super::threads::Threads;
use super::{Endpoint, Incoming, Link, Mailbox, Registration, Resolver, Socket, Tcp, Transport};
use crate::address::Address;
use crate::carrier::Side;
use crate::core::{Admission, Behaviour, Bell, Core, Driver, Peer, lock, reason};
use crate::epmd::Deputy;
use crate::error::{ConnectError, Disconnected};
use crate::options::{Options, StartError, options};
use crate::process::Process;
use crate::status::Status;
use crate::trace::{self, Span};
use crate::{config, deadline};

/// A node of a cluster: it keeps connections, makes those that are needed, and has processes. Its connections
/// have two threads each.
///
/// Clones are the same node. It ends with [`Node::shutdown`], or abruptly when the last clone is dropped;
/// its processes end with it. Either waits for its threads; dropping does so for no
/// longer than twice the [setup time](Builder::setup_time), since an attempt to connect may be under way.
///
/// ```no_run
/// use std::time::Duration;
///
/// use einode::blocking::Node;
/// use einode::{Atom, term};
///
/// let wait = Duration::from_secs(5);
/// let node = Node::builder("rusty@127.0.0.1").cookie("secret").start()?;
/// let mut me = node.mailbox();
/// me.send(("worker", "app@127.0.0.1"), &term!({hello, me.pid().clone()}), wait)?;
/// let (tag, count): (Atom, u64) = me.recv(wait)?.decode()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Node {
    status: Status,
    shared: Arc<Shared>,
}

/// What the clones of a node share.
struct Shared {
    core: Arc<Core>,
    threads: Threads,
    /// What lets others in, until the node ends.
    services: Mutex<Option<Box<dyn Send>>>,
    address: Option<Address>,
    /// How long an attempt to connect may take.
    setup_time: Duration,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let services = lock(&self.services).take();
        self.core.stop(&reason("shutdown"), false);
        // After a shutdown, what is left goes on to its own end.
        if let Some(services) = services {
            drop(services);
            // An attempt to connect that has just begun takes its whole time, and a little more to end.
            self.threads
                .wait(deadline::after(self.setup_time.saturating_mul(2)));
        }
    }
}

impl Node {
    /// Chooses how to start a node of this name, `alive@host`.
    ///
    /// It is hidden: `nodes()` of its peers does not name it, `nodes(hidden)` does. A visible node would
    /// have to keep the names of the whole cluster with the others, by the protocol between their `global`
    /// servers: one that does not answer those has `global:sync/0` wait for ever on every node that it is
    /// connected with. What a visible node is mostly wanted for works hidden, too: pings, links and
    /// [`pg`](crate::Status::pg).
    pub fn builder(name: &str) -> Builder {
        Builder::new(Options::named(name))
    }

    /// Chooses how to start a node that gets its name from the first node that it connects to, which is
    /// `namer`. `host` becomes the part after the `@`.
    pub fn nameless(host: &str, namer: NodeName) -> Builder {
        Builder::new(Options::nameless(host, namer))
    }

    /// A new process.
    pub fn mailbox(&self) -> Mailbox {
        Mailbox::new(&self.shared.core)
    }

    /// Where it listens: the port that the system chose, where that was left to it.
    pub fn address(&self) -> Option<&Address> {
        self.shared.address.as_ref()
    }

    /// Connects with a node, if there is no connection. Sending to it does so too; this says how it went.
    ///
    /// It takes no longer than the setup time of the node, [`setup_time`](Builder::setup_time), or that of
    /// the peer where that connects to us at the same moment.
    ///
    /// # Errors
    /// Why there is no connection.
    pub fn connect(&self, node: &NodeName) -> Result<(), Arc<Disconnected>> {
        let peer = self.shared.core.peer(node.as_atom());
        let peer = peer.map_err(|rejected| Arc::new(rejected.into()))?;
        let settled = peer.wait_settled(None);
        settled.unwrap_or_else(|| Err(Arc::new(Disconnected::Stopped)))
    }

    /// Ends the node: its processes, so that all who have to do with them are told `shutdown`, then its
    /// connections, after all that was sent, and its registration. Takes no longer than `within`; what is
    /// not over then goes on to its own end.
    pub fn shutdown(&self, within: Duration) {
        let until = deadline::after(within);
        drop(lock(&self.shared.services).take());
        self.shared.core.stop(&reason("shutdown"), true);
        self.shared.threads.wait(until);
    }
}

impl Deref for Node {
    type Target = Status;

    fn deref(&self) -> &Status {
        &self.status
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Node").field(self.name()).finish()
    }
}

/// What can be chosen for a node before it starts.
pub struct Builder<T = Tcp> {
    options: Options,
    transport: T,
    resolver: Option<Arc<dyn Resolver>>,
}

impl Builder {
    const fn new(options: Options) -> Self {
        Self {
            options,
            transport: Tcp,
            resolver: None,
        }
    }
}

impl<T> Builder<T> {
    options!();

    /// What connections are made of, instead of TCP.
    #[must_use]
    pub fn transport<U: Transport>(self, transport: U) -> Builder<U> {
        Builder {
            options: self.options,
            transport,
            resolver: self.resolver,
        }
    }

    /// How nodes are found by name, instead of by the EPMD on their hosts.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolver) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }
}

impl<T: Transport> Builder<T> {
    /// Starts the node.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left of it then.
    pub fn start(self) -> Result<Node, StartError> {
        let Self {
            options,
            transport,
            resolver,
        } = self;
        let mut endpoint = Endpoint::new(options.config()?).transport(transport);
        endpoint.resolver = resolver;
        let failed = |at: &Address| {
            let at = at.clone();
            |error| StartError::Listen { at, error }
        };
        let incoming = match &options.listen {
            Some(at) => Some(endpoint.transport.listen(at).map_err(failed(at))?),
            None => None,
        };
        let address = incoming.as_ref().map(Incoming::address);
        let port = address.as_ref().and_then(Address::port);
        let mut deputy = options.deputy(&endpoint.config, address.as_ref());
        let registration = if options.publish && port.is_some() {
            let registered = publish(&endpoint, port, &mut deputy).map_err(StartError::Connect)?;
            endpoint.config.local.creation = registered.creation();
            Some(registered)
        } else {
            None
        };
        // Who names us is connected with from then on.
        let (name, first) = match &endpoint.config.local.identity {
            Identity::Node(name) => (name.clone(), None),
            Identity::Dynamic(_) => {
                let link = match &options.namer {
                    Some(namer) => endpoint.connect(namer).map_err(StartError::Connect)?,
                    None => return Err(StartError::Name(InvalidName::Empty)),
                };
                let session = link.session();
                endpoint.config.local.creation = session.local_creation;
                (session.local.clone(), Some(link))
            }
        };
        endpoint.config.local.identity = Identity::Node(name.clone());
        let setup_time = endpoint.config.setup_time;
        let creation = endpoint.config.local.creation;
        let choices = options.choices(name, creation);
        let threads = Threads::default();
        let dialer = Arc::new(Dialer {
            endpoint: endpoint.clone(),
            threads: threads.clone(),
        });
        let core = Core::new(choices, Arc::clone(&dialer));
        if let Some(link) = first {
            let at = link.session().peer.to_string();
            // Before anything is sent, which would connect again.
            if let Some(run) = dialer.joined(&core, link, Side::Initiator, None) {
                let begun = dialer.begin("connection", move |_| run());
                begun.map_err(|error| StartError::Connect(ConnectError::Connect { at, error }))?;
            }
        }
        let taking = match incoming {
            Some(incoming) => {
                let at = incoming.address();
                let core = Arc::clone(&core);
                let welcome = move |socket, address| welcome(&core, &dialer, socket, &address);
                Some(Taking::start(incoming, welcome).map_err(failed(&at))?)
            }
            None => None,
        };
        let registered = registration
            .map(|registration| Registered::keep(endpoint, port, registration, deputy, &threads));
        let status = Status::new(&core);
        let shared = Arc::new(Shared {
            core,
            threads,
            services: Mutex::new(Some(Box::new((taking, registered)))),
            address,
            setup_time,
        });
        Ok(Node { status, shared })
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        f.debug_struct("Builder")
            .field("options", options)
            .finish_non_exhaustive()
    }
}

/// Makes connections.
struct Dialer<T> {
    endpoint: Endpoint<T>,
    threads: Threads,
}

impl<T: Transport> Driver for Arc<Dialer<T>> {
    fn dial(&self, core: &Arc<Core>, peer: Arc<Peer>) -> io::Result<()> {
        let core = Arc::clone(core);
        self.begin("connection", move |dialer| dialer.connect(&core, &peer))
    }

    fn keep(&self, core: &Arc<Core>) -> io::Result<()> {
        let core = Arc::clone(core);
        self.begin("keeper", move |_| {
            while core.wait_kept(core.attend_kept(Instant::now())) {}
        })
    }

    fn run(&self, process: Process, mut behaviour: Box<dyn Behaviour>) {
        let mut mailbox = Mailbox::of(process);
        // Without a thread, the mailbox is dropped, which ends the process.
        let _ = self.begin("process", move |_| {
            while let Ok(message) = mailbox.next() {
                behaviour.handle(&mailbox, message);
            }
        });
    }
}

impl<T: Transport> Dialer<T> {
    /// Does something on a thread of its own. Where there is none to be had, what it was to be done with is
    /// dropped.
    fn begin(
        self: &Arc<Self>,
        name: &str,
        work: impl FnOnce(&Self) + Send + 'static,
    ) -> io::Result<()> {
        let dialer = Arc::clone(self);
        self.threads.spawn(name, move || work(&dialer))
    }

    fn connect(&self, core: &Arc<Core>, peer: &Arc<Peer>) {
        let mut endpoint = self.endpoint.clone();
        let asked = Arc::clone(peer);
        endpoint.config.replace = Arc::new(move || asked.wants_dialing());
        // A handshake that went on would end with a connection, for the peer, that we drop, and with it what the
        // peer sends over it.
        let asked = Arc::clone(peer);
        endpoint.config.is_wanted = Arc::new(move || !asked.is_settled());
        match endpoint.connect(&peer.node) {
            Ok(link) => {
                if let Some(run) = self.joined(core, link, Side::Initiator, Some(peer)) {
                    run();
                }
            }
            Err(error) => {
                // The peer's own attempt, or a connection that it has just made, takes the place of ours,
                // unless it fails.
                if error.is_overtaken() {
                    peer.wait_settled(Some(deadline::after(endpoint.config.setup_time)));
                }
                core.not_connected(peer, Disconnected::Connect(error));
            }
        }
    }

    /// A handshake has succeeded. Gives what runs the connection to its end, unless another one has been
    /// faster.
    fn joined<S: Socket + 'static>(
        &self,
        core: &Arc<Core>,
        link: Link<S>,
        side: Side,
        dialed: Option<&Arc<Peer>>,
    ) -> Option<impl FnOnce() + Send + use<T, S>> {
        let (socket, session, connection) = link.into_parts();
        let Connection {
            inbound,
            outbound,
            ticker,
            ..
        } = connection;
        let peer = core.join(session, outbound, side, dialed)?;
        let (core, threads) = (Arc::clone(core), self.threads.clone());
        Some(move || Running::run(socket, inbound, ticker, &core, &peer, &threads))
    }
}

/// Shakes hands with a node that connects to us.
fn welcome<T: Transport>(
    core: &Arc<Core>,
    dialer: &Arc<Dialer<T>>,
    socket: T::Socket,
    address: &Address,
) {
    let admission = Arc::new(Admission::new(core));
    let mut endpoint = dialer.endpoint.clone();
    let asked = Arc::clone(&admission);
    endpoint.config.admit =
        Arc::new(move |hello| -> Verdict { asked.decide(hello, config::named) });
    let link = match Span::handshake(address).enter(|| endpoint.accept_over(socket)) {
        Ok(link) => link,
        // Who does not get in has been told, as far as the protocol lets us.
        Err(error) => return core.not_welcome(address, &error),
    };
    trace::accepted(address, &link.session().peer);
    let core = Arc::clone(core);
    // Without a thread, both are dropped, and the peer sees the end of its attempt.
    let _ = dialer.begin("connection", move |dialer| {
        let joined = dialer.joined(&core, link, Side::Acceptor, None);
        drop(admission);
        if let Some(run) = joined {
            run();
        }
    });
}

/// The registration with EPMD, which is made again whenever EPMD has ended and is back.
struct Registered(Arc<Keeping>);

struct Keeping {
    /// Nothing while there is none; gone when it is not wanted any more.
    current: Mutex<Current>,
    changed: Bell,
}

enum Current {
    Registered(Arc<Registration>),
    Lost,
    Ended,
}

impl Registered {
    fn keep<T: Transport>(
        endpoint: Endpoint<T>,
        port: Option<u16>,
        registration: Registration,
        deputy: Option<Deputy>,
        threads: &Threads,
    ) -> Self {
        let keeping = Arc::new(Keeping {
            current: Mutex::new(Current::Registered(Arc::new(registration))),
            changed: Bell::default(),
        });
        let kept = Arc::clone(&keeping);
        // Without a thread it is not made again.
        let _ = threads.spawn("register", move || kept.run(&endpoint, port, deputy));
        Self(keeping)
    }
}

impl Keeping {
    fn run<T: Transport>(
        &self,
        endpoint: &Endpoint<T>,
        port: Option<u16>,
        mut deputy: Option<Deputy>,
    ) {
        loop {
            let registration = match &*lock(&self.current) {
                Current::Registered(registration) => Some(Arc::clone(registration)),
                Current::Lost => None,
                Current::Ended => return,
            };
            match registration {
                Some(registration) => {
                    trace::registered(registration.creation());
                    registration.ended();
                    if self.change(Current::Lost) {
                        trace::registration_lost();
                    }
                }
                None => match publish(endpoint, port, &mut deputy) {
                    Ok(again) => {
                        self.change(Current::Registered(Arc::new(again)));
                        continue;
                    }
                    Err(error) => trace::not_registered(error),
                },
            }
            let again = Instant::now() + crate::epmd::RECONNECT;
            let ended = |current: &mut Current| matches!(current, Current::Ended).then_some(());
            self.changed.wait(&self.current, Some(again), ended);
        }
    }

    /// False if it has ended.
    fn change(&self, to: Current) -> bool {
        let mut current = lock(&self.current);
        let goes_on = !matches!(*current, Current::Ended);
        if goes_on {
            *current = to;
        }
        goes_on
    }
}

fn publish<T: Transport>(
    endpoint: &Endpoint<T>,
    port: Option<u16>,
    deputy: &mut Option<Deputy>,
) -> Result<Registration, ConnectError> {
    match endpoint.publish(port) {
        Err(error)
            if deputy
                .as_mut()
                .is_some_and(|deputy| deputy.take_over(&error)) =>
        {
            endpoint.publish(port)
        }
        outcome => outcome,
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *lock(&self.0.current), Current::Ended);
        if let Current::Registered(registration) = before {
            registration.end();
        }
        self.0.changed.ring();
    }
}
