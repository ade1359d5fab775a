//! Which messages are shown.

use clap::Args;

use super::entry::Entry;

#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Show only what is from or for this process: a pid as it is shown or as <0.90.0>, or a name; may be repeated
    #[arg(long, short, value_name = "PID|NAME")]
    process: Vec<String>,
    /// Show only these operations, such as SEND_SENDER or send for all that have it in their names; also
    /// handshake, tick, fragment; may be repeated
    #[arg(long, short, value_name = "OPERATION")]
    operation: Vec<String>,
    /// Show only messages of at least so many bytes; K and M mean 1024 and 1024²
    #[arg(long, value_name = "BYTES", value_parser = size)]
    min_size: Option<u64>,
    /// Show only messages of at most so many bytes
    #[arg(long, value_name = "BYTES", value_parser = size)]
    max_size: Option<u64>,
}

impl Filter {
    /// Whether to show this. What is wrong is always shown.
    pub(super) fn shows(&self, entry: &Entry<'_>) -> bool {
        if !matches!(entry.event, "signal" | "handshake" | "tick" | "fragment") {
            return true;
        }
        let ends = [&entry.sender, &entry.receiver];
        let process = |wanted: &String| {
            ends.into_iter()
                .flatten()
                .any(|end| is_process(wanted, end))
        };
        let operation = |wanted: &String| {
            let wanted = wanted.to_lowercase();
            wanted == entry.event || entry.operation.to_lowercase().contains(&wanted)
        };
        (self.process.is_empty() || self.process.iter().any(process))
            && (self.operation.is_empty() || self.operation.iter().any(operation))
            && self.min_size.is_none_or(|least| entry.size >= least)
            && self.max_size.is_none_or(|most| entry.size <= most)
    }
}

/// Whether a process is meant: `<0.90.0>`, as its own node shows it, means it on any node.
fn is_process(wanted: &str, end: &str) -> bool {
    let local = wanted
        .strip_prefix("<0.")
        .and_then(|rest| rest.strip_suffix('>'));
    let unquoted = end.trim_matches('\'');
    wanted == end
        || wanted == unquoted
        || local.is_some_and(|local| {
            let numbers = end
                .strip_suffix('>')
                .and_then(|end| end.strip_suffix(local));
            end.starts_with('<') && numbers.is_some_and(|node| node.ends_with('.'))
        })
}

fn size(text: &str) -> Result<u64, &'static str> {
    let (digits, unit) = match text.trim_end_matches(['k', 'K', 'm', 'M']) {
        digits if digits.len() + 1 < text.len() => {
            return Err("expected a number of bytes, such as 64K");
        }
        digits => (digits, &text[digits.len()..]),
    };
    let unit = match unit {
        "k" | "K" => 1024,
        "m" | "M" => 1024 * 1024,
        _ => 1,
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or("expected a number of bytes, such as 64K")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_processes() {
        for wanted in ["<a@vm.90.0>", "<0.90.0>"] {
            assert!(is_process(wanted, "<a@vm.90.0>"), "{wanted}");
        }
        assert!(is_process("shell", "shell") && is_process("My.Server", "'My.Server'"));
        for wanted in ["<0.0.0>", "<0.190.0>", "90", "<b@vm.90.0>"] {
            assert!(!is_process(wanted, "<a@vm.90.0>"), "{wanted}");
        }
    }

    #[test]
    fn reads_sizes() {
        assert_eq!(
            (size("17"), size("64K"), size("2m")),
            (Ok(17), Ok(65536), Ok(2 << 20))
        );
        for bad in ["", "K", "1KK", "-1", "1G", "99999999999999999999"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
