//! The Erlang Port Mapper Daemon, for programs that are one: [`Server`].
//!
//! Programs that ask one are served by [`blocking::Epmd`](crate::blocking::Epmd) and
//! `tokio::Epmd`.

mod asked;
mod deputy;
mod event;
mod server;

pub use asked::DEFAULT_PORT;
pub(crate) use asked::{Daemon, RECONNECT, usual_port};
pub(crate) use deputy::Deputy;
pub use event::Event;
pub(crate) use server::{Desk, Settings};
pub use server::{Running, Server};
