//! Nodes on the threads of the program: every call that waits blocks, up to a deadline.

mod endpoint;
mod epmd;
mod link;
mod listener;
mod memory;
mod recorded;
mod resolver;
mod run;
mod stream;
mod transport;
#[cfg(unix)]
mod unix;

pub use endpoint::Endpoint;
pub use epmd::{DEFAULT_PORT, Epmd, Registration};
pub use link::Link;
pub use listener::{Listener, PENDING_HANDSHAKES};
pub use memory::{Memory, MemoryIncoming, MemorySocket};
pub use recorded::{Recorded, RecordedIncoming, RecordedSocket};
pub use resolver::Resolver;
pub use run::run;
pub use stream::{Stream, System, Tcp, TcpIncoming, TcpSocket};
pub use transport::{Any, Incoming, Socket, Transport};
#[cfg(unix)]
pub use unix::{Unix, UnixIncoming, UnixSocket};
