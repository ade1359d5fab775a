use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Weak};

use crate::epmd::client::Answer;
use crate::epmd::message::{
    DumpAnswer, KillAnswer, NamesAnswer, Registration, Request, StopAnswer,
};
use crate::error::Error;
use crate::limits;
use crate::name::InvalidName;

/// What an EPMD daemon knows, and what it answers: requests in, answers out.
///
/// The driver owns the sockets and the clock. It reads each connection through a [`Caller`], writes what the
/// [`Reply`] says, and tells when the connection of a node has ended.
///
/// ```
/// use einode_dist::epmd::{Caller, Daemon, Then};
///
/// let mut daemon = Daemon::new(4369);
/// let now = 1_800_000_000; // From the clock, in real life.
///
/// let mut node = Caller::new(true, 5);
/// let request = b"\0\x11x\x12\x34M\0\0\x06\0\x05\0\x04shop\0\0";
/// let reply = daemon.receive(&mut node, request, now)?.expect("a whole request");
/// assert_eq!(reply.answer[..2], *b"v\0");
/// let Then::Keep(Some(shop)) = reply.then else { panic!("it is registered") };
///
/// let reply = daemon.receive(&mut Caller::new(false, 6), b"\0\x01n", now)?.expect("a whole request");
/// assert_eq!(*reply.answer, *b"\0\0\x11\x11name shop at port 4660\n");
///
/// daemon.left(shop);
/// assert_eq!(daemon.nodes(), 0);
/// # Ok::<(), einode_dist::Error>(())
/// ```
#[derive(Debug)]
pub struct Daemon {
    port: u16,
    relaxed: bool,
    remembered: usize,
    /// All names, of nodes that live and of those that are remembered.
    names: BTreeMap<String, NodeId>,
    live: BTreeMap<NodeId, Node>,
    /// In the order in which they left.
    old: BTreeMap<NodeId, Node>,
    next: u64,
    /// The answer to `NAMES_REQ` as long as it is being sent to somebody and no node comes or goes: callers
    /// that read slowly share one.
    listing: Weak<[u8]>,
}

/// A registration, for as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u64);

#[derive(Debug)]
struct Node {
    registration: Registration,
    /// Counts the lives of the name.
    lives: u32,
    descriptor: i32,
}

/// A connection that has not registered a node: its request as far as it has arrived.
#[derive(Debug)]
pub struct Caller {
    /// Whether it comes from this host.
    local: bool,
    descriptor: i32,
    request: Vec<u8>,
}

impl Caller {
    /// A connection has been made. Only those from this host, `local`, may register nodes, list all names
    /// that are remembered, and end nodes and the daemon. The descriptor is what `DUMP_REQ` shows.
    pub const fn new(local: bool, descriptor: i32) -> Self {
        Self {
            local,
            descriptor,
            request: Vec::new(),
        }
    }

    /// The request without its length, once it is whole.
    fn receive(&mut self, bytes: &[u8]) -> Result<Option<&[u8]>, Error> {
        const NAME: &str = "EPMD request";
        // A caller that goes on after its request has been answered makes no difference to what is kept.
        self.request.extend_from_slice(bytes);
        let Some((length, body)) = self.request.split_first_chunk() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > limits::EPMD_REQUEST {
            let (length, limit) = (length as u64, limits::EPMD_REQUEST as u64);
            return Err(Error::TooLong {
                what: NAME,
                length,
                limit,
            });
        }
        if body.len() > length {
            let problem = format!("{} bytes where {length} were announced", body.len());
            return Err(Error::malformed(NAME, problem));
        }
        Ok((body.len() == length).then_some(body))
    }
}

/// What the daemon makes of a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// To be written.
    pub answer: Arc<[u8]>,
    /// To be done once it is written.
    pub then: Then,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is closed.
    Close,
    /// It stays open until anything comes from it, be it the end: then it is closed and the node, if one is
    /// registered by it, [has left](Daemon::left). Without a node it has only as much time as other callers.
    Keep(Option<NodeId>),
    /// It is closed, and so is that of the node, which is not registered any more.
    End(Option<NodeId>),
    /// The daemon ends.
    Terminate,
}

impl Reply {
    fn close(answer: impl Into<Arc<[u8]>>) -> Self {
        Self {
            answer: answer.into(),
            then: Then::Close,
        }
    }
}

impl Daemon {
    /// A daemon that knows nobody. It listens on this port, and says so.
    pub const fn new(port: u16) -> Self {
        Self {
            port,
            relaxed: false,
            remembered: limits::EPMD_REMEMBERED,
            names: BTreeMap::new(),
            live: BTreeMap::new(),
            old: BTreeMap::new(),
            next: 0,
            listing: Weak::<[u8; 0]>::new(),
        }
    }

    /// Whether it may be killed while nodes are registered, and be told to end one of those: epmd's
    /// `-relaxed_command_check`.
    pub const fn relaxed(mut self, relaxed: bool) -> Self {
        self.relaxed = relaxed;
        self
    }

    /// How many names of nodes that have left are remembered: [`limits::EPMD_REMEMBERED`] by default.
    pub const fn remembered(mut self, names: usize) -> Self {
        self.remembered = names;
        self
    }

    /// How many nodes are registered.
    pub fn nodes(&self) -> usize {
        self.live.len()
    }

    /// What a node is registered with.
    pub fn node(&self, node: NodeId) -> Option<&Registration> {
        self.live.get(&node).map(|node| &node.registration)
    }

    /// Takes bytes from a caller, and answers its request once it is whole. `now` is the time in seconds
    /// since 1970.
    ///
    /// # Errors
    /// The connection is to be closed without an answer, and this is why.
    pub fn receive(
        &mut self,
        caller: &mut Caller,
        bytes: &[u8],
        now: u64,
    ) -> Result<Option<Reply>, Error> {
        let (local, descriptor) = (caller.local, caller.descriptor);
        let Some(body) = caller.receive(bytes)? else {
            return Ok(None);
        };
        let request = match Request::decode(body) {
            Err(error) if local && is_refusal(body, &error) => return Ok(Some(refuse(body))),
            request => request?,
        };
        if !local && !matches!(request, Request::Port(_) | Request::Names) {
            let problem = "this request is for callers from this host";
            return Err(Error::malformed("EPMD request", problem));
        }
        Ok(Some(match request {
            Request::Alive(registration) => self.register(registration, descriptor, now),
            Request::Port(name) => Reply::close(self.find(&name).encode()),
            Request::Names => Reply::close(self.listing()),
            Request::Dump => Reply::close(self.dump()),
            Request::Kill if self.relaxed || self.live.is_empty() => Reply {
                answer: KillAnswer::Ok.encode().into(),
                then: Then::Terminate,
            },
            Request::Kill => Reply::close(KillAnswer::No.encode()),
            Request::Stop(name) => self.stop(&name)?,
        }))
    }

    /// The connection of a node has ended. Its name is remembered, so that the next node of that name gets
    /// another creation.
    pub fn left(&mut self, node: NodeId) {
        let Some(node) = self.live.remove(&node) else {
            return;
        };
        self.listing = Weak::<[u8; 0]>::new();
        let id = self.id();
        if let Some(known) = self.names.get_mut(&node.registration.name) {
            *known = id;
        }
        self.old.insert(id, node);
        while self.old.len() > self.remembered {
            if let Some((_, oldest)) = self.old.pop_first() {
                self.names.remove(&oldest.registration.name);
            }
        }
    }

    /// A number above all that were given: nodes are listed by it.
    const fn id(&mut self) -> NodeId {
        self.next += 1;
        NodeId(self.next)
    }

    fn register(&mut self, registration: Registration, descriptor: i32, now: u64) -> Reply {
        let (name, highest) = (&registration.name, registration.highest);
        let known = self.names.get(name).copied();
        let taken = known.is_some_and(|known| self.live.contains_key(&known));
        // Names are shown on terminals, a line for each.
        if taken || name.contains(char::is_control) {
            return refusal(highest);
        }
        let before = known.and_then(|known| self.old.remove(&known));
        let before = before.map_or(now as u32, |node| node.lives);
        // Creations below 4 were those of old releases.
        let lives = before.wrapping_add(1).max(4);
        let id = self.id();
        self.names.insert(registration.name.clone(), id);
        let node = Node {
            registration,
            lives,
            descriptor,
        };
        self.live.insert(id, node);
        self.listing = Weak::<[u8; 0]>::new();
        Reply {
            answer: if highest >= VERSION_OF_LONG_CREATIONS {
                alive2_x_resp(0, lives)
            } else {
                alive2_resp(0, (lives % 3 + 1) as u16)
            },
            then: Then::Keep(Some(id)),
        }
    }

    fn find(&self, name: &str) -> Option<Registration> {
        self.node(*self.names.get(name)?).cloned()
    }

    fn listing(&mut self) -> Arc<[u8]> {
        if let Some(listing) = self.listing.upgrade() {
            return listing;
        }
        let mut text = String::new();
        for node in self.live.values().rev() {
            let Registration { name, port, .. } = &node.registration;
            let _ = writeln!(text, "name {name} at port {port}");
        }
        let epmd_port = self.port.into();
        let listing = NamesAnswer { epmd_port, text }.encode().into();
        self.listing = Arc::downgrade(&listing);
        listing
    }

    fn dump(&self) -> Vec<u8> {
        let mut text = String::new();
        for node in self.live.values().rev() {
            let Registration { name, port, .. } = &node.registration;
            let fd = node.descriptor;
            let _ = writeln!(text, "active name     <{name}> at port {port}, fd = {fd}");
        }
        for node in self.old.values() {
            let Registration { name, port, .. } = &node.registration;
            let fd = node.descriptor;
            let _ = writeln!(text, "old/unused name <{name}>, port = {port}, fd = {fd} ");
        }
        let epmd_port = self.port.into();
        DumpAnswer { epmd_port, text }.encode()
    }

    fn stop(&mut self, name: &str) -> Result<Reply, Error> {
        if !self.relaxed {
            let problem = "this daemon ends no nodes";
            return Err(Error::malformed("STOP_REQ", problem));
        }
        let known = self.names.get(name).copied();
        let ended = known.filter(|known| self.live.contains_key(known));
        let answer = match ended {
            Some(_) => StopAnswer::Stopped,
            None => StopAnswer::NoExist,
        };
        if let Some(node) = ended {
            self.left(node);
        }
        Ok(Reply {
            answer: answer.encode().into(),
            then: Then::End(ended),
        })
    }
}

/// The first version of the protocol with creations of 32 bits.
const VERSION_OF_LONG_CREATIONS: u16 = 6;

/// Whether epmd says no to such a request, where it closes without a word after others.
fn is_refusal(body: &[u8], error: &Error) -> bool {
    let is_registration = body.first() == Some(&b'x');
    let names = [InvalidName::NotUtf8, InvalidName::TooLong].map(Error::PeerName);
    is_registration && (names.contains(error) || matches!(error, Error::TooLong { .. }))
}

/// Says no to a registration that cannot be read.
fn refuse(body: &[u8]) -> Reply {
    // 'x', port:u16, type:u8, protocol:u8
    let highest = body.get(5..).and_then(|rest| rest.first_chunk());
    refusal(highest.map_or(0, |highest| u16::from_be_bytes(*highest)))
}

/// Says no to a registration.
fn refusal(highest: u16) -> Reply {
    /// Stands for no creation.
    const NONE: u16 = 99;
    Reply {
        answer: if highest >= VERSION_OF_LONG_CREATIONS {
            alive2_x_resp(1, NONE.into())
        } else {
            alive2_resp(1, NONE)
        },
        then: Then::Keep(None),
    }
}

/// `ALIVE2_X_RESP`: 118 result:u8 creation:u32
fn alive2_x_resp(result: u8, creation: u32) -> Arc<[u8]> {
    let [a, b, c, d] = creation.to_be_bytes();
    Arc::from([b'v', result, a, b, c, d])
}

/// `ALIVE2_RESP`: 121 result:u8 creation:u16
fn alive2_resp(result: u8, creation: u16) -> Arc<[u8]> {
    let [a, b] = creation.to_be_bytes();
    Arc::from([b'y', result, a, b])
}
