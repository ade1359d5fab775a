//! Links with real Erlang nodes, in both roles.

mod common;

use std::time::Duration;

use common::{WAIT, anywhere, connect, endpoint, name, publish, term};
use einode::blocking::{Endpoint, Link};
use einode::{Atom, CallError, Class, Config, Control, Cookie, Destination, Target, Term};
use einode_testkit::Beam;

#[test]
fn calls_functions() {
    let beam = Beam::start();
    let mut link = connect(&beam);
    assert_eq!(link.peer().as_str(), beam.name());
    let numbers = [term("[1, 2, 39]")];
    assert_eq!(link.rpc("lists", "sum", &numbers, WAIT).unwrap(), 42.into());
    assert_eq!(
        link.erpc("lists", "sum", &numbers, WAIT).unwrap(),
        42.into()
    );
    assert!(link.ping(WAIT).is_ok());
    assert_eq!(beam.text("nodes(hidden)"), "['us@127.0.0.1']");
    link.close(WAIT).unwrap();
    beam.wait_until("nodes(hidden) =:= []");
}

#[test]
fn tells_the_errors_of_calls_apart() {
    let beam = Beam::start();
    let mut link = connect(&beam);
    let atom = |name: &str| Term::from(Atom::new(name).unwrap());

    let error = link
        .rpc("erlang", "error", &[atom("oops")], WAIT)
        .unwrap_err();
    let CallError::BadRpc(reason) = error else {
        panic!("{error:?}")
    };
    assert!(
        reason.to_string().starts_with("{'EXIT',{oops,[{"),
        "{reason}"
    );

    for (class, function) in [
        (Class::Error, "error"),
        (Class::Exit, "exit"),
        (Class::Throw, "throw"),
    ] {
        let error = link
            .erpc("erlang", function, &[atom("oops")], WAIT)
            .unwrap_err();
        let CallError::Exception(exception) = error else {
            panic!("{error:?}")
        };
        assert_eq!((exception.class, &exception.reason), (class, &atom("oops")));
        assert_eq!(exception.stack.is_some(), class == Class::Error);
    }
    let error = link.erpc("no_such", "function", &[], WAIT).unwrap_err();
    let CallError::Exception(exception) = error else {
        panic!("{error:?}")
    };
    assert_eq!(exception.reason, atom("undef"));

    let error = link.call("nobody", &(), WAIT).unwrap_err();
    assert!(
        matches!(&error, CallError::Exit(reason) if reason.is_atom("noproc")),
        "{error:?}"
    );

    let slow = [Term::from(60_000)];
    let error = link
        .erpc("timer", "sleep", &slow, Duration::from_millis(200))
        .unwrap_err();
    assert!(matches!(error, CallError::TimedOut), "{error:?}");
    let error = link
        .rpc("timer", "sleep", &slow, Duration::from_millis(200))
        .unwrap_err();
    assert!(matches!(error, CallError::TimedOut), "{error:?}");
    // The connection is as good as before.
    assert_eq!(
        link.erpc("erlang", "node", &[], WAIT).unwrap().to_string(),
        format!("'{}'", beam.name())
    );

    let error = link.erpc("erlang", "halt", &[], WAIT).unwrap_err();
    assert!(matches!(error, CallError::NoConnection(_)), "{error:?}");
}

#[test]
fn sends_to_pids_names_and_aliases() {
    let beam = Beam::start();
    let mut link = connect(&beam);
    beam.eval("register(agent, self())");

    link.send(name("agent"), &term("{hello, 1}")).unwrap();
    assert_eq!(beam.text("receive Got -> Got end"), "{hello,1}");

    let pid = beam.eval("self()").as_pid().unwrap().clone();
    link.send(pid.clone(), &term("{hello, 2}")).unwrap();
    assert_eq!(beam.text("receive Got2 -> Got2 end"), "{hello,2}");

    let alias = beam.eval("alias()").as_reference().unwrap().clone();
    link.send(alias, &term("{hello, 3}")).unwrap();
    assert_eq!(beam.text("receive Got3 -> Got3 end"), "{hello,3}");
}

#[test]
fn receives_what_is_sent_to_its_pid_and_to_names() {
    let beam = Beam::start();
    let mut link = connect(&beam);
    beam.eval("register(agent, self())");
    link.send(name("agent"), &link.pid().clone()).unwrap();
    beam.eval("receive Pid -> put(link, Pid), Pid ! {to, pid} end");
    let signal = link.receive(WAIT).unwrap();
    assert_eq!(signal.message().unwrap().term().unwrap(), term("{to, pid}"));
    let Control::Send { to, from, .. } = &signal.control else {
        panic!("{signal:?}")
    };
    assert_eq!(*to, Destination::Pid(link.pid().clone()));
    assert_eq!(from.as_ref(), beam.eval("self()").as_pid());

    beam.eval("{somebody, 'us@127.0.0.1'} ! {to, name}");
    let signal = link.receive(WAIT).unwrap();
    assert_eq!(
        signal.message().unwrap().term().unwrap(),
        term("{to, name}")
    );
    let Control::Send { to, .. } = signal.control else {
        panic!("{signal:?}")
    };
    assert_eq!(to, name("somebody"));
}

#[test]
fn streams_in_both_directions_without_losing_their_order() {
    const COUNT: u64 = 20_000;
    let beam = Beam::start();
    let mut link = connect(&beam);
    // Keeps all that comes until the last, and sends it back in one go.
    beam.eval(
        "register(hoarder, spawn(fun() ->
             Take = fun Take(Kept) ->
                 receive {To, last} -> [To ! N || N <- lists:reverse(Kept)]; N -> Take([N | Kept]) end
             end,
             Take([])
         end))",
    );
    let hoarder = Atom::from_static("hoarder");
    for number in 0..COUNT {
        link.queue(hoarder.clone(), &number).unwrap();
    }
    link.queue(hoarder, &einode::term!({(link.pid().clone()), last}))
        .unwrap();
    for number in 0..COUNT {
        let signal = link.receive(WAIT).unwrap();
        assert_eq!(signal.message().unwrap().decode::<u64>(), Ok(number));
    }
    // What waits leaves with a flush, too.
    beam.eval("register(waiter, self())");
    link.queue(Atom::from_static("waiter"), &42).unwrap();
    link.flush().unwrap();
    assert_eq!(beam.text("receive N -> N after 10000 -> late end"), "42");
}

#[test]
fn links_monitors_and_exits() {
    let beam = Beam::start();
    let mut link = connect(&beam);
    let spawn = "spawn(fun() -> receive {stop, Why} -> exit(Why) end end)";

    // Both hear of the end of the process, each with its reason.
    let pid = beam.eval(spawn).as_pid().unwrap().clone();
    link.link(pid.clone()).unwrap();
    let monitor = link.monitor(pid.clone()).unwrap();
    link.send(pid.clone(), &term("{stop, {for, reasons}}"))
        .unwrap();
    for _ in 0..2 {
        let signal = link.receive(WAIT).unwrap();
        assert_eq!(
            signal.payload.as_ref().unwrap().term().unwrap(),
            term("{for, reasons}")
        );
        match signal.control {
            Control::Exit { from, .. } => assert_eq!(from, pid),
            Control::MonitorPExit {
                from, reference, ..
            } => {
                assert_eq!(
                    (from, reference),
                    (Target::Pid(pid.clone()), monitor.clone())
                );
            }
            other => panic!("{other:?}"),
        }
    }

    // What is not there is said to be so.
    link.link(pid.clone()).unwrap();
    let signal = link.receive(WAIT).unwrap();
    assert!(matches!(signal.control, Control::Exit { .. }), "{signal:?}");
    assert!(signal.payload.unwrap().term().unwrap().is_atom("noproc"));
    let nobody = Target::from(Atom::new("nobody").unwrap());
    let monitor = link.monitor(nobody.clone()).unwrap();
    let signal = link.receive(WAIT).unwrap();
    let Control::MonitorPExit {
        from, reference, ..
    } = signal.control
    else {
        panic!()
    };
    assert_eq!((from, reference), (nobody, monitor));
    assert!(signal.payload.unwrap().term().unwrap().is_atom("noproc"));

    // A monitor that was taken back, and a link too, say nothing any more.
    let pid = beam.eval(spawn).as_pid().unwrap().clone();
    let monitor = link.monitor(pid.clone()).unwrap();
    link.demonitor(pid.clone(), monitor).unwrap();
    link.link(pid.clone()).unwrap();
    let unlink = link.unlink(pid.clone()).unwrap();
    let signal = link.receive(WAIT).unwrap();
    let Control::UnlinkIdAck { id, from, .. } = signal.control else {
        panic!("{signal:?}")
    };
    assert_eq!((id, &from), (unlink, &pid));
    link.exit(pid.clone(), &term("{because, we, say, so}"))
        .unwrap();
    beam.eval(&format!("put(pid, {})", pid_expression(&pid)));
    beam.wait_until("not is_process_alive(get(pid))");
    assert!(link.receive(Duration::from_millis(100)).is_err());
}

fn pid_expression(pid: &einode::Pid) -> String {
    format!("list_to_pid(\"<0.{}.{}>\")", pid.id(), pid.serial())
}

#[test]
fn is_linked_and_monitored() {
    let beam = Beam::start();
    let mut link = connect(&beam);
    link.register(Atom::new("registered").unwrap());
    beam.eval("register(agent, self())");
    link.send(name("agent"), &link.pid().clone()).unwrap();
    beam.eval("receive Pid -> put(link, Pid) end");

    beam.eval(
        "link(get(link)), put(m, monitor(process, get(link))), \
               put(n, monitor(process, {registered, 'us@127.0.0.1'}))",
    );
    let signal = link.receive(WAIT).unwrap();
    assert!(matches!(signal.control, Control::Link { .. }), "{signal:?}");
    for _ in 0..2 {
        let signal = link.receive(WAIT).unwrap();
        assert!(
            matches!(signal.control, Control::MonitorP { .. }),
            "{signal:?}"
        );
    }
    beam.eval("unlink(get(link))");
    let signal = link.receive(WAIT).unwrap();
    assert!(
        matches!(signal.control, Control::UnlinkId { .. }),
        "{signal:?}"
    );
    beam.eval("link(get(link))");
    link.receive(WAIT).unwrap();

    // Others are not here.
    beam.eval("put(x, monitor(process, {nobody, 'us@127.0.0.1'}))");
    assert!(link.receive(Duration::from_millis(200)).is_err());
    assert_eq!(
        beam.text("X = get(x), receive {'DOWN', X, _, Who, Reason} -> {Who, Reason} end"),
        "{{nobody,'us@127.0.0.1'},noproc}"
    );

    // The end of the connection is the end of us.
    drop(link);
    assert_eq!(
        beam.text(
            "P = get(link), M = get(m), N = get(n), \
             receive {'EXIT', P, A} -> ok end, \
             receive {'DOWN', M, _, _, B} -> ok end, \
             receive {'DOWN', N, _, _, C} -> ok end, {A, B, C}"
        ),
        "{noconnection,noconnection,noconnection}"
    );
}

/// Runs the link for as long as the node evaluates.
fn serve_while(link: &mut Link, beam: &Beam, expressions: &str) -> String {
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| beam.text(expressions));
        while !answer.is_finished() {
            // What arrives is for nobody; the link answers what it owes its peer.
            let _ = link.receive(Duration::from_millis(10));
        }
        answer.join().unwrap()
    })
}

#[test]
fn answers_pings_in_both_roles() {
    let beam = Beam::start();
    let mut link = connect(&beam);
    assert_eq!(
        serve_while(&mut link, &beam, "net_adm:ping('us@127.0.0.1')"),
        "pong"
    );
    link.close(WAIT).unwrap();
    beam.wait_until("nodes(hidden) =:= []");

    let listener = publish(&beam);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| beam.text("net_adm:ping('us@127.0.0.1')"));
        let mut link = listener.accept(WAIT).unwrap();
        assert_eq!(link.peer().as_str(), beam.name());
        while !answer.is_finished() {
            let _ = link.receive(Duration::from_millis(10));
        }
        assert_eq!(answer.join().unwrap(), "pong");
    });
}

#[test]
fn refuses_calls_at_once_because_it_serves_nothing() {
    let beam = Beam::start();
    let mut link = connect(&beam);
    let answer = serve_while(
        &mut link,
        &beam,
        "{Micros, Answers} = timer:tc(fun() -> \
             {rpc:call('us@127.0.0.1', lists, sum, [[1]]), \
              catch erpc:call('us@127.0.0.1', lists, sum, [[1]]), \
              catch gen_server:call({nobody, 'us@127.0.0.1'}, hello)} end), \
         {Micros < 3000000, Answers}",
    );
    assert!(
        answer.starts_with("{true,{{badrpc,notsup},{'EXIT',{{erpc,notsup},"),
        "{answer}"
    );
    assert!(
        answer.contains("{'EXIT',{noproc,{gen_server,call,"),
        "{answer}"
    );
}

#[test]
fn is_called_by_a_node_that_connects_to_it() {
    let beam = Beam::start();
    let listener = publish(&beam);
    std::thread::scope(|scope| {
        let answer =
            scope.spawn(|| beam.text("gen_server:call({calc, 'us@127.0.0.1'}, {add, 40, 2})"));
        let mut link = listener.accept(WAIT).unwrap();
        link.register(Atom::new("calc").unwrap());
        let call = loop {
            let signal = link.receive(WAIT).unwrap();
            if let Some(message) = signal.message() {
                break message.term().unwrap();
            }
        };
        let Some([_, from, request]) = call.as_tuple() else {
            panic!("{call}")
        };
        assert_eq!(*request, term("{add, 40, 2}"));
        let Some([pid, tag]) = from.as_tuple() else {
            panic!("{from}")
        };
        link.send(pid.as_pid().unwrap().clone(), &(tag.clone(), 42))
            .unwrap();
        assert_eq!(answer.join().unwrap(), "42");
    });
}

#[test]
fn takes_a_name_from_the_node_and_gives_one() {
    let beam = Beam::start();
    let dynamic = |beam: &Beam| {
        let host = einode::dist::HostName::new("127.0.0.1").unwrap();
        Endpoint::new(
            Config::new(host, Cookie::new(beam.cookie()).unwrap()).epmd_port(beam.epmd_port()),
        )
    };
    let mut link = dynamic(&beam)
        .connect(&beam.name().parse().unwrap())
        .unwrap();
    let own = link.session().local.to_string();
    assert!(own.ends_with("@127.0.0.1"), "{own}");
    beam.wait_until(&format!("nodes(hidden) =:= ['{own}']"));
    assert_eq!(
        link.erpc("erlang", "abs", &[(-1).into()], WAIT).unwrap(),
        1.into()
    );

    let listener = endpoint(&beam, "giver").listen(&anywhere()).unwrap();
    let asker = dynamic(&beam);
    let port = listener.port().unwrap();
    let asked = std::thread::spawn(move || asker.connect_at("127.0.0.1", port, None).unwrap());
    let given = listener.accept(WAIT).unwrap();
    let asked = asked.join().unwrap();
    assert_eq!(given.peer(), &asked.session().local);
    assert_eq!(asked.peer().as_str(), "giver@127.0.0.1");
}
