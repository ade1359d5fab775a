//! What the tests with real nodes have in common.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::time::Duration;

use einode::blocking::{Endpoint, Link, Listener};
use einode::{Address, Atom, Config, Cookie, Destination, NodeName, Term};
use einode_testkit::Beam;

/// How long anything may take that a healthy node does at once.
pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// A node of this name at 127.0.0.1 with the cookie and the EPMD of a real one.
pub(crate) fn config(beam: &Beam, alive: &str) -> Config {
    let name = NodeName::new(&format!("{alive}@127.0.0.1")).unwrap();
    Config::new(name, Cookie::new(beam.cookie()).unwrap()).epmd_port(beam.epmd_port())
}

/// A node of this name at 127.0.0.1 that needs no Erlang.
pub(crate) fn node(alive: &str) -> Config {
    let name = NodeName::new(&format!("{alive}@127.0.0.1")).unwrap();
    Config::new(name, Cookie::new("secret").unwrap())
}

/// That node, over TCP.
pub(crate) fn endpoint(beam: &Beam, alive: &str) -> Endpoint {
    Endpoint::new(config(beam, alive))
}

/// A connection from `us@127.0.0.1` to a real node.
pub(crate) fn connect(beam: &Beam) -> Link {
    endpoint(beam, "us")
        .connect(&beam.name().parse().unwrap())
        .unwrap()
}

/// A listener that a real node finds through EPMD as `us@127.0.0.1`.
pub(crate) fn publish(beam: &Beam) -> Listener {
    let mut listener = endpoint(beam, "us").listen(&anywhere()).unwrap();
    listener.publish().unwrap();
    listener
}

/// A free port.
pub(crate) fn anywhere() -> Address {
    "127.0.0.1:0".parse().unwrap()
}

/// The term of this text.
pub(crate) fn term(text: &str) -> Term {
    text.parse().unwrap()
}

/// The process of this registered name.
pub(crate) fn name(name: &str) -> Destination {
    Atom::new(name).unwrap().into()
}

/// Runs a future on the tasks of tokio, with two threads.
#[cfg(feature = "tokio")]
pub(crate) fn in_runtime<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(future)
}
