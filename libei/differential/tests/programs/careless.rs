//! Programs that are careless, one test for each way. Others are beside what they are about:
//! descriptors above 1024, those that the program made or closed itself, and callbacks that fail in
//! `connect.rs` and `client.rs`, callbacks that lie in `callbacks.rs`, threads in `server.rs`, an empty stdout in `tracing.rs`, payloads in
//! `libei/tests/messages.rs`, and terms in `libei/tests/differences.rs`.

use einode_testkit::Beam;

use crate::program::Build::{OursInValgrind, OursSanitized};
use crate::program::Program;

#[track_caller]
fn says(mistake: &str, expected: &str) {
    let beam = Beam::start();
    beam.load(include_str!("echo.erl"));
    beam.text("echo:start()");
    for build in [OursSanitized, OursInValgrind] {
        let arguments = [mistake, beam.cookie(), beam.name()];
        let told = Program::start("careless", build, beam.epmd_port(), &arguments).rest();
        assert_eq!(told, expected, "{build:?}");
        beam.wait_until("nodes(hidden) == []");
    }
}

const TALK: &str = "send: ok\nreceive: ok\nsend: ok\nreceive: ok\nclose: ok\n\
                    close again: -1 EBADF\nopen 0\n";

#[test]
fn null_where_something_must_be() {
    says("null", &format!("connect: ok\n0 were not refused\n{TALK}"));
}

#[test]
fn a_buffer_that_the_program_has_replaced() {
    says("replaced", &format!("connect: ok\n{TALK}"));
    let once_more = "send: ok\nreceive: ok\n";
    says("moved", &format!("connect: ok\n{once_more}{TALK}"));
}

#[test]
fn without_ei_init_or_with_two() {
    says("uninitialized", &format!("connect: ok\n{TALK}"));
    says("initialized twice", &format!("connect: ok\n{TALK}"));
}

#[test]
fn fork_after_ei_connect_init() {
    says("fork", &format!("connect: ok\n{TALK}"));
}

#[test]
fn signals_all_the_time() {
    says("signals", &format!("connect: ok\n{TALK}"));
}
