//! `cargo xtask static`: the program as one file that needs nothing of the system it runs on.

use std::fs;
use std::process::Command;

use crate::process::{cargo, run as run_command, workspace};
use crate::{Failure, Outcome};

/// Linked without shared libraries, and to a fixed address: a call by `erl_call` is so short that finding
/// libraries and relocating addresses would be a good part of it.
const FLAGS: &str = "-C target-feature=+crt-static -C relocation-model=static";

/// Builds `target/static/einode`, and links to it by the names of OTP's programs.
pub(crate) fn run(_: &[String]) -> Outcome {
    let host = host()?;
    let folder = workspace().join("target/static");
    let mut command = cargo(&["build", "--release", "-p", "einode-cli"]);
    // Naming the target keeps the flags from build scripts and macros, which are shared libraries.
    command
        .args(["--target", &host, "--target-dir"])
        .arg(&folder);
    run_command(command.env("RUSTFLAGS", FLAGS))?;
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let program = folder.join(host).join("release/einode");
    fs::copy(program, folder.join("einode")).map_err(failed)?;
    for name in ["epmd", "erl_call"] {
        let link = folder.join(name);
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink("einode", link).map_err(failed)?;
    }
    println!("{}", folder.join("einode").display());
    Ok(())
}

/// The target that is this machine.
fn host() -> Result<String, Failure> {
    let version = Command::new("rustc").arg("-vV").output();
    let version = version.map_err(|error| Failure::new(format!("rustc -vV: {error}")))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Failure::new("rustc -vV names no host"))
}
