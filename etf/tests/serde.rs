//! Values of serde: what they are written as, from what they are read, and that a real node agrees.
#![cfg(feature = "serde")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::Ipv4Addr;

use einode_etf::serde::{Error, MAX_DEPTH, Serde, from_slice, from_term, to_term, to_vec};
use einode_etf::{Atom, Binary, DecodeError, EncodeError, Integer, Pid, Reference, Term, term};
use einode_testkit::Beam;
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    item: String,
    price: f64,
    state: State,
    note: Option<String>,
    lines: Vec<(i32, bool)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Paid(f32),
    Moved(i64, u8),
    Sent { by: String, to: Option<Box<Self>> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Elixir.Shop.User")]
struct User {
    name: String,
    age: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, Meters);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Stop;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Envelope {
    to: Pid,
    tag: Reference,
    kind: Atom,
    payload: Term,
    size: Integer,
    data: Binary,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, f64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    Started { at: u32 },
    Ended,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Text(String),
    Many(Vec<u8>),
}

/// A type that ends only where the term does.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Endless(Option<Box<Self>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nested(Vec<Self>);

/// Is written as this term, which is read as the same value.
#[track_caller]
fn both<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, text: &str) {
    let term: Term = text.parse().expect(text);
    assert_eq!(to_term(&value).as_ref(), Ok(&term));
    assert_eq!(from_term::<T>(&term), Ok(value));
}

/// This term is read as the value as well.
#[track_caller]
fn reads<T: DeserializeOwned + PartialEq + Debug>(text: &str, value: T) {
    let term: Term = text.parse().expect(text);
    assert_eq!(from_term::<T>(&term), Ok(value));
}

#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(text: &str, path: &str, why: &str) {
    let term: Term = text.parse().expect(text);
    let error = from_term::<T>(&term).expect_err(text);
    assert_eq!(error.path(), path, "of {error}");
    let prefix = if path.is_empty() { "" } else { ": " };
    assert_eq!(error.to_string(), format!("{path}{prefix}{why}"));
}

#[test]
fn values_are_the_terms_of_the_table() {
    both(true, "true");
    both(-7_i8, "-7");
    both(u64::MAX, "18446744073709551615");
    both(i128::MIN, "-170141183460469231731687303715884105728");
    both(u128::MAX, "340282366920938463463374607431768211455");
    both(2.5_f64, "2.5");
    both(0.5_f32, "0.5");
    both('å', "229");
    both("größe".to_owned(), r#"<<"größe"/utf8>>"#);
    both(Binary(vec![0, 255]), "<<0,255>>");
    both(Some(1), "1");
    both(None::<u8>, "undefined");
    both((), "{}");
    both(vec![1, 2, 300], "[1,2,300]");
    both(Vec::<String>::new(), "[]");
    both((1, "a".to_owned(), false), r#"{1,<<"a">>,false}"#);
    both([1, 2], "{1,2}");
    both(BTreeMap::from([("a".to_owned(), 1)]), r#"#{<<"a">> => 1}"#);
    both(BTreeMap::from([(Atom::from_static("a"), 1)]), "#{a => 1}");
    both(Meters(1.5), "1.5");
    both(Pair(1, Meters(1.5)), "{1,1.5}");
    both(Stop, "'Stop'");
    both(State::Open, "open");
    both(State::Paid(2.0), "{paid,2.0}");
    both(State::Moved(-1, 2), "{moved,-1,2}");
    let sent = State::Sent {
        by: "post".into(),
        to: None,
    };
    both(sent, r#"{sent,#{by => <<"post">>,to => undefined}}"#);
    both(Ok::<u8, Atom>(1), "{ok,1}");
    both(Err::<u8, _>(Atom::from_static("enoent")), "{error,enoent}");
    both(Ipv4Addr::LOCALHOST, "{127,0,0,1}");
    both(
        User {
            name: "joe".into(),
            age: 7,
        },
        r#"#{'__struct__' => 'Elixir.Shop.User',name => <<"joe">>,age => 7}"#,
    );
    let rest = BTreeMap::from([("b".to_owned(), 1.0), ("c".to_owned(), 2.0)]);
    both(
        Flat { id: 1, rest },
        r#"#{<<"id">> => 1,<<"b">> => 1.0,<<"c">> => 2.0}"#,
    );
    both(
        Event::Started { at: 3 },
        r#"#{type => <<"started">>,at => 3}"#,
    );
    both(Event::Ended, r#"#{type => <<"ended">>}"#);
    both(Either::Number(-1), "-1");
    both(Either::Text("a".into()), r#"<<"a">>"#);
    both(Either::Many(vec![1, 2]), "[1,2]");
    both(term!([1 | {improper, 2.5}]), "[1|{improper,2.5}]");
}

#[test]
fn what_others_write_for_the_same_is_read() {
    reads("1", 1.0_f64);
    reads("18446744073709551616", 18446744073709551616.0_f64);
    reads(r#"<<"a">>"#, 'a');
    reads(r#""abc""#, "abc".to_owned());
    reads("[8364]", "€".to_owned());
    reads("[]", String::new());
    reads("[1,2,255]", Binary(vec![1, 2, 255]));
    reads("nil", None::<u8>);
    reads("[1,2]", (1, 2));
    reads("[1,2]", vec![Some(1.0), Some(2.0)]);
    reads("[1,2]", vec![term!(1), term!(2)]);
    reads("#{a => 1}", BTreeMap::from([("a".to_owned(), 1)]));
    reads(r#"<<"open">>"#, State::Open);
    reads(r#"{<<"paid">>,1}"#, State::Paid(1.0));
    reads("ok", Ok::<(), Atom>(()));
    reads("error", Err::<u8, _>(()));
    reads(r#"<<"Stop">>"#, Stop);
    let user = || User {
        name: "joe".into(),
        age: 7,
    };
    reads(r#"#{<<"name">> => "joe",<<"age">> => 7}"#, user());
    reads(r#"#{name => <<"joe">>,age => 7,more => {a,b}}"#, user());
    reads("#{type => started,at => 3}", Event::Started { at: 3 });
    reads("text", Either::Text("text".into()));
}

#[test]
fn errors_say_where_and_what() {
    let order = |more: &str| {
        format!("#{{id => 1,item => <<\"a\">>,price => 1,state => open,lines => []{more}}}")
    };
    refuses::<Order>("7", "", "expected a map, found an integer");
    refuses::<Order>("#{id => 1}", "", "missing field `item`");
    refuses::<Order>(
        &order("").replace("[]", "[{1,true},{2,maybe}]"),
        "lines[1][1]",
        "unknown variant `maybe`, expected `true` or `false`",
    );
    refuses::<Order>(
        &order("").replace("open", "{sent,#{by => 1}}"),
        "state.by",
        "expected text, found an integer",
    );
    refuses::<Order>(
        &order("").replace("open", "shut"),
        "state",
        "unknown variant `shut`, expected one of `open`, `paid`, `moved`, `sent`",
    );
    refuses::<State>(
        "{moved,1}",
        "",
        "expected a tuple with 2 elements after its tag, found a tuple of moved and 1",
    );
    refuses::<State>(
        "paid",
        "",
        "expected a tuple with one element after its tag, found the atom paid",
    );
    refuses::<State>(
        "{open,1}",
        "",
        "expected an atom, found a tuple of open and 1",
    );
    refuses::<User>(
        "#{name => <<\"a\">>,age => 1,'__struct__' => 'Elixir.Shop.Cat'}",
        "",
        "expected the struct Elixir.Shop.User, found 'Elixir.Shop.Cat'",
    );
    refuses::<Vec<u8>>(
        "[1,256]",
        "[1]",
        "invalid value: integer `256`, expected u8",
    );
    refuses::<BTreeMap<Term, u8>>(
        "#{{a,1} => b}",
        "[{a,1}]",
        "expected an integer, found an atom",
    );
    refuses::<(u8, u8)>("[1,2,3]", "", "more than 2 elements");
    refuses::<Vec<u8>>("[1|2]", "", "expected a list, found an integer");
    refuses::<String>("{}", "", "expected text, found a tuple");
    refuses::<Pid>("7", "", "expected a pid, found an integer");
    assert_eq!(to_vec(&f64::NAN), Err(EncodeError::NotFinite.into()));
    let long = Term::from("a".repeat(256).as_str());
    assert!(from_term::<Atom>(&long).is_err());
    assert_eq!(
        from_slice::<u8>(b"\x83a\x01a"),
        Err(DecodeError::TrailingBytes.into())
    );
}

#[test]
fn borrows_from_binaries() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        bytes: &'a [u8],
    }
    let bytes = term!(#{text => <<"abc">>, bytes => b"\x01\x02"})
        .to_bytes()
        .unwrap();
    let borrowed: Borrowed<'_> = from_slice(&bytes).unwrap();
    assert_eq!((borrowed.text, borrowed.bytes), ("abc", &[1, 2][..]));
    assert!(bytes.as_ptr_range().contains(&borrowed.text.as_ptr()));
}

#[test]
fn lists_and_maps_of_unknown_length_are_whole() {
    struct Unknown;
    impl Serialize for Unknown {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{SerializeMap, SerializeSeq};
            struct List;
            impl Serialize for List {
                fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                    let mut list = s.serialize_seq(None)?;
                    (1..=3).try_for_each(|n| list.serialize_element(&(n * 100)))?;
                    list.end()
                }
            }
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("a", &List)?;
            map.end()
        }
    }
    assert_eq!(to_term(&Unknown), Ok(term!(#{<<"a">> => [100, 200, 300]})));
}

#[test]
fn terms_of_every_kind_pass_through() {
    let envelope = Envelope {
        to: Pid::new(Atom::from_static("a@b"), 1, 2, 3),
        tag: Reference::new(Atom::from_static("a@b"), 3, &[1, 2, 3]).unwrap(),
        kind: Atom::from_static("kind"),
        payload: term!({[a | b], #{1.0 => <<1>>}}),
        size: Integer::from(u128::MAX),
        data: Binary(vec![1]),
    };
    let term = to_term(&envelope).unwrap();
    let map = term.as_map().unwrap();
    assert_eq!(
        map.get_atom("to").and_then(Term::as_pid),
        Some(&envelope.to)
    );
    assert_eq!(map.get_atom("payload"), Some(&envelope.payload));
    assert_eq!(from_term::<Envelope>(&term), Ok(envelope));

    let mut passed = 0;
    for line in ["25", "27", "29"]
        .map(vectors)
        .iter()
        .flat_map(|file| file.lines().skip(1))
    {
        let bytes = bytes_of(line.split('\t').nth(2).unwrap());
        let Ok(term) = einode_etf::from_slice::<Term>(&bytes) else {
            assert!(from_slice::<Term>(&bytes).is_err());
            continue;
        };
        passed += 1;
        let (one, read) = from_slice::<(u8, Term)>(&pair(&bytes)).unwrap();
        assert_eq!((one, read), (1, term.clone()));
        assert_eq!(to_vec(&term), Ok(term.to_bytes().unwrap()));
        assert!(from_slice::<IgnoredAny>(&bytes).is_ok());
        // What any type may make of it does not matter, as long as it ends.
        let _ = from_slice::<serde_json::Value>(&bytes);
    }
    assert!(passed > 1000, "{passed} vectors");
}

/// `{1, Term}`
fn pair(bytes: &[u8]) -> Vec<u8> {
    [b"\x83h\x02a\x01", &bytes[1..]].concat()
}

fn vectors(release: &str) -> String {
    let path = format!(
        "{}/tests/vectors/otp{release}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(path).unwrap()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let byte = |digits| u8::from_str_radix(digits, 16).expect("two hexadecimal digits");
    let parts = hex
        .split_whitespace()
        .map(|part| match part.split_once('*') {
            Some((digits, count)) => vec![byte(digits); count.parse().expect("a count")],
            None => (0..part.len())
                .step_by(2)
                .map(|at| byte(&part[at..at + 2]))
                .collect(),
        });
    parts.collect::<Vec<_>>().concat()
}

#[test]
fn in_json_terms_are_text() {
    let json = serde_json::to_string(&(Atom::from_static("ok"), term!({a, [1.5]}))).unwrap();
    assert_eq!(json, r#"["ok","{a,[1.5]}"]"#);
    let back: (Atom, Term) = serde_json::from_str(&json).unwrap();
    assert_eq!(back, (Atom::from_static("ok"), term!({a, [1.5]})));
    let json: serde_json::Value = from_term(&term!(#{a => [1, 2.5, nil, true, <<"b">>]})).unwrap();
    assert_eq!(json.to_string(), r#"{"a":[1,2.5,null,true,"b"]}"#);
}

#[test]
fn depth_has_a_limit_and_terms_have_none() {
    let nested =
        |depth: usize| [&b"l\0\0\0\x01".repeat(depth)[..], &b"j".repeat(depth + 1)].concat();
    let alone = |term: Vec<u8>| [&[131][..], &term].concat();
    let deepest = |error: Error| error.to_string().ends_with("128 values within each other");
    for depth in [MAX_DEPTH, 1_000_000] {
        let bytes = alone(nested(depth));
        assert!(deepest(from_slice::<Nested>(&bytes).unwrap_err()));
        assert!(deepest(
            from_slice::<serde_json::Value>(&bytes).unwrap_err()
        ));
        assert!(from_slice::<IgnoredAny>(&bytes).is_ok());
        assert!(from_slice::<Term>(&bytes).is_ok());
    }
    // Each level is a newtype and a list.
    assert!(from_slice::<Nested>(&alone(nested(MAX_DEPTH / 2 - 1))).is_ok());
    assert_eq!(from_slice::<Endless>(b"\x83w\x03nil"), Ok(Endless(None)));
    assert!(deepest(from_slice::<Endless>(b"\x83a\x01").unwrap_err()));
}

#[test]
fn broken_bytes_are_errors() {
    let order = order();
    let bytes = to_vec(&order).unwrap();
    for length in 0..bytes.len() {
        from_slice::<Order>(&bytes[..length]).unwrap_err();
        from_slice::<serde_json::Value>(&bytes[..length]).unwrap_err();
    }
    for at in 0..bytes.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= change;
            let _ = from_slice::<Order>(&bytes);
            let _ = from_slice::<serde_json::Value>(&bytes);
        }
    }
    for bytes in [
        &b"\x83l\xff\xff\xff\xffa\x01"[..],
        b"\x83t\xff\xff\xff\xffa\x01",
    ] {
        assert_eq!(from_slice::<Vec<u8>>(bytes).unwrap_err().path(), "");
        let truncated = Err(Error::from(DecodeError::Truncated));
        assert_eq!(from_slice::<serde_json::Value>(bytes), truncated);
    }
}

#[test]
fn a_sound_term_of_another_type_costs_one_element() {
    let bytes = einode_etf::to_vec(&(1, ("x", vec![1, 300]), 2)).unwrap();
    type Read = (u8, Result<Serde<Order>, Error>, u8);
    let (one, order, two): Read = einode_etf::from_slice(&bytes).unwrap();
    assert_eq!((one, two), (1, 2));
    assert_eq!(
        order.unwrap_err().to_string(),
        "expected a map, found a tuple"
    );
    assert_eq!(
        einode_etf::from_slice::<Serde<Order>>(&bytes),
        Err(DecodeError::Refused)
    );
    let truncated = einode_etf::from_slice::<Result<Serde<u8>, Error>>(b"\x83m\0\0\0\x02a");
    assert_eq!(truncated, Err(DecodeError::Truncated));
}

fn order() -> Order {
    Order {
        id: u64::MAX,
        item: "smørrebrød".into(),
        price: 2.5,
        state: State::Sent {
            by: "x".into(),
            to: Some(Box::new(State::Moved(-1, 2))),
        },
        note: None,
        lines: vec![(1, true), (-70_000, false)],
    }
}

/// The same value in Erlang.
const ORDER: &str = r#"
    #{id => 18446744073709551615, item => <<"smørrebrød"/utf8>>, price => 2.5,
      state => {sent, #{by => <<"x">>, to => {moved, -1, 2}}}, note => undefined,
      lines => [{1, true}, {-70000, false}]}"#;

#[test]
fn a_node_reads_and_writes_the_same() {
    let node = Beam::alone();
    let read = format!("true = binary_to_term(Input) =:= {ORDER}, <<1>>");
    assert_eq!(node.binary(&read, &to_vec(&order()).unwrap()), [1]);
    let written = node.eval_bytes(&format!("Order = {ORDER}, Order"), &[]);
    assert_eq!(from_slice::<Order>(&written), Ok(order()));
    // What Elixir writes for a map with strings as keys, and with a list of characters.
    let strings = "#{<<\"name\">> => \"joe\", <<\"age\">> => 7}";
    let user = from_slice::<User>(&node.eval_bytes(strings, &[])).unwrap();
    assert_eq!(user.name, "joe");
    let struct_of = "#{name := <<\"joe\">>, age := 7, '__struct__' := 'Elixir.Shop.User'}";
    let read = format!("{struct_of} = binary_to_term(Input), <<1>>");
    assert_eq!(node.binary(&read, &to_vec(&user).unwrap()), [1]);
    let pid = from_slice::<Pid>(&node.eval_bytes("self()", &[])).unwrap();
    let same = "true = binary_to_term(Input) =:= self(), <<1>>";
    assert_eq!(node.binary(same, &to_vec(&pid).unwrap()), [1]);
    // A list whose length was not announced is a list like any other.
    struct Unknown;
    impl Serialize for Unknown {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut list = serializer.serialize_seq(None)?;
            (0..70_000).try_for_each(|n| list.serialize_element(&n))?;
            list.end()
        }
    }
    let same = "true = binary_to_term(Input) =:= lists:seq(0, 69999), <<1>>";
    assert_eq!(node.binary(same, &to_vec(&Unknown).unwrap()), [1]);
}

fn state() -> impl Strategy<Value = State> {
    let leaf = prop_oneof![
        Just(State::Open),
        (-1e30_f32..1e30).prop_map(State::Paid),
        any::<(i64, u8)>().prop_map(|(a, b)| State::Moved(a, b)),
    ];
    leaf.prop_recursive(8, 8, 1, |inner| {
        (
            any::<String>(),
            proptest::option::of(inner.prop_map(Box::new)),
        )
            .prop_map(|(by, to)| State::Sent { by, to })
    })
}

fn orders() -> impl Strategy<Value = Order> {
    let note = any::<Option<String>>();
    let lines = any::<Vec<(i32, bool)>>();
    (
        any::<u64>(),
        any::<String>(),
        -1e300..1e300,
        state(),
        note,
        lines,
    )
        .prop_map(|(id, item, price, state, note, lines)| Order {
            id,
            item,
            price,
            state,
            note,
            lines,
        })
}

proptest! {
    #[test]
    fn values_survive_a_round_trip(orders in proptest::collection::vec(orders(), 0..4)) {
        let bytes = to_vec(&orders).unwrap();
        prop_assert_eq!(&from_slice::<Vec<Order>>(&bytes).unwrap(), &orders);
        // It is one sound term, and the same after a walk through the owned form.
        let term = Term::from_bytes(&bytes).unwrap();
        prop_assert_eq!(from_term::<Vec<Order>>(&term).unwrap(), orders);
    }

    #[test]
    fn numbers_survive_a_round_trip(a in any::<(i128, u128, i64, u64, char)>(), b in any::<Vec<u8>>()) {
        let value = (a, b.clone(), Binary(b));
        prop_assert_eq!(from_slice(&to_vec(&value).unwrap()), Ok(value));
    }

    #[test]
    fn terms_survive_a_round_trip(term in einode_testkit::terms::term()) {
        // These two are how nothing is written.
        let is_nothing = term.is_atom("undefined") || term.is_atom("nil");
        let value = vec![(term.clone(), Some(term))];
        let read = vec![(value[0].0.clone(), value[0].1.clone().filter(|_| !is_nothing))];
        prop_assert_eq!(from_slice(&to_vec(&value).unwrap()), Ok(read));
    }
}
