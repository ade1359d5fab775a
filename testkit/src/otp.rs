//! Which Erlang/OTP the tests run against.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An Erlang/OTP installation to start programs of.
#[derive(Clone, Debug)]
pub struct Otp {
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// `erl` is found on `PATH`.
    Path,
    /// `erl` is `DIR/bin/erl`: an installation prefix of OTP.
    Prefix(PathBuf),
    /// `erl` is found inside the root directory of another system, for instance debootstrap's.
    Root(PathBuf),
}

impl Otp {
    /// The environment variable that chooses another OTP than the one on `PATH`: a directory with
    /// `usr/bin/erl` (the root of a system, entered by `chroot`) or with `bin/erl` (an installation
    /// prefix).
    pub const DIRECTORY: &str = "EINODE_OTP_DIR";

    /// The OTP that `EINODE_OTP_DIR` names, or else the installed one.
    ///
    /// # Panics
    /// If there is no `erl`: a test that needs Erlang fails without it, it is never skipped.
    pub fn chosen() -> Self {
        match std::env::var_os(Self::DIRECTORY) {
            Some(directory) => Self::at(directory),
            None => Self::installed(),
        }
    }

    /// The OTP in `directory`, which is what `EINODE_OTP_DIR` may hold.
    ///
    /// # Panics
    /// If there is no `erl`.
    pub fn at(directory: impl AsRef<OsStr>) -> Self {
        let directory = Path::new(&directory).to_path_buf();
        // A link in a foreign root may be absolute, and so lead nowhere from here: ask for the link
        // itself.
        let holds = |erl: &str| directory.join(erl).symlink_metadata().is_ok();
        let place = if holds("usr/bin/erl") {
            Place::Root(directory)
        } else if holds("bin/erl") {
            Place::Prefix(directory)
        } else {
            panic!(
                "no Erlang in {}: neither usr/bin/erl nor bin/erl is there",
                directory.display()
            );
        };
        Self { place }
    }

    /// The OTP whose `erl` is on `PATH`.
    ///
    /// # Panics
    /// If there is none.
    pub fn installed() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        assert!(
            std::env::split_paths(&path).any(|directory| directory.join("erl").exists()),
            "no Erlang: this test talks to a real Erlang node, and there is no `erl` on PATH. \
             `cargo xtask test` installs what the tests need; {} may name another OTP's directory",
            Self::DIRECTORY,
        );
        Self { place: Place::Path }
    }

    /// A command that runs `program` (`erl`, `epmd`, `sh`) of this OTP, without the variables that
    /// would change what `erl` does.
    pub fn command(&self, program: &str) -> Command {
        let mut command = match &self.place {
            Place::Path => Command::new(program),
            Place::Prefix(prefix) => {
                let mut command = Command::new(program);
                let path = std::env::var_os("PATH").unwrap_or_default();
                let first = [prefix.join("bin")]
                    .into_iter()
                    .chain(std::env::split_paths(&path));
                command.env(
                    "PATH",
                    std::env::join_paths(first).expect("PATH with the prefix in front"),
                );
                command
            }
            Place::Root(root) => {
                let mut command = enter(root);
                command.arg(program);
                command
            }
        };
        for variable in [
            "ERL_FLAGS",
            "ERL_AFLAGS",
            "ERL_ZFLAGS",
            "ERL_LIBS",
            "ERL_COMPILER_OPTIONS",
        ] {
            command.env_remove(variable);
        }
        command
    }

    /// The directory for temporary files that this OTP's programs know as `/tmp`.
    pub(crate) fn temporary(&self) -> PathBuf {
        match &self.place {
            Place::Root(root) => root.join("tmp"),
            Place::Path | Place::Prefix(_) => std::env::temp_dir(),
        }
    }

    /// The path by which this OTP's programs know `path`.
    pub(crate) fn inside(&self, path: &Path) -> PathBuf {
        match &self.place {
            Place::Root(root) => match path.strip_prefix(root) {
                Ok(rest) => Path::new("/").join(rest),
                Err(_) => path.to_path_buf(),
            },
            Place::Path | Place::Prefix(_) => path.to_path_buf(),
        }
    }
}

/// Enters `root` and becomes the program, keeping the process id. Without being root a user
/// namespace is needed.
fn enter(root: &Path) -> Command {
    if Path::new("/proc/self")
        .metadata()
        .is_ok_and(|process| process.uid() == 0)
    {
        let mut command = Command::new("chroot");
        command.arg(root);
        command
    } else {
        let mut command = Command::new("unshare");
        command.arg("--map-root-user").arg("--root").arg(root);
        command
    }
}
