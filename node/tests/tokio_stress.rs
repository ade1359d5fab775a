//! Many messages and many callers.
//!
//! `EINODE_CALL_SECONDS` says for how long the callers call: 2 seconds if it is not set, so that nobody has to
//! wait for the minute that is claimed.
#![cfg(feature = "tokio")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use common::{WAIT, in_runtime};
use einode::tokio::{Builder, Mailbox, Node};
use einode::{Message, NodeName, term};
use einode_testkit::Beam;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{sleep, timeout};

const STRESS: &str = r#"
-module(stress).
-export([send/2, check/2, echo/0]).

send(To, Count) -> [To ! N || N <- lists:seq(1, Count)], ok.

%% Tells whether the numbers come in order, and nothing else.
check(Last, Count) -> check(Last, 1, Count).
check(Last, Next, Count) when Next > Count -> Last ! {in_order, Count};
check(Last, Next, Count) ->
    receive
        Next -> check(Last, Next + 1, Count);
        Other -> Last ! {expected, Next, Other}
    end.

%% A server that answers what it is asked, and counts.
echo() -> register(echo, self()), echo(0).
echo(Count) ->
    receive
        {'$gen_call', {Pid, [alias | Alias] = Tag}, count} when is_pid(Pid) ->
            Alias ! {Tag, Count}, echo(Count);
        {'$gen_call', {Pid, [alias | Alias] = Tag}, Request} when is_pid(Pid) ->
            Alias ! {Tag, Request}, echo(Count + 1)
    end.
"#;

fn builder(epmd_port: u16, cookie: &str, name: &str) -> Builder {
    Node::builder(name)
        .cookie(cookie)
        .epmd_port(epmd_port)
        .listen(common::anywhere())
}

fn node(beam: &Beam) -> Builder {
    builder(beam.epmd_port(), beam.cookie(), "us@127.0.0.1")
}

async fn recv(mailbox: &mut Mailbox) -> Message {
    timeout(WAIT, mailbox.recv()).await.unwrap().unwrap()
}

#[test]
fn many_messages_arrive_in_order_from_each_side() {
    const COUNT: i64 = 300_000;
    let beam = Beam::start();
    beam.load(STRESS);
    in_runtime(async {
        let node = node(&beam).start().await.unwrap();
        let (mut sink, mut me) = (node.mailbox(), node.mailbox());
        sink.register("sink").unwrap();
        me.register("me").unwrap();
        beam.eval(&format!(
            "register(checker, spawn(stress, check, [{{me, 'us@127.0.0.1'}}, {COUNT}])), \
             spawn(stress, send, [{{sink, 'us@127.0.0.1'}}, {COUNT}])"
        ));
        let received = tokio::spawn(async move {
            for n in 1..=COUNT {
                assert_eq!(recv(&mut sink).await.decode::<i64>().unwrap(), n);
            }
            sink
        });
        for n in 1..=COUNT {
            me.send(("checker", beam.name()), &n).await.unwrap();
        }
        let sink = received.await.unwrap();
        assert_eq!(
            recv(&mut me).await.term().unwrap(),
            term!({in_order, (COUNT)})
        );
        assert_eq!(sink.message_count(), 0);
    });
}

#[test]
fn a_thousand_callers_get_their_own_replies() {
    let time = std::env::var("EINODE_CALL_SECONDS").map_or(2, |time| time.parse().unwrap());
    let beam = Beam::start();
    beam.load(STRESS);
    beam.eval("spawn(stress, echo, [])");
    beam.wait_until("is_pid(whereis(echo))");
    in_runtime(async {
        let node = node(&beam).start().await.unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        let asked = Arc::new(AtomicI64::new(0));
        for caller in 0..1000_i64 {
            let mut me = node.mailbox();
            let (over, echo) = (Arc::clone(&over), beam.name().to_owned());
            let asked = Arc::clone(&asked);
            callers.spawn(async move {
                let mut turn = 0_i64;
                while !over.load(Ordering::Relaxed) {
                    let question = (caller, turn);
                    let echo = ("echo", echo.as_str());
                    let answer: (i64, i64) = me.call(echo, &question, WAIT).await.unwrap();
                    assert_eq!(answer, question);
                    turn += 1;
                }
                asked.fetch_add(turn, Ordering::Relaxed);
                me
            });
        }
        sleep(Duration::from_secs(time)).await;
        over.store(true, Ordering::Relaxed);
        let mut done = Vec::new();
        while let Some(caller) = callers.join_next().await {
            done.push(caller.unwrap());
        }
        // What would have come twice comes before the answer to this.
        let me = &mut done[0];
        let count: i64 = me
            .call(("echo", beam.name()), &term!(count), WAIT)
            .await
            .unwrap();
        assert_eq!(count, asked.load(Ordering::Relaxed));
        assert!(count >= 1000, "{count}");
        for me in &done {
            assert_eq!(me.message_count(), 0);
        }
        let monitors = "process_info(whereis(echo), monitored_by) =:= {monitored_by, []}";
        block_in_place(|| beam.wait_until(monitors));
    });
}

/// How often two nodes begin to connect at the same moment.
const MEETINGS: i64 = 1000;

#[test]
fn a_node_of_erlang_and_ours_meet_halfway() {
    // Names decide who wins, so there is one on each side of that of the real node.
    for name in ["aaa@127.0.0.1", "zzz@127.0.0.1"] {
        let beam = Beam::start();
        in_runtime(meet(&beam, name));
    }
}

async fn meet(beam: &Beam, name: &str) {
    let node = builder(beam.epmd_port(), beam.cookie(), name)
        .start()
        .await
        .unwrap();
    let peer: NodeName = beam.name().parse().unwrap();
    let (mut me, mut seen) = (node.mailbox(), node.mailbox());
    me.register("me").unwrap();
    seen.monitor_nodes(true);
    let us = format!("{{me, '{name}'}}");
    beam.eval("register(agent, self()), net_kernel:monitor_nodes(true, [{node_type, all}])");
    for round in 0..MEETINGS {
        beam.eval(&format!("spawn(fun() -> {us} ! {round} end)"));
        // It takes its time: begin at different moments of it.
        sleep(Duration::from_micros(round as u64 % 20 * 100)).await;
        me.send(("agent", beam.name()), &round).await.unwrap();
        assert_eq!(recv(&mut me).await.decode::<i64>(), Ok(round));
        beam.eval(&format!("receive {round} -> ok end"));
        assert_eq!(node.nodes(), std::slice::from_ref(&peer));
        assert_eq!(beam.text("nodes(hidden)"), format!("['{name}']"));
        if round % 2 == 0 {
            node.disconnect(&peer);
        } else {
            beam.eval(&format!("erlang:disconnect_node('{name}')"));
        }
        assert!(
            matches!(recv(&mut seen).await, Message::NodeUp(_)),
            "{round}"
        );
        assert!(
            matches!(recv(&mut seen).await, Message::NodeDown(_)),
            "{round}"
        );
        assert_eq!(seen.message_count(), 0, "{round}");
        block_in_place(|| beam.wait_until("nodes(hidden) =:= []"));
        let changes = "receive {nodeup, _, _} -> ok end, receive {nodedown, _, _} -> ok end, \
                       process_info(self(), message_queue_len)";
        assert_eq!(beam.text(changes), "{message_queue_len,0}", "{round}");
    }
    assert_eq!(me.message_count(), 0);
}
