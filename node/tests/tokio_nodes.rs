//! Links with real Erlang nodes, in both roles, on tokio's tasks.
#![cfg(feature = "tokio")]

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{WAIT, anywhere, config, in_runtime, name, node, term};
use einode::dist::{Error, HostName, Refusal, TickTime};
use einode::tokio::{Endpoint, Epmd, Link, Listener, PENDING_HANDSHAKES};
use einode::{
    AcceptError, Atom, CallError, Class, Config, ConnectError, Control, Cookie, Destination,
    ExchangeError, LinkError, Target, Term,
};
use einode_testkit::Beam;
use tokio::task::{JoinHandle, spawn_blocking};

/// A connection from `us@127.0.0.1` to a real node.
async fn connect(beam: &Beam) -> Link {
    let peer = beam.name().parse().unwrap();
    Endpoint::new(config(beam, "us"))
        .connect(&peer)
        .await
        .unwrap()
}

/// A listener that a real node finds through EPMD as `us@127.0.0.1`.
async fn publish(beam: &Beam) -> Listener {
    let endpoint = Endpoint::new(config(beam, "us"));
    let mut listener = endpoint.listen(&anywhere()).await.unwrap();
    listener.publish().await.unwrap();
    listener
}

/// What the node says of these expressions, while this task goes on.
fn evaluate(beam: &Arc<Beam>, expressions: &'static str) -> JoinHandle<String> {
    let beam = Arc::clone(beam);
    spawn_blocking(move || beam.text(expressions))
}

/// Runs the link for as long as the node evaluates.
async fn serve_while(link: &mut Link, mut answer: JoinHandle<String>) -> String {
    // What arrives is for nobody; the link answers what it owes its peer.
    while !answer.is_finished() {
        let _ = link.receive(Duration::from_millis(10)).await;
    }
    (&mut answer).await.unwrap()
}

#[test]
fn calls_functions_and_tells_errors_apart() {
    let beam = Beam::start();
    in_runtime(async {
        let mut link = connect(&beam).await;
        assert_eq!(link.peer().as_str(), beam.name());
        let numbers = [term("[1, 2, 39]")];
        assert_eq!(
            link.rpc("lists", "sum", &numbers, WAIT).await.unwrap(),
            42.into()
        );
        assert_eq!(
            link.erpc("lists", "sum", &numbers, WAIT).await.unwrap(),
            42.into()
        );
        assert!(link.ping(WAIT).await.is_ok());
        assert_eq!(beam.text("nodes(hidden)"), "['us@127.0.0.1']");

        let oops = [term("oops")];
        let error = link.rpc("erlang", "error", &oops, WAIT).await.unwrap_err();
        assert!(matches!(&error, CallError::BadRpc(_)), "{error:?}");
        let error = link.erpc("erlang", "throw", &oops, WAIT).await.unwrap_err();
        assert!(
            matches!(&error, CallError::Exception(exception)
                if exception.class == Class::Throw && exception.reason == oops[0]),
            "{error:?}"
        );
        let error = link.call("nobody", &(), WAIT).await.unwrap_err();
        assert!(
            matches!(&error, CallError::Exit(reason) if reason.is_atom("noproc")),
            "{error:?}"
        );
        let (slow, soon) = ([Term::from(60_000)], Duration::from_millis(200));
        let error = link.erpc("timer", "sleep", &slow, soon).await.unwrap_err();
        assert!(matches!(error, CallError::TimedOut), "{error:?}");
        // The connection is as good as before.
        assert!(link.ping(WAIT).await.is_ok());

        link.close(WAIT).await.unwrap();
        beam.wait_until("nodes(hidden) =:= []");
        let mut link = connect(&beam).await;
        let error = link.erpc("erlang", "halt", &[], WAIT).await.unwrap_err();
        assert!(matches!(error, CallError::NoConnection(_)), "{error:?}");
    });
}

#[test]
fn sends_and_receives() {
    let beam = Beam::start();
    in_runtime(async {
        let mut link = connect(&beam).await;
        beam.eval("register(agent, self())");
        let us = link.pid().clone();
        link.send(name("agent"), &us).await.unwrap();
        beam.eval("receive Pid -> put(link, Pid), Pid ! {to, pid} end");
        let signal = link.receive(WAIT).await.unwrap();
        assert_eq!(signal.message().unwrap().term().unwrap(), term("{to, pid}"));
        let Control::Send { to, .. } = signal.control else {
            panic!("{signal:?}")
        };
        assert_eq!(to, Destination::Pid(us));

        let pid = beam.eval("self()").as_pid().unwrap().clone();
        link.send(pid, &term("{hello, pid}")).await.unwrap();
        assert_eq!(beam.text("receive A -> A end"), "{hello,pid}");
        let alias = beam.eval("alias()").as_reference().unwrap().clone();
        link.send(alias, &term("{hello, alias}")).await.unwrap();
        assert_eq!(beam.text("receive B -> B end"), "{hello,alias}");
    });
}

#[test]
fn links_monitors_and_exits() {
    let beam = Beam::start();
    in_runtime(async {
        let mut link = connect(&beam).await;
        let spawn = "spawn(fun() -> receive {stop, Why} -> exit(Why) end end)";
        let pid = beam.eval(spawn).as_pid().unwrap().clone();
        link.link(pid.clone()).await.unwrap();
        let monitor = link.monitor(pid.clone()).await.unwrap();
        link.exit(pid.clone(), &term("{for, reasons}"))
            .await
            .unwrap();
        for _ in 0..2 {
            let signal = link.receive(WAIT).await.unwrap();
            let reason = signal.payload.as_ref().unwrap().term().unwrap();
            assert_eq!(reason, term("{for, reasons}"));
            match signal.control {
                Control::Exit { from, .. } => assert_eq!(from, pid),
                Control::MonitorPExit {
                    from, reference, ..
                } => {
                    assert_eq!((from, &reference), (Target::Pid(pid.clone()), &monitor));
                }
                other => panic!("{other:?}"),
            }
        }

        // A monitor that was taken back, and a link too, say nothing any more.
        let pid = beam.eval(spawn).as_pid().unwrap().clone();
        let monitor = link.monitor(pid.clone()).await.unwrap();
        link.demonitor(pid.clone(), monitor).await.unwrap();
        link.link(pid.clone()).await.unwrap();
        let unlink = link.unlink(pid.clone()).await.unwrap();
        let signal = link.receive(WAIT).await.unwrap();
        assert!(
            matches!(signal.control, Control::UnlinkIdAck { id, .. } if id == unlink),
            "{signal:?}"
        );
        link.exit(pid.clone(), &term("because")).await.unwrap();
        let (id, serial) = (pid.id(), pid.serial());
        beam.wait_until(&format!(
            "not is_process_alive(list_to_pid(\"<0.{id}.{serial}>\"))"
        ));
        let silence = link.receive(Duration::from_millis(100)).await;
        assert!(matches!(silence, Err(LinkError::TimedOut)), "{silence:?}");
    });
}

#[test]
fn answers_pings_in_both_roles() {
    let beam = Arc::new(Beam::start());
    in_runtime(async {
        let mut link = connect(&beam).await;
        let ping = evaluate(&beam, "net_adm:ping('us@127.0.0.1')");
        assert_eq!(serve_while(&mut link, ping).await, "pong");
        link.close(WAIT).await.unwrap();
        beam.wait_until("nodes(hidden) =:= []");

        let mut listener = publish(&beam).await;
        let ping = evaluate(&beam, "net_adm:ping('us@127.0.0.1')");
        let mut link = listener.accept(WAIT).await.unwrap();
        assert_eq!(link.peer().as_str(), beam.name());
        assert_eq!(serve_while(&mut link, ping).await, "pong");
    });
}

#[test]
fn is_called_by_a_node_that_connects_to_it() {
    let beam = Arc::new(Beam::start());
    in_runtime(async {
        let mut listener = publish(&beam).await;
        let answer = evaluate(
            &beam,
            "gen_server:call({calc, 'us@127.0.0.1'}, {add, 40, 2})",
        );
        let mut link = listener.accept(WAIT).await.unwrap();
        link.register(Atom::new("calc").unwrap());
        let call = loop {
            if let Some(message) = link.receive(WAIT).await.unwrap().message() {
                break message.term().unwrap();
            }
        };
        let [_, from, _] = call.as_tuple().unwrap() else {
            panic!("{call}")
        };
        let [pid, tag] = from.as_tuple().unwrap() else {
            panic!("{from}")
        };
        let pid = pid.as_pid().unwrap().clone();
        link.send(pid, &(tag.clone(), 42)).await.unwrap();
        assert_eq!(answer.await.unwrap(), "42");
    });
}

#[test]
fn takes_a_name_from_the_node_and_gives_one() {
    let beam = Beam::start();
    in_runtime(async {
        let host = HostName::new("127.0.0.1").unwrap();
        let nameless = Config::new(host, Cookie::new(beam.cookie()).unwrap());
        let nameless = Endpoint::new(nameless.epmd_port(beam.epmd_port()));
        let link = nameless
            .connect(&beam.name().parse().unwrap())
            .await
            .unwrap();
        let own = link.session().local.to_string();
        assert!(own.ends_with("@127.0.0.1"), "{own}");
        beam.wait_until(&format!("nodes(hidden) =:= ['{own}']"));

        let giver = Endpoint::new(config(&beam, "giver"));
        let mut listener = giver.listen(&anywhere()).await.unwrap();
        let port = listener.port().unwrap();
        let asked = tokio::spawn(async move { nameless.connect_at("127.0.0.1", port, None).await });
        let given = listener.accept(WAIT).await.unwrap();
        let asked = asked.await.unwrap().unwrap();
        assert_eq!(given.peer(), &asked.session().local);
        assert_eq!(asked.peer().as_str(), "giver@127.0.0.1");
    });
}

#[test]
fn connections_that_do_not_come_about() {
    let beam = Arc::new(Beam::start());
    in_runtime(async {
        let peer = beam.name().parse().unwrap();
        let stranger = Endpoint::new(node("stranger").epmd_port(beam.epmd_port()));
        let error = stranger.connect(&peer).await.unwrap_err();
        assert!(
            matches!(
                error,
                ConnectError::Handshake(ExchangeError::Protocol(Error::Refused(Refusal::Cookie)))
            ),
            "{error:?}"
        );
        let mut listener = stranger.listen(&anywhere()).await.unwrap();
        listener.publish().await.unwrap();
        let ping = evaluate(&beam, "net_adm:ping('stranger@127.0.0.1')");
        let error = listener.accept(WAIT).await.unwrap_err();
        assert!(
            matches!(
                &error,
                AcceptError::Handshake {
                    error: ExchangeError::Protocol(Error::WrongCookie),
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(ping.await.unwrap(), "pang");

        let error = stranger
            .connect(&"nobody@127.0.0.1".parse().unwrap())
            .await
            .unwrap_err();
        let epmd = format!("127.0.0.1:{}", beam.epmd_port());
        assert_eq!(
            error.to_string(),
            format!("EPMD at {epmd} knows no node nobody")
        );
        let mut second = stranger.listen(&anywhere()).await.unwrap();
        let error = second.publish().await.unwrap_err();
        assert!(
            matches!(
                error,
                ConnectError::Epmd {
                    error: ExchangeError::Protocol(Error::Refused(Refusal::Registration)),
                    ..
                }
            ),
            "{error:?}"
        );
        let names = Epmd::at("localhost", beam.epmd_port());
        let names = names
            .names(tokio::time::Instant::now() + WAIT)
            .await
            .unwrap();
        let mut names: Vec<_> = names.nodes().map(|(name, _)| name.to_owned()).collect();
        names.sort();
        let alive = beam.name().split('@').next().unwrap();
        let mut expected = [alive, "stranger"];
        expected.sort_unstable();
        assert_eq!(names, expected);
        let nobody = second.accept(Duration::from_millis(10)).await.unwrap_err();
        assert!(matches!(nobody, AcceptError::TimedOut), "{nobody:?}");
    });
}

/// Peers that connect and say nothing.
fn silent_peers(port: u16, count: usize) -> Vec<TcpStream> {
    let peer = |_| TcpStream::connect(("127.0.0.1", port)).unwrap();
    (0..count).map(peer).collect()
}

#[test]
fn a_peer_that_stalls_keeps_nobody_waiting() {
    let beam = Arc::new(Beam::start());
    in_runtime(async {
        let mut listener = publish(&beam).await;
        let mut stalled = silent_peers(listener.port().unwrap(), 10);
        stalled[0].write_all(b"\0").unwrap();
        stalled[1].write_all(b"\0\x20N\0\0").unwrap();
        let start = Instant::now();
        let ping = evaluate(&beam, "net_adm:ping('us@127.0.0.1')");
        let mut link = listener.accept(WAIT).await.unwrap();
        assert_eq!(serve_while(&mut link, ping).await, "pong");
        let time = start.elapsed();
        assert!(time < Duration::from_secs(7), "{time:?}");
    });
}

#[test]
fn more_silent_peers_than_handshakes_are_allowed() {
    in_runtime(async {
        let hasty = Endpoint::new(node("us").setup_time(Duration::from_millis(400)));
        let mut listener = hasty.listen(&anywhere()).await.unwrap();
        let port = listener.port().unwrap();
        let silent = silent_peers(port, PENDING_HANDSHAKES + 20);
        let friend = Endpoint::new(node("friend").setup_time(WAIT));
        let friend = tokio::spawn(async move { friend.connect_at("127.0.0.1", port, None).await });
        // The silent ones run into their deadlines and make room.
        let mut timed_out = 0;
        let link = loop {
            match listener.accept(WAIT).await {
                Ok(link) => break link,
                Err(AcceptError::Handshake {
                    error: ExchangeError::Io(_),
                    ..
                }) => timed_out += 1,
                Err(error) => panic!("{error:?}"),
            }
        };
        assert_eq!(link.peer().as_str(), "friend@127.0.0.1");
        assert!(timed_out > 0, "before any of {} silent peers", silent.len());
        friend.await.unwrap().unwrap();
    });
}

#[test]
fn ticks_keep_an_idle_connection_alive() {
    // This node gives up a peer that is silent for four seconds.
    let beam = Beam::builder()
        .arguments(["-kernel", "net_ticktime", "4"])
        .start();
    in_runtime(async {
        let mut link = connect(&beam).await;
        let error = link.receive(Duration::from_secs(7)).await.unwrap_err();
        assert!(matches!(error, LinkError::TimedOut), "{error:?}");
        assert!(link.ping(WAIT).await.is_ok());
    });
}

#[test]
fn a_peer_that_is_silent_or_does_not_read_is_given_up() {
    let beam = Beam::start();
    let ticks = TickTime::new(Duration::from_secs(1), 4).unwrap();
    in_runtime(async {
        let endpoint = Endpoint::new(config(&beam, "us").tick_time(ticks));
        let mut link = endpoint
            .connect(&beam.name().parse().unwrap())
            .await
            .unwrap();
        beam.eval("register(agent, self())");
        beam.pause();
        let block = Term::binary(&vec![0; 1 << 20]);
        let mut sent = 0;
        let error = loop {
            match link.send(name("agent"), &block).await {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
            assert!(sent < 1000, "the system takes everything");
        };
        assert!(matches!(error, LinkError::TimedOut), "{error:?}");
        beam.resume();
        // What was begun is finished, and nothing is lost.
        link.send(name("agent"), &Term::from(true)).await.unwrap();
        let count = "F = fun F(N) -> receive true -> N; B when byte_size(B) =:= 1048576 -> F(N + 1) end end, F(0)";
        assert_eq!(beam.text(count), (sent + 1).to_string());

        beam.pause();
        let error = link.receive(WAIT).await.unwrap_err();
        beam.resume();
        assert!(matches!(error, LinkError::Silent), "{error:?}");
    });
}
