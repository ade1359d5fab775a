//! All transports of this crate do what they demand of others.

#[cfg(feature = "tls")]
#[path = "common/ca.rs"]
mod ca;

use std::sync::Arc;

use einode::blocking::{Any, Memory, Recorded, RecordedSocket, Tcp, Unix};
use einode::{Address, Recorder, testing};

fn anywhere() -> Address {
    "127.0.0.1:0".parse().unwrap()
}

#[test]
fn tcp() {
    testing::check_transport(Tcp, &anywhere());
}

#[test]
fn tcp_over_ipv6() {
    testing::check_transport(Tcp, &"[::1]:0".parse().unwrap());
}

#[test]
fn unix() {
    let directory = tempfile::tempdir().unwrap();
    let address = Address::Unix(directory.path().join("socket"));
    testing::check_transport(Unix::default(), &address);
}

#[test]
#[cfg(target_os = "linux")]
fn unix_without_a_file() {
    let name = format!("@einode-transports-{}", std::process::id());
    testing::check_transport(Unix::default(), &Address::Unix(name.into()));
}

#[test]
fn memory() {
    let address = Address::Other("here".into());
    testing::check_transport(Memory::default(), &address);
}

#[test]
fn recorded() {
    let recorder = Arc::new(Recorder::new());
    let transport = Recorded::new(Tcp, Arc::clone(&recorder));
    testing::check_transport(transport, &anywhere());
    // 10,000 messages and their echoes, at both ends.
    assert!(recorder.packets_read() > 20_000 && recorder.packets_written() > 20_000);

    let recorder = Arc::new(Recorder::with_log(std::io::sink()));
    testing::check_wrapper(move |socket| RecordedSocket::new(socket, &recorder));
}

#[test]
fn any() {
    testing::check_transport(Any::new(Tcp), &anywhere());
    testing::check_wrapper(Box::new);
}

#[test]
#[cfg(feature = "tls")]
fn tls() {
    use einode::tls::{Tls, TlsOver};

    let directory = tempfile::tempdir().unwrap();
    let issued = ca::Authority::new("CA").issue(&["127.0.0.1"]);
    let (file, options) = (
        directory.path().join("node.pem"),
        directory.path().join("tls.conf"),
    );
    std::fs::write(&file, issued.pem()).unwrap();
    let text = format!(
        "[{{server, [{{certfile, {file:?}}}]}}, {{client, [{{verify, verify_none}}, {{server_name_indication, \"node.example\"}}]}}]."
    );
    std::fs::write(&options, text).unwrap();
    let tls = Tls::from_optfile(options).unwrap();
    testing::check_transport(tls.clone(), &anywhere());
    let over_unix = TlsOver::new(tls, Unix::default());
    testing::check_transport(over_unix, &Address::Unix(directory.path().join("socket")));
}
