//! Peers that die, fall silent or cannot be reached any more, and what is told of them.
#![cfg(feature = "tokio")]

mod common;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use common::{WAIT, in_runtime};
use einode::dist::TickTime;
use einode::tokio::{Builder, Mailbox, Node};
use einode::{Address, CallError, Message, NodeName, Pid, Reference, Table, Term, term};
use einode_testkit::{Beam, Epmd};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::timeout;

fn builder(beam: &Beam) -> Builder {
    builder_at(beam.epmd_port(), beam)
}

fn builder_at(epmd_port: u16, beam: &Beam) -> Builder {
    Node::builder("us@127.0.0.1")
        .cookie(beam.cookie())
        .epmd_port(epmd_port)
        .listen(common::anywhere())
}

fn short_ticks() -> TickTime {
    TickTime::new(Duration::from_secs(1), 4).unwrap()
}

async fn recv(mailbox: &mut Mailbox) -> Message {
    timeout(WAIT, mailbox.recv()).await.unwrap().unwrap()
}

/// A process of a peer, with which one of ours has all that there is to have.
struct Bound {
    me: Mailbox,
    seen: Mailbox,
    other: Pid,
    monitors: Vec<Reference>,
}

impl Bound {
    async fn to(node: &Node, beam: &Beam) -> Self {
        let (mut me, seen) = (node.mailbox(), node.mailbox());
        me.trap_exit(true);
        seen.monitor_nodes(true);
        me.register("me").unwrap();
        beam.eval("catch register(agent, self())");
        me.send(("agent", beam.name()), &me.pid().clone())
            .await
            .unwrap();
        beam.eval("receive P -> put(us, P) end, get(us) ! self(), link(get(us)), monitor(process, get(us))");
        let other: Pid = recv(&mut me).await.decode().unwrap();
        let monitors = vec![
            me.monitor(&other).unwrap(),
            me.monitor(("agent", beam.name())).unwrap(),
        ];
        me.link(&other);
        let mut bound = Self {
            me,
            seen,
            other,
            monitors,
        };
        assert!(matches!(recv(&mut bound.seen).await, Message::NodeUp(_)));
        bound
    }

    /// All of it is lost, and a call that waits ends.
    async fn lose(mut self, node: &Node, peer: &NodeName) {
        let me = &mut self.me;
        let mut exits = 0;
        for _ in 0..=self.monitors.len() {
            let reason = match recv(me).await {
                Message::Exit(exit) => {
                    assert_eq!(exit.from, self.other);
                    exits += 1;
                    exit.reason
                }
                Message::Down(down) => {
                    self.monitors.retain(|monitor| *monitor != down.monitor);
                    down.reason
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(reason.term().unwrap(), term!(noconnection));
        }
        assert_eq!((exits, self.monitors.len(), me.message_count()), (1, 0, 0));
        assert_eq!(recv(&mut self.seen).await, Message::NodeDown(peer.clone()));
        assert_eq!(node.nodes(), []);
    }
}

/// A call of a process that does not answer.
fn call_that_waits(node: &Node, beam: &Beam) -> JoinHandle<Result<Term, CallError>> {
    let (mut me, silent) = (node.mailbox(), beam.name().to_owned());
    tokio::spawn(async move {
        let silent = ("agent", silent.as_str());
        me.call::<Term>(silent, &term!(question), 4 * WAIT).await
    })
}

async fn has_no_connection(call: JoinHandle<Result<Term, CallError>>) {
    let error = timeout(WAIT, call).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, CallError::NoConnection(_)), "{error:?}");
}

/// The peer can be spoken to, over a new connection if need be.
async fn is_there(node: &Node, beam: &Beam) {
    let mut me = node.mailbox();
    beam.eval("catch register(agent, self())");
    me.send(("agent", beam.name()), &term!({again, me.pid().clone()}))
        .await
        .unwrap();
    beam.eval("receive {again, P} -> P ! hello end");
    assert_eq!(recv(&mut me).await.term().unwrap(), term!(hello));
}

#[test]
fn a_node_that_is_killed_is_told_of_and_connected_to_again() {
    let mut beam = Beam::start();
    let (epmd, name, cookie) = (
        Arc::clone(beam.epmd()),
        beam.name().to_owned(),
        beam.cookie().to_owned(),
    );
    in_runtime(async {
        let node = builder(&beam).start().await.unwrap();
        for _ in 0..3 {
            let bound = Bound::to(&node, &beam).await;
            let call = call_that_waits(&node, &beam);
            beam.wait_until(
                "process_info(whereis(agent), message_queue_len) =/= {message_queue_len, 0}",
            );
            beam.kill();
            bound.lose(&node, &name.parse().unwrap()).await;
            has_no_connection(call).await;
            beam = block_in_place(|| {
                Beam::builder()
                    .epmd(&epmd)
                    .name(&name)
                    .cookie(&cookie)
                    .start()
            });
            is_there(&node, &beam).await;
            node.disconnect(&name.parse().unwrap());
            beam.wait_until("nodes(hidden) =:= []");
        }
    });
}

#[test]
fn a_node_that_is_suspended_is_told_of_and_connected_to_again() {
    let beam = Beam::start();
    in_runtime(async {
        let node = builder(&beam)
            .tick_time(short_ticks())
            .start()
            .await
            .unwrap();
        let bound = Bound::to(&node, &beam).await;
        let call = call_that_waits(&node, &beam);
        beam.pause();
        bound.lose(&node, &beam.name().parse().unwrap()).await;
        has_no_connection(call).await;
        beam.resume();
        // It hears of the end of the connection when it reads again.
        let lost = "receive {'DOWN', _, process, _, noconnection} -> true after 0 -> false end";
        block_in_place(|| beam.wait_until(lost));
        beam.eval("receive {'EXIT', _, noconnection} -> ok end");
        is_there(&node, &beam).await;
    });
}

#[test]
fn a_node_registers_again_when_epmd_is_back() {
    let epmd = Epmd::start();
    let port = epmd.port();
    in_runtime(async {
        let beam = block_in_place(|| Beam::builder().epmd_port(port).start());
        let node = builder_at(port, &beam).start().await.unwrap();
        let creation = node.creation();
        is_there(&node, &beam).await;
        drop(epmd);
        // Connections live on.
        is_there(&node, &beam).await;
        let _epmd = block_in_place(|| Epmd::start_at(port));
        let known = "lists:keymember(\"us\", 1, element(2, erl_epmd:names({127,0,0,1})))";
        block_in_place(|| beam.wait_until(known));
        assert_eq!(node.creation(), creation);
        // A new peer finds it.
        let cookie = beam.cookie().to_owned();
        let other = block_in_place(|| Beam::builder().epmd_port(port).cookie(&cookie).start());
        assert_eq!(other.text("net_adm:ping('us@127.0.0.1')"), "pong");
        node.shutdown(WAIT).await;
        block_in_place(|| beam.wait_until(&format!("not {known}")));
    });
}

/// In a network of its own, which this can cut and mend without being noticed by others.
#[test]
fn a_cut_network_is_told_of_and_connected_over_again() {
    const INSIDE: &str = "EINODE_TEST_IN_A_NETWORK_OF_ITS_OWN";
    if std::env::var_os(INSIDE).is_some() {
        return cut_and_mend();
    }
    let test = std::env::current_exe().unwrap();
    let inside = Command::new("unshare")
        .args(["--net", "--map-root-user"])
        .arg(test)
        .args([
            "--exact",
            "a_cut_network_is_told_of_and_connected_over_again",
            "--nocapture",
        ])
        .env(INSIDE, "")
        .output()
        .expect("unshare, of util-linux");
    let said = [inside.stdout, inside.stderr].concat();
    assert!(
        inside.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(status.expect("ip, of iproute2").success(), "ip {arguments}");
}

fn cut_and_mend() {
    const THERE: &str = "10.77.0.1";
    ip("link set lo up");
    ip(&format!("address add {THERE}/32 dev lo"));
    let beam = Beam::builder()
        .name(&format!("there@{THERE}"))
        .interface("{10,77,0,1}")
        .arguments(["-kernel", "net_ticktime", "4"])
        .start();
    let at: Address = format!("{THERE}:{}", beam.port()).parse().unwrap();
    let peer: NodeName = beam.name().parse().unwrap();
    in_runtime(async {
        let mut table = Table::default();
        table.insert(peer.clone(), at);
        let node = builder(&beam)
            .resolver(table)
            .tick_time(short_ticks())
            .start()
            .await
            .unwrap();
        let bound = Bound::to(&node, &beam).await;
        let call = call_that_waits(&node, &beam);
        ip(&format!("address delete {THERE}/32 dev lo"));
        bound.lose(&node, &peer).await;
        has_no_connection(call).await;
        // The other side finds out by itself.
        let lost = "receive {'DOWN', _, process, _, noconnection} -> true after 0 -> false end";
        block_in_place(|| beam.wait_until(lost));
        beam.eval("receive {'EXIT', _, noconnection} -> ok end");
        assert!(node.connect(&peer).await.is_err());
        ip(&format!("address add {THERE}/32 dev lo"));
        is_there(&node, &beam).await;
    });
}
