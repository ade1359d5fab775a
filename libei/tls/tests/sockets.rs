//! What C programs do with connections over TLS, under valgrind too.

#[path = "../../../node/tests/common/ca.rs"]
mod ca;
mod common;
#[path = "../../../node/tests/common/inet_tls.rs"]
mod inet_tls;

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use ca::Authority;
use common::{Program, build};
use inet_tls::{Files, HOSTS, INET_TLS};

#[test]
fn sockets_of_tls_are_as_others() {
    let program = build("libei/tls/tests/sockets.c", "libeinode_c.a");
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let options = include_str!("../../../examples/c/inet_tls.conf");
    let files = Files {
        options,
        issued: &ca.issue(HOSTS),
        authorities: &ca.pem,
    };
    let beam = files.beam(INET_TLS);
    beam.eval(
        "register(echo, spawn(fun() -> Loop = fun(Self) -> receive {P, B} -> P ! B end, Self(Self) end, \
         Loop(Loop) end))",
    );
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
    write("inet_tls.conf", options);
    write("node.pem", &ca.issue(HOSTS).pem());
    write("ca.pem", &ca.pem);
    write("other.pem", &other.pem);
    // The system completes connections here, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    // What the assembler code of ring computes, valgrind takes for uninitialised; and a child that has
    // forked leaves to its parent what other threads had.
    let valgrind = [
        "valgrind",
        "--quiet",
        "--leak-check=full",
        "--undef-value-errors=no",
        "--child-silent-after-fork=yes",
        "--error-exitcode=77",
    ];
    for watcher in [&[][..], &valgrind] {
        let mut command = match watcher.split_first() {
            Some((watcher, arguments)) => {
                let mut command = Command::new(watcher);
                command.args(arguments).arg(&program);
                command
            }
            None => Command::new(&program),
        };
        command
            .args(["inet_tls.conf", beam.cookie(), beam.name(), &port])
            .current_dir(home.path())
            .env("ERL_EPMD_PORT", beam.epmd_port().to_string());
        let mut node = Program::start(&mut command);
        let at = format!("host 127.0.0.1: connecting to 127.0.0.1:{}", beam.port());
        node.says("missing file: ENOENT, missing: No such file or directory (os error 2)");
        node.says(&format!(
            "setup of another set: EINVAL, {}",
            "these callbacks need a setup of einode_tls and got another"
        ));
        let why =
            "TLS: we do not accept the peer's certificate: it was issued by no CA that we trust";
        node.says(&format!("another CA: EACCES, {at}: {why}"));
        let why =
            "TLS: the peer was silent instead of an answer; it may expect connections without TLS";
        let at = format!("host 127.0.0.1: connecting to 127.0.0.1:{port}");
        node.says(&format!("silence: ETIMEDOUT, {at}: {why}"));
        node.says("connect: ok");
        node.says("connect: ok");
        node.says("received 300");
        let limit = node.line();
        assert!(
            limit.starts_with("limit: EMSGSIZE, the peer sent a packet of 20"),
            "{limit}"
        );
        assert!(limit.ends_with(" bytes, the limit is 1000"), "{limit}");
        node.says("after fork: received 1");
        node.says("stop the node");
        beam.pause();
        node.go_on();
        node.says("receive: ETIMEDOUT, timed out");
        node.says("send: ETIMEDOUT, timed out");
        node.says("close: ok");
        node.says("left open: 0");
        node.ends();
        beam.resume();
    }
}

#[test]
fn tls_may_be_over_ipv6() {
    let program = build("libei/tls/tests/sockets.c", "libeinode_c.a");
    let ca = Authority::new("ca");
    let issued = ca.issue(&["::1"]);
    let options = include_str!("../../../examples/c/inet_tls.conf");
    let files = Files {
        options,
        issued: &issued,
        authorities: &ca.pem,
    };
    let beam = files
        .builder("-proto_dist inet6_tls")
        .name(&format!("tls6_{}@::1", std::process::id()))
        .interface("{0,0,0,0,0,0,0,1}")
        .start();
    beam.eval("register(echo, spawn(fun() -> receive {P, B} -> P ! B end end))");
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
    write("inet_tls.conf", options);
    write("node.pem", &issued.pem());
    write("ca.pem", &ca.pem);
    let mut command = Command::new(program);
    command
        .args(["inet_tls.conf", beam.cookie(), beam.name()])
        .current_dir(home.path())
        .env("ERL_EPMD_PORT", beam.epmd_port().to_string());
    let mut node = Program::start(&mut command);
    for said in ["connect: ok", "send: ok", "received 1"] {
        node.says(said);
    }
    node.ends();
}
