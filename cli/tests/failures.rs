//! Connections that do not come about: each says in one line at which step, in time, with exit code 2.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use common::{einode, program, run};
use einode::blocking::Endpoint;
use einode::{Config, Cookie, NodeName};
use einode_testkit::Beam;

/// Tries `ping` with a time limit of a second, which must fail soon after that at the latest.
#[track_caller]
fn fails(arguments: &[&str]) -> String {
    let run = run(program().args(["ping", "--timeout", "1"]).args(arguments));
    assert!(
        run.time < Duration::from_secs(4),
        "{arguments:?} took {:?}",
        run.time
    );
    run.complaint(2).to_owned()
}

/// Tries a service in place of a node.
#[track_caller]
fn fails_at(service: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let service = thread::spawn(move || service(listener.accept().unwrap().0));
    let complaint = fails(&["a@b", "--cookie", "x", "--address", &address]);
    service.join().unwrap();
    complaint
}

fn read_to_end(mut stream: &TcpStream) {
    // The program may end in the middle of what we send it.
    let _ = stream.read_to_end(&mut Vec::new());
}

/// A port on which nothing listens: it was just given back.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn wrong_cookie() {
    let beam = Beam::start();
    let epmd = beam.epmd_port().to_string();
    let complaint = fails(&[beam.name(), "--cookie", "wrong", "--epmd-port", &epmd]);
    assert_eq!(
        complaint,
        "handshake failed: the peer refused our digest: it has another cookie"
    );
}

#[test]
fn unknown_name() {
    let beam = Beam::start();
    let epmd = beam.epmd_port().to_string();
    let complaint = fails(&["nobody@127.0.0.1", "--cookie", "x", "--epmd-port", &epmd]);
    assert_eq!(
        complaint,
        format!("EPMD at 127.0.0.1:{epmd} knows no node nobody")
    );
}

#[test]
fn another_node_than_asked_for() {
    let beam = Beam::start();
    let address = format!("127.0.0.1:{}", beam.port());
    let complaint = fails(&["other@127.0.0.1", "--cookie", "x", "--address", &address]);
    let expected = "handshake failed: expected the node other@127.0.0.1, but ";
    assert!(
        complaint.starts_with(expected) && complaint.contains(beam.name()),
        "{complaint}"
    );
}

#[test]
fn not_allowed() {
    let beam = Beam::start();
    beam.eval("net_kernel:allow(['friend@127.0.0.1'])");
    let epmd = beam.epmd_port().to_string();
    let us = [beam.name(), "--cookie", beam.cookie(), "--epmd-port", &epmd];
    let stranger = fails(&[&us[..], &["--name", "stranger@127.0.0.1"]].concat());
    assert_eq!(
        stranger,
        "handshake failed: the peer refused: this node is not allowed to connect"
    );
    let friend = [&["ping"], &us[..], &["--name", "friend@127.0.0.1"]].concat();
    assert!(einode(&friend).printed().starts_with("pong"));
}

#[test]
fn dead_host() {
    let complaint = fails(&["a@nowhere.invalid", "--cookie", "x"]);
    assert!(
        complaint.starts_with("name lookup of host nowhere.invalid failed: "),
        "{complaint}"
    );

    let port = dead_port().to_string();
    let complaint = fails(&["a@127.0.0.1", "--cookie", "x", "--epmd-port", &port]);
    let expected = format!("EPMD at 127.0.0.1:{port} does not answer: ");
    assert!(complaint.starts_with(&expected), "{complaint}");

    let address = format!("127.0.0.1:{}", dead_port());
    let complaint = fails(&["a@127.0.0.1", "--cookie", "x", "--address", &address]);
    assert!(
        complaint.starts_with(&format!("connection to {address} failed: ")),
        "{complaint}"
    );
}

#[test]
fn silent_peer() {
    assert_eq!(
        fails_at(|stream| read_to_end(&stream)),
        "handshake failed: timed out"
    );

    let epmd = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = epmd.local_addr().unwrap().port().to_string();
    let complaint = fails(&["a@127.0.0.1", "--cookie", "x", "--epmd-port", &port]);
    assert_eq!(
        complaint,
        format!("EPMD at 127.0.0.1:{port} does not answer: timed out")
    );
    let names = einode(&[
        "names",
        "127.0.0.1",
        "--epmd-port",
        &port,
        "--timeout",
        "0.3",
    ]);
    assert_eq!(names.complaint(2), complaint);
    assert!(names.time < Duration::from_secs(4));
}

/// A node whose process is stopped: the system still takes connections for it.
#[test]
fn stopped_node() {
    let beam = Beam::start();
    let epmd = beam.epmd_port().to_string();
    beam.pause();
    let complaint = fails(&[beam.name(), "--cookie", beam.cookie(), "--epmd-port", &epmd]);
    beam.resume();
    assert_eq!(complaint, "handshake failed: timed out");
}

/// A node that connects, and then does nothing.
#[test]
fn idle_node() {
    let cookie = Cookie::new("x").unwrap();
    let idle: NodeName = "idle@127.0.0.1".parse().unwrap();
    let listener = Endpoint::new(Config::new(idle, cookie))
        .listen(&"127.0.0.1:0".parse().unwrap())
        .unwrap();
    let address = listener.address().to_string();
    let peer = [
        "idle@127.0.0.1",
        "--cookie",
        "x",
        "--timeout",
        "1",
        "--address",
        &address,
    ];
    let run = |command: &[&str], arguments: &[&str]| {
        let run = einode(&[command, &peer, arguments].concat());
        // It has to stay connected for as long as the program runs.
        drop(listener.accept(Duration::ZERO));
        assert!(run.time < Duration::from_secs(10), "{:?}", run.time);
        run
    };
    assert_eq!(run(&["ping"], &[]).complaint(1), "no answer in time");
    assert_eq!(
        run(&["call"], &["erlang:node()"]).complaint(1),
        "no answer in time"
    );
    assert_eq!(
        run(&["send"], &["name", "hello"]).complaint(2),
        "the message may not have arrived: timed out"
    );
}

#[test]
fn no_erlang_node() {
    let speaks = |text: &'static [u8]| {
        fails_at(move |mut stream| {
            stream.write_all(text).unwrap();
            read_to_end(&stream);
        })
    };
    for complaint in [
        speaks(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
        speaks(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        fails_at(drop),
    ] {
        assert!(complaint.starts_with("handshake failed: "), "{complaint}");
        assert!(
            complaint.ends_with(" (this does not look like an Erlang node)"),
            "{complaint}"
        );
    }
}
