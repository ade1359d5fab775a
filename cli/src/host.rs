//! The name of this host.

use std::fs;
use std::process::Command;

use einode::dist::HostName;

/// The full name of a node of this host, of which only the first half was given: with the host name up
/// to its first dot, as `erl -sname` does.
pub(crate) fn node(alive: &str) -> String {
    format!("{alive}@{}", short())
}

/// The host name, for a node without a name of its own.
pub(crate) fn name() -> HostName {
    let localhost = || HostName::new("localhost").expect("localhost is a host name");
    HostName::new(&short()).unwrap_or_else(|_| localhost())
}

/// The host name as it is.
pub(crate) fn full() -> String {
    let name = of_kernel().or_else(of_uname).unwrap_or_default();
    name.trim().to_owned()
}

fn short() -> String {
    match full().split('.').next() {
        Some(short) if !short.is_empty() => short.to_owned(),
        _ => "localhost".to_owned(),
    }
}

/// Linux tells it in a file.
fn of_kernel() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/hostname").ok()
}

/// POSIX has a program for it, and std no function.
fn of_uname() -> Option<String> {
    String::from_utf8(Command::new("uname").arg("-n").output().ok()?.stdout).ok()
}
