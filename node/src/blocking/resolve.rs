use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// The addresses of a host, in the order in which the system prefers them (RFC 6724).
///
/// The system's resolver knows no deadline, so it runs on a thread of its own, which outlives the
/// deadline where the resolver does.
pub(super) fn resolve(host: &str, port: u16, until: Instant) -> io::Result<Vec<SocketAddr>> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (answer, answered) = mpsc::sync_channel(1);
    let host = host.to_owned();
    thread::Builder::new()
        .name("resolve".into())
        .spawn(move || {
            let addresses = (host.as_str(), port)
                .to_socket_addrs()
                .map(Iterator::collect);
            // Nobody listens any more after the deadline.
            let _ = answer.send(addresses);
        })?;
    let left = until.saturating_duration_since(Instant::now());
    let addresses: Vec<SocketAddr> = answered
        .recv_timeout(left)
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if addresses.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(addresses)
}
