//! Whatever is read is written as something that is read as the same, and only once differently.

#![no_main]

use std::cmp::Ordering;

use einode_etf::{Term, from_slice, to_vec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(term) = Term::from_bytes(bytes) else {
        return;
    };
    let written = to_vec(&term).expect("a term that was read can be written");
    let again: Term = from_slice(&written).expect("what was written can be read");
    assert_eq!(again, term);
    assert_eq!(again.cmp(&term), Ordering::Equal);
    assert_eq!(again.compare(&term), Ordering::Equal);
    assert_eq!(
        to_vec(&again).as_ref(),
        Ok(&written),
        "writing is canonical"
    );
});
