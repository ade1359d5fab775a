//! Any packets as what a connected peer says, read in any pieces; what is understood is sent back and
//! understood again.

#![no_main]

use bytes::BufMut;
use einode_dist::{Connection, Event, Flags, Settings};
use einode_etf::{Atom, Pid, Reference, Term, Writer};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// What comes from the peer next.
#[derive(Arbitrary, Debug)]
enum Said {
    Bytes(Vec<u8>),
    Packet(Vec<u8>),
    /// The tuple `{op, elements...}`, and what follows it.
    Signal {
        op: u8,
        elements: Vec<Element>,
        payload: Vec<u8>,
    },
}

#[derive(Arbitrary, Debug)]
enum Element {
    Pid { id: u32 },
    Reference { word: u32 },
    Name,
    Empty,
    Number(i64),
    Bytes(Vec<u8>),
}

fuzz_target!(|input: (Vec<u8>, Vec<Said>)| {
    let (pieces, said) = input;
    let mut stream = Vec::new();
    said.iter().for_each(|said| said.append_to(&mut stream));
    let events = read(&pieces, &stream);
    assert_eq!(
        events,
        read(&[255], &stream),
        "how the stream is cut changes what it says"
    );

    let mut connection = connection();
    for event in &events {
        let Ok(Event::Signal(control, payload)) = event else {
            continue;
        };
        if let Some(payload) = payload {
            let Ok(term) = payload.term() else {
                continue;
            };
            assert_eq!(payload.check(), Ok(()), "{term} is read but does not check");
            let alone = payload.to_etf().expect("the bytes of a term");
            assert_eq!(Term::from_bytes(&alone), Ok(term));
        }
        if connection.outbound.send(control, payload.clone()).is_err() {
            continue;
        }
        let written = written(&mut connection);
        let mut again = read(&[255], &written).into_iter();
        let Some(Ok(Event::Signal(same, carried))) = again.next() else {
            panic!("{control:?} was sent and not understood");
        };
        assert_eq!(same, *control);
        let term = |payload: &Option<_>| payload.as_ref().map(einode_dist::Payload::term);
        assert_eq!(term(&carried), term(payload));
        assert_eq!(again.next(), None);
    }
});

impl Said {
    fn append_to(&self, stream: &mut Vec<u8>) {
        let packet = match self {
            Self::Bytes(bytes) => return stream.extend_from_slice(bytes),
            Self::Packet(packet) => packet.clone(),
            Self::Signal {
                op,
                elements,
                payload,
            } => {
                let mut packet = b"p\x83".to_vec();
                let mut head = Writer::new(&mut packet);
                head.tuple(elements.len() + 1).expect("a small tuple");
                head.i64((*op).into()).expect("a byte");
                for element in elements {
                    element.append_to(&mut packet);
                }
                packet.extend_from_slice(payload);
                packet
            }
        };
        stream.put_u32(packet.len() as u32);
        stream.extend_from_slice(&packet);
    }
}

impl Element {
    fn append_to(&self, packet: &mut Vec<u8>) {
        let node = Atom::from_static("them@there");
        let mut writer = Writer::new(&mut *packet);
        let written = match self {
            Self::Pid { id } => writer.pid(&Pid::new(node, *id, 0, 1)),
            Self::Reference { word } => {
                writer.reference(&Reference::new(node, 1, &[*word, 2, 3]).expect("three words"))
            }
            Self::Name => writer.atom(&node),
            Self::Empty => writer.nil(),
            Self::Number(number) => writer.i64(*number),
            Self::Bytes(bytes) => return packet.extend_from_slice(bytes),
        };
        written.expect("a short term");
    }
}

fn connection() -> Connection {
    Connection::new(Flags::HIDDEN, &Settings::default()).expect("flags of this crate")
}

/// All events of a stream that comes in pieces of these sizes.
fn read(pieces: &[u8], mut stream: &[u8]) -> Vec<Result<Event, einode_dist::Error>> {
    let mut inbound = connection().inbound;
    let mut pieces = pieces.iter().cycle();
    let mut events = Vec::new();
    while !stream.is_empty() {
        let piece = pieces
            .next()
            .map_or(1, |&size| usize::from(size).max(1))
            .min(stream.len());
        let (now, later) = stream.split_at(piece);
        stream = later;
        inbound.inbox().put_slice(now);
        loop {
            match inbound.poll() {
                Ok(Some(event)) => events.push(Ok(event)),
                Ok(None) => break,
                Err(error) => {
                    events.push(Err(error));
                    return events;
                }
            }
        }
        assert!(inbound.want() > 0, "an event is due that does not come");
    }
    events
}

fn written(connection: &mut Connection) -> Vec<u8> {
    let mut slices = [std::io::IoSlice::new(&[]); 8];
    let filled = connection.outbound.outgoing(&mut slices);
    let written: Vec<u8> = slices[..filled]
        .iter()
        .flat_map(|slice| slice.iter().copied())
        .collect();
    assert_eq!(written.len(), connection.outbound.queued());
    connection.outbound.sent(written.len());
    written
}
