//! Nothing waits past its deadline, and nothing is lost by one.

use std::io::{ErrorKind, IoSlice};
use std::time::{Duration, Instant};

use super::bytes::{self, Pattern};
use super::{LATE, Observed, Pairs, both};
use crate::blocking::Socket;

/// A deadline that is met.
const SHORT: Duration = Duration::from_millis(50);

/// More than is on the way between a socket and a peer that does not read, on any system.
const MUCH: usize = 64 << 20;

pub(super) fn reads<S: Socket + 'static>(pairs: Pairs<S>) {
    let (a, b) = pairs.open();
    for (byte, wait) in (0..).zip([SHORT, Duration::ZERO, Duration::from_millis(1), SHORT]) {
        times_out(&a, wait);
        b.put(&[byte]);
        assert_eq!(
            a.get(1),
            [byte],
            "Socket::read must lose nothing by a deadline"
        );
    }

    // What there is does not wait for more.
    b.put(b"some");
    let mut buffer = [0; 64];
    match a.read(&mut buffer, Some(Instant::now() + LATE)) {
        Ok(read) => {
            let rest = a.get(4_usize.saturating_sub(read));
            let came = [&buffer[..read], &rest].concat();
            assert_eq!(came, b"some", "Socket::read must give what was written");
        }
        Err(error) => panic!(
            "Socket::read must give what there is, and not wait until the buffer is full; it failed: \
             {error}"
        ),
    }

    // A deadline that was set for one read is none for the next.
    both(
        || {
            times_out(&a, SHORT);
            assert_eq!(
                a.get(1),
                [1],
                "Socket::read must lose nothing by a deadline"
            );
        },
        || {
            times_out(&b, SHORT * 4);
            b.put(&[1]);
        },
    );
}

fn times_out<S: Socket>(socket: &Observed<S>, wait: Duration) {
    match socket.read(&mut [0; 64], Some(Instant::now() + wait)) {
        Err(error) if error.kind() == ErrorKind::TimedOut => {}
        Err(error) => {
            panic!("Socket::read must fail with TimedOut at its deadline; it failed: {error}")
        }
        Ok(0) => panic!("Socket::read must fail with TimedOut at its deadline; 0 is the end"),
        Ok(_) => panic!("Socket::read gave bytes that nobody wrote"),
    }
}

pub(super) fn writes<S: Socket + 'static>(pairs: Pairs<S>) {
    let (a, b) = pairs.open();
    let pattern = Pattern::new(5);
    let mut written = fill(&a, &pattern, 0);
    // It is as full as before, and another attempt changes nothing.
    written = fill(&a, &pattern, written);

    // What was written is all that arrives, and it makes room for more.
    let end = written + 1000;
    both(
        || bytes::write(&a, &pattern, written..end, &[1000]),
        || bytes::read(&b, &pattern, 0..end, &[4096]),
    );
    times_out(&b, SHORT);
}

/// Writes until a peer that does not read makes it wait; gives how many bytes that were by then.
fn fill<S: Socket>(socket: &Observed<S>, pattern: &Pattern, mut written: usize) -> usize {
    while written < MUCH {
        let bytes = pattern.at(written, MUCH - written);
        match socket.write(&[IoSlice::new(bytes)], Some(Instant::now() + SHORT)) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::TimedOut => return written,
            Err(error) => {
                panic!("Socket::write must fail with TimedOut at its deadline; it failed: {error}")
            }
        }
    }
    panic!("Socket::write must wait when the peer does not read; it took {MUCH} bytes and more")
}
