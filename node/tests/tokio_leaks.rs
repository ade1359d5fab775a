//! Nothing is left of connections that break, however often they do and however much depends on them.
//!
//! One test, since it counts what its process has.
#![cfg(all(feature = "tokio", target_os = "linux"))]

mod common;

use std::fs;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use common::{WAIT, in_runtime};
use einode::tokio::{Mailbox, Node};
use einode::{AliasKind, CallError, Message, NodeName, Pid, Term, term};
use einode_testkit::Beam;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{sleep, timeout};

const LEAKS: &str = r#"
-module(leaks).
-export([start/0]).

%% A server that answers some questions, and is linked with and monitors who asks for it.
start() -> register(server, spawn(fun() -> process_flag(trap_exit, true), loop() end)).

loop() ->
    receive
        {'$gen_call', {Pid, Tag}, bind} -> link(Pid), monitor(process, Pid), answer(Pid, Tag, self());
        {'$gen_call', {Pid, Tag}, {many, Count}} -> answer(Pid, Tag, many(Count));
        _ -> ok
    end,
    loop().

answer(_, [alias | Alias] = Tag, Reply) -> Alias ! {Tag, Reply};
answer(Pid, Tag, Reply) -> Pid ! {Tag, Reply}.

many(Count) -> [spawn(fun() -> receive never -> ok end end) || _ <- lists:seq(1, Count)].
"#;

/// How often the connection breaks.
const ROUNDS: usize = 1000;

async fn recv(mailbox: &mut Mailbox) -> Message {
    timeout(WAIT, mailbox.recv()).await.unwrap().unwrap()
}

/// What our process of the system and its node have.
#[derive(Debug, PartialEq)]
struct Held {
    descriptors: usize,
    tasks: usize,
    processes: usize,
    connections: usize,
}

impl Held {
    fn by(node: &Node) -> Self {
        Self {
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            tasks: Handle::current().metrics().num_alive_tasks(),
            processes: node.process_count(),
            connections: node.nodes().len(),
        }
    }

    /// Waits until no more is held than this.
    async fn again(&self, node: &Node) {
        let again = async {
            while Self::by(node) != *self {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let over = timeout(WAIT, again).await;
        assert!(over.is_ok(), "{:?}, and before {self:?}", Self::by(node));
    }
}

/// The memory in use, in KiB.
fn memory() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

#[test]
fn nothing_is_left_of_connections_that_break() {
    let beam = Beam::start();
    beam.load(LEAKS);
    beam.eval("leaks:start()");
    in_runtime(async {
        let node = Node::builder("us@127.0.0.1")
            .cookie(beam.cookie())
            .epmd_port(beam.epmd_port())
            .listen(common::anywhere());
        let node = node.start().await.unwrap();
        let before = Held::by(&node);
        let ports = beam.text("length(erlang:ports())");
        let mut used = 0;
        for n in 0..ROUNDS {
            round(&node, &beam, n % 2 == 0).await;
            before.again(&node).await;
            // In the first rounds the allocator and the runtime take what they keep.
            if n == ROUNDS / 2 {
                used = memory();
            }
        }
        let grown = memory() - used;
        println!("{ROUNDS} rounds; {grown} KiB more at the end than halfway");
        assert!(grown < 1024, "{grown} KiB more after {ROUNDS} rounds");
        break_with_much(&node, &beam).await;
        before.again(&node).await;
        block_in_place(|| beam.wait_until(&format!("length(erlang:ports()) =:= {ports}")));
    });
}

/// Connects, has all that there is to have with a process, and loses it.
async fn round(node: &Node, beam: &Beam, we_break: bool) {
    let peer: NodeName = beam.name().parse().unwrap();
    let mut me = node.mailbox();
    me.trap_exit(true);
    me.register("me").unwrap();
    let server = ("server", beam.name());
    let other: Pid = me.call(server, &term!(bind), WAIT).await.unwrap();
    me.link(&other);
    me.monitor(&other).unwrap();
    me.monitor_with_alias(server, AliasKind::Demonitor).unwrap();
    me.alias(AliasKind::Reply);
    let mut call = {
        let (mut caller, other) = (node.mailbox(), other.clone());
        Box::pin(async move { caller.call::<Term>(&other, &term!(silence), 4 * WAIT).await })
    };
    // The question is sent before the connection breaks.
    let waits = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending()));
    assert!(waits.await);
    let call = tokio::spawn(call);
    let _: Pid = node.call(&other, &term!(bind), WAIT).await.unwrap();
    if we_break {
        node.disconnect(&peer);
    } else {
        block_in_place(|| beam.eval("erlang:disconnect_node('us@127.0.0.1')"));
    }
    for _ in 0..3 {
        let reason = match recv(&mut me).await {
            Message::Exit(exit) => exit.reason,
            Message::Down(down) => down.reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason.term().unwrap(), term!(noconnection));
    }
    let answer = timeout(WAIT, call).await.unwrap().unwrap();
    assert!(
        matches!(answer, Err(CallError::NoConnection(_))),
        "{answer:?}"
    );
    block_in_place(|| beam.wait_until("nodes(hidden) =:= []"));
}

/// Ten thousand links, monitors and pending calls on one connection.
async fn break_with_much(node: &Node, beam: &Beam) {
    const MANY: usize = 10_000;
    let mut me = node.mailbox();
    me.trap_exit(true);
    let server = ("server", beam.name());
    let many = term!({many, (MANY as i64)});
    let many: Vec<Pid> = me.call(server, &many, WAIT).await.unwrap();
    for (n, pid) in many.iter().enumerate() {
        me.link(pid);
        if n % 2 == 0 {
            me.monitor(pid).unwrap();
        } else {
            me.monitor_with_alias(pid, AliasKind::ReplyDemonitor)
                .unwrap();
        }
    }
    let mut calls = JoinSet::new();
    for pid in &many {
        let (pid, mut caller) = (pid.clone(), node.mailbox());
        calls.spawn(async move { caller.call::<Term>(&pid, &term!(silence), 4 * WAIT).await });
    }
    // Each has been linked, monitored twice, and asked.
    let bound = "length([1 || P <- processes(), \
                 [{monitored_by, [_, _]}, {links, [_]}, {message_queue_len, 1}] \
                 <- [process_info(P, [monitored_by, links, message_queue_len])]])";
    block_in_place(|| beam.wait_until(&format!("{bound} =:= {MANY}")));
    block_in_place(|| beam.eval("erlang:disconnect_node('us@127.0.0.1')"));
    let (mut exits, mut downs) = (0, 0);
    for _ in 0..2 * MANY {
        match recv(&mut me).await {
            Message::Exit(_) => exits += 1,
            Message::Down(_) => downs += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((exits, downs, me.message_count()), (MANY, MANY, 0));
    while let Some(call) = calls.join_next().await {
        let answer = call.unwrap();
        assert!(
            matches!(answer, Err(CallError::NoConnection(_))),
            "{answer:?}"
        );
    }
    // Those linked with us have ended for it.
    let all_told = format!("{bound} =:= 0 andalso nodes(hidden) =:= []");
    block_in_place(|| beam.wait_until(&all_told));
}
