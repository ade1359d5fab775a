//! The Erlang External Term Format: the bytes in which Erlang, Elixir and every other language of the
//! BEAM send terms over the network and keep them in files.
//!
//! `term_to_binary` and `binary_to_term`, for Rust, without dependencies. The same terms have five
//! faces; take the one that fits the task.
//!
//! **Owned terms.** A [`Term`] is any term, 24 bytes plus what it holds. [`term!`] makes one in
//! Erlang's syntax, and the `as_` methods look into it.
//!
//! ```
//! use einode_etf::{Term, term};
//!
//! let request = term!({call, #{user => <<"joe">>, limits => [10, 2.5]}});
//! let bytes = request.to_bytes()?;
//! assert_eq!(Term::from_bytes(&bytes)?, request);
//!
//! let [_, options] = request.as_tuple().unwrap() else { panic!() };
//! assert_eq!(options.as_map().unwrap().get_atom("user").unwrap().as_str(), Some("joe"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Rust values.** [`Encode`] and [`Decode`] are for types that have a term form: numbers, text,
//! lists, tuples, maps, and your own. Decoding borrows where the type does.
//!
//! ```
//! use einode_etf::{Decode, DecodeError, Encode, EncodeError, Reader, Sink, Source, Writer};
//! use einode_etf::{from_slice, to_vec};
//!
//! #[derive(Debug, PartialEq)]
//! struct Point { x: i64, y: i64 }
//!
//! impl Encode for Point {
//!     fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
//!         (self.x, self.y).encode(writer)
//!     }
//! }
//!
//! impl<'a> Decode<'a> for Point {
//!     fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
//!         let (x, y) = reader.decode()?;
//!         Ok(Self { x, y })
//!     }
//! }
//!
//! let bytes = to_vec(&vec![Point { x: 1, y: -2 }])?;
//! assert_eq!(from_slice::<Vec<Point>>(&bytes)?, [Point { x: 1, y: -2 }]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Tokens.** A [`Reader`] pulls and a [`Writer`] pushes one token at a time: for terms that are too
//! large or too many to be values. Nothing is allocated but what a token itself needs.
//!
//! ```
//! use einode_etf::{Reader, Writer};
//!
//! let mut writer = Writer::new(Vec::new());
//! writer.list(3)?;
//! for n in 1..=3 {
//!     writer.i64(n * 1000)?;
//! }
//! writer.nil()?;
//! let bytes = writer.into_inner();
//!
//! let mut reader = Reader::new(&bytes);
//! let mut sum = 0;
//! for _ in 0..reader.list()? {
//!     sum += reader.i64()?;
//! }
//! reader.nil()?;
//! assert_eq!(sum, 6000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Views.** A [`Raw`] is the bytes of one term, found sound, to pass on or to keep; a [`View`] is one
//! level of it, borrowed, and looks no deeper than you do.
//!
//! ```
//! use einode_etf::{Reader, View, term};
//!
//! let bytes = term!({cast, logger, {a, very, [large | message]}}).to_bytes()?;
//! let mut reader = Reader::new(&bytes);
//! reader.version()?;
//! if let View::Tuple(mut elements) = reader.view()?
//!     && let (Some(_cast), Some(to), Some(message)) =
//!         (elements.next(), elements.next(), elements.next())
//! {
//!     assert_eq!(to.term()?, term!(logger));
//!     assert!(bytes.ends_with(message.bytes()));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Text.** Terms print as `io:format("~0tp")` does, are debugged the same way, and are read from
//! Erlang's syntax; see [`text`].
//!
//! ```
//! use einode_etf::Term;
//!
//! let term: Term = "#{b => <<1, 16#ff>>, a => \"text\"}".parse()?;
//! assert_eq!(term.to_string(), "#{a => \"text\",b => <<1,255>>}");
//! # Ok::<(), einode_etf::ParseError>(())
//! ```
//!
//! # Hostile bytes
//!
//! Whoever sends terms decides how they look. Whatever the bytes are, reading them ends with a term or
//! with an error that says what was wrong: there is no `unsafe` and no panic here. Nothing that is
//! done with a term calls itself for its parts, so depth costs memory, never the stack. Memory is
//! taken for elements only when the bytes ahead can hold them all. Atoms are not interned.
//!
//! | limit | of | as |
//! |---|---|---|
//! | [`MAX_ATOM_CHARS`] | characters of an atom | the BEAM has |
//! | [`MAX_ARITY`] | elements of a tuple | the BEAM has |
//! | [`MAX_MAGNITUDE`] | bytes of an integer | 2^26 bits, where a BEAM gives `system_limit` |
//! | [`MAX_REFERENCE_WORDS`] | words of a reference | the format has |
//! | [`text::MAX_DECIMAL`], [`text::MAX_DIGITS`] | integers in base 10 | beyond, time would be quadratic |
//! | `compressed::MAX_INFLATED` | bytes of a compressed term | a default, see [`Term::from_bytes`] |
//! | `serde::MAX_DEPTH` | values of serde within each other | `serde_json` has |
//!
//! The size of a whole term is up to whoever receives it: bound the bytes before they get here.
//!
//! # What is written and what is read
//!
//! Written is what OTP 26 and later write: atoms in UTF-8, identifiers with 32-bit creations, ports
//! with 64-bit numbers. Read is all that OTP ever wrote, back to the forms that it has retired, and
//! the native records of OTP 29. What only the node that wrote it can read (tag 121) is refused.
//!
//! # Features
//!
//! None is on by default, and without them there are no dependencies.
//!
//! - `compressed`: the compressed form, as `term_to_binary(Term, [compressed])` writes it; takes
//!   `flate2` with the `zlib-rs` backend.
//! - `serde`: types that derive serde's traits, in the module `serde`; takes `serde`.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod atom;
mod bits;
mod codec;
#[cfg(feature = "compressed")]
pub mod compressed;
mod error;
mod fun;
mod ids;
mod integer;
mod kind;
#[doc(hidden)]
pub mod macros;
mod reader;
#[cfg(feature = "serde")]
pub mod serde;
mod short;
mod sink;
mod skip;
mod source;
pub mod tag;
mod term;
pub mod text;
mod view;
mod writer;

pub use atom::{Atom, AtomTooLong, MAX_ATOM_CHARS};
pub use bits::{Binary, BitStr, Bits};
pub use codec::{Decode, Encode, from_slice, to_vec};
pub use error::{DecodeError, EncodeError};
pub use fun::{Export, Fun, Record};
pub use ids::{MAX_REFERENCE_WORDS, Pid, Port, Reference};
pub use integer::{Integer, MAX_MAGNITUDE, OutOfRange};
pub use kind::Kind;
pub use reader::{MAX_ARITY, Reader};
pub use sink::{Count, Sink};
pub use source::{Slice, Source};
pub use term::{DuplicateKey, List, Map, Term};
pub use text::ParseError;
pub use view::{Elements, Raw, View};
pub use writer::Writer;
