//! How long answers took.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use einode::{Atom, Term};

/// Of how many of the last answers the percentiles are.
const LAST: usize = 100_000;

/// The percentiles that are told.
const PERCENTILES: [u32; 3] = [50, 90, 99];

/// Times, and their statistics.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    count: u64,
    /// In milliseconds, as all others.
    mean: f64,
    /// The sum of the squared distances from the mean, kept as by Welford.
    squares: f64,
    min: f64,
    max: f64,
    last: VecDeque<f64>,
}

impl Latencies {
    pub(crate) fn add(&mut self, time: Duration) {
        let time = milliseconds(time);
        self.count += 1;
        let distance = time - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (time - self.mean);
        self.min = if self.count == 1 {
            time
        } else {
            self.min.min(time)
        };
        self.max = self.max.max(time);
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(time);
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    fn deviation(&self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }

    /// In what time this share of the answers came, by the nearest rank.
    fn percentiles(&self) -> impl Iterator<Item = (u32, f64)> {
        let mut sorted: Vec<f64> = self.last.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        PERCENTILES.into_iter().filter_map(move |percent| {
            let rank = (sorted.len() * percent as usize).div_ceil(100).max(1);
            Some((percent, *sorted.get(rank - 1)?))
        })
    }

    /// As the pairs of a map, for JSON.
    pub(crate) fn pairs(&self) -> Vec<(Term, Term)> {
        let numbers = [
            ("min_ms".to_owned(), self.min),
            ("mean_ms".to_owned(), self.mean),
            ("max_ms".to_owned(), self.max),
            ("stddev_ms".to_owned(), self.deviation()),
        ];
        let percentiles = self.percentiles();
        let percentiles = percentiles.map(|(percent, time)| (format!("p{percent}_ms"), time));
        let all = numbers.into_iter().chain(percentiles);
        let pair = |(name, time): (String, f64)| {
            // No more digits than the clock can mean.
            let time = Term::float((time * 1e6).round() / 1e6)?;
            Some((Term::from(Atom::new(&name).ok()?), time))
        };
        all.filter(|_| self.count > 0).filter_map(pair).collect()
    }
}

/// On two lines, as ping(8) has it.
impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min, mean, max, .. } = self;
        let deviation = self.deviation();
        writeln!(
            f,
            "min/mean/max/stddev {min:.3}/{mean:.3}/{max:.3}/{deviation:.3} ms"
        )?;
        let times: Vec<String> = self
            .percentiles()
            .map(|(percent, time)| format!("p{percent} {time:.3}"))
            .collect();
        write!(f, "{} ms", times.join(", "))
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_what_they_should_be() {
        let mut latencies = Latencies::default();
        for time in [4, 2, 4, 5, 4, 5, 7, 9] {
            latencies.add(Duration::from_millis(time));
        }
        assert_eq!(
            latencies.to_string(),
            "min/mean/max/stddev 2.000/5.000/9.000/2.000 ms\n\
             p50 4.000, p90 9.000, p99 9.000 ms"
        );
        let json = Term::map(latencies.pairs()).unwrap();
        assert_eq!(
            crate::json::Json(&json).to_string(),
            "{\"max_ms\":9.0,\"mean_ms\":5.0,\"min_ms\":2.0,\"p50_ms\":4.0,\"p90_ms\":9.0,\
             \"p99_ms\":9.0,\"stddev_ms\":2.0}"
        );
    }

    #[test]
    fn of_one_there_is_no_deviation() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::from_micros(250));
        assert!(latencies.to_string().contains("0.250/0.250/0.250/0.000 ms"));
    }
}
