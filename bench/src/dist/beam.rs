//! Another Erlang node.

use std::io;
use std::time::Duration;

use einode_testkit::Beam;

use super::{Peer, Work};

pub(super) struct Erlang {
    here: Beam,
    there: String,
}

impl Erlang {
    pub(super) fn new(here: Beam, there: &Beam) -> Self {
        let there = there.name().to_owned();
        Self { here, there }
    }
}

impl Peer for Erlang {
    fn work(&mut self, work: Work, count: u32) -> io::Result<Option<Duration>> {
        let (function, argument) = match work {
            Work::Ping(size) => ("ping", size),
            Work::ToName(size) => ("name", size),
            Work::ToPid(size) => ("pid", size),
            Work::FromPid(size) => ("pull", size),
            Work::FromName(size) => ("pull_name", size),
            Work::Callers(callers) => ("callers", callers),
            Work::Connect => ("connect", 0),
        };
        let there = &self.there;
        let nanos = self.here.text(&format!(
            "message_peer:{function}('{there}', {argument}, {count})"
        ));
        nanos
            .parse()
            .map(|nanos| Some(Duration::from_nanos(nanos)))
            .map_err(io::Error::other)
    }
}
