//! The atom cache: one table for each direction of a connection with a distribution header, in which
//! both sides know what they have said before.
//!
//! ```text
//! N:u8 [flags:N/2+1 references]
//! ```
//! Flag i are 4 bits, the low half of byte i/2 where i is even: `8` for a new entry, and the three high bits
//! of the slot. The flag after the last has `1` where names have two bytes of length. A reference is
//! `slot:u8`, and for a new entry also `length:u8` or `length:u16` and a name in UTF-8. In terms, atoms
//! are then `82 number:u8`.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use einode_etf::{Atom, Sink, tag};

use crate::error::Error;
use crate::statistics::AtomCache;

/// How many atoms each side remembers.
const SLOTS: usize = 2048;

/// How many atoms a packet can refer to.
pub(crate) const REFERENCES: usize = 255;

/// In the flag of a reference: the name follows.
const NEW: u8 = 0x8;

/// In the flag after the last: names have two bytes of length.
const LONG: u8 = 0x1;

/// Writes terms whose atoms are put as references to `atoms`, as far as these have numbers for them.
pub(crate) struct Apart<A> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) atoms: A,
    /// Up to where all atoms are to be put by their names.
    counted: usize,
}

impl<A> Apart<A> {
    pub(crate) fn new(bytes: Vec<u8>, atoms: A) -> Self {
        let counted = 0;
        Self {
            bytes,
            atoms,
            counted,
        }
    }
}

impl<A: Numbers> Sink for Apart<A> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn refer(&mut self, atom: &Atom) -> bool {
        if self.bytes.len() < self.counted {
            return false;
        }
        let Some(number) = self.atoms.refer(atom) else {
            return false;
        };
        self.bytes.extend_from_slice(&[tag::ATOM_CACHE_REF, number]);
        true
    }

    fn counted(&mut self, bytes: usize) {
        self.counted = self.counted.max(self.bytes.len().saturating_add(bytes));
    }
}

/// What numbers atoms.
pub(crate) trait Numbers {
    /// The number of an atom, which it gets now if it has none; `None` when there are too many.
    fn refer(&mut self, atom: &Atom) -> Option<u8>;
}

/// The flag of reference `i`.
fn flag(flags: &[u8], i: usize) -> u8 {
    let pair = flags.get(i / 2).copied().unwrap_or_default();
    if i.is_multiple_of(2) {
        pair & 0xf
    } else {
        pair >> 4
    }
}

/// What the peer has said.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    slots: Vec<Option<Atom>>,
    /// The last section without new entries, and its atoms: what is sent again and again has the same.
    last: (Vec<u8>, Arc<[Atom]>),
    /// Whether an empty slot may be one whose name was missed.
    pub(crate) tolerant: bool,
    pub(crate) statistics: AtomCache,
}

impl Incoming {
    /// Takes the atoms off the beginning of a packet, whose terms refer to them by number.
    ///
    /// # Errors
    /// When the section is malformed. What later packets refer to is not known then.
    pub(crate) fn read(&mut self, packet: &mut Bytes) -> Result<Option<Arc<[Atom]>>, Error> {
        self.section(packet)
            .map_err(|problem| Error::malformed("distribution header", problem))
    }

    fn section(&mut self, packet: &mut Bytes) -> Result<Option<Arc<[Atom]>>, &'static str> {
        let mut rest: &[u8] = packet;
        let mut references = References::start(&mut rest)?;
        let count = references.count;
        if count == 0 {
            packet.advance(1);
            return Ok(None);
        }
        let known = (0..count).all(|i| flag(references.flags, i) & NEW == 0);
        let length = references.flags.len().saturating_add(count);
        let section = packet.get(1..length.saturating_add(1)).filter(|_| known);
        if section.is_some_and(|section| section == self.last.0) {
            self.statistics.hits = self.statistics.hits.saturating_add(count as u64);
            packet.advance(length.saturating_add(1));
            return Ok(Some(Arc::clone(&self.last.1)));
        }
        let section = section.map(<[u8]>::to_vec).unwrap_or_default();
        let mut atoms = Vec::with_capacity(count);
        while let Some(Reference { slot, name }) = references.next(&mut rest)? {
            if let Some(name) = name {
                let atom = named(name)?;
                self.put(slot.into(), atom.clone());
                atoms.push(atom);
            } else {
                let atom = self.get(slot).cloned().or_else(|| self.missed(slot));
                atoms.push(atom.ok_or("it refers to an empty slot")?);
                self.statistics.hits = self.statistics.hits.saturating_add(1);
            }
        }
        packet.advance(packet.len().saturating_sub(rest.len()));
        let atoms: Arc<[Atom]> = atoms.into();
        // After a new entry, the same section may mean other atoms.
        self.last = (section, Arc::clone(&atoms));
        Ok(Some(atoms))
    }

    /// What a slot holds.
    pub(crate) fn get(&self, slot: u16) -> Option<&Atom> {
        self.slots.get(usize::from(slot)).and_then(Option::as_ref)
    }

    /// What stands for an atom that was named when nobody listened.
    fn missed(&self, slot: u16) -> Option<Atom> {
        let name = self.tolerant.then(|| format!("?{slot}"))?;
        Atom::new(&name).ok()
    }

    fn put(&mut self, slot: usize, atom: Atom) {
        if self.slots.len() <= slot {
            self.slots.resize(slot.saturating_add(1), None);
        }
        if let Some(entry) = self.slots.get_mut(slot) {
            *entry = Some(atom);
        }
        self.statistics.new = self.statistics.new.saturating_add(1);
    }
}

/// One reference of a section.
#[derive(Debug)]
pub(crate) struct Reference<'a> {
    pub(crate) slot: u16,
    /// The name, where the entry is new.
    pub(crate) name: Option<&'a [u8]>,
}

/// Reads the references of a section, one after the other.
#[derive(Debug)]
pub(crate) struct References<'a> {
    flags: &'a [u8],
    count: usize,
    long: bool,
    read: usize,
}

impl<'a> References<'a> {
    /// Takes the number of references and their flags off the bytes.
    pub(crate) fn start(bytes: &mut &'a [u8]) -> Result<Self, &'static str> {
        let count = usize::from(take(bytes, 1)?.first().copied().unwrap_or_default());
        let width = if count == 0 { 0 } else { count / 2 + 1 };
        let flags = take(bytes, width)?;
        Ok(Self {
            flags,
            count,
            long: flag(flags, count) & LONG != 0,
            read: 0,
        })
    }

    /// Takes the next reference off the bytes.
    pub(crate) fn next(
        &mut self,
        bytes: &mut &'a [u8],
    ) -> Result<Option<Reference<'a>>, &'static str> {
        if self.read == self.count {
            return Ok(None);
        }
        let flag = flag(self.flags, self.read);
        self.read = self.read.saturating_add(1);
        let low = bytes.try_get_u8().map_err(|_| TRUNCATED)?;
        let slot = u16::from(flag & !NEW) << 8 | u16::from(low);
        if flag & NEW == 0 {
            return Ok(Some(Reference { slot, name: None }));
        }
        let length = if self.long {
            bytes.try_get_u16().map(usize::from)
        } else {
            bytes.try_get_u8().map(usize::from)
        };
        let length = length.map_err(|_| TRUNCATED)?;
        if length > MAX_NAME {
            return Err(LONG_NAME);
        }
        let name = Some(take(bytes, length)?);
        Ok(Some(Reference { slot, name }))
    }
}

/// The most bytes of a name: 255 characters of four.
const MAX_NAME: usize = 4 * einode_etf::MAX_ATOM_CHARS;

pub(crate) const TRUNCATED: &str = "it is truncated";
const LONG_NAME: &str = "an atom has more than 255 characters";

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], &'static str> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(TRUNCATED)?;
    *bytes = rest;
    Ok(taken)
}

fn named(name: &[u8]) -> Result<Atom, &'static str> {
    let name = std::str::from_utf8(name).map_err(|_| "an atom is not UTF-8")?;
    Atom::new(name).map_err(|_| LONG_NAME)
}

/// What the peer has been told.
///
/// An atom is kept in one of the few slots that its name leads to; the one that was not used for the
/// longest time makes room for a new one.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    slots: Vec<Slot>,
    /// The packet that is being written.
    packet: u64,
    /// Its references: the slot, and whether the entry is new.
    references: Vec<(u16, bool)>,
    pub(crate) statistics: AtomCache,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    atom: Option<Atom>,
    /// The last packet that referred to it.
    packet: u64,
    /// By which number.
    number: u8,
}

/// How many slots an atom may be found in.
const WAYS: usize = 4;

impl Outgoing {
    /// Begins a packet.
    pub(crate) fn begin(&mut self) {
        self.packet = self.packet.saturating_add(1);
        self.references.clear();
    }

    /// Makes this the atom with the next number; `None` when there is no room for more.
    pub(crate) fn push(&mut self, atom: &Atom) -> Option<u8> {
        let (slot, known) = self.find(atom);
        self.add(slot, known, atom)
    }

    /// The packet is not going to be sent: the peer does not learn what is new in it.
    pub(crate) fn abandon(&mut self) {
        for (slot, _) in self.references.drain(..).filter(|(_, new)| *new) {
            if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
                slot.atom = None;
            }
        }
    }

    /// The slot that holds an atom, or else one for it, and whether it holds it.
    fn find(&mut self, atom: &Atom) -> (usize, bool) {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::default());
        }
        let start = hash(atom.as_bytes()) % SLOTS / WAYS * WAYS;
        let ways = self.slots.get(start..start.saturating_add(WAYS));
        let ways = ways.unwrap_or_default().iter();
        if let Some(way) = ways
            .clone()
            .position(|slot| slot.atom.as_ref() == Some(atom))
        {
            return (start.saturating_add(way), true);
        }
        // A slot cannot mean two atoms in one packet. There are more slots than references.
        let oldest = (start..).zip(ways).min_by_key(|(_, slot)| slot.packet);
        let free = match oldest {
            Some((oldest, slot)) if slot.packet < self.packet => oldest,
            _ => {
                let mut slots = self.slots.iter();
                slots
                    .position(|slot| slot.packet < self.packet)
                    .unwrap_or_default()
            }
        };
        (free, false)
    }

    fn add(&mut self, at: usize, known: bool, atom: &Atom) -> Option<u8> {
        let number = u8::try_from(self.references.len()).ok()?;
        let slot = self
            .slots
            .get_mut(at)
            .filter(|_| usize::from(number) < REFERENCES)?;
        if !known {
            slot.atom = Some(atom.clone());
        }
        slot.packet = self.packet;
        slot.number = number;
        self.references.push((u16::try_from(at).ok()?, !known));
        Some(number)
    }

    /// Writes the section of the packet.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        let count = self.references.len();
        out.push(u8::try_from(count).unwrap_or(u8::MAX));
        if count == 0 {
            return;
        }
        let name = |at: u16| {
            let atom = self
                .slots
                .get(usize::from(at))
                .and_then(|slot| slot.atom.as_ref());
            atom.map(Atom::as_bytes).unwrap_or_default()
        };
        let new = self.references.iter().filter(|(_, new)| *new);
        let long = new
            .clone()
            .any(|(at, _)| name(*at).len() > usize::from(u8::MAX));
        let new = new.count() as u64;
        self.statistics.new = self.statistics.new.saturating_add(new);
        self.statistics.hits = self
            .statistics
            .hits
            .saturating_add((count as u64).saturating_sub(new));

        let flag = |&(at, new): &(u16, bool)| (at >> 8) as u8 | if new { NEW } else { 0 };
        let last = if long { LONG } else { 0 };
        for pair in self.references.chunks(2) {
            out.push(match pair {
                [low, high] => flag(low) | flag(high) << 4,
                [low] => flag(low) | last << 4,
                _ => 0,
            });
        }
        if count.is_multiple_of(2) {
            out.push(last);
        }
        for &(at, new) in &self.references {
            let [_, low] = at.to_be_bytes();
            out.push(low);
            if new {
                let name = name(at);
                let length = name.len().to_be_bytes();
                let wide = if long { 2 } else { 1 };
                out.extend_from_slice(length.get(length.len() - wide..).unwrap_or_default());
                out.extend_from_slice(name);
            }
        }
    }
}

impl Numbers for &mut Outgoing {
    fn refer(&mut self, atom: &Atom) -> Option<u8> {
        let (at, known) = self.find(atom);
        match self.slots.get(at) {
            Some(slot) if slot.packet == self.packet => Some(slot.number),
            _ => self.add(at, known, atom),
        }
    }
}

/// Spreads names; nothing depends on it but how often they are sent again.
fn hash(name: &[u8]) -> usize {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = name.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
    let words = words
        .iter()
        .chain([&last])
        .map(|word| u64::from_le_bytes(*word));
    let hash = words.fold(name.len() as u64, |hash, word| {
        (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR)
    });
    (hash >> 40) as usize
}

/// The atoms of a payload, numbered as they are met: references to them need no name.
#[derive(Debug, Default)]
pub(crate) struct Table {
    atoms: Vec<Atom>,
    /// From hashes to numbers, 0 for none; made when the table gets too long to look through.
    index: Vec<u8>,
}

impl Table {
    const INDEX: usize = 1024;

    pub(crate) fn into_atoms(self) -> Option<Arc<[Atom]>> {
        (!self.atoms.is_empty()).then(|| self.atoms.into())
    }

    /// Where the number of an atom is in the index, or is to be. There is always a free place.
    fn entry(&self, atom: &Atom) -> usize {
        let mut entry = hash(atom.as_bytes()) % Self::INDEX;
        while let Some(number @ 1..) = self.index.get(entry) {
            if self.atoms.get(usize::from(*number) - 1) == Some(atom) {
                break;
            }
            entry = entry.wrapping_add(1) % Self::INDEX;
        }
        entry
    }

    /// Fills the index.
    fn index(&mut self) {
        self.index.resize(Self::INDEX, 0);
        for number in 0..self.atoms.len() {
            if let Some(entry) = self.atoms.get(number).map(|atom| self.entry(atom)) {
                self.note(entry, number);
            }
        }
    }

    fn note(&mut self, entry: usize, number: usize) {
        if let (Some(entry), Ok(number)) = (self.index.get_mut(entry), u8::try_from(number)) {
            *entry = number.saturating_add(1);
        }
    }

    fn push(&mut self, atom: &Atom) -> Option<u8> {
        let number = u8::try_from(self.atoms.len()).ok()?;
        (usize::from(number) < REFERENCES).then(|| {
            self.atoms.push(atom.clone());
            number
        })
    }
}

impl Numbers for Table {
    fn refer(&mut self, atom: &Atom) -> Option<u8> {
        /// Up to here looking through is faster than hashing.
        const FEW: usize = 8;
        if self.atoms.len() < FEW {
            let known = self.atoms.iter().position(|known| known == atom);
            return match known {
                Some(number) => u8::try_from(number).ok(),
                None => self.push(atom),
            };
        }
        if self.index.is_empty() {
            self.index();
        }
        let entry = self.entry(atom);
        match self
            .index
            .get(entry)
            .and_then(|number| number.checked_sub(1))
        {
            Some(number) => Some(number),
            None => {
                let number = self.push(atom)?;
                self.note(entry, number.into());
                Some(number)
            }
        }
    }
}
