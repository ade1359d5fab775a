//! Large messages in pieces. The atoms and the control message are in the first; only the payload is
//! cut. The fragments of one message come in order, and anything may come in between.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use einode_etf::Atom;

use crate::atoms::Incoming;
use crate::control::{Control, Decoded};
use crate::error::Error;
use crate::limits;
use crate::packet::{Bad, Cut, Message, PREFIX, normal};
use crate::payload::Payload;

/// Messages of which some fragments have come.
#[derive(Debug)]
pub(crate) struct Incomplete {
    sequences: BTreeMap<u64, Sequence>,
    /// The most bytes that they may have together.
    most: usize,
    /// How many they have.
    bytes: usize,
    /// How many fragments have come.
    pub(crate) count: u64,
}

#[derive(Debug)]
struct Sequence {
    /// The number of the next fragment, and so how many are missing.
    missing: u64,
    /// Nothing where it was malformed: what follows is passed over.
    control: Option<Decoded>,
    atoms: Option<Arc<[Atom]>>,
    payload: BytesMut,
    /// How many bytes it makes us hold.
    bytes: usize,
    /// What has come.
    cut: Cut,
}

impl Incomplete {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            sequences: BTreeMap::new(),
            most,
            bytes: 0,
            count: 0,
        }
    }

    /// How many bytes are held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the first fragment of a message, and gives the message if there are no others.
    pub(crate) fn first(
        &mut self,
        mut packet: Bytes,
        atoms: &mut Incoming,
    ) -> Result<Option<Message>, Bad> {
        let size = packet.len();
        let (id, missing) = numbers(&mut packet)?;
        let atoms = atoms.read(&mut packet).map_err(Bad::Connection)?;
        too_many("fragments", missing, limits::FRAGMENTS)?;
        let open = self.sequences.len() as u64;
        too_many(
            "incomplete messages",
            open.saturating_add(1),
            limits::SEQUENCES,
        )?;
        let Entry::Vacant(entry) = self.sequences.entry(id) else {
            return Err(malformed("it is the first of a sequence that has begun"));
        };
        self.count = self.count.saturating_add(1);
        let packet = Payload::new(packet, atoms.clone());
        if missing == 1 {
            return normal(&packet).map(Some).map_err(Bad::Message);
        }
        let mut payload = BytesMut::new();
        let control = Control::decode(&packet).and_then(|control| {
            let (head, rest) = packet
                .bytes()
                .split_at_checked(control.end)
                .unwrap_or_default();
            payload.extend_from_slice(rest);
            // What is kept for long must not keep the memory of all that came with it.
            let head = Bytes::copy_from_slice(head);
            Control::decode(&Payload::new(head, atoms.clone()))
        });
        // Names of atoms that the cache has forgotten meanwhile are held as well.
        let names = packet.atoms().iter().map(|atom| atom.as_bytes().len());
        let bytes = names.fold(size, usize::saturating_add);
        let (control, malformed) = match control {
            Ok(control) => (Some(control), None),
            Err(error) => (None, Some(error)),
        };
        entry.insert(Sequence {
            missing: missing.saturating_sub(1),
            control,
            atoms,
            payload,
            bytes,
            cut: Cut {
                count: 1,
                bytes: on_the_wire(size),
            },
        });
        self.hold(bytes)?;
        malformed.map_or(Ok(None), |error| Err(Bad::Message(error)))
    }

    /// Takes a fragment that follows, and gives the message if it is the last.
    pub(crate) fn next(&mut self, mut packet: Bytes) -> Result<Option<Message>, Bad> {
        let arrived = packet.len();
        let (id, number) = numbers(&mut packet)?;
        let Entry::Occupied(mut entry) = self.sequences.entry(id) else {
            return Err(malformed("the first of its sequence is missing"));
        };
        let sequence = entry.get_mut();
        if number != sequence.missing {
            let missing = sequence.missing;
            return Err(malformed(format!(
                "expected number {missing}, found {number}"
            )));
        }
        self.count = self.count.saturating_add(1);
        sequence.cut.count = sequence.cut.count.saturating_add(1);
        let arrived = on_the_wire(arrived);
        sequence.cut.bytes = sequence.cut.bytes.saturating_add(arrived);
        sequence.missing = sequence.missing.saturating_sub(1);
        let size = if sequence.control.is_some() {
            sequence.payload.extend_from_slice(&packet);
            packet.len()
        } else {
            0
        };
        sequence.bytes = sequence.bytes.saturating_add(size);
        let complete = (sequence.missing == 0).then(|| entry.remove());
        self.hold(size)?;
        let Some(sequence) = complete else {
            return Ok(None);
        };
        self.bytes = self.bytes.saturating_sub(sequence.bytes);
        let Some(control) = sequence.control else {
            return Ok(None);
        };
        let payload = Payload::new(sequence.payload.freeze(), sequence.atoms);
        let payload = Some(payload).filter(|payload| payload.len() > 0);
        let mut message = control.with(payload).map_err(Bad::Message)?;
        message.fragments = Some(sequence.cut);
        Ok(Some(message))
    }

    /// Drops what there is of a message.
    pub(crate) fn forget(&mut self, id: u64) {
        if let Some(sequence) = self.sequences.remove(&id) {
            self.bytes = self.bytes.saturating_sub(sequence.bytes);
        }
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Bad> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= self.most {
            return Ok(());
        }
        Err(Bad::Connection(Error::TooLong {
            what: "message in fragments",
            length: self.bytes as u64,
            limit: self.most as u64,
        }))
    }
}

/// The bytes of a packet, of which these are all but the length and the first two.
fn on_the_wire(rest: usize) -> u64 {
    rest.saturating_add(PREFIX + 2) as u64
}

/// What all fragments begin with: the sequence, and the number in it.
pub(crate) fn numbers(packet: &mut Bytes) -> Result<(u64, u64), Bad> {
    match (packet.try_get_u64(), packet.try_get_u64()) {
        (Ok(_), Ok(0)) => Err(malformed("its number is 0")),
        (Ok(sequence), Ok(number)) => Ok((sequence, number)),
        _ => Err(malformed("it is truncated")),
    }
}

fn too_many(what: &'static str, count: u64, limit: u64) -> Result<(), Bad> {
    if count <= limit {
        return Ok(());
    }
    Err(Bad::Connection(Error::TooMany { what, count, limit }))
}

fn malformed(problem: impl Into<std::borrow::Cow<'static, str>>) -> Bad {
    Bad::Connection(Error::malformed("fragment", problem))
}
