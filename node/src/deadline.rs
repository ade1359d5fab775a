//! Until when an operation may take.

use std::time::{Duration, Instant};

/// In what stands for never: ten years, which every clock can count.
pub(crate) const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The moment at which this much time is over.
pub(crate) fn after(time: Duration) -> Instant {
    Instant::now() + time.min(NEVER)
}
