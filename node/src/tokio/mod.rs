//! Nodes on the tasks of [tokio](https://docs.rs/tokio): every method that waits is a future.
//!
//! The names are those of [`blocking`](crate::blocking), and so is what they do; only the waiting
//! differs.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use einode::tokio::Endpoint;
//! use einode::{Config, Cookie, NodeName, term};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new(NodeName::new("rusty@127.0.0.1")?, Cookie::new("secret")?);
//! let mut link = Endpoint::new(config).connect(&"app@127.0.0.1".parse()?).await?;
//! let sum = link.erpc("lists", "sum", &[term!([1, 2, 39])], Duration::from_secs(5)).await?;
//! assert_eq!(sum, term!(42));
//! # Ok(())
//! # }
//! ```
//!
//! # Cancelling
//!
//! Every future here may be dropped at any moment. What it held is closed then: an attempt to connect
//! leaves no socket, a listener no task, socket or registration. A [`Link`] outlives the futures of its
//! methods, and is as good as before: a packet that was written in part is finished by the next method,
//! and nothing that arrived is lost. Each method says what its own cancelling means.
//!
//! All of it needs a runtime with its timer and its I/O enabled.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::deadline::NEVER;

mod call;
mod connection;
mod endpoint;
mod epmd;
mod epmd_tasks;
mod global;
mod group_leader;
mod link;
mod listener;
mod mailbox;
mod memory;
mod node;
mod race;
mod recorded;
mod resolver;
mod run;
mod spawn;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod transport;
#[cfg(unix)]
mod unix;

pub use endpoint::Endpoint;
pub use epmd::{Epmd, Registration};
pub(crate) use epmd_tasks::serve as serve_epmd;
pub use group_leader::GroupLeader;
pub use link::Link;
pub use listener::Listener;
pub use mailbox::Mailbox;
pub use memory::{Memory, MemoryIncoming};
pub use node::{Builder, Node};
pub use resolver::Resolver;
pub use run::run;
pub use tcp::TcpIncoming;
pub use transport::{Any, AnyIncoming, Incoming, Socket, Transport};
#[cfg(unix)]
pub use unix::UnixIncoming;

pub use crate::config::PENDING_HANDSHAKES;
pub use crate::epmd::DEFAULT_PORT;
pub use crate::recorded::{Recorded, RecordedIncoming, RecordedSocket};
#[cfg(feature = "tls")]
pub use crate::tls::{Tls, TlsIncoming, TlsOver, TlsSocket};
pub use crate::transport::Tcp;
#[cfg(unix)]
pub use crate::unix::Unix;

/// A future of whatever kind.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The moment at which this much time is over, by the clock of the runtime.
fn after(time: Duration) -> Instant {
    Instant::now() + time.min(NEVER)
}
