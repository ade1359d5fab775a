//! `cargo xtask bench`: how fast it is, next to its peers.

use crate::process::{cargo, run as run_command, workspace};
use crate::{Failure, Outcome, install};

/// Builds the benchmark, which is a workspace of its own, and runs it.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if !matches!(
        arguments.first().map(String::as_str),
        Some("codec" | "transport" | "tls" | "epmd")
    ) {
        return Err(Failure::new(
            "there are four benchmarks, `codec`, `transport`, `tls` and `epmd`",
        ));
    }
    install::erlang()?;
    // The daemon is measured as the program that it is.
    if arguments.first().is_some_and(|subject| subject == "epmd") {
        run_command(&mut cargo(&["build", "--release", "-p", "einode-cli"]))?;
    }
    let bench = ["run", "--release", "--quiet"];
    let mut command = cargo(&bench);
    command.args(["--manifest-path", "bench/Cargo.toml", "--"]);
    command.args(arguments);
    command.env("EINODE_PROGRAM", workspace().join("target/release/einode"));
    run_command(&mut command)
}
