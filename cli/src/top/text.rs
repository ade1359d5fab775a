//! A sample as text.

use einode::Term;

use crate::exit::Failure;
use crate::fields::Fields;
use crate::processes::{self, Sort};
use crate::remote::unexpected;
use crate::table::{bytes, grouped};

/// A sample: the node, and its busiest processes.
pub(super) fn of(sample: &Term, sort: Sort) -> Result<String, Failure> {
    let head = head(sample)?.join("\n");
    let busiest = sample.field("busiest")?.field(sort.name())?;
    Ok(format!(
        "{head}\n\n{}",
        processes::table(busiest, " reductions/s")?
    ))
}

/// What is told of the node as a whole, on four lines.
pub(super) fn head(sample: &Term) -> Result<[String; 4], Failure> {
    let number = |name| sample.field(name)?.number();
    let count = |name| number(name).map(grouped);
    let memory = |kind| sample.field("memory")?.field(kind)?.number().map(bytes);
    let window = number("window_ms")?.max(1);
    let rate = |name| Ok::<_, Failure>(bytes(number(name)?.saturating_mul(1000) / window));
    Ok([
        format!(
            "{}, OTP {}, up {}",
            sample.field("node")?.text()?,
            sample.field("release")?.text()?,
            uptime(number("uptime_ms")? / 1000),
        ),
        format!(
            "schedulers {} at {:.1} %, run queue {}, in {}/s, out {}/s",
            count("schedulers")?,
            utilization(sample)? * 100.0,
            count("run_queue")?,
            rate("input")?,
            rate("output")?,
        ),
        format!(
            "memory {}: processes {}, binaries {}, ets {}, code {}, atoms {}",
            memory("total")?,
            memory("processes")?,
            memory("binary")?,
            memory("ets")?,
            memory("code")?,
            memory("atom")?,
        ),
        format!(
            "processes {} of {}, ports {}, tables {}, atoms {}; collected in {:.1} ms",
            count("processes")?,
            count("process_limit")?,
            count("ports")?,
            count("tables")?,
            count("atoms")?,
            sample.field("cost")?.field("microseconds")?.number()? as f64 / 1e3,
        ),
    ])
}

/// Which part of the time of its schedulers a node works.
pub(super) fn utilization(sample: &Term) -> Result<f64, Failure> {
    let share = sample.field("utilization")?;
    share.as_f64().ok_or_else(|| unexpected(share))
}

fn uptime(seconds: i64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let days = match days {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        days => format!("{days} days, "),
    };
    format!("{days}{hours}:{minutes:02}:{seconds:02}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn uptimes_can_be_read() {
        assert_eq!(super::uptime(59), "0:00:59");
        assert_eq!(super::uptime(86_400 + 3 * 3600 + 62), "1 day, 3:01:02");
        assert_eq!(super::uptime(20 * 86_400), "20 days, 0:00:00");
    }
}
