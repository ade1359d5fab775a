//! Connections that are begun from both sides at once.

use einode::Message;
use einode_testkit::Epmd;

use super::{Builder, Node};
use crate::common::{WAIT, anywhere};

/// How often two nodes begin to connect at the same moment.
const MEETINGS: i64 = 1000;

fn builder(epmd_port: u16, cookie: &str, name: &str) -> Builder {
    let node = Node::builder(name).cookie(cookie);
    node.epmd_port(epmd_port).listen(anywhere())
}

/// Lets two nodes of ours send to each other at once, again and again.
#[test]
fn our_nodes_meet_halfway() {
    let epmd = Epmd::start();
    run!({
        let mut nodes = Vec::new();
        for name in ["a@127.0.0.1", "b@127.0.0.1"] {
            nodes.push(wait!(builder(epmd.port(), "secret", name).start()).unwrap());
        }
        let [a, b] = &nodes[..] else { unreachable!() };
        let (mut at_a, mut at_b) = (a.mailbox(), b.mailbox());
        let (mut seen_by_a, mut seen_by_b) = (a.mailbox(), b.mailbox());
        seen_by_a.monitor_nodes(true);
        seen_by_b.monitor_nodes(true);
        let (a_pid, b_pid) = (at_a.pid().clone(), at_b.pid().clone());
        for round in 0..MEETINGS {
            // Sending begins to connect, and does not wait for it.
            wait!(at_a.send(&b_pid, &round)).unwrap();
            wait!(at_b.send(&a_pid, &-round)).unwrap();
            assert_eq!(wait!(at_b.recv()).unwrap().decode::<i64>(), Ok(round));
            assert_eq!(wait!(at_a.recv()).unwrap().decode::<i64>(), Ok(-round));
            assert_eq!(a.nodes(), [b.name().clone()]);
            assert_eq!(b.nodes(), [a.name().clone()]);
            let closer = if round % 2 == 0 { a } else { b };
            let other = if round % 2 == 0 { b } else { a };
            assert!(closer.disconnect(other.name()));
            for seen in [&mut seen_by_a, &mut seen_by_b] {
                assert!(
                    matches!(wait!(seen.recv()).unwrap(), Message::NodeUp(_)),
                    "{round}"
                );
                assert!(
                    matches!(wait!(seen.recv()).unwrap(), Message::NodeDown(_)),
                    "{round}"
                );
                assert_eq!(seen.message_count(), 0, "{round}");
            }
        }
        assert_eq!(at_a.message_count() + at_b.message_count(), 0);
    });
}
