//! Handshakes in memory: every outcome, every way of cutting the bytes, every kind of liar.

use einode_dist::handshake::message::{
    Challenge, ChallengeAck, ChallengeReply, Complement, Status,
};
use einode_dist::handshake::{Acceptor, Digest, Hello, Initiator, Local, Session, Verdict};
use einode_dist::{
    Cookie, Culprit, Error, Flags, HostName, Identity, InvalidName, NodeName, Prefix, Refusal,
    Turned, limits,
};
use einode_testkit::{Chunks, Ended, pair, scripted};
use proptest::prelude::*;

const CHALLENGE_A: u32 = 0xdead_beef;
const CHALLENGE_B: u32 = 7;

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

fn cookie() -> Cookie {
    Cookie::new("secret").unwrap()
}

fn alice() -> Local {
    Local::new(node("alice@here"), 11, cookie())
}

fn bob() -> Local {
    Local::new(node("bob@there"), 22, cookie())
}

fn initiator(local: &Local, prefix: Prefix) -> Initiator {
    Initiator::new(local, Some(node("bob@there")), prefix, CHALLENGE_A)
}

fn acceptor(
    local: &Local,
    prefix: Prefix,
    verdict: Verdict,
) -> Acceptor<impl FnMut(&Hello) -> Verdict + use<>> {
    Acceptor::new(local, prefix, CHALLENGE_B, move |_| verdict.clone())
}

/// The packet with its length before it.
fn framed(prefix: Prefix, packet: &[u8]) -> Vec<u8> {
    let length = packet.len();
    match prefix {
        Prefix::Two => [&u16::try_from(length).unwrap().to_be_bytes(), packet].concat(),
        Prefix::Four => [&u32::try_from(length).unwrap().to_be_bytes(), packet].concat(),
    }
}

/// All packets with two bytes of length.
fn stream(packets: &[Vec<u8>]) -> Vec<u8> {
    packets
        .iter()
        .flat_map(|packet| framed(Prefix::Two, packet))
        .collect()
}

fn hello(identity: impl Into<Identity>, creation: Option<u32>) -> Hello {
    Hello {
        identity: identity.into(),
        flags: Flags::HIDDEN,
        creation,
    }
}

fn challenge() -> Challenge {
    let name = node("bob@there");
    Challenge {
        flags: Flags::HIDDEN,
        challenge: CHALLENGE_B,
        creation: 22,
        name,
    }
}

fn reply() -> ChallengeReply {
    ChallengeReply {
        challenge: CHALLENGE_A,
        digest: Digest::new(&cookie(), CHALLENGE_B),
    }
}

fn ack() -> ChallengeAck {
    ChallengeAck {
        digest: Digest::new(&cookie(), CHALLENGE_A),
    }
}

/// What a sound acceptor says.
fn bobs_part() -> Vec<u8> {
    stream(&[Status::Ok.encode(), challenge().encode(), ack().encode()])
}

/// What a sound initiator says.
fn alices_part() -> Vec<u8> {
    stream(&[
        hello(node("alice@here"), Some(11)).encode(),
        reply().encode(),
    ])
}

/// What a side without a session got.
fn failure(ended: Ended<Session>) -> Error {
    ended.result.expect_err("the handshake was to fail")
}

/// What an initiator makes of a peer that says these packets.
fn to_initiator(packets: &[Vec<u8>]) -> Error {
    let (ended, _) = scripted(
        initiator(&alice(), Prefix::Two),
        &stream(packets),
        &mut Chunks::whole(),
    );
    failure(ended)
}

/// What an acceptor makes of a peer that says these packets, and what it answers.
fn to_acceptor(packets: &[Vec<u8>]) -> (Error, Vec<u8>) {
    let acceptor = acceptor(&bob(), Prefix::Two, Verdict::Ok);
    let (ended, _) = scripted(acceptor, &stream(packets), &mut Chunks::whole());
    let said = ended.said.clone();
    (failure(ended), said)
}

/// The sessions of both sides, or their errors.
type Both = (Result<Session, Error>, Result<Session, Error>);

/// One handshake with everything that can be varied about it.
fn handshake(prefix: Prefix, verdict: &Verdict, replace: bool, chunks: &mut Chunks) -> Both {
    let local = match verdict {
        Verdict::Named { .. } => Local::new(HostName::new("here").unwrap(), 11, cookie()),
        _ => alice(),
    };
    let initiator = initiator(&local, prefix).replace(move || replace);
    let (a, b) = pair(initiator, acceptor(&bob(), prefix, verdict.clone()), chunks);
    (a.result, b.result)
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Ok),
        Just(Verdict::OkSimultaneous),
        Just(Verdict::Nok),
        Just(Verdict::NotAllowed),
        Just(Verdict::Alive),
        Just(Verdict::Named {
            name: node("158G3FWQ9BJHK@here"),
            creation: 99
        }),
    ]
}

fn prefixes() -> impl Strategy<Value = Prefix> {
    prop_oneof![Just(Prefix::Two), Just(Prefix::Four)]
}

fn cuts() -> impl Strategy<Value = Chunks> {
    proptest::collection::vec(1..40usize, 1..16).prop_map(Chunks::new)
}

proptest! {
    #[test]
    fn any_cut_of_the_bytes_gives_the_same_outcome(
        prefix in prefixes(),
        verdict in verdicts(),
        replace: bool,
        mut chunks in cuts(),
    ) {
        let whole = handshake(prefix, &verdict, replace, &mut Chunks::whole());
        prop_assert_eq!(handshake(prefix, &verdict, replace, &mut chunks), whole);
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        mut chunks in cuts(),
    ) {
        for prefix in [Prefix::Two, Prefix::Four] {
            let (a, _) = scripted(initiator(&alice(), prefix), &bytes, &mut chunks);
            prop_assert!(a.result.is_err());
            let acceptor = acceptor(&bob(), prefix, Verdict::Ok);
            let (b, _) = scripted(acceptor, &bytes, &mut chunks);
            prop_assert!(b.result.is_err());
        }
    }

    #[test]
    fn any_changed_byte_is_survived(at: prop::sample::Index, byte: u8) {
        let mut bytes = bobs_part();
        bytes[at.index(bobs_part().len())] = byte;
        // Many bytes may have any value, such as flags; none may cost more than the handshake.
        let initiator = initiator(&alice(), Prefix::Two);
        let (ended, _) = scripted(initiator, &bytes, &mut Chunks::whole());
        if let Ok(session) = ended.result {
            prop_assert_eq!(session.peer, node("bob@there"));
        }
        let mut bytes = alices_part();
        bytes[at.index(alices_part().len())] = byte;
        let acceptor = acceptor(&bob(), Prefix::Two, Verdict::Ok);
        let (ended, _) = scripted(acceptor, &bytes, &mut Chunks::whole());
        if let Ok(session) = ended.result {
            prop_assert_eq!(session.local, node("bob@there"));
        }
    }
}

#[test]
fn both_sides_learn_who_the_other_is() {
    for prefix in [Prefix::Two, Prefix::Four] {
        for verdict in [Verdict::Ok, Verdict::OkSimultaneous, Verdict::Alive] {
            let (a, b) = handshake(prefix, &verdict, true, &mut Chunks::bytes());
            let (a, b) = (a.unwrap(), b.unwrap());
            assert_eq!((&a.local, a.local_creation), (&node("alice@here"), 11));
            assert_eq!((&a.peer, a.peer_creation), (&node("bob@there"), 22));
            assert_eq!((a.local, a.local_creation), (b.peer, b.peer_creation));
            assert_eq!((a.peer, a.peer_creation), (b.local, b.local_creation));
            assert_eq!((a.flags, b.flags), (Flags::HIDDEN, Flags::HIDDEN));
            assert_eq!((a.peer_flags, b.peer_flags), (Flags::HIDDEN, Flags::HIDDEN));
        }
    }
}

#[test]
fn nothing_is_wanted_past_the_end() {
    let more = [&bobs_part()[..], b"\0\0\0\0"].concat();
    let (ended, left) = scripted(
        initiator(&alice(), Prefix::Two),
        &more,
        &mut Chunks::whole(),
    );
    assert_eq!((ended.result.is_ok(), &left[..]), (true, &b"\0\0\0\0"[..]));
    let more = [&alices_part()[..], b"\0\0\0\0"].concat();
    let acceptor = acceptor(&bob(), Prefix::Two, Verdict::Ok);
    let (ended, left) = scripted(acceptor, &more, &mut Chunks::whole());
    assert_eq!((ended.result.is_ok(), &left[..]), (true, &b"\0\0\0\0"[..]));
}

#[test]
fn refusals_reach_the_other_side() {
    for (verdict, refusal, turned) in [
        (Verdict::Nok, Refusal::Nok, Turned::Nok),
        (Verdict::NotAllowed, Refusal::NotAllowed, Turned::NotAllowed),
    ] {
        let (a, b) = handshake(Prefix::Two, &verdict, true, &mut Chunks::whole());
        assert_eq!(a, Err(Error::Refused(refusal)));
        assert_eq!(b, Err(Error::Turned(turned)));
    }
    assert_eq!(Error::Refused(Refusal::Nok).culprit(), Culprit::Refusal);
}

#[test]
fn an_initiator_may_leave_a_live_connection_alone() {
    let (a, b) = handshake(Prefix::Two, &Verdict::Alive, false, &mut Chunks::whole());
    assert_eq!(a, Err(Error::Refused(Refusal::Alive)));
    assert_eq!(b, Err(Error::Refused(Refusal::Withdrawn)));
}

#[test]
fn a_node_without_a_name_is_given_one() {
    let verdict = Verdict::Named {
        name: node("X1@here"),
        creation: 99,
    };
    let (a, b) = handshake(Prefix::Two, &verdict, true, &mut Chunks::whole());
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((&a.local, a.local_creation), (&node("X1@here"), 99));
    assert_eq!((&b.peer, b.peer_creation), (&node("X1@here"), 99));
    assert!(b.peer_flags.contains(Flags::NAME_ME));
    assert!(
        a.peer_flags.contains(Flags::NAME_ME),
        "the request is acknowledged"
    );
    assert!(!(a.flags | b.flags).contains(Flags::NAME_ME));
}

#[test]
fn names_are_given_to_those_who_ask_and_to_nobody_else() {
    let named = Status::Named {
        name: node("X1@here"),
        creation: 99,
    };
    let error = to_initiator(&[named.encode()]).to_string();
    assert!(error.contains("none was asked for"), "{error}");

    let nameless = Local::new(HostName::new("here").unwrap(), 0, cookie());
    let ok = stream(&[Status::Ok.encode()]);
    let (ended, _) = scripted(initiator(&nameless, Prefix::Two), &ok, &mut Chunks::whole());
    let error = failure(ended).to_string();
    assert!(error.contains("it hands out none"), "{error}");
}

#[test]
fn a_node_that_is_not_visible_sees_no_visible_node() {
    let mut bob = bob();
    bob.flags = bob.flags | Flags::PUBLISHED;
    let mut published = alice();
    published.flags = published.flags | Flags::PUBLISHED;
    for (alice, visible) in [(published, true), (alice(), false)] {
        let acceptor = acceptor(&bob, Prefix::Two, Verdict::Ok);
        let initiator = initiator(&alice, Prefix::Two);
        let (a, b) = pair(initiator, acceptor, &mut Chunks::whole());
        let (a, b) = (a.result.unwrap(), b.result.unwrap());
        assert_eq!(a.peer_flags.contains(Flags::PUBLISHED), visible);
        assert_eq!(a.flags.contains(Flags::PUBLISHED), visible);
        assert_eq!(b.flags.contains(Flags::PUBLISHED), visible);
    }
}

#[test]
fn any_name_is_fine_when_none_is_expected() {
    let initiator = Initiator::new(&alice(), None, Prefix::Two, CHALLENGE_A);
    let (ended, _) = scripted(initiator, &bobs_part(), &mut Chunks::whole());
    assert_eq!(ended.result.unwrap().peer, node("bob@there"));
}

#[test]
fn the_node_with_the_greater_name_keeps_its_attempt() {
    let (a, b) = (node("alice@here"), node("bob@there"));
    assert_eq!(Verdict::simultaneous(&a, &b), Verdict::OkSimultaneous);
    assert_eq!(Verdict::simultaneous(&b, &a), Verdict::Nok);
}

#[test]
fn the_policy_is_asked_once_and_knows_the_peer() {
    let mut asked = Vec::new();
    let acceptor = Acceptor::new(&bob(), Prefix::Two, CHALLENGE_B, |hello| {
        asked.push(hello.clone());
        Verdict::Ok
    });
    pair(
        initiator(&alice(), Prefix::Two),
        acceptor,
        &mut Chunks::bytes(),
    );
    assert_eq!(asked, [hello(node("alice@here"), Some(11))]);
}

#[test]
fn a_send_name_of_the_old_form_is_complemented() {
    let complement = Complement {
        flags: Flags::HIDDEN,
        creation: 11,
    };
    let script = stream(&[
        hello(node("alice@here"), None).encode(),
        complement.encode(),
        reply().encode(),
    ]);
    let acceptor = acceptor(&bob(), Prefix::Two, Verdict::Ok);
    let (ended, left) = scripted(acceptor, &script, &mut Chunks::bytes());
    let session = ended.result.unwrap();
    assert_eq!(left, b"");
    assert_eq!(
        (session.peer, session.peer_creation),
        (node("alice@here"), 11)
    );
    assert_eq!(session.peer_flags, Flags::HIDDEN);
    assert_eq!(ended.said, bobs_part());
}

#[test]
fn flags_of_the_complement_are_checked_too() {
    let mut bob = bob();
    bob.required = Flags::MANDATORY_26;
    let complement = Complement {
        flags: Flags::SPAWN,
        creation: 11,
    };
    let script = stream(&[
        hello(node("alice@here"), None).encode(),
        complement.encode(),
    ]);
    let acceptor = acceptor(&bob, Prefix::Two, Verdict::Ok);
    let (ended, _) = scripted(acceptor, &script, &mut Chunks::whole());
    assert_eq!(failure(ended), Error::MissingFlags(Flags::V4_NC));
}

#[test]
fn peers_without_mandatory_flags_are_not_allowed() {
    let poor = Flags::HIDDEN - Flags::MANDATORY_25_DIGEST - Flags::MAP_TAG;
    for creation in [Some(11), None] {
        let hello = Hello {
            flags: poor,
            ..hello(node("alice@here"), creation)
        };
        let (error, said) = to_acceptor(&[hello.encode()]);
        assert_eq!(error, Error::MissingFlags(Flags::MAP_TAG));
        assert_eq!(said, framed(Prefix::Two, b"snot_allowed"));
    }
    let poor = Challenge {
        flags: poor,
        ..challenge()
    };
    let error = to_initiator(&[Status::Ok.encode(), poor.encode()]);
    assert_eq!(error, Error::MissingFlags(Flags::MAP_TAG));
    assert_eq!(error.culprit(), Culprit::Peer);
    assert!(error.to_string().contains("MAP_TAG"), "{error}");
}

#[test]
fn the_digest_of_mandatory_flags_will_do() {
    let hello = Hello {
        flags: Flags::MANDATORY_25_DIGEST,
        ..hello(node("alice@here"), Some(11))
    };
    let script = stream(&[hello.encode(), reply().encode()]);
    let acceptor = acceptor(&bob(), Prefix::Two, Verdict::Ok);
    let (ended, _) = scripted(acceptor, &script, &mut Chunks::whole());
    let flags = ended.result.unwrap().flags;
    assert_eq!(flags, Flags::MANDATORY_25 | Flags::MANDATORY_25_DIGEST);
}

#[test]
fn a_policy_that_makes_no_sense_is_the_callers_fault() {
    for verdict in [Verdict::Ok, Verdict::OkSimultaneous, Verdict::Alive] {
        let script = stream(&[hello(HostName::new("here").unwrap(), Some(0)).encode()]);
        let acceptor = acceptor(&bob(), Prefix::Two, verdict);
        let (ended, _) = scripted(acceptor, &script, &mut Chunks::whole());
        assert_eq!(failure(ended).culprit(), Culprit::Caller);
    }
    let named = Verdict::Named {
        name: node("X1@here"),
        creation: 99,
    };
    let acceptor = acceptor(&bob(), Prefix::Two, named);
    let (ended, _) = scripted(acceptor, &alices_part(), &mut Chunks::whole());
    assert_eq!(failure(ended).culprit(), Culprit::Caller);
}

mod before_authentication {
    use super::*;

    #[test]
    fn zero_length() {
        for (prefix, zero) in [(Prefix::Two, &[0; 2][..]), (Prefix::Four, &[0; 4])] {
            let (a, _) = scripted(initiator(&alice(), prefix), zero, &mut Chunks::whole());
            assert!(failure(a).to_string().contains("empty"));
            let acceptor = acceptor(&bob(), prefix, Verdict::Ok);
            let (b, _) = scripted(acceptor, zero, &mut Chunks::whole());
            assert!(failure(b).to_string().contains("empty"));
        }
    }

    #[test]
    fn length_above_the_cap() {
        let limit = limits::HANDSHAKE_PACKET as u64;
        for (prefix, bytes, length) in [
            (Prefix::Two, &[0x10, 0x01][..], 4097),
            (Prefix::Two, &[0xff, 0xff], 65_535),
            (Prefix::Four, &[0, 0, 0x10, 0x01], 4097),
            (Prefix::Four, &[0xff; 4], u64::from(u32::MAX)),
        ] {
            let error = Error::TooLong {
                what: "handshake packet",
                length,
                limit,
            };
            let (a, _) = scripted(initiator(&alice(), prefix), bytes, &mut Chunks::whole());
            assert_eq!(failure(a), error);
            let acceptor = acceptor(&bob(), prefix, Verdict::Ok);
            let (b, _) = scripted(acceptor, bytes, &mut Chunks::whole());
            assert_eq!(failure(b), error);
        }
    }

    #[test]
    fn length_of_the_cap() {
        let mut packet = hello(node("alice@here"), Some(11)).encode();
        packet.resize(limits::HANDSHAKE_PACKET, 0);
        let script = stream(&[packet, reply().encode()]);
        let acceptor = acceptor(&bob(), Prefix::Two, Verdict::Ok);
        let (ended, _) = scripted(acceptor, &script, &mut Chunks::whole());
        assert!(ended.result.is_ok());
    }

    #[test]
    fn truncated_at_every_byte() {
        let part = bobs_part();
        let acked = part.len() - framed(Prefix::Two, &ack().encode()).len();
        for n in 0..part.len() {
            let initiator = initiator(&alice(), Prefix::Two);
            let (ended, _) = scripted(initiator, &part[..n], &mut Chunks::whole());
            match failure(ended) {
                Error::Closed { .. } => assert!(n < acked),
                // Once we have proven ourselves, an acceptor that closes does not believe us.
                Error::Refused(Refusal::Cookie) => assert!(n >= acked),
                other => panic!("cut to {n} bytes: {other}"),
            }
        }
        let part = alices_part();
        for n in 0..part.len() {
            let acceptor = acceptor(&bob(), Prefix::Two, Verdict::Ok);
            let (ended, _) = scripted(acceptor, &part[..n], &mut Chunks::whole());
            assert!(
                matches!(failure(ended), Error::Closed { .. }),
                "cut to {n} bytes"
            );
        }
    }

    #[test]
    fn unknown_tags() {
        for tag in 0..=255u8 {
            let packet = vec![tag; 30];
            assert!(matches!(
                to_acceptor(std::slice::from_ref(&packet)).0.culprit(),
                Culprit::Peer
            ));
            assert!(matches!(
                to_initiator(std::slice::from_ref(&packet)),
                Error::Malformed { .. }
            ));
            let error = to_initiator(&[Status::Ok.encode(), packet.clone()]);
            assert!(matches!(error.culprit(), Culprit::Peer));
            let hello = hello(node("alice@here"), Some(11)).encode();
            assert!(matches!(
                to_acceptor(&[hello, packet]).0,
                Error::Malformed { .. }
            ));
        }
    }

    #[test]
    fn a_name_length_beyond_the_packet() {
        let mut hello = hello(node("alice@here"), Some(11)).encode();
        hello[14] += 1;
        assert!(matches!(to_acceptor(&[hello]).0, Error::Malformed { .. }));
        let mut challenge = challenge().encode();
        challenge[17] = 0xff;
        let error = to_initiator(&[Status::Ok.encode(), challenge]);
        assert!(matches!(error, Error::Malformed { .. }));
    }

    #[test]
    fn names_that_are_none() {
        let long = format!("{}@h", "a".repeat(254));
        for (name, invalid) in [
            (&b"al\xffce@here"[..], InvalidName::NotUtf8),
            (b"alice", InvalidName::NoAt),
            (b"alice@here@there", InvalidName::SeveralAt),
            (b"", InvalidName::NoAt),
            (b"@here", InvalidName::Empty),
            (long.as_bytes(), InvalidName::TooLong),
        ] {
            let length = u16::try_from(name.len()).unwrap().to_be_bytes();
            let mut hello = hello(node("a@b"), Some(11)).encode();
            hello.truncate(13);
            let hello = [&hello[..], &length, name].concat();
            assert_eq!(to_acceptor(&[hello]).0, Error::PeerName(invalid));

            let mut challenge = challenge().encode();
            challenge.truncate(17);
            let challenge = [&challenge[..], &length, name].concat();
            let error = to_initiator(&[Status::Ok.encode(), challenge]);
            assert_eq!(error, Error::PeerName(invalid));
        }
    }

    #[test]
    fn a_name_and_the_wish_for_one() {
        let mut hello = hello(node("alice@here"), Some(11)).encode();
        hello[4] |= 2; // NAME_ME
        assert_eq!(
            to_acceptor(&[hello]).0,
            Error::PeerName(InvalidName::SeveralAt)
        );
    }

    #[test]
    fn named_with_lengths_beyond_the_packet() {
        let nameless = Local::new(HostName::new("here").unwrap(), 0, cookie());
        for packet in [
            &b"snamed:"[..],
            b"snamed:\0",
            b"snamed:\0\x07X1@here",
            b"snamed:\0\x07X1@here\0\0\0",
            b"snamed:\0\x08X1@here\0\0\0",
            b"snamed:\xff\xffX1@here\0\0\0\x01",
        ] {
            let script = stream(&[packet.to_vec()]);
            let initiator = initiator(&nameless, Prefix::Two);
            let (ended, _) = scripted(initiator, &script, &mut Chunks::whole());
            assert!(
                matches!(failure(ended), Error::Malformed { .. }),
                "{packet:?}"
            );
        }
    }

    #[test]
    fn status_texts_that_only_start_with_ok() {
        for text in [
            "sokay",
            "sok ",
            "sok\0",
            "sok_simultaneously",
            "sOK",
            "snamed",
            "s",
            "strue",
        ] {
            let error = to_initiator(&[text.as_bytes().to_vec()]);
            assert!(matches!(error, Error::Malformed { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_challenge_of_the_old_form() {
        let old = b"n\0\x05\x01\x07\x0f\x94\0\0\0\x07bob@there".to_vec();
        let error = to_initiator(&[Status::Ok.encode(), old]).to_string();
        assert!(error.contains("before OTP 23"), "{error}");
    }

    #[test]
    fn a_digest_of_the_wrong_length() {
        for length in [0, 1, 15, 17, 100] {
            let mut packet = ack().encode();
            packet.resize(1 + length, 0);
            let error = to_initiator(&[Status::Ok.encode(), challenge().encode(), packet]);
            assert!(matches!(error, Error::Malformed { .. }), "{error}");
            let mut packet = reply().encode();
            packet.resize(5 + length, 0);
            let hello = hello(node("alice@here"), Some(11)).encode();
            let (error, said) = to_acceptor(&[hello, packet]);
            assert!(matches!(error, Error::Malformed { .. }), "{error}");
            assert!(!said.ends_with(&ack().encode()));
        }
    }

    #[test]
    fn a_name_in_the_challenge_that_is_not_the_one_asked_for() {
        let mallory = Challenge {
            name: node("mallory@there"),
            ..challenge()
        };
        let error = to_initiator(&[Status::Ok.encode(), mallory.encode()]);
        let (expected, found) = (node("bob@there"), node("mallory@there"));
        assert_eq!(error, Error::OtherNode { expected, found });
    }

    #[test]
    fn an_initiator_with_the_wrong_cookie_hears_no_more() {
        let mut alice = alice();
        alice.cookie = Cookie::new("guess").unwrap();
        let acceptor = acceptor(&bob(), Prefix::Two, Verdict::Ok);
        let (a, b) = pair(
            initiator(&alice, Prefix::Two),
            acceptor,
            &mut Chunks::whole(),
        );
        assert_eq!(b.said, stream(&[Status::Ok.encode(), challenge().encode()]));
        assert_eq!(failure(b), Error::WrongCookie);
        assert_eq!(failure(a), Error::Refused(Refusal::Cookie));
    }

    #[test]
    fn an_acceptor_with_the_wrong_cookie_is_found_out() {
        let wrong = ChallengeAck {
            digest: Digest::from([0; 16]),
        };
        let error = to_initiator(&[Status::Ok.encode(), challenge().encode(), wrong.encode()]);
        assert_eq!(error, Error::WrongCookie);
        assert_eq!(error.to_string(), "the peer has the wrong cookie");
    }

    #[test]
    fn an_answer_to_alive_that_is_neither_true_nor_false() {
        let hello = hello(node("alice@here"), Some(11)).encode();
        for answer in [&b"sok"[..], b"struely", b"s", b"r"] {
            let script = stream(&[hello.clone(), answer.to_vec()]);
            let acceptor = acceptor(&bob(), Prefix::Two, Verdict::Alive);
            let (ended, _) = scripted(acceptor, &script, &mut Chunks::whole());
            assert!(
                matches!(failure(ended), Error::Malformed { .. }),
                "{answer:?}"
            );
        }
    }

    #[test]
    fn nothing_that_is_printed_shows_the_cookie() {
        let local = Local::new(node("alice@here"), 11, Cookie::new("TOPSECRET").unwrap());
        let initiator = initiator(&local, Prefix::Two);
        assert!(!format!("{local:?} {initiator:?}").contains("TOPSECRET"));
    }
}
