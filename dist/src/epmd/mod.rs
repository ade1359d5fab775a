//! The Erlang Port Mapper Daemon, which knows the ports of the nodes on its host.
//! OTP: Distribution Protocol, section "EPMD Protocol".
//!
//! A connection carries one request, which starts with its length in two bytes, and one answer,
//! which does not; most answers end where the daemon closes. A registration lasts as long as the
//! connection that made it.

mod client;
mod daemon;
pub mod message;

pub use client::{Answer, Dump, Kill, Lookup, Names, Progress, Query, Register, Stop};
pub use daemon::{Caller, Daemon, NodeId, Reply, Then};
pub use message::{NodeType, Registration};
