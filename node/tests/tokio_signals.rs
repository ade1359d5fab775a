//! Links, monitors, exit signals, names and aliases, between processes of any two nodes: `signals.erl` says
//! what has to happen, and two Erlang nodes show that it does.
#![cfg(feature = "tokio")]

mod common;
#[path = "common/puppet.rs"]
mod puppet;

use common::in_runtime;
use einode::tokio::Node;
use einode_testkit::Beam;

const SIGNALS: &str = include_str!("erl/signals.erl");

#[test]
fn do_between_any_two_nodes_what_they_do_between_erlang_nodes() {
    let beam = Beam::start();
    let other = Beam::builder()
        .epmd(beam.epmd())
        .cookie(beam.cookie())
        .start();
    for beam in [&beam, &other] {
        beam.load(SIGNALS);
        beam.eval("signals:start()");
    }
    in_runtime(async {
        let mut nodes = Vec::new();
        for name in ["one@127.0.0.1", "two@127.0.0.1"] {
            let node = Node::builder(name)
                .cookie(beam.cookie())
                .epmd_port(beam.epmd_port())
                .listen(common::anywhere());
            let node = node.start().await.unwrap();
            tokio::spawn(puppet::puppets(node.clone()));
            nodes.push(node);
        }
        let (one, two) = ("one@127.0.0.1", "two@127.0.0.1");
        for (a, b) in [
            (beam.name(), beam.name()),
            (beam.name(), other.name()),
            (beam.name(), one),
            (one, beam.name()),
            (one, one),
            (one, two),
            (other.name(), one),
            (one, other.name()),
        ] {
            let run = format!("signals:run('{a}', '{b}')");
            let ran = tokio::task::block_in_place(|| beam.text(&run));
            assert!(ran.ends_with(",[]}"), "between {a} and {b}: {ran}");
        }
    });
}
