//! Nodes on the threads of the program: every call that waits blocks, up to a deadline.

mod call;
mod connection;
mod endpoint;
mod epmd;
mod epmd_loop;
mod global;
mod group_leader;
mod link;
mod listener;
mod mailbox;
mod memory;
mod node;
mod recorded;
mod resolver;
mod run;
mod spawn;
mod stream;
mod threads;
#[cfg(feature = "tls")]
mod tls;
mod transport;
#[cfg(unix)]
mod unix;

pub use endpoint::Endpoint;
pub use epmd::{Epmd, Registration};
pub(crate) use epmd_loop::EpmdLoop;
pub use group_leader::GroupLeader;
pub use link::Link;
pub use listener::Listener;
pub use mailbox::Mailbox;
pub use memory::{Memory, MemoryIncoming, MemorySocket};
pub use node::{Builder, Node};
pub use resolver::Resolver;
pub use run::run;
pub use stream::{Stream, System, TcpIncoming, TcpSocket};
pub use transport::{Any, Incoming, Socket, Transport};
#[cfg(unix)]
pub use unix::{UnixIncoming, UnixSocket};

pub use crate::config::PENDING_HANDSHAKES;
pub use crate::epmd::DEFAULT_PORT;
pub use crate::recorded::{Recorded, RecordedIncoming, RecordedSocket};
#[cfg(feature = "tls")]
pub use crate::tls::{Tls, TlsIncoming, TlsOver, TlsSocket};
pub use crate::transport::Tcp;
#[cfg(unix)]
pub use crate::unix::Unix;
