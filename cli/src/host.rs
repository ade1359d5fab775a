//! The name of this host.

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
    let name = of_system().unwrap_or_default();
    name.trim().to_owned()
}

fn short() -> String {
    match full().split('.').next() {
        Some(short) if !short.is_empty() => short.to_owned(),
        _ => "localhost".to_owned(),
    }
}

#[cfg(unix)]
fn of_system() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

#[cfg(not(unix))]
fn of_system() -> Option<String> {
    dns_lookup::get_hostname().ok()
}
