//! What a node serves on tokio's tasks, driven by real Erlang nodes.
#![cfg(feature = "tokio")]

mod common;

use std::thread;

use common::in_runtime;
use einode::tokio::Node;
use einode::{Atom, Body, Exception, From, GenServer, Process, Stop, Term};
use einode_testkit::Beam;

/// A sum that it adds to.
#[derive(Default)]
struct Sum(i64);

impl GenServer for Sum {
    fn handle_call(&mut self, _: &Process, request: Body, from: From) -> Result<(), Stop> {
        let (what, n): (Atom, i64) = request.decode()?;
        match what.as_str() {
            "add" => {
                self.0 += n;
                from.reply(&self.0)?;
            }
            "later" => {
                thread::spawn(move || from.reply(&n));
            }
            "panic" => panic!("no {n}"),
            _ => return Err(Stop::new(&what)),
        }
        Ok(())
    }

    fn handle_cast(&mut self, _: &Process, message: Body) -> Result<(), Stop> {
        self.0 += message.decode::<i64>()?;
        Ok(())
    }

    fn state(&self) -> Term {
        self.0.into()
    }
}

async fn start(beam: &Beam) -> Node {
    Node::builder("us@127.0.0.1")
        .cookie(beam.cookie())
        .epmd_port(beam.epmd_port())
        .listen(common::anywhere())
        .start()
        .await
        .unwrap()
}

#[test]
fn a_server_is_one_of_otp() {
    let beam = Beam::start();
    in_runtime(async {
        let node = start(&beam).await;
        let served = node.serve("sum", Sum::default()).unwrap();
        assert!(node.serve("sum", Sum::default()).is_err());
        beam.eval("put(s, {sum, 'us@127.0.0.1'})");
        for (asked, expected) in [
            ("gen_server:call(get(s), {add, 5})", "5"),
            (
                "gen_server:cast(get(s), 2), gen_server:call(get(s), {add, 0})",
                "7",
            ),
            ("gen_server:call(get(s), {later, 8})", "8"),
            (
                "gen_server:multi_call(['us@127.0.0.1'], sum, {add, 0})",
                "{[{'us@127.0.0.1',7}],[]}",
            ),
            ("sys:get_state(get(s))", "7"),
            ("element(3, sys:get_status(get(s)))", "{module,einode}"),
            (
                "sys:suspend(get(s)), catch gen_server:call(get(s), {add, 1}, 100), \
                 A = sys:get_state(get(s)), sys:resume(get(s)), {A, gen_server:call(get(s), {add, 0})}",
                "{7,8}",
            ),
            (
                "try sys:replace_state(get(s), fun(S) -> S end) catch _:_ -> refused end",
                "refused",
            ),
            // Its end is told to those who wait, link and monitor.
            (
                "{'EXIT', {{{panic, <<\"no 3\">>}, []}, _}} = (catch gen_server:call(get(s), {panic, 3})), \
                 catch gen_server:call(get(s), {add, 1})",
                "{'EXIT',{noproc,{gen_server,call,[{sum,'us@127.0.0.1'},{add,1}]}}}",
            ),
        ] {
            assert_eq!(beam.text(asked), expected, "{asked}");
        }
        assert!(!served.is_alive());
        let again = node.serve("sum", Sum::default()).unwrap();
        assert_eq!(
            beam.text("M = monitor(process, get(s)), catch gen_server:call(get(s), {odd, 1}), receive {'DOWN', M, _, _, R} -> R end"),
            "odd"
        );
        assert!(!again.is_alive());
        node.serve("sum", Sum::default()).unwrap();
        assert_eq!(beam.text("gen_server:stop(get(s))"), "ok");
    });
}

#[test]
fn functions_are_called_and_begun_by_other_nodes() {
    let beam = Beam::start();
    in_runtime(async {
        let node = start(&beam).await;
        node.export("calc", "add", |(a, b): (i64, i64)| a + b)
            .unwrap();
        node.export("calc", "panic", |()| -> i64 { panic!("oh") })
            .unwrap();
        node.try_export(
            "calc",
            "fail",
            |(why,): (Term,)| -> Result<i64, Exception> { Err(Exception::error(why, Term::nil())) },
        )
        .unwrap();
        beam.eval("put(n, 'us@127.0.0.1')");
        for (asked, expected) in [
            ("erpc:call(get(n), calc, add, [1, 2])", "3"),
            ("erpc:call(get(n), calc, add, [1, -2000])", "-1999"),
            ("rpc:call(get(n), calc, add, [1, 2])", "3"),
            ("erpc:multicall([get(n)], calc, add, [1, 2])", "[{ok,3}]"),
            ("erpc:cast(get(n), calc, add, [1, 2])", "ok"),
            (
                "gen_server:call({rex, get(n)}, {call, calc, add, [1, 2], group_leader()})",
                "3",
            ),
            (
                "{rex, get(n)} ! {self(), {call, calc, add, [300, 2], user}}, receive {rex, R} -> R end",
                "302",
            ),
            (
                "{rex, get(n)} ! {self(), features_request}, receive {features_reply, _, F} -> F end",
                "[erpc]",
            ),
            (
                "gen_server:call({rex, get(n)}, {call, no, no, [x], group_leader()})",
                "{badrpc,{'EXIT',{undef,[{no,no,[x],[]}]}}}",
            ),
            (
                "try erpc:call(get(n), no, no, [x]) catch error:{exception, undef, [S | _]} -> S end",
                "{no,no,[x],[]}",
            ),
            (
                "try erpc:call(get(n), calc, add, [x, y]) catch error:{exception, E, _} -> E end",
                "function_clause",
            ),
            (
                "try erpc:call(get(n), calc, fail, [x]) catch error:{exception, E, _} -> E end",
                "x",
            ),
            (
                "try erpc:call(get(n), calc, panic, []) catch error:{exception, E, _} -> E end",
                "{panic,<<\"oh\">>}",
            ),
            (
                "{P, M} = spawn_monitor(get(n), calc, add, [1, 2]), receive {'DOWN', M, process, P, R} -> R end",
                "normal",
            ),
            (
                "process_flag(trap_exit, true), P = spawn_link(get(n), calc, fail, [x]), receive {'EXIT', P, R} -> R end",
                "{x,[]}",
            ),
            (
                "{P, M} = spawn_opt(get(n), no, no, [], [monitor]), receive {'DOWN', M, process, P, R} -> R end",
                "{undef,[{no,no,[],[]}]}",
            ),
            (
                "Q = spawn_request(get(n), calc, add, [1, 2], [link, monitor, {priority, high}]), \
                 receive {spawn_reply, Q, ok, P} -> receive {'DOWN', Q, process, P, R} -> R end end",
                "normal",
            ),
            (
                "Q = spawn_request(get(n), calc, add, [1, 2], [{nonsense, 1}]), \
                 receive {spawn_reply, Q, error, R} -> R end",
                "badopt",
            ),
        ] {
            assert_eq!(beam.text(asked), expected, "{asked}");
        }
        assert_eq!(beam.text("net_adm:ping(get(n))"), "pong");
    });
}
