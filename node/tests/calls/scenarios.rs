//! Calls of a node on tokio's tasks to real Erlang nodes.
#![cfg(feature = "tokio")]

mod common;

use std::time::Duration;

use common::{WAIT, in_runtime, term};
use einode::tokio::{Builder, Node};
use einode::{Atom, CallError, Class, Message, Pid, Term, term};
use einode_testkit::Beam;
use tokio::time::timeout;

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

fn serve(beam: &Beam, name: &str, state: &str) -> Pid {
    beam.load(SERVER);
    let start =
        format!("{{ok, P}} = gen_server:start({{local, '{name}'}}, server, {state}, []), P");
    beam.eval(&start).as_pid().unwrap().clone()
}

#[test]
fn what_prints_does_not_wait() {
    let beam = Beam::start();
    in_runtime(async {
        let node = builder(&beam, "us").start().await.unwrap();
        let printed: Term = node
            .erpc(beam.name())
            .within(WAIT)
            .call("io", "format", ("~p~n", vec![term!(hello)]))
            .await
            .unwrap();
        assert_eq!(printed, term!(ok));
        let read: Term = node
            .erpc(beam.name())
            .within(WAIT)
            .call("io", "get_line", (Atom::from_static("prompt"),))
            .await
            .unwrap();
        assert_eq!(read, term!(eof));
    });
}

#[test]
fn calls_servers_by_every_kind_of_name() {
    let beam = Beam::start();
    in_runtime(async {
        let node = builder(&beam, "us").start().await.unwrap();
        let mut me = node.mailbox();
        let pid = serve(&beam, "Elixir.Shop.Cart", "10");
        let cart = ("Elixir.Shop.Cart", beam.name());
        assert_eq!(
            me.call::<i64>(cart, &term!({add, 5}), WAIT).await.unwrap(),
            15
        );
        me.cast(cart, &term!({add, 7})).await.unwrap();
        assert_eq!(
            node.call::<u8>(&pid, &term!({add, 0}), WAIT).await.unwrap(),
            22
        );
        assert_eq!(
            me.call::<Pid>(cart, &term!(from), WAIT).await.unwrap(),
            *me.pid()
        );

        // What else arrives stays where it is, in its order.
        let sends = "[get(us) ! N || N <- [1, 2, 3]]";
        beam.eval("register(keeper, self())");
        me.send(("keeper", beam.name()), me.pid()).await.unwrap();
        beam.eval("put(us, receive Pid -> Pid end)");
        beam.eval(sends);
        assert_eq!(
            me.call::<u8>(cart, &term!({add, 0}), WAIT).await.unwrap(),
            22
        );
        for n in 1..4 {
            let message = timeout(WAIT, me.recv()).await.unwrap().unwrap();
            assert_eq!(message.decode::<u8>().unwrap(), n);
        }

        // By registries.
        beam.eval("global:register_name({cart, 1}, whereis('Elixir.Shop.Cart'))");
        let (first, second) = (term!({cart, 1}), term!({cart, 2}));
        let found = me.whereis_via(beam.name(), "global", &first, WAIT);
        assert_eq!(found.await.unwrap(), Some(pid.clone()));
        let (app, global, add) = (beam.name(), "global", term!({add, 1}));
        let sum = node.call_via::<i64>(app, global, &first, &add, WAIT);
        assert_eq!(sum.await.unwrap(), 23);
        let nobody = node.call_via::<i64>(app, global, &second, &add, WAIT);
        let error = nobody.await.unwrap_err();
        assert!(
            matches!(&error, CallError::Exit(reason) if reason.is_atom("noproc")),
            "{error:?}"
        );
    });
}

#[test]
fn says_why_a_server_has_not_answered() {
    let beam = Beam::start();
    in_runtime(async {
        let node = builder(&beam, "us").start().await.unwrap();
        let mut me = node.mailbox();
        let _ = serve(&beam, "server", "0");
        let server = ("server", beam.name());

        let soon = Duration::from_millis(100);
        let never = me.call::<Term>(server, &term!(never), soon).await;
        assert!(matches!(never, Err(CallError::TimedOut)), "{never:?}");
        // A late reply is dropped, and so is one to a call that was cancelled.
        let late = me
            .call::<Term>(server, &term!({later, 300, late}), soon)
            .await;
        assert!(matches!(late, Err(CallError::TimedOut)), "{late:?}");
        let (request, cancelled) = (term!({later, 300, late}), Duration::from_millis(50));
        let call = me.call::<Term>(server, &request, WAIT);
        assert!(timeout(cancelled, call).await.is_err());
        let on_time = me
            .call::<Atom>(server, &term!({later, 1000, on_time}), WAIT)
            .await;
        assert_eq!(on_time.unwrap(), "on_time");
        assert_eq!(me.message_count(), 0);
        // Nor is a monitor left.
        beam.wait_until("process_info(whereis(server), monitored_by) =:= {monitored_by, []}");

        let other = me.call::<String>(server, &term!({add, 1}), WAIT).await;
        assert!(matches!(other, Err(CallError::Decode(_))), "{other:?}");
        let stopped = me
            .call::<Term>(server, &term!({stop, shutdown}), WAIT)
            .await;
        assert!(
            matches!(&stopped, Err(CallError::Exit(reason)) if reason.is_atom("shutdown")),
            "{stopped:?}"
        );
        let gone = me.call::<Term>(server, &term!({add, 1}), WAIT).await;
        assert!(
            matches!(&gone, Err(CallError::Exit(reason)) if reason.is_atom("noproc")),
            "{gone:?}"
        );
        let nowhere = me
            .call::<Term>(("server", "no@127.0.0.1"), &term!(x), WAIT)
            .await;
        assert!(
            matches!(nowhere, Err(CallError::NoConnection(None))),
            "{nowhere:?}"
        );
        let unnamed = me.call::<Term>("nobody", &term!(x), WAIT).await;
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
    in_runtime(async {
        let node = builder(&beam, "us").start().await.unwrap();
        serve(&beam, "server", "1");
        serve(&other, "server", "2");
        let nodes = [beam.name(), "no@127.0.0.1", other.name()];
        let mut me = node.mailbox();
        let answers = me
            .multi_call::<u8>(nodes, "server", &term!({add, 0}), WAIT)
            .await;
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

        let answers = node
            .multicall(nodes)
            .call::<Atom>("erlang", "node", ())
            .await
            .unwrap();
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
        let answers = slow
            .call::<Term>("timer", "sleep", (60_000,))
            .await
            .unwrap();
        assert!(
            answers
                .iter()
                .all(|(_, answer)| matches!(answer, Err(CallError::TimedOut))),
            "{answers:?}"
        );
        let set = (Atom::from_static("cast"), Atom::from_static("done"));
        let args = (Atom::from_static("einode"), set.0, set.1);
        node.multicall([beam.name(), other.name()])
            .cast("application", "set_env", args)
            .await
            .unwrap();
        for beam in [&beam, &other] {
            beam.wait_until("application:get_env(einode, cast) =:= {ok, done}");
        }
    });
}

#[test]
fn calls_functions_and_tells_what_they_raise() {
    let beam = Beam::start();
    in_runtime(async {
        let node = builder(&beam, "us").start().await.unwrap();
        let app = beam.name();
        let total: i64 = node
            .erpc("nobody@127.0.0.1")
            .call("lists", "sum", (vec![1, 2, 39],))
            .await
            .unwrap_or(-1);
        assert_eq!(total, -1);
        let total: i64 = node
            .erpc(app)
            .call("lists", "sum", (vec![1, 2, 39],))
            .await
            .unwrap();
        assert_eq!(total, 42);
        let total: i64 = node
            .rpc(app)
            .call("lists", "sum", (vec![1, 2, 39],))
            .await
            .unwrap();
        assert_eq!(total, 42);

        let mut me = node.mailbox();
        let oops = (Atom::from_static("oops"),);
        for (raise, class) in [
            ("error", Class::Error),
            ("exit", Class::Exit),
            ("throw", Class::Throw),
        ] {
            let raised = me.erpc(app).call::<Term>("erlang", raise, &oops).await;
            assert!(
                matches!(&raised, Err(CallError::Exception(exception))
                    if exception.class == class && exception.reason.is_atom("oops")),
                "{raised:?}"
            );
        }
        let undefined = me.erpc(app).call::<Term>("nope", "nope", (1, 2)).await;
        assert!(
            matches!(&undefined, Err(CallError::Exception(exception))
                if exception.reason.is_atom("undef")),
            "{undefined:?}"
        );
        let failed = me.rpc(app).call::<Term>("erlang", "error", &oops).await;
        assert!(matches!(failed, Err(CallError::BadRpc(_))), "{failed:?}");

        let soon = Duration::from_millis(100);
        let slow = me
            .erpc(app)
            .within(soon)
            .call::<Term>("timer", "sleep", (60_000,))
            .await;
        assert!(matches!(slow, Err(CallError::TimedOut)), "{slow:?}");
        let slow = me
            .rpc(app)
            .within(soon)
            .call::<Term>("timer", "sleep", (60_000,))
            .await;
        assert!(matches!(slow, Err(CallError::TimedOut)), "{slow:?}");
        let big: Vec<u8> = me
            .erpc(app)
            .call("lists", "duplicate", (3_000_000, 7))
            .await
            .unwrap();
        assert_eq!(big.len(), 3_000_000);

        let name = |name| Atom::from_static(name);
        let args = |key| (name("einode"), name(key), name("done"));
        me.erpc(app)
            .cast("application", "set_env", args("erpc"))
            .await
            .unwrap();
        me.rpc(app)
            .cast("application", "set_env", args("rpc"))
            .await
            .unwrap();
        for key in ["erpc", "rpc"] {
            beam.wait_until(&format!(
                "application:get_env(einode, {key}) =:= {{ok, done}}"
            ));
        }
        let halted = me.erpc(app).call::<Term>("erlang", "halt", ()).await;
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
    in_runtime(async {
        let node = builder(&beam, "us").start().await.unwrap();
        let app = beam.name();
        let mut me = node.mailbox();
        me.trap_exit(true);
        let hello = (me.pid().clone(), Atom::from_static("hello"));
        let pid = me.spawn(app, "erlang", "send", hello).await.unwrap();
        assert_eq!(pid.node(), app);
        let message = timeout(WAIT, me.recv()).await.unwrap().unwrap();
        assert_eq!(message.term().unwrap(), term("hello"));

        let linked = me
            .spawn_link(app, "erlang", "exit", (Atom::from_static("boom"),))
            .await;
        let linked = linked.unwrap();
        let message = timeout(WAIT, me.recv()).await.unwrap().unwrap();
        assert!(
            matches!(&message, Message::Exit(exit) if exit.from == linked),
            "{message:?}"
        );

        let (pid, monitor) = me
            .spawn_monitor(app, "timer", "sleep", (60_000,))
            .await
            .unwrap();
        me.exit(&pid, &Atom::from_static("enough")).unwrap();
        let message = timeout(WAIT, me.recv()).await.unwrap().unwrap();
        assert!(
            matches!(&message, Message::Down(down) if down.monitor == monitor
                && down.reason.term().unwrap().is_atom("enough")),
            "{message:?}"
        );
        let nowhere = me.spawn("no@127.0.0.1", "erlang", "node", ()).await;
        assert!(
            matches!(nowhere, Err(CallError::NoConnection(None))),
            "{nowhere:?}"
        );
        let unnamed = me.spawn("no name", "erlang", "node", ()).await;
        assert!(matches!(unnamed, Err(CallError::Send(_))), "{unnamed:?}");
    });
}
