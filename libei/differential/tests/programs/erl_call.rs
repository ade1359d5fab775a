//! A program that many know, written on ei.h, and OTP's own.

use std::io::Write;
use std::process::{Command, Stdio};

use einode_testkit::Beam;

use crate::program::Build::{Ours, OursInValgrind, OursSanitized};
use crate::program::Program;

/// What a command writes to stdout, with what it ends.
fn run(command: &mut Command, input: &str) -> (String, Option<i32>) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program");
    let mut to = child.stdin.take().expect("its input");
    to.write_all(input.as_bytes()).expect("it reads");
    drop(to);
    let output = child.wait_with_output().expect("its output");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.code())
}

#[test]
fn prints_what_erl_call_prints() {
    let beam = Beam::start();
    let address = format!("127.0.0.1:{}", beam.port());
    for (arguments, input) in [
        (&["-a", "lists seq [1000,1003]"][..], ""),
        (&["-a", "lists seq [1,3]"], ""),
        (&["-a", "erlang node []"], ""),
        (&["-a", "erlang node"], ""),
        (&["-a", "erlang"], ""),
        (&["-a", "lists reverse [\"a b\"]"], ""),
        (&["-a", "lists reverse [no_list]"], ""),
        (&["-a", "erlang nonsense [1]"], ""),
        (&["-a", "erlang abs [<<]"], ""),
        (&["-a", "math pi []"], ""),
        (&["-a", "erlang list_to_atom [\"A b\"]"], ""),
        (&["-fetch_stdout", "-a", "io write [{a,[b]}]"], ""),
        (
            &[
                "-fetch_stdout",
                "-no_result_term",
                "-a",
                "io write [{a,[b]}]",
            ],
            "",
        ),
        (&["-no_result_term", "-a", "erlang node []"], ""),
        (&["-timeout", "20", "-a", "timer sleep [10]"], ""),
        (&["-timeout", "1", "-a", "timer sleep [30000]"], ""),
        (
            &["-e"],
            "X = 7, {X, \"text\", <<1,2,255>>, #{a => 1.5}, 1 bsl 100}.\n",
        ),
        (&["-e"], "no term"),
        (
            &["-fetch_stdout", "-e"],
            "[io:format(\"~w~n\", [N]) || N <- [1, 2, 3]], self().\n",
        ),
        (
            &["-fetch_stdout", "-e"],
            "io:put_chars(lists:duplicate(100000, $x)).\n",
        ),
    ] {
        for (builds, node) in [
            (&[Ours, OursInValgrind][..], ["-name", beam.name()]),
            (&[OursSanitized], ["-address", &address]),
        ] {
            let mut all = vec!["-c", beam.cookie()];
            all.extend(node);
            all.extend(arguments);
            let mut theirs = beam.otp().command("erl_call");
            theirs
                .args(&all)
                .env("ERL_EPMD_PORT", beam.epmd_port().to_string());
            let expected = without_pid(run(&mut theirs, input));
            // Valgrind takes its time, and most that there is to see is in calls that print.
            let watched = arguments.contains(&"-fetch_stdout");
            for &build in builds {
                if build != OursInValgrind || watched {
                    let mut ours = Program::command("erl_call", build, beam.epmd_port(), &all);
                    assert_eq!(
                        without_pid(run(&mut ours, input)),
                        expected,
                        "{build:?} {all:?}"
                    );
                }
            }
        }
    }
}

/// A result without the pid at its end, which is another one every time.
fn without_pid((text, code): (String, Option<i32>)) -> (String, Option<i32>) {
    match text.rsplit_once('<') {
        Some((before, pid)) if pid.starts_with("beam") => (before.to_owned(), code),
        _ => (text, code),
    }
}
