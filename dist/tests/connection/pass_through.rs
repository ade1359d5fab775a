//! Packets without a distribution header, and what is the same with one.

use std::io::IoSlice;

use bytes::Bytes;
use einode_dist::{
    Connection, Control, Destination, Error, Event, Flags, Inbound, Outbound, Payload, Settings,
    limits,
};
use einode_etf::{Atom, Reference};
use einode_testkit::Chunks;
use proptest::prelude::*;

use crate::{PASS_THROUGH, binary, drain, events, events_of_exact_reads, framed, pid, to_pid};

fn connection() -> Connection {
    Connection::new(PASS_THROUGH, &Settings::default())
}

fn inbound() -> Inbound {
    connection().inbound
}

#[derive(Debug, Clone)]
enum Step {
    Tick,
    Link,
    Message(Vec<u8>),
    Monitor,
    Exit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Tick),
        Just(Step::Link),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Step::Message),
        Just(Step::Monitor),
        Just(Step::Exit),
    ];
    proptest::collection::vec(step, 0..12)
}

fn send(outbound: &mut Outbound, step: Step) -> Event {
    let (control, payload) = match step {
        Step::Tick => {
            outbound.tick();
            return Event::Tick;
        }
        Step::Link => (
            Control::Link {
                from: pid(1),
                to: pid(2),
            },
            None,
        ),
        Step::Message(bytes) => (to_pid(2), Some(binary(&bytes))),
        Step::Monitor => {
            let reference = Reference::new(Atom::from_static("a@b"), 9, &[1, 2, 3]).unwrap();
            let to = einode_dist::Target::Name(Atom::from_static("rex"));
            (
                Control::MonitorP {
                    from: pid(1),
                    to,
                    reference,
                },
                None,
            )
        }
        Step::Exit => {
            let reason = Payload::encode(&Atom::from_static("normal")).unwrap();
            (
                Control::Exit {
                    from: pid(1),
                    to: pid(2),
                    token: None,
                },
                Some(reason),
            )
        }
    };
    outbound.send(&control, payload.clone()).unwrap();
    Event::Signal(control, payload)
}

proptest! {
    #[test]
    fn any_cut_of_the_bytes_gives_the_same_events(
        steps in steps(),
        sizes in proptest::collection::vec(1..80usize, 1..16),
        old: bool,
    ) {
        let flags = if old { Flags::MANDATORY_26 | Flags::DIST_MONITOR_NAME } else { PASS_THROUGH };
        let Connection { mut outbound, .. } =
            Connection::new(flags | Flags::SEND_SENDER, &Settings::default());
        let sent: Vec<Event> = steps.into_iter().map(|step| send(&mut outbound, step)).collect();
        let mut chunks = Chunks::new(sizes);
        let bytes = drain(&mut outbound, &mut chunks);
        prop_assert_eq!(&events(&mut inbound(), &bytes, &mut chunks), &sent);
        prop_assert_eq!(&events(&mut inbound(), &bytes, &mut Chunks::whole()), &sent);
        prop_assert_eq!(&events_of_exact_reads(&mut inbound(), &bytes), &sent);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut inbound = inbound();
        inbound.inbox().extend_from_slice(&bytes);
        while let Ok(Some(_)) = inbound.poll() {}
    }

    #[test]
    fn any_packet_costs_at_most_itself(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let packet = [&b"p"[..], &bytes].concat();
        let stream = [framed(&packet), framed(b"")].concat();
        let events = events(&mut inbound(), &stream, &mut Chunks::whole());
        prop_assert_eq!(events.len(), 2);
        prop_assert_eq!(&events[1], &Event::Tick);
    }

    #[test]
    fn any_changed_byte_of_a_packet_costs_at_most_the_packet(
        at: prop::sample::Index,
        byte: u8,
        exit: bool,
    ) {
        let Connection { mut outbound, .. } = connection();
        send(&mut outbound, if exit { Step::Exit } else { Step::Message(vec![1, 2, 3]) });
        let mut bytes = drain(&mut outbound, &mut Chunks::whole());
        let at = 5 + at.index(bytes.len() - 5);
        bytes[at] = byte;
        bytes.extend_from_slice(&framed(b""));
        let events = events(&mut inbound(), &bytes, &mut Chunks::whole());
        prop_assert_eq!(events.len(), 2);
        prop_assert_eq!(&events[1], &Event::Tick);
    }
}

#[test]
fn a_message_has_the_bytes_of_the_protocol() {
    let Connection { mut outbound, .. } = connection();
    outbound.send(&to_pid(2), Some(binary(b"hi"))).unwrap();
    outbound.tick();
    let from = b"Xw\x03a@b\0\0\0\x01\0\0\0\0\0\0\0\x09";
    let to = b"Xw\x03a@b\0\0\0\x02\0\0\0\0\0\0\0\x09";
    let packet = [b"p\x83h\x03a\x16", &from[..], to, b"\x83m\0\0\0\x02hi"].concat();
    let bytes = [framed(&packet), framed(b"")].concat();
    assert_eq!(outbound.queued(), bytes.len());
    assert_eq!(drain(&mut outbound, &mut Chunks::bytes()), bytes);
}

#[test]
fn large_payloads_are_slices_of_their_own() {
    let Connection { mut outbound, .. } = connection();
    let payload = binary(&[7; 10_000]);
    outbound.send(&to_pid(2), Some(payload.clone())).unwrap();
    let mut slices = [IoSlice::new(&[]); 8];
    assert_eq!(outbound.outgoing(&mut slices), 2);
    assert_eq!(
        slices[1].as_ptr(),
        payload.bytes().as_ptr(),
        "the payload was copied"
    );
}

#[test]
fn received_payloads_are_slices_of_the_inbox() {
    let Connection {
        mut outbound,
        mut inbound,
        ..
    } = connection();
    outbound.send(&to_pid(2), Some(binary(&[7; 1000]))).unwrap();
    inbound
        .inbox()
        .extend_from_slice(&drain(&mut outbound, &mut Chunks::whole()));
    let inbox = inbound.inbox().as_ptr_range();
    let Some(Event::Signal(_, Some(payload))) = inbound.poll().unwrap() else {
        panic!("expected a message");
    };
    assert!(
        inbox.contains(&payload.bytes().as_ptr()),
        "the payload was copied"
    );
    assert_eq!(
        payload.decode::<einode_etf::Binary>().unwrap().0,
        &[7; 1000]
    );
}

#[test]
fn what_cannot_be_sent_leaves_nothing_behind() {
    let Connection { mut outbound, .. } = connection();
    let link = Control::Link {
        from: pid(1),
        to: pid(2),
    };
    assert!(matches!(
        outbound.send(&link, Some(binary(b""))),
        Err(Error::Misuse(_))
    ));
    assert!(matches!(
        outbound.send(&to_pid(2), None),
        Err(Error::Misuse(_))
    ));
    let nobody = Control::Send {
        from: None,
        to: Destination::Name(Atom::from_static("rex")),
        priority: false,
        token: None,
    };
    assert!(matches!(
        outbound.send(&nobody, Some(binary(b""))),
        Err(Error::Misuse(_))
    ));
    assert_eq!(outbound.queued(), 0);
    outbound.send(&link, None).unwrap();
    let bytes = drain(&mut outbound, &mut Chunks::whole());
    assert_eq!(
        events_of_exact_reads(&mut inbound(), &bytes),
        [Event::Signal(link, None)]
    );
}

mod after_authentication {
    use super::*;

    #[test]
    fn packet_length_above_the_limit() {
        for (limit, length) in [(limits::PACKET, u32::MAX), (100, 101)] {
            let mut settings = Settings::default();
            settings.max_packet = limit;
            let mut inbound = Connection::new(Flags::HIDDEN, &settings).inbound;
            inbound.inbox().extend_from_slice(&length.to_be_bytes());
            let (length, limit) = (length.into(), limit.into());
            let error = Error::TooLong {
                what: "packet",
                length,
                limit,
            };
            assert_eq!(inbound.poll(), Err(error.clone()));
            inbound.inbox().extend_from_slice(&[0; 1000]);
            assert_eq!(inbound.poll(), Err(error));
            assert_eq!(inbound.want(), 0);
        }
    }

    #[test]
    fn memory_grows_only_with_bytes_received() {
        let mut inbound = inbound();
        inbound
            .inbox()
            .extend_from_slice(&limits::PACKET.to_be_bytes());
        let mut received = 0;
        while received < 1 << 20 {
            let capacity = inbound.inbox().capacity();
            assert!(
                capacity <= 4 * limits::INBOX_STEP.max(received),
                "{capacity} at {received}"
            );
            inbound.inbox().extend_from_slice(&[0; 1000]);
            received += 1000;
            assert_eq!(inbound.poll(), Ok(None));
        }
    }

    #[test]
    fn the_inbox_always_has_room() {
        let mut inbound = inbound();
        let mut payloads = Vec::new();
        let Connection { mut outbound, .. } = connection();
        outbound.send(&to_pid(2), Some(binary(&[7; 100]))).unwrap();
        let bytes = drain(&mut outbound, &mut Chunks::whole());
        for _ in 0..10_000 {
            let inbox = inbound.inbox();
            assert!(inbox.capacity() - inbox.len() >= 4096);
            inbox.extend_from_slice(&bytes);
            let Ok(Some(Event::Signal(_, payload))) = inbound.poll() else {
                panic!("expected a message");
            };
            // Some messages stay in use, others are dropped at once.
            payloads.push(payload);
            payloads.truncate(100);
        }
    }

    #[test]
    fn a_malformed_term_costs_the_message_and_not_the_connection() {
        let Connection { mut outbound, .. } = connection();
        let sound = send(&mut outbound, Step::Message(vec![1]));
        let sound_bytes = drain(&mut outbound, &mut Chunks::whole());
        for packet in [
            &b"p"[..],
            b"p\x83",
            b"p\x82h\x03a\x01jj",
            b"p\x83h\x03a\x01jj",
            b"p\x83h\x03a\x01",
            b"p\x83i\xff\xff\xff\xffa\x01",
            b"p\x83l\xff\xff\xff\xffa\x01",
        ] {
            let stream = [framed(packet), sound_bytes.clone()].concat();
            let events = events(&mut inbound(), &stream, &mut Chunks::whole());
            assert!(matches!(events[0], Event::Malformed(_)), "{packet:?}");
            assert_eq!(events[1], sound);
        }
    }

    #[test]
    fn a_malformed_payload_is_found_when_it_is_read() {
        let Connection { mut outbound, .. } = connection();
        let broken = Payload::from_etf(Bytes::from_static(b"\x83l\xff\xff\xff\xff")).unwrap();
        outbound.send(&to_pid(2), Some(broken)).unwrap();
        let bytes = drain(&mut outbound, &mut Chunks::whole());
        let [Event::Signal(_, Some(payload))] = &events_of_exact_reads(&mut inbound(), &bytes)[..]
        else {
            panic!("expected a message");
        };
        assert!(payload.check().is_err());
        assert!(payload.term().is_err());
        assert!(payload.view().is_err());
    }

    #[test]
    fn another_framing_ends_the_connection() {
        for packet in [&b"\x83D\0h\x03a\x01jj"[..], b"\x83E", b"x"] {
            let mut inbound = inbound();
            inbound.inbox().extend_from_slice(&framed(packet));
            inbound.inbox().extend_from_slice(&framed(b""));
            let error = inbound.poll().unwrap_err();
            assert!(error.to_string().contains("pass-through"), "{error}");
            assert_eq!(inbound.poll(), Err(error));
        }
    }

    #[test]
    fn a_control_tuple_of_more_than_2_kib() {
        let Connection { mut outbound, .. } = connection();
        let id = u32::MAX;
        let control = Control::Send {
            from: Some(pid(id)),
            to: Destination::Pid(pid(id)),
            priority: false,
            token: Some(binary(&[1; 1 << 20])),
        };
        outbound.send(&control, Some(binary(b"x"))).unwrap();
        let bytes = drain(&mut outbound, &mut Chunks::whole());
        let signal = Event::Signal(control, Some(binary(b"x")));
        assert_eq!(events_of_exact_reads(&mut inbound(), &bytes), [signal]);
    }

    #[test]
    fn reasons_nested_a_million_deep() {
        let mut deep = vec![131];
        for _ in 0..1_000_000 {
            deep.extend_from_slice(b"l\0\0\0\x01");
        }
        deep.push(b'j');
        deep.resize(deep.len() + 1_000_000, b'j');
        let reason = Payload::from_etf(deep).unwrap();
        let flags = PASS_THROUGH - Flags::EXIT_PAYLOAD;
        let Connection { mut outbound, .. } = Connection::new(flags, &Settings::default());
        let control = Control::Exit {
            from: pid(1),
            to: pid(2),
            token: None,
        };
        outbound.send(&control, Some(reason.clone())).unwrap();
        let bytes = drain(&mut outbound, &mut Chunks::whole());
        let events = events_of_exact_reads(&mut inbound(), &bytes);
        assert!(matches!(&events[..], [Event::Signal(_, Some(received))] if *received == reason));
    }
}
