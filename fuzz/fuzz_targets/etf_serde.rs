//! Any bytes: what serde reads as a value is written and read as the same value.

#![no_main]

use std::collections::BTreeMap;
use std::fmt::Debug;

use einode_etf::serde::{from_slice, to_vec};
use einode_etf::{Atom, Integer, Reader, Term};
use libfuzzer_sys::fuzz_target;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Node {
    Leaf,
    Number(f64),
    Pair(Box<Node>, i128),
    Inner {
        name: String,
        left: Option<Box<Node>>,
        rest: Vec<Node>,
    },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Elixir.A")]
struct A {
    a: Vec<u8>,
    b: Option<Term>,
    c: BTreeMap<Atom, (Integer, char)>,
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = [&[131], bytes].concat();
    again::<Node>(&bytes);
    again::<A>(&bytes);
    again::<Term>(&bytes);
    again::<Vec<Result<(String, bool), ()>>>(&bytes);
    let _ = from_slice::<serde_json::Value>(&bytes);

    let mut reader = Reader::new(&bytes[1..]);
    let sound = reader.skip().is_ok() && reader.is_empty();
    assert_eq!(from_slice::<IgnoredAny>(&bytes).is_ok(), sound);
});

fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(value) = from_slice::<T>(bytes) {
        let bytes = to_vec(&value).expect("what was read can be written");
        assert_eq!(from_slice::<T>(&bytes).as_ref(), Ok(&value));
    }
}
