//! What nodes tell subscribers of `tracing`.
#![cfg(feature = "tracing")]

mod common;

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::WAIT;
use einode::blocking::{Builder, Node};
use einode::etf::Binary;
use einode::{Atom, Control, NodeName, Payload, Pid, Process, SendError, term};
use einode_testkit::{Beam, Epmd};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A subscriber that keeps all that einode tells, a line each:
/// `INFO einode::connection node up node=…`.
struct Kept {
    last_span: AtomicU64,
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Subscriber for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("einode::")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line::new("SPAN", span.metadata());
        line.0.push_str(span.metadata().name());
        span.record(&mut line);
        lines().push(line.0);
        Id::from_u64(self.last_span.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line::new(metadata.level().as_str(), metadata);
        event.record(&mut line);
        lines().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Line {
    fn new(what: &str, metadata: &Metadata<'_>) -> Self {
        Self(format!("{what} {} ", metadata.target()))
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

fn lines() -> MutexGuard<'static, Vec<String>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let last_span = AtomicU64::new(0);
        tracing::subscriber::set_global_default(Kept { last_span }).unwrap();
    });
}

/// Waits until a line has all of these parts, and gives it.
#[track_caller]
fn told(parts: &[&str]) -> String {
    let end = Instant::now() + WAIT;
    loop {
        let found = lines()
            .iter()
            .find(|line| parts.iter().all(|part| line.contains(part)))
            .cloned();
        match found {
            Some(line) => return line,
            None if Instant::now() > end => {
                panic!("{parts:?} is not in\n{}", lines().join("\n"))
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn builder(beam: &Beam, name: &str) -> Builder {
    Node::builder(name)
        .cookie(beam.cookie())
        .epmd_port(beam.epmd_port())
        .listen(common::anywhere())
}

#[test]
fn connections_are_told_from_both_sides() {
    listen();
    let beam = Beam::start();
    let peer: NodeName = beam.name().parse().unwrap();
    let node = builder(&beam, "came@127.0.0.1").start().unwrap();
    told(&[
        "INFO einode::epmd registered",
        &format!("creation={}", node.creation()),
    ]);
    let to_peer = format!("node={peer}");
    node.connect(&peer).unwrap();
    told(&["DEBUG einode::connection connecting", &to_peer]);
    told(&["DEBUG einode::connection dialing", "address=127.0.0.1:"]);
    told(&[
        "INFO einode::connection node up",
        &to_peer,
        "side=Initiator",
    ]);
    told(&["SPAN einode::connection connection", &to_peer]);
    node.disconnect(&peer);
    told(&[
        "INFO einode::connection node down",
        &to_peer,
        "disconnected by the program",
    ]);

    let other = builder(&beam, "went@127.0.0.1").start().unwrap();
    other.connect(node.name()).unwrap();
    told(&["SPAN einode::handshake handshake", "address=127.0.0.1:"]);
    told(&[
        "DEBUG einode::handshake accepted",
        "address=127.0.0.1:",
        "node=went@",
    ]);
    told(&[
        "INFO einode::connection node up",
        "node=went@",
        "side=Acceptor",
    ]);
    other.shutdown(WAIT);
    told(&[
        "INFO einode::connection node down",
        "node=came@",
        "our node has ended",
    ]);
    told(&[
        "WARN einode::connection node down",
        "node=went@",
        "closed the connection",
    ]);

    let nobody = NodeName::new("nobody@127.0.0.1").unwrap();
    node.connect(&nobody).unwrap_err();
    told(&[
        "INFO einode::connection not connected",
        "node=nobody@",
        "knows no node",
    ]);
}

#[test]
fn a_wrong_cookie_is_told_with_the_address_and_without_the_cookie() {
    listen();
    let beam = Beam::start();
    let node = builder(&beam, "guarded@127.0.0.1")
        .cookie("a-secret-of-ours")
        .start()
        .unwrap();
    let stranger = builder(&beam, "stranger@127.0.0.1")
        .cookie("a-guess")
        .start()
        .unwrap();
    stranger.connect(node.name()).unwrap_err();
    told(&[
        "WARN einode::handshake refused",
        "address=127.0.0.1:",
        "wrong cookie",
    ]);
    told(&[
        "INFO einode::connection not connected",
        "node=guarded@",
        "handshake failed",
    ]);
    assert!(
        !lines()
            .iter()
            .any(|line| line.contains("a-secret") || line.contains("a-guess"))
    );
}

#[test]
fn what_comes_for_nobody_is_told() {
    listen();
    let beam = Beam::start();
    let node = builder(&beam, "silent@127.0.0.1").start().unwrap();
    let name = node.name().as_atom().clone();
    beam.eval("{void, 'silent@127.0.0.1'} ! 1");
    told(&["DEBUG einode::message no such process", "void"]);
    let me = node.mailbox();
    beam.eval("register(agent, self())");
    // A pid as this node had one in an earlier life.
    let earlier = Pid::new(name, 4711, 0, node.creation().wrapping_add(1));
    me.send(("agent", beam.name()), &earlier, WAIT).unwrap();
    beam.eval("receive Pid -> Pid ! 1 end");
    told(&["DEBUG einode::message process of another life", "4711"]);
}

#[test]
fn what_makes_no_sense_is_told_and_counted() {
    listen();
    let beam = Beam::start();
    let node = builder(&beam, "puzzled@127.0.0.1").start().unwrap();
    let mut link = common::endpoint(&beam, "odd").connect(node.name()).unwrap();
    for tuple in [term!({4711, x}), term!({2, x})] {
        let tuple = Payload::encode(&tuple).unwrap();
        let operation = 4711;
        link.signal(&Control::Unknown { operation, tuple }, None)
            .unwrap();
    }
    told(&[
        "DEBUG einode::message unknown operation",
        "node=odd@",
        "operation=4711",
    ]);
    told(&["WARN einode::message malformed", "node=odd@"]);
    let end = Instant::now() + WAIT;
    loop {
        let counted = node.statistics().traffic.received;
        if (counted.unknown, counted.malformed) == (1, 1) {
            break;
        }
        assert!(Instant::now() < end, "{counted:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_peer_that_does_not_read_is_told_to_be_busy_and_then_ready() {
    listen();
    let beam = Beam::start();
    let node = builder(&beam, "pushy@127.0.0.1").start().unwrap();
    node.connect(&beam.name().parse().unwrap()).unwrap();
    let me = node.mailbox();
    beam.pause();
    let large = Binary(vec![0; 1 << 20]);
    let busy = || me.try_send(("agent", beam.name()), &large) == Err(SendError::Busy);
    while !busy() {}
    told(&[
        "DEBUG einode::connection busy",
        &format!("node={}", beam.name()),
        "queued=",
    ]);
    beam.resume();
    told(&[
        "DEBUG einode::connection ready",
        &format!("node={}", beam.name()),
        "queued=",
    ]);
}

#[test]
fn processes_that_end_by_themselves_are_told() {
    listen();
    let beam = Beam::start();
    let node = builder(&beam, "fragile@127.0.0.1")
        .mailbox_limit(1000)
        .start()
        .unwrap();
    node.export("calc", "panic", |()| -> i64 { panic!("oh no") })
        .unwrap();
    beam.eval("catch erpc:call('fragile@127.0.0.1', calc, panic, [])");
    told(&[
        "ERROR einode::process panicked",
        "process=calc:panic/0",
        "reason=oh no",
    ]);

    struct Fragile;
    impl einode::GenServer for Fragile {
        fn handle_call(
            &mut self,
            _: &Process,
            _: einode::Body,
            _: einode::From,
        ) -> Result<(), einode::Stop> {
            Ok(())
        }

        fn handle_cast(&mut self, _: &Process, _: einode::Body) -> Result<(), einode::Stop> {
            panic!("not at all")
        }
    }
    let served = node.serve("fragile", Fragile).unwrap();
    beam.eval("gen_server:cast({fragile, 'fragile@127.0.0.1'}, x)");
    told(&[
        "ERROR einode::process panicked",
        &format!("process={}", served.pid()),
        "reason=not at all",
    ]);

    let full = node.mailbox();
    let other = node.mailbox();
    (0..100).for_each(|_| drop(other.try_send(full.pid(), &term!(message))));
    told(&[
        "WARN einode::process too many messages",
        &format!("process={}", full.pid()),
        "limit=1000",
    ]);
    assert!(full.exited().is_some());
}

#[test]
fn the_end_of_epmd_and_its_return_are_told() {
    listen();
    let epmd = Epmd::start();
    let port = epmd.port();
    let _node = Node::builder("lasting@127.0.0.1")
        .cookie("secret")
        .epmd_port(port)
        .listen(common::anywhere())
        .start()
        .unwrap();
    drop(epmd);
    let lost = told(&["WARN einode::epmd registration lost"]);
    told(&[
        "DEBUG einode::epmd not registered",
        &format!("EPMD at localhost:{port}"),
    ]);
    let _epmd = Epmd::start_at(port);
    let end = Instant::now() + WAIT;
    let again = |lines: &[String]| {
        let mut rest = lines.iter().skip_while(|line| **line != lost);
        rest.any(|line| line.starts_with("INFO einode::epmd registered"))
    };
    while !again(&lines()) {
        assert!(Instant::now() < end, "not registered again");
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(feature = "tokio")]
#[test]
fn nodes_on_tasks_tell_the_same() {
    listen();
    let beam = Beam::start();
    common::in_runtime(async {
        let node = einode::tokio::Node::builder("tasks@127.0.0.1")
            .cookie(beam.cookie())
            .epmd_port(beam.epmd_port())
            .listen(common::anywhere())
            .start()
            .await
            .unwrap();
        let peer: NodeName = beam.name().parse().unwrap();
        node.connect(&peer).await.unwrap();
        told(&[
            "INFO einode::connection node up",
            &format!("node={peer}"),
            "side=Initiator",
        ]);
        told(&[
            "SPAN einode::connection connection",
            &format!("node={peer}"),
        ]);
        let other = builder(&beam, "threads@127.0.0.1")
            .cookie("a-guess")
            .start()
            .unwrap();
        other.connect(node.name()).unwrap_err();
        told(&["WARN einode::handshake refused", "wrong cookie"]);
        told(&["INFO einode::connection not connected", "node=tasks@"]);
        beam.eval("{nil, 'tasks@127.0.0.1'} ! 1");
        told(&["DEBUG einode::message no such process", "nil"]);
        assert!(node.whereis(Atom::from_static("nil").as_str()).is_none());
    });
}
