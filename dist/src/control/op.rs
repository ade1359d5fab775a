//! The numbers of the operations; `_TT` is the variant with a trace token.

use std::fmt;

/// The operation of a control message, by the number that is the first element of its tuple.
///
/// [`Control`](super::Control) says what is meant; this is which of several operations said it.
/// It displays as the name in the manual (`SEND_SENDER`), or as the number of one that did not exist when
/// this was written. OTP: Distribution Protocol, section "Protocol between Connected Nodes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(pub(super) u64);

macro_rules! operations {
    ($($name:ident = $number:literal;)*) => {
        $(pub(super) const $name: u8 = $number;)*

        impl Operation {
            /// The names of all operations that are known, by their numbers.
            pub const NAMES: &[(u8, &'static str)] = &[$(($number, stringify!($name))),*];
        }
    };
}

operations! {
    LINK = 1;
    SEND = 2;
    EXIT = 3;
    UNLINK = 4;
    NODE_LINK = 5;
    REG_SEND = 6;
    GROUP_LEADER = 7;
    EXIT2 = 8;
    SEND_TT = 12;
    EXIT_TT = 13;
    REG_SEND_TT = 16;
    EXIT2_TT = 18;
    MONITOR_P = 19;
    DEMONITOR_P = 20;
    MONITOR_P_EXIT = 21;
    SEND_SENDER = 22;
    SEND_SENDER_TT = 23;
    PAYLOAD_EXIT = 24;
    PAYLOAD_EXIT_TT = 25;
    PAYLOAD_EXIT2 = 26;
    PAYLOAD_EXIT2_TT = 27;
    PAYLOAD_MONITOR_P_EXIT = 28;
    SPAWN_REQUEST = 29;
    SPAWN_REQUEST_TT = 30;
    SPAWN_REPLY = 31;
    SPAWN_REPLY_TT = 32;
    ALIAS_SEND = 33;
    ALIAS_SEND_TT = 34;
    UNLINK_ID = 35;
    UNLINK_ID_ACK = 36;
    ALTACT_SIG_SEND = 37;
}

impl Operation {
    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The name that the manual has for it.
    pub fn name(self) -> Option<&'static str> {
        let known = Self::NAMES.iter();
        known
            .copied()
            .find_map(|(number, name)| (u64::from(number) == self.0).then_some(name))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

/// The flags inside `ALTACT_SIG_SEND`.
pub(super) mod altact {
    pub(crate) const PRIORITY: u64 = 1;
    pub(crate) const TOKEN: u64 = 2;
    pub(crate) const ALIAS: u64 = 4;
    pub(crate) const NAME: u64 = 8;
    pub(crate) const EXIT: u64 = 16;
    pub(crate) const ALL: u64 = PRIORITY | TOKEN | ALIAS | NAME | EXIT;
}

/// The flags inside `SPAWN_REPLY`.
pub(super) mod spawn {
    pub(crate) const LINK: u64 = 1;
    pub(crate) const MONITOR: u64 = 2;
}
