use std::num::NonZeroU64;

use bytes::Bytes;
use einode_etf::{Atom, Pid, Reader, Reference, Term, Writer};

use crate::control::{Control, Destination, Mfa, Target};
use crate::error::Error;
use crate::flags::Flags;
use crate::payload::Payload;

/// `<a@b.1.0>`, `<c@d.2.0>` and a reference, as the wire has them.
const P1: &[u8] = b"Xw\x03a@b\0\0\0\x01\0\0\0\0\0\0\0\x09";
const P2: &[u8] = b"Xw\x03c@d\0\0\0\x02\0\0\0\0\0\0\0\x08";
const R: &[u8] = b"Z\0\x02w\x03a@b\0\0\0\x09\0\0\0\x05\0\0\0\x06";
const UNUSED: &[u8] = b"w\0";
/// What stands for a token, a reason and options: `tok`, `bye`, `[]`.
const TOKEN: &[u8] = b"w\x03tok";
const BYE: &[u8] = b"w\x03bye";
const NIL: &[u8] = b"j";
const NAME: &[u8] = b"w\x03rex";
/// What is right only where any term is: as token, as reason, as options, and where nothing is.
const FLOAT: &[u8] = b"F\0\0\0\0\0\0\0\0";

fn p1() -> Pid {
    Pid::new(Atom::from_static("a@b"), 1, 0, 9)
}

fn p2() -> Pid {
    Pid::new(Atom::from_static("c@d"), 2, 0, 8)
}

fn reference() -> Reference {
    Reference::new(Atom::from_static("a@b"), 9, &[5, 6]).unwrap()
}

fn rex() -> Atom {
    Atom::from_static("rex")
}

fn payload(bytes: &'static [u8]) -> Payload {
    Payload::new(Bytes::from_static(bytes), None)
}

fn send(from: Option<Pid>, to: Destination, priority: bool, token: bool) -> Control {
    Control::Send {
        from,
        to,
        priority,
        token: token.then(|| payload(TOKEN)),
    }
}

fn exit(token: bool) -> Control {
    Control::Exit {
        from: p1(),
        to: p2(),
        token: token.then(|| payload(TOKEN)),
    }
}

fn exit2(to: Destination, priority: bool, token: bool) -> Control {
    Control::Exit2 {
        from: p1(),
        to,
        priority,
        token: token.then(|| payload(TOKEN)),
    }
}

fn down(from: Target) -> Control {
    Control::MonitorPExit {
        from,
        to: p2(),
        reference: reference(),
    }
}

fn spawn_request(token: bool) -> Control {
    Control::SpawnRequest {
        request: reference(),
        from: p1(),
        group_leader: p2(),
        call: Mfa {
            module: Atom::from_static("m"),
            function: Atom::from_static("f"),
            arity: 2,
        },
        options: payload(NIL),
        token: token.then(|| payload(TOKEN)),
    }
}

fn spawn_reply(link: bool, monitor: bool, result: Result<Pid, Atom>, token: bool) -> Control {
    let token = token.then(|| payload(TOKEN));
    Control::SpawnReply {
        request: reference(),
        to: p2(),
        link,
        monitor,
        result,
        token,
    }
}

/// Every operation: with which flags it is sent, what it means, where its payload is, its bytes.
fn operations() -> Vec<(Flags, Control, Where, Vec<u8>)> {
    use Where::{Follows, Inside, None as Nowhere};
    let all = Flags::HIDDEN;
    let old = Flags::MANDATORY_26 | Flags::DIST_MONITOR | Flags::DIST_MONITOR_NAME;
    let no_altact = all - Flags::ALTACT_SIG;
    let (pid, name, alias) = (
        Destination::Pid(p2()),
        Destination::Name(rex()),
        Destination::Alias(reference()),
    );
    let id = NonZeroU64::new(0x0102_0304_0506_0708).unwrap();
    let big = b"n\x08\0\x08\x07\x06\x05\x04\x03\x02\x01";
    let call = b"h\x03w\x01mw\x01fa\x02";
    let t = |parts: &[&[u8]]| parts.concat();
    vec![
        (
            all,
            Control::Link {
                from: p1(),
                to: p2(),
            },
            Nowhere,
            t(&[b"h\x03a\x01", P1, P2]),
        ),
        (
            old,
            send(None, pid.clone(), false, false),
            Follows,
            t(&[b"h\x03a\x02", UNUSED, P2]),
        ),
        (old, exit(false), Inside, t(&[b"h\x04a\x03", P1, P2, BYE])),
        (
            all,
            Control::Unlink {
                from: p1(),
                to: p2(),
            },
            Nowhere,
            t(&[b"h\x03a\x04", P1, P2]),
        ),
        (all, Control::NodeLink, Nowhere, t(&[b"h\x01a\x05"])),
        (
            all,
            send(Some(p1()), name.clone(), false, false),
            Follows,
            t(&[b"h\x04a\x06", P1, UNUSED, NAME]),
        ),
        (
            all,
            Control::GroupLeader {
                from: p1(),
                to: p2(),
            },
            Nowhere,
            t(&[b"h\x03a\x07", P1, P2]),
        ),
        (
            old,
            exit2(pid.clone(), false, false),
            Inside,
            t(&[b"h\x04a\x08", P1, P2, BYE]),
        ),
        (
            old,
            send(None, pid.clone(), false, true),
            Follows,
            t(&[b"h\x04a\x0c", UNUSED, P2, TOKEN]),
        ),
        (
            old,
            exit(true),
            Inside,
            t(&[b"h\x05a\x0d", P1, P2, TOKEN, BYE]),
        ),
        (
            all,
            send(Some(p1()), name.clone(), false, true),
            Follows,
            t(&[b"h\x05a\x10", P1, UNUSED, NAME, TOKEN]),
        ),
        (
            old,
            exit2(pid.clone(), false, true),
            Inside,
            t(&[b"h\x05a\x12", P1, P2, TOKEN, BYE]),
        ),
        (
            all,
            Control::MonitorP {
                from: p1(),
                to: Target::Pid(p2()),
                reference: reference(),
            },
            Nowhere,
            t(&[b"h\x04a\x13", P1, P2, R]),
        ),
        (
            all,
            Control::DemonitorP {
                from: p1(),
                to: Target::Name(rex()),
                reference: reference(),
            },
            Nowhere,
            t(&[b"h\x04a\x14", P1, NAME, R]),
        ),
        (
            old,
            down(Target::Pid(p1())),
            Inside,
            t(&[b"h\x05a\x15", P1, P2, R, BYE]),
        ),
        (
            all,
            send(Some(p1()), pid.clone(), false, false),
            Follows,
            t(&[b"h\x03a\x16", P1, P2]),
        ),
        (
            all,
            send(Some(p1()), pid.clone(), false, true),
            Follows,
            t(&[b"h\x04a\x17", P1, P2, TOKEN]),
        ),
        (all, exit(false), Follows, t(&[b"h\x03a\x18", P1, P2])),
        (all, exit(true), Follows, t(&[b"h\x04a\x19", P1, P2, TOKEN])),
        (
            all,
            exit2(pid.clone(), false, false),
            Follows,
            t(&[b"h\x03a\x1a", P1, P2]),
        ),
        (
            all,
            exit2(pid.clone(), false, true),
            Follows,
            t(&[b"h\x04a\x1b", P1, P2, TOKEN]),
        ),
        (
            all,
            down(Target::Name(rex())),
            Follows,
            t(&[b"h\x04a\x1c", NAME, P2, R]),
        ),
        (
            all,
            spawn_request(false),
            Follows,
            t(&[b"h\x06a\x1d", R, P1, P2, call, NIL]),
        ),
        (
            all,
            spawn_request(true),
            Follows,
            t(&[b"h\x07a\x1e", R, P1, P2, call, NIL, TOKEN]),
        ),
        (
            all,
            spawn_reply(true, true, Ok(p1()), false),
            Nowhere,
            t(&[b"h\x05a\x1f", R, P2, b"a\x03", P1]),
        ),
        (
            all,
            spawn_reply(false, false, Err(rex()), true),
            Nowhere,
            t(&[b"h\x06a\x20", R, P2, b"a\0", NAME, TOKEN]),
        ),
        (
            no_altact,
            send(Some(p1()), alias.clone(), false, false),
            Follows,
            t(&[b"h\x03a\x21", P1, R]),
        ),
        (
            no_altact,
            send(Some(p1()), alias.clone(), false, true),
            Follows,
            t(&[b"h\x04a\x22", P1, R, TOKEN]),
        ),
        (
            all,
            Control::UnlinkId {
                id,
                from: p1(),
                to: p2(),
            },
            Nowhere,
            t(&[b"h\x04a\x23", big, P1, P2]),
        ),
        (
            all,
            Control::UnlinkIdAck {
                id: NonZeroU64::MIN,
                from: p1(),
                to: p2(),
            },
            Nowhere,
            t(&[b"h\x04a\x24", b"a\x01", P1, P2]),
        ),
        (
            all,
            send(Some(p1()), alias.clone(), false, false),
            Follows,
            t(&[b"h\x04a\x25", b"a\x04", P1, R]),
        ),
        (
            all,
            send(Some(p1()), name, true, true),
            Follows,
            t(&[b"h\x05a\x25", b"a\x0b", P1, NAME, TOKEN]),
        ),
        (
            all,
            send(Some(p1()), pid.clone(), true, false),
            Follows,
            t(&[b"h\x04a\x25", b"a\x01", P1, P2]),
        ),
        (
            all,
            exit2(alias, false, false),
            Follows,
            t(&[b"h\x04a\x25", b"a\x14", P1, R]),
        ),
        (
            all,
            exit2(pid, true, true),
            Follows,
            t(&[b"h\x05a\x25", b"a\x13", P1, P2, TOKEN]),
        ),
    ]
}

/// Where the payload of a control message is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Where {
    None,
    Inside,
    Follows,
}

impl Where {
    fn payload(self) -> Option<Payload> {
        (self != Self::None).then(|| payload(BYE))
    }
}

fn encode(
    control: &Control,
    flags: Flags,
    payload: Option<&Payload>,
) -> Result<(Vec<u8>, bool), Error> {
    let mut writer = Writer::new(Vec::new());
    control.encode(flags, payload, &mut writer)?;
    let follows = payload.is_some() && control.carries(flags);
    Ok((writer.into_inner(), follows))
}

/// What a packet with this control tuple, and a message if it is not inside, means.
fn decode(tuple: &[u8], message: Option<Payload>) -> Result<(Control, Option<Payload>), Error> {
    let packet = Payload::new(Bytes::copy_from_slice(tuple), None);
    let decoded = Control::decode(&packet)?;
    assert_eq!(decoded.end, tuple.len());
    let message = decoded.with(message)?;
    Ok((message.control, message.payload))
}

#[test]
fn every_operation_has_the_bytes_of_the_protocol() {
    for (flags, control, place, tuple) in operations() {
        let (bytes, follows) = encode(&control, flags, place.payload().as_ref()).unwrap();
        assert_eq!(bytes, tuple, "{control:?}");
        assert_eq!(follows, place == Where::Follows, "{control:?}");
    }
}

#[test]
fn every_operation_is_understood() {
    let mut numbers = Vec::new();
    for (_, control, place, tuple) in operations() {
        let message = place.payload().filter(|_| place == Where::Follows);
        assert_eq!(decode(&tuple, message), Ok((control, place.payload())));
        numbers.push(tuple[3]);
    }
    numbers.dedup();
    let all: Vec<u8> = (1..=37)
        .filter(|n| ![9, 10, 11, 14, 15, 17].contains(n))
        .collect();
    assert_eq!(numbers, all);
}

#[test]
fn truncated_at_every_byte() {
    for (_, control, _, tuple) in operations() {
        for n in 0..tuple.len() {
            let error = decode(&tuple[..n], Some(payload(BYE))).unwrap_err();
            assert!(
                matches!(error, Error::Malformed { .. }),
                "{control:?} cut to {n}: {error}"
            );
        }
    }
}

#[test]
fn wrong_arity() {
    for (_, control, _, tuple) in operations() {
        let arity = tuple[1];
        for wrong in 0..=arity + 3 {
            let mut bytes = tuple.clone();
            bytes[1] = wrong;
            // Enough elements of some kind for any arity.
            bytes.extend_from_slice(&b"w\x01xw\x01xw\x01x"[..]);
            let packet = Payload::new(bytes.into(), None);
            let decoded = Control::decode(&packet).map(|decoded| decoded.control);
            assert_eq!(
                decoded.is_ok(),
                wrong == arity,
                "{control:?} with arity {wrong}"
            );
        }
    }
}

#[test]
fn wrong_types() {
    for (_, control, _, tuple) in operations() {
        let mut elements = Reader::new(&tuple);
        let arity = elements.tuple().unwrap();
        for wrong in 0..arity {
            let start = elements.position();
            let element = elements.raw().unwrap().bytes();
            let bytes = [&tuple[..start], FLOAT, &tuple[start + element.len()..]].concat();
            let packet = Payload::new(bytes.into(), None);
            let any = [TOKEN, BYE, NIL, UNUSED].contains(&element);
            assert_eq!(
                Control::decode(&packet).is_ok(),
                any,
                "element {wrong} of {control:?}"
            );
        }
    }
}

#[test]
fn an_unlink_id_that_is_no_positive_integer() {
    for id in [
        &b"a\0"[..],
        b"b\xff\xff\xff\xff",
        b"n\x09\0\0\0\0\0\0\0\0\0\x01",
        b"w\x01x",
    ] {
        for operation in [35, 36] {
            let tuple = [&[b'h', 4, b'a', operation], id, P1, P2].concat();
            assert!(
                matches!(decode(&tuple, None), Err(Error::Malformed { .. })),
                "{id:?}"
            );
        }
    }
    let tuple = [b"h\x04a\x23n\x08\0\xff\xff\xff\xff\xff\xff\xff\xff", P1, P2].concat();
    let (control, _) = decode(&tuple, None).unwrap();
    assert_eq!(
        control,
        Control::UnlinkId {
            id: NonZeroU64::MAX,
            from: p1(),
            to: p2()
        }
    );
}

#[test]
fn unknown_operations_are_no_errors() {
    for (tuple, operation) in [
        (&b"h\x01a\x26"[..], 38),
        (b"h\x02a\x09j", 9),
        (b"h\x01a\0", 0),
        (b"h\x03b\x7f\xff\xff\xffjj", 0x7fff_ffff),
        // Flags of ALTACT_SIG_SEND that nobody knows.
        (b"h\x04a\x25a\x20jj", 37),
    ] {
        let unknown = Control::Unknown {
            operation,
            tuple: Payload::new(Bytes::from_static(tuple), None),
        };
        assert_eq!(decode(tuple, None), Ok((unknown.clone(), None)));
        let message = Some(payload(BYE));
        assert_eq!(
            decode(tuple, message.clone()),
            Ok((unknown.clone(), message.clone()))
        );
        let sent = encode(&unknown, Flags::HIDDEN, message.as_ref());
        assert_eq!(sent, Ok((tuple.to_vec(), true)));
    }
}

#[test]
fn tuples_that_are_no_control_messages() {
    for tuple in [
        &b""[..],
        b"j",
        b"h\0",
        b"h\x01w\x01x",
        b"h\x01b\xff\xff\xff\xff",
        b"a\x01",
    ] {
        assert!(
            matches!(decode(tuple, None), Err(Error::Malformed { .. })),
            "{tuple:?}"
        );
    }
}

#[test]
fn a_message_that_is_missing_and_one_too_many() {
    for (_, control, place, tuple) in operations() {
        let without = decode(&tuple, None);
        assert_eq!(without.is_err(), place == Where::Follows, "{control:?}");
        let (_, payload) = decode(&tuple, Some(payload(TOKEN))).unwrap();
        let expected = match place {
            Where::None => None,
            Where::Inside => Some(BYE),
            Where::Follows => Some(TOKEN),
        };
        assert_eq!(
            payload.as_ref().map(Payload::bytes),
            expected,
            "{control:?}"
        );
    }
}

#[test]
fn peers_are_not_sent_what_they_do_not_understand() {
    let alias = Destination::Alias(reference());
    let monitor = |to| Control::MonitorP {
        from: p1(),
        to,
        reference: reference(),
    };
    let ack = Control::UnlinkIdAck {
        id: NonZeroU64::MIN,
        from: p1(),
        to: p2(),
    };
    for (control, flag) in [
        (send(Some(p1()), alias.clone(), false, false), Flags::ALIAS),
        (exit2(alias, false, false), Flags::ALTACT_SIG),
        (monitor(Target::Pid(p2())), Flags::DIST_MONITOR),
        (monitor(Target::Name(rex())), Flags::DIST_MONITOR_NAME),
        (ack, Flags::UNLINK_ID),
        (spawn_request(false), Flags::SPAWN),
    ] {
        let payload = control.has_payload().then(|| payload(BYE));
        let poor = Flags::HIDDEN - flag - Flags::ALTACT_SIG;
        assert_eq!(
            encode(&control, poor, payload.as_ref()),
            Err(Error::MissingFlags(flag))
        );
        assert!(encode(&control, Flags::HIDDEN, payload.as_ref()).is_ok());
    }
}

#[test]
fn what_old_peers_do_not_know_is_said_in_old_words() {
    let message = payload(BYE);
    let id = NonZeroU64::MIN;
    for (control, flags, tuple) in [
        (
            send(Some(p1()), Destination::Pid(p2()), true, false),
            Flags::HIDDEN - Flags::ALTACT_SIG,
            [b"h\x03a\x16", P1, P2].concat(),
        ),
        (
            send(Some(p1()), Destination::Pid(p2()), false, false),
            Flags::MANDATORY_26,
            [b"h\x03a\x02", UNUSED, P2].concat(),
        ),
        (
            Control::UnlinkId {
                id,
                from: p1(),
                to: p2(),
            },
            Flags::MANDATORY_25,
            [b"h\x03a\x04", P1, P2].concat(),
        ),
    ] {
        let message = control.has_payload().then_some(&message);
        assert_eq!(encode(&control, flags, message).unwrap().0, tuple);
    }
}

#[test]
fn references_of_five_words_are_for_peers_since_otp_24() {
    let long = Reference::new(Atom::from_static("a@b"), 7, &[1, 2, 3, 4, 5]).unwrap();
    let control = send(Some(p1()), Destination::Alias(long), false, false);
    let message = payload(BYE);
    assert!(encode(&control, Flags::HIDDEN, Some(&message)).is_ok());
    assert_eq!(
        encode(&control, Flags::HIDDEN - Flags::V4_NC, Some(&message)),
        Err(Error::MissingFlags(Flags::V4_NC))
    );
}

#[test]
fn labels_that_a_peer_does_not_understand_are_not_told() {
    let message = payload(BYE);
    let token = |label: Term| {
        let token = (18, label, 1, p1(), 0);
        Some(Payload::encode(&token).unwrap())
    };
    let sent = |token, flags| {
        let control = Control::Send {
            from: Some(p1()),
            to: Destination::Pid(p2()),
            priority: false,
            token,
        };
        encode(&control, flags, Some(&message)).unwrap().0[3]
    };
    let old = Flags::HIDDEN - Flags::BIG_SEQTRACE_LABELS;
    assert_eq!(sent(token(Term::from(17)), old), 23);
    assert_eq!(sent(token(Term::from(Atom::from_static("label"))), old), 22);
    assert_eq!(
        sent(token(Term::from(Atom::from_static("label"))), Flags::HIDDEN),
        23
    );
}

#[test]
fn only_messages_to_pids_can_lack_a_sender() {
    let message = payload(BYE);
    for to in [Destination::Name(rex()), Destination::Alias(reference())] {
        let control = send(None, to, false, false);
        let result = encode(&control, Flags::HIDDEN, Some(&message));
        assert!(matches!(result, Err(Error::Misuse(_))));
    }
}
