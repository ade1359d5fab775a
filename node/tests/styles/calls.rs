//! Calls to real Erlang nodes, and to nodes of ours. `wait!` is what the styles tell apart.

use std::time::Duration;

use einode::{
    Atom, Body, CallError, Class, Exception, From, GenServer, Message, Pid, Process, Stop, Term,
    term,
};
use einode_testkit::Beam;

use super::{Builder, Node};
use crate::common::{self, WAIT, term};

/// A `gen_server` that does what it is asked for.
const SERVER: &str = r#"
-module(server).
-behaviour(gen_server).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).
init(S) -> {ok, S}.
handle_call({add, N}, _From, S) -> {reply, S + N, S + N};
handle_call({later, Ms, Reply}, From, S) ->
    spawn(fun() -> timer:sleep(Ms), gen_server:reply(From, Reply) end),
    {noreply, S};
handle_call(never, _From, S) -> {noreply, S};
handle_call({stop, Why}, _From, S) -> {stop, Why, S};
handle_call(from, From, S) -> {reply, element(1, From), S}.
handle_cast({add, N}, S) -> {noreply, S + N}.
handle_info(_, S) -> {noreply, S}.
"#;

fn builder(beam: &Beam, alive: &str) -> Builder {
    Node::builder(&format!("{alive}@127.0.0.1"))
        .cookie(beam.cookie())
        .epmd_port(beam.epmd_port())
        .listen(common::anywhere())
}

/// Adds what it is asked to, and forgets to answer or ends if it is asked for that.
#[derive(Default)]
struct Sum(i64);

impl GenServer for Sum {
    fn handle_call(&mut self, _: &Process, request: Body, from: From) -> Result<(), Stop> {
        if let Ok(n) = request.decode::<i64>() {
            self.0 += n;
            from.reply(&self.0)?;
        } else if request.term()?.is_atom("stop") {
            return Err(Stop::new(&Atom::from_static("enough")));
        }
        Ok(())
    }

    fn handle_cast(&mut self, _: &Process, message: Body) -> Result<(), Stop> {
        self.0 += message.decode::<i64>()?;
        Ok(())
    }
}

fn serve(beam: &Beam, name: &str, state: &str) -> Pid {
    beam.load(SERVER);
    let start =
        format!("{{ok, P}} = gen_server:start({{local, '{name}'}}, server, {state}, []), P");
    beam.eval(&start).as_pid().unwrap().clone()
}

#[test]
fn what_prints_does_not_wait() {
    let beam = Beam::start();
    run!({
        let node = wait!(builder(&beam, "us").start()).unwrap();
        let printed: Term = wait!(node.erpc(beam.name()).within(WAIT).call(
            "io",
            "format",
            ("~p~n", vec![term!(hello)])
        ))
        .unwrap();
        assert_eq!(printed, term!(ok));
        let read: Term = wait!(node.erpc(beam.name()).within(WAIT).call(
            "io",
            "get_line",
            (Atom::from_static("prompt"),)
        ))
        .unwrap();
        assert_eq!(read, term!(eof));
    });
}

#[test]
fn calls_servers_by_every_kind_of_name() {
    let beam = Beam::start();
    run!({
        let node = wait!(builder(&beam, "us").start()).unwrap();
        let mut me = node.mailbox();
        let pid = serve(&beam, "Elixir.Shop.Cart", "10");
        let cart = ("Elixir.Shop.Cart", beam.name());
        assert_eq!(
            wait!(me.call::<i64>(cart, &term!({add, 5}), WAIT)).unwrap(),
            15
        );
        wait!(me.cast(cart, &term!({add, 7}))).unwrap();
        assert_eq!(
            wait!(node.call::<u8>(&pid, &term!({add, 0}), WAIT)).unwrap(),
            22
        );
        assert_eq!(
            wait!(me.call::<Pid>(cart, &term!(from), WAIT)).unwrap(),
            *me.pid()
        );

        // What else arrives stays where it is, in its order.
        let sends = "[get(us) ! N || N <- [1, 2, 3]]";
        beam.eval("register(keeper, self())");
        wait!(me.send(("keeper", beam.name()), me.pid())).unwrap();
        beam.eval("put(us, receive Pid -> Pid end)");
        beam.eval(sends);
        assert_eq!(
            wait!(me.call::<u8>(cart, &term!({add, 0}), WAIT)).unwrap(),
            22
        );
        for n in 1..4 {
            let message = wait!(me.recv()).unwrap();
            assert_eq!(message.decode::<u8>().unwrap(), n);
        }

        // By registries.
        beam.eval("global:register_name({cart, 1}, whereis('Elixir.Shop.Cart'))");
        let (first, second) = (term!({cart, 1}), term!({cart, 2}));
        let found = me.whereis_via(beam.name(), "global", &first, WAIT);
        assert_eq!(wait!(found).unwrap(), Some(pid.clone()));
        let (app, global, add) = (beam.name(), "global", term!({add, 1}));
        let sum = node.call_via::<i64>(app, global, &first, &add, WAIT);
        assert_eq!(wait!(sum).unwrap(), 23);
        let nobody = node.call_via::<i64>(app, global, &second, &add, WAIT);
        let error = wait!(nobody).unwrap_err();
        assert!(
            matches!(&error, CallError::Exit(reason) if reason.is_atom("noproc")),
            "{error:?}"
        );
    });
}

#[test]
fn says_why_a_server_has_not_answered() {
    let beam = Beam::start();
    run!({
        let node = wait!(builder(&beam, "us").start()).unwrap();
        let mut me = node.mailbox();
        let _ = serve(&beam, "server", "0");
        let server = ("server", beam.name());

        let soon = Duration::from_millis(100);
        let never = wait!(me.call::<Term>(server, &term!(never), soon));
        assert!(matches!(never, Err(CallError::TimedOut)), "{never:?}");
        // A late reply is dropped.
        let late = wait!(me.call::<Term>(server, &term!({later, 300, late}), soon));
        assert!(matches!(late, Err(CallError::TimedOut)), "{late:?}");
        let on_time = wait!(me.call::<Atom>(server, &term!({later, 1000, on_time}), WAIT));
        assert_eq!(on_time.unwrap(), "on_time");
        assert_eq!(me.message_count(), 0);
        // Nor is a monitor left.
        beam.wait_until("process_info(whereis(server), monitored_by) =:= {monitored_by, []}");

        let other = wait!(me.call::<String>(server, &term!({add, 1}), WAIT));
        assert!(matches!(other, Err(CallError::Decode(_))), "{other:?}");
        let stopped = wait!(me.call::<Term>(server, &term!({stop, shutdown}), WAIT));
        assert!(
            matches!(&stopped, Err(CallError::Exit(reason)) if reason.is_atom("shutdown")),
            "{stopped:?}"
        );
        let gone = wait!(me.call::<Term>(server, &term!({add, 1}), WAIT));
        assert!(
            matches!(&gone, Err(CallError::Exit(reason)) if reason.is_atom("noproc")),
            "{gone:?}"
        );
        let nowhere = wait!(me.call::<Term>(("server", "no@127.0.0.1"), &term!(x), WAIT));
        assert!(
            matches!(nowhere, Err(CallError::NoConnection(None))),
            "{nowhere:?}"
        );
        let unnamed = wait!(me.call::<Term>("nobody", &term!(x), WAIT));
        assert!(
            matches!(&unnamed, Err(CallError::Exit(reason)) if reason.is_atom("noproc")),
            "{unnamed:?}"
        );
        assert_eq!(me.message_count(), 0);
    });
}

#[test]
fn calls_many_servers_and_nodes_at_once() {
    let beam = Beam::start();
    let other = Beam::builder()
        .epmd(beam.epmd())
        .cookie(beam.cookie())
        .start();
    run!({
        let node = wait!(builder(&beam, "us").start()).unwrap();
        serve(&beam, "server", "1");
        serve(&other, "server", "2");
        let nodes = [beam.name(), "no@127.0.0.1", other.name()];
        let mut me = node.mailbox();
        let answers = wait!(me.multi_call::<u8>(nodes, "server", &term!({add, 0}), WAIT));
        let answers = answers.unwrap();
        let names: Vec<&str> = answers.iter().map(|(node, _)| node.as_str()).collect();
        assert_eq!(names, nodes);
        assert!(
            matches!(
                answers.iter().map(|(_, answer)| answer).collect::<Vec<_>>()[..],
                [Ok(1), Err(CallError::NoConnection(None)), Ok(2)]
            ),
            "{answers:?}"
        );

        let answers = wait!(node.multicall(nodes).call::<Atom>("erlang", "node", ())).unwrap();
        for (node, answer) in answers {
            match answer {
                Ok(name) => assert_eq!(name, node.as_str()),
                Err(CallError::NoConnection(None)) => assert_eq!(node.as_str(), nodes[1]),
                Err(error) => panic!("{error:?}"),
            }
        }
        let slow = node
            .multicall([beam.name(), other.name()])
            .within(Duration::from_millis(200));
        let mut slow = slow;
        let answers = wait!(slow.call::<Term>("timer", "sleep", (60_000,))).unwrap();
        assert!(
            answers
                .iter()
                .all(|(_, answer)| matches!(answer, Err(CallError::TimedOut))),
            "{answers:?}"
        );
        let set = (Atom::from_static("cast"), Atom::from_static("done"));
        let args = (Atom::from_static("einode"), set.0, set.1);
        wait!(
            node.multicall([beam.name(), other.name()])
                .cast("application", "set_env", args)
        )
        .unwrap();
        for beam in [&beam, &other] {
            beam.wait_until("application:get_env(einode, cast) =:= {ok, done}");
        }
    });
}

#[test]
fn calls_functions_and_tells_what_they_raise() {
    let beam = Beam::start();
    run!({
        let node = wait!(builder(&beam, "us").start()).unwrap();
        let app = beam.name();
        let total: i64 = wait!(node.erpc("nobody@127.0.0.1").call(
            "lists",
            "sum",
            (vec![1, 2, 39],)
        ))
        .unwrap_or(-1);
        assert_eq!(total, -1);
        let total: i64 = wait!(node.erpc(app).call("lists", "sum", (vec![1, 2, 39],))).unwrap();
        assert_eq!(total, 42);
        let total: i64 = wait!(node.rpc(app).call("lists", "sum", (vec![1, 2, 39],))).unwrap();
        assert_eq!(total, 42);

        let mut me = node.mailbox();
        let oops = (Atom::from_static("oops"),);
        for (raise, class) in [
            ("error", Class::Error),
            ("exit", Class::Exit),
            ("throw", Class::Throw),
        ] {
            let raised = wait!(me.erpc(app).call::<Term>("erlang", raise, &oops));
            assert!(
                matches!(&raised, Err(CallError::Exception(exception))
                    if exception.class == class && exception.reason.is_atom("oops")),
                "{raised:?}"
            );
        }
        let undefined = wait!(me.erpc(app).call::<Term>("nope", "nope", (1, 2)));
        assert!(
            matches!(&undefined, Err(CallError::Exception(exception))
                if exception.reason.is_atom("undef")),
            "{undefined:?}"
        );
        let failed = wait!(me.rpc(app).call::<Term>("erlang", "error", &oops));
        assert!(matches!(failed, Err(CallError::BadRpc(_))), "{failed:?}");

        let soon = Duration::from_millis(100);
        let slow = wait!(
            me.erpc(app)
                .within(soon)
                .call::<Term>("timer", "sleep", (60_000,))
        );
        assert!(matches!(slow, Err(CallError::TimedOut)), "{slow:?}");
        let slow = wait!(
            me.rpc(app)
                .within(soon)
                .call::<Term>("timer", "sleep", (60_000,))
        );
        assert!(matches!(slow, Err(CallError::TimedOut)), "{slow:?}");
        let big: Vec<u8> = wait!(me.erpc(app).call("lists", "duplicate", (3_000_000, 7))).unwrap();
        assert_eq!(big.len(), 3_000_000);

        let name = |name| Atom::from_static(name);
        let args = |key| (name("einode"), name(key), name("done"));
        wait!(me.erpc(app).cast("application", "set_env", args("erpc"))).unwrap();
        wait!(me.rpc(app).cast("application", "set_env", args("rpc"))).unwrap();
        for key in ["erpc", "rpc"] {
            beam.wait_until(&format!(
                "application:get_env(einode, {key}) =:= {{ok, done}}"
            ));
        }
        let halted = wait!(me.erpc(app).call::<Term>("erlang", "halt", ()));
        assert!(
            matches!(halted, Err(CallError::NoConnection(None))),
            "{halted:?}"
        );
        assert_eq!(me.message_count(), 0);
    });
}

#[test]
fn begins_processes_of_other_nodes() {
    let beam = Beam::start();
    run!({
        let node = wait!(builder(&beam, "us").start()).unwrap();
        let app = beam.name();
        let mut me = node.mailbox();
        me.trap_exit(true);
        let hello = (me.pid().clone(), Atom::from_static("hello"));
        let pid = wait!(me.spawn(app, "erlang", "send", hello)).unwrap();
        assert_eq!(pid.node(), app);
        let message = wait!(me.recv()).unwrap();
        assert_eq!(message.term().unwrap(), term("hello"));

        let linked = wait!(me.spawn_link(app, "erlang", "exit", (Atom::from_static("boom"),)));
        let linked = linked.unwrap();
        let message = wait!(me.recv()).unwrap();
        assert!(
            matches!(&message, Message::Exit(exit) if exit.from == linked),
            "{message:?}"
        );

        let (pid, monitor) = wait!(me.spawn_monitor(app, "timer", "sleep", (60_000,))).unwrap();
        me.exit(&pid, &Atom::from_static("enough")).unwrap();
        let message = wait!(me.recv()).unwrap();
        assert!(
            matches!(&message, Message::Down(down) if down.monitor == monitor
                && down.reason.term().unwrap().is_atom("enough")),
            "{message:?}"
        );
        let nowhere = wait!(me.spawn("no@127.0.0.1", "erlang", "node", ()));
        assert!(
            matches!(nowhere, Err(CallError::NoConnection(None))),
            "{nowhere:?}"
        );
        let unnamed = wait!(me.spawn("no name", "erlang", "node", ()));
        assert!(matches!(unnamed, Err(CallError::Send(_))), "{unnamed:?}");
    });
}

#[test]
fn calls_nodes_of_ours_and_itself() {
    let beam = Beam::start();
    run!({
        let one = wait!(builder(&beam, "one").start()).unwrap();
        let two = wait!(builder(&beam, "two").start()).unwrap();
        let soon = Duration::from_millis(100);
        let mut me = one.mailbox();
        for node in [&one, &two] {
            let name = node.name();
            let sum = node.serve("sum", Sum::default()).unwrap();
            let export = node.try_export("calc", "add", |(a, b): (i64, i64)| {
                let overflow =
                    || Exception::error(Atom::from_static("overflow").into(), Term::nil());
                a.checked_add(b).ok_or_else(overflow)
            });
            export.unwrap();
            assert_eq!(wait!(me.call::<i64>(("sum", name), &5, WAIT)).unwrap(), 5);
            wait!(me.cast(sum.pid(), &2)).unwrap();
            assert_eq!(wait!(me.call::<i64>(sum.pid(), &0, WAIT)).unwrap(), 7);
            let never = wait!(me.call::<Term>(sum.pid(), &term!(never), soon));
            assert!(matches!(never, Err(CallError::TimedOut)), "{never:?}");
            let stopped = wait!(me.call::<Term>(sum.pid(), &term!(stop), WAIT));
            assert!(
                matches!(&stopped, Err(CallError::Exit(reason)) if reason.is_atom("enough")),
                "{stopped:?}"
            );
        }
        let (name, node) = (two.name(), two.name().clone());
        let sum = wait!(me.erpc(name).call::<i64>("calc", "add", (1, 2)));
        assert_eq!(sum.unwrap(), 3);
        let sum = wait!(me.rpc(node).call::<i64>("calc", "add", (1, 2)));
        assert_eq!(sum.unwrap(), 3);
        let raised = wait!(me.erpc(name).call::<i64>("calc", "add", (i64::MAX, 1)));
        assert!(
            matches!(&raised, Err(CallError::Exception(exception))
                if exception.reason.is_atom("overflow")),
            "{raised:?}"
        );
        let (_, monitor) = wait!(me.spawn_monitor(name, "calc", "nope", ())).unwrap();
        let message = wait!(me.recv()).unwrap();
        assert!(
            matches!(&message, Message::Down(down) if down.monitor == monitor),
            "{message:?}"
        );
        assert_eq!(me.message_count(), 0);
    });
}
