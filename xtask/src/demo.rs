//! `cargo xtask demo`: what it is all for, shown on real nodes.

use std::process::Command;

use crate::process::{cargo, run as run_command};
use crate::{Failure, Outcome};

/// Builds the demo, which is an example of the crate `einode`, and runs it.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(Failure::new(format!("unknown argument {argument}")));
    }
    run_command(&mut build()?)
}

/// Runs the demo as it is, and as where no Erlang is installed.
pub(crate) fn check() -> Outcome {
    run_command(&mut build()?)?;
    run_command(build()?.env("PATH", "").env_remove("EINODE_OTP_DIR"))
}

/// The demo and the program `einode`, built to be tried.
fn build() -> Result<Command, Failure> {
    run_command(&mut cargo(&["build", "--package", "einode-cli"]))?;
    run_command(&mut cargo(&[
        "build",
        "--package",
        "einode",
        "--example",
        "demo",
    ]))?;
    // Cargo puts examples into a directory beside this program.
    let xtask = std::env::current_exe();
    let directory = xtask.as_ref().ok().and_then(|xtask| xtask.parent());
    let directory = directory.ok_or_else(|| Failure::new("this program is in no directory"))?;
    Ok(Command::new(directory.join("examples/demo")))
}
