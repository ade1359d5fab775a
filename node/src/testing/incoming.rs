//! What listens, and how it is reached.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{LATE, LIMIT, PATIENCE, run};
use crate::address::Address;
use crate::blocking::{Incoming, Socket, Transport};

/// How many peers connect to a listener that accepts none: more than the queues of systems take.
const CROWD: usize = 200;

pub(super) fn check<T: Transport>(transport: &Arc<T>, address: &Address) {
    let check = |name, limit, check: fn(&Arc<T>, &Address)| {
        let (transport, address) = (Arc::clone(transport), address.clone());
        run(name, limit, move || check(&transport, &address));
    };
    check("close wakes whoever waits for peers", PATIENCE, close_wakes);
    check("closed for ever", PATIENCE, stays_closed);
    check("an address is free again", PATIENCE, is_free_again);
    check("nobody is there", PATIENCE, nobody_there);
    check("connecting ends at its deadline", LIMIT, connects_in_time);
}

/// Connections of the transport with itself.
pub(super) fn pairs<T: Transport>(
    transport: &Arc<T>,
    address: &Address,
) -> impl FnMut() -> (T::Socket, T::Socket) + Send + 'static {
    let (transport, address) = (Arc::clone(transport), address.clone());
    let mut incoming = None;
    move || {
        let incoming = incoming.get_or_insert_with(|| listen(&transport, &address));
        pair(&transport, incoming)
    }
}

/// Connects, and does for the other side what connecting may wait for.
fn pair<T: Transport>(transport: &Arc<T>, incoming: &T::Incoming) -> (T::Socket, T::Socket) {
    let connect = || {
        let until = Instant::now() + PATIENCE;
        let connected = transport.connect(&incoming.address(), None, until);
        if connected.is_err() {
            // Nobody comes.
            incoming.close();
        }
        connected
    };
    let (connected, accepted) = thread::scope(|scope| {
        let connecting = scope.spawn(connect);
        let mut accepted = incoming.accept();
        while let (Ok((socket, _)), false) = (&mut accepted, connecting.is_finished()) {
            // A handshake of the transport's own may need the first read of this side.
            let soon = Instant::now() + Duration::from_millis(2);
            if socket.read(&mut [0], Some(soon)).is_ok() {
                break;
            }
        }
        let connected = connecting.join();
        (
            connected.expect("Transport::connect must not panic"),
            accepted,
        )
    });
    let connected = connected.unwrap_or_else(|error| {
        panic!("Transport::connect must reach what Incoming::address says; it failed: {error}")
    });
    let (accepted, _) = accepted.unwrap_or_else(|error| {
        panic!("Incoming::accept must take who connects; it failed: {error}")
    });
    (connected, accepted)
}

fn listen<T: Transport>(transport: &Arc<T>, address: &Address) -> T::Incoming {
    transport.listen(address).unwrap_or_else(|error| {
        panic!("Transport::listen must listen at {address}; it failed: {error}")
    })
}

/// Whether it waits already or comes to it later.
fn close_wakes<T: Transport>(transport: &Arc<T>, address: &Address) {
    for pause in [Duration::ZERO, Duration::from_millis(100)] {
        let incoming = Arc::new(listen(transport, address));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let incoming = Arc::clone(&incoming);
                thread::spawn(move || incoming.accept().map(drop))
            })
            .collect();
        thread::sleep(pause);
        incoming.close();
        let start = Instant::now();
        while !waiting.iter().all(thread::JoinHandle::is_finished) {
            assert!(
                start.elapsed() < LATE,
                "Incoming::close must wake every thread that waits in Incoming::accept"
            );
            thread::sleep(Duration::from_millis(1));
        }
        for accepted in waiting {
            let accepted = accepted.join().expect("Incoming::accept must not panic");
            assert!(
                accepted.is_err(),
                "Incoming::accept must fail after Incoming::close"
            );
        }
    }
}

fn stays_closed<T: Transport>(transport: &Arc<T>, address: &Address) {
    let incoming = listen(transport, address);
    drop(pair(transport, &incoming));
    // One that is not accepted any more.
    let until = Instant::now() + Duration::from_millis(100);
    let queued = transport.connect(&incoming.address(), None, until);
    incoming.close();
    for _ in 0..3 {
        assert!(
            incoming.accept().is_err(),
            "Incoming::accept must fail every time after Incoming::close"
        );
    }
    incoming.close();
    drop(queued);
}

fn is_free_again<T: Transport>(transport: &Arc<T>, address: &Address) {
    let mut place = address.clone();
    for _ in 0..3 {
        let incoming = listen(transport, &place);
        drop(pair(transport, &incoming));
        place = incoming.address();
        incoming.close();
    }
}

fn nobody_there<T: Transport>(transport: &Arc<T>, address: &Address) {
    let incoming = listen(transport, address);
    let place = incoming.address();
    incoming.close();
    drop(incoming);
    let reached = transport.connect(&place, None, Instant::now() + PATIENCE / 2);
    assert!(
        reached.is_err(),
        "Transport::connect must fail where nobody listens any more"
    );
}

/// Also in a crowd: a peer that finds no room waits until its deadline and no longer.
fn connects_in_time<T: Transport>(transport: &Arc<T>, address: &Address) {
    /// After so many deadlines it is clear what the transport does.
    const ENOUGH: usize = 5;
    let incoming = listen(transport, address);
    let place = incoming.address();
    let mut crowd = Vec::new();
    let mut timed_out = 0;
    for wait in [0, 1].into_iter().chain([100; CROWD]) {
        let until = Instant::now() + Duration::from_millis(wait);
        let connected = transport.connect(&place, None, until);
        let ended = Instant::now();
        let late = ended.saturating_duration_since(until);
        assert!(
            late < LATE,
            "Transport::connect must not wait past its deadline; it came back {late:?} later"
        );
        match connected {
            Ok(socket) => crowd.push(socket),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                assert!(
                    ended >= until,
                    "Transport::connect must not fail with TimedOut before its deadline"
                );
                timed_out += 1;
            }
            Err(_) => {}
        }
        if timed_out == ENOUGH {
            break;
        }
    }
}
