//! An EPMD server on one thread.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use einode_dist::epmd::{Caller, NodeId, Reply, Then};
use einode_dist::limits;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

use crate::config::ACCEPT_PAUSE;
use crate::deadline;
use crate::epmd::{Desk, Event, Server, Settings};

/// Waits for all sockets of a server at once. Tokens number its listeners, and after those its connections
/// in the order in which they were made.
pub(crate) struct EpmdLoop {
    poll: Poll,
    listeners: Vec<TcpListener>,
    desk: Desk,
    settings: Settings,
    /// Those who have not registered a node. The first has the least time left.
    callers: BTreeMap<usize, Call>,
    nodes: HashMap<usize, (TcpStream, NodeId)>,
    next: usize,
}

/// Ends the loop.
const WAKER: Token = Token(usize::MAX);

/// How many connections are taken before others have their turn.
const AT_ONCE: usize = 64;

/// A connection that has not registered a node.
struct Call {
    stream: TcpStream,
    peer: SocketAddr,
    until: Instant,
    state: State,
}

enum State {
    Asking(Caller),
    /// This many bytes of the answer are sent.
    Answering(Reply, usize),
    /// The name is not registered, and the caller is to see why it is of no use to stay.
    Denied,
}

/// How a call goes on.
enum Step {
    /// When something comes or can be sent.
    Wait,
    Over,
    Registered(NodeId),
    /// This node has been told to go.
    Ended(NodeId),
    Terminate,
}

impl EpmdLoop {
    pub(crate) fn new(server: Server) -> io::Result<Self> {
        let desk = Desk::new(&server);
        let Server {
            listeners,
            settings,
        } = server;
        let mut served = Self {
            poll: Poll::new()?,
            listeners: Vec::new(),
            desk,
            settings,
            callers: BTreeMap::new(),
            nodes: HashMap::new(),
            next: listeners.len(),
        };
        for (token, listener) in listeners.into_iter().enumerate() {
            listener.set_nonblocking(true)?;
            let mut listener = TcpListener::from_std(listener);
            let registry = served.poll.registry();
            registry.register(&mut listener, Token(token), Interest::READABLE)?;
            served.listeners.push(listener);
        }
        Ok(served)
    }

    /// What ends [`run`](Self::run).
    pub(crate) fn waker(&mut self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER)
    }

    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        // Listeners with more to take than was taken, and when that is.
        let mut busy = BTreeMap::new();
        loop {
            let now = Instant::now();
            let expires = self.callers.values().next().map(|call| call.until);
            let next = expires.into_iter().chain(busy.values().copied()).min();
            match self.poll.poll(&mut events, next.map(|next| next - now)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                let Token(token) = event.token();
                if event.token() == WAKER {
                    return Ok(());
                }
                if token < self.listeners.len() {
                    busy.insert(token, now);
                } else if self.nodes.contains_key(&token) {
                    self.hear(token);
                } else if self.go_on(token) {
                    return Ok(());
                }
            }
            let now = Instant::now();
            for listener in 0..self.listeners.len() {
                if busy.get(&listener).is_none_or(|&at| at > now) {
                    continue;
                }
                match self.accept(listener) {
                    Taken::All => drop(busy.remove(&listener)),
                    Taken::Some => drop(busy.insert(listener, now)),
                    Taken::Failed => drop(busy.insert(listener, now + ACCEPT_PAUSE)),
                    Taken::Last => return Ok(()),
                }
            }
            while let Some(oldest) = self.callers.first_entry()
                && oldest.get().until <= now
            {
                let call = oldest.remove();
                self.give_up(call);
            }
        }
    }

    fn accept(&mut self, listener: usize) -> Taken {
        let mut arrived = Vec::new();
        let taken = self.take(listener, &mut arrived);
        // By now most of them have sent their request, and need not be waited for.
        for (stream, peer) in arrived {
            if self.welcome(stream, peer) {
                return Taken::Last;
            }
        }
        taken
    }

    /// Takes some connections from a listener.
    fn take(&mut self, listener: usize, arrived: &mut Vec<(TcpStream, SocketAddr)>) -> Taken {
        while arrived.len() < AT_ONCE {
            pause(self.settings.delay_accept);
            let Some(accepted) = self.listeners.get(listener).map(TcpListener::accept) else {
                return Taken::All;
            };
            match accepted {
                Ok(connection) => arrived.push(connection),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Taken::All,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => {
                    self.desk.tell(&Event::AcceptFailed { error: &error });
                    if !self.make_way() {
                        return Taken::Failed;
                    }
                }
            }
        }
        Taken::Some
    }

    /// Serves a new connection as far as that goes at once, which mostly is to its end. Whether the daemon
    /// has been told to end.
    fn welcome(&mut self, stream: TcpStream, peer: SocketAddr) -> bool {
        let caller = self
            .desk
            .connected(peer, || stream.local_addr(), descriptor(&stream));
        let mut call = Call {
            stream,
            peer,
            until: deadline::after(self.settings.packet_timeout),
            state: State::Asking(caller),
        };
        let token = self.next;
        self.next += 1;
        let step = call.attend(&mut self.desk, self.settings.delay_write);
        if matches!(step, Step::Wait | Step::Registered(_)) {
            let interest = match step {
                Step::Wait => Interest::READABLE | Interest::WRITABLE,
                _ => Interest::READABLE,
            };
            let registry = self.poll.registry();
            let registered = registry.register(&mut call.stream, Token(token), interest);
            if registered.is_err() {
                self.give_up(call);
                return false;
            }
            if self.callers.len() >= limits::EPMD_CALLERS {
                self.make_way();
            }
        }
        self.follow(token, call, step)
    }

    /// Goes on with a call for which there is something. Whether the daemon has been told to end.
    fn go_on(&mut self, token: usize) -> bool {
        // It may have made way in the meantime.
        let Some(mut call) = self.callers.remove(&token) else {
            return false;
        };
        let step = call.attend(&mut self.desk, self.settings.delay_write);
        self.follow(token, call, step)
    }

    fn follow(&mut self, token: usize, call: Call, step: Step) -> bool {
        match step {
            Step::Wait => drop(self.callers.insert(token, call)),
            Step::Registered(node) => drop(self.nodes.insert(token, (call.stream, node))),
            Step::Ended(node) => self.nodes.retain(|_, (_, other)| *other != node),
            Step::Over => {}
            Step::Terminate => return true,
        }
        false
    }

    /// Something has come from a node that is registered, which is the end of it, even if it is not the
    /// end of its connection.
    fn hear(&mut self, token: usize) {
        if let Some((stream, node)) = self.nodes.get_mut(&token) {
            match stream.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => {
                    let node = *node;
                    self.nodes.remove(&token);
                    self.desk.left(node);
                }
            }
        }
    }

    /// Drops the oldest call, if there is one.
    fn make_way(&mut self) -> bool {
        let oldest = self.callers.pop_first();
        oldest.map(|(_, call)| self.give_up(call)).is_some()
    }

    fn give_up(&mut self, call: Call) {
        self.desk.tell(&Event::Dropped { peer: call.peer });
        if let State::Answering(reply, _) = &call.state {
            unanswered(&mut self.desk, reply);
        }
    }
}

/// What was taken from a listener.
enum Taken {
    All,
    Some,
    /// Nothing more for the moment.
    Failed,
    /// The daemon has been told to end.
    Last,
}

impl Call {
    /// Reads and writes as far as that goes at once.
    fn attend(&mut self, desk: &mut Desk, delay_write: Duration) -> Step {
        // One byte more than the longest request, so that what is too long is seen to be.
        let mut buffer = [0; limits::EPMD_REQUEST + 3];
        loop {
            let done = match &mut self.state {
                State::Asking(caller) => match self.stream.read(&mut buffer) {
                    Ok(0) => return Step::Over,
                    Ok(read) => {
                        let bytes = buffer.get(..read).unwrap_or_default();
                        if let Some(reply) = desk.receive(self.peer, caller, bytes) {
                            pause(delay_write);
                            self.state = State::Answering(reply, 0);
                        }
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                State::Answering(reply, sent) if *sent < reply.answer.len() => {
                    let rest = reply.answer.get(*sent..).unwrap_or_default();
                    let written = self.stream.write(rest);
                    written.map(|written| *sent += written)
                }
                State::Answering(reply, _) => match reply.then {
                    Then::Keep(Some(node)) => return Step::Registered(node),
                    Then::Keep(None) => {
                        self.state = State::Denied;
                        Ok(())
                    }
                    _ => return Step::after(reply),
                },
                State::Denied => match self.stream.read(&mut buffer) {
                    Ok(_) => return Step::Over,
                    Err(error) => Err(error),
                },
            };
            match done.map_err(|error| error.kind()) {
                Ok(()) | Err(io::ErrorKind::Interrupted) => {}
                Err(io::ErrorKind::WouldBlock) => return Step::Wait,
                Err(_) => match &self.state {
                    State::Answering(reply, _) => return unanswered(desk, reply),
                    _ => return Step::Over,
                },
            }
        }
    }
}

impl Step {
    fn after(reply: &Reply) -> Self {
        match reply.then {
            Then::Close | Then::Keep(_) | Then::End(None) => Self::Over,
            Then::End(Some(node)) => Self::Ended(node),
            Then::Terminate => Self::Terminate,
        }
    }
}

/// What was decided holds, though the caller has not heard of it, but for a registration: nobody is
/// registered who does not know.
fn unanswered(desk: &mut Desk, reply: &Reply) -> Step {
    if let Then::Keep(Some(node)) = reply.then {
        desk.left(node);
    }
    Step::after(reply)
}

fn pause(time: Duration) {
    if !time.is_zero() {
        thread::sleep(time);
    }
}

#[cfg(unix)]
fn descriptor(stream: &TcpStream) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(stream)
}

#[cfg(not(unix))]
fn descriptor(_: &TcpStream) -> i32 {
    -1
}
