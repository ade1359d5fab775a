//! What nodes count, beside what real Erlang nodes count.

#[path = "../examples/metrics.rs"]
mod metrics;

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::WAIT;
use einode::blocking::{Builder, Node};
use einode::dist::{TickTime, limits};
use einode::etf::Binary;
use einode::{ConnectionStatistics, NodeName, Status, term};
use einode_testkit::Beam;

const US: &str = "us@127.0.0.1";

fn builder(beam: &Beam, name: &str) -> Builder {
    Node::builder(name)
        .cookie(beam.cookie())
        .epmd_port(beam.epmd_port())
        .listen(common::anywhere())
}

fn peer(beam: &Beam) -> NodeName {
    beam.name().parse().unwrap()
}

/// Waits until this gives something.
#[track_caller]
fn until<R>(look: impl Fn() -> Option<R>) -> R {
    let end = Instant::now() + WAIT;
    loop {
        match look() {
            Some(found) => return found,
            None => assert!(Instant::now() < end, "it does not come about"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The only connection.
fn connection(node: &Status) -> ConnectionStatistics {
    let mut connections = node.connections();
    assert_eq!(connections.len(), 1);
    connections.remove(0)
}

/// What the real node has read and written, in bytes.
fn octets(beam: &Beam) -> (u64, u64) {
    let counted = beam.eval(
        "[{_, Port}] = erlang:system_info(dist_ctrl),
         {ok, [{_, Read}, {_, Written}]} = inet:getstat(Port, [recv_oct, send_oct]),
         {Read, Written}",
    );
    let [read, written] = counted.as_tuple().unwrap() else {
        panic!("{counted}");
    };
    let number = |term: &einode::Term| term.as_i64().unwrap() as u64;
    (number(read), number(written))
}

#[test]
fn a_connection_counts_what_its_peer_counts() {
    let beam = Beam::start();
    let node = builder(&beam, US).start().unwrap();
    node.connect(&peer(&beam)).unwrap();
    let mut me = node.mailbox();
    me.register("me").unwrap();
    beam.eval("register(agent, self())");
    // What is said first is over: the rest is known.
    beam.eval("{me, 'us@127.0.0.1'} ! hello");
    me.recv(WAIT).unwrap();
    me.send(("agent", beam.name()), &term!(hello), WAIT)
        .unwrap();
    beam.eval("receive hello -> ok end");
    let handshake = octets(&beam);
    let before = until(|| {
        let before = connection(&node);
        (before.traffic.received.signals > 0 && before.traffic.sent.queued == 0).then_some(before)
    });

    for n in 0..100 {
        me.send(("agent", beam.name()), &term!({count, (n)}), WAIT)
            .unwrap();
    }
    let large = Binary(vec![7; 1 << 20]);
    me.send(("agent", beam.name()), &large, WAIT).unwrap();
    beam.eval(
        "[receive {count, N} -> ok end || N <- lists:seq(0, 99)], receive <<_/binary>> -> ok end",
    );
    beam.eval("[{nobody, 'us@127.0.0.1'} ! {lost, N} || N <- [1, 2, 3]]");
    beam.eval("[{me, 'us@127.0.0.1'} ! {count, N} || N <- lists:seq(1, 50)]");
    (0..50).for_each(|_| drop(me.recv(WAIT).unwrap()));
    let after = until(|| {
        let after = connection(&node);
        let all_came = after.traffic.received.signals - before.traffic.received.signals == 53;
        (all_came && after.traffic.sent.queued == 0).then_some(after)
    });
    let (read, written) = octets(&beam);
    let (sent, sent_before) = (after.traffic.sent, before.traffic.sent);
    let (received, received_before) = (after.traffic.received, before.traffic.received);
    assert_eq!(after.node, peer(&beam));
    assert_eq!(after.dropped, 3);
    assert_eq!(sent.signals - sent_before.signals, 101);
    assert_eq!(sent.bytes - sent_before.bytes, read - handshake.0);
    assert_eq!(
        received.bytes - received_before.bytes,
        written - handshake.1
    );
    assert_eq!(
        sent.fragments,
        (1_u64 << 20).div_ceil(limits::FRAGMENT as u64) + 1
    );
    assert_eq!(
        (sent.queued, received.incomplete, received.malformed),
        (0, 0, 0)
    );
    // `agent` is known from the first message on, `count` from the second.
    assert!(sent.atoms.hits - sent_before.atoms.hits >= 199, "{sent:?}");
    assert!(
        received.atoms.hits - received_before.atoms.hits >= 99,
        "{received:?}"
    );

    let all = node.statistics();
    assert_eq!((all.traffic, all.dropped), (after.traffic, 3));
    assert_eq!((all.processes, all.spawned), (1, 1));
    let text = metrics::exposition(&node);
    let bytes = format!(
        "einode_sent_bytes_total{{node=\"{}\"}} {}",
        beam.name(),
        sent.bytes
    );
    for line in [
        "einode_connections 1",
        "einode_messages_dropped_total 3",
        &bytes,
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }

    // What has passed stays counted when the connection has ended.
    assert!(node.disconnect(&peer(&beam)));
    let ended = node.statistics();
    assert_eq!(
        (ended.connections, ended.closed, ended.traffic),
        (0, 1, after.traffic)
    );
}

#[test]
fn a_node_counts_how_its_connections_came_and_went() {
    let mut beam = Beam::start();
    let node = builder(&beam, US).start().unwrap();
    let counts = || {
        let all = node.statistics();
        let made = (all.initiated, all.accepted, all.failed, all.refused);
        (made, (all.connections, all.closed, all.lost))
    };
    let nobody = NodeName::new("nobody@127.0.0.1").unwrap();
    node.connect(&nobody).unwrap_err();
    until(|| (counts() == ((0, 0, 1, 0), (0, 0, 0))).then_some(()));

    let stranger = builder(&beam, "stranger@127.0.0.1")
        .cookie("another")
        .start()
        .unwrap();
    stranger.connect(node.name()).unwrap_err();
    until(|| (counts() == ((0, 0, 1, 1), (0, 0, 0))).then_some(()));
    until(|| (stranger.statistics().failed == 1).then_some(()));

    node.connect(&peer(&beam)).unwrap();
    until(|| (counts() == ((1, 0, 1, 1), (1, 0, 0))).then_some(()));
    node.disconnect(&peer(&beam));
    until(|| (counts() == ((1, 0, 1, 1), (0, 1, 0))).then_some(()));
    beam.wait_until("nodes(hidden) =:= []");
    assert_eq!(beam.text("net_adm:ping('us@127.0.0.1')"), "pong");
    until(|| (counts() == ((1, 1, 1, 1), (1, 1, 0))).then_some(()));
    beam.kill();
    until(|| (counts() == ((1, 1, 1, 1), (0, 1, 1))).then_some(()));
}

#[test]
fn ticks_are_counted_also_those_that_do_not_come() {
    let beam = Beam::start();
    // A real node sends its first tick after 15 seconds.
    let often = TickTime::new(Duration::from_secs(60), 1000).unwrap();
    let node = builder(&beam, US).tick_time(often).start().unwrap();
    node.connect(&peer(&beam)).unwrap();
    until(|| {
        let counted = connection(&node).traffic;
        (counted.ticks_missed >= 2 && counted.sent.ticks >= 2).then_some(())
    });
    // One of ours answers.
    let other = builder(&beam, "other@127.0.0.1").start().unwrap();
    node.disconnect(&peer(&beam));
    node.connect(other.name()).unwrap();
    until(|| (connection(&node).traffic.received.ticks >= 2).then_some(()));
    until(|| (connection(&other).traffic.received.ticks >= 2).then_some(()));
}

#[cfg(feature = "tokio")]
#[test]
fn nodes_on_tasks_count_the_same() {
    let beam = Beam::start();
    common::in_runtime(async {
        let often = TickTime::new(Duration::from_secs(60), 1000).unwrap();
        let node = einode::tokio::Node::builder(US)
            .cookie(beam.cookie())
            .epmd_port(beam.epmd_port())
            .listen(common::anywhere())
            .tick_time(often)
            .start()
            .await
            .unwrap();
        let stranger = builder(&beam, "stranger@127.0.0.1")
            .cookie("another")
            .start()
            .unwrap();
        stranger.connect(node.name()).unwrap_err();
        node.connect(&peer(&beam)).await.unwrap();
        let me = node.mailbox();
        for n in 0..100 {
            me.send(("nobody", beam.name()), &term!({count, (n)}))
                .await
                .unwrap();
        }
        beam.eval("[{nobody, 'us@127.0.0.1'} ! {lost, N} || N <- [1, 2, 3]]");
        let counted = until(|| {
            let counted = connection(&node);
            let ticked = counted.traffic.ticks_missed >= 1 && counted.traffic.sent.ticks >= 1;
            (counted.dropped == 3 && ticked && counted.traffic.sent.queued == 0).then_some(counted)
        });
        assert!(counted.traffic.sent.signals >= 100);
        assert!(counted.traffic.received.signals >= 3);
        assert!(counted.traffic.sent.bytes > 100 * 20);
        let all = until(|| Some(node.statistics()).filter(|all| all.refused == 1));
        assert_eq!((all.initiated, all.accepted, all.failed), (1, 0, 0));
        assert_eq!((all.connections, all.dropped), (1, 3));
    });
}
