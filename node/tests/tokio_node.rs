//! Nodes among real Erlang nodes, on tokio's tasks.
#![cfg(feature = "tokio")]

mod common;

use std::time::Duration;

use common::{WAIT, in_runtime, term};
use einode::dist::HostName;
use einode::tokio::{Builder, Mailbox, Node};
use einode::{AliasKind, Atom, Down, Exit, Message, Monitored, NodeName, Pid, Term, term};
use einode_testkit::Beam;
use tokio::time::timeout;

/// A node of this name that knows the cookie and the EPMD of a real one.
fn builder(beam: &Beam, alive: &str) -> Builder {
    Node::builder(&format!("{alive}@127.0.0.1"))
        .cookie(beam.cookie())
        .epmd_port(beam.epmd_port())
        .listen(common::anywhere())
}

fn peer(beam: &Beam) -> NodeName {
    beam.name().parse().unwrap()
}

async fn recv(mailbox: &mut Mailbox) -> Message {
    timeout(WAIT, mailbox.recv()).await.unwrap().unwrap()
}

fn reason(message: &Message) -> Term {
    match message {
        Message::Exit(Exit { reason, .. }) | Message::Down(Down { reason, .. }) => {
            reason.term().unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn connects_by_itself_and_is_connected_to() {
    let beam = Beam::start();
    in_runtime(async {
        let node = builder(&beam, "us").start().await.unwrap();
        let mut me = node.mailbox();
        beam.eval("register(agent, self())");
        me.send(("agent", beam.name()), &term!({hello, me.pid().clone()}))
            .await
            .unwrap();
        beam.eval("receive {hello, Pid} -> put(us, Pid), Pid ! {<<\"hi\">>, 42} end");
        let (text, count): (String, u32) = recv(&mut me).await.decode().unwrap();
        assert_eq!((text.as_str(), count), ("hi", 42));
        assert_eq!(node.nodes(), [peer(&beam)]);
        assert_eq!(beam.text("nodes(hidden)"), "['us@127.0.0.1']");

        // By name, and from a new connection that the real node makes.
        me.register("me").unwrap();
        assert!(node.disconnect(&peer(&beam)));
        beam.wait_until("nodes(hidden) =:= []");
        beam.eval("{me, 'us@127.0.0.1'} ! hello_again");
        assert_eq!(recv(&mut me).await.term().unwrap(), term("hello_again"));
        assert_eq!(beam.text("net_adm:ping('us@127.0.0.1')"), "pong");

        node.shutdown(WAIT).await;
        beam.wait_until("nodes(hidden) =:= []");
        assert_eq!(beam.text("net_adm:ping('us@127.0.0.1')"), "pang");
        assert!(me.recv().await.is_err());
    });
}

#[test]
fn links_and_monitors_tell_of_every_end() {
    let beam = Beam::start();
    in_runtime(async {
        let node = builder(&beam, "us").start().await.unwrap();
        let mut me = node.mailbox();
        me.trap_exit(true);
        me.register("me").unwrap();
        let spawn = "spawn(fun() -> receive die -> exit(boom); stop -> ok end end)";
        let worker = || beam.eval(spawn).as_pid().unwrap().clone();

        let pid = worker();
        me.link(&pid);
        me.send(&pid, &term!(die)).await.unwrap();
        let exit = recv(&mut me).await;
        assert_eq!(
            exit.term().unwrap(),
            term!({(Atom::from_static("EXIT")), pid.clone(), boom})
        );

        let pid = worker();
        let monitor = me.monitor(&pid).unwrap();
        me.send(&pid, &term!(stop)).await.unwrap();
        let Message::Down(down) = recv(&mut me).await else {
            panic!("a monitor has fired")
        };
        assert_eq!(
            (&down.monitor, &down.process),
            (&monitor, &Monitored::Pid(pid))
        );
        assert_eq!(down.reason.term().unwrap(), term!(normal));

        // Whoever is not there.
        me.monitor(("nobody", beam.name())).unwrap();
        assert_eq!(reason(&recv(&mut me).await), term!(noproc));
        me.link(&worker_gone(&beam));
        assert_eq!(reason(&recv(&mut me).await), term!(noproc));
        me.monitor(("nobody", "nobody@127.0.0.1")).unwrap();
        assert_eq!(reason(&recv(&mut me).await), term!(noconnection));

        // An unlink holds, and a monitor that was removed is silent.
        let pid = worker();
        me.link(&pid);
        me.unlink(&pid);
        let monitor = me.monitor(&pid).unwrap();
        assert!(me.demonitor(&monitor));
        let monitor = me.monitor(&pid).unwrap();
        me.send(&pid, &term!(die)).await.unwrap();
        let Message::Down(down) = recv(&mut me).await else {
            panic!("a monitor has fired")
        };
        assert_eq!(down.monitor, monitor);

        // The other way round.
        let us = me.pid().clone();
        beam.eval("{me, 'us@127.0.0.1'} ! {hello, self()}");
        let (_, agent): (Atom, Pid) = recv(&mut me).await.decode().unwrap();
        let mut dying = node.mailbox();
        dying.send(&agent, dying.pid()).await.unwrap();
        beam.eval("receive P -> put(p, P) end, link(get(p)), monitor(process, get(p))");
        beam.eval("get(p) ! linked");
        recv(&mut dying).await;
        dying.close(&term!({shutdown, 7})).unwrap();
        assert_eq!(
            beam.text("receive {'DOWN', _, process, _, R} -> R end"),
            "{shutdown,7}"
        );
        assert_eq!(beam.text("receive {'EXIT', _, X} -> X end"), "{shutdown,7}");

        // A lost connection ends all of it.
        me.link(&agent);
        me.monitor(&agent).unwrap();
        me.send(&agent, &term!({me, (us)})).await.unwrap();
        beam.eval("receive {me, M} -> link(M), monitor(process, M), M ! ok end");
        recv(&mut me).await;
        node.disconnect(&peer(&beam));
        let mut reasons = vec![reason(&recv(&mut me).await), reason(&recv(&mut me).await)];
        reasons.dedup();
        assert_eq!(reasons, [term!(noconnection)]);
        assert_eq!(
            beam.text("receive {'DOWN', _, process, _, R2} -> R2 end"),
            "noconnection"
        );
    });
}

/// A process that has ended.
fn worker_gone(beam: &Beam) -> Pid {
    let gone = "{P, R} = spawn_monitor(fun() -> ok end), receive {'DOWN', R, _, _, _} -> P end";
    beam.eval(gone).as_pid().unwrap().clone()
}

#[test]
fn local_processes_are_like_remote_ones() {
    let beam = Beam::start();
    in_runtime(async {
        let node = builder(&beam, "us").start().await.unwrap();
        let (mut a, mut b, mut c) = (node.mailbox(), node.mailbox(), node.mailbox());
        b.register("b").unwrap();
        assert!(c.register("b").is_err());
        a.send("b", &term!(one)).await.unwrap();
        a.send(("b", "us@127.0.0.1"), &term!(two)).await.unwrap();
        assert_eq!(recv(&mut b).await.term().unwrap(), term!(one));
        assert_eq!(recv(&mut b).await.term().unwrap(), term!(two));

        let alias = b.alias(AliasKind::Reply);
        a.send(&alias, &term!(by_alias)).await.unwrap();
        a.send(&alias, &term!(lost)).await.unwrap();
        a.send(b.pid(), &term!(next)).await.unwrap();
        assert_eq!(recv(&mut b).await.term().unwrap(), term!(by_alias));
        assert_eq!(recv(&mut b).await.term().unwrap(), term!(next));

        // The end of b is that of a, which is linked, and not that of c, which traps exits.
        c.trap_exit(true);
        a.link(b.pid());
        c.link(a.pid());
        let monitor = c.monitor("b").unwrap();
        b.close(&term!(boom)).unwrap();
        let exited = a.recv().await.unwrap_err();
        assert_eq!(exited.reason.term().unwrap(), term!(boom));
        let mut ends = [recv(&mut c).await, recv(&mut c).await];
        ends.sort_by_key(|end| matches!(end, Message::Exit(_)));
        assert!(matches!(&ends[0], Message::Down(down) if down.monitor == monitor));
        assert_eq!(reason(&ends[1]), term!(boom));
        assert_eq!(node.registered(), Vec::<Atom>::new());

        // Out of order.
        for n in 0..10 {
            c.send(c.pid(), &n).await.unwrap();
        }
        let seven = c.recv_match(|message| (message.decode() == Ok(7)).then_some(()));
        seven.await.unwrap();
        for n in (0..10).filter(|n| *n != 7) {
            assert_eq!(recv(&mut c).await.decode::<i32>().unwrap(), n);
        }
        assert!(timeout(Duration::ZERO, c.recv()).await.is_err());
    });
}

#[test]
fn gets_a_name_from_its_first_peer() {
    let beam = Beam::start();
    in_runtime(async {
        let node = Node::nameless("127.0.0.1", peer(&beam))
            .cookie(beam.cookie())
            .epmd_port(beam.epmd_port())
            .start()
            .await
            .unwrap();
        assert!(HostName::new(node.name().host()).is_ok());
        let mut me = node.mailbox();
        beam.eval("register(agent, self())");
        me.send(("agent", beam.name()), me.pid()).await.unwrap();
        beam.eval("receive Pid -> Pid ! ok end");
        assert_eq!(recv(&mut me).await.term().unwrap(), term!(ok));
    });
}
