//! C programs that connect to real Erlang nodes and accept them, over every kind of socket.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use einode_testkit::{Beam, Epmd};

use crate::program::Build::{self, Ours, OursWithTheirHeader, Theirs};
use crate::program::Program;

/// The program as it runs.
struct Node;

impl Node {
    fn start(build: Build, epmd: u16, arguments: [&str; 4]) -> Program {
        Program::start("connect", build, epmd, &arguments)
    }
}

/// Every kind of socket that real nodes can talk to, with the number of hooks that are called.
const SOCKETS: [(&str, u8); 8] = [
    ("tcp", 0),
    ("plain", 1),
    ("full", 1),
    ("single", 1),
    ("bytes", 1),
    ("unhooked", 0),
    ("bare", 0),
    ("later", 1),
];

fn is_connected(node: &str) -> String {
    format!("lists:member('{node}', nodes(hidden))")
}

fn is_gone(node: &str) -> String {
    format!("not lists:member('{node}', nodes(hidden))")
}

const CLOSED: &[&str] = &["close: ok", "close again: -1 EBADF", "known 0 open 0"];

#[test]
fn connects_over_every_kind_of_socket() {
    let beam = Beam::start();
    for build in [Ours, OursWithTheirHeader, Theirs] {
        for (sockets, hooks) in SOCKETS {
            for action in ["connect", "connect-tmo"] {
                let arguments = [sockets, action, beam.cookie(), beam.name()];
                let mut node = Node::start(build, beam.epmd_port(), arguments);
                node.says(&["connect: ok"]);
                assert_eq!(
                    node.line(),
                    format!("version 6 node c@127.0.0.1 creation own hooks {hooks} blocking 1"),
                    "{sockets} {action}"
                );
                beam.wait_until(&is_connected("c@127.0.0.1"));
                node.go_on();
                node.says(&CLOSED[..1]);
                // What a context is after its end is the program's affair.
                node.says(&CLOSED[1..]);
                node.ends();
                beam.wait_until(&is_gone("c@127.0.0.1"));
            }
        }
    }
}

#[test]
fn accepts_over_every_kind_of_socket() {
    let beam = Beam::start();
    for (build, (sockets, hooks)) in [Ours, Theirs]
        .into_iter()
        .flat_map(|b| SOCKETS.map(|s| (b, s)))
    {
        // A port mapper may not have noticed yet that the last one has gone.
        let alive = format!("{build:?}-{sockets}");
        let name = format!("{alive}@127.0.0.1");
        let arguments = [sockets, "publish", beam.cookie(), &alive];
        let mut node = Node::start(build, beam.epmd_port(), arguments);
        node.says(&["publish: ok"]);
        assert_eq!(
            beam.text(&format!("net_kernel:connect_node('{name}')")),
            "true",
            "{sockets}"
        );
        node.says(&["accept: ok", &format!("peer {} at 127.0.0.1", beam.name())]);
        node.says(&[&format!(
            "version 6 node {name} creation own hooks {hooks} blocking 1"
        )]);
        assert_eq!(beam.text(&is_connected(&name)), "true");
        node.go_on();
        node.says(&["close: ok", "close again: -1 EBADF"]);
        // The listening socket is one of the program's too, unless it is TCP.
        node.says(&[if sockets == "tcp" {
            "known 0 open 0"
        } else {
            "known 0 open 1"
        }]);
        node.says(&["unpublish: -1 EIO", "close listener: ok", "open 0"]);
        node.ends();
        beam.wait_until(&is_gone(&name));
    }
}

#[test]
fn is_given_a_name() {
    let beam = Beam::start();
    let arguments = ["tcp", "dynamic", beam.cookie(), beam.name()];
    let mut node = Node::start(Ours, beam.epmd_port(), arguments);
    node.says(&["connect: ok"]);
    let line = node.line();
    let name = line.split(' ').nth(3).expect("a name");
    assert!(name.ends_with("@127.0.0.1") && name.len() > 12, "{line}");
    assert!(line.contains("creation given"), "{line}");
    beam.wait_until(&is_connected(name));
    node.go_on();
    node.says(CLOSED);
    node.ends();
}

#[test]
fn both_ends_may_have_long_headers() {
    let epmd = Epmd::start();
    let mut acceptor = Node::start(Ours, epmd.port(), ["four", "accept", "secret", "1"]);
    let port = acceptor.line();
    acceptor.says(&["publish: ok"]);
    let mut initiator = Node::start(Ours, epmd.port(), ["four", "port", "secret", &port]);
    acceptor.says(&["accept: ok", "peer d@127.0.0.1 at 127.0.0.1"]);
    initiator.says(&[
        "connect: ok",
        "version 6 node d@127.0.0.1 creation own hooks 1 blocking 1",
    ]);
    initiator.go_on();
    initiator.says(CLOSED);
    initiator.ends();
}

#[test]
fn other_headers_are_refused() {
    let beam = Beam::start();
    let arguments = ["three", "connect", beam.cookie(), beam.name()];
    let mut node = Node::start(Ours, beam.epmd_port(), arguments);
    node.says(&["connect: -1 EIO", "open 0"]);
    node.ends();
}

#[test]
fn a_wrong_cookie_and_an_unknown_node_fail() {
    let beam = Beam::start();
    let unknown = "nobody@127.0.0.1";
    for build in [Ours, Theirs] {
        for (cookie, peer, result) in [
            ("wrong", beam.name(), "connect: -1 EIO"),
            (beam.cookie(), unknown, "connect: -3 EIO"),
        ] {
            for sockets in ["tcp", "plain", "full"] {
                let arguments = [sockets, "connect", cookie, peer];
                let mut node = Node::start(build, beam.epmd_port(), arguments);
                node.says(&[result, "open 0"]);
                node.ends();
            }
        }
    }
}

#[test]
fn whatever_call_fails_nothing_is_left_open() {
    let beam = Beam::start();
    for sockets in ["plain", "full", "single", "bytes"] {
        let arguments = [sockets, "failures", beam.cookie(), beam.name()];
        let mut node = Node::start(Ours, beam.epmd_port(), arguments);
        let line = node.line();
        assert!(line.ends_with("unfailing 1"), "{sockets}: {line}");
        node.says(&["open 0"]);
        node.ends();
    }
}

#[test]
fn whatever_call_fails_while_accepting_the_listener_goes_on() {
    for sockets in ["plain", "full", "single", "bytes"] {
        let mut acceptor = Node::start(Ours, 1, [sockets, "accept-failures", "secret", "-"]);
        let port = acceptor.line();
        let mut initiators = Vec::new();
        let last = loop {
            initiators.push(Node::start(Ours, 1, ["tcp", "port", "secret", &port]));
            let line = acceptor.line();
            if line.starts_with("calls") {
                break line;
            }
            // The listening socket stays.
            assert_eq!(line, "-1 EPROTO open 1", "{sockets}");
        };
        assert!(initiators.len() > 8, "{}", initiators.len());
        assert!(last.ends_with("unfailing 1"), "{sockets}: {last}");
        acceptor.says(&["open 0"]);
        acceptor.ends();
    }
}

/// What functions say where nobody answers, or nobody connects.
pub(crate) const UNANSWERED: &[&str] = &[
    "connect_host_port_tmo: -1 ETIMEDOUT",
    "xconnect_host_port_tmo: -1 ETIMEDOUT",
    "connect_tmo: -3 ETIMEDOUT",
    "xconnect_tmo: -3 ETIMEDOUT",
    "publish_tmo: -2 ETIMEDOUT",
    "unpublish_tmo: -1 ETIMEDOUT",
    "epmd_port_tmo: -2 ETIMEDOUT",
    "epmd_publish_tmo: -2 ETIMEDOUT",
    "accept_tmo: -1 ETIMEDOUT",
];

#[test]
fn nobody_is_waited_for_longer_than_allowed() {
    for build in [Ours, Theirs] {
        for sockets in ["tcp", "plain", "full"] {
            // The system completes connections here, and nobody answers.
            let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = silent.local_addr().expect("its address").port();
            let arguments = [sockets, "silence", "secret", &port.to_string()];
            let mut node = Node::start(build, port, arguments);
            let (accept, others) = UNANSWERED.split_last().expect("functions");
            node.says(others);
            let listening = node.line().parse::<u16>().expect("a port");
            node.says(&[accept, "connect now"]);
            let _peer = TcpStream::connect(("127.0.0.1", listening)).expect("it listens");
            node.go_on();
            node.says(&[accept, "close listener: ok", "open 0"]);
            node.ends();
        }
    }
}

#[test]
fn nodes_that_speak_no_version_of_ours_are_not_found() {
    // The highest and the lowest version that the port mapper knows of, and whether they have ours.
    for (highest, lowest, found) in [
        (6, 5, true),
        (6, 6, true),
        (9, 6, true),
        (9, 7, false),
        (5, 5, false),
    ] {
        for build in [Ours, Theirs] {
            let mapper = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = mapper.local_addr().expect("its address").port();
            let mut node = Node::start(build, port, ["tcp", "lookup", "secret", "x"]);
            let (mut asker, _) = mapper.accept().expect("it asks");
            asker.read_exact(&mut [0; 4]).expect("a question");
            // PORT2_RESP: the port 1, a normal node of TCP, the versions, its name, nothing else.
            let answer = [
                b'w', 0, 0, 1, b'M', 0, 0, highest, 0, lowest, 0, 1, b'x', 0, 0,
            ];
            asker.write_all(&answer).expect("it listens");
            node.says(match found {
                true => &["port: ok", "version 6"],
                false => &["port: -1 EIO", "version 0"],
            });
            node.ends();
        }
    }
}

#[test]
fn a_descriptor_that_was_closed_otherwise_is_used_again() {
    let beam = Beam::start();
    let arguments = ["tcp", "reuse", beam.cookie(), beam.name()];
    let mut node = Node::start(Ours, beam.epmd_port(), arguments);
    node.says(&[
        "connect: ok",
        "node r1@127.0.0.1",
        "connect: ok",
        "same 1 node r2@127.0.0.1",
        "cookie 1",
    ]);
    beam.wait_until(&is_connected("r2@127.0.0.1"));
    node.go_on();
    node.says(CLOSED);
    node.ends();
}

#[test]
fn descriptors_may_be_above_1024() {
    let beam = Beam::start();
    let arguments = ["tcp", "many", beam.cookie(), beam.name()];
    let mut node = Node::start(Ours, beam.epmd_port(), arguments);
    node.says(&["connect: ok", "above 1"]);
    beam.wait_until(&is_connected("c@127.0.0.1"));
    node.go_on();
    node.says(CLOSED);
    node.ends();
}

#[test]
fn accepts_on_a_descriptor_that_the_program_made() {
    for build in [Ours, Theirs] {
        let mut acceptor = Node::start(build, 1, ["tcp", "foreign", "secret", "-"]);
        let port = acceptor.line();
        let mut initiator = Node::start(Ours, 1, ["tcp", "port", "secret", &port]);
        initiator.says(&["connect: ok"]);
        acceptor.says(&["accept: ok", "peer d@127.0.0.1 at 127.0.0.1"]);
    }
}
