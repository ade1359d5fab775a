//! Native nodes for Erlang clusters.
//!
//! A program that uses this crate joins a cluster of Erlang and Elixir nodes as a hidden node: it calls
//! their functions, sends messages to their processes and receives theirs, links and monitors.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use einode::blocking::Node;
//! use einode::{Atom, term};
//!
//! let wait = Duration::from_secs(5);
//! let node = Node::builder("rusty@127.0.0.1").cookie("secret").start()?;
//! let mut me = node.mailbox();
//! me.send(("greeter", "app@127.0.0.1"), &term!({hello, me.pid().clone()}), wait)?;
//! let (tag, count): (Atom, u64) = me.recv(wait)?.decode()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | what | where |
//! |---|---|
//! | a node with processes, on threads | [`blocking::Node`], [`blocking::Mailbox`] |
//! | what a process does without waiting, and what it receives | [`Process`], [`Message`] |
//! | calls of servers and functions of other nodes | [`blocking::Mailbox::call`], [`Remote`], [`Global`] |
//! | one connection, on the thread of the program | [`blocking::Link`] |
//! | the same on tasks of tokio (feature `tokio`) | `tokio` |
//! | process groups | [`pg`] |
//! | who we are towards other nodes | [`Config`] |
//! | what connections are made of: TCP, Unix sockets, your own | [`blocking::Transport`] |
//! | connections that are encrypted (feature `tls`) | `tls` |
//! | how nodes are found: EPMD, a table, a fixed port, your own | [`blocking::Resolver`] |
//! | where the cookie comes from | [`cookie`] |
//! | a port mapper daemon of one's own | [`epmd::Server`] |
//! | checks for a transport of your own (feature `testing`) | `testing` |
//! | the protocol as values, without sockets | [`dist`] |
//! | what a node counts | [`Status::statistics`], [`Status::connections`] |
//! | what it tells subscribers of `tracing` (feature `tracing`) | `docs/observability.md` of the repository |
//! | terms | [`etf`] |
//! | values of types that derive serde's traits (feature `serde`) | `Serde`, `etf::serde` |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "tokio"),
    allow(
        dead_code,
        unused_imports,
        reason = "what both styles share has parts that only tasks need"
    )
)]

mod address;
mod arguments;
mod backoff;
pub mod blocking;
mod call;
mod carrier;
mod config;
pub mod cookie;
mod core;
mod deadline;
mod engine;
mod entropy;
pub mod epmd;
mod error;
pub mod io;
mod options;
mod pace;
pub mod pg;
mod process;
mod pulse;
mod recipient;
mod record;
mod recorded;
mod resolver;
mod serve;
mod statistics;
mod status;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;
mod trace;
mod transport;
#[cfg(unix)]
mod unix;

pub use address::{Address, InvalidAddress};
pub use arguments::Arguments;
pub use backoff::Backoff;
pub use call::{CallError, Class, Exception, Global, PerNode, Remote};
pub use carrier::{Carrier, Ending, Side};
pub use config::Config;
pub use core::{AliasKind, Down, Exit, Message, MessageError, Monitored, OWED, Spawned, TIES};
pub use einode_dist as dist;
pub use einode_dist::{
    Control, Cookie, Destination, Flags, Identity, NodeName, Payload, Prefix, Statistics, Target,
    TickTime,
};
pub use einode_etf as etf;
#[cfg(feature = "serde")]
pub use einode_etf::serde::Serde;
pub use einode_etf::{Atom, Pid, Reference, Term, term};
pub use engine::{BACKLOG, Signal};
pub use error::{AcceptError, ConnectError, Disconnected, ExchangeError, LinkError};
pub use options::{MAILBOX, StartError};
pub use process::{Exited, NameError, Process, RecvError, SendError};
pub use recipient::{InvalidRecipient, Recipient};
pub use record::Recorder;
pub use resolver::{FixedPort, Table};
pub use serve::{Body, From, GenServer, Parameters, SERVED, Served, Stop};
pub use statistics::{ConnectionStatistics, NodeStatistics};
pub use status::Status;

/// Keeps the examples of the README working.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
