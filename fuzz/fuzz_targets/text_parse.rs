//! Any text: it is refused, or it is a term whose own text is read as the same term.

#![no_main]

use einode_etf::Term;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(term) = text.parse::<Term>() else {
        return;
    };
    let printed = term.to_string();
    assert_eq!(
        printed.parse(),
        Ok(term),
        "{text:?} was read, and printed as {printed}"
    );
});
