//! `cargo xtask test`: everything that has to hold before a change is good.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::process::{cargo, check, run as run_command, shown, workspace};
use crate::{Failure, Outcome, demo, install};

/// Runs every check and every test, and stops at the first step that fails.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let Options {
        releases,
        directory,
    } = Options::parse(arguments)?;
    let start = Instant::now();
    let mut tally = Tally::default();
    let outcome = steps(&releases, &directory, &mut tally);
    println!("\nTotal time: {:.0} s", start.elapsed().as_secs_f64());
    println!("{tally}");
    outcome
}

fn steps(releases: &[String], directory: &Path, tally: &mut Tally) -> Outcome {
    println!("== Erlang/OTP");
    install::erlang()?;
    step(&mut cargo(&["fmt", "--all", "--check"]))?;
    step(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]))?;
    step(
        cargo(&["doc", "--no-deps", "--workspace", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    tests(
        &mut cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]),
        tally,
    )?;
    println!("== cargo xtask demo");
    demo::check()?;
    for release in releases {
        let directory = directory.join(release);
        println!("== OTP {release}");
        install::release(release, &directory)?;
        // Only integration tests talk to real nodes.
        let arguments = [
            "test",
            "--workspace",
            "--all-features",
            "--no-fail-fast",
            "--test",
            "*",
        ];
        tests(cargo(&arguments).env("EINODE_OTP_DIR", directory), tally)?;
    }
    Ok(())
}

struct Options {
    releases: Vec<String>,
    directory: PathBuf,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            releases: Vec::new(),
            directory: workspace().join("target/otp"),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let value = arguments
                .next()
                .ok_or_else(|| Failure::new(format!("{argument} needs a value")));
            match argument.as_str() {
                "--otp" => options.releases = value?.split(',').map(str::to_owned).collect(),
                "--otp-dir" => options.directory = workspace().join(value?),
                _ => return Err(Failure::new(format!("unknown argument {argument}"))),
            }
        }
        Ok(options)
    }
}

fn step(command: &mut Command) -> Outcome {
    println!("== {}", shown(command));
    run_command(command)
}

/// Runs `cargo test`, passing its output on while adding up its results.
fn tests(command: &mut Command, tally: &mut Tally) -> Outcome {
    let shown = shown(command);
    println!("== {shown}");
    let failure = |error: std::io::Error| Failure::new(format!("{shown}: {error}"));
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failure)?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.map_err(failure)?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            tally.add(&line);
        }
    }
    check(&shown, child.wait().map_err(failure)?)
}

/// The sum of what the test binaries reported.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Adds a line like `test result: ok. 3 passed; 0 failed; 0 ignored; …`, and ignores any other.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line
            .split_once("test result: ")
            .and_then(|(_, rest)| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn results_add_up() {
        let mut tally = Tally::default();
        for line in [
            "running 4 tests",
            "test result: ok. 4 passed; 0 failed; 0 ignored; finished in 0.10s",
            "test reader::tests::reads ... ok",
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; finished in 1.32s",
        ] {
            tally.add(line);
        }
        assert_eq!(
            tally,
            Tally {
                passed: 14,
                failed: 2
            }
        );
        assert_eq!(tally.to_string(), "14 passed, 2 failed");
    }
}
