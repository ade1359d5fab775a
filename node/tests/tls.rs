//! Connections with real Erlang nodes that run with `-proto_dist inet_tls`, in both roles.
#![cfg(feature = "tls")]

#[path = "common/ca.rs"]
mod ca;
mod common;
#[path = "common/inet_tls.rs"]
mod inet_tls;

use std::thread;
use std::time::{Duration, Instant};

use ca::Authority;
use common::{WAIT, anywhere, config, endpoint, term};
use einode::blocking::{Endpoint, Listener, Transport};
use einode::tls::rustls::CertificateError;
use einode::tls::{Tls, TlsFailure};
use einode::{AcceptError, ConnectError, ExchangeError};
use einode_testkit::Beam;
use inet_tls::{Files, HOSTS, INET_TLS, MUTUAL, VERIFY_NONE};

/// Listens as `alive@127.0.0.1`, where the node finds it.
fn publish<T: Transport>(beam: &Beam, alive: &str, transport: T) -> Listener<T> {
    let endpoint = Endpoint::new(config(beam, alive)).transport(transport);
    let mut listener = endpoint.listen(&anywhere()).unwrap();
    listener.publish().unwrap();
    listener
}

/// Both can call each other, and large messages pass.
fn works_in_both_roles(beam: &Beam, tls: &Tls) {
    let mut link = Endpoint::new(config(beam, "caller"))
        .transport(tls.clone())
        .connect(&beam.name().parse().unwrap())
        .unwrap();
    let numbers = [term("[1, 2, 39]")];
    assert_eq!(link.rpc("lists", "sum", &numbers, WAIT).unwrap(), 42.into());
    let large = einode::Term::binary(&vec![7; 3_000_000]);
    assert_eq!(
        link.erpc(
            "erlang",
            "list_to_binary",
            &[einode::Term::list(vec![large.clone()])],
            WAIT
        )
        .unwrap(),
        large
    );
    link.close(WAIT).unwrap();
    beam.wait_until("nodes(hidden) =:= []");

    let listener = publish(beam, "called", tls.clone());
    thread::scope(|scope| {
        let answer = scope.spawn(|| {
            beam.text(
                "pong = net_adm:ping('called@127.0.0.1'), \
                 gen_server:call({echo, 'called@127.0.0.1'}, binary:copy(<<7>>, 3000000)) =:= ok",
            )
        });
        let mut link = listener.accept(WAIT).unwrap();
        link.register(einode::Atom::from_static("echo"));
        let call = loop {
            if let Some(message) = link.receive(WAIT).unwrap().message() {
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
        let ok = einode::Atom::from_static("ok");
        link.send(pid.as_pid().unwrap().clone(), &(tag.clone(), ok))
            .unwrap();
        assert_eq!(answer.join().unwrap(), "true");
    });
}

/// Calls a node, which must fail.
#[track_caller]
fn calls(beam: &Beam, tls: &Tls) -> TlsFailure {
    let error = Endpoint::new(config(beam, "caller"))
        .transport(tls.clone())
        .connect(&beam.name().parse().unwrap())
        .unwrap_err();
    let ConnectError::Handshake(error) = error else {
        panic!("{error:?}")
    };
    failure(error)
}

/// Is called by a node, which must fail.
#[track_caller]
fn is_called(beam: &Beam, alive: &str, tls: &Tls) -> TlsFailure {
    let listener = publish(beam, alive, tls.clone());
    thread::scope(|scope| {
        let ping = format!("net_adm:ping('{alive}@127.0.0.1')");
        let answer = scope.spawn(move || beam.text(&ping));
        let error = listener.accept(WAIT).unwrap_err();
        let AcceptError::Handshake { error, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!(answer.join().unwrap(), "pang");
        failure(error)
    })
}

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
        let beam = files(&issued.0).beam(INET_TLS);
        let (tls, _home) = files(&issued.1).tls();
        works_in_both_roles(&beam, &tls);
    }
}

#[test]
fn nodes_that_verify_nothing_meet() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let issued = (one.issue(&["elsewhere"]), two.issue_expired(&["nowhere"]));
    let files = |issued| Files {
        options: VERIFY_NONE,
        issued,
        authorities: "",
    };
    let beam = files(&issued.0).beam(INET_TLS);
    let (tls, _home) = files(&issued.1).tls();
    works_in_both_roles(&beam, &tls);
}

#[test]
fn over_ipv6() {
    let ca = Authority::new("ca");
    let issued = ca.issue(HOSTS);
    let files = Files {
        options: MUTUAL,
        issued: &issued,
        authorities: &ca.pem,
    };
    let beam = files
        .builder("-proto_dist inet6_tls")
        .short_name()
        .interface("{0,0,0,0,0,0,0,1}")
        .start();
    let (tls, _home) = files.tls();
    let node = beam.name().parse().unwrap();
    let port = beam.text("{port, P, _} = erl_epmd:port_please(hd(string:split(atom_to_list(node()), \"@\")), localhost), P");
    let mut link = Endpoint::new(config(&beam, "caller"))
        .transport(tls)
        .connect_at("::1", port.parse().unwrap(), Some(&node))
        .unwrap();
    assert_eq!(
        link.rpc("lists", "sum", &[term("[1, 2]")], WAIT).unwrap(),
        3.into()
    );
}

#[test]
fn strangers_are_refused_by_whom_they_are_strange_to() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let beam = Files {
        options: MUTUAL,
        issued: &ca.issue(HOSTS),
        authorities: &ca.pem,
    }
    .beam(INET_TLS);
    let mixed = format!("{}{}", ca.pem, other.pem);
    let (ours, foreign, expired) = (ca.issue(HOSTS), other.issue(HOSTS), ca.issue_expired(HOSTS));
    let files = |issued, authorities| {
        Files {
            options: MUTUAL,
            issued,
            authorities,
        }
        .tls()
    };

    // We trust another CA.
    let (tls, _home) = files(&ours, other.pem.as_str());
    for refused in [calls(&beam, &tls), is_called(&beam, "distrusts", &tls)] {
        assert!(
            matches!(
                refused,
                TlsFailure::PeerCertificate(CertificateError::UnknownIssuer)
            ),
            "{refused:?}"
        );
    }
    // The node trusts another CA.
    let (tls, _home) = files(&foreign, mixed.as_str());
    for refused in [calls(&beam, &tls), is_called(&beam, "foreign", &tls)] {
        assert!(
            matches!(refused, TlsFailure::OwnCertificate(_)),
            "{refused:?}"
        );
    }
    // Our certificate has expired.
    let (tls, _home) = files(&expired, ca.pem.as_str());
    for refused in [calls(&beam, &tls), is_called(&beam, "expired", &tls)] {
        assert!(
            refused
                .to_string()
                .ends_with("our certificate: CertificateExpired"),
            "{refused}"
        );
    }
    // Our certificate is for another host, which only matters if we are called.
    let elsewhere = ca.issue(&["elsewhere"]);
    let (tls, _home) = files(&elsewhere, ca.pem.as_str());
    let refused = is_called(&beam, "elsewhere", &tls);
    // OTP 25 does not say that the certificate is the reason.
    assert!(
        matches!(
            refused,
            TlsFailure::HandshakeFailure | TlsFailure::OwnCertificate(_)
        ),
        "{refused:?}"
    );
    // We have no certificate.
    let bare = r#"[{client, [{cacertfile, "ca.pem"}]}]."#;
    let bare = Files {
        options: bare,
        issued: &ours,
        authorities: &ca.pem,
    };
    let (tls, _home) = bare.tls();
    let refused = calls(&beam, &tls);
    let text = refused.to_string();
    assert!(
        text.contains("our certificate is missing")
            || text.contains("requires a certificate of us"),
        "{text}"
    );
}

#[test]
fn nodes_with_bad_certificates_are_refused() {
    let ca = Authority::new("ca");
    let (ours, expired) = (ca.issue(HOSTS), ca.issue_expired(HOSTS));
    let elsewhere = ca.issue(&["elsewhere"]);
    let files = |options, issued| Files {
        options,
        issued,
        authorities: &ca.pem,
    };
    let (tls, _home) = files(MUTUAL, &ours).tls();
    let beam = files(MUTUAL, &expired).beam(INET_TLS);
    for refused in [calls(&beam, &tls), is_called(&beam, "strict", &tls)] {
        assert!(
            matches!(
                refused,
                TlsFailure::PeerCertificate(CertificateError::ExpiredContext { .. })
            ),
            "{refused:?}"
        );
    }
    drop(beam);
    // One that is for another host, and shows none when it calls.
    let beam = files(VERIFY_NONE, &elsewhere).beam(INET_TLS);
    let refused = calls(&beam, &tls);
    assert!(
        matches!(
            refused,
            TlsFailure::PeerCertificate(CertificateError::NotValidForNameContext { .. })
        ),
        "{refused:?}"
    );
    let refused = is_called(&beam, "strict", &tls);
    assert!(
        matches!(refused, TlsFailure::NoPeerCertificate),
        "{refused:?}"
    );
}

#[test]
fn one_side_without_tls() {
    let ca = Authority::new("ca");
    let issued = ca.issue(HOSTS);
    let files = Files {
        options: MUTUAL,
        issued: &issued,
        authorities: &ca.pem,
    };
    let (tls, _home) = files.tls();

    let plain = Beam::start();
    let hasty = config(&plain, "hasty").setup_time(Duration::from_secs(1));
    let start = Instant::now();
    let error = Endpoint::new(hasty)
        .transport(tls.clone())
        .connect(&plain.name().parse().unwrap())
        .unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(
        error.to_string(),
        "handshake failed: TLS: the peer was silent instead of an answer; \
         it may expect connections without TLS"
    );
    let refused = is_called(&plain, "secure", &tls);
    assert_eq!(refused.to_string(), "the peer does not speak TLS");

    // The other way round.
    let secure = files.beam(INET_TLS);
    let start = Instant::now();
    let error = endpoint(&secure, "plain")
        .connect(&secure.name().parse().unwrap())
        .unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    let expected = "the peer sent a malformed handshake packet: it is TLS";
    assert_eq!(error.to_string(), format!("handshake failed: {expected}"));
    let listener = publish(&secure, "plain", einode::blocking::Tcp);
    thread::scope(|scope| {
        let answer = scope.spawn(|| secure.text("net_adm:ping('plain@127.0.0.1')"));
        let error = listener.accept(WAIT).unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
        assert_eq!(answer.join().unwrap(), "pang");
    });
}
