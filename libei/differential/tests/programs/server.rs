//! A server that talks to two nodes at once, with two threads for each.

use einode_testkit::Beam;

use crate::program::Build::{self, Ours, Theirs};
use crate::program::{ALL, Program};

const NODES: usize = 2;

fn serve(nodes: &[Beam; NODES], build: Build, sockets: &str) {
    let [first, _] = nodes;
    // A port mapper may not have noticed yet that the last one has gone.
    let alive = format!("server-{build:?}-{sockets}");
    let arguments = [sockets, first.cookie(), &alive];
    let mut server = Program::start("server", build, first.epmd_port(), &arguments);
    server.says(&["listen: ok", "publish: ok"]);
    for node in nodes {
        node.text(&format!("sink:start('{alive}@127.0.0.1', 400)"));
    }
    server.says(&["accept: ok"; NODES]);
    server.says(&["received 400 sent 400"; NODES]);
    for node in nodes {
        node.wait_until("sink:result() =:= ok");
        node.text("persistent_term:erase(sink)");
    }
    server.go_on();
    server.says(&["close: ok"; NODES]);
    server.says(&["close listener: ok", "open 0"]);
    server.ends();
    for node in nodes {
        node.wait_until("nodes(hidden) == []");
    }
}

#[test]
fn one_thread_sends_while_another_receives() {
    let first = Beam::start();
    let second = Beam::builder()
        .epmd(first.epmd())
        .cookie(first.cookie())
        .start();
    let nodes = [first, second];
    for node in &nodes {
        node.load(include_str!("sink.erl"));
    }
    serve(&nodes, Theirs, "tcp");
    for build in ALL {
        serve(&nodes, build, "tcp");
    }
    for sockets in ["plain", "full", "single", "bytes", "interrupted"] {
        serve(&nodes, Ours, sockets);
    }
}
