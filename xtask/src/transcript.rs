//! `cargo xtask transcript`: the sessions in README.md, written anew.

use crate::Outcome;
use crate::process::{cargo, run as run_command};

/// Runs the test that compares the sessions with what the commands print, and lets it write what differs.
pub(crate) fn run(_: &[String]) -> Outcome {
    let test = ["test", "-p", "einode-cli", "--test", "transcript"];
    run_command(cargo(&test).env("EINODE_TRANSCRIPT", "write"))
}
