//! Peers that read too little or send too much.
#![cfg(feature = "tokio")]

mod common;

use std::time::Duration;

use common::{WAIT, in_runtime};
use einode::tokio::{Builder, Mailbox, Node};
use einode::{Message, NodeName, Pid, SendError, term};
use einode_testkit::Beam;
use tokio::task::block_in_place;
use tokio::time::timeout;

fn builder(beam: &Beam) -> Builder {
    Node::builder("us@127.0.0.1")
        .cookie(beam.cookie())
        .epmd_port(beam.epmd_port())
        .listen(common::anywhere())
}

async fn recv(mailbox: &mut Mailbox) -> Message {
    timeout(WAIT, mailbox.recv()).await.unwrap().unwrap()
}

/// Sends numbered messages of some size until one would have to wait for long; how many were sent.
async fn fill(me: &Mailbox, beam: &Beam) -> i64 {
    let bytes = vec![7_u8; 100_000];
    let mut sent = 0;
    loop {
        let message = (sent, bytes.as_slice());
        let sending = me.send(("agent", beam.name()), &message);
        match timeout(Duration::from_millis(300), sending).await {
            Ok(done) => done.unwrap(),
            Err(_) => return sent,
        }
        sent += 1;
    }
}

#[test]
fn senders_wait_for_a_peer_that_stops_reading_and_closing_does_not() {
    let beam = Beam::start();
    beam.eval("register(agent, self())");
    in_runtime(async {
        let node = builder(&beam).start().await.unwrap();
        let peer: NodeName = beam.name().parse().unwrap();
        let me = node.mailbox();
        node.connect(&peer).await.unwrap();
        beam.pause();
        let sent = fill(&me, &beam).await;
        assert!(sent > 0);
        let busy = me.try_send(("agent", beam.name()), &term!(lost));
        assert_eq!(busy, Err(SendError::Busy));
        // Processes of our own are not concerned.
        let mut other = node.mailbox();
        me.send(other.pid(), &term!(local)).await.unwrap();
        recv(&mut other).await;
        // All of it arrives, and in order; what was given up has not been sent.
        beam.resume();
        let last = term!(last);
        let sending = me.send(("agent", beam.name()), &last);
        timeout(WAIT, sending).await.unwrap().unwrap();
        let all = "(fun Next(N) -> receive {N, T} when length(T) =:= 100000 -> Next(N + 1); \
                   Other -> {N, Other} end end)(0)";
        let arrived = block_in_place(|| beam.text(all));
        assert_eq!(arrived, format!("{{{sent},last}}"));
        // Closing, with so much to write, to a peer that does not read.
        beam.pause();
        fill(&me, &beam).await;
        let closed = timeout(WAIT, node.shutdown(Duration::from_millis(200))).await;
        assert!(closed.is_ok());
        assert!(me.exited().is_some());
        drop((me, node));
        beam.resume();
        block_in_place(|| beam.wait_until("nodes(hidden) =:= []"));
    });
}

#[test]
fn a_process_that_is_flooded_ends_and_its_node_lives() {
    let beam = Beam::start();
    in_runtime(async {
        let node = builder(&beam).mailbox_limit(1 << 20).start().await.unwrap();
        let mut sink = node.mailbox();
        let mut me = node.mailbox();
        sink.register("sink").unwrap();
        me.register("me").unwrap();
        let ends = me.monitor(sink.pid()).unwrap();
        let flood = "M = monitor(process, {sink, 'us@127.0.0.1'}), T = binary:copy(<<7>>, 1000), \
                     (fun Flood() -> {sink, 'us@127.0.0.1'} ! T, \
                     receive {'DOWN', M, process, _, R} -> R after 0 -> Flood() end end)()";
        assert_eq!(block_in_place(|| beam.text(flood)), "killed");
        let Message::Down(down) = recv(&mut me).await else {
            panic!("the end of the process is told")
        };
        let why = down.reason.term().unwrap();
        assert_eq!((down.monitor, why), (ends, term!(killed)));
        assert!(sink.recv().await.is_err());
        // Others, and the connection, are as they were.
        beam.eval("{me, 'us@127.0.0.1'} ! self()");
        let _: Pid = recv(&mut me).await.decode().unwrap();
        assert_eq!(node.nodes().len(), 1);
    });
}

#[test]
fn a_peer_that_floods_keeps_nobody_from_being_heard() {
    let flooding = Beam::start();
    let quiet = Beam::builder()
        .epmd(flooding.epmd())
        .cookie(flooding.cookie())
        .start();
    in_runtime(async {
        let node = builder(&flooding).start().await.unwrap();
        let mut sink = node.mailbox();
        sink.register("sink").unwrap();
        flooding.eval(
            "spawn(fun() -> (fun Flood() -> {sink, 'us@127.0.0.1'} ! flood, Flood() end)() end)",
        );
        recv(&mut sink).await;
        let drain = tokio::spawn(async move { while sink.recv().await.is_ok() {} });
        // What the flooding one itself answers waits behind what it floods with.
        for (peer, calls) in [(&quiet, 100_i64), (&flooding, 3)] {
            for n in 0..calls {
                let mut erpc = node.erpc(peer.name());
                let abs = erpc.call::<i64>("erlang", "abs", (-n,));
                assert_eq!(timeout(WAIT, abs).await.unwrap().unwrap(), n);
            }
        }
        node.shutdown(WAIT).await;
        drain.await.unwrap();
    });
}
