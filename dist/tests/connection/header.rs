//! Packets with a distribution header and its atom cache.

use bytes::Bytes;
use einode_dist::{
    Connection, Control, Destination, Error, Event, Flags, Inbound, Outbound, Payload, Settings,
};
use einode_etf::{Atom, Pid, Reference, Term, term};
use einode_testkit::Chunks;

use crate::{binary, drain, events, events_of_exact_reads, framed, message, packets, pid};

fn connection() -> Connection {
    Connection::new(Flags::HIDDEN - Flags::FRAGMENTS, &Settings::default())
}

fn atom(name: &str) -> Atom {
    Atom::new(name).unwrap()
}

/// Sends a message to a name, and gives the packet.
fn sent(outbound: &mut Outbound, to: &str, payload: &Payload) -> Vec<u8> {
    outbound
        .send(&message(1, atom(to)), Some(payload.clone()))
        .unwrap();
    let bytes = drain(outbound, &mut Chunks::whole());
    packets(&bytes)[0].to_vec()
}

/// The message in a packet, and where it goes to.
fn received(inbound: &mut Inbound, packet: &[u8]) -> (Destination, Term) {
    match &events(inbound, &framed(packet), &mut Chunks::whole())[..] {
        [Event::Signal(Control::Send { to, .. }, Some(payload))] => {
            (to.clone(), payload.term().unwrap())
        }
        other => panic!("expected a message, found {other:?}"),
    }
}

/// What a packet does to the connection.
fn fails(inbound: &mut Inbound, packet: &[u8]) -> String {
    inbound.inbox().extend_from_slice(&framed(packet));
    let error = inbound.poll().unwrap_err();
    assert_eq!((inbound.poll(), inbound.want()), (Err(error.clone()), 0));
    error.to_string()
}

/// `REG_SEND` from a pid of reference 0 to the name of reference `to`, and what follows.
fn reg_send(to: u8, message: &[u8]) -> Vec<u8> {
    let from = b"XR\0\0\0\0\x01\0\0\0\0\0\0\0\x09";
    [b"h\x04a\x06", &from[..], b"w\0R", &[to], message].concat()
}

/// The bytes that a node was seen to send, first with new entries and then with those it had sent.
#[test]
fn headers_have_the_bytes_of_the_protocol() {
    let mut inbound = connection().inbound;
    let new = b"\x83\x44\x03\xa8\x0c\x3b\x06n25@vm\x9c\x05py@vm\x76\x03rex";
    let known = b"\x83\x44\x03\x20\x04\x3b\x9c\x76";
    let mut bytes = 0;
    for header in [&new[..], known, known] {
        let packet = [header, &reg_send(2, b"h\x02R\x01R\x02")].concat();
        bytes += 4 + packet.len() as u64;
        let (to, term) = received(&mut inbound, &packet);
        assert_eq!(to, atom("rex").into());
        assert_eq!(term, term!({(atom("py@vm")), rex}));
    }
    let counted = inbound.statistics();
    assert_eq!((counted.atoms.new, counted.atoms.hits), (3, 6));
    assert_eq!((counted.packets, counted.signals), (3, 3));
    assert_eq!(counted.bytes, bytes);
}

#[test]
fn a_header_may_have_no_atoms() {
    let mut inbound = connection().inbound;
    let link = b"\x83D\0h\x03a\x01Xw\x03a@b\0\0\0\x01\0\0\0\0\0\0\0\x09Xw\x03a@b\0\0\0\x02\0\0\0\0\0\0\0\x09";
    let (from, to) = (pid(1), pid(2));
    assert_eq!(
        events(&mut inbound, &framed(link), &mut Chunks::bytes()),
        [Event::Signal(Control::Link { from, to }, None)]
    );
}

#[test]
fn what_was_said_is_not_said_again() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    let payload = Payload::encode(&(atom("hello"), atom("shop"), 7)).unwrap();
    let first = sent(&mut outbound, "shop", &payload);
    let second = sent(&mut outbound, "shop", &payload);
    // Numbers are given to the atoms of the payload first.
    let rest = [
        b"h\x04a\x06XR\x02\0\0\0\x01\0\0\0\0\0\0\0\x09R\x03R\x01",
        &b"h\x03R\0R\x01a\x07"[..],
    ];
    assert!(first.ends_with(&rest.concat()), "{first:?}");
    assert_eq!(first[..3], [131, 68, 4]);
    for name in [&b"\x05hello"[..], b"\x04shop", b"\x03a@b", b"\0"] {
        assert!(
            first.windows(name.len()).any(|bytes| bytes == name),
            "{name:?}"
        );
    }
    assert_eq!(second.len(), 3 + 3 + 4 + rest.concat().len());
    assert!(second.ends_with(&rest.concat()), "{second:?}");
    let expected = (atom("shop").into(), term!({hello, shop, 7}));
    for packet in [&first, &second, &second] {
        assert_eq!(received(&mut inbound, packet), expected);
    }
    let counted = outbound.statistics();
    assert_eq!((counted.atoms.new, counted.atoms.hits), (4, 4));
    assert_eq!((counted.signals, counted.packets), (2, 2));
    assert_eq!(counted.bytes as usize, first.len() + second.len() + 8);
}

#[test]
fn five_thousand_atoms_many_times_over() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    for round in 0..3_usize {
        for n in (0..5000_usize).step_by(7) {
            let atoms: Vec<Atom> = (n..n + 7 + round)
                .map(|n| atom(&format!("atom_{n}")))
                .collect();
            let payload = Payload::encode(&atoms).unwrap();
            let packet = sent(&mut outbound, &format!("name_{}", n % 100), &payload);
            let (_, term) = received(&mut inbound, &packet);
            assert_eq!(
                term,
                Term::list(atoms.into_iter().map(Term::from).collect())
            );
        }
    }
    assert_eq!(outbound.statistics().atoms, inbound.statistics().atoms);
}

#[test]
fn atoms_beyond_255_are_put_by_their_names() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    for count in [254, 255, 256, 257, 1000, 5000_usize] {
        let atoms: Vec<Atom> = (0..count).map(|n| atom(&format!("{n}"))).collect();
        let packet = sent(&mut outbound, "shop", &Payload::encode(&atoms).unwrap());
        assert_eq!(usize::from(packet[2]), (count + 3).min(255));
        let expected = Term::list(atoms.into_iter().map(Term::from).collect());
        assert_eq!(
            received(&mut inbound, &packet),
            (atom("shop").into(), expected)
        );
    }
}

#[test]
fn long_atoms() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    for name in [
        "a".repeat(255),
        "\u{1f980}".repeat(255),
        "å".repeat(200),
        "å".repeat(127),
    ] {
        for _ in 0..2 {
            let payload = Payload::encode(&[atom(&name), atom("short")]).unwrap();
            let packet = sent(&mut outbound, &name, &payload);
            let expected = Term::list(vec![atom(&name).into(), atom("short").into()]);
            assert_eq!(
                received(&mut inbound, &packet),
                (atom(&name).into(), expected)
            );
        }
    }
    // 256 characters in 256 bytes.
    let packet = [
        b"\x83D\x01\x18\0\x01\0",
        &[b'a'; 256][..],
        &reg_send(0, b"j"),
    ]
    .concat();
    let error = fails(&mut inbound, &packet);
    assert!(error.contains("more than 255 characters"), "{error}");
}

/// All 2048 slots, each by its segment and its index, and each replaced once.
#[test]
fn every_slot_of_the_cache() {
    let mut inbound = connection().inbound;
    for round in 0..2 {
        for slot in 0..2048_u16 {
            let [segment, index] = slot.to_be_bytes();
            let name = format!("{round}_{slot}");
            let head = [131, 68, 1, 8 | segment, index, name.len() as u8];
            let packet = [&head[..], name.as_bytes(), &reg_send(0, b"R\0")].concat();
            assert_eq!(received(&mut inbound, &packet).1, atom(&name).into());
        }
        for slot in (0..2048_u16).rev() {
            let [segment, index] = slot.to_be_bytes();
            let packet = [&[131, 68, 1, segment, index][..], &reg_send(0, b"R\0")].concat();
            let name = format!("{round}_{slot}");
            assert_eq!(received(&mut inbound, &packet).1, atom(&name).into());
        }
    }
}

#[test]
fn one_packet_may_name_an_atom_twice_and_fill_a_slot_twice() {
    let mut inbound = connection().inbound;
    let packet = [
        b"\x83D\x03\x88\x00\x05\x01a\x05\x01b\x05",
        &reg_send(0, b"h\x02R\x01R\x02")[..],
    ];
    let (to, term) = received(&mut inbound, &packet.concat());
    assert_eq!(to, atom("a").into());
    assert_eq!(term, term!({b, b}));
}

/// What is received with a header is sent on as it is: atoms keep their numbers.
#[test]
fn payloads_are_handed_on_with_their_atoms() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    let packet = [
        b"\x83D\x03\x88\x00\x05\x01a\x05\x01b\x05",
        &reg_send(0, b"h\x03R\x01R\x02R\x00")[..],
    ];
    let stream = framed(&packet.concat());
    let [Event::Signal(_, Some(payload))] =
        &events(&mut inbound, &stream, &mut Chunks::whole())[..]
    else {
        panic!("expected a message");
    };
    assert_eq!(*payload, Payload::encode(&term!({b, b, a})).unwrap());
    assert_ne!(*payload, Payload::encode(&term!({b, b, b})).unwrap());
    let mut next = connection().inbound;
    for _ in 0..2 {
        let packet = sent(&mut outbound, "c", payload);
        assert_eq!(
            received(&mut next, &packet),
            (atom("c").into(), term!({b, b, a}))
        );
    }
    let mut old = Connection::new(crate::PASS_THROUGH, &Settings::default());
    old.outbound
        .send(&message(1, atom("c")), Some(payload.clone()))
        .unwrap();
    let bytes = drain(&mut old.outbound, &mut Chunks::whole());
    assert!(bytes.ends_with(b"\x83h\x03w\x01bw\x01bw\x01a"), "{bytes:?}");
}

/// Funs say how long they are, which is so with names in them.
#[test]
fn funs_keep_their_length() {
    let module = "a_module_of_some_name";
    let fun = [
        &b"\x83p\0\0\0\x5d\x01"[..],
        &[7; 16],
        b"\0\0\0\x01\0\0\0\x02w\x15",
        module.as_bytes(),
        b"a\x01a\x02Xw\x03a@b\0\0\0\x01\0\0\0\0\0\0\0\x09w\x03a@b",
        b"w\x03a@b",
    ]
    .concat();
    let fun = Term::from_bytes(&fun).unwrap();
    let sent_term = Term::tuple(vec![
        atom("a@b").into(),
        fun.clone(),
        fun,
        atom(module).into(),
    ]);
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    let payload = Payload::encode(&sent_term).unwrap();
    assert_eq!(
        Term::from_bytes(&payload.to_etf().unwrap()).unwrap(),
        sent_term
    );
    let packet = sent(&mut outbound, "shop", &payload);
    assert_eq!(received(&mut inbound, &packet).1, sent_term);
    assert_eq!(payload.check(), Ok(()));
}

/// Without EXIT_PAYLOAD, reasons are in control tuples, and so are options and tokens with any flags.
#[test]
fn terms_in_control_messages_refer_to_the_header_too() {
    let reason = Payload::encode(&term!({shutdown, {a, b, "text", #{a => b}}})).unwrap();
    let token = Some(Payload::encode(&term!({18, label, 1, 2, 3})).unwrap());
    for flags in [Flags::HIDDEN, Flags::HIDDEN - Flags::EXIT_PAYLOAD] {
        let Connection {
            mut outbound,
            mut inbound,
            ..
        } = Connection::new(flags, &Settings::default());
        for _ in 0..2 {
            let (from, to, token) = (pid(1), pid(2), token.clone());
            let exit = Control::Exit { from, to, token };
            outbound.send(&exit, Some(reason.clone())).unwrap();
            let bytes = drain(&mut outbound, &mut Chunks::whole());
            assert_eq!(
                events_of_exact_reads(&mut inbound, &bytes),
                [Event::Signal(exit, Some(reason.clone()))]
            );
        }
        assert_eq!(outbound.statistics().atoms, inbound.statistics().atoms);
    }
}

/// What was not sent is not known to the peer.
#[test]
fn a_message_that_fails_leaves_no_atoms_behind() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = Connection::new(
        Flags::HIDDEN - Flags::ALIAS - Flags::ALTACT_SIG,
        &Settings::default(),
    );
    let alias = Reference::new(atom("somebody@here"), 1, &[1, 2, 3]).unwrap();
    let payload = Payload::encode(&(atom("hello"), atom("somebody@here"))).unwrap();
    let refused = outbound.send(&message(1, alias), Some(payload.clone()));
    assert_eq!(refused, Err(Error::MissingFlags(Flags::ALIAS)));
    assert_eq!(outbound.queued(), 0);
    let packet = sent(&mut outbound, "shop", &payload);
    assert_eq!(
        received(&mut inbound, &packet).1,
        term!({hello, (atom("somebody@here"))})
    );
}

#[test]
fn large_payloads_are_not_copied() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    let payload = Payload::encode(&(atom("data"), einode_etf::Binary(vec![7; 10_000]))).unwrap();
    outbound
        .send(&message(1, atom("shop")), Some(payload.clone()))
        .unwrap();
    let mut slices = [std::io::IoSlice::new(&[]); 8];
    assert_eq!(outbound.outgoing(&mut slices), 2);
    assert_eq!(
        slices[1].as_ptr(),
        payload.bytes().as_ptr(),
        "the payload was copied"
    );
    let bytes = drain(&mut outbound, &mut Chunks::whole());
    inbound.inbox().extend_from_slice(&bytes);
    let inbox = inbound.inbox().as_ptr_range();
    let Some(Event::Signal(_, Some(received))) = inbound.poll().unwrap() else {
        panic!("expected a message");
    };
    assert!(
        inbox.contains(&received.bytes().as_ptr()),
        "the payload was copied"
    );
    assert_eq!(received, payload);
}

#[test]
fn many_small_messages_are_one_piece() {
    let Connection { mut outbound, .. } = connection();
    for n in 0..200 {
        outbound
            .send(
                &message(1, atom("shop")),
                Some(Payload::encode(&n).unwrap()),
            )
            .unwrap();
    }
    let mut slices = [std::io::IoSlice::new(&[]); 8];
    assert_eq!(outbound.outgoing(&mut slices), 1);
    assert_eq!(slices[0].len(), outbound.queued());
}

mod after_authentication {
    use super::*;

    const NAMES: &[u8] = b"\x83D\x02\x88\0\x01\x04them\x02\x04shop";

    #[test]
    fn references_to_empty_slots() {
        for header in [
            &b"\x83D\x01\0\x07"[..],
            b"\x83D\x01\x07\xff",
            b"\x83D\x02\x08\0\x01\x01a\x02",
        ] {
            let mut inbound = connection().inbound;
            let error = fails(&mut inbound, &[header, &reg_send(0, b"j")].concat());
            assert!(error.contains("empty slot"), "{error}");
        }
    }

    #[test]
    fn updates_in_messages_that_are_dropped_for_other_reasons() {
        for bad in [&b""[..], b"j", b"h\x03a\x01jj", b"h\x01a\x63"] {
            let mut inbound = connection().inbound;
            let dropped = framed(&[NAMES, bad].concat());
            let dropped = events(&mut inbound, &dropped, &mut Chunks::whole());
            assert!(
                matches!(
                    &dropped[..],
                    [Event::Malformed(_) | Event::Signal(Control::Unknown { .. }, _)]
                ),
                "{dropped:?}"
            );
            let packet = [b"\x83D\x02\0\0\x01\x02", &reg_send(1, b"R\0")[..]].concat();
            assert_eq!(
                received(&mut inbound, &packet),
                (atom("shop").into(), term!(them))
            );
        }
    }

    #[test]
    fn references_of_terms_beyond_the_header() {
        let mut inbound = connection().inbound;
        for bad in [reg_send(2, b"j"), reg_send(255, b"j")] {
            let bad = framed(&[NAMES, &bad].concat());
            let events = events(&mut inbound, &bad, &mut Chunks::whole());
            assert!(matches!(events[..], [Event::Malformed(_)]), "{events:?}");
        }
        let bad = framed(&[NAMES, &reg_send(1, b"R\x02")].concat());
        let events = events(&mut inbound, &bad, &mut Chunks::whole());
        let [Event::Signal(_, Some(payload))] = &events[..] else {
            panic!("expected a message, found {events:?}");
        };
        assert!(payload.term().is_err() && payload.check().is_err() && payload.to_etf().is_err());
    }

    #[test]
    fn truncated_at_every_byte() {
        let packet = [NAMES, &reg_send(1, b"R\0")].concat();
        for n in 1..packet.len() {
            let mut inbound = connection().inbound;
            inbound.inbox().extend_from_slice(&framed(&packet[..n]));
            match inbound.poll() {
                Err(Error::Malformed { .. }) => assert!(n < NAMES.len()),
                Ok(Some(Event::Malformed(_))) => assert!(n >= NAMES.len()),
                Ok(Some(Event::Signal(_, Some(payload)))) => assert!(payload.term().is_err()),
                other => panic!("cut to {n}: {other:?}"),
            }
        }
    }

    #[test]
    fn names_that_are_no_utf_8() {
        for name in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"a\xc3"] {
            let head = [131, 68, 1, 8, 0, name.len() as u8];
            let packet = [&head[..], name, &reg_send(0, b"j")].concat();
            let error = fails(&mut connection().inbound, &packet);
            assert!(error.contains("UTF-8"), "{error}");
        }
    }

    #[test]
    fn packets_without_a_header_and_fragments_that_were_not_negotiated() {
        let numbers = [0, 0, 0, 0, 0, 0, 0, 1].repeat(2);
        for packet in [
            b"p\x83h\x05".to_vec(),
            vec![131],
            vec![131, 67],
            vec![0, 0],
            [&[131, 69], &numbers[..], b"\0h"].concat(),
            [&[131, 70], &numbers[..], b"\0h"].concat(),
        ] {
            let error = fails(&mut connection().inbound, &packet);
            assert!(error.contains("distribution header"), "{error}");
        }
    }

    /// A payload that was never checked may refer to atoms it does not have.
    #[test]
    fn a_payload_that_refers_to_nothing_is_not_put_into_other_words() {
        let broken = Payload::from_etf(Bytes::from_static(b"\x83R\x07")).unwrap();
        assert!(broken.check().is_err());
        let exit = Control::Exit {
            from: pid(1),
            to: pid(2),
            token: None,
        };
        let flags = Flags::HIDDEN - Flags::EXIT_PAYLOAD;
        let mut connection = Connection::new(flags, &Settings::default());
        let result = connection.outbound.send(&exit, Some(broken));
        assert!(matches!(result, Err(Error::Unencodable(_))), "{result:?}");
        assert_eq!(connection.outbound.queued(), 0);
    }

    #[test]
    fn a_million_levels_with_atoms_everywhere() {
        let mut deep = Term::from(atom("bottom"));
        for _ in 0..1_000_000 {
            deep = Term::tuple(vec![atom("level").into(), deep]);
        }
        let payload = Payload::encode(&deep).unwrap();
        assert_eq!(Term::from_bytes(&payload.to_etf().unwrap()).unwrap(), deep);
        let Connection {
            mut outbound,
            mut inbound,
            ..
        } = connection();
        let packet = sent(&mut outbound, "shop", &payload);
        assert_eq!(received(&mut inbound, &packet).1, deep);
    }
}

#[test]
fn pids_of_many_nodes() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    for n in 0..3000_u32 {
        let node = atom(&format!("node_{}@host_{}", n % 300, n % 7));
        let (from, to) = (Pid::new(node.clone(), n, 1, 2), pid(n));
        let link = Control::Link { from, to };
        outbound.send(&link, None).unwrap();
        outbound
            .send(&message(1, atom("shop")), Some(binary(&[1])))
            .unwrap();
        let bytes = drain(&mut outbound, &mut Chunks::new(vec![1, 7, 100]));
        let received = events(&mut inbound, &bytes, &mut Chunks::new(vec![3, 20]));
        assert_eq!(received.len(), 2);
        assert_eq!(received[0], Event::Signal(link, None));
    }
}
