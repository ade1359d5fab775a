//! What the peer sees of a socket that writes no more, and of one that is gone.

use std::io::{ErrorKind, IoSlice};
use std::thread;
use std::time::{Duration, Instant};

use super::bytes::{self, Pattern};
use super::{LATE, Observed, PATIENCE, Pairs, both, soon};
use crate::blocking::Socket;

fn shutdown<S: Socket>(socket: &Observed<S>) {
    let done = socket.shutdown(soon());
    done.unwrap_or_else(|error| {
        panic!("Socket::shutdown must end what is written; it failed: {error}")
    });
}

/// One direction ends and the other goes on; whoever of the two begins.
pub(super) fn half_close<S: Socket + 'static>(pairs: Pairs<S>) {
    for turned in [false, true] {
        let (mut a, mut b) = pairs.open();
        if turned {
            (a, b) = (b, a);
        }
        a.put(b"last words");
        shutdown(&a);
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
        shutdown(&b);
        a.get_end();
        b.get_end();
    }
}

/// The end comes after all that was written, however much of it is still on the way.
pub(super) fn half_close_after_much<S: Socket + 'static>(pairs: Pairs<S>) {
    const TOTAL: usize = 1 << 20;
    let (a, b) = pairs.open();
    let pattern = Pattern::new(6);
    let say = || {
        bytes::write(&a, &pattern, 0..TOTAL, &[5000]);
        shutdown(&a);
    };
    let hear = || {
        bytes::read(&b, &pattern, 0..TOTAL, &[3000]);
        b.get_end();
    };
    both(say, hear);
}

/// Whoever reads then gets the end or an error.
pub(super) fn dropped<S: Socket + 'static>(pairs: Pairs<S>) {
    for turned in [false, true] {
        let (a, b) = pairs.open();
        let (gone, left) = if turned { (b, a) } else { (a, b) };
        drop(gone);
        sees_the_end(&left);
    }
}

pub(super) fn dropped_under_a_reader<S: Socket + 'static>(pairs: Pairs<S>) {
    let (gone, left) = pairs.open();
    let reader = move || sees_the_end(&left);
    let dropper = move || {
        // So that the reader waits by then, if it comes to it.
        thread::sleep(Duration::from_millis(50));
        drop(gone);
    };
    both(dropper, reader);
}

fn sees_the_end<S: Socket>(socket: &Observed<S>) {
    match socket.read(&mut [0; 64], soon()) {
        Ok(0) => {}
        Err(error) if error.kind() != ErrorKind::TimedOut => {}
        Ok(_) => panic!("Socket::read gave bytes that nobody wrote"),
        Err(_) => panic!("a socket that is dropped must close: the peer's Socket::read saw no end"),
    }
}

/// Whoever writes then gets an error, if not at once: some of it may be on the way.
pub(super) fn dropped_under_a_writer<S: Socket + 'static>(pairs: Pairs<S>) {
    let (gone, left) = pairs.open();
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

/// Whoever waits when the socket is closed is let go, and the peer sees the end.
pub(super) fn closed_under_a_reader<S: Socket + 'static>(pairs: Pairs<S>) {
    let (a, b) = pairs.open();
    // Without a deadline: nothing but the end ends it.
    let read = || match a.read(&mut [0; 64], None) {
        Ok(0) => {}
        Err(error) if error.kind() != ErrorKind::TimedOut => {}
        other => panic!("Socket::close must end a read that waits; it gave {other:?}"),
    };
    both(read, || close(&a));
    sees_the_end(&b);
}

pub(super) fn closed_under_a_writer<S: Socket + 'static>(pairs: Pairs<S>) {
    let (a, b) = pairs.open();
    let bytes = [0; 4096];
    let write = || {
        // The peer reads nothing, so this waits sooner or later.
        while a.write(&[IoSlice::new(&bytes)], None).is_ok() {}
    };
    both(write, || close(&a));
    let start = Instant::now();
    let mut buffer = [0; 4096];
    while start.elapsed() < PATIENCE {
        // What was written before arrives, or not.
        match b.read(&mut buffer, soon()) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::TimedOut => return,
            _ => {}
        }
    }
    panic!("Socket::close must close: the peer's Socket::read saw no end");
}

fn close<S: Socket>(socket: &Observed<S>) {
    // So that whoever is to wait does so by then, if it comes to it.
    thread::sleep(Duration::from_millis(50));
    socket.close();
    // Once is as good as twice.
    socket.close();
}
