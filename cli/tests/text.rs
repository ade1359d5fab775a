//! The commands that need no node, and how the command line is read.

mod common;

use std::fs;
use std::process::Command;

use common::{einode, pipe, program, run};

#[test]
fn encodes_to_hex_raw_and_file() {
    let hex = "8368027702 6f6b612a".replace(' ', "");
    assert_eq!(
        einode(&["encode", "{ok, 42}"]).printed(),
        format!("{hex}\n")
    );
    assert_eq!(
        pipe(&["encode"], b"{ok,\n 42}\n").printed(),
        format!("{hex}\n")
    );

    let bytes = b"\x83h\x02w\x02oka\x2a";
    assert_eq!(einode(&["encode", "--raw", "{ok, 42}"]).out, bytes);

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("term");
    let name = file.to_str().unwrap();
    assert_eq!(einode(&["encode", "-o", name, "{ok, 42}"]).printed(), "");
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert_eq!(einode(&["decode", "--file", name]).printed(), "{ok,42}\n");
}

#[test]
fn decodes_digits_and_bytes() {
    assert_eq!(
        einode(&["decode", "83 68 02 77 02 6F 6B 61 2A"]).printed(),
        "{ok,42}\n"
    );
    assert_eq!(
        pipe(&["decode"], b"\x83h\x02w\x02oka\x2a").printed(),
        "{ok,42}\n"
    );
    assert_eq!(pipe(&["decode"], b"836a\n").printed(), "[]\n");
    assert_eq!(
        einode(&["decode", "--json", "837400000001770161 6c00000001 6103 6a"]).printed(),
        { "{\"a\":[3]}\n" }
    );
}

#[test]
fn decodes_the_compressed_form() {
    // term_to_binary(lists:duplicate(40, a), [compressed]) on OTP 25.
    let hex = "8350000000a6789ccb616060d04861604c1ccc380b003b061fef";
    let list = format!("[{}]\n", ["a"; 40].join(","));
    assert_eq!(einode(&["decode", hex]).printed(), list);
}

#[test]
fn what_is_encoded_decodes_to_itself() {
    for term in [
        "[]",
        "'größe größer'",
        "\"grüße\"",
        "<<\"größe\"/utf8>>",
        "<<5:3>>",
        "[1,-2.5,1.0e300|tail]",
        "#{1 => a,1.0 => b,{c} => #{}}",
        "-123456789012345678901234567890",
    ] {
        let hex = einode(&["encode", term]);
        assert_eq!(
            einode(&["decode", hex.printed()]).printed(),
            format!("{term}\n")
        );
    }
}

#[test]
fn says_where_a_term_goes_wrong() {
    let wrong = einode(&["encode", "{ok, [1, }"]);
    assert_eq!((wrong.code, wrong.out.as_slice()), (64, &b""[..]));
    assert!(
        wrong.err.contains("line 1, column 10: expected"),
        "{}",
        wrong.err
    );

    let wrong = pipe(&["encode"], b"{ok,\n  #}");
    assert!(
        wrong
            .complaint(64)
            .starts_with("standard input: line 2, column "),
        "{}",
        wrong.err
    );

    let wrong = einode(&["call", "a@b", "lists:sum([1,], 2)"]);
    assert_eq!(wrong.code, 64);
    assert!(wrong.err.contains("column 14: expected"), "{}", wrong.err);
}

#[test]
fn refuses_bytes_that_are_no_term() {
    for (bytes, why) in [
        ("", "goes on past the end"),
        ("82", "version byte 131, found 130"),
        ("8368ff", "goes on past the end"),
        ("836a6a", "bytes follow the end"),
        ("83ff", "no term starts with tag 255"),
    ] {
        let run = einode(&["decode", bytes]);
        assert!(run.complaint(64).contains(why), "{bytes}: {}", run.err);
    }
    assert!(
        einode(&["decode", "8g"])
            .complaint(64)
            .contains("position 1: 'g'")
    );
    assert!(
        einode(&["decode", "836"])
            .complaint(64)
            .contains("odd number")
    );
    assert!(
        einode(&["decode", "-f", "/nonexistent/x"])
            .complaint(74)
            .contains("/nonexistent/x: ")
    );
}

#[test]
fn wrong_usage_is_64_and_help_is_not() {
    for wrong in [
        &["frobnicate"][..],
        &[],
        &["ping"],
        &["ping", "a@b@c"],
        &["ping", "a@b", "--cookie", "x", "--cookie-file", "y"],
        &["ping", "a@b", "--address", "c:1", "--epmd-port", "2"],
        &["ping", "a@b", "--address", "c"],
        &["ping", "a@b", "--timeout", "0"],
        &["call", "a@b", "node()"],
        &["call", "a@b", "erlang:node"],
        &["call", "a@b", "erlang:node() + 1"],
        &["call", "a@b", "Erlang:node()"],
        &["send", "a@b", "\"name\"", "x"],
        &["encode", "--raw", "-o", "x", "[]"],
        &["decode", "-f", "x", "836a"],
    ] {
        let run = einode(wrong);
        assert_eq!((run.code, run.out.as_slice()), (64, &b""[..]), "{wrong:?}");
        assert!(!run.err.is_empty(), "{wrong:?}");
    }
    for help in [
        &["--help"][..],
        &["call", "-h"],
        &["call", "--help"],
        &["--version"],
    ] {
        assert!(!einode(help).printed().is_empty(), "{help:?}");
    }
    let help = einode(&["call", "--help"]);
    for part in ["Examples:", "As JSON", "Exit codes:"] {
        assert!(help.printed().contains(part), "{part}");
    }
}

/// All commands.
fn commands() -> Vec<String> {
    let help = einode(&["--help"]);
    let (_, commands) = help.printed().split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_teaches_by_example() {
    let commands = commands();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        // Which have the help of OTP's programs.
        if command != "epmd" && command != "erl_call" {
            let help = einode(&[&command, "--help"]);
            let help = help.printed();
            assert!(help.contains("\n\nUsage: einode "), "{command}");
            assert!(help.contains("Examples:\n  einode "), "{command}");
        }
    }
}

#[test]
fn completes_in_shells() {
    for (shell, part) in [
        ("bash", "complete -F _einode"),
        ("zsh", "#compdef einode"),
        ("fish", "complete -c einode"),
    ] {
        let script = einode(&["completions", shell]);
        assert!(script.printed().contains(part), "{shell}");
        for command in commands() {
            assert!(script.printed().contains(&command), "{shell}: {command}");
        }
    }
    let bash = format!(
        "{}\ncomplete -p einode",
        einode(&["completions", "bash"]).printed()
    );
    let read = Command::new("bash").args(["-c", &bash]).output().unwrap();
    assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");
}

#[test]
fn has_manual_pages() {
    let page = einode(&["man"]);
    assert!(page.printed().contains(".SH SUBCOMMANDS"));
    let top = einode(&["man", "top"]);
    assert!(top.printed().contains("einode\\-top"), "{}", top.printed());
    assert!(
        einode(&["man", "nothing"])
            .complaint(64)
            .contains("nothing")
    );

    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man1");
    assert_eq!(
        einode(&["man", "--dir", pages.to_str().unwrap()]).printed(),
        ""
    );
    for command in commands() {
        let page = fs::read_to_string(pages.join(format!("einode-{command}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{command}");
    }
    assert!(pages.join("einode.1").exists());
    assert!(!pages.join("einode-help.1").exists());
}

#[test]
fn no_cookie_is_wrong_usage() {
    assert!(
        einode(&["ping", "a@b"])
            .complaint(64)
            .starts_with("no cookie: ")
    );
    let missing = einode(&["ping", "a@b", "--cookie-file", "/nonexistent/cookie"]);
    assert!(missing.complaint(64).contains("/nonexistent/cookie"));
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut big = program();
    big.args(["encode", &format!("<<\"{}\">>", "x".repeat(20_000))])
        .stdout(writer);
    let ended = run(&mut big);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let full = fs::File::options().write(true).open("/dev/full");
    let mut encode = program();
    encode.args(["encode", "[]"]).stdout(full.unwrap());
    assert!(
        run(&mut encode)
            .complaint(74)
            .starts_with("standard output: ")
    );
}
