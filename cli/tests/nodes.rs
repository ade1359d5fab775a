//! Every command that talks to a node, with real ones.

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{einode, nothing_is_left, program, run, to};
use einode_testkit::Beam;

#[test]
fn pings_by_name_and_by_address() {
    let beam = Beam::start();
    assert!(to(&beam, "ping", &[]).printed().starts_with("pong in "));
    let address = format!("127.0.0.1:{}", beam.port());
    let by_address = [
        "ping",
        beam.name(),
        "--address",
        &address,
        "--cookie",
        beam.cookie(),
    ];
    assert!(einode(&by_address).printed().starts_with("pong in "));
}

#[test]
fn pings_repeatedly() {
    let beam = Beam::start();
    let run = to(&beam, "ping", &["--count", "3", "--interval", "0.01"]);
    let lines: Vec<&str> = run.printed().lines().collect();
    let [pongs @ .., told, times, percentiles] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(pongs.len(), 3);
    assert!(pongs.iter().all(|pong| pong.starts_with("pong in ")));
    assert_eq!(
        *told,
        format!("{}: 3 sent, 3 answered, 0.0 % lost", beam.name())
    );
    assert!(times.starts_with("min/mean/max/stddev "), "{times}");
    assert!(percentiles.starts_with("p50 "), "{percentiles}");

    let json = to(&beam, "ping", &["--json", "--count", "2", "-i", "0.01"]);
    let (answered, rest) = json.printed().split_once(",\"max_ms\":").unwrap();
    assert_eq!(answered, "{\"answered\":2");
    assert!(rest.contains(&format!("\"node\":\"{}\"", beam.name())));
    assert!(
        rest.ends_with("}\n") && rest.contains("\"sent\":2"),
        "{rest}"
    );
}

/// Until ctrl-c, over the end of the node.
#[test]
fn pings_until_it_is_interrupted() {
    let mut beam = Beam::start();
    let port = beam.epmd_port().to_string();
    let arguments = ["ping", beam.name(), "--epmd-port", &port, "-i", "0.01"];
    let mut ping = program()
        .args(arguments)
        .args(["--cookie", beam.cookie(), "--timeout", "0.5"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(ping.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().starts_with("pong in "));
    beam.kill();
    while next().starts_with("pong in ") {}
    let interrupt = Command::new("kill")
        .args(["-INT", &ping.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    let told = std::iter::repeat_with(next).find(|line| line.contains(" sent, "));
    assert!(told.unwrap().ends_with(" % lost"));
    assert!(ping.wait().unwrap().success());
}

#[test]
fn measures() {
    let beam = Beam::start();
    let short = ["--seconds", "0.05", "--size", "100"];
    let told = to(&beam, "bench", &short);
    let lines: Vec<&str> = told.printed().lines().collect();
    for (line, begin) in lines.iter().zip([
        "connect    ",
        "ping       min/mean/max/stddev ",
        "           p50 ",
        "erpc call  min/mean/max/stddev ",
        "           p50 ",
        "to node    ",
        "from node  ",
    ]) {
        assert!(line.starts_with(begin), "{begin}: {line}");
    }
    assert_eq!(lines.len(), 7);
    assert!(lines[6].contains(" messages/s of 100 B, "), "{lines:?}");
    let json = to(&beam, "bench", &[&["--json"], &short[..]].concat());
    let json = json.printed();
    assert!(json.contains("\"to_node\":{\"bytes_per_s\":"), "{json}");
    // Neither the process that sent nor the one that took is left.
    beam.wait_until(
        "[] =:= [P || P <- processes(), {gen_event, _, _} <- [proc_lib:translate_initial_call(P)],
                                   process_info(P, registered_name) =:= []]",
    );
    nothing_is_left(&beam);
}

#[test]
fn takes_the_cookie_from_everywhere() {
    let beam = Beam::start();
    let port = beam.epmd_port().to_string();
    let ping = ["ping", beam.name(), "--epmd-port", &port];
    assert!(
        run(program().args(ping).env("EINODE_COOKIE", beam.cookie()))
            .printed()
            .starts_with("pong")
    );

    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".erlang.cookie");
    std::fs::write(&file, format!("{}\n", beam.cookie())).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o400)).unwrap();
    assert!(
        run(program().args(ping).env("HOME", home.path()))
            .printed()
            .starts_with("pong")
    );
    let by_file = ["--cookie-file", file.to_str().unwrap()];
    assert!(
        run(program().args(ping).args(by_file))
            .printed()
            .starts_with("pong")
    );

    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let exposed = run(program().args(ping).args(by_file));
    assert!(
        exposed
            .complaint(64)
            .contains("accessible by its owner only"),
        "{}",
        exposed.err
    );
}

#[test]
fn is_a_hidden_node_of_the_given_or_a_new_name() {
    let beam = Beam::start();
    let named = to(
        &beam,
        "call",
        &["--name", "me@here.example", "erlang:nodes(hidden)"],
    );
    assert_eq!(named.printed(), "['me@here.example']\n");
    let unnamed = to(&beam, "call", &["erlang:nodes(hidden)"]);
    let name = unnamed
        .printed()
        .strip_prefix("['")
        .and_then(|name| name.strip_suffix("']\n"));
    assert!(
        name.is_some_and(|name| name.contains('@') && !name.starts_with("me@")),
        "{unnamed:?}"
    );
    assert_eq!(to(&beam, "call", &["erlang:nodes()"]).printed(), "[]\n");
}

/// A name without a host means the same as after `erl -sname`.
#[test]
fn completes_short_names_as_erl_does() {
    let alive = format!("short_{}", std::process::id());
    let beam = Beam::builder().short_name().name(&alive).start();
    let port = beam.text(&format!(
        "{{port, Port, _}} = erl_epmd:port_please(\"{alive}\", {{127,0,0,1}}), Port"
    ));
    let address = format!("127.0.0.1:{port}");
    let here = [
        "call",
        "--address",
        &address,
        "--cookie",
        beam.cookie(),
        &alive,
        "erlang:node()",
    ];
    assert_eq!(einode(&here).printed().trim_end(), beam.text("node()"));
}

#[test]
fn prints_what_functions_return() {
    let beam = Beam::start();
    for (term, json) in [
        ("ok", "\"ok\""),
        ("'日本 größe'", "\"日本 größe\""),
        (
            "[\"text\",\"grüße\"]",
            "[[116,101,120,116],[103,114,252,223,101]]",
        ),
        ("<<\"straße\"/utf8>>", "\"straße\""),
        ("<<255,0>>", "\"<<255,0>>\""),
        ("[0.1,-2.0,1.0e100]", "[0.1,-2.0,1.0e100]"),
        (
            "1267650600228229401496703205376",
            "1267650600228229401496703205376",
        ),
        ("{undefined,nil,true,[]}", "[null,null,true,[]]"),
        (
            "#{<<\"b\">> => #{c => [#{}]},a => {1,2},{x,1} => []}",
            "{\"a\":[1,2],\"{x,1}\":[],\"b\":{\"c\":[{}]}}",
        ),
    ] {
        let call = format!("erlang:hd([{term}])");
        let printed = beam.text(term);
        for option in [None, Some("--rpc")] {
            let arguments: Vec<&str> = option.into_iter().chain([call.as_str()]).collect();
            assert_eq!(
                to(&beam, "call", &arguments).printed(),
                format!("{printed}\n")
            );
        }
        let in_json = to(&beam, "call", &["--json", &call]);
        assert_eq!(in_json.printed(), format!("{json}\n"), "{term}");
    }
    let own = to(&beam, "call", &["--json", "erlang:self()"]);
    assert!(own.printed().starts_with("\"<"), "{own:?}");
    assert_eq!(
        to(&beam, "call", &["lists:seq(1, 3)"]).printed(),
        "[1,2,3]\n"
    );
}

#[test]
fn a_failed_call_is_1_and_says_why() {
    let beam = Beam::start();
    for (call, why) in [
        (
            "erlang:error({oops, \"why\"})",
            "einode: error: {oops,\"why\"}\n",
        ),
        (
            "no_such:function(1)",
            "einode: error: undef\n  in {no_such,function,[1],[]}\n",
        ),
        ("erlang:exit(bye)", "einode: exit: bye\n"),
        ("erlang:throw({ball, 1})", "einode: throw: {ball,1}\n"),
    ] {
        let run = to(&beam, "call", &[call]);
        assert_eq!((run.code, run.out.as_slice()), (1, &b""[..]), "{call}");
        assert!(run.err.starts_with(why), "{call}: {}", run.err);
    }
    let bad_rpc = to(&beam, "call", &["--rpc", "no_such:function(1)"]);
    assert!(
        bad_rpc.complaint(1).starts_with("badrpc: {'EXIT',{undef,"),
        "{}",
        bad_rpc.err
    );
}

#[test]
fn a_call_without_answer_ends_in_time() {
    let beam = Beam::start();
    for sleep in [
        &["timer:sleep(60000)"][..],
        &["--rpc", "timer:sleep(60000)"],
    ] {
        let run = to(&beam, "call", &[&["--timeout", "1"], sleep].concat());
        assert_eq!(run.complaint(1), "no answer in time");
        assert!(run.time < Duration::from_secs(10), "{:?}", run.time);
    }
}

#[test]
fn a_node_that_ends_is_2() {
    let beam = Beam::start();
    let run = to(&beam, "call", &["erlang:halt()"]);
    assert!(
        run.complaint(2).starts_with("the connection ended"),
        "{}",
        run.err
    );
}

#[test]
fn sends_messages() {
    let beam = Beam::start();
    beam.eval("register('Empfänger', self())");
    assert_eq!(
        to(
            &beam,
            "send",
            &["'Empfänger'", "{hello, \"wörld\", #{n => 1}}"]
        )
        .printed(),
        ""
    );
    assert_eq!(
        beam.text("receive Got -> Got after 0 -> nothing end"),
        "{hello,\"wörld\",#{n => 1}}"
    );
}

#[test]
fn sends_to_pids_global_names_and_servers() {
    let beam = Beam::start();
    let got = "receive Got -> Got after 5000 -> nothing end";
    let pid = beam.text("list_to_atom(pid_to_list(self()))");
    let pid = pid.trim_matches('\'');
    assert_eq!(to(&beam, "send", &[pid, "by_pid"]).printed(), "");
    assert_eq!(beam.text(got), "by_pid");
    beam.eval("global:register_name({cart, 17}, self())");
    let cart = to(&beam, "send", &["{global, {cart, 17}}", "by_name"]);
    assert_eq!(cart.printed(), "");
    assert_eq!(beam.text(got), "by_name");
    beam.eval("register(server, self())");
    let cast = to(&beam, "send", &["--cast", "server", "{flush, 1}"]);
    assert_eq!(cast.printed(), "");
    assert_eq!(beam.text(got), "{'$gen_cast',{flush,1}}");

    let nobody = to(&beam, "send", &["{global, nobody}", "x"]);
    assert_eq!(nobody.complaint(1), "there is no such process");
    assert_eq!(to(&beam, "send", &["<1.2>", "x"]).code, 64);
}

#[test]
fn casts() {
    let beam = Beam::start();
    beam.eval("register(me, self())");
    let cast = to(&beam, "cast", &["erlang:send(me, \"called\")"]);
    assert_eq!(cast.printed(), "");
    assert_eq!(
        beam.text("receive Got -> Got after 5000 -> nothing end"),
        "\"called\""
    );
    assert_eq!(to(&beam, "cast", &["no_such:function()"]).printed(), "");
}

#[test]
fn lists_names() {
    let beam = Beam::start();
    let port = beam.epmd_port().to_string();
    let alive = beam.name().split('@').next().unwrap();
    let listed = einode(&["names", "127.0.0.1", "--epmd-port", &port]);
    assert_eq!(listed.printed(), format!("{alive} {}\n", beam.port()));
    let by_environment = run(program().arg("names").env("ERL_EPMD_PORT", &port));
    assert_eq!(by_environment.printed(), listed.printed());
}
