//! Two nodes over the sockets: what they tell them, and what they tell each other.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use einode_dist::handshake::Session;
use einode_dist::{Cookie, NodeName, Prefix};
use einode_etf::{Term, term};

use super::{Observed, PATIENCE, Pairs, both, soon};
use crate::blocking::{Endpoint, Link, MemorySocket, Socket};
use crate::carrier::{Carrier, Ending, Side};
use crate::config::Config;
use crate::error::{ExchangeError, LinkError};

/// How many messages are sent in each direction.
const MESSAGES: usize = 10_000;

/// How many of them are under way at once.
const WINDOW: usize = 50;

fn endpoint(name: &str, cookie: &str) -> Endpoint {
    let name = NodeName::new(name).expect("a node name");
    let cookie = Cookie::new(cookie).expect("a cookie");
    Endpoint::new(Config::new(name, cookie).setup_time(PATIENCE))
}

fn initiator() -> Endpoint {
    endpoint("initiator@localhost", "secret")
}

fn acceptor() -> Endpoint {
    endpoint("acceptor@localhost", "secret")
}

/// A handshake that must succeed.
fn connect<S: Socket>(a: Observed<S>, b: Observed<S>) -> (Link<Observed<S>>, Link<Observed<S>>) {
    fn link<S: Socket>(link: Result<Link<S>, ExchangeError>) -> Link<S> {
        link.unwrap_or_else(|error| {
            panic!(
                "two nodes must come through their handshake over the sockets; it failed: {error}"
            )
        })
    }
    both(
        || link(initiator().connect_over(a, None)),
        || link(acceptor().accept_over(b)),
    )
}

/// The two sides of a connection have one prefix.
pub(super) fn prefix<S: Socket + 'static>(pairs: Pairs<S>) {
    let (a, b) = pairs.fresh();
    assert_eq!(
        a.prefix(),
        b.prefix(),
        "Carrier::prefix must be the same on both sides"
    );
}

/// A whole life: handshake, messages in both directions, and an end that one side asks for.
pub(super) fn talk<S: Socket + 'static>(pairs: Pairs<S>) {
    let (a, b) = pairs.fresh();
    let (notes_a, notes_b) = (a.notes(), b.notes());
    let (mut a, mut b) = connect(a, b);
    for (notes, other, side) in [
        (notes_a(), notes_b(), Side::Initiator),
        (notes_b(), notes_a(), Side::Acceptor),
    ] {
        assert_eq!(
            notes.complete,
            [side],
            "Carrier::handshake_complete is called once on each side"
        );
        assert_eq!(
            notes.heard,
            other.said.len(),
            "Socket::read must not read past the end of the handshake"
        );
        assert_eq!(
            notes.endings,
            [],
            "Carrier::closing is called when the connection ends"
        );
    }
    let (to_a, to_b) = (a.pid().clone(), b.pid().clone());
    let ask = move || {
        let mut awaited = VecDeque::new();
        for number in 0..MESSAGES + WINDOW {
            if number < MESSAGES {
                let message = message(number);
                sent(a.send(to_b.clone(), &message));
                awaited.push_back(message);
            }
            if number >= WINDOW {
                assert_eq!(
                    Some(received(&mut a)),
                    awaited.pop_front(),
                    "message {number}"
                );
            }
        }
        a.close(PATIENCE)
            .unwrap_or_else(|error| panic!("Link::close failed: {error}"));
    };
    let echo = move || {
        for _ in 0..MESSAGES {
            let message = received(&mut b);
            sent(b.send(to_a.clone(), &message));
        }
        let end = b.receive(PATIENCE);
        assert!(
            matches!(end, Err(LinkError::Closed)),
            "the end must be seen as one: {end:?}"
        );
    };
    both(ask, echo);
    ended(&notes_a().endings, Ending::Done);
    ended(&notes_b().endings, Ending::Peer);
    assert_eq!((notes_a().complete.len(), notes_b().complete.len()), (1, 1));
}

/// Mostly small, as messages are, and some that take several reads and writes.
fn message(number: usize) -> Term {
    let size = match number {
        _ if number % 1000 == 999 => 300_000,
        _ if number % 100 == 99 => 9_000,
        _ => number % 50,
    };
    let bytes = Term::binary(&vec![number as u8; size]);
    term!({message, (number as u64), (bytes)})
}

fn sent(result: Result<(), LinkError>) {
    result.unwrap_or_else(|error| panic!("Link::send failed: {error}"));
}

fn received<S: Socket>(link: &mut Link<S>) -> Term {
    let signal = link.receive(PATIENCE);
    let signal = signal.unwrap_or_else(|error| panic!("Link::receive failed: {error}"));
    let message = signal.message().and_then(|message| message.term().ok());
    message.unwrap_or_else(|| panic!("another signal than was sent: {signal:?}"))
}

#[track_caller]
fn ended(endings: &[Ending], why: Ending) {
    assert_eq!(
        endings,
        [why],
        "Carrier::closing is called once, with the reason"
    );
}

/// Both sides are told that the handshake did not succeed, and nothing else.
pub(super) fn failed_handshake<S: Socket + 'static>(pairs: Pairs<S>) {
    let (a, b) = pairs.fresh();
    let (notes_a, notes_b) = (a.notes(), b.notes());
    let stranger = endpoint("stranger@localhost", "wrong");
    let (connected, accepted) = both(
        move || stranger.connect_over(a, None).map(drop),
        move || acceptor().accept_over(b).map(drop),
    );
    for (result, notes) in [(connected, notes_a()), (accepted, notes_b())] {
        assert!(
            matches!(&result, Err(ExchangeError::Protocol(_))),
            "a handshake with a wrong cookie must end with that error, not with {result:?}"
        );
        assert_eq!(
            notes.complete,
            [],
            "Carrier::handshake_complete is called after success only"
        );
        ended(&notes.endings, Ending::Handshake);
    }
}

/// A link notices a peer that goes without a word.
pub(super) fn peer_gone<S: Socket + 'static>(pairs: Pairs<S>) {
    let (a, b) = pairs.fresh();
    let (notes_a, notes_b) = (a.notes(), b.notes());
    let (mut a, b) = connect(a, b);
    drop(b);
    let end = a.receive(PATIENCE);
    assert!(
        matches!(end, Err(LinkError::Closed | LinkError::Io(_))),
        "a socket that is dropped must close; the peer's link saw {end:?}"
    );
    drop(a);
    ended(&notes_b().endings, Ending::Done);
    let endings = notes_a().endings;
    assert!(
        matches!(endings[..], [Ending::Peer | Ending::Failed]),
        "Carrier::closing is called once, with the reason, and not with {endings:?}"
    );
}

/// Wherever the peer stops, the other side ends too: at once, with an error, and telling its socket.
pub(super) fn broken_handshakes<S: Socket + 'static>(pairs: Pairs<S>) {
    let (a, b) = pairs.fresh();
    let (notes_a, notes_b) = (a.notes(), b.notes());
    drop(connect(a, b));
    for (script, side) in [
        (notes_b().said, Side::Initiator),
        (notes_a().said, Side::Acceptor),
    ] {
        for length in 0..script.len() {
            break_off(&pairs, &script[..length], side);
        }
    }
}

/// Plays the part of the peer of `side`, up to there.
fn break_off<S: Socket + 'static>(pairs: &Pairs<S>, script: &[u8], side: Side) {
    let (a, b) = pairs.fresh();
    let (mine, peer) = if side == Side::Initiator {
        (a, b)
    } else {
        (b, a)
    };
    let notes = mine.notes();
    let start = Instant::now();
    let handshake = move || match side {
        Side::Initiator => initiator().connect_over(mine, None).map(drop),
        Side::Acceptor => acceptor().accept_over(mine).map(drop),
    };
    let play = move || {
        peer.put(script);
        // It may be gone already.
        let _ = peer.shutdown(soon());
        while peer.read(&mut [0; 256], soon()).is_ok_and(|read| read > 0) {}
    };
    let (result, ()) = both(handshake, play);
    let length = script.len();
    assert!(
        result.is_err() && start.elapsed() < PATIENCE,
        "a handshake must fail at once when its peer ends after {length} bytes: {result:?}, after {:?}",
        start.elapsed()
    );
    assert_eq!(
        notes().complete,
        [],
        "Carrier::handshake_complete is called after success only"
    );
    ended(&notes().endings, Ending::Handshake);
}

/// What a handshake comes to.
fn session() -> Session {
    let (a, b) = MemorySocket::pair();
    let (link, _peer) = connect(Observed::new(a), Observed::new(b));
    link.session().clone()
}

/// What is said to the outer socket reaches the inner one, and the other way round.
pub(super) fn check_wrapper<S: Socket + 'static>(
    wrap: &Arc<impl Fn(Observed<MemorySocket>) -> S + Send + Sync + 'static>,
) {
    let (wrap, session) = (Arc::clone(wrap), session());
    super::run("what a wrapper passes on", PATIENCE * 2, move || {
        for prefix in [Prefix::Two, Prefix::Four] {
            let (inner, _peer) = MemorySocket::pair();
            let inner = Observed::new(inner).with_prefix(prefix);
            let notes = inner.notes();
            let mut outer = wrap(inner);
            assert_eq!(
                outer.prefix(),
                prefix,
                "Carrier::prefix must be that of the inner socket"
            );
            for side in [Side::Initiator, Side::Acceptor] {
                let told = outer.handshake_complete(side, &session);
                told.unwrap_or_else(|error| panic!("Carrier::handshake_complete failed: {error}"));
            }
            assert_eq!(
                notes().complete,
                [Side::Initiator, Side::Acceptor],
                "Carrier::handshake_complete must reach the inner socket, once and with the same side"
            );
            outer.closing(Ending::Silent);
            drop(outer);
            ended(&notes().endings, Ending::Silent);
        }
        let (inner, _peer) = MemorySocket::pair();
        let mut outer = wrap(Observed::new(inner).refusing());
        let refused = outer
            .handshake_complete(Side::Initiator, &session)
            .map_err(|error| error.kind());
        assert_eq!(
            refused,
            Err(io::ErrorKind::PermissionDenied),
            "Carrier::handshake_complete must give the error of the inner socket"
        );
    });
}
