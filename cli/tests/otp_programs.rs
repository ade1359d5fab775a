//! `epmd` and `erl_call` beside those of OTP: the same invocations, the same bytes on standard output, the same exit
//! codes, and where theirs says something on standard error, ours does too.
//! The programs are those on `PATH`, the nodes of whichever OTP is tested.
#![cfg(unix)]

use std::io::{Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use einode_testkit::{Beam, DEADLINE, Epmd};

/// How an invocation ended.
#[derive(Debug, PartialEq)]
struct Ended {
    /// The exit code, or the number of the signal that ended it and 128, as shells have it.
    code: i32,
    out: String,
}

struct Programs {
    directory: tempfile::TempDir,
    home: tempfile::TempDir,
    epmd_port: u16,
    count: usize,
    different: Vec<String>,
}

impl Programs {
    fn new(epmd_port: u16, cookie: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["epmd", "erl_call"] {
            let link = directory.path().join(name);
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_einode"), link).unwrap();
        }
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".erlang.cookie");
        std::fs::write(&file, cookie).unwrap();
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o400);
        std::fs::set_permissions(file, owner).unwrap();
        Self {
            directory,
            home,
            epmd_port,
            count: 0,
            different: Vec::new(),
        }
    }

    fn run(&self, mut command: Command, arguments: &[&str], input: &str) -> Output {
        let mut stdin = tempfile::tempfile().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        stdin.rewind().unwrap();
        command
            .args(arguments)
            .env("HOME", self.home.path())
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("EINODE_COOKIE")
            .current_dir(self.home.path())
            .stdin(Stdio::from(stdin))
            .output()
            .unwrap()
    }

    /// Runs both, and gives how they ended and what they said.
    fn both(&self, program: &str, arguments: &[&str], input: &str) -> [(Ended, String); 2] {
        let ours = Command::new(self.directory.path().join(program));
        let theirs = Command::new(program);
        [ours, theirs].map(|command| {
            let output = self.run(command, arguments, input);
            let signal = output.status.signal().map(|signal| 128 + signal);
            let ended = Ended {
                code: output.status.code().or(signal).unwrap(),
                out: String::from_utf8_lossy(&output.stdout).into_owned(),
            };
            (ended, String::from_utf8_lossy(&output.stderr).into_owned())
        })
    }

    /// Notes if the two do not end in the same way; how ours did.
    fn same(&mut self, program: &str, arguments: &[&str], input: &str) -> Ended {
        let [(ours, our_err), (theirs, their_err)] = self.both(program, arguments, input);
        if ours != theirs {
            let what = format!(
                "{program} {arguments:?} < {input:?}\n  ours   {ours:?}\n  theirs {theirs:?}\n  {our_err}  {their_err}"
            );
            self.different.push(what);
        } else if !their_err.is_empty() && our_err.is_empty() {
            self.different
                .push(format!("{program} {arguments:?} does not say {their_err}"));
        }
        self.count += 1;
        ours
    }

    /// All that was compared was the same, and it was not little.
    fn finish(self, least: usize) {
        assert!(self.different.is_empty(), "{}", self.different.join("\n"));
        assert!(self.count >= least, "{} invocations", self.count);
    }
}

#[test]
fn erl_call() {
    let beam = Beam::builder().start();
    let alive = beam.name().split_once('@').unwrap().0.to_owned();
    let port = beam.port().to_string();
    let mut p = Programs::new(beam.epmd_port(), beam.cookie());
    let name = beam.name();
    let address = format!("127.0.0.1:{port}");

    // What is printed, in all its forms.
    let terms = [
        "1",
        "-1",
        "255",
        "1234567890123",
        "-9223372036854775808",
        "123456789012345678901234567890",
        "-18446744073709551616",
        "1.5",
        "-0.25",
        "1.0e22",
        "1.0e-7",
        "0.1",
        "ok",
        "'Upper'",
        "'two words'",
        "'it''s'",
        "''",
        "'größe'",
        "undefined",
        "'end'",
        "a@b",
        "\"text\"",
        "\"\"",
        "\"a\\tb\\n\\\"q\\\"\\e\"",
        "[1,2,3]",
        "[1,2,300]",
        "[a|b]",
        "[[],[[]]]",
        "{}",
        "{a,{b,[c]}}",
        "#{}",
        "#{a => 1}",
        "<<>>",
        "<<1,2,3>>",
        "<<1:1>>",
        "<<255,7:3>>",
        "<<\"a binary that is longer than thirty bytes\">>",
        "fun lists:map/2",
        "\"größe\"",
        "[8364]",
        "<<\"größe\"/utf8>>",
        "list_to_pid(\"<0.5.0>\")",
        "{ok,[{a,1.25},\"s\",<<0>>]}",
        "list_to_tuple(lists:seq(1,300))",
        "lists:duplicate(70000,1)",
        "lists:foldl(fun(_,T)->{T} end,x,lists:seq(1,200))",
    ];
    for term in terms {
        let term = term.replace("it''s", "it\\'s");
        let result = p.same("erl_call", &["-name", name, "-e"], &format!("{term}.\n"));
        assert!(result.out.starts_with("{ok, "), "{term}: {}", result.out);
    }

    // How functions are applied.
    for apply in [
        "erlang node",
        "erlang node []",
        "erlang length [[a,b,c]]",
        "lists sum [[1,2,39]]",
        "lists reverse [\"abc\"]",
        "erlang abs [-1.5]",
        "erlang tl [[a b c]]",
        "erlang tuple_to_list [{1,'B b',\"c\",[]}]",
        "erlang atom_to_list ['\u{f6}']",
        "io_lib format [\"~s\",[\"gr\u{f6}\u{df}e\"]]",
        "nomodule",
        "nomodule nofun",
        "lists nofun",
        "lists nofun [1]",
        "erlang error [oops]",
        "erlang exit [bye]",
        "erlang throw [ball]",
        "erlang node notalist",
        "erlang node [",
        "erlang node [}",
        "erlang node [Var]",
        "erlang abs [99999999999999999999]",
        "erlang node [] trailing",
        "gr\u{f6}\u{df}e f",
        "",
        "   ",
        "erlang length [[{a,[b,{c}]},'d e',\"\",[],{}]]",
        "init get_argument [root]",
    ] {
        p.same("erl_call", &["-name", name, "-a", apply], "");
    }

    // Standard input.
    for input in [
        "1+2.\n",
        "X=1, Y=2, {X,Y}.\n",
        "1+2.",
        "1+2",
        "",
        "1+.\n",
        "foo(.\n",
        "nomodule:f().\n",
        "1/0.\n",
        "throw(x).\n",
        "io:format(\"hello~n\").\n",
        "receive after 0 -> late end.\n",
        "\"\u{3b1}\".\n",
        "% a comment\n1.\n",
    ] {
        p.same("erl_call", &["-name", name, "-e"], input);
    }

    // What is printed there.
    let print = "io:put_chars(\"gr\u{f6}\u{df}e\\n\"), io:format(\"~p~n\", [x]), done.\n";
    let result = p.same("erl_call", &["-name", name, "-fetch_stdout", "-e"], print);
    assert!(result.out.ends_with("\nx\n{ok, done}"), "{}", result.out);
    p.same(
        "erl_call",
        &["-name", name, "-fetch_stdout", "-no_result_term", "-e"],
        print,
    );
    p.same(
        "erl_call",
        &["-name", name, "-no_result_term", "-e"],
        "1.\n",
    );
    p.same(
        "erl_call",
        &[
            "-name",
            name,
            "-fetch_stdout",
            "-a",
            "io put_chars [\"hello\"]",
        ],
        "",
    );
    p.same(
        "erl_call",
        &["-name", name, "-e", "-a", "erlang node"],
        "1.\n",
    );

    // Ways to the node, and names of our own.
    let node = ["-a", "erlang nodes [hidden]"];
    for flags in [
        &["-n", name][..],
        &["-name", name],
        &["-address", &address],
        &["-name", name, "-h", "me"],
        &["-name", name, "-r", "-h", "me"],
        &["-name", name, "-c", beam.cookie()],
        &["-name", "nobody@127.0.0.1", "-name", name],
        &["-name", name, "-v"],
        &["-name", name, "-d"],
        &["-name", name, "-s"],
        &["-name", name, "-timeout", "20"],
        &["-name", name, "-timeout", "20x"],
        &["-name", name, "-__uh_test__"],
    ] {
        let result = p.same("erl_call", &[flags, &node].concat(), "");
        assert!(result.out.starts_with('['), "{flags:?}: {}", result.out);
    }
    p.same("erl_call", &["-name", name, "-R", "-a", "erlang node"], "");

    // Modules.
    let module = "-module(m_of_erl_call).\n-export([f/1]).\nf(X) -> {got, X}.\n";
    p.same(
        "erl_call",
        &["-name", name, "-m", "-a", "m_of_erl_call f [1]"],
        module,
    );
    p.same(
        "erl_call",
        &["-name", name, "-m"],
        "-module( spaces_before).\n",
    );
    p.same(
        "erl_call",
        &["-name", name, "-m"],
        "-module(broken).\nf( -> .\n",
    );

    // What does not work, and what it says.
    for flags in [
        &["-name", "nobody@127.0.0.1"][..],
        &["-sname", "nobody"],
        &["-name", "nobody"],
        &["-name", &alive],
        &["-name", name, "-c", "wrong"],
        &["-name", "x@no.such.host.invalid"],
        &["-address", "127.0.0.1:1"],
        &["-address", "no.such.host.invalid:1"],
        &["-name", ""],
        &["-name", "@127.0.0.1"],
        &["-name", "a b@127.0.0.1"],
        &["-name", "größe@127.0.0.1"],
        &["-sname", "x@127.0.0.1"],
    ] {
        p.same("erl_call", &[flags, &node].concat(), "");
    }
    for flags in [
        &["-name", "nobody@127.0.0.1", "-q"][..],
        &["-q", "-address", "127.0.0.1:1"],
        &["-q", "-s", "-name", "x@127.0.0.1"],
    ] {
        assert_eq!(p.same("erl_call", flags, "").code, 0);
    }
    let sleep = ["-name", name, "-timeout", "1", "-a", "timer sleep [60000]"];
    assert_eq!(p.same("erl_call", &sleep, "").code, 142);

    // Wrong usage.
    for flags in [
        &[][..],
        &["-?"],
        &["-z"],
        &["x"],
        &["-sv", "-name", name],
        &["-name"],
        &["-n"],
        &["-sname"],
        &["-a"],
        &["-c"],
        &["-h"],
        &["-x"],
        &["-address"],
        &["-timeout"],
        &["-timeout", "0"],
        &["-timeout", "x"],
        &["-timeout", "1048576"],
        &["-address", "0"],
        &["-address", "x"],
        &["-address", "h:99999"],
        &["-address", "1", "-name", name],
        &["-address", "1", "-s"],
        &["-e", "-m", "-name", name],
        &["-e"],
        &["-", "-name", name],
        &["--", "-name", name],
    ] {
        assert_eq!(p.same("erl_call", flags, "").out, "", "{flags:?}");
    }
    p.finish(150);
}

/// Where ours differs on purpose.
#[test]
fn erl_call_mends_what_is_broken_in_theirs() {
    let beam = Beam::builder().start();
    let p = Programs::new(beam.epmd_port(), beam.cookie());
    let call = |arguments: &[&str], input: &str| {
        let ours = Command::new(p.directory.path().join("erl_call"));
        let node = [&["-name", beam.name()], arguments].concat();
        let output = p.run(ours, &node, input);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        (output.status.code().unwrap(), out, err)
    };
    // Theirs takes the space for a part of the module, loses the exponent, the tail and the inner list, and crashes.
    for (apply, result) in [
        (" lists  sum\t[[1]]  ", "1"),
        ("erlang abs [1.5e3]", "1500.000000"),
        ("erlang hd [[a|b]]", "a"),
        ("erlang hd [[[a]]]", "[a]"),
        ("maps get [a,#{a => 1}]", "1"),
    ] {
        let (code, out, err) = call(&["-a", apply], "");
        assert_eq!((code, &out[..], &err[..]), (0, result, ""), "{apply}");
    }
    let (code, out, err) = call(&["-a", "erlang node [~s]"], "");
    assert_eq!((code, &out[..]), (255, ""));
    assert!(err.contains("[~s]"), "{err}");
    // Truthful exit codes, and Erlang's syntax, are there for the asking.
    for (arguments, input) in [
        (&["--strict", "-a", "lists nofun"][..], ""),
        (&["--strict", "-e"], "1 +.\n"),
        (&["--strict", "-m"], "-module(broken).\nf( -> .\n"),
        (&["--strict", "-m"], "no module\n"),
    ] {
        assert_eq!(call(arguments, input).0, 1, "{arguments:?}");
    }
    let (code, out, _) = call(
        &["--strict", "--pretty", "-e"],
        "{1.5, <<\"gr\u{fc}n\"/utf8>>}.\n",
    );
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("{ok,{1.5,<<"), "{out}");
    let gone = ["--strict", "-name", "nobody@127.0.0.1", "-q"];
    assert_eq!(call(&gone, "").0, 1);
    // What is wrong is said, and each in another way.
    let wrong = |arguments: &[&str]| call(arguments, "").2;
    let cookie = wrong(&["-c", "wrong", "-a", "erlang node"]);
    assert!(cookie.contains("it has another cookie"), "{cookie}");
    let nobody = wrong(&["-name", "nobody@127.0.0.1", "-a", "erlang node"]);
    assert!(nobody.contains("knows no node nobody"), "{nobody}");
    let output = {
        let mut ours = Command::new(p.directory.path().join("erl_call"));
        ours.args(["-sname", "x@localhost", "-c", "c", "-a", "erlang node"]);
        ours.env("ERL_EPMD_PORT", "1").output().unwrap()
    };
    let epmd = String::from_utf8(output.stderr).unwrap();
    assert!(
        epmd.contains("EPMD at 127.0.0.1:1 does not answer"),
        "{epmd}"
    );
}

#[test]
fn erl_call_starts_nodes_and_halts_them() {
    let epmd = Arc::new(Epmd::start());
    let p = Programs::new(epmd.port(), "starts");
    let ours = || Command::new(p.directory.path().join("erl_call"));
    let theirs = || Command::new("erl_call");
    let programs: [&dyn Fn() -> Command; 2] = [&ours, &theirs];
    for program in programs {
        let call = |arguments: &[&str]| {
            let node = [&["-sname", "started", "-c", "other"], arguments].concat();
            let output = p.run(program(), &node, "");
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{arguments:?}: {err}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(call(&["-s", "-d", "-a", "erlang get_cookie"]), "other");
        let log = p.home.path().join(".erl_start.out.started");
        let logged = std::fs::read_to_string(&log).unwrap();
        assert!(logged.contains("-s erl_reply reply"), "{logged}");
        std::fs::remove_file(log).unwrap();
        // It is there now, and outlives who has started it.
        let pid = ["-s", "-a", "os getpid"];
        assert_eq!(call(&pid), call(&pid));
        assert_eq!(call(&["-q", "-s"]), "");
        let daemon = einode::blocking::Epmd::at("127.0.0.1", epmd.port());
        let end = Instant::now() + DEADLINE;
        while daemon.names(end).unwrap().nodes().next().is_some() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    // Where theirs waits for ten seconds, ours sees that nothing will come.
    let wrong = [
        "-s",
        "-sname",
        "started",
        "-x",
        "false",
        "-a",
        "erlang node",
    ];
    let output = p.run(ours(), &wrong, "");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err.contains("its command ended with exit status: 1"),
        "{err}"
    );
}

#[test]
fn epmd() {
    let beam = Beam::builder().start();
    let second = Beam::builder().epmd(beam.epmd()).start();
    let mut p = Programs::new(beam.epmd_port(), "c");
    let port = beam.epmd_port().to_string();
    let long = "x".repeat(1001);
    for arguments in [
        &["-names"][..],
        &["-d", "-names"],
        &["-port", &port, "-names"],
        &["-port", "1", "-names"],
        &["-started"],
        &["-port", "1", "-started"],
        &["-address", "127.0.0.1", "-names"],
        &["-relaxed_command_check", "-names"],
        &["-daemon", "-names"],
        &["-packet_timeout", "1", "-names"],
        &["-packet_timeout", "-1", "-names"],
        &["-delay_accept", "1", "-names"],
        &["-delay_write", "1", "-names"],
        &["-debug", "-debug", "-names"],
        &["-kill"],
        &["-port", "1", "-kill"],
        &["-stop", "nobody"],
        &["-stop", "größe"],
        &["-stop", "a b"],
        &["-stop", ""],
        &["-stop", &long],
        &["-port", "1", "-stop", "x"],
        &["-kill", "x"],
        &["-names", "x"],
        &["-names", "-d"],
        &["-stop"],
        &["-stop", "a", "b"],
        &["-h"],
        &["--help"],
        &["-help"],
        &["-?"],
        &["names"],
        &["-V"],
        &["-port"],
        &["-port", "x", "-names"],
        &["-port", "0", "-names"],
        &["-packet_timeout", "0"],
        &["-packet_timeout"],
        &["-delay_write", "x", "-names"],
        &["-delay_accept"],
        &["-address"],
        &["-address", "localhost"],
        &["-address", "1.2.3"],
        &["-address", "192.0.2.1"],
        &["-systemd"],
        &[],
        &["-port", &port],
        &["-daemon"],
        &["-d", "-d"],
    ] {
        p.same("epmd", arguments, "");
    }
    let names = p.same("epmd", &["-names"], "").out;
    assert!(
        names.contains(beam.name().split('@').next().unwrap()),
        "{names}"
    );
    assert_eq!(names.lines().count(), 3);
    drop(second);
    p.finish(50);
}
