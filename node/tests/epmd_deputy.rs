//! Nodes that stand in for EPMD, in both styles.
#![cfg(feature = "tokio")]

mod common;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::{WAIT, anywhere, in_runtime};
use einode::blocking::{self, Epmd};
use einode::{ConnectError, ExchangeError, StartError, tokio};
use einode_testkit::{Beam, DEADLINE};

const COOKIE: &str = "secret";

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn on_threads(name: &str, port: u16) -> blocking::Builder {
    blocking::Node::builder(name)
        .cookie(COOKIE)
        .listen(anywhere())
        .epmd_port(port)
}

fn on_tasks(name: &str, port: u16) -> tokio::Builder {
    tokio::Node::builder(name)
        .cookie(COOKIE)
        .listen(anywhere())
        .epmd_port(port)
}

/// Waits until EPMD knows these nodes and no others.
fn wait_for(port: u16, expected: &[&str]) {
    let end = Instant::now() + WAIT;
    loop {
        let names = Epmd::at("localhost", port).names(Instant::now() + DEADLINE);
        let mut found: Vec<String> = names.map_or_else(
            |_| Vec::new(),
            |names| names.nodes().map(|(name, _)| name.to_owned()).collect(),
        );
        found.sort();
        if found == expected {
            return;
        }
        assert!(Instant::now() < end, "{found:?}, not {expected:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn is_served(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn nodes_follow_one_another_as_epmd_and_all_register_again() {
    let port = free_port();
    in_runtime(async {
        let refused = on_tasks("none@127.0.0.1", port).start().await.unwrap_err();
        assert!(matches!(
            refused,
            StartError::Connect(ConnectError::Epmd {
                error: ExchangeError::Io(_),
                ..
            })
        ));
        let first = on_threads("first@127.0.0.1", port).start_epmd();
        let first = first.start().unwrap();
        let second = on_tasks("second@127.0.0.1", port).start_epmd();
        let second = second.start().await.unwrap();
        let third = on_threads("third@127.0.0.1", port).start_epmd();
        let third = third.start().unwrap();
        let erlang = Beam::builder().epmd_port(port).cookie(COOKIE).start();
        let (alive, _) = erlang.name().split_once('@').unwrap();
        let ping = |node: &str| erlang.text(&format!("net_adm:ping('{node}')"));
        assert_eq!(ping("first@127.0.0.1"), "pong");
        assert_eq!(ping("second@127.0.0.1"), "pong");
        assert_eq!(ping("third@127.0.0.1"), "pong");

        let all = |nodes: &[&'static str]| {
            let mut all = [nodes, &[alive]].concat();
            all.sort_unstable();
            wait_for(port, &all);
        };
        first.shutdown(WAIT);
        all(&["second", "third"]);
        erlang.eval("[erlang:disconnect_node(Node) || Node <- nodes(hidden)]");
        assert_eq!(ping("first@127.0.0.1"), "pang");
        assert_eq!(ping("second@127.0.0.1"), "pong");
        assert_eq!(ping("third@127.0.0.1"), "pong");

        // Whichever of them it is, the other takes over.
        second.shutdown(WAIT).await;
        all(&["third"]);
        drop(erlang);
        wait_for(port, &["third"]);
        third.shutdown(WAIT);
        assert!(!is_served(port));
    });
}
