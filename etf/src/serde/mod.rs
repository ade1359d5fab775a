//! Values of types that derive serde's `Serialize` and `Deserialize`, as terms (feature `serde`).
//!
//! ```
//! use einode_etf::serde::{from_slice, from_term, to_term};
//! use einode_etf::term;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Order { id: u64, item: String, state: State, note: Option<String> }
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum State { Open, Paid(f64), Sent { by: String } }
//!
//! let order = Order { id: 17, item: "tea".into(), state: State::Paid(2.5), note: None };
//! let term = to_term(&order)?;
//! assert_eq!(
//!     term,
//!     term!(#{id => 17, item => <<"tea">>, state => {paid, 2.5}, note => undefined})
//! );
//! assert_eq!(from_term::<Order>(&term)?, order);
//!
//! let error = from_term::<Order>(&term!(#{id => 17, item => tea})).unwrap_err();
//! assert_eq!(error.to_string(), "item: expected text, found an atom");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Serde`] makes such a type one of [`Encode`] and [`Decode`], so that it can be sent, received,
//! called with and served wherever those can.
//!
//! # What becomes what
//!
//! | Rust | is written as | and read from, too |
//! |---|---|---|
//! | `bool` | `true`, `false` | |
//! | integers, up to 128 bits | integer | |
//! | `f32`, `f64` | float | an integer |
//! | `char` | integer, as `$a` is | a binary of one character |
//! | `str`, `String` | binary of UTF-8 | a list of characters; as the key of a map, an atom |
//! | bytes (`serde_bytes`, [`Binary`]) | binary | a list of bytes |
//! | `Option` | the value, or `undefined` | `nil` |
//! | `()` | `{}` | |
//! | `Vec`, sets, sequences | proper list | a list in the form of a string |
//! | tuples, arrays, tuple structs | tuple | a list of that length |
//! | maps | map | |
//! | `struct S { a: A }` | map with atoms as keys, `#{a => A}` | a map with binaries as keys |
//! | the same, named `Elixir.S` | the struct `%S{a: A}` of Elixir | a map without `'__struct__'` |
//! | newtype struct | what is in it | |
//! | unit struct `S` | atom `'S'` | a binary |
//! | variant `V` | atom `'V'` | a binary |
//! | variant `V(A)`, `V(A, B)` | `{'V', A}`, `{'V', A, B}` | |
//! | variant `V { a: A }` | `{'V', #{a => A}}` | |
//! | `Result` | `{ok, A}`, `{error, B}` | `ok` and `error` where there is nothing in it |
//! | [`Atom`], [`Pid`], [`Port`], [`Reference`], [`Integer`], [`Term`] | themselves | |
//!
//! - Names are as in Rust, so most types that Erlang knows have `#[serde(rename_all = "snake_case")]`. A
//!   record `-record(user, {name, age})` is the variant `User(String, u8)` of an enum that is renamed
//!   so; an Elixir struct is `#[serde(rename = "Elixir.MyApp.User")] struct User { … }`, and where
//!   there is a `'__struct__'` it has to be that one.
//! - Nothing is `undefined`, the word of Erlang's own libraries, as it is for [`Encode`]; Elixir code
//!   that is to match on `nil` can be sent `Option<Atom>`. An `Option` of an `Option` has lost one.
//! - `&str` and `&[u8]` borrow from the bytes that are read, where these are binaries.
//! - A [`Term`] in a type stands for any term: improper lists, funs, bit strings, or what is of no
//!   interest. In formats for people, such as JSON, it is a text in Erlang's syntax; in others, the
//!   bytes of `term_to_binary/1`. Serde keeps values of flattened and untagged types in a form of
//!   its own, which has no place for terms.
//! - Keys that no field has are ignored, unless the type says `deny_unknown_fields`.
//!
//! # Hostile bytes
//!
//! Serde's values are made by recursion, so their depth has a limit, [`MAX_DEPTH`]; the terms in them
//! have none. No memory is taken for elements that have not been read.

mod de;
mod error;
mod ser;
mod types;

use ::serde::de::DeserializeOwned;
use ::serde::{Deserialize, Serialize};

pub use de::{Deserializer, MAX_DEPTH};
pub use error::Error;
pub use ser::{SerializeFields, SerializeList, SerializeMap, Serializer};

#[cfg(doc)]
use crate::{Atom, Binary, Integer, Pid, Port, Reference};
use crate::{Decode, DecodeError, Encode, EncodeError, Reader, Sink, Source, Term, Writer};

/// The bytes of a stand-alone term, version byte included.
///
/// ```
/// let bytes = einode_etf::serde::to_vec(&("a", Some(1)))?;
/// assert_eq!(bytes, b"\x83h\x02m\0\0\0\x01aa\x01");
/// # Ok::<(), einode_etf::serde::Error>(())
/// ```
///
/// # Errors
/// [`Error`] when the value has no form as a term, or does not want one.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new(Vec::new());
    writer.version()?;
    value.serialize(Serializer::new(&mut writer))?;
    Ok(writer.into_inner())
}

/// The value of a stand-alone term, version byte included, with nothing after it.
///
/// ```
/// let pair: (&str, Option<u8>) = einode_etf::serde::from_slice(b"\x83h\x02m\0\0\0\x01aa\x01")?;
/// assert_eq!(pair, ("a", Some(1)));
/// # Ok::<(), einode_etf::serde::Error>(())
/// ```
///
/// # Errors
/// [`Error`] says where in the term there is something else than the type asks for.
pub fn from_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    let mut reader = Reader::new(bytes);
    reader.version()?;
    let value = T::deserialize(Deserializer::new(&mut reader))?;
    reader.finish()?;
    Ok(value)
}

/// The value as an owned term.
///
/// # Errors
/// As of [`to_vec`].
pub fn to_term<T: Serialize + ?Sized>(value: &T) -> Result<Term, Error> {
    Ok(crate::from_slice(&to_vec(value)?)?)
}

/// The value of an owned term.
///
/// # Errors
/// As of [`from_slice`].
pub fn from_term<T: DeserializeOwned>(term: &Term) -> Result<T, Error> {
    from_slice(&crate::to_vec(term)?)
}

/// A value that is written and read by serde, wherever [`Encode`] and [`Decode`] are asked for.
///
/// A term that is sound but not the one that the type asks for is a [`DecodeError`] that tells no more
/// than that. `Result<Serde<T>, Error>` is read as well, from any sound term, and tells it in full:
///
/// ```
/// use einode_etf::serde::{Error, Serde};
/// use einode_etf::{DecodeError, from_slice, to_vec};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Point { x: i64, y: i64 }
///
/// let bytes = to_vec(&vec![Serde(Point { x: 1, y: 2 })])?;
/// let points: Vec<Serde<Point>> = from_slice(&bytes)?;
/// assert_eq!(points, [Serde(Point { x: 1, y: 2 })]);
///
/// let bytes = to_vec(&7)?;
/// assert_eq!(from_slice::<Serde<Point>>(&bytes), Err(DecodeError::Refused));
/// let why = from_slice::<Result<Serde<Point>, Error>>(&bytes)?.unwrap_err();
/// assert_eq!(why.to_string(), "expected a map, found an integer");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Serde<T>(pub T);

impl<T> From<T> for Serde<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Serialize> Encode for Serde<T> {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        self.0
            .serialize(Serializer::new(writer))
            .map_err(Error::into_encode_error)
    }
}

impl<'a, T: Deserialize<'a>> Decode<'a> for Serde<T> {
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        T::deserialize(Deserializer::new(reader))
            .map(Self)
            .map_err(Error::into_decode_error)
    }
}

impl<'a, T: Deserialize<'a>> Decode<'a> for Result<Serde<T>, Error> {
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        let mut whole = reader.clone();
        let value = T::deserialize(Deserializer::new(reader));
        if value.is_err() {
            whole.skip()?;
            *reader = whole;
        }
        Ok(value.map(Serde))
    }
}
