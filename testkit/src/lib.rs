//! What the tests of this workspace have in common: real Erlang nodes to talk to, and terms to say.
//!
//! - [`Beam`]: an Erlang node as a child process, driven from Rust without the distribution
//!   protocol.
//! - [`Epmd`]: OTP's own port mapper daemon, on a port of its own.
//! - [`Otp`]: which Erlang/OTP those two come from.
//! - [`pair`], [`scripted`]: conversations in memory, with the bytes cut in any way ([`Chunks`]).
//! - [`terms`]: random terms.
//!
//! Everything here panics where a test would have to `unwrap`: the panic's message is the test's.

mod beam;
mod builder;
mod epmd;
mod otp;
mod pair;
pub mod terms;

pub use beam::Beam;
pub use builder::Builder;
pub use epmd::Epmd;
pub use otp::Otp;
pub use pair::{Chunks, Ended, pair, scripted};

use std::time::Duration;

/// The source of an Erlang module that makes random terms: `gen_terms:terms(Count)`.
pub const GEN_TERMS: &str = include_str!("../erl/gen_terms.erl");

/// How long any wait in this crate lasts before it fails the test.
///
/// Far above what a healthy node needs (under a second), for machines that run many tests at once.
pub const DEADLINE: Duration = Duration::from_secs(60);
