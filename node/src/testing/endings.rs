//! What the peer sees of a socket that writes no more, and of one that is gone.

use std::io::{ErrorKind, IoSlice};
use std::thread;
use std::time::{Duration, Instant};

use super::bytes::{self, Pattern};
use super::{LATE, Observed, PATIENCE, Pairs, both, soon};
use crate::blocking::Socket;

fn shutdown<S: Socket>(socket: &mut Observed<S>) {
    let done = socket.shutdown(soon());
    done.unwrap_or_else(|error| {
        panic!("Socket::shutdown must end what is written; it failed: {error}")
    });
}

/// One direction ends and the other goes on; whoever of the two begins.
pub(super) fn half_close<S: Socket + Send + 'static>(pairs: Pairs<S>) {
    for turned in [false, true] {
        let (mut a, mut b) = pairs.open();
        if turned {
            (a, b) = (b, a);
        }
        a.put(b"last words");
        shutdown(&mut a);
        assert_eq!(b.get(10), b"last words");
        for _ in 0..3 {
            b.get_end();
        }
        for answer in [b"an answer", b"one more!"] {
            b.put(answer);
            let came = a.get(answer.len());
            assert_eq!(
                came, answer,
                "Socket::read must go on after Socket::shutdown"
            );
        }
        shutdown(&mut b);
        a.get_end();
        b.get_end();
    }
}

/// The end comes after all that was written, however much of it is still on the way.
pub(super) fn half_close_after_much<S: Socket + Send + 'static>(pairs: Pairs<S>) {
    const TOTAL: usize = 1 << 20;
    let (mut a, mut b) = pairs.open();
    let pattern = Pattern::new(6);
    let say = || {
        bytes::write(&mut a, &pattern, 0..TOTAL, &[5000]);
        shutdown(&mut a);
    };
    let hear = || {
        bytes::read(&mut b, &pattern, 0..TOTAL, &[3000]);
        b.get_end();
    };
    both(say, hear);
}

/// Whoever reads then gets the end or an error.
pub(super) fn dropped<S: Socket + Send + 'static>(pairs: Pairs<S>) {
    for turned in [false, true] {
        let (a, b) = pairs.open();
        let (gone, mut left) = if turned { (b, a) } else { (a, b) };
        drop(gone);
        sees_the_end(&mut left);
    }
}

pub(super) fn dropped_under_a_reader<S: Socket + Send + 'static>(pairs: Pairs<S>) {
    let (gone, mut left) = pairs.open();
    let reader = move || sees_the_end(&mut left);
    let dropper = move || {
        // So that the reader waits by then, if it comes to it.
        thread::sleep(Duration::from_millis(50));
        drop(gone);
    };
    both(dropper, reader);
}

fn sees_the_end<S: Socket>(socket: &mut Observed<S>) {
    match socket.read(&mut [0; 64], soon()) {
        Ok(0) => {}
        Err(error) if error.kind() != ErrorKind::TimedOut => {}
        Ok(_) => panic!("Socket::read gave bytes that nobody wrote"),
        Err(_) => panic!("a socket that is dropped must close: the peer's Socket::read saw no end"),
    }
}

/// Whoever writes then gets an error, if not at once: some of it may be on the way.
pub(super) fn dropped_under_a_writer<S: Socket + Send + 'static>(pairs: Pairs<S>) {
    let (gone, mut left) = pairs.open();
    drop(gone);
    let (start, bytes) = (Instant::now(), [0; 4096]);
    while start.elapsed() < PATIENCE + LATE {
        match left.write(&[IoSlice::new(&bytes)], soon()) {
            Err(error) if error.kind() != ErrorKind::TimedOut => return,
            Ok(_) | Err(_) => {}
        }
    }
    panic!(
        "a socket that is dropped must close: the peer's Socket::write goes on without an error"
    );
}
