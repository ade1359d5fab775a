mod decode;
mod encode;
mod op;

use std::num::NonZeroU64;

pub(crate) use decode::Decoded;
pub use op::Operation;

use einode_etf::{Atom, Pid, Reference};

use crate::payload::Payload;

/// What a packet wants: the control message.
///
/// The protocol has 37 operations, many of which say the same thing with and without a trace token,
/// or before and after some release. Here each thing is said once, and the flags of the
/// connection decide which operation says it on the wire:
///
/// | variant | operations |
/// |---|---|
/// | [`Send`](Self::Send) | 2 `SEND`, 6 `REG_SEND`, 22 `SEND_SENDER`, 33 `ALIAS_SEND`, 37 `ALTACT_SIG_SEND`, 12, 16, 23 and 34 with token |
/// | [`Exit`](Self::Exit) | 3 `EXIT`, 24 `PAYLOAD_EXIT`, 13 and 25 with token |
/// | [`Exit2`](Self::Exit2) | 8 `EXIT2`, 26 `PAYLOAD_EXIT2`, 37 `ALTACT_SIG_SEND`, 18 and 27 with token |
/// | [`Link`](Self::Link) | 1 `LINK` |
/// | [`Unlink`](Self::Unlink) | 4 `UNLINK` |
/// | [`UnlinkId`](Self::UnlinkId), [`UnlinkIdAck`](Self::UnlinkIdAck) | 35 `UNLINK_ID`, 36 `UNLINK_ID_ACK` |
/// | [`NodeLink`](Self::NodeLink) | 5 `NODE_LINK` |
/// | [`GroupLeader`](Self::GroupLeader) | 7 `GROUP_LEADER` |
/// | [`MonitorP`](Self::MonitorP), [`DemonitorP`](Self::DemonitorP) | 19 `MONITOR_P`, 20 `DEMONITOR_P` |
/// | [`MonitorPExit`](Self::MonitorPExit) | 21 `MONITOR_P_EXIT`, 28 `PAYLOAD_MONITOR_P_EXIT` |
/// | [`SpawnRequest`](Self::SpawnRequest) | 29 `SPAWN_REQUEST`, 30 with token |
/// | [`SpawnReply`](Self::SpawnReply) | 31 `SPAWN_REPLY`, 32 with token |
///
/// The messages and reasons that belong to them are always the [`Payload`] beside the control message,
/// also where the operation has the reason inside. `token` is a sequential trace token.
/// OTP: Distribution Protocol, section "Protocol between Connected Nodes".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// A message. The payload is the message.
    Send {
        /// The sender. Old peers do not tell it with messages to pids.
        from: Option<Pid>,
        /// The receiver.
        to: Destination,
        /// Whether it is a priority message (OTP 28). Peers that do not know them get a plain
        /// one.
        priority: bool,
        /// A trace token.
        token: Option<Payload>,
    },
    /// The end of a link: `from` is no more. The payload is the reason.
    Exit {
        /// The process that ended.
        from: Pid,
        /// The process linked to it.
        to: Pid,
        /// A trace token.
        token: Option<Payload>,
    },
    /// An exit signal by `exit/2`. The payload is the reason.
    Exit2 {
        /// The process that sent the signal.
        from: Pid,
        /// The receiver.
        to: Destination,
        /// Whether it is a priority signal (OTP 28), as with [`Send`](Self::Send).
        priority: bool,
        /// A trace token.
        token: Option<Payload>,
    },
    /// Links two processes.
    Link {
        /// The process that asks for the link.
        from: Pid,
        /// The other process.
        to: Pid,
    },
    /// Removes a link, as before OTP 23.3. Nodes since OTP 26 do not accept it.
    Unlink {
        /// The process that removes the link.
        from: Pid,
        /// The other process.
        to: Pid,
    },
    /// Removes a link.
    UnlinkId {
        /// A number for the answer to repeat.
        id: NonZeroU64,
        /// The process that removes the link.
        from: Pid,
        /// The other process.
        to: Pid,
    },
    /// The answer to [`UnlinkId`](Self::UnlinkId), due before any other signal to `to`.
    UnlinkIdAck {
        /// The number of the request.
        id: NonZeroU64,
        /// The process that was asked.
        from: Pid,
        /// The process that had asked.
        to: Pid,
    },
    /// Never sent by anybody.
    NodeLink,
    /// Makes `from` the group leader of `to`.
    GroupLeader {
        /// The new group leader.
        from: Pid,
        /// The process that gets it.
        to: Pid,
    },
    /// Monitors a process.
    MonitorP {
        /// The process that monitors.
        from: Pid,
        /// The process monitored.
        to: Target,
        /// Identifies the monitor.
        reference: Reference,
    },
    /// Removes a monitor.
    DemonitorP {
        /// The process that monitored.
        from: Pid,
        /// The process monitored.
        to: Target,
        /// Identifies the monitor.
        reference: Reference,
    },
    /// A monitored process is no more, or never was. The payload is the reason.
    MonitorPExit {
        /// What was monitored, as it was named in the request.
        from: Target,
        /// The process that monitors.
        to: Pid,
        /// Identifies the monitor.
        reference: Reference,
    },
    /// Asks for a process. The payload is the list of arguments.
    SpawnRequest {
        /// Identifies the request.
        request: Reference,
        /// The process that asks.
        from: Pid,
        /// The group leader for the new process.
        group_leader: Pid,
        /// What the process is to call.
        call: Mfa,
        /// A list of options: `link`, `monitor` and more.
        options: Payload,
        /// A trace token.
        token: Option<Payload>,
    },
    /// The answer to a [`SpawnRequest`](Self::SpawnRequest).
    SpawnReply {
        /// Identifies the request.
        request: Reference,
        /// The process that asked.
        to: Pid,
        /// Whether the new process is linked with it.
        link: bool,
        /// Whether the new process is monitored by it, under the reference of the request.
        monitor: bool,
        /// The new process, or why there is none.
        result: Result<Pid, Atom>,
        /// A trace token.
        token: Option<Payload>,
    },
    /// An operation that did not exist when this was written; to be ignored. What follows the
    /// control message in the packet, if anything, is the payload.
    Unknown {
        /// The number of the operation.
        operation: u64,
        /// The whole control tuple.
        tuple: Payload,
    },
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// A process.
    Pid(Pid),
    /// Whoever has registered this name on the receiving node.
    Name(Atom),
    /// Whoever has made this alias.
    Alias(Reference),
}

/// What is monitored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A process.
    Pid(Pid),
    /// Whoever has registered this name on the receiving node.
    Name(Atom),
}

macro_rules! from {
    ($($from:ident => $type:ident::$variant:ident;)*) => { $(
        impl From<$from> for $type {
            fn from(value: $from) -> Self {
                Self::$variant(value)
            }
        }
    )* };
}

from! {
    Pid => Destination::Pid;
    Atom => Destination::Name;
    Reference => Destination::Alias;
    Pid => Target::Pid;
    Atom => Target::Name;
}

/// A function of a module, `Module:Function/Arity`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mfa {
    /// The module.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// The number of its arguments.
    pub arity: u8,
}

#[cfg(test)]
mod tests;
