//! Running other programs.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::{Failure, Outcome};

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The cargo that runs this, at the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace());
    command
}

/// A command that has to be run by root, by way of `sudo` where this process is not.
pub(crate) fn as_root(program: &str) -> Command {
    let id = Command::new("id").arg("-u").output();
    if id.is_ok_and(|output| output.stdout.trim_ascii() == b"0") {
        Command::new(program)
    } else {
        let mut command = Command::new("sudo");
        command.arg(program);
        command
    }
}

/// Whether `program` is on `PATH`.
pub(crate) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Runs a command to its end, and fails with its exit code unless that is 0.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = shown(command);
    match command.status() {
        Ok(status) => check(&shown, status),
        Err(error) => Err(Failure::new(format!("{shown}: {error}"))),
    }
}

/// Fails with the exit code in `status` unless that is 0.
pub(crate) fn check(shown: &str, status: ExitStatus) -> Outcome {
    if status.success() {
        return Ok(());
    }
    let code = status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    Err(Failure {
        code,
        reason: format!("`{shown}` ended with {status}"),
    })
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words: Vec<_> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    // Cargo names itself by its whole path.
    let line = words.join(" ");
    match line.split_once("/bin/cargo ") {
        Some((_, arguments)) => format!("cargo {arguments}"),
        None => line,
    }
}
