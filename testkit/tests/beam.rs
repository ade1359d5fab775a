//! The real-node harness itself, against a real node.

use std::net::TcpStream;
use std::sync::Arc;

use einode_etf::{Atom, Term};
use einode_testkit::Beam;

#[test]
fn evaluates_expressions() {
    let node = Beam::alone();
    assert_eq!(node.text("X = 6, X * 7"), "42");
    assert_eq!(node.text("\"grüße\" % a comment at the end"), "\"grüße\"");
    assert_eq!(
        node.eval("{ok, 1}"),
        Term::tuple(vec![Atom::from_static("ok").into(), Term::from(1)])
    );
    assert_eq!(
        node.eval_bytes("byte_size(Input)", &[0; 200]),
        [131, 97, 200]
    );
    assert_eq!(
        node.binary("<<Input/binary, Input/binary>>", b"ab"),
        b"abab"
    );
    assert!(
        node.try_eval_bytes("1 = 2", &[])
            .unwrap_err()
            .contains("badmatch")
    );
    assert!(node.try_eval_bytes("no expression", &[]).is_err());
    assert_eq!(node.text("node()"), "nonode@nohost");
    assert!(node.release() >= 23);
}

#[test]
fn carries_megabytes() {
    let node = Beam::alone();
    let input: Vec<u8> = (0..8 << 20).map(|i| (i % 251) as u8).collect();
    assert!(node.binary("Input", &input) == input);
}

#[test]
fn keeps_one_process_with_its_mailbox() {
    let node = Beam::alone();
    node.text("register(tester, self()), spawn_link(fun() -> exit(bye) end)");
    node.wait_until("{messages, Messages} = process_info(self(), messages), Messages =/= []");
    assert_eq!(
        node.text("receive {'EXIT', _, Reason} -> Reason end"),
        "bye"
    );
    assert_eq!(node.text("whereis(tester) =:= self()"), "true");
}

#[test]
fn loads_modules() {
    let node = Beam::alone();
    node.load("-module(doubler).\n-export([double/1]).\ndouble(X) -> 2 * X.\n");
    assert_eq!(node.text("doubler:double(21)"), "42");
}

#[test]
fn nodes_with_one_epmd_find_each_other() {
    let one = Beam::start();
    let two = Beam::builder()
        .epmd(one.epmd())
        .cookie(one.cookie())
        .hidden()
        .start();
    assert_eq!(one.text(&format!("net_adm:ping('{}')", two.name())), "pong");
    assert_eq!(one.text("nodes()"), "[]");
    assert_eq!(one.text("nodes(hidden)"), format!("['{}']", two.name()));
    assert!(TcpStream::connect(("127.0.0.1", two.port())).is_ok());
}

#[test]
fn short_names_are_found_too() {
    let one = Beam::builder().short_name().start();
    let two = Beam::builder()
        .short_name()
        .epmd(one.epmd())
        .cookie(one.cookie())
        .start();
    assert_eq!(one.text(&format!("net_adm:ping('{}')", two.name())), "pong");
}

#[test]
fn nodes_with_another_cookie_are_refused() {
    let one = Beam::start();
    let two = Beam::builder().epmd(one.epmd()).start();
    assert_eq!(one.text(&format!("net_adm:ping('{}')", two.name())), "pang");
}

#[test]
fn a_paused_node_is_silent_and_a_killed_one_gone() {
    let one = Beam::start();
    let mut two = Beam::builder()
        .epmd(one.epmd())
        .cookie(one.cookie())
        .start();
    let ping = format!("net_adm:ping('{}')", two.name());
    assert_eq!(one.text(&ping), "pong");

    two.pause();
    assert_eq!(
        one.text(&format!(
            "catch gen_server:call({{net_kernel, '{}'}}, x, 100), ok",
            two.name()
        )),
        "ok"
    );
    two.resume();
    assert_eq!(one.text(&ping), "pong");

    two.kill();
    one.wait_until("nodes() =:= []");
}

#[test]
fn nothing_stays_behind() {
    let node = Beam::start();
    let (epmd, port) = (node.epmd_port(), node.port());
    let other = Arc::clone(node.epmd());
    drop(node);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(TcpStream::connect(("127.0.0.1", epmd)).is_ok());
    drop(other);
    assert!(TcpStream::connect(("127.0.0.1", epmd)).is_err());
}

#[test]
#[should_panic(expected = "did not start")]
fn a_node_that_cannot_start_says_why() {
    Beam::builder()
        .arguments(["-no_such_emulator_flag", "-s", "no_such_module"])
        .start();
}
