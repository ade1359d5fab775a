use einode::{Atom, Term, term};
use einode_testkit::Beam;

use super::Node;
use crate::common::WAIT;

#[test]
fn names_are_known_in_the_whole_cluster() {
    let beam = Beam::start();
    run!({
        let node = wait!(
            Node::builder("us@127.0.0.1")
                .cookie(beam.cookie())
                .epmd_port(beam.epmd_port())
                .no_listener()
                .start()
        )
        .unwrap();
        let mut global = node.global(beam.name()).within(WAIT);
        let (boss, painter) = (Atom::from_static("boss"), term!({painter, 1}));
        assert_eq!(wait!(global.whereis(&boss)).unwrap(), None);
        beam.eval("yes = global:register_name(boss, self())");
        let agent = beam.eval("self()").as_pid().unwrap().clone();
        assert_eq!(wait!(global.whereis(&boss)).unwrap(), Some(agent));

        let mut me = node.mailbox();
        assert!(wait!(global.register(&painter, &me)).unwrap());
        assert!(!wait!(global.register(&painter, &node.mailbox())).unwrap());
        assert!(!wait!(global.register(&boss, &me)).unwrap());
        let mut names = wait!(global.names()).unwrap();
        names.sort_unstable();
        assert_eq!(names, [Term::from(boss), painter.clone()]);
        beam.eval("global:send({painter, 1}, paint)");
        let message = wait!(me.recv()).unwrap();
        assert_eq!(message.term().unwrap(), term!(paint));

        wait!(global.unregister(&painter)).unwrap();
        assert_eq!(beam.text("global:whereis_name({painter, 1})"), "undefined");
        // Whoever ends loses its name.
        assert!(wait!(global.register(&painter, &me)).unwrap());
        drop(me);
        beam.wait_until("global:whereis_name({painter, 1}) =:= undefined");
        let me = node.mailbox();
        assert!(wait!(global.register(&painter, &me)).unwrap());
        node.disconnect(&beam.name().parse().unwrap());
        beam.wait_until("global:whereis_name({painter, 1}) =:= undefined");
    });
}
