//! The names of a cluster, kept by `global` on real Erlang nodes.
#![cfg(feature = "tokio")]

mod common;

use common::{WAIT, in_runtime};
use einode::tokio::Node;
use einode::{Atom, Term, term};
use einode_testkit::Beam;
use tokio::time::timeout;

#[test]
fn names_are_known_in_the_whole_cluster() {
    let beam = Beam::start();
    in_runtime(async {
        let node = Node::builder("us@127.0.0.1")
            .cookie(beam.cookie())
            .epmd_port(beam.epmd_port())
            .no_listener()
            .start()
            .await
            .unwrap();
        let mut global = node.global(beam.name()).within(WAIT);
        let (boss, painter) = (Atom::from_static("boss"), term!({painter, 1}));
        assert_eq!(global.whereis(&boss).await.unwrap(), None);
        beam.eval("yes = global:register_name(boss, self())");
        let agent = beam.eval("self()").as_pid().unwrap().clone();
        assert_eq!(global.whereis(&boss).await.unwrap(), Some(agent));

        let mut me = node.mailbox();
        assert!(global.register(&painter, &me).await.unwrap());
        assert!(!global.register(&painter, &node.mailbox()).await.unwrap());
        assert!(!global.register(&boss, &me).await.unwrap());
        let mut names = global.names().await.unwrap();
        names.sort_unstable();
        assert_eq!(names, [Term::from(boss), painter.clone()]);
        beam.eval("global:send({painter, 1}, paint)");
        let message = timeout(WAIT, me.recv()).await.unwrap().unwrap();
        assert_eq!(message.term().unwrap(), term!(paint));

        global.unregister(&painter).await.unwrap();
        assert_eq!(beam.text("global:whereis_name({painter, 1})"), "undefined");
        // Whoever ends loses its name.
        assert!(global.register(&painter, &me).await.unwrap());
        drop(me);
        beam.wait_until("global:whereis_name({painter, 1}) =:= undefined");
        let me = node.mailbox();
        assert!(global.register(&painter, &me).await.unwrap());
        node.disconnect(&beam.name().parse().unwrap());
        beam.wait_until("global:whereis_name({painter, 1}) =:= undefined");
    });
}
