//! Process groups shared with real Erlang nodes.
#![cfg(feature = "tokio")]

mod common;

use std::time::Instant;

use common::{WAIT, in_runtime};
use einode::pg::Scope;
use einode::tokio::{Mailbox, Node};
use einode::{NameError, Pid, Term, blocking, term};
use einode_testkit::Beam;
use tokio::task::yield_now;
use tokio::time::timeout;

async fn node(beam: &Beam, alive: &str) -> Node {
    Node::builder(&format!("{alive}@127.0.0.1"))
        .cookie(beam.cookie())
        .epmd_port(beam.epmd_port())
        .listen(common::anywhere())
        .start()
        .await
        .unwrap()
}

/// Waits until a group has these members.
async fn until(scope: &Scope, group: &Term, members: &[Pid]) {
    let mut members = members.to_vec();
    members.sort_unstable();
    let until = Instant::now() + WAIT;
    loop {
        let mut found = scope.members(group.clone());
        found.sort_unstable();
        if found == members {
            return;
        }
        assert!(Instant::now() < until, "{found:?} instead of {members:?}");
        yield_now().await;
    }
}

async fn term(mailbox: &mut Mailbox) -> Term {
    let message = timeout(WAIT, mailbox.recv()).await.unwrap().unwrap();
    message.term().unwrap()
}

#[test]
fn members_on_both_sides_are_known_on_both() {
    let beam = Beam::start();
    in_runtime(async {
        beam.eval("{ok, _} = pg:start(groups), pg:join(groups, {room, 1}, self())");
        let agent = beam.eval("self()").as_pid().unwrap().clone();
        let node = node(&beam, "us").await;
        let room = term!({room, 1});
        let scope = node.pg("groups").unwrap();
        assert!(matches!(node.pg("groups"), Err(NameError::Taken)));
        assert_eq!(scope.groups(), []);

        // Whoever connects, the scopes find each other.
        node.connect(&beam.name().parse().unwrap()).await.unwrap();
        until(&scope, &room, std::slice::from_ref(&agent)).await;
        let (me, mut watcher) = (node.mailbox(), node.mailbox());
        let (in_room, so_far) = scope.monitor(room.clone(), &watcher);
        assert_eq!(so_far, std::slice::from_ref(&agent));
        scope.join(room.clone(), &me);
        scope.join(room.clone(), &me);
        scope.join("other", &me);
        let us = me.pid().clone();
        until(&scope, &room, &[us.clone(), us.clone(), agent.clone()]).await;
        beam.wait_until("length(pg:get_members(groups, {room, 1})) =:= 3");
        beam.wait_until("length(pg:get_members(groups, <<\"other\">>)) =:= 1");
        assert!(scope.leave(room.clone(), &me));
        beam.wait_until("length(pg:get_members(groups, {room, 1})) =:= 2");
        beam.eval("pg:join(groups, {room, 1}, self()), pg:leave(groups, {room, 1}, self())");
        for (what, pid) in [
            ("join", &us),
            ("join", &us),
            ("leave", &us),
            ("join", &agent),
            ("leave", &agent),
        ] {
            let (what, pids): (Term, _) = (what.parse().unwrap(), [Term::from(pid.clone())]);
            let pids = Term::list(pids.to_vec());
            let expected = term!({(in_room.clone()), (what), (room.clone()), (pids)});
            assert_eq!(term(&mut watcher).await, expected);
        }
        assert!(scope.demonitor(&in_room));
        assert!(!scope.demonitor(&in_room));

        // Those who end leave their groups.
        drop(me);
        until(&scope, &room, std::slice::from_ref(&agent)).await;
        beam.wait_until("length(pg:get_members(groups, {room, 1})) =:= 1");
        beam.wait_until("pg:which_groups(groups) =:= [{room, 1}]");
        let (_, all) = scope.monitor_scope(&watcher);
        assert_eq!(
            all.into_keys().collect::<Vec<_>>(),
            std::slice::from_ref(&room)
        );
        beam.eval(
            "P = spawn(fun() -> receive stop -> ok end end), put(p, P), pg:join(groups, b, [P, P])",
        );
        let joined = term(&mut watcher).await;
        assert_eq!(joined.as_tuple().unwrap()[3].as_list().unwrap().len(), 2);
        beam.eval("get(p) ! stop");
        let left = term(&mut watcher).await;
        assert!(left.as_tuple().unwrap()[1].is_atom("leave"), "{left}");
        until(&scope, &term!(b), &[]).await;
    });
}

#[test]
fn groups_end_with_a_connection_and_come_back_with_it() {
    let beam = Beam::start();
    in_runtime(async {
        let (node, peer) = (node(&beam, "us").await, beam.name().parse().unwrap());
        node.connect(&peer).await.unwrap();
        beam.eval("{ok, _} = pg:start(pg), pg:join(g, self())");
        let agent = beam.eval("self()").as_pid().unwrap().clone();
        let (scope, me, group) = (node.pg("pg").unwrap(), node.mailbox(), Term::from("us"));
        scope.join(group.clone(), &me);
        until(&scope, &term!(g), std::slice::from_ref(&agent)).await;
        beam.wait_until("length(pg:get_members(<<\"us\">>)) =:= 1");

        assert!(node.disconnect(&peer));
        until(&scope, &term!(g), &[]).await;
        beam.wait_until("pg:get_members(<<\"us\">>) =:= []");
        assert_eq!(scope.members(group.clone()), [me.pid().clone()]);

        node.connect(&peer).await.unwrap();
        until(&scope, &term!(g), &[agent]).await;
        beam.wait_until("length(pg:get_members(<<\"us\">>)) =:= 1");

        // The scope ends with its last handle.
        drop(scope);
        beam.wait_until("pg:get_members(<<\"us\">>) =:= []");
        assert!(node.whereis("pg").is_none());
        assert!(node.pg("pg").is_ok());
    });
}

#[test]
fn two_nodes_of_ours_share_groups() {
    let beam = Beam::start();
    in_runtime(async {
        let (one, two) = (node(&beam, "one").await, node(&beam, "two").await);
        let (at_one, at_two) = (one.pg("pg").unwrap(), two.pg("pg").unwrap());
        one.connect(two.name()).await.unwrap();
        let (a, b, group) = (one.mailbox(), two.mailbox(), Term::from("g"));
        at_one.join(group.clone(), &a);
        at_two.join(group.clone(), &b);
        let both = [a.pid().clone(), b.pid().clone()];
        until(&at_one, &group, &both).await;
        until(&at_two, &group, &both).await;
        two.shutdown(WAIT).await;
        until(&at_one, &group, &both[..1]).await;
    });
}

#[test]
fn nodes_on_threads_share_them_as_well() {
    let beam = Beam::start();
    beam.eval("{ok, _} = pg:start(pg), pg:join(g, self())");
    let agent = beam.eval("self()").as_pid().unwrap().clone();
    let node = blocking::Node::builder("us@127.0.0.1").cookie(beam.cookie());
    let node = node.epmd_port(beam.epmd_port()).listen(common::anywhere());
    let node = node.start().unwrap();
    let (scope, me, mut watcher) = (node.pg("pg").unwrap(), node.mailbox(), node.mailbox());
    let (_, so_far) = scope.monitor(term!(g), &watcher);
    assert_eq!(so_far, []);
    node.connect(&beam.name().parse().unwrap()).unwrap();
    let joined = watcher.recv(WAIT).unwrap().term().unwrap();
    assert!(joined.as_tuple().unwrap()[1].is_atom("join"), "{joined}");
    assert_eq!(scope.members(term!(g)), [agent]);
    scope.join(term!(g), &me);
    beam.wait_until("length(pg:get_members(g)) =:= 2");
    drop(me);
    beam.wait_until("length(pg:get_members(g)) =:= 1");
}
