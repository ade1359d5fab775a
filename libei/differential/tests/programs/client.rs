//! A client that says and hears all that there is, over every kind of socket.

use einode_testkit::Beam;

use crate::program::Build::{self, Ours, OursInValgrind, OursSanitized, Theirs};
use crate::program::{ALL, Program};

/// What the program prints while it talks to a node.
fn talk(beam: &Beam, build: Build, sockets: &str) -> String {
    beam.text("echo:start()");
    let arguments = [sockets, beam.cookie(), beam.name()];
    let told = Program::start("client", build, beam.epmd_port(), &arguments).rest();
    beam.wait_until("whereis(echo) == undefined");
    beam.wait_until("nodes(hidden) == []");
    // Pids of the node differ from one time to the next.
    let mut told: Vec<_> = told
        .lines()
        .map(|line| without_numbers(line, beam.name()))
        .collect();
    told.push(String::new());
    told.join("\n")
}

/// A line without the numbers of a node's pids.
fn without_numbers(line: &str, node: &str) -> String {
    let start = format!("<{node}.");
    let mut parts = line.split(&start);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += "<>";
        text += part.split_once('>').map_or("", |(_, rest)| rest);
    }
    text
}

#[test]
fn talks_as_with_otps_library() {
    let beam = Beam::start();
    beam.load(include_str!("echo.erl"));
    let expected = talk(&beam, Theirs, "tcp");
    for build in ALL {
        assert_eq!(talk(&beam, build, "tcp"), expected, "{build:?}");
    }
    for sockets in [
        "plain",
        "full",
        "single",
        "bytes",
        "unhooked",
        "interrupted",
        "early",
    ] {
        assert_eq!(talk(&beam, Ours, sockets), expected, "{sockets}");
    }
}

#[test]
fn whatever_callback_fails_it_is_told_and_nothing_is_left_open() {
    let beam = Beam::start();
    beam.load(include_str!("echo.erl"));
    beam.text("echo:start()");
    for (build, sockets) in [
        (OursSanitized, "plain"),
        (OursSanitized, "full"),
        (OursSanitized, "single"),
        (OursSanitized, "interrupted"),
        (OursInValgrind, "plain"),
    ] {
        let arguments = [sockets, beam.cookie(), beam.name(), "failures"];
        let mut program = Program::start("client", build, beam.epmd_port(), &arguments);
        program.says(&["all of many calls have failed"]);
        program.ends();
    }
}
