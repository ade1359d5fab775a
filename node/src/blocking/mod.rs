//! Nodes on the threads of the program: every call that waits blocks, up to a deadline.

mod endpoint;
mod epmd;
mod link;
mod listener;
mod resolve;
mod run;
mod tcp;

use std::io::{self, IoSlice};
use std::time::Instant;

pub use endpoint::Endpoint;
pub use epmd::{DEFAULT_PORT, Epmd, Registration};
pub use link::Link;
pub use listener::{Listener, PENDING_HANDSHAKES};
pub use run::run;
pub use tcp::Tcp;

use crate::carrier::Carrier;

/// A connected stream of bytes that a [`Link`] can run over: TCP here, or anything of the program's
/// own.
///
/// Both methods wait for as long as they can do nothing, but not past `until`: then they fail with
/// [`io::ErrorKind::TimedOut`], and nothing is lost. `None` is to wait for ever.
pub trait Socket: Carrier {
    /// Reads at least one byte, and no more than fit. Zero bytes mean that the peer has closed.
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize>;

    /// Writes at least one byte of `slices`, in their order.
    fn write(&mut self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize>;

    /// Says that nothing more will be written, so that the peer reads the end after all that was.
    /// Reading goes on.
    fn shutdown(&mut self) -> io::Result<()>;
}

impl<S: Socket + ?Sized> Socket for Box<S> {
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        (**self).read(buffer, until)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        (**self).write(slices, until)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        (**self).shutdown()
    }
}
