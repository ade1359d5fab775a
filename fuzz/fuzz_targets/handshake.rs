//! Any bytes as the other side of a handshake, in both roles and in any pieces.

#![no_main]

use einode_dist::handshake::{Acceptor, Initiator, Local, Verdict};
use einode_dist::{Cookie, Exchange, NodeName, Prefix};
use einode_testkit::{Chunks, scripted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, bool, Vec<u8>, Vec<u8>)| {
    let (initiate, four, pieces, script) = input;
    let prefix = if four { Prefix::Four } else { Prefix::Two };
    let local = Local::new(
        name("us@here"),
        4,
        Cookie::new("secret").expect("a short cookie"),
    );
    if initiate {
        talk(
            || Initiator::new(&local, Some(name("them@there")), prefix, 1),
            &pieces,
            &script,
        );
    } else {
        talk(
            || Acceptor::new(&local, prefix, 1, |_| Verdict::Ok),
            &pieces,
            &script,
        );
    }
});

/// A peer that does not know the cookie gets in nowhere, and how its bytes are cut changes nothing.
fn talk<E: Exchange>(start: impl Fn() -> E, pieces: &[u8], script: &[u8]) {
    let pieces = if pieces.is_empty() {
        vec![1]
    } else {
        pieces.iter().map(|&n| n.into()).collect()
    };
    let (whole, left) = scripted(start(), script, &mut Chunks::whole());
    let (cut, left_when_cut) = scripted(start(), script, &mut Chunks::new(pieces));
    assert!(
        whole.result.is_err(),
        "a handshake without the cookie succeeded"
    );
    assert_eq!(whole.said, cut.said);
    assert_eq!(whole.result.err(), cut.result.err());
    assert_eq!(left, left_when_cut);
}

fn name(name: &str) -> NodeName {
    name.parse().expect("a node name")
}
