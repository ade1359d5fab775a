//! TLS on tokio's tasks, with real Erlang nodes that run with `-proto_dist inet_tls` and without.
#![cfg(all(feature = "tls", feature = "tokio"))]

#[path = "common/ca.rs"]
mod ca;
mod common;
#[path = "common/inet_tls.rs"]
mod inet_tls;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use ca::Authority;
use common::{WAIT, anywhere, config, in_runtime, name, node, term};
use einode::tls::{Tls, TlsFailure};
use einode::tokio::{Endpoint, Link, Memory, Socket, TlsOver};
use einode::{AcceptError, Address, Atom, ConnectError, ExchangeError, LinkError, Term};
use einode_testkit::Beam;
use inet_tls::{Files, HOSTS, INET_TLS, MUTUAL, VERIFY_NONE};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Both can call each other, and large messages pass.
async fn works_in_both_roles(beam: Arc<Beam>, tls: &Tls) {
    let caller = Endpoint::new(config(&beam, "caller")).transport(tls.clone());
    let mut link = caller.connect(&beam.name().parse().unwrap()).await.unwrap();
    let numbers = [term("[1, 2, 39]")];
    assert_eq!(
        link.rpc("lists", "sum", &numbers, WAIT).await.unwrap(),
        42.into()
    );
    let large = Term::binary(&vec![7; 3_000_000]);
    let echo = [Term::list(vec![large.clone()])];
    assert_eq!(
        link.erpc("erlang", "list_to_binary", &echo, WAIT)
            .await
            .unwrap(),
        large
    );
    link.close(WAIT).await.unwrap();
    beam.wait_until("nodes(hidden) =:= []");

    let called = Endpoint::new(config(&beam, "called")).transport(tls.clone());
    let mut listener = called.listen(&anywhere()).await.unwrap();
    listener.publish().await.unwrap();
    let call = "gen_server:call({echo, 'called@127.0.0.1'}, binary:copy(<<7>>, 3000000)) =:= ok";
    let answer = spawn_blocking(move || beam.text(call));
    let mut link = listener.accept(WAIT).await.unwrap();
    link.register(Atom::from_static("echo"));
    let call = loop {
        if let Some(message) = link.receive(WAIT).await.unwrap().message() {
            break message.term().unwrap();
        }
    };
    let [_, from, request] = call.as_tuple().unwrap() else {
        panic!("{call}")
    };
    assert_eq!(*request, large);
    let [pid, tag] = from.as_tuple().unwrap() else {
        panic!("{from}")
    };
    let (pid, ok) = (pid.as_pid().unwrap().clone(), Atom::from_static("ok"));
    link.send(pid, &(tag.clone(), ok)).await.unwrap();
    assert_eq!(answer.await.unwrap(), "true");
}

#[test]
fn nodes_with_the_same_ca_trust_each_other() {
    let ca = Authority::new("ca");
    let issued = (ca.issue(HOSTS), ca.issue(HOSTS));
    for version in ["'tlsv1.2'", "'tlsv1.3'"] {
        let verify = "{verify, verify_peer}";
        let options = MUTUAL.replace(verify, &format!("{verify}, {{versions, [{version}]}}"));
        let files = |issued| Files {
            options: &options,
            issued,
            authorities: &ca.pem,
        };
        let beam = Arc::new(files(&issued.0).beam(INET_TLS));
        let (tls, _home) = files(&issued.1).tls();
        in_runtime(works_in_both_roles(beam, &tls));
    }
}

/// Why TLS failed.
#[track_caller]
fn failure(error: ExchangeError) -> TlsFailure {
    let ExchangeError::Io(error) = error else {
        panic!("{error:?}")
    };
    let failure = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TlsFailure>());
    failure.unwrap_or_else(|| panic!("{error:?}")).clone()
}

#[test]
fn strangers_are_refused_by_whom_they_are_strange_to() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let files = |authority: &Authority| {
        let issued = authority.issue(HOSTS);
        Files {
            options: MUTUAL,
            issued: &issued,
            authorities: &authority.pem,
        }
        .tls()
    };
    let ((ours, _home), (foreign, _other_home)) = (files(&ca), files(&other));
    let plain = Beam::start();
    in_runtime(async {
        let us = Endpoint::new(node("us")).transport(ours.clone());
        let mut listener = us.listen(&anywhere()).await.unwrap();
        let address = listener.address();
        let stranger = Endpoint::new(node("stranger")).transport(foreign);
        let attempt = tokio::spawn(async move { stranger.connect_to(&address, None).await });
        let AcceptError::Handshake { error, .. } = listener.accept(WAIT).await.unwrap_err() else {
            panic!()
        };
        let refusal = failure(error);
        assert!(
            matches!(refusal, TlsFailure::OwnCertificate(_)),
            "{refusal:?}"
        );
        let ConnectError::Handshake(error) = attempt.await.unwrap().unwrap_err() else {
            panic!()
        };
        let refusal = failure(error);
        assert!(
            matches!(refusal, TlsFailure::PeerCertificate(_)),
            "{refusal:?}"
        );

        // A node without TLS does not understand a word.
        let us = Endpoint::new(config(&plain, "us")).transport(ours);
        let error = us
            .connect(&plain.name().parse().unwrap())
            .await
            .unwrap_err();
        let ConnectError::Handshake(error) = error else {
            panic!("{error:?}")
        };
        let refusal = failure(error);
        assert!(matches!(refusal, TlsFailure::NoAnswer(_)), "{refusal:?}");
    });
}

#[test]
fn a_peer_that_says_nothing_is_given_up() {
    let ca = Authority::new("ca");
    let (tls, _home) = Files {
        options: VERIFY_NONE,
        issued: &ca.issue(HOSTS),
        authorities: "",
    }
    .tls();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().into();
    in_runtime(async {
        let hasty = node("hasty").setup_time(Duration::from_millis(200));
        let hasty = Endpoint::new(hasty).transport(tls);
        let error = hasty.connect_to(&address, None).await.unwrap_err();
        let ConnectError::Handshake(error) = error else {
            panic!("{error:?}")
        };
        let refusal = failure(error);
        assert!(matches!(refusal, TlsFailure::NoAnswer(_)), "{refusal:?}");
        // The other end of it is closed.
        let (mut stream, _) = silent.accept().unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    });
}

#[test]
fn large_messages_pass_over_tls_in_both_directions_at_once() {
    let ca = Authority::new("ca");
    let (tls, _home) = Files {
        options: VERIFY_NONE,
        issued: &ca.issue(HOSTS),
        authorities: "",
    }
    .tls();
    let network = TlsOver::new(tls, Memory::default());
    let place = Address::Other("here".into());
    in_runtime(async {
        let here = Endpoint::new(node("here")).transport(network);
        let mut listener = here.listen(&place).await.unwrap();
        let there: einode::NodeName = "here@127.0.0.1".parse().unwrap();
        let connecting =
            tokio::spawn(async move { here.connect_to(&place, Some(&there)).await.unwrap() });
        let mut one = listener.accept(WAIT).await.unwrap();
        let mut two = connecting.await.unwrap();
        let other = tokio::spawn(async move {
            exchange(&mut two).await;
            let end = two.receive(WAIT).await.unwrap_err();
            assert!(matches!(end, LinkError::Closed), "{end:?}");
        });
        exchange(&mut one).await;
        one.close(WAIT).await.unwrap();
        other.await.unwrap();
    });
}

/// Sends and receives more than fits into what is between, and begins with sending.
async fn exchange<S: Socket>(link: &mut Link<S>) {
    let block = Term::binary(&vec![7; 16 << 20]);
    let sending = timeout(Duration::from_millis(100), link.send(name("any"), &block));
    assert!(sending.await.is_err(), "all of it fits");
    // What is left of it leaves while we read.
    let received = link.receive(WAIT).await.unwrap();
    assert!(received.message().unwrap().term().unwrap() == block);
    link.send(name("any"), &term("done")).await.unwrap();
    let received = link.receive(WAIT).await.unwrap();
    assert_eq!(received.message().unwrap().term().unwrap(), term("done"));
}
