//! What the tests with real nodes have in common.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::time::Duration;

use einode::blocking::{Endpoint, Link, Listener, Tcp};
use einode::{Atom, Cookie, Destination, NodeName, Term};
use einode_testkit::Beam;

/// How long anything may take that a healthy node does at once.
pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// A node of this name at 127.0.0.1 with the cookie and the EPMD of a real one.
pub(crate) fn endpoint(beam: &Beam, alive: &str) -> Endpoint {
    let name = NodeName::new(&format!("{alive}@127.0.0.1")).unwrap();
    Endpoint::new(name, Cookie::new(beam.cookie()).unwrap()).epmd_port(beam.epmd_port())
}

/// A connection from `us@127.0.0.1` to a real node.
pub(crate) fn connect(beam: &Beam) -> Link<Tcp> {
    endpoint(beam, "us")
        .connect(&beam.name().parse().unwrap())
        .unwrap()
}

/// A listener that a real node finds through EPMD as `us@127.0.0.1`.
pub(crate) fn publish(beam: &Beam) -> Listener {
    let mut listener = endpoint(beam, "us").listen("127.0.0.1:0").unwrap();
    listener.publish().unwrap();
    listener
}

/// The term of this text.
pub(crate) fn term(text: &str) -> Term {
    text.parse().unwrap()
}

/// The process of this registered name.
pub(crate) fn name(name: &str) -> Destination {
    Atom::new(name).unwrap().into()
}
