//! Time limits.

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
