//! The sessions in README.md: each command is run, and prints what stands there.
//!
//! A session is a block of the language `console`. Times, sizes, ports and the like differ from run to run: of
//! commands that print them, all numbers count as the same, and so do blanks. `cargo xtask transcript` writes anew
//! what has changed.

mod common;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use common::run;
use einode_testkit::{Beam, Epmd, Otp};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// Whether to write what the commands print.
const WRITE: &str = "EINODE_TRANSCRIPT";

/// What the cluster of the README has: a shop that is busy, and a stock.
const SHOP: &str = "
    register(checkout, spawn(fun F() -> lists:seq(1, 20000), timer:sleep(10), F() end)),
    register(orders, spawn(fun F() -> lists:seq(1, 2000), timer:sleep(30), F() end)),
    [orders ! {order, I} || I <- lists:seq(1, 120)],
    net_adm:ping('stock@localhost')";

#[test]
fn sessions_of_the_readme_are_true() {
    // The program asks the EPMD that the environment names.
    let epmd = std::sync::Arc::new(Epmd::of(&Otp::chosen()));
    let node = |name: &str| {
        let node = Beam::builder().epmd(&epmd).short_name().name(name);
        node.cookie("secret").start()
    };
    let stock = node("stock@localhost");
    let shop = node("shop@localhost");
    assert_eq!(shop.text(SHOP), "pong");
    let port = epmd.port().to_string();

    let readme = fs::read_to_string(README).unwrap();
    let mut written = String::with_capacity(readme.len());
    let mut lines = readme.lines().peekable();
    let mut sessions = 0;
    while let Some(line) = lines.next() {
        let _ = writeln!(written, "{line}");
        if line != "```console" {
            continue;
        }
        sessions += 1;
        while let Some(command) = lines.next_if(|line| *line != "```") {
            let _ = writeln!(written, "{command}");
            let command = command.strip_prefix("$ ").expect("a command");
            let mut expected = String::new();
            while let Some(line) = lines.next_if(|line| *line != "```" && !line.starts_with("$ ")) {
                let _ = writeln!(expected, "{line}");
            }
            let printed = printed_by(command, &port);
            let is_same = normal(command, &printed) == normal(command, &expected);
            written += if is_same { &expected } else { &printed };
            assert!(
                is_same || std::env::var_os(WRITE).is_some(),
                "`{command}` prints\n{printed}and not, as in README.md,\n{expected}"
            );
        }
    }
    assert!(sessions >= 5, "{sessions}");
    if std::env::var_os(WRITE).is_some() {
        fs::write(README, written).unwrap();
    }
    drop(stock);
}

/// What a shell that runs the command shows.
fn printed_by(command: &str, epmd: &str) -> String {
    let einode = Path::new(env!("CARGO_BIN_EXE_einode")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", &format!("({command}) 2>&1")])
        .env("PATH", format!("{}:{path}", einode.display()))
        .env("HOME", "/nonexistent")
        .env("EINODE_COOKIE", "secret")
        .env("ERL_EPMD_PORT", epmd);
    String::from_utf8(run(&mut shell).out).unwrap()
}

/// What is the same in each run.
fn normal(command: &str, printed: &str) -> String {
    let varies = ["names", "ping", "top", "processes"];
    let is_exact = !varies
        .iter()
        .any(|varying| command.starts_with(&format!("einode {varying}")));
    if is_exact {
        return printed.to_owned();
    }
    let mut normal = String::new();
    for line in printed.lines() {
        let words = line.split_whitespace().filter(|word| {
            // Of numbers and their units there may be more or fewer.
            !word.starts_with(|char: char| char.is_ascii_digit())
                && !["B", "KiB", "MiB"].contains(&word.trim_end_matches([',', ';', ':']))
        });
        let words: Vec<String> = words
            .map(|word| word.replace(|char: char| char.is_ascii_digit(), ""))
            .collect();
        let _ = writeln!(normal, "{}", words.join(" "));
    }
    normal
}

#[test]
fn numbers_do_not_count_where_they_vary() {
    let same = |command, a, b| normal(command, a) == normal(command, b);
    assert!(same(
        "einode ping x",
        "pong in 0.284 ms\n",
        "pong in 10.1 ms\n"
    ));
    assert!(same(
        "einode top x",
        "<0.12.0>  1 234  7 B\n",
        "<0.9.0>  12  7.1 KiB\n"
    ));
    assert!(!same(
        "einode top x",
        "<0.12.0>  7 busy\n",
        "<0.12.0>  7 idle\n"
    ));
    assert!(!same("einode call x y", "41\n", "42\n"));
}
