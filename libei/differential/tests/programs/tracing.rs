//! What the library tells about connections: who tells it, at which level, and on which occasion.

use std::process::Stdio;

use einode_testkit::Beam;

use crate::program::Build::{self, Ours, Theirs};
use crate::program::Program;

/// All that a program writes to stderr.
fn told(beam: &Beam, build: Build, level: &str) -> String {
    let arguments = [level, beam.cookie(), beam.name()];
    let mut command = Program::command("tracing", build, beam.epmd_port(), &arguments);
    let output = command.stderr(Stdio::piped()).output().expect("a program");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"");
    beam.wait_until("nodes(hidden) == []");
    beam.wait_until(
        "{ok, Names} = erl_epmd:names({127,0,0,1}), not lists:keymember(\"c\", 1, Names)",
    );
    String::from_utf8(output.stderr).expect("text")
}

/// The function, the direction, what is passed on and whether that has gone well; or a step.
fn event(line: &str) -> String {
    if line.starts_with("##") {
        return line.to_owned();
    }
    let mut parts = line.splitn(6, ':');
    let function = parts.next().unwrap_or_default();
    let text = parts
        .nth(2)
        .map_or("", |_| parts.next().unwrap_or_default());
    let mut words = text.split_whitespace();
    let mut event = function.to_owned();
    // OTP's answers to these go over several lines.
    if ["ei_epmd_r4_publish", "ei_unpublish_tmo"].contains(&function) {
        return event;
    }
    if let Some(arrow @ ("->" | "<-")) = words.next() {
        let what = words
            .next()
            .unwrap_or_default()
            .trim_end_matches(':')
            .to_uppercase();
        let done = text.contains("ok)");
        event += &format!(" {arrow} {what}{}", if done { " ok" } else { "" });
    }
    event
}

fn events(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut events: Vec<_> = lines.map(event).collect();
    // What OTP's library tells of a failure twice.
    events.dedup();
    events
}

#[test]
fn tells_what_otps_library_tells() {
    let beam = Beam::start();
    for level in ["0", "1", "2", "3"] {
        let (ours, theirs) = (told(&beam, Ours, level), told(&beam, Theirs, level));
        let lines = ours.lines().filter(|line| !line.starts_with("##")).count();
        assert_eq!(lines, ours.matches("\r\n").count(), "{ours}");
        assert_eq!(events(&ours), events(&theirs), "level {level}");
    }
}
