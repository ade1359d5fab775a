//! Brings the Erlang that the tests talk to.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{as_root, exists, run};
use crate::{Failure, Outcome};

/// The parts of Erlang/OTP that the tests use, as Debian packages them: nodes, C libraries, TLS.
const PACKAGES: &[&str] = &[
    "erlang-base",
    "erlang-dev",
    "erlang-ssl",
    "erlang-crypto",
    "erlang-public-key",
    "erlang-asn1",
    "erlang-tools",
    "erlang-runtime-tools",
];

/// What watches the C programs of the tests and compiles them as C++, what cuts networks, the other language
/// of nodes, and what shells have their terminals from.
const TOOLS: &[&str] = &["valgrind", "g++", "iproute2", "elixir", "tmux"];

/// The Debian release that has each OTP release.
const SUITES: &[(&str, &str)] = &[("25", "bookworm"), ("27", "trixie"), ("29", "sid")];

/// Installs what is missing of Erlang/OTP and of what the tests need beside it on this machine.
pub(crate) fn erlang() -> Outcome {
    if !exists("apt-get") {
        if ["erl", "epmd", "valgrind", "c++", "ip", "elixir", "tmux"]
            .iter()
            .all(|program| exists(program))
        {
            return Ok(());
        }
        return Err(Failure::new(
            "the tests need Erlang/OTP 25 or later with its C libraries, Elixir, valgrind, a C++ compiler, iproute2 and \
             tmux: install them so that `erl`, `epmd`, `elixir`, `valgrind`, `c++`, `ip` and `tmux` are on PATH \
             (Fedora: dnf install erlang erlang-erl_interface elixir valgrind gcc-c++ iproute tmux; Arch: pacman -S \
             erlang elixir valgrind gcc iproute2 tmux)",
        ));
    }
    packages(&[PACKAGES, TOOLS].concat())
}

/// Makes sure that `directory` holds a Debian with the given OTP release.
pub(crate) fn release(release: &str, directory: &Path) -> Outcome {
    if directory.join("usr/bin/erl").symlink_metadata().is_ok() {
        return Ok(());
    }
    let Some((_, suite)) = SUITES.iter().find(|(known, _)| *known == release) else {
        let known: Vec<_> = SUITES.iter().map(|(known, _)| *known).collect();
        return Err(Failure::new(format!(
            "{} has no Erlang, and of the releases only {} can be had from Debian",
            directory.display(),
            known.join(", ")
        )));
    };
    packages(&["debootstrap"])?;
    println!(
        "Fetching OTP {release} (Debian {suite}) into {}",
        directory.display()
    );
    let include = format!("--include={}", PACKAGES.join(","));
    run(as_root("debootstrap")
        .args(["--variant=minbase", &include, suite])
        .arg(directory))?;
    // What an installed system has, and short node names at localhost need.
    let hosts = "127.0.0.1 localhost\n";
    run(as_root("sh")
        .arg("-c")
        .arg(format!("printf '{hosts}' >\"$1/etc/hosts\""))
        .arg("sh")
        .arg(directory))
}

/// Installs the Debian packages that are not installed yet.
fn packages(wanted: &[&str]) -> Outcome {
    let missing: Vec<_> = wanted
        .iter()
        .filter(|package| !installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("Installing {missing:?}");
    run(as_root("apt-get").args(["update", "-qq"]))?;
    run(as_root("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(missing))
}

fn installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null());
    query
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}
