//! Nodes that talk over every transport, and resolvers that find them.

#[macro_use]
#[path = "common/conversation.rs"]
mod conversation;
mod common;

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::{WAIT, anywhere, config, name, node, term};
use einode::blocking::{
    Any, Endpoint, Epmd, Link, Listener, Memory, Recorded, Resolver, Socket, Tcp, Transport, Unix,
};
use einode::{
    Address, ConnectError, Control, FixedPort, LinkError, NodeName, Recorder, Table, Term,
};
use einode_testkit::Beam;

conversation!([fn], []);

/// The two ends of a connection with the node that listens: of the one that makes it, and of the one
/// that takes it.
fn connected<T: Transport>(
    endpoint: &Endpoint<T>,
    listener: &Listener<T>,
    peer: &str,
) -> (Link<T::Socket>, Link<T::Socket>) {
    let (address, peer) = (listener.address(), peer.parse().unwrap());
    thread::scope(|scope| {
        let connecting = scope.spawn(|| endpoint.connect_to(&address, Some(&peer)).unwrap());
        let accepted = listener.accept(WAIT).unwrap();
        (connecting.join().unwrap(), accepted)
    })
}

/// Two nodes connect in either direction, talk, and part in either way.
fn converse<T: Transport + Clone>(transport: T, address: &Address) {
    let speaker = Endpoint::new(node("speaker")).transport(transport.clone());
    let hearer = Endpoint::new(node("hearer")).transport(transport);
    let place = hearer.listen(address).unwrap();
    let (speaks, hears) = connected(&speaker, &place, "hearer@127.0.0.1");
    thread::scope(|scope| {
        scope.spawn(|| speak(speaks));
        hear(hears);
    });
    let (drops, hears) = connected(&speaker, &place, "hearer@127.0.0.1");
    drop(drops);
    hear_the_end(hears);
    drop(place);

    let place = speaker.listen(address).unwrap();
    let (hears, speaks) = connected(&hearer, &place, "speaker@127.0.0.1");
    thread::scope(|scope| {
        scope.spawn(|| speak(speaks));
        hear(hears);
    });
    let (hears, drops) = connected(&hearer, &place, "speaker@127.0.0.1");
    drop(drops);
    hear_the_end(hears);
}

/// The error with which a Unix socket cannot be made at this place.
fn refused(path: &Path) -> io::ErrorKind {
    let address = Address::Unix(path.to_owned());
    Unix::default()
        .listen(&address)
        .map(drop)
        .unwrap_err()
        .kind()
}

#[test]
fn a_unix_socket_is_for_its_owner_only_unless_told_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node");
    for (unix, expected) in [
        (Unix::default(), 0o600),
        (Unix::default().mode(0o660), 0o660),
    ] {
        let incoming = unix.listen(&Address::Unix(path.clone())).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{mode:o}");
        drop(incoming);
        // Neither the socket nor what was needed to make it is left.
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    }
}

#[test]
fn a_unix_socket_replaces_one_that_was_left_behind_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "it is left behind");
    let incoming = Unix::default()
        .listen(&Address::Unix(path.clone()))
        .unwrap();
    assert!(UnixStream::connect(&path).is_ok());

    // This one lives.
    assert_eq!(refused(&path), io::ErrorKind::AddrInUse);
    assert!(UnixStream::connect(&path).is_ok());

    // Somebody takes its place; that is left alone by its end.
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    drop(incoming);
    assert_eq!(refused(&path), io::ErrorKind::AddrInUse);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_place_is_taken_once_and_free_again_afterwards() {
    let abstract_name = format!("unix:@einode-{}-once", std::process::id());
    let abstract_name: Address = abstract_name.parse().unwrap();
    let memory = Memory::default();
    let place = Address::Other("here".into());
    for _ in 0..2 {
        let one = Unix::default().listen(&abstract_name).unwrap();
        let two = Unix::default().listen(&abstract_name).map(drop);
        assert_eq!(two.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(one);
        let one = memory.listen(&place).unwrap();
        let two = memory.listen(&place).map(drop);
        assert_eq!(two.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(one);
    }
    let nobody = memory
        .connect(&place, None, Instant::now() + WAIT)
        .map(drop);
    assert_eq!(nobody.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn addresses_of_another_kind_are_refused() {
    let [inet, unix] = [anywhere(), "unix:/tmp/node".parse().unwrap()];
    let other = Address::Other("node".into());
    let until = Instant::now() + WAIT;
    let unsupported = |result: io::Result<()>| {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::Unsupported);
    };
    unsupported(Tcp.connect(&unix, None, until).map(drop));
    unsupported(Tcp.listen(&other).map(drop));
    unsupported(Unix::default().connect(&inet, None, until).map(drop));
    unsupported(Unix::default().listen(&other).map(drop));
    unsupported(Memory::default().connect(&inet, None, until).map(drop));
    unsupported(Memory::default().listen(&unix).map(drop));
}

/// A listener at this address, and its port.
fn listener(address: &str) -> (Listener, u16) {
    let listener = Endpoint::new(node("found"))
        .listen(&address.parse().unwrap())
        .unwrap();
    let port = listener.port().unwrap();
    (listener, port)
}

/// Connects to `found` at this host with a resolver.
fn find(resolver: impl Resolver, host: &str) -> Result<Link, ConnectError> {
    let node_name = NodeName::new(&format!("found@{host}")).unwrap();
    Endpoint::new(node("seeker"))
        .resolver(resolver)
        .connect(&node_name)
}

#[test]
fn nodes_are_found_in_a_table() {
    let (listener, _) = listener("127.0.0.1:0");
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut table = Table::default();
    let found: NodeName = "found@127.0.0.1".parse().unwrap();
    // The first address does not answer, the second does.
    table.insert(found.clone(), closed.into());
    table.insert(found, listener.address());
    let link = find(table.clone(), "127.0.0.1").unwrap();
    assert_eq!(link.peer().as_str(), "found@127.0.0.1");
    let error = find(table, "other-host").unwrap_err();
    assert!(
        matches!(error, ConnectError::UnknownNode { .. }),
        "{error:?}"
    );
}

#[test]
fn nodes_are_found_at_a_fixed_port_of_their_host() {
    let (_listener, port) = listener("127.0.0.1:0");
    let link = find(FixedPort(port), "127.0.0.1").unwrap();
    assert_eq!(link.peer().as_str(), "found@127.0.0.1");
    let error = find(FixedPort(port), "no-such-host.invalid").unwrap_err();
    assert!(matches!(error, ConnectError::Resolve { .. }), "{error:?}");
}

/// A resolver of the program's own: all nodes listen at one address.
struct Everywhere(Address);

impl Resolver for Everywhere {
    fn resolve(&self, _: &NodeName, _: Instant) -> Result<Vec<Address>, ConnectError> {
        Ok(vec![self.0.clone()])
    }
}

#[test]
fn nodes_are_found_by_a_resolver_of_the_programs_own() {
    let (listener, _) = listener("[::1]:0");
    let link = find(Everywhere(listener.address()), "127.0.0.1").unwrap();
    assert_eq!(link.peer().as_str(), "found@127.0.0.1");
    // Who answers there must be who was asked for.
    let error = find(Everywhere(listener.address()), "elsewhere").unwrap_err();
    assert!(matches!(error, ConnectError::Handshake(_)), "{error:?}");
}

#[test]
fn an_erlang_node_is_reached_over_ipv6() {
    let beam = Beam::builder()
        .name("beam@::1")
        .interface("{0,0,0,0,0,0,0,1}")
        .arguments(["-proto_dist", "inet6_tcp"])
        .start();
    let config = config(&beam, "us");
    let endpoint = Endpoint::new(config).resolver(Epmd::at("::1", beam.epmd_port()));
    let mut link = endpoint.connect(&beam.name().parse().unwrap()).unwrap();
    let sum = link.rpc("lists", "sum", &[term("[1, 2, 39]")], WAIT);
    assert_eq!(sum.unwrap(), 42.into());

    // And it reaches us.
    let name: NodeName = "us@::1".parse().unwrap();
    let us = einode::Config::new(name, einode::Cookie::new(beam.cookie()).unwrap());
    let us = Endpoint::new(us.epmd_port(beam.epmd_port()));
    let mut listener = us.listen(&"[::1]:0".parse().unwrap()).unwrap();
    listener.publish().unwrap();
    beam.eval("{any, 'us@::1'} ! hello");
    let mut link = listener.accept(WAIT).unwrap();
    let signal = link.receive(WAIT).unwrap();
    assert!(matches!(signal.control, Control::Send { .. }), "{signal:?}");
}
