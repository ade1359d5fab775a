//! TLS between two of us, in memory: what is accepted, what is refused, and what both sides are told.
#![cfg(feature = "tls")]

#[path = "common/ca.rs"]
mod ca;

use std::fs;
use std::io::{self, IoSlice};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ca::{Authority, Issued};
use einode::blocking::{Endpoint, Link, MemorySocket, Socket, TlsSocket};
use einode::tls::rustls::pki_types::ServerName;
use einode::tls::rustls::{AlertDescription, CertificateError, ProtocolVersion};
use einode::tls::{Tls, TlsError, TlsFailure, TlsOptions, Verify};
use einode::{Carrier, Config, Cookie, ExchangeError, NodeName};
use tempfile::TempDir;

const HOST: &str = "one.nodes.example";

/// How long anything may take that does not have to wait.
const WAIT: Duration = Duration::from_secs(30);

/// A directory with the files of a node.
struct Node(TempDir);

impl Node {
    fn new(issued: &Issued, authorities: &str) -> Self {
        let node = Self(tempfile::tempdir().unwrap());
        node.write(issued, authorities);
        node
    }

    fn write(&self, issued: &Issued, authorities: &str) {
        fs::write(self.path("node.pem"), issued.pem()).unwrap();
        fs::write(self.path("ca.pem"), authorities).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn options(&self) -> TlsOptions {
        TlsOptions::new()
            .certfile(self.path("node.pem"))
            .cacertfile(self.path("ca.pem"))
    }

    fn tls(&self) -> Tls {
        Tls::from_options(Some(self.options()), Some(self.options())).unwrap()
    }

    /// With an option file like those of Erlang nodes, in which `{node}` and `{ca}` are the files.
    fn optfile(&self, client: &str, server: &str) -> Tls {
        let text = format!("[{{client, [{client}]}}, {{server, [{server}]}}].")
            .replace("{node}", &self.path("node.pem"))
            .replace("{ca}", &self.path("ca.pem"));
        // Each has a file of its own, which stays as it is.
        let count = fs::read_dir(self.0.path()).unwrap().count();
        let path = self.path(&format!("tls{count}.conf"));
        fs::write(&path, text).unwrap();
        Tls::from_optfile(path).unwrap()
    }
}

type Met<S> = Result<Link<TlsSocket<S>>, ExchangeError>;

fn endpoint(name: &str) -> Endpoint {
    let name: NodeName = name.parse().unwrap();
    Endpoint::new(Config::new(name, Cookie::new("secret").unwrap()))
}

/// A client and a server shake hands, each on its side of a socket.
fn meet_over<S: Socket + Send + 'static>(
    (client, ours): (&Tls, S),
    (server, theirs): (&Tls, S),
) -> (Met<S>, Met<S>) {
    let theirs = TlsSocket::new(server.server().unwrap(), theirs);
    let server = thread::spawn(move || endpoint("server@one.nodes.example").accept_over(theirs));
    let ours = TlsSocket::new(client.client(HOST).unwrap(), ours);
    let client = endpoint("client@two.example").connect_over(ours, None);
    (client, server.join().unwrap())
}

fn meet(client: &Tls, server: &Tls) -> (Met<MemorySocket>, Met<MemorySocket>) {
    let (ours, theirs) = MemorySocket::pair();
    meet_over((client, ours), (server, theirs))
}

#[track_caller]
fn succeeds(client: &Tls, server: &Tls) {
    let (client, server) = meet(client, server);
    client.unwrap();
    server.unwrap();
}

fn failure(met: Met<MemorySocket>) -> TlsFailure {
    match met.map(|_| ()) {
        Err(ExchangeError::Io(error)) => error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<TlsFailure>())
            .unwrap_or_else(|| panic!("{error:?}"))
            .clone(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn fails(client: &Tls, server: &Tls) -> (TlsFailure, TlsFailure) {
    let (client, server) = meet(client, server);
    (failure(client), failure(server))
}

#[test]
fn nodes_with_the_same_ca_meet() {
    let ca = Authority::new("ca");
    let node = Node::new(&ca.issue(&[HOST, "10.0.0.1"]), &ca.pem);
    let tls = node.tls();
    succeeds(&tls, &tls);
}

#[test]
fn bytes_may_trickle() {
    /// Carries a byte at a time.
    struct Trickle(MemorySocket);
    impl Carrier for Trickle {}
    impl Socket for Trickle {
        fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
            self.0.read(&mut buffer[..1], until)
        }
        fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
            let first = slices.iter().find(|slice| !slice.is_empty()).unwrap();
            self.0.write(&[IoSlice::new(&first[..1])], until)
        }
        fn shutdown(&self, until: Option<Instant>) -> io::Result<()> {
            self.0.shutdown(until)
        }
        fn close(&self) {
            self.0.close();
        }
    }
    let ca = Authority::new("ca");
    let tls = Node::new(&ca.issue(&[HOST]), &ca.pem).tls();
    let (ours, theirs) = MemorySocket::pair();
    let (client, server) = meet_over((&tls, Trickle(ours)), (&tls, Trickle(theirs)));
    let (client, mut server) = (client.unwrap(), server.unwrap());
    let closed = thread::spawn(move || client.close(WAIT));
    let error = server.receive(WAIT).unwrap_err();
    assert_eq!(error.to_string(), "the peer closed the connection");
    drop(server);
    closed.join().unwrap().unwrap();
}

#[test]
fn nothing_is_lost_when_a_deadline_passes() {
    let ca = Authority::new("ca");
    let tls = Node::new(&ca.issue(&[HOST]), &ca.pem).tls();
    let (ours, theirs) = MemorySocket::pair();
    let ours = TlsSocket::new(tls.client(HOST).unwrap(), ours);
    let theirs = TlsSocket::new(tls.server().unwrap(), theirs);
    let sent: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_be_bytes).collect();
    let expected = sent.clone();

    let (stalled, go_on) = std::sync::mpsc::channel();
    let writer = thread::spawn(move || {
        let (mut rest, mut timeouts) = (sent.as_slice(), 0);
        while !rest.is_empty() {
            let until = Instant::now() + Duration::from_millis(5);
            match ours.write(&[IoSlice::new(rest)], Some(until)) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    timeouts += 1;
                    let _ = stalled.send(());
                }
                Err(error) => panic!("{error}"),
            }
        }
        ours.shutdown(Some(Instant::now() + WAIT)).unwrap();
        timeouts
    });
    let mut received = Vec::new();
    let mut buffer = vec![0; 100_000];
    // The handshake, and no more than one read until the writer is stuck.
    let until = Some(Instant::now() + WAIT);
    let read = theirs.read(&mut buffer[..10], until).unwrap();
    received.extend_from_slice(&buffer[..read]);
    go_on.iter().nth(3).unwrap();
    loop {
        match theirs.read(&mut buffer, until).unwrap() {
            0 => break,
            read => received.extend_from_slice(&buffer[..read]),
        }
    }
    assert!(writer.join().unwrap() > 3);
    assert!(received == expected, "{} bytes", received.len());
}

#[test]
fn a_certificate_of_another_ca_is_refused() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let node = Node::new(&ours.issue(&[HOST]), &ours.pem);
    let stranger = Node::new(&other.issue(&[HOST]), &ours.pem);

    let (client, server) = fails(&node.tls(), &stranger.tls());
    assert_eq!(
        client.to_string(),
        "TLS: we do not accept the peer's certificate: it was issued by no CA that we trust"
    );
    assert!(matches!(
        server,
        TlsFailure::OwnCertificate(AlertDescription::UnknownCA)
    ));

    let (client, server) = fails(&stranger.tls(), &node.tls());
    assert!(matches!(
        server,
        TlsFailure::PeerCertificate(CertificateError::UnknownIssuer)
    ));
    assert_eq!(
        client.to_string(),
        "TLS: the peer does not accept our certificate: UnknownCA"
    );
}

#[test]
fn an_expired_certificate_is_refused() {
    let ca = Authority::new("ca");
    let good = Node::new(&ca.issue(&[HOST]), &ca.pem);
    let expired = Node::new(&ca.issue_expired(&[HOST]), &ca.pem);
    for (client, server) in [(&good, &expired), (&expired, &good)] {
        let (a, b) = fails(&client.tls(), &server.tls());
        let texts = [a.to_string(), b.to_string()];
        for text in [
            "TLS: we do not accept the peer's certificate: it has expired",
            "TLS: the peer does not accept our certificate: CertificateExpired",
        ] {
            assert!(texts.contains(&text.to_owned()), "{texts:?}");
        }
    }
}

#[test]
fn the_certificate_of_another_host_is_refused() {
    let ca = Authority::new("ca");
    let good = Node::new(&ca.issue(&[HOST]), &ca.pem);
    let names = ["two.example", "10.0.0.1"];
    let other = Node::new(&ca.issue(&names), &ca.pem);
    let (client, server) = fails(&good.tls(), &other.tls());
    let text = client.to_string();
    assert!(
        text.starts_with("TLS: we do not accept the peer's certificate: it is for ")
            && text.contains("two.example")
            && text.ends_with(", not for one.nodes.example"),
        "{text}"
    );
    assert!(
        matches!(server, TlsFailure::OwnCertificate(_)),
        "{server:?}"
    );
    // Clients may come from anywhere.
    succeeds(&other.tls(), &good.tls());

    // Unless the server says where from.
    let allow = |host: &str| {
        let options = good
            .options()
            .allow([ServerName::try_from(host.to_owned()).unwrap()]);
        Tls::from_options(None, Some(options)).unwrap()
    };
    succeeds(&other.tls(), &allow("two.example"));
    succeeds(&other.tls(), &allow("10.0.0.1"));
    let (client, server) = fails(&other.tls(), &allow("three.example"));
    assert_eq!(
        server.to_string(),
        "TLS: we do not accept the peer's certificate: it is for no host that is allowed"
    );
    assert!(matches!(
        client,
        TlsFailure::OwnCertificate(AlertDescription::AccessDenied)
    ));
}

#[test]
fn names_are_matched_as_in_otp() {
    let ca = Authority::new("ca");
    let client = Node::new(&ca.issue(&["client"]), &ca.pem).tls();
    let server = |issued: &Issued| Node::new(issued, &ca.pem).tls();
    succeeds(&client, &server(&ca.issue_common_name(HOST)));
    succeeds(&client, &server(&ca.issue_common_name("ONE.Nodes.Example")));
    succeeds(&client, &server(&ca.issue(&["*.nodes.example"])));
    for wrong in [
        ca.issue_common_name("two.example"),
        ca.issue_common_name("*.nodes.example"),
        ca.issue_common_name("one.nodes.example.com"),
        ca.issue(&["*.one.nodes.example"]),
    ] {
        let (client, _) = fails(&client, &server(&wrong));
        assert!(
            matches!(
                client,
                TlsFailure::PeerCertificate(CertificateError::NotValidForNameContext { .. })
            ),
            "{client:?}"
        );
    }
    // The name asked for can be another than the node's, or none.
    let other = Node::new(&ca.issue(&["two.example"]), &ca.pem);
    for name in ["\"two.example\"", "disable"] {
        let options = format!("{{cacertfile, \"{{ca}}\"}}, {{server_name_indication, {name}}}");
        succeeds(&other.optfile(&options, "{certfile, \"{node}\"}"), &{
            other.optfile("{verify, verify_none}", "{certfile, \"{node}\"}")
        });
    }
}

#[test]
fn a_certificate_may_be_required() {
    let ca = Authority::new("ca");
    let node = Node::new(&ca.issue(&[HOST]), &ca.pem);
    let bare = Tls::from_options(
        Some(TlsOptions::new().cacertfile(node.path("ca.pem"))),
        None,
    )
    .unwrap();
    let (client, server) = fails(&bare, &node.tls());
    assert_eq!(server.to_string(), "TLS: the peer has shown no certificate");
    assert_eq!(
        client.to_string(),
        "TLS: the peer requires a certificate of us"
    );
    let lenient = node.options().fail_if_no_peer_cert(false);
    succeeds(&bare, &Tls::from_options(None, Some(lenient)).unwrap());
    let blind = node.options().verify(Verify::None);
    succeeds(&bare, &Tls::from_options(None, Some(blind)).unwrap());
    // And a client can be as blind.
    let blind = Tls::from_options(Some(TlsOptions::new().verify(Verify::None)), None).unwrap();
    let stranger = Authority::new("stranger").issue_expired(&["elsewhere"]);
    let options =
        Node::new(&stranger, &ca.pem).optfile("{verify, verify_none}", "{certfile, \"{node}\"}");
    succeeds(&blind, &options);
}

#[test]
fn intermediate_cas_are_sent_and_counted() {
    let root = Authority::new("root");
    let first = root.intermediate("first");
    let second = first.intermediate("second");
    let issued = second.issue(&[HOST]);
    let client = Node::new(&issued, &root.pem);
    let of_depth = |depth| Tls::from_options(Some(client.options().depth(depth)), None).unwrap();

    // With the certificate, or among the CAs.
    let in_certfile = Issued {
        certificate: format!("{}{}{}", issued.certificate, second.pem, first.pem),
        key: issued.key.clone(),
    };
    let all = format!("{}{}{}", root.pem, first.pem, second.pem);
    for node in [Node::new(&in_certfile, &root.pem), Node::new(&issued, &all)] {
        let server = Tls::from_options(None, Some(node.options().verify(Verify::None))).unwrap();
        succeeds(&of_depth(2), &server);
        let (error, _) = fails(&of_depth(1), &server);
        assert_eq!(
            error.to_string(),
            "TLS: we do not accept the peer's certificate: \
             more intermediate CAs than allowed are between it and a CA that we trust"
        );
    }
}

#[test]
fn no_common_ground() {
    let ca = Authority::new("ca");
    let node = Node::new(&ca.issue(&[HOST]), &ca.pem);
    let with = |options: &str| {
        let common = format!("{{cacertfile, \"{{ca}}\"}}, {{certfile, \"{{node}}\"}}, {options}");
        node.optfile(&common, &common)
    };
    let new = with("{versions, ['tlsv1.3']}");
    let old = with("{versions, ['tlsv1.2', 'tlsv1.1']}");
    for (client, server) in [fails(&new, &old), fails(&old, &new)] {
        assert!(
            matches!(client, TlsFailure::Incompatible(_))
                && matches!(server, TlsFailure::Incompatible(_)),
            "{client:?} {server:?}"
        );
    }
    succeeds(&old, &old);
    let aes = with("{versions, ['tlsv1.2']}, {ciphers, \"ECDHE-ECDSA-AES256-GCM-SHA384\"}");
    let chacha = with("{ciphers, [\"ECDHE-ECDSA-CHACHA20-POLY1305\"]}");
    let (client, server) = fails(&aes, &chacha);
    assert!(matches!(client, TlsFailure::HandshakeFailure), "{client:?}");
    assert!(
        server
            .to_string()
            .starts_with("TLS: no protocol version, cipher suite"),
        "{server}"
    );
    let (client, _) = fails(
        &with("{supported_groups, [x25519]}"),
        &with("{eccs, [secp384r1]}"),
    );
    assert!(matches!(client, TlsFailure::HandshakeFailure), "{client:?}");
}

#[test]
fn what_a_write_has_to_keep_is_told_and_leaves() {
    let ca = Authority::new("ca");
    let tls = Node::new(&ca.issue(&[HOST]), &ca.pem).tls();
    let (ours, theirs) = MemorySocket::pair();
    let server = TlsSocket::new(tls.server().unwrap(), theirs);
    let client = TlsSocket::new(tls.client(HOST).unwrap(), ours);
    let until = Some(Instant::now() + WAIT);
    let server = thread::spawn(move || {
        assert_eq!(server.read(&mut [0], until).unwrap(), 1);
        server
    });
    client.write(&[IoSlice::new(b"x")], until).unwrap();
    let server = server.join().unwrap();
    assert!(!client.wants_write());

    // Until the peer would have to read.
    let (block, mut written) = ([7; 4096], 0);
    while !client.wants_write() {
        let now = Some(Instant::now() + Duration::from_millis(1));
        written += client.write(&[IoSlice::new(&block)], now).unwrap();
    }
    let error = client.flush(Some(Instant::now())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    thread::scope(|scope| {
        scope.spawn(|| client.flush(until).unwrap());
        let mut buffer = [0; 4096];
        while written > 0 {
            written -= server.read(&mut buffer, until).unwrap();
        }
    });
    assert!(!client.wants_write());
}

#[test]
fn the_version_is_the_newest() {
    let ca = Authority::new("ca");
    let tls = Node::new(&ca.issue(&[HOST]), &ca.pem).tls();
    let (ours, theirs) = MemorySocket::pair();
    let server = TlsSocket::new(tls.server().unwrap(), theirs);
    let until = Some(Instant::now() + WAIT);
    let server = thread::spawn(move || {
        let mut byte = [0];
        server.read(&mut byte, until).unwrap();
        server
    });
    let client = TlsSocket::new(tls.client(HOST).unwrap(), ours);
    client.write(&[IoSlice::new(b"x")], until).unwrap();
    let server = server.join().unwrap();
    for socket in [&client, &server] {
        assert_eq!(
            socket.connection().protocol_version(),
            Some(ProtocolVersion::TLSv1_3)
        );
        assert_eq!(socket.peer_certificates().unwrap().len(), 1);
    }
}

#[test]
fn silence_ends_and_so_does_a_closed_door() {
    let ca = Authority::new("ca");
    let tls = Node::new(&ca.issue(&[HOST]), &ca.pem).tls();
    let name: NodeName = "us@two.example".parse().unwrap();
    let hasty =
        Config::new(name, Cookie::new("secret").unwrap()).setup_time(Duration::from_millis(200));
    let hasty = Endpoint::new(hasty);

    let (ours, silent) = MemorySocket::pair();
    let socket = TlsSocket::new(tls.client(HOST).unwrap(), ours);
    let start = Instant::now();
    let error = hasty.connect_over(socket, None).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(
        error.to_string(),
        "TLS: the peer was silent instead of an answer; it may expect connections without TLS"
    );
    drop(silent);

    let (ours, silent) = MemorySocket::pair();
    let socket = TlsSocket::new(tls.server().unwrap(), ours);
    let start = Instant::now();
    assert!(hasty.accept_over(socket).is_err());
    assert!(start.elapsed() < Duration::from_secs(5));
    drop(silent);

    let (ours, closed) = MemorySocket::pair();
    let socket = TlsSocket::new(tls.client(HOST).unwrap(), ours);
    let connected = thread::spawn(move || hasty.connect_over(socket, None));
    closed.read(&mut [0; 4096], None).unwrap();
    drop(closed);
    assert!(matches!(
        failure(connected.join().unwrap()),
        TlsFailure::NoAnswer(io::ErrorKind::UnexpectedEof)
    ));
}

/// As writing it again would do a while later.
fn touch(path: &str) {
    let file = fs::File::options()
        .append(true)
        .open(Path::new(path))
        .unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(5))
        .unwrap();
}

#[test]
fn changed_files_are_read_again() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (before, after) = (old.issue(&[HOST]), new.issue(&[HOST]));
    let node = Node::new(&before, &old.pem);
    let tls = node.tls();
    let (client, server) = meet(&tls, &tls);
    let (mut client, mut server) = (client.unwrap(), server.unwrap());

    let stranger = Node::new(&after, &new.pem).tls();
    fails(&stranger, &tls);
    node.write(&after, &new.pem);
    touch(&node.path("node.pem"));
    succeeds(&stranger, &tls);

    // Something unusable changes nothing, but is told to who asks.
    fs::write(node.path("ca.pem"), "nothing").unwrap();
    let error = tls.reload().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: no BEGIN CERTIFICATE in it", node.path("ca.pem"))
    );
    succeeds(&stranger, &tls);
    // A connection of before lives on.
    let pinged = thread::spawn(move || client.ping(WAIT).map(|_| ()));
    while !pinged.is_finished() {
        let _ = server.receive(Duration::from_millis(10));
    }
    pinged.join().unwrap().unwrap();
}

#[test]
fn what_is_missing_is_named() {
    let ca = Authority::new("ca");
    let node = Node::new(&ca.issue(&[HOST]), &ca.pem);
    let client = |options| {
        Tls::from_options(Some(options), None)
            .unwrap_err()
            .to_string()
    };
    let server = |options| {
        Tls::from_options(None, Some(options))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        client(TlsOptions::new()),
        "client options: verify_peer, which is the default, needs cacertfile or cacerts; \
         {verify, verify_none} would accept any server"
    );
    assert_eq!(
        server(TlsOptions::new().certfile(node.path("node.pem"))),
        "server options: verify_peer needs cacertfile or cacerts"
    );
    assert_eq!(
        server(TlsOptions::new().verify(Verify::None)),
        "server options: certfile or cert is needed"
    );
    let path = node.path("no.pem");
    assert_eq!(
        client(TlsOptions::new().cacertfile(&path)),
        format!("{path}: No such file or directory (os error 2)")
    );
    let path = node.path("ca.pem");
    assert_eq!(
        server(node.options().keyfile(&path)),
        format!("{path}: no BEGIN PRIVATE KEY in it")
    );
    let other = Node::new(&ca.issue(&[HOST]), &ca.pem);
    let error = server(node.options().keyfile(other.path("node.pem")));
    assert!(error.contains("keys may not be consistent"), "{error}");

    let tls = Tls::from_options(None, Some(node.options())).unwrap();
    let error = tls.client(HOST).unwrap_err();
    assert_eq!(error.to_string(), "client options: there are none");
    let error = node.tls().client("no host").unwrap_err();
    assert!(matches!(error, TlsError::HostName(_)), "{error:?}");
}

#[test]
fn nodes_are_who_their_certificates_say() {
    let ca = Authority::new("ca");
    let tls = Node::new(&ca.issue(&[HOST, "10.0.0.1"]), &ca.pem).tls();
    let meet = |client: &str| {
        let (ours, theirs) = MemorySocket::pair();
        let theirs = TlsSocket::new(tls.server().unwrap(), theirs).check_node_name(true);
        let server =
            thread::spawn(move || endpoint("server@one.nodes.example").accept_over(theirs));
        let ours = TlsSocket::new(tls.client(HOST).unwrap(), ours).check_node_name(true);
        let client = endpoint(client).connect_over(ours, None);
        (client, server.join().unwrap())
    };
    for client in ["client@one.nodes.example", "client@10.0.0.1"] {
        let (client, server) = meet(client);
        client.unwrap();
        assert!(server.unwrap().socket().peer_certificates().is_some());
    }
    let (_, server) = meet("client@two.nodes.example");
    assert!(
        matches!(
            failure(server),
            TlsFailure::PeerCertificate(CertificateError::NotValidForNameContext { .. })
        ),
        "another node's certificate is accepted"
    );
}
