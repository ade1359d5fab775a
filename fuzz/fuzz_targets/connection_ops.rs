//! Any packets as what a connected peer says, with distribution headers, in fragments or without both, read
//! in any pieces; what is understood is sent back and understood again.

#![no_main]

use bytes::BufMut;
use einode_dist::{Connection, Event, Flags, Settings};
use einode_etf::{Atom, Pid, Reference, Term, Writer};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// What was negotiated.
#[derive(Arbitrary, Debug, Clone, Copy)]
enum Mode {
    PassThrough,
    Header,
    Fragments,
}

/// What comes from the peer next.
#[derive(Arbitrary, Debug)]
enum Said {
    Bytes(Vec<u8>),
    Packet(Vec<u8>),
    /// The tuple `{op, elements...}`, and what follows it.
    Signal {
        head: Head,
        op: u8,
        elements: Vec<Element>,
        payload: Vec<u8>,
    },
    Fragment {
        sequence: u8,
        number: u8,
        payload: Vec<u8>,
    },
}

/// What is before the tuple.
#[derive(Arbitrary, Debug)]
enum Head {
    PassThrough,
    /// Slots, and the names of new entries.
    Atoms(Vec<(u8, Option<u8>)>),
    First {
        sequence: u8,
        count: u8,
        atoms: Vec<(u8, Option<u8>)>,
    },
}

#[derive(Arbitrary, Debug)]
enum Element {
    Pid { id: u32 },
    Reference { word: u32 },
    Name,
    Cached(u8),
    Empty,
    Number(i64),
    Bytes(Vec<u8>),
}

fuzz_target!(|input: (Mode, Vec<u8>, Vec<Said>)| {
    let (mode, pieces, said) = input;
    let mut stream = Vec::new();
    said.iter().for_each(|said| said.append_to(&mut stream));
    let events = read(mode, &pieces, &stream);
    assert_eq!(
        events,
        read(mode, &[255], &stream),
        "how the stream is cut changes what it says"
    );

    let mut connection = mode.connection();
    let mut inbound = mode.connection().inbound;
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
        inbound.inbox().put_slice(&written);
        let Ok(Some(Event::Signal(same, carried))) = inbound.poll() else {
            panic!("{control:?} was sent and not understood");
        };
        assert_eq!(same, *control);
        let term = |payload: &Option<_>| payload.as_ref().map(einode_dist::Payload::term);
        assert_eq!(term(&carried), term(payload));
        assert_eq!(inbound.poll(), Ok(None));
    }
});

impl Mode {
    fn connection(self) -> Connection {
        let without = match self {
            Self::PassThrough => Flags::DIST_HDR_ATOM_CACHE,
            Self::Header => Flags::FRAGMENTS,
            Self::Fragments => Flags::NONE,
        };
        Connection::new(Flags::HIDDEN - without, &Settings::default())
    }
}

impl Said {
    fn append_to(&self, stream: &mut Vec<u8>) {
        let packet = match self {
            Self::Bytes(bytes) => return stream.extend_from_slice(bytes),
            Self::Packet(packet) => packet.clone(),
            Self::Signal {
                head,
                op,
                elements,
                payload,
            } => {
                let mut packet = Vec::new();
                head.append_to(&mut packet);
                let mut tuple = Writer::new(&mut packet);
                tuple.tuple(elements.len() + 1).expect("a small tuple");
                tuple.i64((*op).into()).expect("a byte");
                for element in elements {
                    element.append_to(&mut packet);
                }
                packet.extend_from_slice(payload);
                packet
            }
            Self::Fragment {
                sequence,
                number,
                payload,
            } => {
                let mut packet = vec![131, 70];
                packet.put_u64((*sequence).into());
                packet.put_u64((*number).into());
                packet.extend_from_slice(payload);
                packet
            }
        };
        stream.put_u32(packet.len() as u32);
        stream.extend_from_slice(&packet);
    }
}

impl Head {
    fn append_to(&self, packet: &mut Vec<u8>) {
        let atoms = match self {
            Self::PassThrough => return packet.extend_from_slice(b"p\x83"),
            Self::Atoms(atoms) => {
                packet.extend_from_slice(&[131, 68]);
                atoms
            }
            Self::First {
                sequence,
                count,
                atoms,
            } => {
                packet.extend_from_slice(&[131, 69]);
                packet.put_u64((*sequence).into());
                packet.put_u64((*count).into());
                atoms
            }
        };
        let atoms = atoms.get(..255).unwrap_or(atoms);
        packet.push(atoms.len() as u8);
        let flag = |i: usize| match atoms.get(i) {
            Some((_, Some(_))) => 8,
            _ => 0,
        };
        if !atoms.is_empty() {
            packet.extend((0..=atoms.len() / 2).map(|i| flag(2 * i) | flag(2 * i + 1) << 4));
        }
        for (slot, new) in atoms {
            packet.push(*slot);
            if let Some(letter) = new {
                packet.extend_from_slice(&[1, letter & 0x7f]);
            }
        }
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
            Self::Cached(number) => return packet.extend_from_slice(&[82, *number]),
            Self::Empty => writer.nil(),
            Self::Number(number) => writer.i64(*number),
            Self::Bytes(bytes) => return packet.extend_from_slice(bytes),
        };
        written.expect("a short term");
    }
}

/// All events of a stream that comes in pieces of these sizes.
fn read(mode: Mode, pieces: &[u8], mut stream: &[u8]) -> Vec<Result<Event, einode_dist::Error>> {
    let mut inbound = mode.connection().inbound;
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
    let mut written = Vec::new();
    while connection.outbound.queued() > 0 {
        let mut slices = [std::io::IoSlice::new(&[]); 8];
        let filled = connection.outbound.outgoing(&mut slices);
        assert_ne!(filled, 0, "what is queued does not come");
        let part: Vec<u8> = slices[..filled]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect();
        connection.outbound.sent(part.len());
        written.extend(part);
    }
    written
}
