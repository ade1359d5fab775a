//! Random terms.
//!
//! Each function gives a proptest strategy; [`sample`] draws from one without proptest's macros,
//! for tests that hand many terms to a node at once.

use einode_etf::{Atom, BitStr, Export, Integer, Pid, Port, Reference, Term};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Any term that a node of the newest release can hold.
pub fn term() -> BoxedStrategy<Term> {
    term_of(u32::MAX)
}

/// Any term that a node of this OTP release can hold.
///
/// Wide identifiers and the one encoding of ports came with OTP 24, native records with OTP 29.
pub fn term_of(release: u32) -> BoxedStrategy<Term> {
    nested(
        prop_oneof![4 => plain_leaf(), 1 => identity(release)].boxed(),
        release,
    )
}

/// Any term that can be written in Erlang's syntax: no identifiers, no local funs, no records.
pub fn plain() -> BoxedStrategy<Term> {
    nested(plain_leaf(), 0)
}

/// Small terms of few values, close to each other: two of them are often of one type, often equal,
/// and often differ in one place only.
///
/// Only what a node of this OTP release can hold.
pub fn close(release: u32) -> BoxedStrategy<Term> {
    let two_to_53 = 1_i64 << 53;
    let integers = [
        0,
        1,
        -1,
        2,
        two_to_53 - 1,
        two_to_53,
        two_to_53 + 1,
        two_to_53 + 2,
        i64::MAX,
    ];
    let floats = [
        0.0,
        1.0,
        -1.0,
        1.5,
        9007199254740992.0,
        9007199254740994.0,
        9.3e18,
        1e300,
        -1e300,
    ];
    let mut leaves: Vec<Term> = integers.into_iter().map(Term::from).collect();
    leaves.extend(floats.into_iter().filter_map(Term::float));
    leaves.extend(["", "a", "ab", "b"].map(|name| atom_named(name).into()));
    leaves.extend([&b""[..], b"a", b"ab", b"b", &[0], &[1]].map(Term::binary));
    leaves
        .extend([(0, 1), (128, 1), (128, 2), (160, 3)].map(|(byte, bits)| bits_of(&[byte], bits)));
    leaves.extend(["", "a", "ab", "b"].map(Term::string));
    leaves.extend([u128::MAX, 1 << 64].map(Term::from));
    leaves.extend([-(1_i128 << 64), i128::MIN].map(Term::from));
    for node in ["a@b", "b@a"] {
        for (id, serial, creation) in [(1, 0, 1), (1, 0, 2), (1, 1, 1), (2, 0, 1)] {
            leaves.push(Pid::new(atom_named(node), id, serial, creation).into());
            let port = Port::new(atom_named(node), (id + serial).into(), creation);
            leaves.extend((release >= 24).then_some(Term::from(port)));
            leaves.extend([&[id, 2, serial][..], &[serial, id, 3]].map(|words| {
                Reference::new(atom_named(node), creation, words)
                    .expect("three words")
                    .into()
            }));
        }
        for arity in [0, 1] {
            let (module, function) = (atom_named(node), atom_named("f"));
            leaves.push(
                Export {
                    module,
                    function,
                    arity,
                }
                .into(),
            );
        }
    }
    select(leaves)
        .prop_recursive(3, 12, 3, |element| {
            prop_oneof![
                vec(element.clone(), 0..3).prop_map(Term::tuple),
                vec(element.clone(), 0..3).prop_map(Term::list),
                (vec(element.clone(), 1..3), element.clone())
                    .prop_map(|(e, t)| Term::improper(e, t)),
                vec((element.clone(), element), 0..3).prop_map(map),
            ]
        })
        .boxed()
}

/// A term within so many tuples, lists and maps that recursion would exhaust a stack.
pub fn deep() -> BoxedStrategy<Term> {
    (plain_leaf(), vec(0..4_u8, 1_000..100_000))
        .prop_map(|(leaf, layers)| {
            layers.into_iter().fold(leaf, |inner, layer| match layer {
                0 => Term::tuple(vec![inner]),
                1 => Term::list(vec![inner]),
                2 => Term::improper(vec![inner], atom_named("tail").into()),
                _ => map(vec![(Term::from(1), inner)]),
            })
        })
        .boxed()
}

/// A list of more than 65535 bytes, which no longer fits STRING_EXT, or one of about that length.
pub fn long_string() -> BoxedStrategy<Term> {
    vec(any::<u8>(), 65_530..65_560)
        .prop_map(bytes_as_list)
        .boxed()
}

/// Integers, mostly at the edges of what processors, codecs and the BEAM treat specially.
pub fn integer() -> BoxedStrategy<Integer> {
    let edge = (
        select(vec![
            7, 8, 15, 16, 27, 28, 31, 32, 47, 53, 59, 60, 63, 64, 126,
        ]),
        -2..=2_i128,
    )
        .prop_flat_map(|(power, delta)| {
            let value = (1_i128 << power).saturating_add(delta);
            prop_oneof![Just(value), Just(-value)]
        });
    let big = (any::<bool>(), vec(any::<u8>(), 0..300))
        .prop_map(|(negative, magnitude)| Integer::from_sign_magnitude(negative, &magnitude));
    prop_oneof![
        4 => any::<i8>().prop_map(Integer::from),
        4 => edge.prop_map(Integer::from),
        2 => any::<i64>().prop_map(Integer::from),
        1 => big,
    ]
    .boxed()
}

/// Finite floats, except for the negative zero: whether that equals the positive one depends on the
/// release (since OTP 27 it does not).
pub fn float() -> BoxedStrategy<f64> {
    let edges = vec![
        0.0,
        0.1,
        0.3,
        1.0,
        1.5,
        1e15,
        1e16,
        1e21,
        1e22,
        1e23,
        5e-324,
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        f64::MIN_POSITIVE,
        2147483648.0,
        4503599627370496.5,
        9007199254740992.0,
        1e-5,
        1e-4,
        123456.789,
    ];
    prop_oneof![
        select(edges),
        any::<i32>().prop_map(f64::from),
        any::<u64>()
            .prop_map(f64::from_bits)
            .prop_filter("finite", |value| value.is_finite()),
    ]
    .prop_map(|value| if value == 0.0 { 0.0 } else { value })
    .boxed()
}

/// Atoms of any text of up to 255 characters, mostly short ones, but without U+FFFE and U+FFFF, for
/// which Erlang has no syntax.
pub fn atom() -> BoxedStrategy<Atom> {
    let texts = prop_oneof![
        4 => "[a-z][a-zA-Z0-9_@]{0,8}",
        1 => select(vec!["ok", "true", "undefined", "if", "", "Upper", "_", "a b", "it's", "\\"])
            .prop_map(str::to_owned),
        1 => "[a-zà-ÿ]{1,3}",
        1 => vec(character(), 0..8).prop_map(String::from_iter),
        1 => vec(character(), 250..=255).prop_map(String::from_iter),
    ];
    texts.prop_map(|text| atom_named(&text)).boxed()
}

/// Draws `count` values.
pub fn sample<T: std::fmt::Debug>(strategy: &BoxedStrategy<T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::default();
    let mut draw = || {
        strategy
            .new_tree(&mut runner)
            .expect("a value without conditions")
            .current()
    };
    std::iter::repeat_with(&mut draw).take(count).collect()
}

fn nested(leaf: BoxedStrategy<Term>, release: u32) -> BoxedStrategy<Term> {
    leaf.prop_recursive(5, 48, 6, move |element| {
        let some = vec(element.clone(), 0..6);
        let compound = prop_oneof![
            3 => some.clone().prop_map(Term::tuple),
            3 => some.clone().prop_map(Term::list),
            1 => (some, element.clone()).prop_map(|(elements, tail)| Term::improper(elements, tail)),
            2 => vec((element.clone(), element.clone()), 0..5).prop_map(map),
            // Above 32 keys a BEAM keeps its maps in another way, and in another order.
            1 => vec((integer().prop_map(Term::from), element.clone()), 30..40).prop_map(map),
        ];
        if release >= 29 {
            prop_oneof![15 => compound, 1 => record(element)].boxed()
        } else {
            compound.boxed()
        }
    })
    .boxed()
}

fn character() -> impl Strategy<Value = char> {
    any::<char>().prop_map(|char| {
        if matches!(char, '\u{fffe}' | '\u{ffff}') {
            ' '
        } else {
            char
        }
    })
}

fn plain_leaf() -> BoxedStrategy<Term> {
    prop_oneof![
        4 => integer().prop_map(Term::from),
        2 => float().prop_map(|value| Term::float(value).expect("a finite float")),
        4 => atom().prop_map(Term::from),
        2 => vec(any::<u8>(), 0..40).prop_map(|bytes| Term::binary(&bytes)),
        1 => "\\PC{0,12}".prop_map(|text| Term::binary(text.as_bytes())),
        1 => (vec(any::<u8>(), 1..6), 1..8_u8).prop_map(|(bytes, bits)| bits_of(&bytes, bits)),
        2 => "\\PC{0,12}".prop_map(|text| Term::string(&text)),
        1 => "[ -~\\n\\t\\r]{0,12}".prop_map(|text| Term::string(&text)),
        1 => vec(any::<u8>(), 0..40).prop_map(bytes_as_list),
        1 => Just(Term::nil()),
        1 => (atom(), atom(), any::<u8>())
            .prop_map(|(module, function, arity)| Export { module, function, arity }.into()),
    ]
    .boxed()
}

/// Pids, ports, references and local funs of other nodes.
fn identity(release: u32) -> BoxedStrategy<Term> {
    let wide = release >= 24;
    let number = |bits: u32| 0..=if wide { u32::MAX } else { (1 << bits) - 1 };
    let pid = (node(), number(15), number(13), 1..=u32::MAX)
        .prop_map(|(node, id, serial, creation)| Pid::new(node, id, serial, creation));
    let port = (node(), any::<u64>(), 1..=u32::MAX)
        .prop_map(|(node, number, creation)| Port::new(node, number, creation));
    let words = if wide { 1..=5 } else { 3..=3 };
    let reference = (node(), 1..=u32::MAX, number(18), vec(any::<u32>(), words)).prop_map(
        |(node, creation, first, mut words)| {
            words[0] = first;
            Reference::new(node, creation, &words).expect("one to five words")
        },
    );
    let free = vec(integer().prop_map(Term::from), 0..3);
    prop_oneof![
        3 => pid.clone().prop_map(Term::from),
        if wide { 2 } else { 0 } => port.prop_map(Term::from),
        3 => reference.prop_map(Term::from),
        1 => (atom(), any::<u8>(), 0..1000_u32, pid, free)
            .prop_map(|(module, arity, index, pid, free)| fun(&module, arity, index, &pid, &free)),
    ]
    .boxed()
}

fn node() -> BoxedStrategy<Atom> {
    select(vec![
        "a@b",
        "n1@127.0.0.1",
        "a-rather-long-name-of-a-node@host.example.com",
        "knöten@host",
    ])
    .prop_map(atom_named)
    .boxed()
}

/// NEW_FUN_EXT, which has no constructor: local funs are made by compilers only.
fn fun(module: &Atom, arity: u8, index: u32, pid: &Pid, free: &[Term]) -> Term {
    let mut body = vec![arity];
    body.extend_from_slice(&[7; 16]);
    body.extend_from_slice(&index.to_be_bytes());
    body.extend_from_slice(&(free.len() as u32).to_be_bytes());
    body.extend(encoded(module));
    body.extend(encoded(&index));
    body.extend(encoded(&123_456_789));
    body.extend(encoded(pid));
    free.iter().for_each(|term| body.extend(encoded(term)));
    let mut bytes = vec![131, 112];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.append(&mut body);
    einode_etf::from_slice(&bytes).expect("a fun")
}

/// RECORD_EXT, which only modules that define one can make.
fn record(value: impl Strategy<Value = Term> + 'static) -> BoxedStrategy<Term> {
    (atom(), atom(), any::<bool>(), vec(value, 0..4))
        .prop_map(|(module, name, exported, values)| {
            let mut bytes = vec![131, 67];
            bytes.extend_from_slice(&(values.len() as u32).to_be_bytes());
            bytes.push(exported.into());
            bytes.extend(encoded(&module));
            bytes.extend(encoded(&name));
            (0..values.len())
                .for_each(|n| bytes.extend(encoded(&atom_named(&format!("field{n}")))));
            values.iter().for_each(|value| bytes.extend(encoded(value)));
            einode_etf::from_slice(&bytes).expect("a record")
        })
        .boxed()
}

/// The encoding without the version byte.
fn encoded(value: &impl einode_etf::Encode) -> Vec<u8> {
    einode_etf::to_vec(value)
        .expect("a short term")
        .split_off(1)
}

fn map(mut pairs: Vec<(Term, Term)>) -> Term {
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    pairs.dedup_by(|(a, _), (b, _)| a == b);
    Term::map(pairs).expect("no key twice")
}

fn atom_named(name: &str) -> Atom {
    Atom::new(name).expect("at most 255 characters")
}

fn bits_of(bytes: &[u8], last_bits: u8) -> Term {
    Term::bits(BitStr::new(bytes, last_bits).expect("one to seven bits"))
}

fn bytes_as_list(bytes: Vec<u8>) -> Term {
    Term::list(bytes.into_iter().map(Term::from).collect())
}
