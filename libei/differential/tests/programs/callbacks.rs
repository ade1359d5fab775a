//! What callbacks are called with, and what becomes of those that do not tell the truth.

use crate::program::Build::{self, Ours, OursInValgrind, OursSanitized, Theirs};
use crate::program::{ALL, Program};

fn told(build: Build, sockets: &str, action: &str, limit: &str) -> String {
    Program::start("callbacks", build, 1, &[sockets, action, limit]).rest()
}

#[test]
fn both_ends_talk_over_callbacks_as_with_otps_library() {
    for (sockets, limit) in [
        "plain",
        "full",
        "single",
        "bytes",
        "four",
        "interrupted",
        "unhooked",
        "bare",
        "later",
    ]
    .into_iter()
    .flat_map(|sockets| [(sockets, "0"), (sockets, "20000")])
    {
        let hooks = if ["unhooked", "bare"].contains(&sockets) {
            0
        } else {
            2
        };
        let expected = told(Theirs, sockets, "truth", limit);
        let start = format!("done 1 failed 0 open 0 hooks {hooks}\n");
        assert!(expected.starts_with(&start), "{expected}");
        // One of several that wait to accept does not wait for longer than it may.
        let expected = expected.replace("accept at once, blocking", "accept at once, not blocking");
        let builds: &[_] = match sockets {
            "plain" | "four" => &ALL[..5],
            _ => &[Ours],
        };
        for &build in builds {
            let said = told(build, sockets, "truth", limit);
            assert_eq!(said, expected, "{build:?} {sockets} {limit}");
        }
    }
}

#[test]
fn no_callback_is_believed_what_cannot_be() {
    for (build, sockets, limit) in [
        (OursSanitized, "plain", "20000"),
        (OursSanitized, "full", "0"),
        (OursSanitized, "full", "20000"),
        (OursSanitized, "single", "0"),
        (OursSanitized, "four", "20000"),
        (OursSanitized, "bare", "20000"),
        (OursInValgrind, "plain", "0"),
    ] {
        let said = told(build, sockets, "lies", limit);
        assert_eq!(said, "no lie was believed\n", "{build:?} {sockets} {limit}");
    }
}

#[test]
fn a_callback_that_is_never_done_is_not_waited_for_longer_than_allowed() {
    for sockets in ["plain", "full", "single"] {
        let said = told(OursSanitized, sockets, "delays", "50");
        assert_eq!(said.lines().count(), 26, "{said}");
        for line in said.lines() {
            assert!(line.ends_with(": 0 ETIMEDOUT open 0"), "{sockets}: {line}");
        }
    }
}
