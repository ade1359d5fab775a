//! The numbers of the operations; `_TT` is the variant with a trace token.

pub(super) const LINK: u8 = 1;
pub(super) const SEND: u8 = 2;
pub(super) const EXIT: u8 = 3;
pub(super) const UNLINK: u8 = 4;
pub(super) const NODE_LINK: u8 = 5;
pub(super) const REG_SEND: u8 = 6;
pub(super) const GROUP_LEADER: u8 = 7;
pub(super) const EXIT2: u8 = 8;
pub(super) const SEND_TT: u8 = 12;
pub(super) const EXIT_TT: u8 = 13;
pub(super) const REG_SEND_TT: u8 = 16;
pub(super) const EXIT2_TT: u8 = 18;
pub(super) const MONITOR_P: u8 = 19;
pub(super) const DEMONITOR_P: u8 = 20;
pub(super) const MONITOR_P_EXIT: u8 = 21;
pub(super) const SEND_SENDER: u8 = 22;
pub(super) const SEND_SENDER_TT: u8 = 23;
pub(super) const PAYLOAD_EXIT: u8 = 24;
pub(super) const PAYLOAD_EXIT_TT: u8 = 25;
pub(super) const PAYLOAD_EXIT2: u8 = 26;
pub(super) const PAYLOAD_EXIT2_TT: u8 = 27;
pub(super) const PAYLOAD_MONITOR_P_EXIT: u8 = 28;
pub(super) const SPAWN_REQUEST: u8 = 29;
pub(super) const SPAWN_REQUEST_TT: u8 = 30;
pub(super) const SPAWN_REPLY: u8 = 31;
pub(super) const SPAWN_REPLY_TT: u8 = 32;
pub(super) const ALIAS_SEND: u8 = 33;
pub(super) const ALIAS_SEND_TT: u8 = 34;
pub(super) const UNLINK_ID: u8 = 35;
pub(super) const UNLINK_ID_ACK: u8 = 36;
pub(super) const ALTACT_SIG_SEND: u8 = 37;

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
