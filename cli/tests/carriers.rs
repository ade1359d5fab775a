//! What connections are made of: relays behind commands, Unix domain sockets, IPv6 and TLS.

#[cfg(feature = "tls")]
#[path = "../../node/tests/common/ca.rs"]
mod ca;
mod common;
#[path = "../../node/examples/over_a_command.rs"]
#[allow(dead_code, reason = "its main is for the command line")]
mod over_a_command;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use common::{Run, einode, program, run};
use einode::blocking::{Endpoint, Unix};
use einode::{Address, Config, Cookie, LinkError, NodeName};
use einode_testkit::Beam;

/// The relay as a command for the shell.
fn relay(arguments: &str) -> String {
    format!("'{}' relay {arguments}", env!("CARGO_BIN_EXE_einode"))
}

/// The relay to a node.
fn relay_to(beam: &Beam) -> String {
    relay(&format!("--epmd-port {} {}", beam.epmd_port(), beam.name()))
}

/// Asks for the name of a node behind a command.
fn ask_via(command: &str, node: &str, cookie: &str) -> Run {
    einode(&[
        "call",
        "--timeout",
        "3",
        "--cookie",
        cookie,
        "--via",
        command,
        node,
        "erlang:node()",
    ])
}

/// A command that notes the number of its process in a file first.
fn noting(directory: &Path, command: &str) -> String {
    let (script, pid) = (directory.join("command"), directory.join("pid"));
    fs::write(&script, format!("echo $$ > {pid:?}; exec {command}")).unwrap();
    format!("sh {script:?}")
}

/// Whether the process that noted its number is gone, and waited for by its parent.
fn is_gone(directory: &Path) -> bool {
    let pid = fs::read_to_string(directory.join("pid")).unwrap();
    !Path::new("/proc").join(pid.trim()).exists()
}

#[test]
fn calls_through_a_relay() {
    let beam = Beam::start();
    let name = format!("'{}'\n", beam.name());
    let home = tempfile::tempdir().unwrap();
    let command = noting(home.path(), &relay_to(&beam));
    assert_eq!(
        ask_via(&command, beam.name(), beam.cookie()).printed(),
        name
    );
    assert!(is_gone(home.path()));

    let by_address = relay(&format!("--address 127.0.0.1:{}", beam.port()));
    assert_eq!(
        ask_via(&by_address, beam.name(), beam.cookie()).printed(),
        name
    );
    beam.wait_until("nodes(hidden) =:= []");

    let node = beam.name().parse().unwrap();
    let asked = over_a_command::ask(&by_address, &node, beam.cookie()).unwrap();
    assert_eq!(asked.to_string(), name.trim_end());
}

#[test]
fn sends_through_a_relay() {
    let beam = Beam::start();
    beam.eval("register(agent, self())");
    let home = tempfile::tempdir().unwrap();
    let command = noting(home.path(), &relay_to(&beam));
    let text = format!("<<\"{}\">>", "x".repeat(100_000));
    let send = [
        "send",
        "--cookie",
        beam.cookie(),
        "--via",
        &command,
        beam.name(),
        "agent",
        &text,
    ];
    assert_eq!(einode(&send).printed(), "");
    assert!(is_gone(home.path()));
    assert_eq!(
        beam.text("receive Got -> byte_size(Got) after 0 -> nothing end"),
        "100000"
    );
}

#[test]
fn ends_the_command_when_there_is_no_connection() {
    let beam = Beam::start();
    let home = tempfile::tempdir().unwrap();
    let fails = |command: &str, cookie: &str| {
        let run = ask_via(&noting(home.path(), command), beam.name(), cookie);
        assert!(
            run.time < Duration::from_secs(8),
            "{command}: {:?}",
            run.time
        );
        assert!(is_gone(home.path()), "{command}");
        assert_eq!(
            (run.code, run.out.as_slice()),
            (2, &b""[..]),
            "{command}: {}",
            run.err
        );
        run.err
    };
    assert_eq!(
        fails(&relay_to(&beam), "wrong"),
        "einode: handshake failed: the peer refused our digest: it has another cookie\n"
    );
    assert_eq!(
        fails("sh -c 'exit 7'", beam.cookie()),
        "einode: handshake failed: the command ended with exit status: 7\n"
    );
    // One that listens to nothing, and one that closes its output and stays.
    assert_eq!(
        fails("sleep 1000", beam.cookie()),
        "einode: handshake failed: timed out\n"
    );
    let closed = fails("sleep 1000 >&-", beam.cookie());
    assert!(
        closed.ends_with("(this does not look like an Erlang node)\n"),
        "{closed}"
    );
    // What the relay says comes before what we say.
    let port = beam.epmd_port();
    assert_eq!(
        fails(
            &relay(&format!("--epmd-port {port} nobody@127.0.0.1")),
            beam.cookie()
        ),
        format!(
            "einode: EPMD at 127.0.0.1:{port} knows no node nobody\n\
             einode: handshake failed: the command ended with exit status: 2\n"
        )
    );
}

#[test]
fn ends_the_command_when_the_call_fails() {
    let beam = Beam::start();
    let home = tempfile::tempdir().unwrap();
    for (call, code) in [
        ("erlang:error(oops)", 1),
        ("timer:sleep(60000)", 1),
        ("erlang:halt()", 2),
    ] {
        let command = noting(home.path(), &relay_to(&beam));
        let arguments = ["--timeout", "2", "--via", &command, beam.name(), call];
        let run = run(program()
            .args(["call", "--cookie", beam.cookie()])
            .args(arguments));
        assert_eq!(run.code, code, "{}", run.err);
        assert!(is_gone(home.path()), "{call}");
    }
}

/// A relay that runs beside the test.
struct Relay(Child);

impl Relay {
    fn start(arguments: &[&str]) -> Self {
        let mut command = program();
        command.arg("relay").args(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.stderr(Stdio::piped()).spawn().unwrap())
    }

    fn stopped(mut self) -> (i32, String) {
        let mut said = String::new();
        let mut err = self.0.stderr.take().unwrap();
        err.read_to_string(&mut said).unwrap();
        (self.0.wait().unwrap().code().unwrap(), said)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn relays_bytes_as_they_are() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut relay = Relay::start(&["--address", &address]);
    let (mut node, _) = listener.accept().unwrap();
    let mut input = relay.0.stdin.take().unwrap();
    let mut output = relay.0.stdout.take().unwrap();

    // Nothing waits for more.
    for byte in 0..=u8::MAX {
        let mut came = [0];
        input.write_all(&[byte]).unwrap();
        node.read_exact(&mut came).unwrap();
        assert_eq!(came, [byte]);
        node.write_all(&[byte]).unwrap();
        output.read_exact(&mut came).unwrap();
        assert_eq!(came, [byte]);
    }

    // The end of the input is passed on, and what the node still has to say too.
    let much: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            input.write_all(&much).unwrap();
            drop(input);
        });
        let mut there = Vec::new();
        node.read_to_end(&mut there).unwrap();
        assert!(there == much);
        scope.spawn(|| {
            node.write_all(&much).unwrap();
            node.shutdown(Shutdown::Both).unwrap();
        });
        let mut back = Vec::new();
        output.read_to_end(&mut back).unwrap();
        assert!(back == much);
    });
    assert_eq!(relay.stopped(), (0, String::new()));
}

/// The input is still open then.
#[test]
fn a_relay_ends_with_the_node() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let relay = Relay::start(&["--address", &address]);
    drop(listener.accept().unwrap());
    assert_eq!(relay.stopped(), (0, String::new()));
}

#[test]
fn a_relay_does_not_wait_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut relay = Relay::start(&["--timeout", "0.5", "--address", &address]);
    drop(relay.0.stdin.take());
    let _silent = listener.accept().unwrap();
    let said = "einode: the node does not close\n".to_owned();
    assert_eq!(relay.stopped(), (2, said));

    drop(listener);
    let refused = Relay::start(&["--address", &address]).stopped();
    let said = format!("einode: connection to {address} failed: Connection refused");
    assert!(
        refused.0 == 2 && refused.1.starts_with(&said),
        "{refused:?}"
    );
}

#[test]
fn options_that_contradict_each_other_are_wrong_usage() {
    for options in [
        &["relay"][..],
        &["relay", "a@b", "--unix", "/x"],
        &["ping", "a@b", "--unix", "/x", "--address", "b:1"],
        &["ping", "a@b", "--via", "cat", "--address", "b:1"],
        &["ping", "a@b", "--proto", "unix"],
        &[
            "ping", "a@b", "--proto", "tcp", "--unix", "/x", "--cookie", "x",
        ],
        #[cfg(feature = "tls")]
        &["ping", "a@b", "--proto", "tls"],
        #[cfg(feature = "tls")]
        &[
            "ping",
            "a@b",
            "--proto",
            "tcp",
            "--tls-optfile",
            "/x",
            "--cookie",
            "x",
        ],
    ] {
        let run = run(program().args(options));
        assert_eq!(run.code, 64, "{options:?}: {}", run.err);
    }
}

/// A node in Rust behind a Unix socket, directly and through a relay.
#[test]
fn pings_over_unix_sockets() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node");
    let name: NodeName = "rust@127.0.0.1".parse().unwrap();
    let node = Endpoint::new(Config::new(name, Cookie::new("secret").unwrap()));
    let listener = node
        .transport(Unix::default())
        .listen(&Address::Unix(path.clone()))
        .unwrap();
    let path = path.to_str().unwrap();
    let via = relay(&format!("--unix '{path}'"));
    for place in [["--unix", path], ["--via", &via]] {
        thread::scope(|scope| {
            let pinging = scope.spawn(|| {
                let options = ["ping", "--cookie", "secret", "rust@127.0.0.1"];
                run(program().args(options).args(place))
            });
            let mut link = listener.accept(Duration::from_secs(10)).unwrap();
            let end = loop {
                // The answer to pings is the link's own affair; what is left is how it asks.
                match link.receive(Duration::from_secs(10)) {
                    Ok(_) => {}
                    Err(end) => break end,
                }
            };
            assert!(matches!(end, LinkError::Closed), "{end:?}");
            drop(link);
            let pinged = pinging.join().unwrap();
            assert!(pinged.printed().starts_with("pong in "), "{pinged:?}");
        });
    }
}

#[test]
fn connects_over_ipv6() {
    let beam = Beam::builder()
        .interface("{0,0,0,0,0,0,0,1}")
        .arguments(["-proto_dist", "inet6_tcp"])
        .start();
    let address = format!("[::1]:{}", beam.port());
    let call = [
        "call",
        "--cookie",
        beam.cookie(),
        "--address",
        &address,
        beam.name(),
        "erlang:node()",
    ];
    assert_eq!(einode(&call).printed(), format!("'{}'\n", beam.name()));
    let through = relay(&format!("--address '{address}'"));
    let asked = ask_via(&through, beam.name(), beam.cookie());
    assert_eq!(asked.printed(), format!("'{}'\n", beam.name()));
}

/// The relay passes TLS on as it is.
#[cfg(feature = "tls")]
#[test]
fn connects_over_tls() {
    let authority = ca::Authority::new("CA");
    let issued = authority.issue(&["dns:127.0.0.1", "127.0.0.1"]);
    let options = "[{server, [{certfile, \"node.pem\"}]}, \
                    {client, [{cacertfile, \"ca.pem\"}, {verify, verify_peer}]}].";
    let beam = Beam::builder()
        .file("node.pem", issued.pem())
        .file("ca.pem", &authority.pem)
        .file("tls.conf", options)
        .arguments(["-proto_dist", "inet_tls", "-ssl_dist_optfile", "./tls.conf"])
        .start();
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let trusted = file("ca.pem", &authority.pem);
    let options = |trusted: &str| {
        format!("[{{client, [{{cacertfile, {trusted:?}}}, {{verify, verify_peer}}]}}].")
    };
    let right = file("right.conf", &options(&trusted));
    let others = file("others.pem", &ca::Authority::new("Others").pem);
    let wrong = file("wrong.conf", &options(&others));

    let epmd = beam.epmd_port().to_string();
    let address = format!("127.0.0.1:{}", beam.port());
    let through = relay_to(&beam);
    for place in [
        &["--epmd-port", &epmd][..],
        &["--proto", "tls", "--address", &address],
        &["--via", &through],
    ] {
        let asked = |file: &str| {
            let options = ["call", "--cookie", beam.cookie(), "--tls-optfile", file];
            let call = [beam.name(), "erlang:node()"];
            run(program().args(options).args(place).args(call))
        };
        assert_eq!(asked(&right).printed(), format!("'{}'\n", beam.name()));
        let refused = asked(&wrong);
        assert!(
            refused.complaint(2).contains("certificate"),
            "{place:?}: {}",
            refused.err
        );
    }
    // The program that is OTP's otherwise.
    for (place, expected) in [
        (&["-name", beam.name()][..], [0, 1]),
        (&["-address", &address], [0, 1]),
    ] {
        for (file, expected) in [&right, &wrong].into_iter().zip(expected) {
            let options = ["erl_call", "-c", beam.cookie(), "--tls-optfile", file];
            let mut program = program();
            program
                .env("ERL_EPMD_PORT", &epmd)
                .args(options)
                .args(place);
            let run = run(program.args(["-a", "erlang node"]));
            assert_eq!(run.code, expected, "{place:?}: {}", run.err);
            if expected == 0 {
                assert_eq!(run.printed(), format!("'{}'", beam.name()));
            } else {
                assert!(run.err.contains("certificate"), "{}", run.err);
            }
        }
    }
    let unreadable = [
        "ping",
        "a@b",
        "--cookie",
        "x",
        "--tls-optfile",
        "/nonexistent/tls.conf",
    ];
    assert!(
        einode(&unreadable)
            .complaint(64)
            .contains("/nonexistent/tls.conf")
    );
}
