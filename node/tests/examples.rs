//! The transports of the examples do what is asked of transports.
#![cfg(unix)]

#[path = "../examples/obfuscated.rs"]
mod obfuscated;
#[path = "../examples/over_a_command.rs"]
#[allow(dead_code, reason = "its main needs a node")]
mod over_a_command;

use std::io::IoSlice;
use std::process::Command;
use std::time::{Duration, Instant};

use einode::blocking::Socket;
use einode::testing;
use obfuscated::Obfuscated;
use over_a_command::CommandSocket;

#[test]
fn obfuscated_tcp() {
    testing::check_transport(Obfuscated(0x5a), &"127.0.0.1:0".parse().unwrap());
    obfuscated::main().unwrap();
}

/// Two commands that write what they read to each other.
fn pair() -> (CommandSocket, CommandSocket) {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("there");
    let back = directory.path().join("back");
    let made = Command::new("mkfifo").args([&there, &back]).status();
    assert!(made.unwrap().success());
    let run = |from, to| CommandSocket::run(&format!("cat {from:?} & exec cat > {to:?}")).unwrap();
    let (mut a, mut b) = (run(&back, &there), run(&there, &back));
    // Whoever opens a FIFO waits for the other side.
    hand_over(&mut a, &mut b);
    hand_over(&mut b, &mut a);
    (a, b)
}

fn hand_over(from: &mut CommandSocket, to: &mut CommandSocket) {
    let until = Some(Instant::now() + Duration::from_secs(10));
    assert_eq!(from.write(&[IoSlice::new(b"x")], until).unwrap(), 1);
    assert_eq!(to.read(&mut [0; 8], until).unwrap(), 1);
}

#[test]
fn over_commands() {
    testing::check_sockets(pair);
}
