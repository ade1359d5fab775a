//! The Erlang External Term Format.
#![forbid(unsafe_code)]
