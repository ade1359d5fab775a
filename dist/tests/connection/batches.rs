//! What is taken off the queue to be written while others go on to queue.

use std::io::IoSlice;

use einode_dist::{Batch, Connection, Flags, Outbound, Settings};
use einode_testkit::Chunks;
use proptest::prelude::*;

use super::{PASS_THROUGH, binary, drain, message, pid};

fn outbound(flags: Flags) -> Outbound {
    Connection::new(flags, &Settings::default()).outbound
}

/// Writes up to `n` bytes of the batch.
fn write(batch: &mut Batch, n: usize, to: &mut Vec<u8>) -> usize {
    let mut slices = [IoSlice::new(&[]); 2];
    let filled = batch.outgoing(&mut slices);
    let bytes = slices[..filled].iter().flat_map(|slice| slice.to_vec());
    let before = to.len();
    to.extend(bytes.take(n));
    let written = to.len() - before;
    batch.sent(written);
    written
}

proptest! {
    #[test]
    fn batches_are_the_same_bytes(
        sizes in proptest::collection::vec(0..200_000_usize, 0..12),
        cuts in proptest::collection::vec(1..300_000_usize, 1..6),
        pass_through in any::<bool>(),
    ) {
        let flags = if pass_through { PASS_THROUGH } else { Flags::HIDDEN };
        let (mut whole, mut batched) = (outbound(flags), outbound(flags));
        let (mut batch, mut bytes, mut cuts) = (Batch::default(), Vec::new(), cuts.iter().cycle());
        for size in &sizes {
            // Of one process, so that the order does not depend on what has left.
            let control = message(1, pid(7));
            whole.send(&control, Some(binary(&vec![1; *size]))).unwrap();
            batched.send(&control, Some(binary(&vec![1; *size]))).unwrap();
            batched.take(&mut batch);
            let before = batched.queued();
            let written = write(&mut batch, *cuts.next().unwrap(), &mut bytes);
            batched.sent(written);
            prop_assert!(batched.queued() <= before);
            prop_assert!(batched.queued() >= batch.len());
        }
        while batched.queued() > 0 {
            batched.take(&mut batch);
            let written = write(&mut batch, *cuts.next().unwrap(), &mut bytes);
            batched.sent(written);
        }
        prop_assert!(batch.is_empty());
        prop_assert_eq!(batched.written(), bytes.len() as u64);
        prop_assert!(bytes == drain(&mut whole, &mut Chunks::whole()));
    }
}
