use std::time::{Duration, Instant};

/// When to let more arrive before reading.
///
/// Whoever reads every small message as soon as it is there makes an Erlang node send them one by one:
/// each wakes the reader. While a stream of them flows and nothing is sent in return, reading pauses for
/// a moment, so that one read brings many. It does not while answers go back and forth, and not when the
/// stream has ended.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Option<Instant>,
    /// How many reads have followed one another soon.
    soon: u32,
    gathering: bool,
    /// The last read was full: more is there already.
    more: bool,
}

/// Reads that follow one another within this are part of a stream.
const SOON: Duration = Duration::from_micros(100);

/// As many of them in a row are one.
const STREAM: u32 = 32;

/// How long more may arrive. As much later is the last message of a stream read.
const PAUSE: Duration = Duration::from_micros(200);

/// A pause that brings less than this was not worth it.
const FEW: usize = 2 * 1024;

/// A read that brings as much needs no pause.
const PLENTY: usize = 16 * 1024;

impl Pace {
    /// How long to wait before a read that is about to begin.
    pub(crate) fn pause(&mut self, now: Instant) -> Option<Duration> {
        let last = self.last.replace(now);
        if !self.gathering {
            let soon = last.is_some_and(|last| now.saturating_duration_since(last) < SOON);
            self.soon = if soon { self.soon + 1 } else { 0 };
            self.gathering = self.soon >= STREAM;
        }
        (self.gathering && !self.more).then_some(PAUSE)
    }

    /// Whether more is read at once than is known to come.
    pub(crate) const fn is_gathering(&self) -> bool {
        self.gathering
    }

    /// A read for which there was so much room has brought so many bytes.
    pub(crate) fn read(&mut self, bytes: usize, room: usize) {
        self.more = bytes >= room;
        match self.gathering {
            true if bytes < FEW && !self.more => self.sent(),
            false if bytes >= PLENTY => self.sent(),
            _ => {}
        }
    }

    /// Something was sent, which may have an answer.
    pub(crate) fn sent(&mut self) {
        self.soon = 0;
        self.gathering = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `count` times, `apart` from one another; whether it paused before the last.
    fn reads(
        pace: &mut Pace,
        now: &mut Instant,
        count: u32,
        apart: Duration,
        bytes: usize,
    ) -> bool {
        let mut paused = false;
        for _ in 0..count {
            *now += apart;
            paused = pace.pause(*now).is_some();
            pace.read(bytes, usize::MAX);
        }
        paused
    }

    #[test]
    fn a_stream_of_small_messages_is_gathered_until_it_ends() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        let apart = Duration::from_micros(5);
        assert!(!reads(&mut pace, &mut now, STREAM, apart, 150));
        assert!(pace.pause(now).is_some());
        pace.read(30_000, 30_000);
        assert!(pace.pause(now).is_none());
        pace.read(30_000, 60_000);
        assert!(reads(&mut pace, &mut now, 10, PAUSE, 30_000));
        assert!(reads(&mut pace, &mut now, 1, PAUSE, 150));
        assert!(!reads(&mut pace, &mut now, STREAM - 1, apart, 150));
    }

    #[test]
    fn nothing_else_is() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        // Seldom messages, and large ones.
        assert!(!reads(&mut pace, &mut now, 100, SOON, 150));
        assert!(!reads(&mut pace, &mut now, 100, Duration::ZERO, PLENTY));
        // Answers.
        for _ in 0..100 {
            assert!(!reads(&mut pace, &mut now, 3, Duration::ZERO, 150));
            pace.sent();
        }
    }
}
