use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use einode_dist::Prefix;
use einode_dist::handshake::Session;

use crate::core::lock;

/// Which side of a connection we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We connected to the peer.
    Initiator,
    /// The peer connected to us.
    Acceptor,
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The handshake did not succeed.
    Handshake,
    /// The program has done with it.
    Done,
    /// The peer closed it.
    Peer,
    /// The peer was silent for longer than `net_ticktime`.
    Silent,
    /// The socket failed, or the peer broke the protocol.
    Failed,
}

/// What every socket must be able to say, whatever the style in which it reads and writes.
///
/// Plain byte streams need none of it: the defaults are those of TCP. These are the same things as
/// `handshake_packet_header_size`, the handshake-complete callbacks and `close` of
/// `ei_socket_callbacks`.
pub trait Carrier {
    /// How many bytes the length of a handshake packet has: two on plain streams, four on TLS.
    fn prefix(&self) -> Prefix {
        Prefix::Two
    }

    /// Called once, when the handshake has succeeded and before anything else is sent. The session says
    /// who the peer is.
    ///
    /// # Errors
    /// Any error closes the connection.
    fn handshake_complete(&mut self, side: Side, session: &Session) -> io::Result<()> {
        let _ = (side, session);
        Ok(())
    }

    /// What is to be said of a handshake that has run into its deadline, where the socket knows nothing of
    /// deadlines. TLS tells whether the peer has said anything.
    fn timed_out(&self) -> io::Error {
        io::ErrorKind::TimedOut.into()
    }

    /// Called once, before the socket is dropped and after the last byte was read and written.
    fn closing(&mut self, why: Ending) {
        let _ = why;
    }
}

impl<C: Carrier + ?Sized> Carrier for Box<C> {
    fn prefix(&self) -> Prefix {
        (**self).prefix()
    }

    fn handshake_complete(&mut self, side: Side, session: &Session) -> io::Result<()> {
        (**self).handshake_complete(side, session)
    }

    fn timed_out(&self) -> io::Error {
        (**self).timed_out()
    }

    fn closing(&mut self, why: Ending) {
        (**self).closing(why);
    }
}

/// A socket that is told why it closes, whatever becomes of those that hold it.
#[derive(Debug)]
pub(crate) struct Closing<C: Carrier> {
    carrier: C,
    /// What it will be told.
    ending: Mutex<Ending>,
}

impl<C: Carrier> Closing<C> {
    pub(crate) const fn new(carrier: C, ending: Ending) -> Self {
        let ending = Mutex::new(ending);
        Self { carrier, ending }
    }

    /// Notes what it will be told.
    pub(crate) fn note(&self, ending: Ending) {
        *lock(&self.ending) = ending;
    }
}

impl<C: Carrier> Deref for Closing<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.carrier
    }
}

impl<C: Carrier> DerefMut for Closing<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.carrier
    }
}

impl<C: Carrier> Drop for Closing<C> {
    fn drop(&mut self) {
        let ending = *lock(&self.ending);
        self.carrier.closing(ending);
    }
}
