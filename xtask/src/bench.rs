//! `cargo xtask bench`: how fast it is, next to its peers.

use crate::process::{cargo, run as run_command, workspace};
use crate::{Failure, Outcome, install, libei};

const BENCHMARKS: [&str; 6] = ["codec", "dist", "epmd", "libei", "tls", "transport"];

/// Builds the benchmark, which is a workspace of its own, and runs it.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let wanted = arguments.first().map(String::as_str).unwrap_or_default();
    if !BENCHMARKS.contains(&wanted) {
        let all = BENCHMARKS.join(", ");
        return Err(Failure::new(format!("the benchmarks are {all}")));
    }
    install::erlang()?;
    match wanted {
        "libei" => libei::run(&[])?,
        // The daemon is measured as the program that it is.
        "epmd" => run_command(&mut cargo(&["build", "--release", "-p", "einode-cli"]))?,
        _ => {}
    }
    let bench = ["run", "--release", "--quiet"];
    let mut command = cargo(&bench);
    command.args(["--manifest-path", "bench/Cargo.toml", "--"]);
    command.args(arguments);
    command.env("EINODE_PROGRAM", workspace().join("target/release/einode"));
    run_command(&mut command)
}
