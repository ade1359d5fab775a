//! Checks for transports of the program's own: whether they do what
//! [`blocking::Transport`](crate::blocking::Transport) and [`blocking::Socket`](Socket) ask of them.
//!
//! With the feature `testing`, for the tests of programs. A check that finds something wrong panics, and
//! says which demand of which trait is not met.
//!
//! ```
//! use einode::blocking::Tcp;
//! use einode::testing;
//!
//! testing::check_transport(Tcp, &"127.0.0.1:0".parse()?);
//! # Ok::<(), einode::InvalidAddress>(())
//! ```
//!
//! | what is at hand | check |
//! |---|---|
//! | a transport that connects and listens | [`check_transport`] |
//! | one that only connects: the two ends of a connection | [`check_sockets`] |
//! | a socket around another socket | [`check_wrapper`] |
//!
//! What is checked: that all bytes arrive once and in order, however they are cut, gathered and
//! crossed, by one thread or two; that no operation waits past its deadline, and none loses bytes by it; what the peer sees of
//! [`shutdown`](Socket::shutdown) and of a socket that is closed or dropped; handshakes that succeed, fail and
//! break off after each of their bytes; 10,000 messages between two nodes; and that a closed
//! [`Incoming`](crate::blocking::Incoming) keeps nobody waiting.

mod bytes;
mod deadlines;
mod endings;
mod incoming;
mod nodes;
mod observed;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::blocking::{MemorySocket, Socket, Transport};

pub use observed::Observed;

/// How long one operation may take that has all it needs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much later than its deadline an operation may end, on a machine with other work.
const LATE: Duration = Duration::from_secs(3);

/// How long one check may take: most take some milliseconds.
const LIMIT: Duration = Duration::from_secs(30);

/// Checks a transport that can listen on `address` and then connects to where it listens.
///
/// # Panics
/// When the transport does not do what the traits ask.
pub fn check_transport<T: Transport>(transport: T, address: &Address) {
    let transport = Arc::new(transport);
    incoming::check(&transport, address);
    check_sockets(incoming::pairs(&transport, address));
}

/// Checks the sockets that `pair` makes, which are the two ends of a new connection each time.
///
/// Some hundred pairs are made.
///
/// # Panics
/// When the sockets do not do what [`Socket`] and [`Carrier`](crate::Carrier) ask.
pub fn check_sockets<S: Socket + 'static>(pair: impl FnMut() -> (S, S) + Send + 'static) {
    let pairs = Pairs(Arc::new(Mutex::new(pair)));
    for (name, check) in [
        ("every byte", bytes::every_byte as fn(Pairs<S>)),
        ("reads end at their deadline", deadlines::reads),
        ("writes end at their deadline", deadlines::writes),
        ("small pieces", bytes::small_pieces),
        ("gathered writes", bytes::gathered_writes),
        ("both ways at once", bytes::both_ways),
        ("both ways on two threads each", bytes::both_ways_on_threads),
        ("half-close", endings::half_close),
        ("half-close after much", endings::half_close_after_much),
        ("a socket that is dropped", endings::dropped),
        (
            "a socket that is dropped under a reader",
            endings::dropped_under_a_reader,
        ),
        (
            "a socket that is dropped under a writer",
            endings::dropped_under_a_writer,
        ),
        (
            "a socket that is closed under its reader",
            endings::closed_under_a_reader,
        ),
        (
            "a socket that is closed under its writer",
            endings::closed_under_a_writer,
        ),
        ("prefix", nodes::prefix),
        ("nodes that talk", nodes::talk),
        ("a handshake that fails", nodes::failed_handshake),
        ("a peer that is gone", nodes::peer_gone),
        ("handshakes that break off", nodes::broken_handshakes),
    ] {
        let pairs = pairs.clone();
        run(name, LIMIT, move || check(pairs));
    }
}

/// Checks a kind of socket that is made around another: that it passes on what einode tells it, and
/// what the other says of itself. It is checked with [`check_sockets`] too.
///
/// # Panics
/// When a call does not reach the inner socket, or more than once.
pub fn check_wrapper<S: Socket + 'static>(
    wrap: impl Fn(Observed<MemorySocket>) -> S + Send + Sync + 'static,
) {
    let wrap = Arc::new(wrap);
    nodes::check_wrapper(&wrap);
    check_sockets(move || {
        let (a, b) = MemorySocket::pair();
        (wrap(Observed::new(a)), wrap(Observed::new(b)))
    });
}

/// Where pairs of connected sockets come from.
struct Pairs<S>(Arc<Mutex<dyn FnMut() -> (S, S) + Send>>);

impl<S> Clone for Pairs<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Socket + 'static> Pairs<S> {
    /// A new pair, on which nothing has happened.
    fn fresh(&self) -> (Observed<S>, Observed<S>) {
        let mut pair = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (a, b) = pair();
        (Observed::new(a), Observed::new(b))
    }

    /// A pair over which a byte went in both directions, so that a handshake of the transport's own is
    /// over.
    fn open(&self) -> (Observed<S>, Observed<S>) {
        let (a, b) = self.fresh();
        let hello = |socket: &Observed<S>| {
            socket.put(b"!");
            assert_eq!(
                socket.get(1),
                b"!",
                "Socket::read must give what was written"
            );
        };
        both(|| hello(&a), || hello(&b));
        (a, b)
    }
}

/// Runs a check on a thread of its own, so that an operation that waits for ever is found too.
fn run(name: &'static str, limit: Duration, check: impl FnOnce() + Send + 'static) {
    let (done, outcome) = mpsc::sync_channel(1);
    let check = move || {
        // Nobody listens any more when the time is over.
        let _ = done.send(catch_unwind(AssertUnwindSafe(check)));
    };
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(check);
    spawned.expect("a thread for the check");
    match outcome.recv_timeout(limit) {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => resume_unwind(panic),
        Err(RecvTimeoutError::Timeout) => {
            panic!(
                "{name}: an operation waits past its deadline; the check is not over after {limit:?}"
            )
        }
        Err(RecvTimeoutError::Disconnected) => panic!("{name}: the check ended without an outcome"),
    }
}

/// Does two things at once. When both panic, the first one says why. So that it is the first, a side does
/// not own what it drops when it panics.
fn both<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    let first: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);
    let note = |panic| {
        first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(panic);
    };
    let (a, b) = thread::scope(|scope| {
        let b = scope.spawn(|| catch_unwind(AssertUnwindSafe(b)).map_err(note));
        let a = catch_unwind(AssertUnwindSafe(a)).map_err(note);
        (a, b.join().expect("a panic is caught"))
    });
    match (a, b) {
        (Ok(a), Ok(b)) => (a, b),
        _ => {
            let panic = first.into_inner().unwrap_or_else(PoisonError::into_inner);
            resume_unwind(panic.expect("a side that failed has noted why"))
        }
    }
}

/// A deadline for what has all it needs.
fn soon() -> Option<Instant> {
    Some(Instant::now() + PATIENCE)
}
