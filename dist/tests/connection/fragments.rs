//! Large messages in fragments, and what passes them.

use einode_dist::{
    Connection, Control, Error, Event, Flags, Inbound, Outbound, Payload, Settings, Target, limits,
};
use einode_etf::{Atom, Binary, Reference};
use einode_testkit::Chunks;
use proptest::prelude::*;

use crate::{
    binary, drain, events, events_of_exact_reads, framed, message, packets, pid, to_pid, write,
};

const SHOP: Atom = Atom::from_static("shop");

fn connection() -> Connection {
    Connection::new(Flags::HIDDEN, &Settings::default())
}

fn inbound() -> Inbound {
    connection().inbound
}

/// A payload of this many bytes.
fn large(bytes: usize, fill: u8) -> Payload {
    binary(&vec![fill; bytes - 5])
}

fn header(tag: u8, sequence: u64, number: u64) -> Vec<u8> {
    [
        &[131, tag][..],
        &sequence.to_be_bytes(),
        &number.to_be_bytes(),
    ]
    .concat()
}

/// The first of so many fragments: `SEND_SENDER`, and the beginning of its message.
fn first(sequence: u64, count: u64, message: &[u8]) -> Vec<u8> {
    let pid = b"XR\0\0\0\0\x01\0\0\0\0\0\0\0\x09";
    let rest = [&b"\x01\x08\0\x03a@bh\x03a\x16"[..], pid, pid, message].concat();
    framed(&[header(69, sequence, count), rest].concat())
}

/// One that follows.
fn next(sequence: u64, number: u64, message: &[u8]) -> Vec<u8> {
    framed(&[&header(70, sequence, number), message].concat())
}

/// The payloads of messages.
fn payloads(events: &[Event]) -> Vec<Payload> {
    let payloads = events.iter().map(|event| match event {
        Event::Signal(Control::Send { .. }, Some(payload)) => payload.clone(),
        other => panic!("expected a message, found {other:?}"),
    });
    payloads.collect()
}

/// What a stream does to the connection.
fn fails(stream: &[u8]) -> Error {
    fails_with(&mut inbound(), stream)
}

fn fails_with(inbound: &mut Inbound, stream: &[u8]) -> Error {
    inbound.inbox().extend_from_slice(stream);
    let error = loop {
        match inbound.poll() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("nothing is wrong"),
            Err(error) => break error,
        }
    };
    assert_eq!((inbound.poll(), inbound.want()), (Err(error.clone()), 0));
    error
}

fn only_message(stream: &[u8]) -> Payload {
    let mut inbound = inbound();
    let events = events_of_exact_reads(&mut inbound, stream);
    assert_eq!(inbound.statistics().incomplete, 0);
    let [payload] = &payloads(&events)[..] else {
        panic!("expected one message, found {events:?}");
    };
    payload.clone()
}

#[test]
fn fragments_have_the_bytes_of_the_protocol() {
    let Connection { mut outbound, .. } = connection();
    let payload = large(2 * limits::FRAGMENT + 1, 7);
    outbound.send(&to_pid(2), Some(payload.clone())).unwrap();
    outbound.send(&to_pid(2), Some(payload.clone())).unwrap();
    let bytes = drain(&mut outbound, &mut Chunks::new(vec![1000, 70_000]));
    let packets = packets(&bytes);
    assert_eq!(packets.len(), 6);
    for (n, message) in packets.chunks(3).enumerate() {
        let [one, two, three] = message else {
            panic!("three fragments make a message");
        };
        let sequence = n as u64 + 1;
        assert!(one.starts_with(&header(69, sequence, 3)));
        assert!(one.ends_with(&payload.bytes()[..limits::FRAGMENT]));
        assert_eq!(
            *two,
            [
                &header(70, sequence, 2),
                &payload.bytes()[limits::FRAGMENT..][..limits::FRAGMENT]
            ]
            .concat()
        );
        assert_eq!(*three, [&header(70, sequence, 1)[..], &[7]].concat());
    }
    assert_eq!(outbound.statistics().fragments, 6);
    assert_eq!(outbound.statistics().packets, 6);
    assert_eq!(outbound.statistics().signals, 2);
    let mut inbound = inbound();
    let events = events_of_exact_reads(&mut inbound, &bytes);
    assert_eq!(payloads(&events), [payload.clone(), payload]);
    assert_eq!(inbound.statistics().fragments, 6);
    assert_eq!(inbound.statistics().signals, 2);
}

#[test]
fn what_fits_a_fragment_is_not_cut() {
    for (size, count) in [(limits::FRAGMENT, 1), (limits::FRAGMENT + 1, 2)] {
        let Connection { mut outbound, .. } = connection();
        outbound.send(&to_pid(2), Some(large(size, 7))).unwrap();
        let bytes = drain(&mut outbound, &mut Chunks::whole());
        assert_eq!(packets(&bytes).len(), count);
        assert_eq!(only_message(&bytes), large(size, 7));
    }
}

#[test]
fn cutting_copies_nothing() {
    let Connection { mut outbound, .. } = connection();
    let payload = large(4 * limits::FRAGMENT, 7);
    outbound.send(&to_pid(2), Some(payload.clone())).unwrap();
    let mut slices = [std::io::IoSlice::new(&[]); 16];
    assert_eq!(outbound.outgoing(&mut slices), 8);
    for (n, part) in slices.iter().skip(1).step_by(2).take(4).enumerate() {
        assert_eq!(
            part.as_ptr(),
            payload.bytes()[n * limits::FRAGMENT..].as_ptr()
        );
    }
}

#[test]
fn without_the_flag_or_the_header_messages_are_one_packet() {
    for flags in [Flags::FRAGMENTS, Flags::DIST_HDR_ATOM_CACHE] {
        let settings = Settings::default();
        let Connection {
            mut outbound,
            mut inbound,
            ..
        } = Connection::new(Flags::HIDDEN - flags, &settings);
        let payload = large(1 << 20, 7);
        outbound.send(&to_pid(2), Some(payload.clone())).unwrap();
        let bytes = drain(&mut outbound, &mut Chunks::whole());
        assert_eq!(packets(&bytes).len(), 1);
        assert_eq!(
            payloads(&events_of_exact_reads(&mut inbound, &bytes)),
            [payload]
        );
    }
}

/// A large message of one process, a small one of another, and one more of the first.
#[test]
fn small_messages_of_others_pass_and_those_of_the_same_process_wait() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    let many = large(100 * limits::FRAGMENT, 7);
    outbound
        .send(&message(1, SHOP), Some(many.clone()))
        .unwrap();
    outbound
        .send(&message(1, pid(9)), Some(binary(b"after")))
        .unwrap();
    let link = Control::Link {
        from: pid(1),
        to: pid(9),
    };
    outbound.send(&link, None).unwrap();
    outbound
        .send(&message(2, SHOP), Some(binary(b"passes")))
        .unwrap();
    outbound.tick();
    let bytes = drain(&mut outbound, &mut Chunks::whole());
    let events = events(&mut inbound, &bytes, &mut Chunks::whole());
    assert_eq!(
        events,
        [
            Event::Signal(message(2, SHOP), Some(binary(b"passes"))),
            Event::Tick,
            Event::Signal(message(1, SHOP), Some(many)),
            Event::Signal(message(1, pid(9)), Some(binary(b"after"))),
            Event::Signal(link, None),
        ]
    );
}

/// Of the death of a process that was monitored by its name, one cannot see whose it is.
#[test]
fn signals_without_a_sender_wait_for_all_that_was_there_before() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    let monitored = |n| Control::MonitorPExit {
        from: Target::Name(SHOP),
        to: pid(9),
        reference: Reference::new(SHOP, 1, &[n]).unwrap(),
    };
    let many = |n| large(20 * limits::FRAGMENT + usize::from(n), n);
    let reason = Payload::encode(&Atom::from_static("normal")).unwrap();
    outbound.send(&message(1, SHOP), Some(many(1))).unwrap();
    outbound.send(&message(2, SHOP), Some(many(2))).unwrap();
    outbound.send(&message(2, SHOP), Some(many(3))).unwrap();
    outbound.send(&monitored(1), Some(reason.clone())).unwrap();
    outbound.send(&monitored(2), Some(many(4))).unwrap();
    outbound.send(&message(2, SHOP), Some(many(5))).unwrap();
    outbound
        .send(&message(3, SHOP), Some(binary(b"passes")))
        .unwrap();
    let bytes = drain(&mut outbound, &mut Chunks::whole());
    let events = events(&mut inbound, &bytes, &mut Chunks::whole());
    let at = |of: &Event| events.iter().position(|event| event == of).unwrap();
    let signal = |control, payload| at(&Event::Signal(control, Some(payload)));
    let first = signal(monitored(1), reason);
    assert_eq!(signal(message(3, SHOP), binary(b"passes")), 0);
    for n in 1..=3 {
        let before = signal(message(if n == 1 { 1 } else { 2 }, SHOP), many(n));
        assert!(
            before < first,
            "{n} comes at {before}, and the signal at {first}"
        );
    }
    assert!(first < signal(monitored(2), many(4)));
    assert_eq!(events.len(), 7);
}

/// However much the others have to say.
#[test]
fn large_messages_are_not_kept_from_their_turn() {
    let Connection { mut outbound, .. } = connection();
    outbound
        .send(&message(1, SHOP), Some(large(20 * limits::FRAGMENT, 7)))
        .unwrap();
    // The socket takes as much as is sent, and the queue never gets short.
    let small = large(1000, 1);
    let mut left = 0;
    while outbound.statistics().fragments < 20 {
        outbound
            .send(&message(2, SHOP), Some(small.clone()))
            .unwrap();
        write(&mut outbound, 500);
        left += 1;
        assert!(
            left < 20 * 2 * limits::FRAGMENT / 1000,
            "it is never its turn"
        );
    }
}

#[test]
fn what_waits_is_counted() {
    let Connection { mut outbound, .. } = connection();
    let many = large(100 * limits::FRAGMENT, 7);
    for _ in 0..3 {
        let before = outbound.queued();
        outbound.send(&to_pid(2), Some(many.clone())).unwrap();
        assert!(outbound.queued() >= before + 100 * limits::FRAGMENT);
        assert!(outbound.queued() <= before + 100 * limits::FRAGMENT + 2000);
    }
    assert_eq!(outbound.statistics().queued, outbound.queued() as u64);
    let bytes = drain(&mut outbound, &mut Chunks::whole());
    assert_eq!(outbound.queued(), 0);
    assert_eq!(outbound.statistics().queued, 0);
    assert_eq!(outbound.statistics().bytes, bytes.len() as u64);
}

#[test]
fn what_would_have_to_wait_but_cannot_be_sent_fails_at_once() {
    let flags = Flags::HIDDEN - Flags::SPAWN - Flags::ALTACT_SIG - Flags::ALIAS;
    let Connection { mut outbound, .. } = Connection::new(flags, &Settings::default());
    outbound
        .send(&to_pid(2), Some(large(100 * limits::FRAGMENT, 7)))
        .unwrap();
    let queued = outbound.queued();
    let alias = Reference::new(SHOP, 1, &[1]).unwrap();
    let refused = outbound.send(&message(1, alias), Some(binary(b"x")));
    assert_eq!(refused, Err(Error::MissingFlags(Flags::ALIAS)));
    assert_eq!(outbound.queued(), queued);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What each process says comes in its order, whatever the turns.
    #[test]
    fn order_between_processes_is_kept(
        sizes in proptest::collection::vec((1..5_u32, 6..300_000_usize, 0..200_000_usize), 1..30),
        chunks in proptest::collection::vec(1..100_000_usize, 1..10),
    ) {
        let Connection { mut outbound, mut inbound, .. } = connection();
        let mut bytes = Vec::new();
        let mut sent = Vec::new();
        for (n, &(from, size, taken)) in sizes.iter().enumerate() {
            let payload = large(size, n as u8);
            outbound.send(&message(from, SHOP), Some(payload.clone())).unwrap();
            bytes.extend(write(&mut outbound, taken));
            sent.push((from, payload));
        }
        let mut chunks = Chunks::new(chunks);
        bytes.extend(drain(&mut outbound, &mut chunks));
        let received = events(&mut inbound, &bytes, &mut chunks);
        prop_assert_eq!(received.len(), sent.len());
        for from in 1..5 {
            let of = |event: &Event| matches!(
                event,
                Event::Signal(Control::Send { from: Some(pid), .. }, _) if pid.id() == from
            );
            let received: Vec<Event> = received.iter().filter(|event| of(event)).cloned().collect();
            let sent = sent.iter().filter(|(sender, _)| *sender == from);
            let sent: Vec<Payload> = sent.map(|(_, payload)| payload.clone()).collect();
            prop_assert_eq!(payloads(&received), sent);
        }
        prop_assert_eq!(inbound.statistics().incomplete, 0);
        prop_assert_eq!(inbound.statistics().fragments, outbound.statistics().fragments);
    }

    /// Fragments of several messages, ticks and other packets in any order that keeps each sequence.
    #[test]
    fn any_interleaving_is_put_together(
        messages in proptest::collection::vec((1..200_usize, 1..9_usize), 1..6),
        turns in proptest::collection::vec(0..8_usize, 0..60),
        chunks in proptest::collection::vec(1..300_usize, 1..8),
    ) {
        let contents: Vec<Payload> = messages.iter().enumerate()
            .map(|(n, (size, _))| binary(&vec![n as u8; *size]))
            .collect();
        let mut fragments: Vec<Vec<Vec<u8>>> = contents.iter().zip(&messages).enumerate()
            .map(|(n, (payload, (_, parts)))| {
                let sequence = (n as u64) << 60 | 5;
                let size = payload.bytes().len().div_ceil(*parts);
                let parts: Vec<&[u8]> = payload.bytes().chunks(size).collect();
                let count = parts.len() as u64;
                let mut packets: Vec<Vec<u8>> = parts.iter().enumerate()
                    .map(|(i, part)| match i {
                        0 => first(sequence, count, part),
                        i => next(sequence, count - i as u64, part),
                    })
                    .collect();
                packets.reverse();
                packets
            })
            .collect();
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        // What is left goes one message after the other.
        let rest = (0..fragments.len()).flat_map(|n| std::iter::repeat_n(n, 10));
        for turn in turns.into_iter().chain(rest) {
            match fragments.get_mut(turn) {
                None if turn == 6 => {
                    stream.extend(framed(b""));
                    expected.push(Event::Tick);
                }
                None => {
                    stream.extend(first(99, 1, b"a\x01"));
                    expected.push(Event::Signal(to_pid(1), Some(Payload::encode(&1).unwrap())));
                }
                Some(of) => {
                    if let Some(packet) = of.pop() {
                        stream.extend(packet);
                        if of.is_empty() {
                            expected.push(Event::Signal(to_pid(1), Some(contents[turn].clone())));
                        }
                    }
                }
            }
        }
        let mut inbound = inbound();
        prop_assert_eq!(&events(&mut inbound, &stream, &mut Chunks::new(chunks)), &expected);
        prop_assert_eq!(inbound.statistics().incomplete, 0);
        prop_assert_eq!(&events_of_exact_reads(&mut connection().inbound, &stream), &expected);
    }

    #[test]
    fn any_packets_are_survived(
        packets in proptest::collection::vec(
            (0..4_u8, 0..3_u64, 0..4_u64, proptest::collection::vec(any::<u8>(), 0..40)),
            0..12,
        ),
    ) {
        let mut inbound = inbound();
        for (kind, sequence, number, bytes) in packets {
            let packet = match kind {
                0 => framed(&[&[131, 68][..], &bytes].concat()),
                1 => framed(&[header(69, sequence, number), bytes].concat()),
                2 => first(sequence, number, &bytes),
                _ => next(sequence, number, &bytes),
            };
            inbound.inbox().extend_from_slice(&packet);
            while let Ok(Some(_)) = inbound.poll() {}
        }
    }
}

/// Two hundred thousand fragments of a byte.
#[test]
fn fragments_may_be_as_small_as_they_like() {
    let payload = binary(&[5; 200_000]);
    let count = payload.bytes().len() as u64;
    let mut stream = first(7, count, &payload.bytes()[..1]);
    for (n, byte) in payload.bytes().iter().enumerate().skip(1) {
        stream.extend(next(7, count - n as u64, &[*byte]));
    }
    assert_eq!(only_message(&stream), payload);
}

#[test]
fn a_sequence_may_begin_again_when_it_is_over() {
    let stream = [first(7, 2, b"m\0"), next(7, 1, b"\0\0\0")].concat();
    let twice = [stream.clone(), stream].concat();
    let mut inbound = inbound();
    let events = events(&mut inbound, &twice, &mut Chunks::bytes());
    assert_eq!(payloads(&events), [binary(b""), binary(b"")]);
}

/// Atoms of a fragmented message are those of its first fragment, whatever the cache has learnt since.
#[test]
fn the_cache_may_change_between_fragments() {
    let change = framed(b"\x83D\x01\x08\0\x03c@dh\x01a\x63");
    let stream = [first(7, 2, b"h\x01"), change, next(7, 1, b"R\0")].concat();
    let mut inbound = inbound();
    let events = events(&mut inbound, &stream, &mut Chunks::whole());
    let [Event::Signal(Control::Unknown { .. }, None), message] = &events[..] else {
        panic!("expected two signals, found {events:?}");
    };
    let payload = &payloads(std::slice::from_ref(message))[0];
    assert_eq!(payload.decode::<(Atom,)>().unwrap().0, "a@b");
}

/// The control message tells that it is lost; the rest is passed over, and the connection goes on.
#[test]
fn a_malformed_control_message_costs_its_message() {
    let bad = framed(&[&header(69, 7, 3), &b"\x01\x08\0\x03a@bh\x03a\x16jj"[..]].concat());
    let known = framed(
        b"\x83D\x01\0\0h\x03a\x01XR\0\0\0\0\x01\0\0\0\0\0\0\0\x09XR\0\0\0\0\x02\0\0\0\0\0\0\0\x09",
    );
    let stream = [bad, next(7, 2, b"x"), known, next(7, 1, b"x"), framed(b"")].concat();
    let mut inbound = inbound();
    let events = events(&mut inbound, &stream, &mut Chunks::bytes());
    let link = Control::Link {
        from: pid(1),
        to: pid(2),
    };
    let [Event::Malformed(_), Event::Signal(found, None), Event::Tick] = &events[..] else {
        panic!("found {events:?}");
    };
    assert_eq!(*found, link);
    let counted = inbound.statistics();
    assert_eq!(
        (counted.malformed, counted.signals, counted.ticks),
        (1, 1, 1)
    );
    assert_eq!(counted.incomplete, 0);
}

mod after_authentication {
    use super::*;

    #[test]
    fn out_of_order_duplicate_and_missing_first() {
        let one = first(7, 3, b"m");
        for (stream, problem) in [
            (
                [one.clone(), next(7, 1, b"")].concat(),
                "expected number 2, found 1",
            ),
            (
                [one.clone(), next(7, 2, b""), next(7, 2, b"")].concat(),
                "expected number 1, found 2",
            ),
            (
                [one.clone(), next(7, 3, b"")].concat(),
                "expected number 2, found 3",
            ),
            ([one.clone(), one.clone()].concat(), "has begun"),
            (next(7, 2, b""), "first of its sequence is missing"),
            (
                [one.clone(), next(8, 2, b"")].concat(),
                "first of its sequence is missing",
            ),
            (
                [
                    one,
                    next(7, 2, b""),
                    next(7, 1, b"\0\0\0\0"),
                    next(7, 1, b""),
                ]
                .concat(),
                "is missing",
            ),
            (first(7, 0, b"m"), "number is 0"),
        ] {
            let error = fails(&stream).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn two_to_60_announced_fragments() {
        for count in [limits::FRAGMENTS + 1, 1 << 60, u64::MAX] {
            let (what, limit) = ("fragments", limits::FRAGMENTS);
            assert_eq!(
                fails(&first(7, count, b"m")),
                Error::TooMany { what, count, limit }
            );
        }
        let mut inbound = inbound();
        let stream = first(7, limits::FRAGMENTS, b"m");
        assert_eq!(events(&mut inbound, &stream, &mut Chunks::whole()), []);
        assert!(inbound.statistics().incomplete < 1000);
    }

    #[test]
    fn ten_thousand_open_sequences() {
        let mut stream = Vec::new();
        (0..10_000).for_each(|sequence| stream.extend(first(sequence, 2, b"m")));
        let mut inbound = inbound();
        let (what, limit) = ("incomplete messages", limits::SEQUENCES);
        let count = limits::SEQUENCES + 1;
        let error = fails_with(&mut inbound, &stream);
        assert_eq!(error, Error::TooMany { what, count, limit });
        assert_eq!(inbound.statistics().fragments, limits::SEQUENCES);
    }

    #[test]
    fn the_sum_of_bytes_is_bounded() {
        let mut settings = Settings::default();
        settings.max_message = 10_000;
        for open in [1, 5] {
            let mut inbound = Connection::new(Flags::HIDDEN, &settings).inbound;
            let mut stream = Vec::new();
            (0..open).for_each(|sequence| stream.extend(first(sequence, 1000, b"m")));
            for number in (900..1000).rev() {
                (0..open).for_each(|sequence| stream.extend(next(sequence, number, &[0; 200])));
            }
            let error = fails_with(&mut inbound, &stream);
            let what = "message in fragments";
            assert!(
                matches!(error, Error::TooLong { what: found, length: 10_001..=10_200, limit: 10_000 } if found == what),
                "{error}"
            );
        }
    }

    /// Names that were put into the cache by one packet and are kept by many sequences.
    #[test]
    fn atoms_that_are_held_count() {
        let mut settings = Settings::default();
        settings.max_message = 100_000;
        let mut inbound = Connection::new(Flags::HIDDEN, &settings).inbound;
        let mut stream = Vec::new();
        for sequence in 0..1000_u64 {
            let mut names = vec![131, 68, 100];
            names.extend([0x88; 50]);
            names.push(0);
            for slot in 0..100 {
                names.extend([slot, 200]);
                names.extend(std::iter::repeat_n(b'a' + (sequence % 26) as u8, 200));
            }
            names.extend(b"h\x01a\x63");
            stream.extend(framed(&names));
            let mut held = header(69, sequence, 2);
            held.push(100);
            held.extend([0; 51]);
            held.extend(0..100);
            held.extend(b"h\x01a\x63");
            stream.extend(framed(&held));
        }
        let error = fails_with(&mut inbound, &stream);
        assert!(
            matches!(error, Error::TooLong { limit: 100_000, .. }),
            "{error}"
        );
        assert!(inbound.statistics().fragments < 10);
    }

    #[test]
    fn a_message_above_the_limit_of_packets_comes_in_fragments() {
        let mut settings = Settings::default();
        settings.max_packet = 100_000;
        let Connection {
            mut outbound,
            mut inbound,
            ..
        } = Connection::new(Flags::HIDDEN, &settings);
        let payload = Payload::encode(&(SHOP, Binary(vec![7; 1_000_000]))).unwrap();
        outbound.send(&to_pid(2), Some(payload.clone())).unwrap();
        let bytes = drain(&mut outbound, &mut Chunks::whole());
        let events = events(&mut inbound, &bytes, &mut Chunks::whole());
        assert_eq!(payloads(&events), [payload]);
    }

    #[test]
    fn truncated_at_every_byte() {
        let whole = first(7, 2, b"m");
        let header = 2 + 16 + 1 + 1 + 5;
        for n in 5..whole.len() - 1 {
            let mut inbound = inbound();
            inbound.inbox().extend_from_slice(&framed(&whole[4..n]));
            match inbound.poll() {
                Err(Error::Malformed { .. }) => assert!(n - 4 < header),
                Ok(Some(Event::Malformed(_))) => assert!(n - 4 >= header),
                other => panic!("cut to {n}: {other:?}"),
            }
        }
    }

    /// A large message is built in memory that grows with what comes.
    #[test]
    fn messages_that_are_complete_leave_nothing_behind() {
        let Connection {
            mut outbound,
            mut inbound,
            ..
        } = connection();
        for n in 0..50 {
            let payload = large(300_000, n);
            send_and_write(&mut outbound, &mut inbound, &payload);
            assert_eq!(inbound.statistics().incomplete, 0);
            assert!(inbound.inbox().capacity() < 1 << 20);
        }
    }

    fn send_and_write(outbound: &mut Outbound, inbound: &mut Inbound, payload: &Payload) {
        outbound.send(&to_pid(2), Some(payload.clone())).unwrap();
        let bytes = drain(outbound, &mut Chunks::new(vec![10_000]));
        let events = events(inbound, &bytes, &mut Chunks::new(vec![8_192]));
        assert_eq!(payloads(&events), std::slice::from_ref(payload));
    }
}
