//! The programs in `examples/c`, with real Erlang nodes.

#[path = "../../../node/tests/common/ca.rs"]
mod ca;
mod common;
#[path = "../../../node/tests/common/inet_tls.rs"]
mod inet_tls;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use ca::Authority;
use common::{Program, build};
use einode_testkit::{Beam, DEADLINE};
use inet_tls::{Files, HOSTS};

/// Calls a process of the C node, as soon as the port mapper knows the node.
fn call(beam: &Beam, node: &str) -> String {
    beam.wait_until("erl_epmd:port_please(\"c\", {127, 0, 0, 1}) =/= noport");
    beam.text(&format!(
        "Tag = {{from, node()}}, {{any, '{node}'}} ! Tag, \
         receive Answer -> {{answer, Answer =:= Tag orelse Answer}} after 30000 -> timeout end"
    ))
}

#[test]
fn over_tls_in_both_directions() {
    let program = build("examples/c/tls.c", "libeinode_c.a");
    let source = include_str!("../../../examples/c/tls.c");
    assert!(source.lines().count() < 40);
    let ca = Authority::new("ca");
    let options = include_str!("../../../examples/c/inet_tls.conf");
    for version in ["", "{versions, ['tlsv1.2']},"] {
        let options = options.replace("{certfile,", &format!("{version} {{certfile,"));
        let files = |issued| Files {
            options: &options,
            issued,
            authorities: &ca.pem,
        };
        let beam = files(&ca.issue(HOSTS)).beam("-proto_dist inet_tls");
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("inet_tls.conf"), &options).unwrap();
        fs::write(home.path().join("node.pem"), ca.issue(HOSTS).pem()).unwrap();
        fs::write(home.path().join("ca.pem"), &ca.pem).unwrap();
        let mut command = Command::new(&program);
        command
            .args(["./inet_tls.conf", beam.cookie()])
            .current_dir(home.path())
            .env("ERL_EPMD_PORT", beam.epmd_port().to_string());

        let mut called = Program::start(&mut command);
        assert_eq!(call(&beam, "c@127.0.0.1"), "{answer,true}");
        called.says(&format!("{{from, '{}'}}", beam.name()));
        called.ends();

        let mut caller = Program::start(command.arg(beam.name()));
        caller.says(&format!("'{}'", beam.name()));
        caller.ends();
    }
}

#[test]
fn over_ipv6_in_both_directions() {
    let program = build("examples/c/ipv6.c", "libei.a");
    let builder = Beam::builder();
    let beam = builder
        .name(&format!("beam_{}@::1", std::process::id()))
        .interface("{0,0,0,0,0,0,0,1}")
        .arguments(["-proto_dist", "inet6_tcp"])
        .start();
    let mut command = Command::new(program);
    command
        .arg(beam.cookie())
        .env("ERL_EPMD_PORT", beam.epmd_port().to_string());

    let mut called = Program::start(&mut command);
    assert_eq!(call(&beam, "c@::1"), "{answer,true}");
    called.says(&format!("{{from, '{}'}}", beam.name()));
    called.ends();

    let mut caller = Program::start(command.arg(beam.name()));
    caller.says(&format!("'{}'", beam.name()));
    caller.ends();
}

/// Carries bytes between two sockets until one of them ends.
fn relay(near: &UnixStream, far: &TcpStream) {
    let end = || {
        let _ = (near.shutdown(Shutdown::Both), far.shutdown(Shutdown::Both));
    };
    thread::scope(|scope| {
        scope.spawn(|| (io::copy(&mut &*near, &mut &*far), end()));
        scope.spawn(|| (io::copy(&mut &*far, &mut &*near), end()));
    });
}

/// Registers the node `c` with a port mapper for as long as the connection is open.
fn register(epmd: u16, port: u16) -> TcpStream {
    let mut mapper = TcpStream::connect(("127.0.0.1", epmd)).unwrap();
    let [high, low] = port.to_be_bytes();
    let request = [
        0, 14, b'x', high, low, b'H', 0, 0, 6, 0, 5, 0, 1, b'c', 0, 0,
    ];
    io::Write::write_all(&mut mapper, &request).unwrap();
    let mut answer = [0; 2];
    io::Read::read_exact(&mut mapper, &mut answer).unwrap();
    assert_eq!(answer, [b'v', 0]);
    mapper
}

/// Waits until a socket listens there.
fn await_file(path: &Path) {
    let end = Instant::now() + DEADLINE;
    while !path.exists() {
        assert!(Instant::now() < end, "{}", path.display());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Erlang nodes have no Unix sockets, so bytes are carried between theirs and those of the C node.
#[test]
fn over_unix_sockets_in_both_directions() {
    let program = build("examples/c/unix.c", "libei.a");
    let beam = Beam::builder().short_name().start();
    let directory = tempfile::tempdir().unwrap();
    let start = |alive: &str, peer: &[&str]| {
        let paths = directory.path().join("%n");
        let mut command = Command::new(&program);
        command.arg(paths).args([beam.cookie(), alive]).args(peer);
        Program::start(&mut command)
    };
    let path = |node: &str| directory.path().join(node);

    let near = UnixListener::bind(path(beam.name())).unwrap();
    let port = beam.port();
    let relayed = thread::spawn(move || {
        let near = near.accept().unwrap().0;
        let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
        relay(&near, &far);
    });
    beam.eval("register(any, spawn(fun() -> receive {P, _} = Told -> P ! Told end end))");
    let mut caller = start("caller", &[beam.name()]);
    assert!(caller.line().ends_with(", hello}"));
    caller.ends();
    relayed.join().unwrap();

    let mut called = start("c", &[]);
    await_file(&path("c@localhost"));
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let registered = register(beam.epmd_port(), far.local_addr().unwrap().port());
    let near = path("c@localhost");
    let relayed = thread::spawn(move || {
        let far = far.accept().unwrap().0;
        let near = UnixStream::connect(near).unwrap();
        relay(&near, &far);
    });
    assert_eq!(call(&beam, "c@localhost"), "{answer,true}");
    called.says(&format!("{{from, {}}}", beam.name()));
    called.ends();
    relayed.join().unwrap();
    drop(registered);
    assert!(
        !path("c@localhost").exists(),
        "the file goes with the socket"
    );

    // Without an Erlang node between them.
    let mut called = start("d", &[]);
    await_file(&path("d@localhost"));
    let permissions = fs::metadata(path("d@localhost")).unwrap().permissions();
    assert_eq!(permissions.mode() & 0o777, 0o600);
    let mut caller = start("e", &["d@localhost"]);
    let (said, heard) = (caller.line(), called.line());
    assert!(
        said == heard && said.starts_with("{<e@localhost."),
        "{said} {heard}"
    );
    caller.ends();
    called.ends();
}
