//! What processes of real nodes print and read by a group leader of ours, in both styles.
#![cfg(feature = "tokio")]

mod common;

use std::sync::mpsc::{Receiver, channel};
use std::thread;

use common::{WAIT, anywhere, in_runtime};
use einode::io::{Event, Input};
use einode::{Atom, blocking, term, tokio};
use einode_testkit::Beam;

/// A group leader whose events are taken as they come.
struct Leader {
    input: Input,
    events: Receiver<Event>,
}

impl Leader {
    fn output(&self, expected: &str) {
        let expected = Event::Output(expected.into());
        assert_eq!(self.events.recv_timeout(WAIT).unwrap(), expected);
    }

    fn prompt(&self, expected: &str) {
        let expected = Event::Input {
            prompt: expected.into(),
            secret: false,
        };
        assert_eq!(self.events.recv_timeout(WAIT).unwrap(), expected);
    }
}

/// Has a process with our group leader evaluate an expression.
fn begin(beam: &Beam, expression: &str) {
    beam.eval(&format!(
        "Me = self(), Leader = get(leader),
         put(printer, spawn(fun() ->
             group_leader(Leader, self()),
             Me ! {{done, try {expression} catch C:E -> {{C, E}} end}}
         end))"
    ));
}

fn result(beam: &Beam) -> String {
    beam.text("receive {done, Result} -> Result end")
}

fn tell(beam: &Beam) {
    beam.eval("receive {leader, Leader} -> put(leader, Leader) end");
}

fn converse(beam: &Beam, leader: &Leader) {
    let begin = |expression: &str| begin(beam, expression);
    let result = || result(beam);
    let feed = |text: &str| leader.input.feed(text);

    begin("io:format(\"h~ts ~p~n\", [[16#e9, 16#2603], {a, 1}])");
    leader.output("h\u{e9}\u{2603} {a,1}\n");
    assert_eq!(result(), "ok");
    begin("io:put_chars([$x, <<\"y\">>])");
    leader.output("xy");
    assert_eq!(result(), "ok");
    begin("[io:format(\"~b,\", [N]) || N <- lists:seq(1, 500)], done");
    (1..=500).for_each(|n| leader.output(&format!("{n},")));
    assert_eq!(result(), "done");

    begin("io:get_line(\"name> \")");
    leader.prompt("name> ");
    feed("J\u{f6}\n");
    assert_eq!(result(), "\"J\u{f6}\\n\"");
    // A function of its node says when there is enough, and leaves the rest for others.
    begin("X = io:read('term> '), {X, io:get_line('')}");
    leader.prompt("term> ");
    feed("{a,\n");
    leader.prompt("term> ");
    feed("b}. 7\n");
    assert_eq!(result(), "{{ok,{a,b}},\"7\\n\"}");
    begin(
        "[io:fread({format, \"~p> \", [1]}, \"~d ~s\"), io:get_chars('', 4), io:get_chars('', 2)]",
    );
    leader.prompt("1> ");
    feed("12 ab\nxyz\n");
    leader.prompt("");
    feed("!\n");
    assert_eq!(result(), "[{ok,[12,\"ab\"]},\"xyz\\n\",\"!\\n\"]");
    feed("\n\u{263a}\n");
    begin("[io:get_line(''), io:setopts([binary, {echo, false}]), io:get_line(''), io:getopts()]");
    assert_eq!(
        result(),
        "[\"\\n\",ok,<<226,152,186,10>>,\
         [{expand_fun,false},{echo,false},{binary,true},{encoding,unicode}]]"
    );
    begin("io:setopts([list]), io:request(group_leader(), {get_password, latin1})");
    let secret = Event::Input {
        prompt: String::new(),
        secret: true,
    };
    assert_eq!(leader.events.recv_timeout(WAIT).unwrap(), secret);
    feed("hush\n");
    assert_eq!(result(), "\"hush\"");
    begin("{io:columns(), io:rows()}");
    assert_eq!(result(), "{{ok,72},{ok,20}}");

    // Others print while one reads, and who has ended reads no more.
    begin("io:get_line('first> ')");
    leader.prompt("first> ");
    beam.eval("put(first, get(printer))");
    begin("io:get_line('second> ')");
    begin("io:put_chars(\"meanwhile\")");
    leader.output("meanwhile");
    assert_eq!(result(), "ok");
    beam.eval("exit(get(first), kill)");
    leader.prompt("second> ");
    feed("mine\n");
    assert_eq!(result(), "\"mine\\n\"");
}

/// What cannot be done is an error, and nothing is stuck.
fn refuse(beam: &Beam, leader: &Leader) {
    let begin = |expression: &str| begin(beam, expression);
    begin(
        "[io:request(group_leader(), R) || R <- [{dance}, {setopts, [dance]}, {put_chars, unicode, [-1]},
             {put_chars, unicode, erlang, error, [x]}, {put_chars, unicode, lists, seq, [55296, 55296]},
             {put_chars, unicode, erlang, self, []},
             {requests, [{put_chars, unicode, \"a\"}, {dance}, {put_chars, unicode, \"b\"}]}]]",
    );
    leader.output("a");
    assert_eq!(
        result(beam),
        "[{error,request},{error,enotsup},{error,put_chars},{error,error},{error,seq},{error,self},\
         {error,request}]"
    );
    begin("io:format(\"~p\", [])");
    assert_eq!(result(beam), "{error,badarg}");
    begin("io:request(group_leader(), {get_until, unicode, '', lists, reverse, []})");
    leader.prompt("");
    leader.input.feed("x\n");
    assert_eq!(result(beam), "{error,reverse}");
    begin("io:request(group_leader(), {get_line, latin1, ''})");
    leader.prompt("");
    leader.input.feed("\u{263a}\n");
    assert_eq!(result(beam), "{error,{no_translation,unicode,latin1}}");
    begin(
        "[io:get_line(''), io:get_chars('', 9), io:get_line(''), io:get_chars('', 1), io:read('')]",
    );
    leader.prompt("");
    leader.input.feed("a\nb");
    leader.input.end();
    assert_eq!(result(beam), "[\"a\\n\",\"b\",eof,eof,eof]");
}

fn on_threads(beam: &Beam) -> (blocking::Node, blocking::GroupLeader) {
    let node = blocking::Node::builder("us@127.0.0.1").cookie(beam.cookie());
    let node = node.epmd_port(beam.epmd_port()).listen(anywhere());
    let node = node.start().unwrap();
    let leader = blocking::GroupLeader::new(&node);
    beam.eval("register(agent, self())");
    let me = node.mailbox();
    let told = term!({leader, (leader.pid().clone())});
    me.send(("agent", beam.name()), &told, WAIT).unwrap();
    tell(beam);
    (node, leader)
}

#[test]
fn processes_print_and_read_on_threads() {
    let beam = Beam::start();
    let (node, mut leader) = on_threads(&beam);
    leader.resize(72, 20);
    let (send, events) = channel();
    let taken = Leader {
        input: leader.input(),
        events,
    };
    let taking = thread::spawn(move || {
        while let Ok(event) = leader.recv(WAIT) {
            if send.send(event).is_err() {
                break;
            }
        }
    });
    converse(&beam, &taken);
    refuse(&beam, &taken);
    node.shutdown(WAIT);
    taking.join().unwrap();
}

#[test]
fn processes_print_and_read_on_tasks() {
    let beam = Beam::start();
    in_runtime(async {
        let node = tokio::Node::builder("us@127.0.0.1").cookie(beam.cookie());
        let node = node.epmd_port(beam.epmd_port()).listen(anywhere());
        let node = node.start().await.unwrap();
        let mut leader = tokio::GroupLeader::new(&node);
        leader.resize(72, 20);
        let (send, events) = channel();
        let taken = Leader {
            input: leader.input(),
            events,
        };
        beam.eval("register(agent, self())");
        let told = term!({leader, (leader.pid().clone())});
        let me = node.mailbox();
        me.send(("agent", beam.name()), &told).await.unwrap();
        tell(&beam);
        // As it is given to calls.
        let pid = leader.pid().clone();
        let (us, to, leads) = (node.clone(), beam.name().to_owned(), pid.clone());
        let called = ::tokio::spawn(async move {
            let mut remote = us.erpc(to.as_str()).group_leader(&leads);
            remote.call::<Atom>("io", "format", ("called~n",)).await
        });
        let event = leader.recv().await.unwrap();
        assert_eq!(event, Event::Output("called\n".into()));
        let taking = ::tokio::spawn(async move {
            while let Ok(event) = leader.recv().await {
                if send.send(event).is_err() {
                    break;
                }
            }
        });
        assert_eq!(called.await.unwrap().unwrap(), "ok");
        // As it is inherited.
        let mut me = me;
        me.set_group_leader(&pid);
        let mut rpc = me.rpc(beam.name());
        let called = rpc.call::<Atom>("io", "put_chars", ("by rpc",)).await;
        assert_eq!(called.unwrap(), "ok");
        let mut erpc = me.erpc(beam.name());
        let called = erpc.call::<Atom>("io", "put_chars", ("by erpc",)).await;
        assert_eq!(called.unwrap(), "ok");
        taken.output("by rpc");
        taken.output("by erpc");
        ::tokio::task::spawn_blocking(move || {
            converse(&beam, &taken);
            refuse(&beam, &taken);
        })
        .await
        .unwrap();
        node.shutdown(WAIT).await;
        taking.await.unwrap();
    });
}

/// Who prints more than the program takes waits, and who prints to one that is gone is told.
#[test]
fn processes_wait_for_a_program_that_takes_its_time() {
    let beam = Beam::start();
    let (_node, mut leader) = on_threads(&beam);
    begin(
        &beam,
        "io:put_chars(\"1\"), Me ! printed, io:put_chars(\"2\"), io:columns()",
    );
    assert_eq!(leader.recv(WAIT).unwrap(), Event::Output("1".into()));
    let printed = "receive printed -> true after 0 -> false end";
    assert_eq!(beam.text(printed), "false");
    assert_eq!(leader.recv(WAIT).unwrap(), Event::Output("2".into()));
    assert_eq!(beam.text(printed), "true");
    let nothing = leader.recv(std::time::Duration::from_millis(1));
    assert!(matches!(nothing, Err(einode::RecvError::TimedOut)));
    // The request for the columns has come, and was answered, by now or with the next one.
    begin(&beam, "io:put_chars(\"3\")");
    assert_eq!(leader.recv(WAIT).unwrap(), Event::Output("3".into()));
    assert_eq!(result(&beam), "{error,enotsup}");
    drop(leader);
    assert_eq!(result(&beam), "{error,terminated}");
}
