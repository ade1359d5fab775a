//! Any bytes of both directions of a connection that is observed, in any pieces and with holes.

#![no_main]

use einode_dist::{Observation, Observer, Settings, Side};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Step {
    Bytes(bool, Vec<u8>),
    Lost(bool, u16),
}

fuzz_target!(|input: (u16, Vec<Step>)| {
    let (seed, steps) = input;
    let mut settings = Settings::default();
    settings.max_packet = 1 << 16;
    settings.max_message = 1 << 18;
    let whole = observe(&settings, &steps, usize::MAX);
    let cut = observe(&settings, &steps, usize::from(seed % 40) + 1);
    for side in [Side::Initiator, Side::Acceptor] {
        let of = |seen: &[(Side, Observation)]| {
            let seen = seen.iter().filter(|(from, _)| *from == side);
            seen.map(|(_, seen)| seen.clone()).collect::<Vec<_>>()
        };
        assert_eq!(of(&whole), of(&cut), "how bytes are cut changes something");
    }
});

fn observe(settings: &Settings, steps: &[Step], piece: usize) -> Vec<(Side, Observation)> {
    let side = |first: &bool| {
        if *first {
            Side::Initiator
        } else {
            Side::Acceptor
        }
    };
    let mut observer = Observer::new(settings);
    let mut seen = Vec::new();
    for step in steps {
        match step {
            Step::Bytes(first, bytes) => {
                for bytes in bytes.chunks(piece) {
                    observer.receive(side(first), bytes);
                    seen.extend(std::iter::from_fn(|| observer.poll()));
                }
            }
            Step::Lost(first, bytes) => observer.lost(side(first), u64::from(*bytes)),
        }
        seen.extend(std::iter::from_fn(|| observer.poll()));
    }
    observer.eof(Side::Initiator);
    observer.eof(Side::Acceptor);
    seen.extend(std::iter::from_fn(|| observer.poll()));
    seen
}
