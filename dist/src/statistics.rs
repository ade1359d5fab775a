//! What has passed over a connection, in numbers that only grow. They can be added up over connections.

use std::ops::AddAssign;

/// What has come from the peer: [`Inbound::statistics`](crate::Inbound::statistics).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Received {
    /// Bytes of complete packets, with their lengths: inet's `recv_oct`, but for the handshake.
    pub bytes: u64,
    /// Packets, ticks among them: `recv_cnt`.
    pub packets: u64,
    /// Ticks.
    pub ticks: u64,
    /// Signals: events with a control message, those of unknown operations among them.
    pub signals: u64,
    /// Signals of operations that this crate does not know.
    pub unknown: u64,
    /// Messages that made no sense.
    pub malformed: u64,
    /// Fragments of messages.
    pub fragments: u64,
    /// Bytes of messages whose fragments have not all come.
    pub incomplete: u64,
    /// Atoms in distribution headers.
    pub atoms: AtomCache,
}

/// What has gone to the peer: [`Outbound::statistics`](crate::Outbound::statistics).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Sent {
    /// Bytes written: inet's `send_oct`, but for the handshake.
    pub bytes: u64,
    /// Packets made, ticks among them: `send_cnt`.
    pub packets: u64,
    /// Ticks.
    pub ticks: u64,
    /// Signals.
    pub signals: u64,
    /// Fragments of messages.
    pub fragments: u64,
    /// Bytes that wait to be written: `send_pend`. This one goes down again.
    pub queued: u64,
    /// Atoms in distribution headers.
    pub atoms: AtomCache,
}

/// What distribution headers said about atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AtomCache {
    /// Atoms that had been said before.
    pub hits: u64,
    /// New entries, each with its name: the misses.
    pub new: u64,
}

/// Both directions of a connection: [`Connection::statistics`](crate::Connection::statistics).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// What has come.
    pub received: Received,
    /// What has gone.
    pub sent: Sent,
    /// Intervals of the tick time in which nothing came.
    pub ticks_missed: u64,
}

/// Each number by itself.
macro_rules! sums {
    ($($type:ident: $($number:ident)*, $($parts:ident)*;)*) => { $(
        impl AddAssign for $type {
            fn add_assign(&mut self, other: Self) {
                $(self.$number = self.$number.saturating_add(other.$number);)*
                $(self.$parts += other.$parts;)*
            }
        }
    )* };
}

sums! {
    Received: bytes packets ticks signals unknown malformed fragments incomplete, atoms;
    Sent: bytes packets ticks signals fragments queued, atoms;
    AtomCache: hits new, ;
    Statistics: ticks_missed, received sent;
}
