//! What a hostile peer may send, and what must come of it: an error that says what was wrong, in
//! memory in proportion to the bytes, on a small stack, without a panic.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::thread;

use einode_etf::{
    Atom, Count, DecodeError, Integer, Kind, MAX_MAGNITUDE, Reader, Term, Writer, from_slice, term,
};
use proptest::prelude::*;

/// Counts what each thread has allocated.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

impl Counting {
    fn add(bytes: usize) {
        let held = HELD.get() + bytes;
        HELD.set(held);
        PEAK.set(PEAK.get().max(held));
    }

    fn remove(bytes: usize) {
        // What another thread has allocated may be freed by this one.
        HELD.set(HELD.get().saturating_sub(bytes));
    }
}

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        Self::remove(layout.size());
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old block may live until the new one is there.
        Self::add(size);
        Self::remove(layout.size());
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most memory that this thread held at once while `work` ran, beyond what it held before.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    (result, PEAK.get() - before)
}

/// How many bytes of memory a byte of input may take, at most. A list of `[]` takes 24 bytes for each
/// of its own; a container within a container takes two bytes, and then a place among those that are
/// open, whose number doubles when there is no room for more.
const FACTOR: usize = 64;

/// What may be allocated for the smallest of inputs.
const SLACK: usize = 1024;

/// Runs `work` on a stack that has no room for a frame for each of a million levels.
fn on_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 << 10).spawn(work);
    thread.unwrap().join().unwrap();
}

const DEPTH: usize = 1_000_000;

/// `DEPTH` levels of a container around `[]`.
fn nested(before: &[u8], after: &[u8]) -> Vec<u8> {
    let mut bytes = before.repeat(DEPTH);
    bytes.push(b'j');
    bytes.extend(after.repeat(DEPTH));
    bytes
}

/// All that can be done with a term, done with a deep one.
fn survives(bytes: Vec<u8>) {
    on_small_stack(move || {
        let mut reader = Reader::new(&bytes);
        let (term, peak) = peak_of(|| reader.term().unwrap());
        assert!(reader.is_empty());
        assert!(peak < FACTOR * bytes.len(), "{peak} of {}", bytes.len());

        let mut reader = Reader::new(&bytes);
        assert_eq!(peak_of(|| reader.skip()), (Ok(()), 0));
        assert!(reader.is_empty());
        let raw = Reader::new(&bytes).raw().unwrap();
        assert_eq!(raw.bytes(), bytes);
        raw.view().unwrap();

        let copy = term.clone();
        assert_eq!(copy, term);
        assert!(copy.cmp(&term).is_eq() && copy.compare(&term).is_eq());
        let hash = |term: &Term| {
            let mut hasher = DefaultHasher::new();
            term.hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(hash(&copy), hash(&term));
        drop(copy);

        let mut writer = Writer::new(Count::default());
        writer.term(&term).unwrap();
        assert_eq!(writer.into_inner().bytes(), bytes.len());
        let mut writer = Writer::new(Vec::new());
        writer.term(&term).unwrap();
        assert!(writer.into_inner() == bytes);

        let text = term.to_string();
        let mut debugged = Length(0);
        write!(debugged, "{term:?}").unwrap();
        assert_eq!(debugged.0, text.len());
        // Funs and records have no syntax.
        if !matches!(term.kind(), Kind::Fun | Kind::Record) {
            let (read, peak) = peak_of(|| text.parse::<Term>());
            assert!(read.as_ref() == Ok(&term));
            assert!(peak < FACTOR * text.len(), "{peak} of {}", text.len());
        }
    });
}

/// Counts what is written.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

#[test]
fn deep_tuples() {
    survives(nested(b"h\x01", b""));
}

#[test]
fn deep_lists() {
    survives(nested(b"l\0\0\0\x01", b"j"));
}

#[test]
fn deep_improper_lists() {
    survives(nested(b"l\0\0\0\x01", b"w\x01a"));
}

#[test]
fn deep_map_values() {
    survives(nested(b"t\0\0\0\x01a\x01", b""));
}

#[test]
fn deep_map_keys() {
    survives(nested(b"t\0\0\0\x01", b"a\x01"));
}

#[test]
fn deep_records() {
    survives(nested(b"C\0\0\0\x01\0w\x01mw\x01rw\x01f", b""));
}

#[test]
fn deep_funs() {
    let level = 1 + 4 + 1 + 16 + 4 + 4 + 3 + 2 + 2 + (1 + 3 + 12);
    let mut bytes = Vec::with_capacity(DEPTH * level + 1);
    for depth in (0..DEPTH).rev() {
        let size = (depth * level + level - 1 + 1) as u32;
        bytes.push(b'p');
        bytes.extend(size.to_be_bytes());
        bytes.extend([0; 1 + 16 + 4]);
        bytes.extend(1_u32.to_be_bytes());
        bytes.extend(b"w\x01ma\x00a\x00Xw\x01n");
        bytes.extend([0; 12]);
    }
    bytes.push(b'j');
    survives(bytes);
}

#[test]
fn tails_that_go_on_and_on() {
    on_small_stack(|| {
        // [1|[1|[1|…]]] is one list, in bytes as in text.
        let mut bytes = b"l\0\0\0\x01a\x01".repeat(DEPTH);
        bytes.push(b'j');
        let (term, peak) = peak_of(|| Reader::new(&bytes).term().unwrap());
        assert!(peak < FACTOR * bytes.len());
        assert_eq!(term.as_list().unwrap().len(), DEPTH);
        assert_eq!(Reader::new(&bytes).skip(), Ok(()));
        assert_eq!(
            from_slice::<Vec<u8>>(&[b"\x83", &bytes[..]].concat()),
            Ok(vec![1; DEPTH])
        );
        let text = format!("{}a{}", "[1|".repeat(DEPTH), "]".repeat(DEPTH));
        let term: Term = text.parse().unwrap();
        assert_eq!(term.as_list().unwrap().len(), DEPTH);
        assert_eq!(term.as_list().unwrap().tail(), Some(&term!(a)));
    });
}

#[test]
fn deep_text_that_never_ends() {
    on_small_stack(|| {
        for open in [
            "[", "{", "#{", "[a|", "#{a=>", "{\"\",", "<<", "(", "'", "\"", "$", "-", "#",
        ] {
            let text = open.repeat(DEPTH);
            let (read, peak) = peak_of(|| text.parse::<Term>());
            assert!(read.is_err(), "{open}");
            assert!(
                peak < FACTOR * text.len(),
                "{open}: {peak} of {}",
                text.len()
            );
        }
    });
}

/// Refused by all ways to read a term, with hardly any memory.
fn refused(bytes: &[u8], expected: DecodeError) {
    let (read, peak) = peak_of(|| Reader::new(bytes).term());
    assert_eq!(read, Err(expected), "{bytes:?}");
    assert!(peak < SLACK, "{peak} for {bytes:?}");
    let (skipped, peak) = peak_of(|| Reader::new(bytes).skip());
    assert_eq!((skipped, peak), (Err(expected), 0), "{bytes:?}");
    assert_eq!(Reader::new(bytes).raw().err(), Some(expected), "{bytes:?}");
    assert_eq!(Reader::new(bytes).view().err(), Some(expected), "{bytes:?}");
}

/// Refused when it is decoded; [`Reader::skip`] does not look that close, but survives.
fn refused_when_decoded(bytes: &[u8], expected: DecodeError) {
    let (read, peak) = peak_of(|| Reader::new(bytes).term());
    assert_eq!(read, Err(expected), "{bytes:?}");
    assert!(peak < SLACK, "{peak} for {bytes:?}");
    let mut reader = Reader::new(bytes);
    assert_eq!(reader.skip(), Ok(()), "{bytes:?}");
    assert!(reader.is_empty());
}

#[test]
fn counts_that_nothing_backs() {
    // What follows the tag, before the elements.
    let after_tag: [(u8, &[u8]); 11] = [
        (b'i', b""),
        (b'l', b""),
        (b't', b""),
        (b'm', b""),
        (b'M', b"\x03"),
        (b'C', b"\0w\x01mw\x01r"),
        (b'u', b"Xw\x01n\0\0\0\0\0\0\0\0\0\0\0\0w\x01ma\0a\0"),
        (b'v', b""),
        (b'd', b""),
        (b'k', b""),
        (b'h', b""),
    ];
    for (tag, rest) in after_tag {
        for count in [100, 1 << 16, 1 << 31, u32::MAX - 1, u32::MAX] {
            let mut bytes = vec![tag];
            match tag {
                b'v' | b'd' | b'k' => bytes.extend((count.min(0xffff) as u16).to_be_bytes()),
                b'h' => bytes.push(count.min(0xff) as u8),
                _ => bytes.extend(count.to_be_bytes()),
            }
            bytes.extend(rest);
            // Some elements, or some of their bytes.
            for _ in 0..20 {
                refused(&bytes, DecodeError::Truncated);
                bytes.extend(b"w\x01a");
            }
        }
    }
    // Free variables of a fun.
    let mut fun = b"p\0\0\0\x29".to_vec();
    fun.extend([0; 1 + 16 + 4]);
    let free_at = fun.len();
    fun.extend(b"\0\0\0\0w\x01ma\0a\0Xw\x01n\0\0\0\0\0\0\0\0\0\0\0\0");
    assert!(Reader::new(&fun).term().is_ok());
    for count in [1, 1 << 31, u32::MAX] {
        fun[free_at..free_at + 4].copy_from_slice(&u32::to_be_bytes(count));
        refused(&fun, DecodeError::Truncated);
    }
    // More than an integer may have, whether the bytes are there or not.
    refused(b"o\xff\xff\xff\xff\0abc", DecodeError::IntegerTooLarge);
    refused(b"o\x80\0\0\0\0abc", DecodeError::IntegerTooLarge);
    refused(b"o\0\0\xff\xff\0abc", DecodeError::Truncated);
    refused(b"n\xff\0abc", DecodeError::Truncated);
    // More than a tuple may have, though the bytes are there.
    let mut bytes = b"i\x01\0\0\0".to_vec();
    bytes.resize(5 + (1 << 24), b'j');
    refused(&bytes, DecodeError::BadArity(1 << 24));
}

#[test]
fn counts_that_fit_alone_but_not_together() {
    for (tag, elements_of_one) in [(b'i', 1), (b'l', 1), (b't', 2)] {
        // Each claims as many elements as there are bytes after it.
        let total = 200_000;
        let mut bytes = Vec::new();
        while bytes.len() + 5 < total {
            let ahead = (total - bytes.len() - 5) as u32;
            bytes.push(tag);
            bytes.extend((ahead / elements_of_one).to_be_bytes());
        }
        bytes.resize(total, b'j');
        let (read, peak) = peak_of(|| Reader::new(&bytes).term());
        assert_eq!(read, Err(DecodeError::Truncated));
        assert!(peak < FACTOR * total, "{peak}");
        assert_eq!(Reader::new(&bytes).skip(), Err(DecodeError::Truncated));
    }
}

#[test]
fn memory_is_in_proportion() {
    let dense: [(&[u8], &[u8], &[u8]); 6] = [
        (b"l\0\x10\0\0", b"j", b"j"),
        (b"l\0\x10\0\0", b"h\0", b"j"),
        (b"l\0\x10\0\0", b"m\0\0\0\0", b"j"),
        (b"l\0\x10\0\0", b"w\0", b"j"),
        (b"l\0\x10\0\0", b"Xw\0\0\0\0\0\0\0\0\0\0\0\0\0", b"j"),
        (b"l\0\x10\0\0", b"l\0\0\0\x01a\0j", b"j"),
    ];
    for (before, element, after) in dense {
        let bytes = [before, &element.repeat(0x10_0000), after].concat();
        let (read, peak) = peak_of(|| Reader::new(&bytes).term());
        assert!(read.is_ok());
        assert!(
            peak < 32 * bytes.len(),
            "{peak} of {} for {element:?}",
            bytes.len()
        );
    }
}

#[test]
fn odd_integers_are_read_by_value() {
    let read = |bytes: &[u8]| Reader::new(bytes).term();
    assert_eq!(read(b"n\0\0"), Ok(term!(0)));
    assert_eq!(read(b"n\0\x01"), Ok(term!(0)));
    assert_eq!(read(b"n\x03\x01\0\0\0"), Ok(term!(0)));
    assert_eq!(read(b"n\x09\x01\x01\0\0\0\0\0\0\0\0"), Ok(term!(-1)));
    assert_eq!(read(b"o\0\0\0\0\0"), Ok(term!(0)));
    assert_eq!(read(b"o\0\0\0\x02\x07\x01\0"), Ok(term!(-1)));
    let mut largest = b"o\0\x80\0\0\0".to_vec();
    largest.resize(6 + MAX_MAGNITUDE, 1);
    let (value, peak) = peak_of(|| read(&largest));
    assert!(peak < 2 * largest.len());
    let text = value.unwrap().to_string();
    assert_eq!(text.len(), "16#".len() + 2 * MAX_MAGNITUDE - 1);
    largest[1..5].copy_from_slice(&(MAX_MAGNITUDE as u32 + 1).to_be_bytes());
    largest.push(1);
    refused(&largest, DecodeError::IntegerTooLarge);
}

#[test]
fn bits_of_the_last_byte() {
    for bits in [0, 9, 255] {
        refused(&[b'M', 0, 0, 0, 1, bits, 0xff], DecodeError::BadBits(bits));
    }
    refused(b"M\0\0\0\0\x07", DecodeError::BadBits(7));
    assert_eq!(Reader::new(b"M\0\0\0\x01\x08a").term(), Ok(term!(<<"a">>)));
}

#[test]
fn atoms_that_are_none() {
    refused_when_decoded(
        &[b"v\x01\0", &[b'a'; 256][..]].concat(),
        DecodeError::BadAtom,
    );
    refused_when_decoded(
        &[b"d\x01\0", &[b'a'; 256][..]].concat(),
        DecodeError::BadAtom,
    );
    refused_when_decoded(
        &[b"v\x02\0", "å".repeat(256).as_bytes()].concat(),
        DecodeError::BadAtom,
    );
    for name in ["\u{10ffff}".repeat(255), "a".repeat(255)] {
        let length = (name.len() as u16).to_be_bytes();
        let bytes = [b"v", &length[..], name.as_bytes()].concat();
        let atom = Atom::new(&name).unwrap();
        assert_eq!(Reader::new(&bytes).atom(), Ok(atom));
    }
    for name in [
        &b"\xff"[..],
        b"\x80",
        b"a\xc3",
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
    ] {
        let bytes = [b"w", &[name.len() as u8][..], name].concat();
        refused_when_decoded(&bytes, DecodeError::BadAtom);
        // Any bytes are Latin-1.
        let bytes = [b"s", &[name.len() as u8][..], name].concat();
        assert!(Reader::new(&bytes).atom().is_ok());
    }
    refused(b"R\0", DecodeError::NoSuchAtom(0));
    let atoms = [Atom::from_static("a")];
    let read = |bytes| Reader::with_atoms(bytes, &atoms).term();
    assert_eq!(read(b"R\0"), Ok(term!(a)));
    assert_eq!(read(b"R\x01"), Err(DecodeError::NoSuchAtom(1)));
    assert_eq!(read(b"R\xff"), Err(DecodeError::NoSuchAtom(255)));
}

#[test]
fn floats_that_are_no_numbers() {
    for value in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused_when_decoded(
            &[b"F", &value.to_be_bytes()[..]].concat(),
            DecodeError::BadFloat,
        );
    }
    let text = |text: &[u8]| {
        let mut bytes = b"c".to_vec();
        bytes.extend(text);
        bytes.resize(32, 0);
        bytes
    };
    assert_eq!(
        Reader::new(&text(b"1.50000000000000000000e+00")).float(),
        Ok(1.5)
    );
    for bad in [
        &b""[..],
        b"inf",
        b"nan",
        b"-infinity",
        b"1e999",
        b"0x10",
        b"1.5x",
        b"\xff",
        b"e",
    ] {
        refused_when_decoded(&text(bad), DecodeError::BadFloat);
    }
    // No NUL ends it: it ends with its field.
    assert_eq!(
        Reader::new(&text(&[b'1'; 31])).float(),
        Ok(1.111_111_111_111_111e30)
    );
    refused_when_decoded(&text(&[b'x'; 31]), DecodeError::BadFloat);
}

#[test]
fn maps_with_a_key_twice() {
    refused_when_decoded(
        b"t\0\0\0\x02a\x01a\x02a\x01a\x02",
        DecodeError::DuplicateKey,
    );
    // The same integer in two forms.
    refused_when_decoded(
        b"t\0\0\0\x02a\x01a\x02b\0\0\0\x01a\x02",
        DecodeError::DuplicateKey,
    );
    let both = b"t\0\0\0\x02a\x01j\x46\x3f\xf0\0\0\0\0\0\0j";
    assert_eq!(Reader::new(both).term(), Ok(term!(#{1 => [], 1.0 => []})));
}

#[test]
fn references_of_no_and_of_too_many_words() {
    for tag in [b'r', b'Z'] {
        for words in [0, 6, 255, u16::MAX] {
            let mut bytes = vec![tag];
            bytes.extend(words.to_be_bytes());
            bytes.extend(b"w\x01n\0\0\0\0");
            bytes.extend([0; 24]);
            refused(&bytes, DecodeError::BadReference(words));
        }
    }
}

#[test]
fn tags_that_start_no_term() {
    let mut unknown = 0;
    for tag in 0..=u8::MAX {
        let bytes = [tag, 0, 0, 0, 0, 0, 0, 0];
        if Kind::of_tag(tag).is_none() {
            unknown += 1;
            refused(&bytes, DecodeError::UnknownTag(tag));
            refused(
                &[b"h\x02j", &bytes[..]].concat(),
                DecodeError::UnknownTag(tag),
            );
            assert_eq!(
                Reader::new(&bytes).kind(),
                Err(DecodeError::UnknownTag(tag))
            );
            assert_eq!(
                Reader::new(&bytes).atom(),
                Err(DecodeError::UnknownTag(tag))
            );
        } else {
            assert_ne!(
                Reader::new(&bytes).term(),
                Err(DecodeError::UnknownTag(tag))
            );
        }
    }
    assert_eq!(unknown, 256 - 31);
    refused(&[], DecodeError::Truncated);
}

#[test]
fn records_are_understood() {
    let bytes = b"\x83C\0\0\0\x01\x01w\x01mw\x01rw\x01fa\x07";
    let term: Term = from_slice(bytes).unwrap();
    let record = term.as_record().unwrap();
    assert!(record.is_exported());
    assert_eq!(record.get("f"), Some(&term!(7)));
    assert_eq!(term.to_bytes().unwrap(), bytes);
    refused(
        b"C\0\0\0\x01\x01a\x01w\x01rw\x01fa\x07",
        DecodeError::Expected {
            expected: Kind::Atom,
            found: b'a',
        },
    );
    refused(
        b"C\0\0\0\x01\x01w\x01mw\x01ra\x01a\x07",
        DecodeError::Expected {
            expected: Kind::Atom,
            found: b'a',
        },
    );
}

#[test]
fn parts_of_identifiers_of_the_wrong_kind() {
    let atom = DecodeError::Expected {
        expected: Kind::Atom,
        found: b'a',
    };
    for bytes in [
        &b"Xa\x01"[..],
        b"ga\x01",
        b"xa\x01",
        b"Ya\x01",
        b"fa\x01",
        b"ea\x01",
        b"qa\x01",
    ] {
        refused(&[bytes, &[0; 20]].concat(), atom);
    }
    refused(&[&b"Z\0\x01a\x01"[..], &[0; 20]].concat(), atom);
    refused_when_decoded(b"qw\x01mw\x01fb\0\0\x01\0", DecodeError::OutOfRange);
    let integer = DecodeError::Expected {
        expected: Kind::Integer,
        found: b'j',
    };
    refused(b"qw\x01mw\x01fj", integer);
}

#[test]
fn compressed_terms_where_they_do_not_belong() {
    // Within a term, or on a link, there is no compression.
    refused(
        b"P\0\0\0\x02x\x9c\x4b\x64\x04\0\0\xc4\0\x63",
        DecodeError::UnknownTag(80),
    );
    #[cfg(not(feature = "compressed"))]
    assert_eq!(
        Term::from_bytes(b"\x83P\0\0\0\x02x\x9c\x4b\x64\x04\0\0\xc4\0\x63"),
        Err(DecodeError::UnknownTag(80))
    );
}

#[cfg(feature = "compressed")]
#[test]
fn compression_bombs() {
    use einode_etf::{Binary, compressed};

    let bomb = compressed::deflate(&Binary(vec![0; 64 << 20])).unwrap();
    assert!(bomb.len() < 100_000);
    let limit = 1 << 20;
    let (inflated, peak) = peak_of(|| compressed::inflate(&bomb, limit).map(|plain| plain.len()));
    assert_eq!(inflated, Err(DecodeError::BadCompression));
    assert!(peak < SLACK, "{peak}");
    // It announces less than it has.
    let mut modest = bomb.clone();
    modest[2..6].copy_from_slice(&(limit as u32).to_be_bytes());
    let (inflated, peak) = peak_of(|| compressed::inflate(&modest, limit).map(|plain| plain.len()));
    assert_eq!(inflated, Err(DecodeError::BadCompression));
    assert!(peak < 4 * limit, "{peak}");
    // It announces more than it has.
    let mut boastful = compressed::deflate(&vec![Some(300); 1000]).unwrap();
    boastful[2..6].copy_from_slice(&u32::MAX.to_be_bytes());
    let (inflated, peak) =
        peak_of(|| compressed::inflate(&boastful, usize::MAX).map(|plain| plain.len()));
    assert_eq!(inflated, Err(DecodeError::BadCompression));
    assert!(peak < 128 << 10, "{peak}");
}

/// Terms of all forms, old ones too.
fn corpus() -> Vec<Vec<u8>> {
    let fun = [
        &b"p\0\0\0\x3f\x01"[..],
        &[7; 16],
        b"\0\0\0\x05\0\0\0\x01w\x01ma\x05b\0\x01\0\0Xw\x01n\0\0\0\x01\0\0\0\0\0\0\0\x01h\x01a\x01",
    ];
    let mut corpus: Vec<Vec<u8>> = [
        &b"a\x01"[..],
        b"b\xff\xff\xff\xff",
        b"n\x09\x01123456789",
        b"o\0\0\0\x09\x01123456789",
        b"F\x3f\xf0\0\0\0\0\0\0",
        b"c1.5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"w\x02ok",
        b"v\0\x02ok",
        b"s\x02ok",
        b"d\0\x02ok",
        b"k\0\x03abc",
        b"m\0\0\0\x03abc",
        b"M\0\0\0\x03\x05abc",
        b"j",
        b"h\x02a\x01h\0",
        b"i\0\0\0\x02a\x01h\0",
        b"l\0\0\0\x02a\x01l\0\0\0\x01jjj",
        b"l\0\0\0\x02a\x01l\0\0\0\x01jjk\0\x01a",
        b"l\0\0\0\x01a\x01a\x02",
        b"t\0\0\0\x02a\x01jjt\0\0\0\0",
        b"Xw\x01n\0\0\0\x01\0\0\0\0\0\0\0\x01",
        b"gd\0\x01n\0\0\0\x01\0\0\0\0\x01",
        b"xw\x01n\0\0\0\0\0\0\0\x01\0\0\0\x01",
        b"Yw\x01n\0\0\0\x01\0\0\0\x01",
        b"fd\0\x01n\0\0\0\x01\x01",
        b"Z\0\x03w\x01n\0\0\0\x01\0\0\0\x01\0\0\0\x02\0\0\0\x03",
        b"r\0\x03d\0\x01n\x01\0\0\0\x01\0\0\0\x02\0\0\0\x03",
        b"ed\0\x01n\0\0\0\x01\x01",
        b"qw\x01mw\x01fa\x03",
        b"u\0\0\0\x01Xw\x01n\0\0\0\x01\0\0\0\0\0\0\0\x01w\x01ma\x01a\x02h\x01a\x01",
        b"C\0\0\0\x02\x01w\x01mw\x01rw\x01fw\x01gh\x01a\x01j",
    ]
    .map(<[u8]>::to_vec)
    .into();
    corpus.push(fun.concat());
    let all = corpus.concat();
    corpus.push([b"h", &[corpus.len() as u8][..], &all].concat());
    corpus
}

#[test]
fn every_truncation_is_refused() {
    for bytes in corpus() {
        let term = Reader::new(&bytes).term().unwrap();
        let mut reader = Reader::new(&bytes);
        reader.skip().unwrap();
        assert!(reader.is_empty());
        for length in 0..bytes.len() {
            let cut = &bytes[..length];
            assert_eq!(
                Reader::new(cut).term(),
                Err(DecodeError::Truncated),
                "{term} cut to {length}"
            );
            assert_eq!(
                Reader::new(cut).skip(),
                Err(DecodeError::Truncated),
                "{term} cut to {length}"
            );
            assert!(Reader::new(cut).view().is_err());
        }
    }
}

/// What can be read in any way at all, without a panic and in bounded memory.
fn read_all_ways(bytes: &[u8]) {
    let (term, peak) = peak_of(|| Reader::new(bytes).term());
    assert!(peak < FACTOR * bytes.len() + SLACK, "{peak} for {bytes:?}");
    let mut reader = Reader::new(bytes);
    let skipped = reader.skip();
    if let Ok(term) = term {
        assert_eq!(skipped, Ok(()));
        let whole = &bytes[..reader.position()];
        assert_eq!(Reader::new(whole).term().as_ref(), Ok(&term));
        let written = term.to_bytes().unwrap();
        assert_eq!(from_slice::<Term>(&written).as_ref(), Ok(&term));
        let _ = (term.to_string(), format!("{:?}", Reader::new(whole).view()));
    }
    let _ = from_slice::<Vec<Option<(i64, String)>>>(bytes);
    let _ = Reader::new(bytes).decode::<std::collections::BTreeMap<Integer, f64>>();
    let _ = (
        Reader::new(bytes).pid(),
        Reader::new(bytes).bits(),
        Reader::new(bytes).atom(),
    );
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all_ways(&bytes);
    }

    #[test]
    fn damaged_terms_are_survived(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let corpus = corpus();
        let mut bytes = corpus[which.index(corpus.len())].clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_all_ways(&bytes);
    }
}
