use crate::flags::Flags;
use crate::inbound::Inbound;
use crate::limits;
use crate::outbound::Outbound;
use crate::statistics::Statistics;
use crate::ticker::{TickTime, Ticker};

/// Two connected nodes, seen from one of them: everything after the handshake.
///
/// The three parts know nothing of one another, so that a driver can keep them under separate locks
/// and a blocked reader stops no writer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Connection {
    /// What comes from the peer.
    pub inbound: Inbound,
    /// What goes to the peer.
    pub outbound: Outbound,
    /// When to send a tick, and when the peer is gone.
    pub ticker: Ticker,
}

/// What can be chosen for a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The longest packet accepted, in bytes; by default [`limits::PACKET`].
    pub max_packet: u32,
    /// The most bytes accepted of messages in fragments that are not complete, and so of the longest;
    /// by default [`limits::MESSAGE`].
    pub max_message: usize,
    /// After how long silence means that the peer is gone.
    pub tick_time: TickTime,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_packet: limits::PACKET,
            max_message: limits::MESSAGE,
            tick_time: TickTime::default(),
        }
    }
}

impl Connection {
    /// A connection for which a handshake has negotiated `flags`:
    /// [`Session::flags`](crate::handshake::Session::flags).
    ///
    /// They decide how packets are framed: with a distribution header and its atom cache, with
    /// fragments, or with neither.
    pub fn new(flags: Flags, settings: &Settings) -> Self {
        Self {
            inbound: Inbound::new(flags, settings),
            outbound: Outbound::new(flags),
            ticker: Ticker::new(settings.tick_time, !flags.contains(Flags::PUBLISHED)),
        }
    }

    /// What has passed over it so far.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            received: self.inbound.statistics(),
            sent: self.outbound.statistics(),
            ticks_missed: self.ticker.missed(),
        }
    }
}
