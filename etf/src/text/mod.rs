//! Terms as text: Erlang syntax, written and read.
//!
//! Every term prints as `io:format("~0tp", [Term])` does on a node with its defaults: on one line,
//! with lists of printable characters as strings. What has a syntax in Erlang is read back as the
//! same term; pids, ports and references are read back in the form in which they are printed here,
//! without their creation.

mod binary;
pub mod ei;
mod error;
mod number;
mod parse;
mod print;
mod scan;

pub use binary::MAX_SEGMENT_BITS;
pub use error::ParseError;
pub use number::{MAX_DECIMAL, MAX_DIGITS};
pub use parse::{parse_call, parse_prefix};
