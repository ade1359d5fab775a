//! `cargo xtask bench`: how fast it is, next to its peers.

use crate::process::{cargo, run as run_command};
use crate::{Failure, Outcome, install};

/// Builds the benchmark, which is a workspace of its own, and runs it.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if !matches!(
        arguments.first().map(String::as_str),
        Some("codec" | "transport" | "tls")
    ) {
        return Err(Failure::new(
            "there are three benchmarks, `codec`, `transport` and `tls`",
        ));
    }
    install::erlang()?;
    let bench = ["run", "--release", "--quiet"];
    let mut command = cargo(&bench);
    command.args(["--manifest-path", "bench/Cargo.toml", "--"]);
    command.args(arguments);
    run_command(&mut command)
}
