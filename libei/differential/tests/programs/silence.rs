//! Time limits.

use crate::connect::UNANSWERED;
use crate::program::Build::{self, Ours, Theirs};
use crate::program::{ALL, Program};

fn told(build: Build, sockets: &str) -> String {
    Program::start("silence", build, 1, &[sockets]).rest()
}

#[test]
fn nobody_is_waited_for_as_long_as_they_like() {
    let expected = told(Theirs, "tcp");
    for build in ALL {
        assert_eq!(told(build, "tcp"), expected, "{build:?}");
    }
    for sockets in ["plain", "full", "single", "four"] {
        // The errors of the program's own callbacks are told.
        let expected = told(Theirs, sockets).replace("-1 EIO", "-1 ECONNREFUSED");
        assert_eq!(told(Ours, sockets), expected, "{sockets}");
    }
}

#[test]
fn every_time_limit_ends_what_it_limits() {
    let said = told(Ours, "tcp");
    let said: Vec<_> = said.lines().chain(UNANSWERED.iter().copied()).collect();
    let symbols = include_str!("../../../abi/symbols.txt").lines();
    let limited: Vec<_> = symbols.filter(|name| name.ends_with("_tmo")).collect();
    assert!(!limited.is_empty());
    for function in limited {
        let name = function.trim_start_matches("ei_");
        let expired = said.iter().any(|line| {
            line.split_once(": ")
                .is_some_and(|(call, result)| call == name && result.ends_with(" ETIMEDOUT"))
        });
        assert!(expired, "{function} has not met silence");
    }
}
