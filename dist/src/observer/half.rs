//! One direction of a connection that is observed.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use einode_etf::tag;

use super::scan::{self, Found};
use super::{CachedAtom, Fragment, Observation, Observed, Side, Signal};
use crate::atoms::{Reference, References};
use crate::connection::Settings;
use crate::error::Error;
use crate::flags::Flags;
use crate::fragments::numbers;
use crate::handshake::Prefix;
use crate::handshake::message::{
    Challenge, ChallengeAck, ChallengeReply, Complement, Hello, Status,
};
use crate::limits;
use crate::packet::{Bad, FIRST_FRAGMENT, Framing, NEXT_FRAGMENT, NORMAL, PASS_THROUGH, PREFIX};

/// One direction.
#[derive(Debug)]
pub(super) struct Half {
    from: Side,
    max_packet: u32,
    max_message: usize,
    stage: Stage,
    inbox: BytesMut,
    /// What this side has said that it handles.
    flags: Option<Flags>,
    /// Bytes passed over that have not been told of.
    skipped: u64,
    /// How many bytes of a packet above the limit are still to come.
    rest: u64,
    ended: bool,
    /// Whether it has ended, and no whole message is left.
    exhausted: bool,
    events: VecDeque<Observation>,
}

/// How far a direction is.
#[derive(Debug)]
enum Stage {
    /// Nothing has come.
    Start,
    Handshake(Prefix),
    /// All of the handshake has come. What follows depends on what the other side says in its own.
    Waiting,
    /// `None` is to be guessed from the next packet.
    Connected(Option<Framing>),
    /// Where the next packet begins is not known.
    Lost,
    Encrypted,
}

/// What a direction has to know of the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    /// It may still say what it handles.
    NotYet,
    /// It has, or never will.
    All(Option<Flags>),
}

impl Half {
    pub(super) fn new(from: Side, settings: &Settings) -> Self {
        Self {
            from,
            max_packet: settings.max_packet,
            max_message: settings.max_message,
            stage: Stage::Start,
            inbox: BytesMut::new(),
            flags: None,
            skipped: 0,
            rest: 0,
            ended: false,
            exhausted: false,
            events: VecDeque::new(),
        }
    }

    pub(super) fn flags(&self) -> Option<Flags> {
        self.flags
    }

    pub(super) fn told(&self) -> Told {
        match self.stage {
            Stage::Start | Stage::Handshake(_) if !self.exhausted => Told::NotYet,
            _ => Told::All(self.flags),
        }
    }

    pub(super) fn receive(&mut self, mut bytes: &[u8]) {
        let passed = usize::try_from(self.rest).map_or(bytes.len(), |rest| rest.min(bytes.len()));
        bytes.advance(passed);
        self.rest = self.rest.saturating_sub(passed as u64);
        if !matches!(self.stage, Stage::Encrypted) {
            self.inbox.extend_from_slice(bytes);
        }
    }

    pub(super) fn lost(&mut self, bytes: u64) {
        let whole = self.rest >= bytes && self.rest > 0;
        self.rest = self.rest.saturating_sub(bytes);
        if whole || bytes == 0 || matches!(self.stage, Stage::Encrypted) {
            return;
        }
        self.pass_over(self.inbox.len());
        self.skipped = self.skipped.saturating_add(bytes);
        self.stage = Stage::Lost;
    }

    pub(super) fn eof(&mut self) {
        self.ended = true;
    }

    /// The next thing that was sent.
    pub(super) fn poll(&mut self, other: Told) -> Option<Observation> {
        while self.events.is_empty() {
            if self.step(other) {
                continue;
            }
            if self.ended && !self.waits(other) {
                self.exhausted = true;
                self.pass_over(self.inbox.len());
                self.tell_skipped();
            }
            break;
        }
        self.events.pop_front()
    }

    /// Whether there is more to be had once the other side has told what it handles.
    fn waits(&self, other: Told) -> bool {
        matches!((&self.stage, other), (Stage::Waiting, Told::NotYet))
    }

    /// Goes on as far as it can be told of; says whether it went at all.
    fn step(&mut self, other: Told) -> bool {
        match self.stage {
            Stage::Start => self.start(),
            Stage::Handshake(prefix) => self.handshake(prefix),
            Stage::Waiting => self.connect(other),
            Stage::Connected(_) => self.packet(),
            Stage::Lost => self.scan(),
            Stage::Encrypted => false,
        }
    }

    /// Looks at what comes first: a handshake of either framing, TLS, or neither.
    fn start(&mut self) -> bool {
        let Some(&[first, second, third]) = self.inbox.first_chunk() else {
            return false;
        };
        // The record header of RFC 8446, section 5.1. As a length this is too long for a handshake.
        if (20..=23).contains(&first) && second == 3 {
            self.stage = Stage::Encrypted;
            self.inbox.clear();
            self.tell(0, Observed::Encrypted);
            return true;
        }
        let (prefix, tag) = if (first, second) == (0, 0) {
            match self.inbox.get(PREFIX) {
                Some(tag) => (Prefix::Four, *tag),
                None => return false,
            }
        } else {
            (Prefix::Two, third)
        };
        let expected: &[u8] = match self.from {
            Side::Initiator => b"Nn",
            Side::Acceptor => b"s",
        };
        let length = length(prefix, &self.inbox).unwrap_or_default();
        self.stage = if expected.contains(&tag) && length <= limits::HANDSHAKE_PACKET as u64 {
            Stage::Handshake(prefix)
        } else {
            self.tell(0, Observed::Midway);
            Stage::Lost
        };
        true
    }

    fn handshake(&mut self, prefix: Prefix) -> bool {
        let Some(length) = length(prefix, &self.inbox) else {
            return false;
        };
        let limit = limits::HANDSHAKE_PACKET as u64;
        if length > limit {
            let what = "handshake packet";
            self.tell(
                0,
                Observed::Malformed(Error::TooLong {
                    what,
                    length,
                    limit,
                }),
            );
            self.stage = Stage::Lost;
            return true;
        }
        let width = width(prefix);
        let Some(packet) = self.take(width, length) else {
            return false;
        };
        let size = (packet.len() + width) as u64;
        let (message, last) = match (self.from, packet.first()) {
            (Side::Initiator, Some(b'N' | b'n')) => {
                (Hello::decode(&packet).map(Observed::Hello), false)
            }
            (Side::Initiator, Some(b'c')) => {
                (Complement::decode(&packet).map(Observed::Complement), false)
            }
            (Side::Initiator, Some(b'r')) => (
                ChallengeReply::decode(&packet).map(Observed::ChallengeReply),
                true,
            ),
            (Side::Acceptor, Some(b'N' | b'n')) => {
                (Challenge::decode(&packet).map(Observed::Challenge), false)
            }
            (Side::Acceptor, Some(b'a')) => (
                ChallengeAck::decode(&packet).map(Observed::ChallengeAck),
                true,
            ),
            _ => (Status::decode(&packet).map(Observed::Status), false),
        };
        match &message {
            Ok(Observed::Hello(hello)) => self.flags = Some(hello.flags),
            Ok(Observed::Challenge(challenge)) => self.flags = Some(challenge.flags),
            Ok(Observed::Complement(more)) => self.flags = self.flags.map(|low| low | more.flags),
            _ => {}
        }
        self.tell(size, message.unwrap_or_else(Observed::Malformed));
        if last {
            self.stage = Stage::Waiting;
        }
        true
    }

    /// Finds out how packets are framed.
    fn connect(&mut self, other: Told) -> bool {
        // Whoever sends that much was told to go on, so the other side is not being seen.
        let unseen = self.inbox.len() as u64 > u64::from(self.max_packet);
        let theirs = match other {
            Told::NotYet if !unseen => return false,
            Told::NotYet => None,
            Told::All(flags) => flags,
        };
        let flags = self.flags.zip(theirs);
        let flags = flags.map(|(ours, theirs)| ours.negotiate(theirs));
        self.stage = Stage::Connected(flags.map(|flags| Framing::new(flags, self.max_message)));
        true
    }

    fn packet(&mut self) -> bool {
        let Some(length) = length(Prefix::Four, &self.inbox) else {
            return false;
        };
        let limit = u64::from(self.max_packet);
        if length > limit {
            self.inbox.advance(PREFIX);
            let here =
                usize::try_from(length).map_or(self.inbox.len(), |n| n.min(self.inbox.len()));
            self.inbox.advance(here);
            self.rest = length.saturating_sub(here as u64);
            let what = "packet";
            let error = Error::TooLong {
                what,
                length,
                limit,
            };
            self.tell(
                length.saturating_add(PREFIX as u64),
                Observed::Malformed(error),
            );
            return true;
        }
        let Some(packet) = self.take(PREFIX, length) else {
            return false;
        };
        let size = (packet.len() + PREFIX) as u64;
        if packet.is_empty() {
            self.tell(size, Observed::Tick);
            return true;
        }
        let Stage::Connected(framing) = &mut self.stage else {
            return false;
        };
        let mut framing = match framing.take() {
            Some(framing) => framing,
            None => match guess(&packet, self.max_message) {
                Some(framing) => framing,
                None => {
                    let error = Error::malformed("packet", "it begins like none");
                    self.tell(size, Observed::Malformed(error));
                    return true;
                }
            },
        };
        self.open(&mut framing, packet, size);
        self.stage = Stage::Connected(Some(framing));
        true
    }

    fn open(&mut self, framing: &mut Framing, packet: Bytes, size: u64) {
        let fragment = fragment(framing, &packet);
        let opened = framing.open(packet.clone());
        let mut atoms = cached(framing, &packet);
        if let Some((sequence, number, first)) = fragment {
            let atoms = std::mem::take(&mut atoms);
            self.tell(
                size,
                Observed::Fragment(Fragment {
                    sequence,
                    number,
                    first,
                    atoms,
                }),
            );
        }
        match opened {
            Ok(None) => {}
            Ok(Some(message)) => {
                // A message may also be cut into one.
                let whole = fragment.map(|_| (1, size));
                let cut = message.fragments.map(|cut| (cut.count, cut.bytes));
                let (fragments, size) = cut.or(whole).unwrap_or((0, size));
                self.tell(
                    size,
                    Observed::Signal(Signal {
                        operation: message.operation,
                        control: message.control,
                        payload: message.payload,
                        fragments,
                        atoms,
                    }),
                );
            }
            Err(Bad::Message(error)) => self.tell(size, Observed::Malformed(error)),
            Err(Bad::Connection(error)) => {
                // The nodes give up here. What the packet would have said of atoms is missing from now on.
                framing.tolerate();
                if let Some((sequence, ..)) = fragment {
                    framing.forget(sequence);
                }
                self.tell(size, Observed::Malformed(error));
            }
        }
    }

    /// Looks for the beginning of a packet.
    fn scan(&mut self) -> bool {
        match scan::find(&self.inbox, self.max_packet) {
            Found::Packet(at) => {
                self.pass_over(at);
                self.tell_skipped();
                self.stage = Stage::Connected(None);
                true
            }
            Found::Perhaps(at) => {
                self.pass_over(at);
                false
            }
        }
    }

    fn pass_over(&mut self, bytes: usize) {
        self.inbox.advance(bytes.min(self.inbox.len()));
        self.skipped = self.skipped.saturating_add(bytes as u64);
    }

    fn tell_skipped(&mut self) {
        let skipped = std::mem::take(&mut self.skipped);
        if skipped > 0 {
            self.tell(skipped, Observed::Skipped(skipped));
        }
    }

    fn tell(&mut self, size: u64, observed: Observed) {
        self.events.push_back(Observation { size, observed });
    }

    /// Takes a packet off the inbox, if it is there in full.
    fn take(&mut self, width: usize, length: u64) -> Option<Bytes> {
        let end = usize::try_from(length).ok()?.checked_add(width)?;
        if self.inbox.len() < end {
            return None;
        }
        let mut packet = self.inbox.split_to(end);
        packet.advance(width);
        Some(packet.freeze())
    }
}

fn width(prefix: Prefix) -> usize {
    match prefix {
        Prefix::Two => 2,
        Prefix::Four => PREFIX,
    }
}

/// The length at the beginning of a packet.
fn length(prefix: Prefix, bytes: &[u8]) -> Option<u64> {
    match prefix {
        Prefix::Two => Some(u16::from_be_bytes(*bytes.first_chunk()?).into()),
        Prefix::Four => Some(u32::from_be_bytes(*bytes.first_chunk()?).into()),
    }
}

/// How a connection frames its packets of which this is one.
fn guess(packet: &[u8], max_message: usize) -> Option<Framing> {
    let flags = match packet {
        [PASS_THROUGH, ..] => Flags::NONE,
        [tag::VERSION, NORMAL | FIRST_FRAGMENT | NEXT_FRAGMENT, ..] => {
            Flags::DIST_HDR_ATOM_CACHE | Flags::FRAGMENTS
        }
        _ => return None,
    };
    let mut framing = Framing::new(flags, max_message);
    framing.tolerate();
    Some(framing)
}

/// The sequence and the number of a fragment, and whether it is the first.
fn fragment(framing: &Framing, packet: &Bytes) -> Option<(u64, u64, bool)> {
    let first = match (framing, packet.get(..2)) {
        (Framing::Header { .. }, Some([tag::VERSION, FIRST_FRAGMENT])) => true,
        (Framing::Header { .. }, Some([tag::VERSION, NEXT_FRAGMENT])) => false,
        _ => return None,
    };
    let (sequence, number) = numbers(&mut packet.slice(2..)).ok()?;
    Some((sequence, number, first))
}

/// The atoms of the header of a packet that has been opened.
fn cached(framing: &Framing, packet: &[u8]) -> Vec<CachedAtom> {
    let mut section = match (framing, packet) {
        (Framing::Header { .. }, [tag::VERSION, NORMAL, section @ ..]) => section,
        (Framing::Header { .. }, [tag::VERSION, FIRST_FRAGMENT, numbers @ ..]) => {
            numbers.get(16..).unwrap_or_default()
        }
        _ => return Vec::new(),
    };
    let mut atoms = Vec::new();
    if let Ok(mut references) = References::start(&mut section) {
        while let Ok(Some(Reference { slot, name })) = references.next(&mut section) {
            let new = name.is_some();
            let atom = framing.atom(slot).cloned();
            atoms.extend(atom.map(|atom| CachedAtom { slot, atom, new }));
        }
    }
    atoms
}
