//! Rounds, and what is read off them.
//!
//! Only ratios between peers that ran next to each other mean anything on a machine with other work, so every round
//! visits every peer once, starting with a different one each time, and ratios are formed within the round.

use std::fmt;
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

/// Does its work the given number of times and says how long that took.
pub type Timed<'a> = Box<dyn FnMut(u32) -> io::Result<Duration> + 'a>;

/// Wraps one piece of work of this process. What it returns is dropped inside the measurement.
pub fn timed<'a, T>(mut work: impl FnMut() -> T + 'a) -> Timed<'a> {
    Box::new(move |count| {
        let start = Instant::now();
        for _ in 0..count {
            black_box(work());
        }
        Ok(start.elapsed())
    })
}

/// One operation on one payload, by several peers.
pub struct Contest<'a> {
    /// What the tables call it: a payload, or a function.
    pub payload: String,
    /// Terms in it.
    pub terms: u64,
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    peer: &'static str,
    work: Timed<'a>,
    count: u32,
    /// Nanoseconds per repetition, one for each round.
    rounds: Vec<f64>,
}

/// A ratio of speeds.
pub struct Ratio {
    /// Of the fastest rounds.
    pub fastest: f64,
    /// The median of the ratios within rounds.
    pub median: f64,
    /// Half the range of those, relative to the median.
    pub spread: f64,
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fastest, median, spread) = (self.fastest, self.median, self.spread * 100.0);
        write!(f, "{fastest:.2}× ({median:.2}× ±{spread:.0}%)")
    }
}

impl<'a> Contest<'a> {
    /// A contest without peers.
    pub fn new(payload: impl Into<String>, terms: u64) -> Self {
        Self {
            payload: payload.into(),
            terms,
            entries: Vec::new(),
        }
    }

    /// Adds a peer.
    pub fn enter(&mut self, peer: &'static str, work: Timed<'a>) {
        self.entries.push(Entry {
            peer,
            work,
            count: 1,
            rounds: Vec::new(),
        });
    }

    /// Finds for each peer how often it must repeat its work to fill `slice`.
    pub fn calibrate(&mut self, slice: Duration) -> io::Result<()> {
        for entry in &mut self.entries {
            loop {
                let took = (entry.work)(entry.count)?;
                if took * 2 >= slice || entry.count > 1 << 26 {
                    let fitting = slice.as_secs_f64() / took.as_secs_f64().max(1e-9);
                    entry.count = (f64::from(entry.count) * fitting).ceil().max(1.0) as u32;
                    break;
                }
                entry.count *= 2;
            }
        }
        Ok(())
    }

    /// Runs every peer once; `round` decides who is first.
    pub fn run(&mut self, round: usize) -> io::Result<()> {
        let peers = self.entries.len();
        for turn in 0..peers {
            let entry = &mut self.entries[(turn + round) % peers];
            let took = (entry.work)(entry.count)?;
            entry
                .rounds
                .push(took.as_secs_f64() * 1e9 / f64::from(entry.count));
        }
        Ok(())
    }

    /// Nanoseconds per term of the fastest round.
    pub fn ns_per_term(&self, peer: &str) -> Option<f64> {
        Some(fastest(self.rounds(peer)?) / self.terms as f64)
    }

    /// How many times as fast as `other` a peer is.
    pub fn ratio(&self, peer: &str, other: &str) -> Option<Ratio> {
        let (ours, theirs) = (self.rounds(peer)?, self.rounds(other)?);
        let mut ratios: Vec<f64> = theirs
            .iter()
            .zip(ours)
            .map(|(theirs, ours)| theirs / ours)
            .collect();
        ratios.sort_by(f64::total_cmp);
        let median = (ratios[(ratios.len() - 1) / 2] + ratios[ratios.len() / 2]) / 2.0;
        let spread = (ratios[ratios.len() - 1] - ratios[0]) / 2.0 / median;
        Some(Ratio {
            fastest: fastest(theirs) / fastest(ours),
            median,
            spread,
        })
    }

    fn rounds(&self, peer: &str) -> Option<&[f64]> {
        let entry = self.entries.iter().find(|entry| entry.peer == peer)?;
        (!entry.rounds.is_empty()).then_some(&entry.rounds)
    }
}

fn fastest(rounds: &[f64]) -> f64 {
    rounds.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Prints one operation: nanoseconds per term of all peers, then the speed of `ours` relative to each of them.
pub fn print(title: &str, contests: &[Contest<'_>], ours: &str, peers: &[&str]) {
    println!("\n### {title}\n\n**ns per term, fastest round**\n");
    println!("| payload | {ours} | {} |", peers.join(" | "));
    println!("| :-- |{}", " --: |".repeat(peers.len() + 1));
    for contest in contests {
        print!("| {} |", contest.payload);
        for peer in [&ours].into_iter().chain(peers) {
            match contest.ns_per_term(peer) {
                Some(time) => print!(" {} |", rounded(time)),
                None => print!(" – |"),
            }
        }
        println!();
    }
    println!(
        "\n**{ours}, how many times as fast: fastest rounds (median of in-round ratios ± half their range)**\n"
    );
    println!("| payload | {} |", peers.join(" | "));
    println!("| :-- |{}", " --: |".repeat(peers.len()));
    for contest in contests {
        print!("| {} |", contest.payload);
        for peer in peers {
            match contest.ratio(ours, peer) {
                Some(ratio) => print!(" {ratio} |"),
                None => print!(" – |"),
            }
        }
        println!();
    }
}

fn rounded(time: f64) -> String {
    match time {
        ..10.0 => format!("{time:.2}"),
        ..1000.0 => format!("{time:.1}"),
        _ => format!("{time:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_formed_within_rounds() {
        let mut contest = Contest::new("p", 2);
        for (peer, times) in [("slow", [30, 40, 20]), ("fast", [10, 20, 20])] {
            let mut times = times.into_iter().cycle();
            let next = move |_| Ok(Duration::from_nanos(times.next().unwrap_or(0)));
            contest.enter(peer, Box::new(next));
        }
        for round in 0..3 {
            contest.run(round).unwrap();
        }
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-9;
        assert!(near(contest.ns_per_term("slow").unwrap(), 10.0));
        let ratio = contest.ratio("fast", "slow").unwrap();
        assert!(near(ratio.fastest, 2.0) && near(ratio.median, 2.0) && near(ratio.spread, 0.5));
        assert!(contest.ratio("fast", "absent").is_none());
    }
}
