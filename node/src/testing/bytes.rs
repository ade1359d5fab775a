//! All bytes arrive once and in order.

use std::io::{ErrorKind, IoSlice};
use std::ops::Range;
use std::time::{Duration, Instant};

use super::{Observed, PATIENCE, Pairs, both, soon};
use crate::blocking::Socket;

/// Bytes that betray where they come from: no stretch of them repeats within [`PERIOD`].
pub(super) struct Pattern(Vec<u8>);

/// A prime, so that blocks of a power of two never line up with it.
const PERIOD: usize = 65_521;

/// The longest stretch that can be asked for.
const STRETCH: usize = 64 * 1024;

impl Pattern {
    pub(super) fn new(seed: u32) -> Self {
        // Numerical Recipes' generator, of which the high bits are the good ones.
        let mut state = seed;
        let mut bytes: Vec<u8> = (0..PERIOD)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        bytes.extend_from_within(..);
        bytes.extend_from_within(..STRETCH);
        Self(bytes)
    }

    /// At most as many bytes from this place on.
    pub(super) fn at(&self, place: usize, count: usize) -> &[u8] {
        let start = place % PERIOD;
        &self.0[start..start + count.min(STRETCH)]
    }

    #[track_caller]
    pub(super) fn expect(&self, place: usize, bytes: &[u8]) {
        assert!(
            self.at(place, bytes.len()) == bytes,
            "Socket::read must give every byte as it was written, once and in order; \
             it did not around byte {place}"
        );
    }
}

/// Nothing on the way may take a byte for an end of a line, of a text or of input.
pub(super) fn every_byte<S: Socket + 'static>(pairs: Pairs<S>) {
    let (mut a, mut b) = pairs.open();
    for byte in 0..=u8::MAX {
        for _ in 0..2 {
            a.put(&[byte]);
            let came = b.get(1);
            assert_eq!(
                came,
                [byte],
                "Socket::read must give byte {byte:#04x} as it was written"
            );
            (a, b) = (b, a);
        }
    }
    let all: Vec<u8> = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    a.put(&all);
    assert_eq!(
        b.get(all.len()),
        all,
        "Socket::read must give all bytes as they were written"
    );
}

/// A short buffer takes a part, and the rest waits.
pub(super) fn small_pieces<S: Socket + 'static>(pairs: Pairs<S>) {
    const TOTAL: usize = 20_000;
    let (a, b) = pairs.open();
    let pattern = Pattern::new(1);
    both(
        || write(&a, &pattern, 0..TOTAL, &[1, 7, 2, 200, 3, 1000]),
        || read(&b, &pattern, 0..TOTAL, &[1, 2, 3, 5, 1, 64, 900]),
    );
}

/// Writes these places of a pattern, in pieces of these sizes in turn.
pub(super) fn write<S: Socket>(
    socket: &Observed<S>,
    pattern: &Pattern,
    mut places: Range<usize>,
    sizes: &[usize],
) {
    let mut sizes = sizes.iter().cycle();
    while let (false, Some(size)) = (places.is_empty(), sizes.next()) {
        let bytes = pattern.at(places.start, (*size).min(places.len()));
        socket.put(bytes);
        places.start += bytes.len();
    }
}

/// Reads what [`write`] writes, in pieces of its own.
pub(super) fn read<S: Socket>(
    socket: &Observed<S>,
    pattern: &Pattern,
    mut places: Range<usize>,
    sizes: &[usize],
) {
    let mut sizes = sizes.iter().cycle();
    while let (false, Some(size)) = (places.is_empty(), sizes.next()) {
        let bytes = socket.get((*size).min(places.len()));
        pattern.expect(places.start, &bytes);
        places.start += bytes.len();
    }
}

/// Slices are written in their order, the empty ones among them and more than systems take at once.
pub(super) fn gathered_writes<S: Socket + 'static>(pairs: Pairs<S>) {
    const LISTS: [&[usize]; 6] = [
        &[0, 1],
        &[0, 0, 3, 0, 2, 0],
        &[4, 60_000, 0, 4],
        &[1; 3_000],
        &[4, 11, 4, 65_000],
        &[60_000; 20],
    ];
    let total: usize = LISTS.concat().iter().sum();
    let (a, b) = pairs.open();
    let pattern = Pattern::new(2);
    let gather = || {
        let mut place = 0;
        for list in LISTS {
            let slice = |size: &usize| {
                place += size;
                IoSlice::new(pattern.at(place - size, *size))
            };
            let mut slices: Vec<IoSlice<'_>> = list.iter().map(slice).collect();
            let mut slices = slices.as_mut_slice();
            while slices.iter().any(|slice| !slice.is_empty()) {
                let written = a.write(slices, soon());
                let written = written.unwrap_or_else(|error| {
                    panic!("Socket::write must write to a peer that reads; it failed: {error}")
                });
                IoSlice::advance_slices(&mut slices, written);
            }
        }
    };
    both(gather, || read(&b, &pattern, 0..total, &[4096]));
}

/// Each side writes much before it has read all, as nodes do that send to each other.
pub(super) fn both_ways<S: Socket + 'static>(pairs: Pairs<S>) {
    let (a, b) = pairs.open();
    both(|| cross(&a, 3, 4), || cross(&b, 4, 3));
}

/// On each side one thread writes while another one reads. Neither stands in the way of the other.
pub(super) fn both_ways_on_threads<S: Socket + 'static>(pairs: Pairs<S>) {
    const TOTAL: usize = 8 << 20;
    let (a, b) = pairs.open();
    let (ours, theirs) = (Pattern::new(7), Pattern::new(8));
    let side = |socket: &Observed<S>, says: &Pattern, hears: &Pattern| {
        let write = || write(socket, says, 0..TOTAL, &[STRETCH]);
        let read = || read(socket, hears, 0..TOTAL, &[STRETCH]);
        both(write, read);
    };
    both(|| side(&a, &ours, &theirs), || side(&b, &theirs, &ours));
}

/// Writes one pattern and reads another, with deadlines so short that many operations meet them.
fn cross<S: Socket>(socket: &Observed<S>, ours: u32, theirs: u32) {
    const TOTAL: usize = 8 << 20;
    const SHORT: Duration = Duration::from_millis(1);
    let (ours, theirs) = (Pattern::new(ours), Pattern::new(theirs));
    let (mut written, mut read) = (0, 0);
    let mut buffer = vec![0; STRETCH];
    let mut last = Instant::now();
    while written < TOTAL || read < TOTAL {
        let before = written + read;
        if written < TOTAL {
            let bytes = ours.at(written, TOTAL - written);
            match socket.write(&[IoSlice::new(bytes)], Some(Instant::now() + SHORT)) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::TimedOut => {}
                Err(error) => {
                    panic!("Socket::write must write to a peer that reads; it failed: {error}")
                }
            }
        }
        if read < TOTAL {
            match socket.read(&mut buffer, Some(Instant::now() + SHORT)) {
                Ok(0) => panic!("Socket::read gave the end before the peer had written all"),
                Ok(count) => {
                    theirs.expect(read, &buffer[..count]);
                    read += count;
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => {}
                Err(error) => {
                    panic!("Socket::read must give what the peer writes; it failed: {error}")
                }
            }
        }
        if written + read > before {
            last = Instant::now();
        }
        assert!(
            last.elapsed() < PATIENCE,
            "Socket::write and Socket::read must both go on while the peer does both; \
             nothing moved after {written} bytes out and {read} bytes in"
        );
    }
}
