//! What the proxy and the reader of captures have to say.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use einode::dist::Side;

/// Something that happened to a connection.
#[derive(Debug)]
pub(super) struct Feed {
    /// When, since 1970.
    pub(super) time: Duration,
    pub(super) connection: u64,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Opened {
        from: String,
        to: String,
        /// Whether it is known to be one of nodes.
        certain: bool,
    },
    Bytes(Side, Vec<u8>),
    /// Bytes that were not seen.
    Lost(Side, u64),
    Ended(Side),
    /// There is no connection with the target.
    Failed(String),
    Closed,
}

impl Feed {
    /// Of a connection, now.
    pub(super) fn now(connection: u64, what: What) -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            time: time.unwrap_or_default(),
            connection,
            what,
        }
    }
}
