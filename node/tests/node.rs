//! Nodes among real Erlang nodes, on threads.

#[cfg(feature = "tls")]
#[path = "common/ca.rs"]
mod ca;
mod common;

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{WAIT, term};
use einode::blocking::{Builder, Endpoint, Mailbox, Memory, Node, Resolver, Tcp, Transport};
use einode::dist::{HostName, TickTime};
use einode::{
    Address, AliasKind, Atom, ConnectError, Control, Down, Exit, LinkError, Message, Monitored,
    NodeName, Pid, RecvError, Table, Term, term,
};
use einode_testkit::{Beam, Epmd};

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

fn recv(mailbox: &mut Mailbox) -> Message {
    mailbox.recv(WAIT).unwrap()
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
    let node = builder(&beam, "us").start().unwrap();
    let mut me = node.mailbox();
    beam.eval("register(agent, self())");
    me.send(
        ("agent", beam.name()),
        &term!({hello, me.pid().clone()}),
        WAIT,
    )
    .unwrap();
    beam.eval("receive {hello, Pid} -> put(us, Pid), Pid ! {<<\"hi\">>, 42} end");
    let (text, count): (String, u32) = recv(&mut me).decode().unwrap();
    assert_eq!((text.as_str(), count), ("hi", 42));
    assert_eq!(node.nodes(), [peer(&beam)]);
    assert_eq!(beam.text("nodes(hidden)"), "['us@127.0.0.1']");

    // By name, and from a new connection that the real node makes.
    me.register("me").unwrap();
    assert!(node.disconnect(&peer(&beam)));
    beam.wait_until("nodes(hidden) =:= []");
    beam.eval("{me, 'us@127.0.0.1'} ! hello_again");
    assert_eq!(recv(&mut me).term().unwrap(), term("hello_again"));
    assert_eq!(beam.text("net_adm:ping('us@127.0.0.1')"), "pong");

    node.shutdown(WAIT);
    beam.wait_until("nodes(hidden) =:= []");
    assert_eq!(beam.text("net_adm:ping('us@127.0.0.1')"), "pang");
    assert!(me.recv(WAIT).is_err());
}

/// A pid of an earlier life of the node may have the same number as one of a process that lives.
#[test]
fn what_is_unlinked_from_an_earlier_life_stays_linked() {
    let place = common::anywhere();
    let node = Node::builder("us@127.0.0.1")
        .cookie("secret")
        .listen(place)
        .unpublished();
    let node = node.start().unwrap();
    let table: Table = [(node.name().clone(), node.address().unwrap().clone())]
        .into_iter()
        .collect();
    let peer = Endpoint::new(common::node("them")).resolver(table);
    let mut link = peer.connect(node.name()).unwrap();
    let mut me = node.mailbox();
    me.trap_exit(true);
    let pid = me.pid();
    link.link(pid.clone()).unwrap();
    let earlier = pid.creation().wrapping_sub(1);
    let earlier = Pid::new(pid.node().clone(), pid.id(), pid.serial(), earlier);
    link.unlink(earlier.clone()).unwrap();
    // It is confirmed: the peer forgets what it had with that one.
    let signal = link.receive(WAIT).unwrap();
    assert!(
        matches!(&signal.control, Control::UnlinkIdAck { from, .. } if *from == earlier),
        "{signal:?}"
    );
    drop(link);
    assert_eq!(reason(&recv(&mut me)), term!(noconnection));
}

#[test]
fn links_and_monitors_tell_of_every_end() {
    let beam = Beam::start();
    let node = builder(&beam, "us").start().unwrap();
    let mut me = node.mailbox();
    me.trap_exit(true);
    me.register("me").unwrap();
    let spawn = "spawn(fun() -> receive die -> exit(boom); stop -> ok end end)";
    let worker = || beam.eval(spawn).as_pid().unwrap().clone();

    let pid = worker();
    me.link(&pid);
    me.send(&pid, &term!(die), WAIT).unwrap();
    let exit = recv(&mut me);
    assert_eq!(
        exit.term().unwrap(),
        term!({(Atom::from_static("EXIT")), pid.clone(), boom})
    );

    let pid = worker();
    let monitor = me.monitor(&pid).unwrap();
    me.send(&pid, &term!(stop), WAIT).unwrap();
    let Message::Down(down) = recv(&mut me) else {
        panic!("a monitor has fired")
    };
    assert_eq!(
        (&down.monitor, &down.process),
        (&monitor, &Monitored::Pid(pid))
    );
    assert_eq!(down.reason.term().unwrap(), term!(normal));

    // Whoever is not there.
    me.monitor(("nobody", beam.name())).unwrap();
    assert_eq!(reason(&recv(&mut me)), term!(noproc));
    me.link(&worker_gone(&beam));
    assert_eq!(reason(&recv(&mut me)), term!(noproc));
    me.monitor(("nobody", "nobody@127.0.0.1")).unwrap();
    assert_eq!(reason(&recv(&mut me)), term!(noconnection));

    // An unlink holds, and a monitor that was removed is silent.
    let pid = worker();
    me.link(&pid);
    me.unlink(&pid);
    let monitor = me.monitor(&pid).unwrap();
    assert!(me.demonitor(&monitor));
    let monitor = me.monitor(&pid).unwrap();
    me.send(&pid, &term!(die), WAIT).unwrap();
    let Message::Down(down) = recv(&mut me) else {
        panic!("a monitor has fired")
    };
    assert_eq!(down.monitor, monitor);

    // The other way round.
    let us = me.pid().clone();
    beam.eval("{me, 'us@127.0.0.1'} ! {hello, self()}");
    let (_, agent): (Atom, Pid) = recv(&mut me).decode().unwrap();
    let mut dying = node.mailbox();
    dying.send(&agent, dying.pid(), WAIT).unwrap();
    beam.eval("receive P -> put(p, P) end, link(get(p)), monitor(process, get(p))");
    beam.eval("get(p) ! linked");
    recv(&mut dying);
    dying.close(&term!({shutdown, 7})).unwrap();
    assert_eq!(
        beam.text("receive {'DOWN', _, process, _, R} -> R end"),
        "{shutdown,7}"
    );
    assert_eq!(beam.text("receive {'EXIT', _, X} -> X end"), "{shutdown,7}");

    // A lost connection ends all of it.
    me.link(&agent);
    me.monitor(&agent).unwrap();
    me.send(&agent, &term!({me, (us)}), WAIT).unwrap();
    beam.eval("receive {me, M} -> link(M), monitor(process, M), M ! ok end");
    recv(&mut me);
    node.disconnect(&peer(&beam));
    let mut reasons = vec![reason(&recv(&mut me)), reason(&recv(&mut me))];
    reasons.dedup();
    assert_eq!(reasons, [term!(noconnection)]);
    assert_eq!(
        beam.text("receive {'DOWN', _, process, _, R2} -> R2 end"),
        "noconnection"
    );
}

/// A process that has ended.
fn worker_gone(beam: &Beam) -> Pid {
    let gone = "{P, R} = spawn_monitor(fun() -> ok end), receive {'DOWN', R, _, _, _} -> P end";
    beam.eval(gone).as_pid().unwrap().clone()
}

#[test]
fn local_processes_are_like_remote_ones() {
    let beam = Beam::start();
    let node = builder(&beam, "us").start().unwrap();
    let (mut a, mut b, mut c) = (node.mailbox(), node.mailbox(), node.mailbox());
    b.register("b").unwrap();
    assert!(c.register("b").is_err());
    a.send("b", &term!(one), WAIT).unwrap();
    a.send(("b", "us@127.0.0.1"), &term!(two), WAIT).unwrap();
    assert_eq!(recv(&mut b).term().unwrap(), term!(one));
    assert_eq!(recv(&mut b).term().unwrap(), term!(two));

    let alias = b.alias(AliasKind::Reply);
    a.send(&alias, &term!(by_alias), WAIT).unwrap();
    a.send(&alias, &term!(lost), WAIT).unwrap();
    a.send(b.pid(), &term!(next), WAIT).unwrap();
    assert_eq!(recv(&mut b).term().unwrap(), term!(by_alias));
    assert_eq!(recv(&mut b).term().unwrap(), term!(next));

    // The end of b is that of a, which is linked, and not that of c, which traps exits.
    c.trap_exit(true);
    a.link(b.pid());
    c.link(a.pid());
    let monitor = c.monitor("b").unwrap();
    b.close(&term!(boom)).unwrap();
    let Err(RecvError::Exited(exited)) = a.recv(WAIT) else {
        panic!("it has ended")
    };
    assert_eq!(exited.reason.term().unwrap(), term!(boom));
    let mut ends = [recv(&mut c), recv(&mut c)];
    ends.sort_by_key(|end| matches!(end, Message::Exit(_)));
    assert!(matches!(&ends[0], Message::Down(down) if down.monitor == monitor));
    assert_eq!(reason(&ends[1]), term!(boom));
    assert_eq!(node.registered(), Vec::<Atom>::new());

    // Out of order.
    for n in 0..10 {
        c.send(c.pid(), &n, WAIT).unwrap();
    }
    c.recv_match(WAIT, |message| (message.decode() == Ok(7)).then_some(()))
        .unwrap();
    for n in (0..10).filter(|n| *n != 7) {
        assert_eq!(recv(&mut c).decode::<i32>().unwrap(), n);
    }
    assert_eq!(c.recv(Duration::ZERO), Err(RecvError::TimedOut));
}

#[test]
fn gets_a_name_from_its_first_peer() {
    let beam = Beam::start();
    let node = Node::nameless("127.0.0.1", peer(&beam))
        .cookie(beam.cookie())
        .epmd_port(beam.epmd_port())
        .start()
        .unwrap();
    assert!(HostName::new(node.name().host()).is_ok());
    let mut me = node.mailbox();
    beam.eval("register(agent, self())");
    me.send(("agent", beam.name()), me.pid(), WAIT).unwrap();
    beam.eval("receive Pid -> Pid ! ok end");
    assert_eq!(recv(&mut me).term().unwrap(), term!(ok));
}

/// A resolver that tells by whom it is used yet.
struct Counted {
    table: Table,
    _uses: Arc<()>,
}

impl Resolver for Counted {
    fn resolve(&self, node: &NodeName, until: Instant) -> Result<Vec<Address>, ConnectError> {
        self.table.resolve(node, until)
    }
}

#[test]
fn who_drops_a_node_waits_for_its_threads() {
    let beam = Beam::start();
    // Takes connections, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute_at = listener.local_addr().unwrap();
    let mute: NodeName = "mute@127.0.0.1".parse().unwrap();
    let beam_at: Address = format!("127.0.0.1:{}", beam.port()).parse().unwrap();
    for round in 0..20 {
        let uses = Arc::new(());
        let table: Table = [
            (peer(&beam), beam_at.clone()),
            (mute.clone(), mute_at.into()),
        ]
        .into_iter()
        .collect();
        let node = builder(&beam, "us")
            .resolver(Counted {
                table,
                _uses: Arc::clone(&uses),
            })
            .setup_time(Duration::from_millis(500))
            .unpublished()
            .start()
            .unwrap();
        node.connect(&peer(&beam)).unwrap();
        // Now and then an attempt to connect is under way, and is waited for, too.
        let attempt = (round % 10 == 0).then(|| {
            let to_nobody = ("nobody", &mute);
            node.mailbox().send(to_nobody, &term!(hello), WAIT).unwrap();
            let (mut attempt, _) = listener.accept().unwrap();
            attempt.read_exact(&mut [0; 2]).unwrap();
            attempt
        });
        let again = node.clone();
        drop(node);
        assert_eq!(again.nodes(), [peer(&beam)]);
        drop(again);
        assert_eq!(Arc::strong_count(&uses), 1, "{round}");
        drop(attempt);
        beam.wait_until("nodes(hidden) =:= []");
    }
}

#[test]
fn what_has_priority_is_received_first() {
    let epmd = Epmd::start();
    let nodes = ["one@127.0.0.1", "two@127.0.0.1"].map(|name| {
        let node = Node::builder(name).cookie("secret").epmd_port(epmd.port());
        node.listen(common::anywhere()).start().unwrap()
    });
    let (mut me, other) = (nodes[0].mailbox(), nodes[1].mailbox());
    for sender in [&nodes[0].mailbox(), &other] {
        let (alias, plain) = (
            me.priority_alias(AliasKind::Explicit),
            me.alias(AliasKind::Explicit),
        );
        sender.send(&alias, &1, WAIT).unwrap();
        sender.send_priority(&plain, &2, WAIT).unwrap();
        sender.send_priority(&alias, &3, WAIT).unwrap();
        sender.send(me.pid(), "end", WAIT).unwrap();
        // All have arrived with the last one.
        let is_end = |message: &Message| message.decode::<String>().ok();
        assert_eq!(me.recv_match(WAIT, is_end).unwrap(), "end");
        let received = [(); 3].map(|()| recv(&mut me).decode::<u8>().unwrap());
        assert_eq!(received, [3, 1, 2]);
    }
}

/// How many threads this process has whose names are those of a node's.
fn threads() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names
        .filter(|name| ["connection", "write", "process", "register"].contains(&name.trim()))
        .count()
}

/// Nodes that find each other by a table, over a transport of any kind.
fn pair<T: Transport + Clone>(transport: &T, addresses: [Address; 2]) -> [Node; 2] {
    let names = ["one@127.0.0.1", "two@127.0.0.1"];
    let nodes = names.map(|name| name.parse::<NodeName>().unwrap());
    let table: Table = nodes.into_iter().zip(addresses.clone()).collect();
    let mut addresses = addresses.into_iter();
    names.map(|name| {
        Node::builder(name)
            .cookie("secret")
            .transport(transport.clone())
            .resolver(table.clone())
            .listen(addresses.next().unwrap())
            .unpublished()
            .start()
            .unwrap()
    })
}

/// Two nodes have to do with each other in every way, and end.
fn converse([one, two]: [Node; 2]) {
    let (mut a, mut b) = (one.mailbox(), two.mailbox());
    a.register("a").unwrap();
    b.register("b").unwrap();
    for n in 0..1000 {
        a.send(("b", two.name()), &(a.pid(), n), WAIT).unwrap();
    }
    for n in 0..1000 {
        let (from, number): (Pid, i32) = recv(&mut b).decode().unwrap();
        assert_eq!((&from, number), (a.pid(), n));
    }
    let big = einode::etf::Binary(vec![7; 10 << 20]);
    b.send(a.pid(), &big, WAIT).unwrap();
    b.send(a.pid(), &term!(small), WAIT).unwrap();
    assert_eq!(recv(&mut a).term().unwrap(), big.clone().into());
    assert_eq!(recv(&mut a).term().unwrap(), term!(small));
    a.trap_exit(true);
    a.link(b.pid());
    a.monitor(("b", two.name())).unwrap();
    a.send(b.pid(), &term!(linked), WAIT).unwrap();
    recv(&mut b);
    // What was sent before the end arrives, all of it.
    b.send(a.pid(), &big, WAIT).unwrap();
    two.shutdown(WAIT);
    assert!(recv(&mut a).term().unwrap() == big.into());
    let mut reasons = [reason(&recv(&mut a)), reason(&recv(&mut a))];
    reasons.sort();
    assert_eq!(reasons, [term!(shutdown), term!(shutdown)]);
    assert!(b.recv(WAIT).is_err());
    one.shutdown(WAIT);
}

#[test]
fn over_any_transport_and_without_a_trace() {
    converse(pair(&Tcp, [free(), free()]));
    let memory = Memory::default();
    converse(pair(
        &memory,
        ["one", "two"].map(|name| Address::Other(name.into())),
    ));
    #[cfg(unix)]
    {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["one", "two"].map(|name| Address::Unix(directory.path().join(name)));
        converse(pair(&einode::blocking::Unix::default(), paths));
    }
    #[cfg(feature = "tls")]
    {
        let (_files, tls) = tls();
        converse(pair(&tls, [free(), free()]));
    }
    // Others of these tests run nodes, too, and end.
    let until = Instant::now() + WAIT;
    while threads() > 0 {
        assert!(Instant::now() < until, "{} threads", threads());
        std::thread::yield_now();
    }
}

/// TLS with certificates for this machine, and the files that they are in.
#[cfg(feature = "tls")]
fn tls() -> (tempfile::TempDir, einode::tls::Tls) {
    let files = tempfile::tempdir().unwrap();
    let ca = ca::Authority::new("ca");
    let path = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let options = einode::tls::TlsOptions::new()
        .certfile(path("node.pem", &ca.issue(&["127.0.0.1"]).pem()))
        .cacertfile(path("ca.pem", &ca.pem));
    let tls = einode::tls::Tls::from_options(Some(options.clone()), Some(options)).unwrap();
    (files, tls)
}

#[test]
fn a_tick_is_answered_in_time_for_a_peer_with_a_shorter_tick_time() {
    let node = Node::builder("patient@127.0.0.1")
        .cookie("secret")
        .listen(common::anywhere())
        .unpublished()
        .start()
        .unwrap();
    // By itself, the node would send its first tick after 15 seconds.
    let hasty = common::node("hasty").tick_time(TickTime::new(Duration::from_secs(1), 4).unwrap());
    let mut hasty = Endpoint::new(hasty)
        .connect_to(node.address().unwrap(), None)
        .unwrap();
    let error = hasty.receive(Duration::from_secs(3)).unwrap_err();
    assert!(matches!(error, LinkError::TimedOut), "{error:?}");
}

/// The socket is full while a tick is due, and TLS has to keep a part of what it has taken.
#[cfg(feature = "tls")]
#[test]
fn a_peer_that_reads_late_gets_all_of_it_once() {
    const COUNT: u32 = 400;
    let (_files, tls) = tls();
    let transport = einode::tls::TlsOver::new(tls, Memory::default());
    let place = Address::Other("late".into());
    let late: NodeName = "late@127.0.0.1".parse().unwrap();
    let node = Node::builder("one@127.0.0.1")
        .cookie("secret")
        .transport(transport.clone())
        .resolver([(late, place.clone())].into_iter().collect::<Table>())
        .no_listener()
        .tick_time(TickTime::new(Duration::from_secs(4), 4).unwrap())
        .start()
        .unwrap();
    let endpoint = Endpoint::new(common::node("late")).transport(transport);
    let listener = endpoint.listen(&place).unwrap();
    let me = node.mailbox();
    let sender = std::thread::spawn(move || {
        let block = einode::etf::Binary(vec![7; 10_000]);
        for n in 0..COUNT {
            me.send(("any", "late@127.0.0.1"), &(n, &block), WAIT)
                .unwrap();
        }
        me
    });
    let mut link = listener.accept(WAIT).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    for n in 0..COUNT {
        let signal = link.receive(WAIT).unwrap();
        let (number, block): (u32, Term) = signal.message().unwrap().decode().unwrap();
        assert_eq!(number, n);
        assert!(block == Term::binary(&[7; 10_000]), "block {n} is spoilt");
    }
    drop(sender.join().unwrap());
}

/// A node of each style, and no node of Erlang.
#[cfg(feature = "tokio")]
#[test]
fn threads_and_tasks_talk_to_each_other() {
    let names = ["threads@127.0.0.1", "tasks@127.0.0.1"];
    let places = [free(), free()];
    let nodes = names.map(|name| name.parse::<NodeName>().unwrap());
    let table: Table = nodes.into_iter().zip(places.clone()).collect();
    let [at, there] = places;
    let threads = Node::builder(names[0])
        .cookie("secret")
        .resolver(table.clone())
        .listen(at)
        .unpublished()
        .start()
        .unwrap();
    let mut me = threads.mailbox();
    me.register("echo").unwrap();
    let echo = std::thread::spawn(move || {
        for _ in 0..1000 {
            let (from, n): (Pid, u32) = recv(&mut me).decode().unwrap();
            me.send(&from, &n, WAIT).unwrap();
        }
        (threads, me)
    });
    common::in_runtime(async move {
        let tasks = einode::tokio::Node::builder(names[1])
            .cookie("secret")
            .resolver(table)
            .listen(there)
            .unpublished()
            .start()
            .await
            .unwrap();
        let mut me = tasks.mailbox();
        me.monitor_nodes(true);
        tasks.connect(&names[0].parse().unwrap()).await.unwrap();
        let threads = names[0].parse().unwrap();
        assert_eq!(me.recv().await.unwrap(), Message::NodeUp(threads));
        for n in 0..1000 {
            me.send(("echo", names[0]), &(me.pid(), n)).await.unwrap();
            assert_eq!(me.recv().await.unwrap().decode(), Ok(n));
        }
        let (threads, mut process) = echo.join().unwrap();
        let monitor = me.monitor(process.pid()).unwrap();
        me.send(process.pid(), &term!(monitored)).await.unwrap();
        recv(&mut process);
        threads.shutdown(WAIT);
        let ended = |message: &Message| match message {
            Message::Down(down) => Some((down.monitor.clone(), down.reason.term().unwrap())),
            _ => None,
        };
        let down = me.recv_match(ended).await.unwrap();
        assert_eq!(down, (monitor, term!(shutdown)));
        tasks.shutdown(WAIT).await;
    });
}

/// An address that nobody listens at.
fn free() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().into()
}

#[test]
fn serves_functions() {
    let beam = Beam::start();
    let node = builder(&beam, "us").start().unwrap();
    node.export("calc", "add", |(a, b): (i64, i64)| a + b)
        .unwrap();
    for (asked, expected) in [
        ("erpc:call('us@127.0.0.1', calc, add, [1, 2])", "3"),
        ("rpc:call('us@127.0.0.1', calc, add, [1, 400])", "401"),
        (
            "try erpc:call('us@127.0.0.1', calc, sub, [1, 2]) catch C:{exception, R, _} -> {C, R} end",
            "{error,undef}",
        ),
    ] {
        assert_eq!(beam.text(asked), expected, "{asked}");
    }
    node.shutdown(WAIT);
}

#[test]
fn registers_again_when_epmd_is_back() {
    let epmd = Epmd::start();
    let node = Node::builder("us@127.0.0.1")
        .cookie("secret")
        .epmd_port(epmd.port())
        .listen(common::anywhere())
        .start()
        .unwrap();
    let port = epmd.port();
    drop(epmd);
    let epmd = Epmd::start_at(port);
    let until = Instant::now() + WAIT;
    let names = || {
        let names = einode::blocking::Epmd::at("127.0.0.1", port)
            .names(until)
            .unwrap();
        names
            .nodes()
            .map(|(name, port)| (name.to_owned(), port))
            .collect::<Vec<_>>()
    };
    let Some(Address::Inet(address)) = node.address() else {
        panic!("it listens on TCP")
    };
    let expected = [("us".to_owned(), address.port())];
    while names() != expected {
        assert!(Instant::now() < until, "{:?}", names());
        std::thread::yield_now();
    }
    node.shutdown(WAIT);
    while !names().is_empty() {
        assert!(Instant::now() < until, "{:?}", names());
        std::thread::yield_now();
    }
    drop(epmd);
}
