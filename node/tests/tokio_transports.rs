//! Nodes on tokio's tasks that talk over every transport, and resolvers that find them.
#![cfg(feature = "tokio")]

#[macro_use]
#[path = "common/conversation.rs"]
mod conversation;
mod common;

use std::fs;
use std::future::pending;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{WAIT, anywhere, config, in_runtime, name, node, term};
use einode::tokio::{
    Any, Endpoint, Epmd, Link, Listener, Memory, MemoryIncoming, Recorded, Resolver, Socket, Tcp,
    Transport, Unix,
};
use einode::{
    Address, ConnectError, Control, FixedPort, LinkError, NodeName, Recorder, Table, Term,
};
use einode_testkit::Beam;
use tokio::time::Instant;

conversation!([async fn], [.await]);

/// The two ends of a connection with the node that listens: of the one that makes it, and of the one
/// that takes it.
async fn connected<T: Transport>(
    endpoint: &Endpoint<T>,
    listener: &mut Listener<T>,
    peer: &str,
) -> (Link<T::Socket>, Link<T::Socket>) {
    let (endpoint, address) = (endpoint.clone(), listener.address());
    let peer: NodeName = peer.parse().unwrap();
    let connecting =
        tokio::spawn(async move { endpoint.connect_to(&address, Some(&peer)).await.unwrap() });
    let accepted = listener.accept(WAIT).await.unwrap();
    (connecting.await.unwrap(), accepted)
}

/// Two nodes connect in either direction, talk, and part in either way.
fn converse<T: Transport + Clone>(transport: T, address: &Address) {
    in_runtime(async {
        let speaker = Endpoint::new(node("speaker")).transport(transport.clone());
        let hearer = Endpoint::new(node("hearer")).transport(transport);
        let mut place = hearer.listen(address).await.unwrap();
        let (speaks, hears) = connected(&speaker, &mut place, "hearer@127.0.0.1").await;
        let speaking = tokio::spawn(speak(speaks));
        hear(hears).await;
        speaking.await.unwrap();
        let (drops, hears) = connected(&speaker, &mut place, "hearer@127.0.0.1").await;
        drop(drops);
        hear_the_end(hears).await;
        close(place).await;

        let mut place = speaker.listen(address).await.unwrap();
        let (hears, speaks) = connected(&hearer, &mut place, "speaker@127.0.0.1").await;
        let speaking = tokio::spawn(speak(speaks));
        hear(hears).await;
        speaking.await.unwrap();
        let (hears, drops) = connected(&hearer, &mut place, "speaker@127.0.0.1").await;
        drop(drops);
        hear_the_end(hears).await;
        close(place).await;
    });
}

/// Drops a listener, and sees its task end.
async fn close<T: Transport>(listener: Listener<T>) {
    drop(listener);
    let start = Instant::now();
    while tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
        > 0
    {
        assert!(start.elapsed() < WAIT, "a task is left");
        tokio::task::yield_now().await;
    }
}

#[test]
fn both_styles_talk_to_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let address = Address::Unix(directory.path().join("node"));
    let blocking = einode::blocking::Endpoint::new(node("blocking")).transport(Unix::default());
    let listener = blocking.listen(&address).unwrap();
    let echo = std::thread::spawn(move || {
        let mut link = listener.accept(WAIT).unwrap();
        let heard = link
            .receive(WAIT)
            .unwrap()
            .message()
            .unwrap()
            .term()
            .unwrap();
        link.send(name("any"), &heard).unwrap();
        link.close(WAIT)
    });
    in_runtime(async {
        let awaiting = Endpoint::new(node("awaiting")).transport(Unix::default());
        let mut link = awaiting.connect_to(&address, None).await.unwrap();
        link.send(name("any"), &term("{hello, 1}")).await.unwrap();
        let echo = link.receive(WAIT).await.unwrap();
        assert_eq!(echo.message().unwrap().term().unwrap(), term("{hello, 1}"));
        link.close(WAIT).await.unwrap();
    });
    echo.join().unwrap().unwrap();
}

#[test]
fn a_unix_socket_is_for_its_owner_only_and_goes_with_its_listener() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node");
    let address = Address::Unix(path.clone());
    in_runtime(async {
        let endpoint = Endpoint::new(node("owner")).transport(Unix::default());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listener = endpoint.listen(&address).await.unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{mode:o}");
        let second = endpoint.listen(&address).await.unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        close(listener).await;
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    });
}

#[test]
fn a_full_queue_of_a_unix_socket_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node");
    let listener =
        socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    listener.listen(0).unwrap();
    let address = Address::Unix(path.clone());
    in_runtime(async {
        let _queued = Unix::default().connect(&address, None).await.unwrap();
        let (unix, again) = (Unix::default(), address.clone());
        let waiting = tokio::spawn(async move { unix.connect(&again, None).await });
        let hasty = Endpoint::new(node("hasty").setup_time(Duration::from_millis(100)));
        let error = hasty
            .transport(Unix::default())
            .connect_to(&address, None)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("connection to unix:{} failed: timed out", path.display())
        );
        assert!(!waiting.is_finished());
        listener.accept().unwrap();
        waiting.await.unwrap().unwrap();
    });
}

/// A listener at this address, and its port.
async fn listener(address: &str) -> (Listener, u16) {
    let endpoint = Endpoint::new(node("found"));
    let listener = endpoint.listen(&address.parse().unwrap()).await.unwrap();
    let port = listener.port().unwrap();
    (listener, port)
}

/// Connects to `found` at this host with a resolver.
async fn find(resolver: impl Resolver, host: &str) -> Result<Link, ConnectError> {
    let node_name = NodeName::new(&format!("found@{host}")).unwrap();
    Endpoint::new(node("seeker"))
        .resolver(resolver)
        .connect(&node_name)
        .await
}

#[test]
fn nodes_are_found_in_a_table_and_at_a_fixed_port() {
    in_runtime(async {
        let (listener, port) = listener("127.0.0.1:0").await;
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut table = Table::default();
        let found: NodeName = "found@127.0.0.1".parse().unwrap();
        // The first address does not answer, the second does.
        table.insert(found.clone(), closed.into());
        table.insert(found, listener.address());
        assert!(find(table.clone(), "127.0.0.1").await.is_ok());
        let error = find(table, "other-host").await.unwrap_err();
        assert!(
            matches!(error, ConnectError::UnknownNode { .. }),
            "{error:?}"
        );

        assert!(find(FixedPort(port), "127.0.0.1").await.is_ok());
        let error = find(FixedPort(port), "no-such-host.invalid")
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::Resolve { .. }), "{error:?}");
    });
}

/// A resolver of the program's own that knows nothing and takes all the time there is.
struct Thoughtful;

impl Resolver for Thoughtful {
    async fn resolve(&self, _: &NodeName, _: Instant) -> Result<Vec<Address>, ConnectError> {
        pending().await
    }
}

#[test]
fn a_resolver_that_never_answers_is_given_up() {
    in_runtime(async {
        let hasty = Endpoint::new(node("hasty").setup_time(Duration::from_millis(100)));
        let found = "found@127.0.0.1".parse().unwrap();
        let error = hasty
            .resolver(Thoughtful)
            .connect(&found)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "name lookup of host 127.0.0.1 failed: timed out"
        );
    });
}

/// A network in which some places never answer. It counts those who wait there.
#[derive(Clone, Default)]
struct Patchy(Memory, Arc<AtomicUsize>);

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Transport for Patchy {
    type Socket = <Memory as Transport>::Socket;
    type Incoming = MemoryIncoming;

    async fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
    ) -> io::Result<Self::Socket> {
        if *address == Address::Other("nowhere".into()) {
            self.1.fetch_add(1, Ordering::SeqCst);
            let _waiting = Counted(Arc::clone(&self.1));
            pending().await
        }
        self.0.connect(address, node).await
    }

    async fn listen(&self, address: &Address) -> io::Result<MemoryIncoming> {
        self.0.listen(address).await
    }
}

#[test]
fn addresses_that_do_not_answer_are_overtaken_by_the_next() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    // Time passes at once when all wait for it.
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let network = Patchy::default();
        let places = ["nowhere", "nobody", "here"];
        let [nowhere, nobody, here] = places.map(|place| Address::Other(place.into()));
        let found: NodeName = "found@127.0.0.1".parse().unwrap();
        let endpoint = Endpoint::new(node("found")).transport(network.clone());
        let _listener = endpoint.listen(&here).await.unwrap();
        let try_all = async |addresses: &[&Address]| {
            let table = addresses
                .iter()
                .map(|address| (found.clone(), (*address).clone()));
            let seeker = Endpoint::new(node("seeker").setup_time(Duration::from_secs(2)));
            let seeker = seeker
                .transport(network.clone())
                .resolver(Table::from_iter(table));
            let start = Instant::now();
            let link = seeker.connect(&found).await;
            assert_eq!(network.1.load(Ordering::SeqCst), 0, "nobody waits any more");
            (link, start.elapsed().as_millis())
        };

        // One that refuses costs no time, one that is silent a quarter of a second.
        for (addresses, expected) in [
            (&[&nobody, &here][..], 0),
            (&[&nowhere, &here], 250),
            (&[&nowhere, &nobody, &here], 250),
            (&[&nowhere, &nowhere, &here], 500),
        ] {
            let (link, time) = try_all(addresses).await;
            assert!(link.is_ok(), "{link:?}");
            // The clock of the runtime counts milliseconds, and rounds up.
            assert!(
                (expected..expected + 5).contains(&time),
                "{addresses:?}: {time} ms"
            );
        }

        // None answers.
        let (link, time) = try_all(&[&nowhere, &nobody]).await;
        let error = link.unwrap_err();
        assert_eq!(error.to_string(), "connection to nowhere failed: timed out");
        assert!((2000..2005).contains(&time), "{time} ms");
        let (link, time) = try_all(&[&nobody, &nobody]).await;
        assert!(
            matches!(&link, Err(ConnectError::Connect { at, error })
                if at == "nobody" && error.kind() == io::ErrorKind::ConnectionRefused),
            "{link:?}"
        );
        assert_eq!(time, 0);
    });
}

#[test]
fn an_erlang_node_is_reached_over_ipv6() {
    let beam = Beam::builder()
        .name("beam@::1")
        .interface("{0,0,0,0,0,0,0,1}")
        .arguments(["-proto_dist", "inet6_tcp"])
        .start();
    in_runtime(async {
        let endpoint = Endpoint::new(config(&beam, "us"));
        let endpoint = endpoint.resolver(Epmd::at("::1", beam.epmd_port()));
        let mut link = endpoint
            .connect(&beam.name().parse().unwrap())
            .await
            .unwrap();
        let sum = link.rpc("lists", "sum", &[term("[1, 2, 39]")], WAIT).await;
        assert_eq!(sum.unwrap(), 42.into());

        // And it reaches us.
        let name: NodeName = "us@::1".parse().unwrap();
        let us = einode::Config::new(name, einode::Cookie::new(beam.cookie()).unwrap());
        let us = Endpoint::new(us.epmd_port(beam.epmd_port()));
        let mut listener = us.listen(&"[::1]:0".parse().unwrap()).await.unwrap();
        listener.publish().await.unwrap();
        beam.eval("{any, 'us@::1'} ! hello");
        let mut link = listener.accept(WAIT).await.unwrap();
        let signal = link.receive(WAIT).await.unwrap();
        assert!(matches!(signal.control, Control::Send { .. }), "{signal:?}");
    });
}
