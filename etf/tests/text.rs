//! Terms as text: printed as a node prints them, and read back.

use einode_etf::{Term, from_slice};

/// Terms with their text as an OTP 25 node printed it: the external format in hexadecimal, a tab,
/// and the output of `io:format("~0tp", [Term])`. Edge cases first, then random terms.
const PRINTED: &str = include_str!("printed.txt");

fn recorded() -> impl Iterator<Item = (Term, &'static str)> {
    PRINTED.lines().map(|line| {
        let (hex, text) = line.split_once('\t').expect("a tab");
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        (from_slice(&bytes).expect("a term"), text)
    })
}

#[test]
fn terms_print_as_a_node_prints_them() {
    assert_eq!(PRINTED.lines().count(), 367);
    for (term, text) in recorded() {
        assert_eq!(term.to_string(), text);
        assert_eq!(format!("{term:?}"), text);
    }
}
