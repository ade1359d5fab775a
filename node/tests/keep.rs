//! Connections that are kept, in both styles.
#![cfg(feature = "tokio")]

mod common;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use common::{WAIT, anywhere, in_runtime};
use einode::blocking::{self, Mailbox};
use einode::{Backoff, Disconnected, Message, NodeName, Status, tokio};
use einode_testkit::{Beam, Epmd};

const COOKIE: &str = "secret";
const OFTEN: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(200));

fn beam(epmd: &Arc<Epmd>) -> Beam {
    let beam = Beam::builder().name("db@127.0.0.1").epmd(epmd);
    beam.cookie(COOKIE).start()
}

/// Follows a node that comes and goes without anything being sent to it, as `told` tells of it.
fn follow(us: &Status, epmd: &Arc<Epmd>, mut told: impl FnMut() -> Message) {
    let node: NodeName = "db@127.0.0.1".parse().unwrap();
    let mut is_told = |up: bool| match told() {
        Message::NodeUp(name) => assert!(up && name == node),
        Message::NodeDown(name) => assert!(!up && name == node),
        other => panic!("{other:?}"),
    };
    // It need not be there yet.
    us.keep(&node, OFTEN).unwrap();
    for _ in 0..2 {
        let mut beam = beam(epmd);
        is_told(true);
        beam.kill();
        is_told(false);
    }
    let beam = beam(epmd);
    is_told(true);
    // Whoever ends it.
    beam.eval("erlang:disconnect_node('us@127.0.0.1')");
    is_told(false);
    is_told(true);
    assert!(us.disconnect(&node));
    is_told(false);
    is_told(true);

    assert!(us.let_go(&node) && !us.let_go(&node));
    assert_eq!(us.nodes(), std::slice::from_ref(&node));
    assert!(us.disconnect(&node));
    is_told(false);
    beam.wait_until("nodes(hidden) =:= []");
    assert_eq!(us.nodes(), []);
    // One that is there already.
    assert_eq!(beam.text("net_adm:ping('us@127.0.0.1')"), "pong");
    is_told(true);
    us.keep(&node, OFTEN).unwrap();
    assert!(us.disconnect(&node));
    is_told(false);
    is_told(true);
}

fn is_not_kept(us: &Status, node: &str, why: impl FnOnce(Disconnected) -> bool) {
    let refused = us.keep(&node.parse().unwrap(), Backoff::default());
    assert!(why(refused.unwrap_err()));
}

#[test]
fn threads_keep_connections() {
    let epmd = Arc::new(Epmd::start());
    let node = blocking::Node::builder("us@127.0.0.1").cookie(COOKIE);
    let node = node.epmd_port(epmd.port()).listen(anywhere());
    let node = node.allow(["db@127.0.0.1".parse().unwrap()]);
    let node = node.start().unwrap();
    let mut me: Mailbox = node.mailbox();
    me.monitor_nodes(true);
    follow(node.deref(), &epmd, || me.recv(WAIT).unwrap());
    let not_allowed = |why| matches!(why, Disconnected::NotAllowed);
    is_not_kept(&node, "us@127.0.0.1", not_allowed);
    is_not_kept(&node, "other@127.0.0.1", not_allowed);
    node.shutdown(WAIT);
    assert_eq!(node.nodes(), []);
    is_not_kept(&node, "db@127.0.0.1", |why| {
        matches!(why, Disconnected::Stopped)
    });
}

#[test]
fn tasks_keep_connections() {
    let epmd = Arc::new(Epmd::start());
    let builder = tokio::Node::builder("us@127.0.0.1").cookie(COOKIE);
    let builder = builder.epmd_port(epmd.port()).listen(anywhere());
    in_runtime(async {
        let node = builder.start().await.unwrap();
        let mut me = node.mailbox();
        me.monitor_nodes(true);
        let (tell, told) = std::sync::mpsc::channel();
        let telling = ::tokio::spawn(async move {
            while let Ok(message) = me.recv().await {
                tell.send(message).unwrap();
            }
        });
        let us = node.clone();
        let following = move || follow(&us, &epmd, || told.recv_timeout(WAIT).unwrap());
        ::tokio::task::spawn_blocking(following).await.unwrap();
        node.shutdown(WAIT).await;
        telling.await.unwrap();
        assert_eq!(node.nodes(), []);
    });
}
