use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::Deref;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use einode_dist::handshake::Verdict;
use einode_dist::{Connection, Identity, InvalidName, NodeName};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout, timeout_at};

use super::connection::Running;
use super::listener::accept;
use super::resolver::AnyResolver;
use super::{Endpoint, Incoming, Link, Mailbox, Registration, Resolver, Socket, Tcp, Transport};
use crate::address::Address;
use crate::carrier::Side;
use crate::config;
use crate::core::{Admission, Behaviour, Core, Driver, Peer, lock, reason};
use crate::epmd::Deputy;
use crate::error::{ConnectError, Disconnected};
use crate::options::{Options, StartError, options};
use crate::process::Process;
use crate::status::Status;
use crate::trace::{self, Span};

/// A node of a cluster: it keeps connections, makes those that are needed, and has processes.
///
/// Clones are the same node. It ends with [`Node::shutdown`], or abruptly when the last clone is dropped;
/// its processes end with it.
///
/// ```no_run
/// use einode::tokio::Node;
/// use einode::{Atom, term};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::builder("rusty@127.0.0.1").cookie("secret").start().await?;
/// let mut me = node.mailbox();
/// me.send(("worker", "app@127.0.0.1"), &term!({hello, me.pid().clone()})).await?;
/// let (tag, count): (Atom, u64) = me.recv().await?.decode()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Node {
    status: Status,
    shared: Arc<Shared>,
}

/// What the clones of a node share.
struct Shared {
    core: Arc<Core>,
    tasks: Arc<Tasks>,
    address: Option<Address>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.core.stop(&reason("shutdown"), false);
        drop(self.tasks.close());
    }
}

impl Node {
    /// Chooses how to start a node of this name, `alive@host`.
    ///
    /// It is hidden: `nodes()` of its peers does not name it, `nodes(hidden)` does. A visible node would
    /// have to keep the names of the whole cluster with the others, by the protocol between their `global`
    /// servers: one that does not answer those has `global:sync/0` wait for ever on every node that it is
    /// connected with. What a visible node is mostly wanted for works hidden, too: pings, calls, links,
    /// [`pg`](crate::Status::pg) and [`global`](Node::global).
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
    /// # Errors
    /// Why there is no connection.
    ///
    /// # Cancelling
    /// The attempt goes on.
    pub async fn connect(&self, node: &NodeName) -> Result<(), Arc<Disconnected>> {
        let peer = self.shared.core.peer(node.as_atom());
        let peer = peer.map_err(|rejected| Arc::new(rejected.into()))?;
        poll_fn(|cx| peer.poll_settled(cx)).await
    }

    /// Ends the node: its processes, so that all who have to do with them are told `shutdown`, then its
    /// connections, after all that was sent, and its registration. Takes no longer than `within`; what is
    /// not over then is cut off.
    ///
    /// # Cancelling
    /// Nothing new begins any more; what is under way ends when the last clone is dropped.
    pub async fn shutdown(&self, within: Duration) {
        self.shared.core.stop(&reason("shutdown"), true);
        if let Some(mut connections) = self.shared.tasks.close() {
            let all = async { while connections.join_next().await.is_some() {} };
            let _ = timeout(within, all).await;
        }
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
    resolver: Option<Arc<dyn AnyResolver>>,
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
    /// Starts the node. It needs a runtime for as long as it lives.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left of it then.
    ///
    /// # Cancelling
    /// Nothing is left of it.
    pub async fn start(self) -> Result<Node, StartError> {
        let Self {
            options,
            transport,
            resolver,
        } = self;
        let config = options.config()?;
        let mut endpoint = Endpoint::new(config).transport(transport);
        endpoint.resolver = resolver;
        let incoming = match &options.listen {
            Some(at) => {
                let listening = endpoint.transport.listen(at).await;
                let at = at.clone();
                Some(listening.map_err(|error| StartError::Listen { at, error })?)
            }
            None => None,
        };
        let address = incoming.as_ref().map(Incoming::address);
        let port = address.as_ref().and_then(Address::port);
        let registered = if options.publish && port.is_some() {
            let deputy = options.deputy(&endpoint.config, address.as_ref());
            let registered = Registered::new(endpoint.clone(), port, deputy).await;
            let registered = registered.map_err(StartError::Connect)?;
            endpoint.config.local.creation = registered.registration.creation();
            Some(registered)
        } else {
            None
        };
        // Who names us is connected with from then on.
        let (name, first) = match &endpoint.config.local.identity {
            Identity::Node(name) => (name.clone(), None),
            Identity::Dynamic(_) => {
                let link = match &options.namer {
                    Some(namer) => endpoint.connect(namer).await.map_err(StartError::Connect)?,
                    None => return Err(StartError::Name(InvalidName::Empty)),
                };
                let session = link.session();
                endpoint.config.local.creation = session.local_creation;
                (session.local.clone(), Some(link))
            }
        };
        endpoint.config.local.identity = Identity::Node(name.clone());
        let creation = endpoint.config.local.creation;
        let choices = options.choices(name, creation);
        let tasks = Arc::new(Tasks::new(Handle::current()));
        let dialer = {
            let tasks = Arc::clone(&tasks);
            Arc::new(Dialer { endpoint, tasks })
        };
        let core = Core::new(choices, Arc::clone(&dialer));
        if let Some(link) = first {
            dialer.joined(&core, link, Side::Initiator, None);
        }
        if let Some(incoming) = incoming {
            let (core, dialer) = (Arc::clone(&core), Arc::clone(&dialer));
            tasks.serve(accept(incoming, move |socket, address| {
                welcome(Arc::clone(&core), Arc::clone(&dialer), socket, address)
            }));
        }
        if let Some(registered) = registered {
            tasks.serve(registered.keep());
        }
        let status = Status::new(&core);
        let shared = Arc::new(Shared {
            core,
            tasks,
            address,
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

/// The tasks of a node, which end with it.
struct Tasks {
    runtime: Handle,
    /// What lets others in. It never ends by itself.
    services: Mutex<JoinSet<()>>,
    /// Connections, and attempts to get them; nothing once the node has ended.
    connections: Mutex<Option<JoinSet<()>>>,
}

impl Tasks {
    fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            services: Mutex::default(),
            connections: Mutex::new(Some(JoinSet::new())),
        }
    }

    fn serve(&self, task: impl Future<Output = ()> + Send + 'static) {
        lock(&self.services).spawn_on(task, &self.runtime);
    }

    /// From any thread, also one that is none of the runtime.
    fn connection(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = &mut *lock(&self.connections) {
            while tasks.try_join_next().is_some() {}
            tasks.spawn_on(task, &self.runtime);
        }
    }

    /// Ends what lets others in, and takes what remains to be waited for.
    fn close(&self) -> Option<JoinSet<()>> {
        lock(&self.services).abort_all();
        lock(&self.connections).take()
    }
}

/// Makes connections.
struct Dialer<T> {
    endpoint: Endpoint<T>,
    tasks: Arc<Tasks>,
}

impl<T: Transport> Driver for Arc<Dialer<T>> {
    fn dial(&self, core: &Arc<Core>, peer: Arc<Peer>) -> io::Result<()> {
        let (core, dialer) = (Arc::clone(core), Self::clone(self));
        self.tasks
            .connection(async move { dialer.connect(core, peer).await });
        Ok(())
    }

    fn keep(&self, core: &Arc<Core>) -> io::Result<()> {
        let core = Arc::clone(core);
        self.tasks.serve(async move {
            let mut goes_on = true;
            while goes_on {
                let next = core.attend_kept(std::time::Instant::now());
                let changed = poll_fn(|cx| core.poll_kept(cx));
                goes_on = match next {
                    Some(next) => timeout_at(next.into(), changed).await.unwrap_or(true),
                    None => changed.await,
                };
            }
        });
        Ok(())
    }

    fn run(&self, process: Process, mut behaviour: Box<dyn Behaviour>) {
        let mut mailbox = Mailbox::of(process);
        self.tasks.connection(async move {
            while let Ok(message) = mailbox.recv().await {
                behaviour.handle(&mailbox, message);
            }
        });
    }
}

impl<T: Transport> Dialer<T> {
    async fn connect(&self, core: Arc<Core>, peer: Arc<Peer>) {
        let mut endpoint = self.endpoint.clone();
        let asked = Arc::clone(&peer);
        endpoint.config.replace = Arc::new(move || asked.wants_dialing());
        let mut attempt = pin!(endpoint.connect(&peer.node));
        // A connection that the peer makes meanwhile, and the end of the node, end the attempt. They are looked
        // at first: a handshake that goes on would end with a connection, for the peer, that we drop.
        let tried = poll_fn(|cx| match peer.poll_settled(cx) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => attempt.as_mut().poll(cx).map(Some),
        });
        match tried.await {
            Some(Ok(link)) => self.joined(&core, link, Side::Initiator, Some(&peer)),
            Some(Err(error)) => {
                // The peer's own attempt, or a connection that it has just made, takes the place of ours,
                // unless it fails.
                if error.is_overtaken() {
                    let settled = poll_fn(|cx| peer.poll_settled(cx));
                    let _ = timeout(endpoint.config.setup_time, settled).await;
                }
                core.not_connected(&peer, Disconnected::Connect(error));
            }
            None => {}
        }
    }

    /// A handshake has succeeded: the connection runs from now on, unless another one has been faster.
    fn joined<S: Socket>(
        &self,
        core: &Arc<Core>,
        link: Link<S>,
        side: Side,
        dialed: Option<&Arc<Peer>>,
    ) {
        let (socket, session, connection) = link.into_parts();
        let Connection {
            inbound,
            outbound,
            ticker,
            ..
        } = connection;
        if let Some(peer) = core.join(session, outbound, side, dialed) {
            let core = Arc::clone(core);
            let span = Span::connection(&peer.node);
            let running = Running::new(socket, inbound, ticker, core, peer);
            self.tasks.connection(span.around(running.run()));
        }
    }
}

/// Shakes hands with a node that connects to us.
async fn welcome<T: Transport, S: Socket>(
    core: Arc<Core>,
    dialer: Arc<Dialer<T>>,
    socket: S,
    address: Address,
) {
    let admission = Arc::new(Admission::new(&core));
    let mut endpoint = dialer.endpoint.clone();
    let asked = Arc::clone(&admission);
    endpoint.config.admit =
        Arc::new(move |hello| -> Verdict { asked.decide(hello, config::named) });
    let span = Span::handshake(&address);
    match span.around(endpoint.accept_over(socket)).await {
        Ok(link) => {
            trace::accepted(&address, &link.session().peer);
            dialer.joined(&core, link, Side::Acceptor, None);
        }
        // Who does not get in has been told, as far as the protocol lets us.
        Err(error) => core.not_welcome(&address, &error),
    }
}

/// The registration with EPMD, which is made again whenever EPMD has ended and is back.
struct Registered<T> {
    endpoint: Endpoint<T>,
    port: Option<u16>,
    registration: Registration,
    /// Ends after the registration.
    deputy: Option<Deputy>,
}

impl<T: Transport> Registered<T> {
    async fn new(
        endpoint: Endpoint<T>,
        port: Option<u16>,
        mut deputy: Option<Deputy>,
    ) -> Result<Self, ConnectError> {
        let registration = publish(&endpoint, port, &mut deputy).await?;
        Ok(Self {
            endpoint,
            port,
            registration,
            deputy,
        })
    }

    async fn keep(mut self) {
        loop {
            trace::registered(self.registration.creation());
            self.registration.ended().await;
            trace::registration_lost();
            self.registration = loop {
                sleep(crate::epmd::RECONNECT).await;
                let again = publish(&self.endpoint, self.port, &mut self.deputy);
                match again.await {
                    Ok(again) => break again,
                    Err(error) => trace::not_registered(error),
                }
            };
        }
    }
}

async fn publish<T: Transport>(
    endpoint: &Endpoint<T>,
    port: Option<u16>,
    deputy: &mut Option<Deputy>,
) -> Result<Registration, ConnectError> {
    match endpoint.publish(port).await {
        Err(error)
            if deputy
                .as_mut()
                .is_some_and(|deputy| deputy.take_over(&error)) =>
        {
            endpoint.publish(port).await
        }
        outcome => outcome,
    }
}
