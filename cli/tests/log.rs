//! What a node logs, followed.

mod common;

use common::{EVALUATING, Following, nothing_is_left};
use einode_testkit::Beam;

const FILTERS: &str = "length(maps:get(filters, logger:get_primary_config()))";
/// Follows from now on, as the only one.
fn follow(beam: &Beam, arguments: &[&str]) -> Following {
    let log = Following::start(beam, "log", arguments);
    beam.wait_until(&format!("{FILTERS} > 0"));
    log
}

#[test]
fn prints_what_the_node_logs() {
    let beam = Beam::start();
    let mut log = follow(&beam, &["--level", "warning"]);
    beam.eval("logger:notice(\"too little\"), logger:error(\"größe ~p\", [{a, 1}])");
    let line = log.line();
    assert!(line.contains("Z error   <0."), "{line}");
    assert!(line.ends_with(" größe {a,1}"), "{line}");
    beam.eval("logger:warning(#{report => 7}, #{domain => [my]})");
    let line = log.line();
    assert!(
        line.contains("Z warning <0.") && line.ends_with(" report: 7"),
        "{line}"
    );
    beam.eval("spawn(fun() -> error(oops) end)");
    let line = log.line();
    assert!(line.contains("Error in process <0."), "{line}");
    log.interrupt();
    nothing_is_left(&beam);
    assert_eq!(beam.text(FILTERS), "0");
    // It kept nothing from the node's own handler, which writes after a call of it at the latest.
    beam.eval("logger_std_h:filesync(default)");
    assert!(beam.output().contains("too little"), "{}", beam.output());
}

#[test]
fn as_json_and_a_number_of_events() {
    let beam = Beam::start();
    let mut log = follow(&beam, &["--json", "--count", "2"]);
    beam.eval(
        "logger:error(\"a\nb\", #{mfa => {m, f, 1}, line => 7, domain => [my], time => 1795632835606126}),
         logger:alert(\"last\"), logger:alert(\"too much\")",
    );
    let line = log.line();
    assert!(
        line.starts_with("{\"domain\":\"[my]\",\"level\":\"error\",\"line\":7,\"mfa\":\"m:f/1\","),
        "{line}"
    );
    assert!(
        line.ends_with(",\"text\":\"a\\nb\",\"time\":1795632835606126}"),
        "{line}"
    );
    assert!(log.line().contains("\"level\":\"alert\""));
    assert_eq!(log.code(), Some(0));
    nothing_is_left(&beam);
    assert_eq!(beam.text(FILTERS), "0");
}

#[test]
fn leaves_nothing_behind_when_it_is_killed() {
    let beam = Beam::start();
    let mut log = follow(&beam, &[]);
    let mut other = Following::start(&beam, "log", &[]);
    beam.wait_until(&format!("{FILTERS} =:= 2"));
    log.kill();
    beam.wait_until(&format!("{FILTERS} =:= 1"));
    other.kill();
    beam.wait_until(&format!("{FILTERS} =:= 0"));
    nothing_is_left(&beam);
}

/// Also when it is its process on the node that is killed.
#[test]
fn ends_with_its_process_on_the_node() {
    let beam = Beam::start();
    let mut log = follow(&beam, &[]);
    beam.eval(&format!("[Follower] = {EVALUATING}, exit(Follower, kill)"));
    assert_eq!(log.code(), Some(1));
    beam.eval("logger:error(\"one event\")");
    beam.wait_until(&format!("{FILTERS} =:= 0"));
}

#[test]
fn does_not_drown_in_events() {
    let beam = Beam::start();
    let mut log = follow(&beam, &["--json", "--count", "1001"]);
    beam.eval(&format!(
        "[Follower] = {EVALUATING}, erlang:suspend_process(Follower)"
    ));
    beam.eval(
        "logger:remove_handler(default), [logger:error(\"~p\", [I]) || I <- lists:seq(1, 1500)]",
    );
    beam.eval(&format!(
        "[Follower] = {EVALUATING}, erlang:resume_process(Follower)"
    ));
    for event in 1..=1000 {
        let line = log.line();
        assert!(line.contains(&format!("\"text\":\"{event}\"")), "{line}");
    }
    beam.eval("logger:error(\"later\")");
    assert!(log.line().contains("\"text\":\"later\""));
    assert_eq!(log.code(), Some(0));
}
