//! What may stand between a program and the sockets of a ready-made set. TLS does, in a library of its
//! own: this one has none, so programs without TLS do not carry it.

use std::ffi::{c_int, c_short};
use std::fmt;
use std::io::{self, IoSlice};

use crate::descriptor::Descriptor;

/// Makes streams of connected sockets.
pub trait Layer: Send + Sync {
    /// The stream to a node on this host: the part of its name after the `@`, or its address.
    fn client(&self, host: &str, below: Descriptor) -> Result<Box<dyn Stream>, Problem>;

    /// The stream to a node that has connected to us.
    fn server(&self, below: Descriptor) -> Result<Box<dyn Stream>, Problem>;

    /// Whether [`server`](Self::server) is possible.
    fn can_serve(&self) -> Result<(), Problem>;
}

/// A stream of bytes over a socket. Nothing here waits: what is not possible now fails with `EAGAIN`, and
/// goes on where it stopped when it is called again.
pub trait Stream: Send {
    /// Reads what is there; 0 bytes if the peer has closed.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Problem>;

    /// Takes some of the bytes. They have only left when [`flush`](Self::flush) has succeeded.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Problem>;

    /// Sends all that was written.
    fn flush(&mut self) -> Result<(), Problem>;

    /// What has to happen to the socket before a read or a write can go on: the events of `poll`.
    fn awaits(&self, writing: bool) -> c_short;

    /// What it means that nothing happened in time.
    fn timed_out(&self) -> Problem;

    /// Hears the name that the peer gave in the handshake of the nodes, and may refuse it.
    fn named(&mut self, node: &str) -> Result<(), Problem>;

    /// Says goodbye, as far as that can be done now.
    fn close(&mut self);
}

/// Why something failed: `erl_errno`, and a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A value of errno.h.
    pub errno: c_int,
    /// Who is to blame, what was expected and what came.
    pub text: String,
}

impl Problem {
    /// A problem of the program or of its files: `EINVAL`.
    pub fn invalid(text: impl fmt::Display) -> Self {
        Self {
            errno: libc::EINVAL,
            text: text.to_string(),
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::*;
        let known = match error.kind() {
            TimedOut | WouldBlock => libc::EAGAIN,
            ConnectionReset => libc::ECONNRESET,
            UnexpectedEof => libc::ECONNABORTED,
            BrokenPipe => libc::EPIPE,
            _ => libc::EPROTO,
        };
        Self {
            errno: error.raw_os_error().unwrap_or(known),
            text: error.to_string(),
        }
    }
}
