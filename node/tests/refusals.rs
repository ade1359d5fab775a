//! Connections that do not come about, each with its own error and within its deadline.

mod common;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use common::{WAIT, anywhere, config, connect, endpoint, publish};
use einode::blocking::{
    Endpoint, Epmd, Incoming, Link, Memory, MemoryIncoming, MemorySocket, PENDING_HANDSHAKES,
    Transport,
};
use einode::dist::handshake::Verdict;
use einode::dist::{Error, Refusal};
use einode::{AcceptError, Address, Config, ConnectError, Cookie, ExchangeError, NodeName};
use einode_testkit::Beam;

/// A node that gives up soon, and needs no Erlang.
fn hasty() -> Config {
    let name: NodeName = "us@127.0.0.1".parse().unwrap();
    Config::new(name, Cookie::new("secret").unwrap()).setup_time(Duration::from_millis(400))
}

/// Tries to connect to a service, which must fail soon.
fn try_service(service: impl FnOnce(TcpStream) + Send + 'static) -> ConnectError {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = thread::spawn(move || service(listener.accept().unwrap().0));
    let start = Instant::now();
    let error = Endpoint::new(hasty())
        .connect_at("127.0.0.1", port, None)
        .unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{error} after {:?}",
        start.elapsed()
    );
    service.join().unwrap();
    error
}

fn read_to_end(mut stream: &TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn wrong_cookie() {
    let beam = Beam::start();
    let stranger: NodeName = "stranger@127.0.0.1".parse().unwrap();
    let stranger = Config::new(stranger, Cookie::new("wrong").unwrap());
    let stranger = Endpoint::new(stranger.epmd_port(beam.epmd_port()));
    let error = stranger.connect(&beam.name().parse().unwrap()).unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Handshake(ExchangeError::Protocol(Error::Refused(Refusal::Cookie)))
        ),
        "{error:?}"
    );

    // The other way round it is we who refuse, and know whom.
    let mut listener = stranger.listen(&anywhere()).unwrap();
    listener.publish().unwrap();
    thread::scope(|scope| {
        let answer = scope.spawn(|| beam.text("net_adm:ping('stranger@127.0.0.1')"));
        let error = listener.accept(WAIT).unwrap_err();
        let AcceptError::Handshake { address, error } = error else {
            panic!("{error:?}")
        };
        assert!(address.to_string().starts_with("127.0.0.1:"), "{address}");
        assert!(
            matches!(error, ExchangeError::Protocol(Error::WrongCookie)),
            "{error:?}"
        );
        assert_eq!(answer.join().unwrap(), "pang");
    });
}

#[test]
fn unknown_name() {
    let beam = Beam::start();
    let error = endpoint(&beam, "us")
        .connect(&"nobody@127.0.0.1".parse().unwrap())
        .unwrap_err();
    assert!(matches!(&error, ConnectError::UnknownNode { node, .. } if node.alive() == "nobody"));
    assert_eq!(
        error.to_string(),
        format!(
            "EPMD at 127.0.0.1:{} knows no node nobody",
            beam.epmd_port()
        )
    );
}

#[test]
fn another_node_than_asked_for() {
    let beam = Beam::start();
    let asked: NodeName = "other@127.0.0.1".parse().unwrap();
    let error = endpoint(&beam, "us")
        .connect_at("127.0.0.1", beam.port(), Some(&asked))
        .unwrap_err();
    assert!(
        matches!(&error, ConnectError::Handshake(ExchangeError::Protocol(
            Error::OtherNode { expected, found })) if *expected == asked && found.as_str() == beam.name()),
        "{error:?}"
    );
}

#[test]
fn dead_host() {
    // Nothing listens on a port that was just given back.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let node = "app@127.0.0.1".parse().unwrap();
    let error = Endpoint::new(hasty().epmd_port(port))
        .connect(&node)
        .unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Epmd {
                error: ExchangeError::Io(_),
                ..
            }
        ),
        "{error:?}"
    );
    let error = Endpoint::new(hasty())
        .connect_at("127.0.0.1", port, None)
        .unwrap_err();
    assert!(matches!(error, ConnectError::Connect { .. }), "{error:?}");
    let error = Endpoint::new(hasty())
        .connect(&"app@no-such-host.invalid".parse().unwrap())
        .unwrap_err();
    assert!(matches!(&error, ConnectError::Resolve { host, .. } if host == "no-such-host.invalid"));
}

#[test]
fn silent_peer() {
    let error = try_service(|stream| read_to_end(&stream));
    assert_eq!(error.to_string(), "handshake failed: timed out");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = thread::spawn(move || read_to_end(&listener.accept().unwrap().0));
    let error = Endpoint::new(hasty().epmd_port(port))
        .connect(&"app@127.0.0.1".parse().unwrap())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("EPMD at 127.0.0.1:{port} does not answer: timed out")
    );
    silent.join().unwrap();
}

#[test]
fn peer_that_trickles_for_ever() {
    let error = try_service(|mut stream| {
        // A status of 1000 bytes, at a pace that never lets a read wait long.
        let _ = stream.write_all(&[0x03, 0xe8]);
        while stream.write_all(b"s").is_ok() {
            thread::park_timeout(Duration::from_millis(20));
        }
    });
    assert_eq!(error.to_string(), "handshake failed: timed out");
}

#[test]
fn services_that_are_not_erlang() {
    let error = try_service(drop);
    assert!(
        matches!(
            error,
            ConnectError::Handshake(
                ExchangeError::Protocol(Error::Closed { .. }) | ExchangeError::Io(_)
            )
        ),
        "{error:?}"
    );
    // "SS" is a length of 21,331.
    let error = try_service(|mut stream| {
        stream.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n").unwrap();
        read_to_end(&stream);
    });
    assert!(
        matches!(
            error,
            ConnectError::Handshake(ExchangeError::Protocol(Error::TooLong { .. }))
        ),
        "{error:?}"
    );
    let error = try_service(|mut stream| {
        stream
            .write_all(b"\0\x1dwelcome to my line protocol\r\n")
            .unwrap();
        read_to_end(&stream);
    });
    assert!(
        matches!(
            error,
            ConnectError::Handshake(ExchangeError::Protocol(Error::Malformed { .. }))
        ),
        "{error:?}"
    );
}

#[test]
fn epmd_that_is_not_epmd() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    let until = Instant::now() + WAIT;
    let node = "app@127.0.0.1".parse().unwrap();
    let error = Epmd::at("127.0.0.1", port)
        .lookup(&node, until)
        .unwrap_err();
    assert!(
        matches!(
            &error,
            ConnectError::Epmd {
                error: ExchangeError::Protocol(_),
                ..
            }
        ),
        "{error:?}"
    );
    service.join().unwrap();
}

#[test]
fn a_name_that_is_taken() {
    let beam = Beam::start();
    let _first = publish(&beam);
    let mut second = endpoint(&beam, "us").listen(&anywhere()).unwrap();
    let error = second.publish().unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Epmd {
                error: ExchangeError::Protocol(Error::Refused(Refusal::Registration)),
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn registration_ends_with_the_listener() {
    let beam = Beam::start();
    let listener = publish(&beam);
    assert!(
        listener
            .endpoint()
            .connect(&beam.name().parse().unwrap())
            .is_ok()
    );
    let names = "{ok, Names} = erl_epmd:names({127,0,0,1}), lists:keymember(\"us\", 1, Names)";
    assert_eq!(beam.text(names), "true");
    drop(listener);
    beam.wait_until(&format!("begin {names} end =:= false"));
}

#[test]
fn nodes_that_are_not_allowed() {
    let beam = Beam::start();
    // They by us,
    let node = Endpoint::new(config(&beam, "us").admit(|_| Verdict::NotAllowed));
    let mut listener = node.listen(&anywhere()).unwrap();
    listener.publish().unwrap();
    thread::scope(|scope| {
        let answer = scope.spawn(|| beam.text("net_adm:ping('us@127.0.0.1')"));
        let error = listener.accept(WAIT).unwrap_err();
        assert!(
            matches!(
                error,
                AcceptError::Handshake {
                    error: ExchangeError::Protocol(Error::Turned(_)),
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(answer.join().unwrap(), "pang");
    });
    // and we by them.
    beam.eval("net_kernel:allow(['friend@127.0.0.1'])");
    let error = endpoint(&beam, "us")
        .connect(&beam.name().parse().unwrap())
        .unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Handshake(ExchangeError::Protocol(Error::Refused(Refusal::NotAllowed)))
        ),
        "{error:?}"
    );
    assert!(
        endpoint(&beam, "friend")
            .connect(&beam.name().parse().unwrap())
            .is_ok()
    );
}

#[test]
fn a_second_connection_of_the_same_name_replaces_the_first() {
    let beam = Beam::start();
    let mut first = connect(&beam);
    let mut second = connect(&beam);
    assert!(second.ping(WAIT).is_ok());
    assert!(first.ping(WAIT).is_err());
    assert_eq!(beam.text("nodes(hidden)"), "['us@127.0.0.1']");
}

fn raw(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).unwrap()
}

#[test]
fn a_peer_that_stalls_keeps_nobody_waiting() {
    let beam = Beam::start();
    let listener = publish(&beam);
    let mut stalled: Vec<TcpStream> = (0..10).map(|_| raw(listener.port().unwrap())).collect();
    stalled[0].write_all(b"\0").unwrap();
    stalled[1].write_all(b"\0\x20N\0\0").unwrap();
    thread::scope(|scope| {
        let start = Instant::now();
        let answer = scope.spawn(|| beam.text("net_adm:ping('us@127.0.0.1')"));
        let mut link: Link = listener.accept(WAIT).unwrap();
        while !answer.is_finished() {
            let _ = link.receive(Duration::from_millis(10));
        }
        assert_eq!(answer.join().unwrap(), "pong");
        assert!(
            start.elapsed() < Duration::from_secs(7),
            "{:?}",
            start.elapsed()
        );
    });
}

#[test]
fn more_silent_peers_than_handshakes_are_allowed() {
    let listener = Endpoint::new(hasty()).listen(&anywhere()).unwrap();
    let port = listener.port().unwrap();
    let silent: Vec<TcpStream> = (0..PENDING_HANDSHAKES + 20).map(|_| raw(port)).collect();
    let friend: NodeName = "friend@127.0.0.1".parse().unwrap();
    let friend = Config::new(friend, Cookie::new("secret").unwrap()).setup_time(WAIT);
    let friend = Endpoint::new(friend);
    let friend = thread::spawn(move || friend.connect_at("127.0.0.1", port, None));
    // The silent ones run into their deadlines and make room.
    let mut timed_out = 0;
    let link = loop {
        match listener.accept(WAIT) {
            Ok(link) => break link,
            Err(AcceptError::Handshake {
                error: ExchangeError::Io(_),
                ..
            }) => timed_out += 1,
            Err(error) => panic!("{error:?}"),
        }
    };
    assert_eq!(link.peer().as_str(), "friend@127.0.0.1");
    assert!(
        timed_out > 0,
        "the friend got in before any of {} silent peers",
        silent.len()
    );
    friend.join().unwrap().unwrap();
}

/// A network in memory whose `accept` fails before it succeeds.
struct Exhausted(Memory);

struct ExhaustedIncoming {
    inner: MemoryIncoming,
    /// The errors that are still to come, as the system numbers them.
    errors: Mutex<Vec<i32>>,
}

impl Transport for Exhausted {
    type Socket = MemorySocket;
    type Incoming = ExhaustedIncoming;

    fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<MemorySocket> {
        self.0.connect(address, node, until)
    }

    fn listen(&self, address: &Address) -> io::Result<ExhaustedIncoming> {
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        const ECONNABORTED: i32 = 103;
        let errors = Mutex::new(vec![EMFILE, ENFILE, ECONNABORTED, EMFILE]);
        let inner = self.0.listen(address)?;
        Ok(ExhaustedIncoming { inner, errors })
    }
}

impl Incoming for ExhaustedIncoming {
    type Socket = MemorySocket;

    fn accept(&self) -> io::Result<(MemorySocket, Address)> {
        match self.errors.lock().unwrap().pop() {
            Some(error) => Err(io::Error::from_raw_os_error(error)),
            None => self.inner.accept(),
        }
    }

    fn address(&self) -> Address {
        self.inner.address()
    }

    fn close(&self) {
        self.inner.close();
    }
}

#[test]
fn errors_of_accept_do_not_end_the_listener() {
    let network = Memory::default();
    let place = Address::Other("here".into());
    let server = Endpoint::new(hasty().setup_time(WAIT)).transport(Exhausted(network.clone()));
    let listener = server.listen(&place).unwrap();
    let friend: NodeName = "friend@127.0.0.1".parse().unwrap();
    let friend = Config::new(friend, Cookie::new("secret").unwrap()).setup_time(WAIT);
    let friend = Endpoint::new(friend).transport(network);
    let friend = thread::spawn(move || friend.connect_to(&place, None).map(drop));
    let link = listener.accept(WAIT).unwrap();
    assert_eq!(link.peer().as_str(), "friend@127.0.0.1");
    friend.join().unwrap().unwrap();
}
