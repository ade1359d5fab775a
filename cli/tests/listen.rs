//! Being a node that others send to.

mod common;

use common::{Following, program};
use einode_testkit::Beam;

/// Is a node that the other one can find.
fn listen(beam: &Beam, arguments: &[&str]) -> Following {
    let port = beam.epmd_port().to_string();
    let us = ["--cookie", beam.cookie(), "--epmd-port", &port];
    let listening = Following::of(program().arg("listen").args(us).args(arguments));
    beam.wait_until("lists:keymember(\"printer\", 1, element(2, net_adm:names()))");
    listening
}

#[test]
fn prints_what_it_is_sent() {
    let beam = Beam::start();
    let mut printer = listen(&beam, &["printer@127.0.0.1"]);
    beam.eval("{printer, 'printer@127.0.0.1'} ! {hello, \"größe\", self()}");
    let agent = beam.text("list_to_atom(pid_to_list(self()))");
    let number = agent.split('.').nth(1).unwrap();
    let line = format!("{{hello,\"größe\",<'{}'.{number}.0>}}", beam.name());
    assert_eq!(printer.line(), line);
    assert_eq!(beam.text("net_adm:ping('printer@127.0.0.1')"), "pong");
    // To another name there is nobody.
    beam.eval("{other, 'printer@127.0.0.1'} ! lost, {printer, 'printer@127.0.0.1'} ! #{n => 2}");
    assert_eq!(printer.line(), "#{n => 2}");
    printer.interrupt();
    beam.wait_until("not lists:keymember(\"printer\", 1, element(2, net_adm:names()))");
}

#[test]
fn as_json_under_another_name_and_so_many() {
    let beam = Beam::start();
    let few = [
        "--json",
        "--as",
        "inbox",
        "--count",
        "2",
        "printer@127.0.0.1",
    ];
    let mut printer = listen(&beam, &few);
    beam.eval("[{inbox, 'printer@127.0.0.1'} ! #{n => I} || I <- [1, 2, 3]]");
    assert_eq!(printer.line(), "{\"n\":1}");
    assert_eq!(printer.line(), "{\"n\":2}");
    assert_eq!(printer.code(), Some(0));
}

#[test]
fn runs_a_program_for_each_message() {
    let beam = Beam::start();
    let tag = "read term && echo \"got $term\" && test \"$term\" != bad";
    let mut printer = listen(&beam, &["--exec", tag, "--count", "3", "printer@127.0.0.1"]);
    beam.eval("[{printer, 'printer@127.0.0.1'} ! Term || Term <- [{a, 1}, bad, b]]");
    for line in ["got {a,1}", "got bad", "got b"] {
        assert_eq!(printer.line(), line);
    }
    assert_eq!(printer.code(), Some(0));
}

#[test]
fn a_name_that_is_taken_is_told() {
    let beam = Beam::start();
    let port = beam.epmd_port().to_string();
    let taken = beam.name();
    let listen = ["listen", "--cookie", "x", "--epmd-port", &port, taken];
    assert!(common::einode(&listen).complaint(2).contains("name"));
}
