//! Any bytes: every way of reading them agrees on whether they are a term, and where it ends.

#![no_main]

use einode_etf::{Reader, Term, View};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut skipping = Reader::new(bytes);
    let skipped = skipping.skip();

    let mut reading = Reader::new(bytes);
    let term: Result<Term, _> = reading.decode();
    if term.is_ok() {
        // Skipping does not look at values (are keys unique, is a float finite?), so it accepts more.
        assert_eq!(skipped, Ok(()), "{term:?} is read but not skipped");
        assert_eq!(skipping.position(), reading.position());
    }

    if let Ok(View::List(elements) | View::Tuple(elements)) = Reader::new(bytes).view() {
        elements.for_each(drop);
    }

    // The typed ways in, each on its own.
    let _ = Reader::new(bytes).decode::<i64>();
    let _ = Reader::new(bytes).decode::<Vec<u8>>();
    let _ = Reader::new(bytes).decode::<Vec<(String, Option<f64>)>>();
    let _ = Reader::new(bytes).decode::<std::collections::BTreeMap<i64, bool>>();
});
