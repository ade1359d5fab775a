//! Terms as OTP 25, 27 and 29 write them, see `cargo xtask vectors`.
//!
//! A line of a vector file is a name, flags, bytes in hexadecimal (`61*300` is a byte that occurs
//! 300 times) and the term as `io:format("~0tp")` prints it, separated by tabs.

use einode_etf::{DecodeError, Reader, Term, from_slice, to_vec};

const FILES: [&str; 3] = [
    include_str!("vectors/otp25.txt"),
    include_str!("vectors/otp27.txt"),
    include_str!("vectors/otp29.txt"),
];

struct Vector<'a> {
    name: &'a str,
    flags: Vec<&'a str>,
    bytes: Vec<u8>,
    text: &'a str,
}

impl Vector<'_> {
    fn is(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }

    fn term(&self) -> Term {
        from_slice(&self.bytes).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

fn vectors() -> impl Iterator<Item = Vector<'static>> {
    FILES
        .iter()
        .flat_map(|file| file.lines().skip(1))
        .map(|line| {
            let [name, flags, bytes, text] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("four fields, not: {line}");
            };
            let flags = flags.split(',').collect();
            Vector {
                name,
                flags,
                bytes: bytes_of(bytes),
                text,
            }
        })
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let byte = |digits| u8::from_str_radix(digits, 16).expect("two hexadecimal digits");
    let mut bytes = Vec::new();
    for part in hex.split_whitespace() {
        match part.split_once('*') {
            Some((digits, count)) => {
                let count = count.parse().expect("a count");
                bytes.extend(std::iter::repeat_n(byte(digits), count));
            }
            None => bytes.extend((0..part.len()).step_by(2).map(|at| byte(&part[at..at + 2]))),
        }
    }
    bytes
}

/// Those that every node can read, and this crate without its optional features.
fn readable() -> impl Iterator<Item = Vector<'static>> {
    vectors().filter(|vector| !vector.is("local") && !vector.is("compressed"))
}

#[test]
fn every_release_brings_its_vectors() {
    for (file, release) in FILES.iter().zip(["25", "27", "29"]) {
        assert_eq!(file.lines().next(), Some(&*format!("# OTP {release}")));
    }
    assert!(vectors().filter(|vector| vector.is("canonical")).count() > 800);
}

#[test]
fn canonical_encodings_are_reproduced_byte_for_byte() {
    for vector in readable().filter(|vector| vector.is("canonical")) {
        let written = to_vec(&vector.term()).expect("a term that was read");
        assert!(
            written == vector.bytes,
            "{}: {} was read from\n{:02x?} and written as\n{:02x?}",
            vector.name,
            vector.text,
            vector.bytes,
            written,
        );
    }
}

#[test]
fn every_term_survives_writing() {
    for vector in readable() {
        let term = vector.term();
        let written = to_vec(&term).expect("a term that was read");
        assert_eq!(from_slice(&written), Ok(term), "{}", vector.name);
    }
}

#[test]
fn every_term_is_skipped_to_its_end() {
    for vector in readable() {
        let mut reader = Reader::new(&vector.bytes);
        reader.version().expect("the version byte");
        assert_eq!(reader.skip(), Ok(()), "{}", vector.name);
        assert_eq!(
            reader.kind(),
            Err(DecodeError::Truncated),
            "{}",
            vector.name
        );
    }
}

#[test]
fn no_term_survives_truncation() {
    for vector in readable().filter(|vector| vector.bytes.len() < 1000) {
        for length in 0..vector.bytes.len() {
            let read = from_slice::<Term>(&vector.bytes[..length]);
            assert!(
                read.is_err(),
                "{} cut to {length} bytes is {read:?}",
                vector.name
            );
        }
    }
}

#[test]
fn what_is_private_to_a_node_is_refused() {
    let mut count = 0;
    for vector in vectors().filter(|vector| vector.is("local")) {
        assert!(
            from_slice::<Term>(&vector.bytes).is_err(),
            "{}",
            vector.name
        );
        count += 1;
    }
    assert!(count > 0);
}

#[cfg(feature = "compressed")]
#[test]
fn compressed_terms_are_inflated() {
    let pairs = (1..=50)
        .map(|n| (Term::from(n), Term::string("same")))
        .collect();
    let expected = [
        Term::list(vec!["a".parse().expect("an atom"); 1000]),
        Term::binary(&b"abc".repeat(500)),
        Term::map(pairs).expect("50 keys"),
    ];
    let mut found = vectors().filter(|vector| vector.is("compressed"));
    for term in expected.iter().cycle().take(9) {
        let vector = found.next().expect("three from each release");
        assert_eq!(
            Term::from_bytes(&vector.bytes).as_ref(),
            Ok(term),
            "{}",
            vector.name
        );
    }
}

#[test]
fn terms_print_as_erlang_prints_them() {
    for vector in readable().filter(|vector| vector.is("syntax")) {
        assert_eq!(vector.term().to_string(), vector.text, "{}", vector.name);
    }
}

#[test]
fn terms_are_parsed_from_what_erlang_prints() {
    for vector in readable().filter(|vector| vector.is("syntax")) {
        assert_eq!(vector.text.parse(), Ok(vector.term()), "{}", vector.name);
    }
}
