//! The Erlang distribution protocol as values: no sockets, no clock, no randomness, no threads.
//!
//! | what | where |
//! |---|---|
//! | who is who: names, cookies, capabilities | [`NodeName`], [`Cookie`], [`Flags`] |
//! | a conversation that ends | [`Exchange`] |
//! | two nodes introduce themselves | [`handshake`] |
//! | the port mapper, which says where nodes listen | [`epmd`] |
//! | two connected nodes: packets in both directions | [`Connection`] |
//! | what a packet wants, and the term that belongs to it | [`Control`], [`Payload`] |
//! | what has passed, in numbers | [`Statistics`] |
//! | what two other nodes say to each other | [`Observer`] |
//! | when to send a tick and when a peer is gone | [`Ticker`] |
//! | what a peer may make us hold | [`limits`] |
//!
//! A driver owns the socket and the clock, and gives and takes bytes. What comes from a peer is
//! never trusted: no function here panics on any input, recurses on it, or allocates by an
//! announced length.
//!
//! ```
//! use einode_dist::handshake::{Acceptor, Initiator, Local, Verdict};
//! use einode_dist::{Cookie, Exchange, NodeName, Prefix};
//!
//! let cookie = Cookie::new("MONSTER")?;
//! let a = Local::new(NodeName::new("a@here")?, 4, cookie.clone());
//! let b = Local::new(NodeName::new("b@there")?, 5, cookie);
//! # let (challenge_a, challenge_b) = (1, 2); // From the operating system, in real life.
//! let mut initiator = Initiator::new(&a, Some(NodeName::new("b@there")?), Prefix::Two, challenge_a);
//! let mut acceptor = Acceptor::new(&b, Prefix::Two, challenge_b, |_| Verdict::Ok);
//!
//! fn carry(from: &mut impl Exchange, to: &mut impl Exchange) -> Result<(), einode_dist::Error> {
//!     while !from.outgoing().is_empty() {
//!         let n = from.outgoing().len().min(to.want());
//!         to.receive(&from.outgoing()[..n])?;
//!         from.sent(n);
//!     }
//!     Ok(())
//! }
//! while initiator.want() > 0 {
//!     carry(&mut initiator, &mut acceptor)?;
//!     carry(&mut acceptor, &mut initiator)?;
//! }
//! let session = initiator.outcome().expect("the handshake is over");
//! assert_eq!((session.peer.as_str(), session.peer_creation), ("b@there", 5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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

mod atoms;
mod connection;
mod control;
mod cookie;
pub mod epmd;
mod error;
mod exchange;
mod fields;
mod flags;
mod fragments;
pub mod handshake;
mod inbound;
pub mod limits;
mod name;
mod observer;
mod order;
mod outbound;
mod packet;
mod payload;
mod queue;
mod statistics;
mod ticker;

pub use connection::{Connection, Settings};
pub use control::{Control, Destination, Mfa, Operation, Target};
pub use cookie::{Cookie, CookieTooLong};
pub use error::{Culprit, Error, Refusal, Turned};
pub use exchange::Exchange;
pub use flags::Flags;
pub use handshake::Prefix;
pub use inbound::{Event, Inbound};
pub use name::{HostName, Identity, InvalidName, NodeName};
pub use observer::{CachedAtom, Fragment, Observation, Observed, Observer, Side, Signal};
pub use outbound::Outbound;
pub use payload::Payload;
pub use queue::Batch;
pub use statistics::{AtomCache, Received, Sent, Statistics};
pub use ticker::{Beat, TickTime, Ticker};
