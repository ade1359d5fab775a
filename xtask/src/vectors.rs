//! `cargo xtask vectors`: terms in the external format, written by Erlang itself.

use std::path::Path;
use std::process::Command;

use crate::process::{as_root, check, shown, workspace};
use crate::{Failure, Outcome};

const RUN: &str = include_str!("../erl/run.erl");
const VECTORS: &str = include_str!("../erl/vectors.erl");

/// Writes the vectors of the OTP on `PATH` and of the ones that the arguments name.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    write(Command::new("env"), "erl")?;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let Some(directory) = arguments.next().filter(|_| argument == "--otp-dir") else {
            return Err(Failure::new("only --otp-dir DIR is understood"));
        };
        let directory = workspace().join(directory);
        if directory.join("usr/bin/erl").symlink_metadata().is_ok() {
            let mut env = as_root("chroot");
            env.arg(&directory).arg("env");
            write(env, "erl")?;
        } else {
            write(
                Command::new("env"),
                &directory.join("bin/erl").to_string_lossy(),
            )?;
        }
    }
    Ok(())
}

/// Runs the script with `erl`, by way of `env`, and writes what it prints to the file of its
/// release.
fn write(mut env: Command, erl: &str) -> Outcome {
    let place = format!("{} {erl}", shown(&env));
    env.arg(format!("EINODE_SOURCE={VECTORS}"))
        .args([erl, "-noinput", "-eval", RUN]);
    let output = env
        .output()
        .map_err(|error| Failure::new(format!("{place}: {error}")))?;
    if !output.status.success() {
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
    check(&place, output.status)?;

    let release = release(&output.stdout)
        .ok_or_else(|| Failure::new(format!("`{place}` did not say which release it is")))?;
    let file = Path::new("etf/tests/vectors").join(format!("otp{release}.txt"));
    std::fs::write(workspace().join(&file), &output.stdout)
        .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    println!(
        "{}: {} vectors",
        file.display(),
        output.stdout.split(|byte| *byte == b'\n').count() - 2
    );
    Ok(())
}

/// The release in the first line, `# OTP 27`.
fn release(output: &[u8]) -> Option<u32> {
    let line = output.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(line)
        .ok()?
        .strip_prefix("# OTP ")?
        .parse()
        .ok()
}
