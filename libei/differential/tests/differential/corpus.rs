//! Terms to decode: those that OTP wrote, random ones, and what becomes of them when bytes change.

use einode_etf::{DecodeError, Reader, Term, tag, to_vec};
use einode_testkit::terms;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::ffi::c_char;

/// What follows a term in its buffer, so that a name of 65535 bytes still ends within.
const PADDING: usize = 70_000;

/// A term at the start of a buffer that goes on with zeros.
pub(crate) struct Case {
    bytes: Vec<u8>,
    length: usize,
}

impl Case {
    pub(crate) fn new(term: &[u8]) -> Self {
        let mut bytes = vec![0; term.len() + PADDING];
        bytes[..term.len()].copy_from_slice(term);
        Self {
            bytes,
            length: term.len(),
        }
    }

    pub(crate) fn ptr(&self) -> *const c_char {
        self.bytes.as_ptr().cast()
    }

    pub(crate) fn term(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(crate) fn starts_with(&self, start: &[u8]) -> bool {
        self.bytes.starts_with(start)
    }

    /// Whether this is a term that OTP 25 knows, which was before records.
    pub(crate) fn is_sound(&self) -> bool {
        let sound = Reader::new(&self.bytes).term();
        sound.is_ok_and(|term| !has_record(&term))
    }

    /// Whether this is a port whose id of 32 bits is beyond those 28 that ids had.
    pub(crate) fn is_wide_port(&self) -> bool {
        let port = Reader::new(&self.bytes).port();
        !self.starts_with(b"x") && port.is_ok_and(|port| port.id() >= 1 << 28)
    }

    /// Whether a length says more than the buffer holds.
    pub(crate) fn is_cut_off(&self) -> bool {
        matches!(
            Reader::new(&self.bytes).skip(),
            Err(DecodeError::Truncated | DecodeError::IntegerTooLarge | DecodeError::BadArity(_))
        )
    }

    /// Whether what the first tag counts stays within the buffer.
    pub(crate) fn is_bounded(&self) -> bool {
        const COUNTED: &[u8] = b"MilmoptuC";
        match self.bytes[..] {
            [first, a, b, c, d, ..] if COUNTED.contains(&first) => {
                u32::from_be_bytes([a, b, c, d]) < PADDING as u32
            }
            _ => true,
        }
    }
}

/// Records print as `#module:name{...}`.
fn has_record(term: &Term) -> bool {
    let text = term.to_string();
    let mut after = text.split('#').skip(1).map(|rest| rest.chars().next());
    after.any(|next| next.is_some_and(|next| next.is_ascii_lowercase() || next == '\''))
}

/// The vectors of the releases that this one can read, without version bytes, and random terms.
pub(crate) fn terms() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        include_str!("../../../../etf/tests/vectors/otp25.txt"),
        include_str!("../../../../etf/tests/vectors/otp27.txt"),
        include_str!("../../../../etf/tests/vectors/otp29.txt"),
    ]
    .iter()
    .flat_map(|file| file.lines().skip(1))
    .map(|line| line.split('\t').collect::<Vec<_>>())
    .filter(|fields| !fields[1].contains("local") && !fields[1].contains("compressed"))
    .map(|fields| bytes_of(fields[2])[1..].to_vec())
    .collect();
    let mut runner = TestRunner::deterministic();
    let random = terms::term_of(27);
    all.extend((0..2000).map(|_| {
        let term = random.new_tree(&mut runner).expect("a term").current();
        to_vec(&term).expect("a term")[1..].to_vec()
    }));
    all.extend(old_forms());
    all.sort();
    all.dedup();
    all
}

/// Forms that no release writes any more, and some that none ever wrote.
fn old_forms() -> Vec<Vec<u8>> {
    let mut float = b"c1.50000000000000000000e+00".to_vec();
    float.resize(32, 0);
    let atom = b"d\0\x03a@b";
    let with = |head: &[u8], tail: &[u8]| [head, atom, tail].concat();
    vec![
        float,
        with(b"e", b"\0\0\0\x07\xff"),
        with(b"f", b"\0\0\0\x07\xff"),
        with(b"g", b"\0\0\0\x07\0\0\0\x01\xff"),
        with(b"r\0\x03", b"\xff\0\0\0\x01\0\0\0\x02\0\0\0\x03"),
        with(b"Z\0\0", b"\0\0\0\x01"),
        [
            &b"u\0\0\0\x01"[..],
            &with(b"g", b"\0\0\0\x07\0\0\0\x01\x03"),
            b"w\x01ma\x01b\0\x01\0\0a\x01",
        ]
        .concat(),
        b"s\x03\xe5b\xff".to_vec(),
        b"w\x02\xc0\x80".to_vec(),
        b"w\x03\xed\xa0\x80".to_vec(),
        b"n\0\0".to_vec(),
        b"n\0\x01".to_vec(),
        b"n\x0a\x01\x05\0\0\0\0\0\0\0\0\0".to_vec(),
        b"n\x08\x01\0\0\0\0\0\0\0\x80".to_vec(),
        b"n\x08\x01\x01\0\0\0\0\0\0\x80".to_vec(),
        b"n\x04\0\x01\x02\x03\x04".to_vec(),
        b"o\0\0\0\x01\0\x07".to_vec(),
        b"l\0\0\0\0a\x01".to_vec(),
        b"l\0\0\0\0j".to_vec(),
        b"M\0\0\0\0\0".to_vec(),
        b"M\0\0\0\x01\x08\xff".to_vec(),
        b"i\0\0\0\x01a\x01".to_vec(),
        b"l\0\0\0\x03a\x01a\xffa\x30j".to_vec(),
        b"l\0\0\0\x02a\x01b\0\0\x01\0j".to_vec(),
        b"l\0\0\0\x03k\0\x02abm\0\0\0\x01cl\0\0\0\x01a\x01m\0\0\0\x01dm\0\0\0\x01e".to_vec(),
        b"l\0\0\0\x02m\0\0\0\x01cw\x01ak".to_vec(),
        b"l\0\0\0\x01a\x01a\x02".to_vec(),
        b"h\x05b\0\0\x10\0a\x01b\xff\xff\xff\xfegw\x03a@b\0\0\0\x01\0\0\0\x02\x01a\x09".to_vec(),
        b"h\x05a\0a\x01a\x02Xw\x03a@b\0\0\0\x01\0\0\0\x02\0\0\0\x03a\x09".to_vec(),
    ]
}

/// The cases of one term: itself, what begins at its later bytes, and itself with bytes changed.
pub(crate) fn cases(term: &[u8]) -> impl Iterator<Item = Case> {
    let mut random = Random(term.iter().fold(term.len() as u64 + 1, |seed, &byte| {
        seed.wrapping_mul(31).wrapping_add(byte.into())
    }));
    let tails = (0..term.len().min(12)).map(|at| term[at..].to_vec());
    let changed: Vec<_> = (0..8)
        .map(|_| {
            let mut bytes = term.to_vec();
            let at = random.below(bytes.len().min(24));
            bytes[at] = match random.below(4) {
                0 => TAGS[random.below(TAGS.len())],
                1 => bytes[at].wrapping_add(1),
                2 => [0, 1, 127, 128, 255][random.below(5)],
                _ => random.below(256) as u8,
            };
            bytes
        })
        .collect();
    // OTP reads as far as a fun says that it goes, whether that is so or not.
    let changed = changed
        .into_iter()
        .filter(|bytes| !bytes.contains(&tag::NEW_FUN_EXT));
    tails.chain(changed).map(|bytes| Case::new(&bytes))
}

const TAGS: &[u8] = b"CFMXYZabcdefghijklmnopqrstuvwxy";

/// Runs a test with a stack on which OTP's library can recurse as deep as the terms here are.
pub(crate) fn with_deep_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(1 << 30).spawn(test);
    if let Err(panic) = thread.expect("a thread").join() {
        std::panic::resume_unwind(panic);
    }
}

/// The same numbers in every run: xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }
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
