use std::time::Duration;

use crate::limits;

/// After how long silence means that a peer is gone: kernel's `net_ticktime` and
/// `net_tickintensity`. All nodes of a cluster should have the same tick time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickTime {
    time: Duration,
    intensity: u32,
}

impl TickTime {
    /// A silent peer is given up after `time`, which is divided into `intensity` intervals.
    ///
    /// `None` unless `intensity` is 4 to 1000, as kernel demands, and an interval is longer than
    /// nothing.
    pub fn new(time: Duration, intensity: u32) -> Option<Self> {
        let valid = (limits::TICK_INTENSITY..=limits::TICK_INTENSITY_MAX).contains(&intensity)
            && !(time / intensity).is_zero();
        valid.then_some(Self { time, intensity })
    }

    /// How often [`Ticker::tick`] is to be called: the tick time divided by the intensity.
    pub fn interval(self) -> Duration {
        self.time / self.intensity
    }
}

/// 60 seconds in 4 intervals.
impl Default for TickTime {
    fn default() -> Self {
        Self {
            time: limits::TICK_TIME,
            intensity: limits::TICK_INTENSITY,
        }
    }
}

/// What to do at the end of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Beat {
    /// Nothing.
    Quiet,
    /// Send a tick, an empty packet, so that the peer hears from us.
    SendTick,
    /// The peer has been silent for the whole tick time: the connection is dead.
    PeerDown,
}

/// Decides, from byte counters alone, when to send a tick and when a peer is gone.
///
/// An interval in which bytes were written needs no tick, except towards a hidden node from which
/// nothing was read: a simple one, such as a program with libei, only answers ticks. A peer is
/// gone after as many silent intervals in a row as the intensity says, so between T and
/// T·(1 + 1/intensity) after its last byte.
#[derive(Debug)]
pub struct Ticker {
    time: TickTime,
    hidden: bool,
    read: u64,
    written: u64,
    silent: u32,
    missed: u64,
}

/// The size of a tick on the wire.
const TICK: u64 = 4;

impl Ticker {
    /// A ticker for a new connection; `hidden` unless both sides have
    /// [`PUBLISHED`](crate::Flags::PUBLISHED).
    pub fn new(time: TickTime, hidden: bool) -> Self {
        Self {
            time,
            hidden,
            read: 0,
            written: 0,
            silent: 0,
            missed: 0,
        }
    }

    /// In how many intervals so far nothing was read.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// How often [`tick`](Self::tick) is to be called.
    pub fn interval(&self) -> Duration {
        self.time.interval()
    }

    /// One interval is over. `read` and `written` count the bytes of the whole connection so far,
    /// ticks included; `queued` is the number of bytes that wait to be written.
    pub fn tick(&mut self, read: u64, written: u64, queued: usize) -> Beat {
        let heard = read != self.read;
        if heard {
            self.silent = 0;
        } else {
            self.silent = self.silent.saturating_add(1);
            self.missed = self.missed.saturating_add(1);
        }
        if self.silent >= self.time.intensity {
            return Beat::PeerDown;
        }
        let idle = written <= self.written && queued == 0;
        self.read = read;
        self.written = self.written.max(written);
        if idle || (self.hidden && !heard) {
            // The tick itself must not look like news in the next interval.
            self.written += TICK;
            Beat::SendTick
        } else {
            Beat::Quiet
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticker(hidden: bool) -> Ticker {
        Ticker::new(TickTime::default(), hidden)
    }

    #[test]
    fn is_called_every_quarter_of_the_tick_time() {
        assert_eq!(ticker(false).interval(), Duration::from_secs(15));
        let time = TickTime::new(Duration::from_secs(10), 1000).unwrap();
        assert_eq!(
            Ticker::new(time, false).interval(),
            Duration::from_millis(10)
        );
    }

    #[test]
    fn has_the_bounds_of_kernel() {
        let minute = Duration::from_secs(60);
        assert!(TickTime::new(minute, 3).is_none());
        assert!(TickTime::new(minute, 4).is_some());
        assert!(TickTime::new(minute, 1000).is_some());
        assert!(TickTime::new(minute, 1001).is_none());
        assert!(TickTime::new(Duration::ZERO, 4).is_none());
        assert!(TickTime::new(Duration::from_nanos(3), 4).is_none());
    }

    #[test]
    fn sends_a_tick_in_every_idle_interval() {
        let mut ticker = ticker(false);
        // The peer talks all the time; we write nothing but ticks.
        for n in 1..100 {
            assert_eq!(ticker.tick(n, 4 * (n - 1), 0), Beat::SendTick);
        }
    }

    #[test]
    fn sends_no_tick_when_something_was_written_or_waits() {
        let mut ticker = ticker(false);
        assert_eq!(ticker.tick(1, 100, 0), Beat::Quiet);
        assert_eq!(ticker.tick(2, 100, 50), Beat::Quiet);
        assert_eq!(ticker.tick(3, 100, 0), Beat::SendTick);
        assert_eq!(ticker.tick(4, 104 + 70, 0), Beat::Quiet);
        assert_eq!(ticker.tick(5, 104 + 70, 0), Beat::SendTick);
    }

    #[test]
    fn ticks_a_silent_hidden_node_even_while_writing() {
        let mut hidden = ticker(true);
        assert_eq!(hidden.tick(1, 100, 0), Beat::Quiet);
        assert_eq!(hidden.tick(1, 200, 0), Beat::SendTick);
        assert_eq!(hidden.tick(2, 304, 0), Beat::Quiet);
        let mut visible = ticker(false);
        assert_eq!(visible.tick(1, 100, 0), Beat::Quiet);
        assert_eq!(visible.tick(1, 200, 0), Beat::Quiet);
    }

    #[test]
    fn gives_up_after_four_silent_intervals_in_a_row() {
        let mut ticker = ticker(true);
        for written in [100, 200, 300] {
            assert_ne!(ticker.tick(0, written, 0), Beat::PeerDown);
        }
        assert_ne!(ticker.tick(7, 400, 0), Beat::PeerDown);
        for written in [500, 600, 700] {
            assert_ne!(ticker.tick(7, written, 0), Beat::PeerDown);
        }
        assert_eq!(ticker.tick(7, 800, 0), Beat::PeerDown);
    }

    #[test]
    fn gives_up_a_peer_that_does_not_read_either() {
        let mut ticker = ticker(false);
        for _ in 0..3 {
            assert_eq!(ticker.tick(0, 0, 1 << 20), Beat::Quiet);
        }
        assert_eq!(ticker.tick(0, 0, 1 << 20), Beat::PeerDown);
    }
}
