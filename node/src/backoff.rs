use std::time::Duration;

/// How long to wait before the next attempt to connect, after attempts that have failed.
///
/// The wait is a random time below a bound that doubles with each failure up to the longest, so that many who
/// have lost the same node do not come back at the same moment.
///
/// ```
/// use std::time::Duration;
///
/// use einode::Backoff;
///
/// let backoff = Backoff::default();
/// // A random number of 64 bits is an argument: this is half of the bound.
/// assert_eq!(backoff.delay(0, 1 << 63), Duration::from_millis(250));
/// assert_eq!(backoff.delay(3, 1 << 63), Duration::from_secs(2));
/// assert_eq!(backoff.delay(30, 1 << 63), Duration::from_secs(15));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// The bound after the first failure by default.
    pub const FIRST: Duration = Duration::from_millis(500);

    /// The highest bound by default.
    pub const LONGEST: Duration = Duration::from_secs(30);

    /// With these bounds after the first failure and after many.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The highest bound. A connection that has lasted as long is a success: failures count from there.
    pub const fn longest(&self) -> Duration {
        self.longest
    }

    /// The wait after so many failures before the last one, for a random number.
    pub fn delay(&self, failures: u32, random: u64) -> Duration {
        let doubled = 2_u32.saturating_pow(failures);
        let bound = self.first.saturating_mul(doubled).min(self.longest);
        let share = random as f64 / 2.0_f64.powi(64);
        bound.mul_f64(share).min(bound)
    }
}

impl Default for Backoff {
    /// Between [`FIRST`](Self::FIRST) and [`LONGEST`](Self::LONGEST).
    fn default() -> Self {
        Self::new(Self::FIRST, Self::LONGEST)
    }
}
