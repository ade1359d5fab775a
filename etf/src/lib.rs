//! The Erlang External Term Format.
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
