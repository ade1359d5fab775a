//! What is told of the processes of a node.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use common::{EVALUATING, Following, nothing_is_left, to};
use einode_testkit::Beam;

/// Processes of which each is the busiest in its way.
const BUSY: &str = "
    Idle = fun() -> receive stop -> ok end end,
    Heavy = spawn(fun() -> L = lists:seq(1, 300000), receive stop -> length(L) end end),
    Behind = spawn(fun() -> receive stop -> ok end end),
    [Behind ! I || I <- lists:seq(1, 1000)],
    Busy = spawn(fun() -> (fun F(N) -> F(N + 1) end)(0) end),
    register(heavy, Heavy), register(behind, Behind), register(busy, Busy),
    [spawn(Idle) || _ <- lists:seq(1, 50)], ok";

#[test]
fn lists_the_busiest_processes() {
    let beam = Beam::start();
    beam.eval(BUSY);
    beam.wait_until("{memory, M} = process_info(whereis(heavy), memory), M > 2000000");
    for (sort, name) in [("memory", "heavy"), ("mailbox", "behind")] {
        let listed = to(&beam, "processes", &["--sort", sort, "--limit", "3"]);
        let lines: Vec<&str> = listed.printed().lines().collect();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[0].starts_with("pid "), "{lines:?}");
        assert!(lines[1].contains(&format!("  {name} ")), "{lines:?}");

        let json = to(
            &beam,
            "processes",
            &["--sort", sort, "--limit", "1", "--json"],
        );
        let pid = beam.text(&format!("list_to_binary(pid_to_list(whereis({name})))"));
        let pid = pid.trim_matches(['<', '>', '"']);
        let found = format!("\"name\":\"{name}\",\"pid\":\"<{pid}>\"");
        assert!(json.printed().contains(&found), "{found}: {json:?}");
    }
    let most = to(&beam, "processes", &["--limit", "100000"]);
    let count = beam
        .text("erlang:system_info(process_count)")
        .parse::<usize>();
    // Those of the connection and of the question come and go.
    assert!(most.printed().lines().count() + 5 > count.unwrap());
}

#[test]
fn tells_of_one_process() {
    let beam = Beam::start();
    beam.eval(
        "P = spawn(fun() -> put(key, {value, \"größe\"}), process_flag(trap_exit, true),
                           receive stop -> ok end end),
         register(the_one, P), global:register_name({cart, 17}, P), link(P), P ! waiting",
    );
    beam.wait_until("process_info(whereis(the_one), message_queue_len) =:= {message_queue_len, 1}");
    let pid = beam.text("list_to_atom(pid_to_list(whereis(the_one)))");
    let pid = pid.trim_matches('\'');
    let linked = beam.text("list_to_atom(pid_to_list(self()))");
    let linked = linked.trim_matches('\'');
    for process in ["the_one", "{global, {cart, 17}}", pid] {
        let told = to(&beam, "info", &[process]);
        for line in [
            format!("pid              {pid}\n"),
            "name             the_one\n".into(),
            "status           waiting\n".into(),
            "mailbox          1\n".into(),
            "trap_exit        true\n".into(),
            format!("links            {linked}\n"),
            "dictionary       key => {value,\"größe\"}\n".into(),
        ] {
            assert!(told.printed().contains(&line), "{line}: {}", told.printed());
        }
        assert!(told.printed().contains("\nstack            "), "{told:?}");
    }
    let json = to(&beam, "info", &["--json", "the_one"]);
    for part in [
        "\"dictionary\":[[\"key\",\"{value,\\\"größe\\\"}\"]]",
        "\"label\":null",
        "\"mailbox\":1",
    ] {
        assert!(json.printed().contains(part), "{part}: {}", json.printed());
    }
    for nobody in ["nobody", "{global, nobody}", "<0.99999.0>"] {
        let run = to(&beam, "info", &[nobody]);
        assert_eq!(run.complaint(1), "there is no such process", "{nobody}");
    }
}

#[test]
fn shows_what_a_node_does() {
    let beam = Beam::start();
    beam.eval(BUSY);
    let top = to(&beam, "top", &["--once", "--limit", "1"]);
    let lines: Vec<&str> = top.printed().lines().collect();
    let head = format!("{}, OTP {}, up 0:00:", beam.name(), beam.release());
    assert!(lines[0].starts_with(&head), "{lines:?}");
    assert!(lines[6].contains("  busy  "), "{lines:?}");

    let json = to(&beam, "top", &["--once", "--limit", "1", "--json"]);
    let json = json.printed();
    for part in [
        "\"busiest\":{\"mailbox\":[{",
        "\"name\":\"behind\"",
        "\"name\":\"heavy\"",
        "\"name\":\"busy\"",
        "\"cost\":{\"microseconds\":",
    ] {
        assert!(json.contains(part), "{part}: {json}");
    }
}

/// And the process that collects goes when the program does.
#[test]
fn tells_again_and_again_and_leaves_nothing_behind() {
    let beam = Beam::start();
    let mut top = Following::start(&beam, "top", &["--json", "--interval", "0.05"]);
    for _ in 0..3 {
        let line = top.line();
        assert!(line.starts_with("{\"atoms\":"), "{line}");
    }
    assert_eq!(beam.text(&format!("length({EVALUATING})")), "1");
    top.kill();
    nothing_is_left(&beam);
    beam.wait_until("erlang:statistics(scheduler_wall_time) =:= undefined");
}

/// In a terminal, which script(1) makes.
#[test]
fn shows_it_on_a_terminal() {
    let beam = Beam::start();
    let command = format!(
        "stty rows 30 cols 100; exec {} top --interval 0.05 --epmd-port {} {}",
        env!("CARGO_BIN_EXE_einode"),
        beam.epmd_port(),
        beam.name()
    );
    let mut screen = Command::new("script")
        .args([
            "--quiet",
            "--flush",
            "--return",
            "--command",
            &command,
            "/dev/null",
        ])
        .env("EINODE_COOKIE", beam.cookie())
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = screen.stdin.take().unwrap();
    let mut seen = Vec::new();
    let mut shown = BufReader::new(screen.stdout.take().unwrap());
    let mut until = |text: &str| {
        while !String::from_utf8_lossy(&seen).contains(text) {
            let part = shown.fill_buf().unwrap();
            assert!(!part.is_empty(), "{}", String::from_utf8_lossy(&seen));
            let length = part.len();
            seen.extend_from_slice(part);
            shown.consume(length);
        }
        seen.clear();
    };
    until("code_server");
    keys.write_all(b"p").unwrap();
    until("paused");
    keys.write_all(b"q").unwrap();
    // The terminal is as it was before.
    until("\x1b[?1049l");
    assert!(screen.wait().unwrap().success());
}

#[test]
fn without_a_terminal_there_is_no_live_view() {
    let beam = Beam::start();
    let wrong = to(&beam, "top", &[]);
    let told = "standard output is no terminal; --once and --json do without one";
    assert_eq!(wrong.complaint(64), told);
}
