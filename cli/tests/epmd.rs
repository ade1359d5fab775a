//! The daemon: real nodes live on it, and nothing that callers do hurts it.
#![cfg(unix)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{program, run};
use einode::blocking::Epmd;
use einode::dist::epmd::{NodeType, Registration};
use einode_testkit::{Beam, DEADLINE};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// A daemon as a process of its own.
struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    fn start(options: &[&str]) -> Self {
        // The port may be taken before the daemon has it.
        let port = free_port();
        Self::try_at(port, options).unwrap_or_else(|| Self::start(options))
    }

    fn at(port: u16) -> Self {
        Self::try_at(port, &[]).expect("a port that was free a moment ago")
    }

    fn try_at(port: u16, options: &[&str]) -> Option<Self> {
        let mut command = program();
        command.args(["epmd", "-address", "127.0.0.1", "-port", &port.to_string()]);
        Self::of(command.args(options), port)
    }

    fn of(command: &mut Command, port: u16) -> Option<Self> {
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut daemon = Self { child, port };
        let end = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if daemon.child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(Instant::now() < end, "no daemon on port {port}");
            thread::sleep(Duration::from_millis(2));
        }
        Some(daemon)
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn names(&self) -> Vec<String> {
        let names = Epmd::at("127.0.0.1", self.port).names(until()).unwrap();
        names.nodes().map(|(name, _)| name.to_owned()).collect()
    }

    fn wait_for(&self, names: &[&str]) {
        let end = Instant::now() + DEADLINE;
        while self.names() != names {
            assert!(Instant::now() < end, "{names:?}, not {:?}", self.names());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    fn register(&self, name: &str) -> einode::blocking::Registration {
        let epmd = Epmd::at("127.0.0.1", self.port);
        let registration = Registration::new(name, 1000, NodeType::HIDDEN);
        epmd.register(registration, until()).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

fn until() -> Instant {
    Instant::now() + DEADLINE
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn alive(beam: &Beam) -> &str {
    beam.name().split_once('@').unwrap().0
}

#[test]
fn nodes_start_find_each_other_and_go() {
    let daemon = Daemon::start(&[]);
    let a = Beam::builder().epmd_port(daemon.port).cookie("c").start();
    let b = Beam::builder().epmd_port(daemon.port).cookie("c").start();
    daemon.wait_for(&[alive(&b), alive(&a)]);
    let ping = format!("net_adm:ping('{}')", b.name());
    assert_eq!(a.text(&ping), "pong");
    let listed = a.text("{ok, Names} = erl_epmd:names({127,0,0,1}), length(Names)");
    assert_eq!(listed, "2");
    let creation = a.text("erlang:system_info(creation) > 1735689600");
    assert_eq!(creation, "true");

    // The next life of a name has another creation, and the first one's pids are dead.
    let name = b.name().to_owned();
    let first: u32 = b.text("erlang:system_info(creation)").parse().unwrap();
    drop(b);
    daemon.wait_for(&[alive(&a)]);
    let again = Beam::builder().epmd_port(daemon.port).cookie("c");
    let b = again.name(&name).start();
    assert_eq!(
        b.text("erlang:system_info(creation)"),
        (first + 1).to_string()
    );
    assert_eq!(a.text(&ping), "pong");
    // A node of that name is there.
    let taken = "net_kernel:stop(), element(1, net_kernel:start(['NAME', longnames]))";
    assert_eq!(a.text(&taken.replace("NAME", &name)), "error");
}

/// OTP 25 and later register again by themselves, some seconds after the daemon went.
#[test]
fn nodes_outlive_the_daemon_and_come_back_to_the_next() {
    let mut daemon = Daemon::start(&[]);
    let a = Beam::builder().epmd_port(daemon.port).cookie("c").start();
    let b = Beam::builder().epmd_port(daemon.port).cookie("c").start();
    let ping = format!("net_adm:ping('{}')", b.name());
    assert_eq!(a.text(&ping), "pong");
    daemon.kill();
    assert_eq!(a.text("erl_epmd:names({127,0,0,1})"), "{error,address}");
    // What is connected stays connected.
    assert_eq!(a.text(&ping), "pong");
    let daemon = Daemon::at(daemon.port);
    let end = Instant::now() + DEADLINE;
    while daemon.names().len() < 2 {
        assert!(Instant::now() < end, "{:?} came back", daemon.names());
        thread::sleep(Duration::from_millis(20));
    }
    let c = Beam::builder().epmd_port(daemon.port).cookie("c").start();
    assert_eq!(c.text(&ping), "pong");
    drop(b);
    let end = Instant::now() + DEADLINE;
    while daemon.names().len() > 2 {
        assert!(Instant::now() < end, "a node that is gone stays");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn ten_thousand_nodes() {
    const NODES: usize = 10_000;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(most > NODES as u64 + 100, "no more than {most} descriptors");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let daemon = Daemon::start(&[]);
    let nodes: Vec<_> = (0..NODES)
        .map(|n| daemon.register(&format!("node{n}")))
        .collect();
    let names = daemon.names();
    assert_eq!(names.len(), NODES);
    assert_eq!(
        (&names[0][..], &names[NODES - 1][..]),
        ("node9999", "node0")
    );
    let epmd = Epmd::at("127.0.0.1", daemon.port);
    for n in [0, 5_000, NODES - 1] {
        let node = format!("node{n}@127.0.0.1").parse().unwrap();
        assert_eq!(epmd.lookup(&node, until()).unwrap(), 1000);
    }
    drop(nodes);
    daemon.wait_for(&[]);
}

#[test]
fn callers_that_say_nothing_make_way_for_others() {
    let daemon = Daemon::start(&[]);
    let node = daemon.register("shop");
    let mut silent: Vec<_> = (0..1200).map(|_| daemon.connect()).collect();
    assert_eq!(daemon.names(), ["shop"]);
    // The oldest had to go, those that came last are there.
    assert_eq!(silent[0].read(&mut [0]).unwrap(), 0);
    let last = silent.last_mut().unwrap();
    last.write_all(b"\0\x05zshop").unwrap();
    let mut answer = Vec::new();
    last.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"w\0"));
    drop(node);
    daemon.wait_for(&[]);
}

#[test]
fn without_descriptors_it_lives_on() {
    let port = free_port();
    let mut shell = Command::new("sh");
    let command = "ulimit -n 24 && exec \"$0\" epmd -address 127.0.0.1 -port \"$1\"";
    shell.args([
        "-c",
        command,
        env!("CARGO_BIN_EXE_einode"),
        &port.to_string(),
    ]);
    let mut daemon = Daemon::of(&mut shell, port).unwrap();

    // Silent callers take no descriptor from those that speak.
    let silent: Vec<_> = (0..50).map(|_| daemon.connect()).collect();
    let first = daemon.register("first");
    assert_eq!(daemon.names(), ["first"]);
    drop(silent);

    // Nodes do, and then nobody comes in until one of them goes.
    let mut nodes = vec![first];
    let epmd = Epmd::at("127.0.0.1", port);
    let soon = || Instant::now() + Duration::from_millis(300);
    for n in 0.. {
        let registration = Registration::new(format!("node{n}"), 1, NodeType::HIDDEN);
        match epmd.register(registration, soon()) {
            Ok(node) => nodes.push(node),
            Err(_) => break,
        }
    }
    assert!((5..24).contains(&nodes.len()), "{}", nodes.len());
    assert!(daemon.is_running());
    nodes.truncate(2);
    let end = Instant::now() + DEADLINE;
    while epmd.names(soon()).map_or(0, |names| names.nodes().count()) != 2 {
        assert!(Instant::now() < end, "it has not recovered");
    }
    daemon.register("another");
}

#[test]
fn goes_to_the_background_when_it_listens() {
    let port = free_port().to_string();
    let options = ["-address", "127.0.0.1", "-port", &port];
    let started = run(program().arg("epmd").args(options).arg("-daemon"));
    assert_eq!(started.printed(), "");
    let names = run(program().args(["epmd", "-port", &port, "-names"]));
    let expected = format!("epmd: up and running on port {port} with data:\n");
    assert_eq!(names.printed(), expected);
    let again = run(program().arg("epmd").args(options).arg("-daemon"));
    assert_eq!((again.code, &again.out[..]), (0, &b""[..]));
    assert!(again.err.contains("there is a daemon"), "{}", again.err);
    let killed = run(program().args(["epmd", "-port", &port, "-kill"]));
    assert_eq!(killed.printed(), "Killed\n");
    // It cannot be in the background where it cannot listen.
    let nowhere = ["epmd", "-daemon", "-port", &port, "-address", "192.0.2.1"];
    let nowhere = run(program().args(nowhere));
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.err.contains("192.0.2.1"), "{}", nowhere.err);
}

/// As systemd hands it over: descriptor 3, and variables that say so.
#[test]
fn takes_its_socket_from_systemd() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let directory = tempfile::tempdir().unwrap();
    let notify = std::os::unix::net::UnixDatagram::bind(directory.path().join("notify")).unwrap();
    notify.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut shell = Command::new("sh");
    let command = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" epmd -systemd 3<&0";
    shell
        .args(["-c", command, env!("CARGO_BIN_EXE_einode")])
        .env("NOTIFY_SOCKET", directory.path().join("notify"))
        .stdin(std::os::fd::OwnedFd::from(listener));
    let daemon = Daemon::of(&mut shell, port).unwrap();
    let mut said = [0; 100];
    let length = notify.recv(&mut said).unwrap();
    let said = std::str::from_utf8(&said[..length]).unwrap();
    let pid = format!("MAINPID={}", daemon.child.id());
    assert!(said.contains("READY=1") && said.contains(&pid), "{said}");
    let node = daemon.register("shop");
    assert_eq!(daemon.names(), ["shop"]);
    drop(node);

    let none = run(program().args(["epmd", "-systemd"]));
    assert_eq!(none.code, 1);
    assert!(
        none.err.contains("systemd provides no sockets"),
        "{}",
        none.err
    );
}

#[test]
fn is_called_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let epmd = directory.path().join("epmd");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_einode"), &epmd).unwrap();
    let port = free_port().to_string();
    let names = run(Command::new(epmd).args(["-port", &port, "-names"]));
    assert_eq!(names.code, 1);
    assert_eq!(names.err, "epmd: Cannot connect to local epmd\n");
    // Its usage is what every wrong option gets.
    for wrong in ["-h", "-names x", "-port", "-stop", "names"] {
        let arguments = wrong.split(' ');
        let usage = run(program().arg("epmd").args(arguments));
        assert_eq!((usage.code, &usage.out[..]), (1, &b""[..]), "{wrong}");
        for option in [
            "-address",
            "-relaxed_command_check",
            "-delay_write",
            "-stop",
        ] {
            assert!(usage.err.contains(option), "{wrong}: {}", usage.err);
        }
    }
}

#[test]
fn a_daemon_that_closes_at_once() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let closing = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 3]);
    });
    let names = run(program().args(["epmd", "-port", &port, "-names"]));
    closing.join().unwrap();
    let said = &b"epmd: no response from local epmd\n"[..];
    assert_eq!((names.code, &names.out[..]), (1, said));
}
