//! Headers and fragments as links use them: nobody notices, but all arrives, in order.

mod common;

use common::{WAIT, config, connect, name, term};
use einode::dist::{Flags, Payload, limits};
use einode::{Atom, CallError, LinkError, Term, etf::Binary};
use einode_testkit::Beam;

/// Bytes in which any mistake shows.
fn pattern(size: usize) -> Vec<u8> {
    (0..=255_u8).collect::<Vec<_>>().repeat(size / 256)
}

/// Sends back what it gets, after a number; and talks all the time from another process.
fn echo(beam: &Beam) {
    beam.eval(
        "Echo = fun F(N) -> receive {Pid, M} -> Pid ! {echo, N, M}, F(N + 1) end end,
         register(echo, spawn(fun() -> Echo(0) end)),
         register(talker, spawn(fun() -> receive Pid -> ok end,
             (fun F(N) -> Pid ! {talk, N}, receive stop -> Pid ! {said, N + 1} after 0 -> erlang:yield(), F(N + 1) end end)(0)
         end)), ok",
    );
}

/// What came beside the echoes.
#[derive(Default)]
struct Talk {
    next: u64,
    over: bool,
}

impl Talk {
    /// Takes note of a message; gives it back if it is an echo.
    fn hear(&mut self, message: &Payload) -> Option<(u64, Binary)> {
        if let Ok((echo, number, body)) = message.decode::<(Atom, u64, Binary)>() {
            assert_eq!(echo, "echo");
            return Some((number, body));
        }
        let (kind, number) = message.decode::<(Atom, u64)>().unwrap();
        assert_eq!(number, self.next, "the talker is not heard in order");
        if kind == "said" {
            self.over = true;
        } else {
            self.next += 1;
        }
        None
    }
}

const SIZES: [usize; 6] = [256, 10 << 20, 512, 200 << 20, 256, 65536];

#[test]
fn large_and_small_messages_both_ways() {
    let beam = Beam::start();
    echo(&beam);
    let mut link = connect(&beam);
    let us = link.pid().clone();
    link.send(name("talker"), &us).unwrap();
    for size in SIZES {
        link.send(name("echo"), &(us.clone(), Binary(pattern(size))))
            .unwrap();
    }
    let (mut talk, mut echoed) = (Talk::default(), 0);
    while !talk.over {
        let signal = link.receive(WAIT).unwrap();
        if let Some((number, Binary(body))) = talk.hear(signal.message().unwrap()) {
            assert_eq!(number, echoed as u64);
            assert!(body == pattern(SIZES[echoed]), "the bytes are others");
            echoed += 1;
            if echoed == SIZES.len() {
                link.send(name("talker"), &Atom::from_static("stop"))
                    .unwrap();
            }
        }
    }
    let counted = link.statistics();
    let fragments = 210 * (1 << 20) / limits::FRAGMENT as u64;
    assert!(counted.sent.fragments >= fragments, "{counted:?}");
    assert!(counted.received.fragments >= fragments, "{counted:?}");
    assert_eq!(counted.received.malformed, 0);
    assert!(counted.received.atoms.hits > 0 && counted.sent.atoms.hits > 0);
    assert!(talk.next > 0);
}

#[cfg(feature = "tokio")]
#[test]
fn large_and_small_messages_both_ways_in_tasks() {
    let beam = Beam::start();
    echo(&beam);
    common::in_runtime(async {
        let endpoint = einode::tokio::Endpoint::new(config(&beam, "us"));
        let mut link = endpoint
            .connect(&beam.name().parse().unwrap())
            .await
            .unwrap();
        let us = link.pid().clone();
        link.send(name("talker"), &us).await.unwrap();
        for size in SIZES {
            link.send(name("echo"), &(us.clone(), Binary(pattern(size))))
                .await
                .unwrap();
        }
        let (mut talk, mut echoed) = (Talk::default(), 0);
        while !talk.over {
            let signal = link.receive(WAIT).await.unwrap();
            if let Some((number, Binary(body))) = talk.hear(signal.message().unwrap()) {
                assert_eq!(number, echoed as u64);
                assert!(body == pattern(SIZES[echoed]), "the bytes are others");
                echoed += 1;
                if echoed == SIZES.len() {
                    link.send(name("talker"), &Atom::from_static("stop"))
                        .await
                        .unwrap();
                }
            }
        }
        let counted = link.statistics();
        assert!(
            counted.received.fragments > 3000 && counted.sent.fragments > 3000,
            "{counted:?}"
        );
        assert!(
            counted.sent.queued == 0 && counted.received.incomplete == 0,
            "{counted:?}"
        );
    });
}

#[test]
fn five_thousand_atoms_by_calls() {
    let beam = Beam::start();
    let mut link = connect(&beam);
    for first in (0..5000).step_by(100) {
        let atoms: Vec<Term> = (first..first + 150)
            .map(|n| Atom::new(&format!("atom_{n}")).unwrap().into())
            .collect();
        let list = Term::list(atoms.clone());
        let reversed = link.erpc("lists", "reverse", &[list], WAIT).unwrap();
        assert_eq!(reversed, Term::list(atoms.into_iter().rev().collect()));
    }
    let counted = link.statistics();
    assert!(
        counted.sent.atoms.new >= 5000 && counted.received.atoms.new >= 2000,
        "{counted:?}"
    );
}

/// A result of a call is as long as a message may be.
#[test]
fn a_message_above_the_limit_ends_the_connection() {
    let beam = Beam::start();
    let endpoint = einode::blocking::Endpoint::new(config(&beam, "us").max_message(1 << 20));
    let mut link = endpoint.connect(&beam.name().parse().unwrap()).unwrap();
    let copy = |size: i64| [term("<<0>>"), Term::from(size)];
    assert!(link.erpc("binary", "copy", &copy(1_000_000), WAIT).is_ok());
    let error = link
        .erpc("binary", "copy", &copy(1_100_000), WAIT)
        .unwrap_err();
    let CallError::NoConnection(Some(LinkError::Protocol(error))) = &error else {
        panic!("{error:?}");
    };
    assert!(
        error.to_string().contains("message in fragments"),
        "{error}"
    );
}

/// As libei: no header, no fragments, a packet for each message.
#[test]
fn without_headers() {
    let beam = Beam::start();
    let flags = Flags::HIDDEN - Flags::DIST_HDR_ATOM_CACHE;
    let endpoint = einode::blocking::Endpoint::new(config(&beam, "us").flags(flags));
    let mut link = endpoint.connect(&beam.name().parse().unwrap()).unwrap();
    assert!(!link.session().flags.contains(Flags::DIST_HDR_ATOM_CACHE));
    let large = link.erpc(
        "binary",
        "copy",
        &[term("<<0>>"), Term::from(10 << 20)],
        WAIT,
    );
    assert_eq!(large.unwrap(), Term::from(Binary(vec![0; 10 << 20])));
    let counted = link.statistics();
    assert_eq!(
        (counted.received.fragments, counted.received.atoms.new),
        (0, 0)
    );
    assert_eq!((counted.sent.fragments, counted.sent.atoms.new), (0, 0));
}
