use std::io;

use einode_dist::Prefix;

/// Which side of a connection we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We connected to the peer.
    Initiator,
    /// The peer connected to us.
    Acceptor,
}

/// What every socket must be able to say, whatever the style in which it reads and writes.
///
/// Plain byte streams need none of it: the defaults are those of TCP. The same two things are what
/// `handshake_packet_header_size` and the handshake-complete callbacks of `ei_socket_callbacks` say.
pub trait Carrier {
    /// How many bytes the length of a handshake packet has: two on plain streams, four on TLS.
    fn prefix(&self) -> Prefix {
        Prefix::Two
    }

    /// Called once, when the handshake has succeeded and before anything else is sent.
    ///
    /// # Errors
    /// Any error closes the connection.
    fn handshake_complete(&mut self, side: Side) -> io::Result<()> {
        let _ = side;
        Ok(())
    }
}

impl<C: Carrier + ?Sized> Carrier for Box<C> {
    fn prefix(&self) -> Prefix {
        (**self).prefix()
    }

    fn handshake_complete(&mut self, side: Side) -> io::Result<()> {
        (**self).handshake_complete(side)
    }
}
