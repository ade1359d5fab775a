use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use einode_dist::Statistics;

use super::bell::lock;

/// What a node counts from its beginning on, apart from what its connections count.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) initiated: Count,
    pub(crate) accepted: Count,
    pub(crate) failed: Count,
    pub(crate) refused: Count,
    pub(crate) closed: Count,
    pub(crate) lost: Count,
    pub(crate) dropped: Count,
    past: Mutex<Statistics>,
}

impl Counters {
    /// A connection has ended after this.
    pub(crate) fn keep(&self, mut traffic: Statistics) {
        // What waited to be sent or completed waits no more.
        (traffic.sent.queued, traffic.received.incomplete) = (0, 0);
        *lock(&self.past) += traffic;
    }

    /// What has passed over connections that have ended.
    pub(crate) fn past(&self) -> Statistics {
        *lock(&self.past)
    }
}

/// How often something has happened.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
