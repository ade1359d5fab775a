//! The texts of OTP's C library: what `ei_print_term` and `erl_call` print, and what `ei_x_format` and
//! `erl_call` read.
//!
//! They look like Erlang's syntax and are not quite: programs compare them byte by byte, so they are as the
//! library has them. [`Term`](crate::Term) prints and reads Erlang's.

mod format;
mod identity;
mod print;
mod read;

pub use format::{NotATerm, Token, tokens};
pub use print::print;
