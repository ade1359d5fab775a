//! Packets: `length:u32` and as many bytes. A packet of no bytes is a tick.
//!
//! ```text
//! 'p' 131 control [131 payload]                         without a distribution header
//! 131 68 atoms control [payload]                        with one
//! 131 69 sequence:u64 number:u64 atoms control payload  the first fragment
//! 131 70 sequence:u64 number:u64 payload                one that follows
//! ```
//! Which it is was negotiated. Fragments are numbered from how many there are down to 1.

use bytes::{Buf, Bytes};
use einode_etf::{Atom, tag};

use crate::atoms::Incoming;
use crate::control::{Control, Operation};
use crate::error::Error;
use crate::flags::Flags;
use crate::fragments::Incomplete;
use crate::payload::Payload;

/// The size of the length that precedes a packet.
pub(crate) const PREFIX: usize = 4;

/// A packet of no bytes.
pub(crate) const TICK: &[u8] = &[0; PREFIX];

/// The first byte of a packet without a distribution header.
pub(crate) const PASS_THROUGH: u8 = b'p';

/// The second byte of a packet with one.
pub(crate) const NORMAL: u8 = 68;
pub(crate) const FIRST_FRAGMENT: u8 = 69;
pub(crate) const NEXT_FRAGMENT: u8 = 70;

/// Whether packets have a distribution header, and may be fragments: ERTS has no fragments without.
pub(crate) fn header(flags: Flags) -> (bool, bool) {
    let header = flags.contains(Flags::DIST_HDR_ATOM_CACHE);
    (header, header && flags.contains(Flags::FRAGMENTS))
}

/// What packets from the peer have between their length and their terms, and what has to be remembered
/// of them.
#[derive(Debug)]
pub(crate) enum Framing {
    PassThrough,
    Header {
        atoms: Incoming,
        fragments: Option<Incomplete>,
    },
}

/// A control message and what belongs to it.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) operation: Operation,
    pub(crate) control: Control,
    pub(crate) payload: Option<Payload>,
    /// What it was put together from.
    pub(crate) fragments: Option<Cut>,
}

/// How a message was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Into how many fragments.
    pub(crate) count: u64,
    /// The bytes of their packets.
    pub(crate) bytes: u64,
}

/// How much a bad packet costs.
#[derive(Debug)]
pub(crate) enum Bad {
    /// The message in it.
    Message(Error),
    /// The connection: what follows cannot be understood either.
    Connection(Error),
}

impl Framing {
    /// The framing of a connection with these flags.
    pub(crate) fn new(flags: Flags, max_message: usize) -> Self {
        match header(flags) {
            (false, _) => Self::PassThrough,
            (true, fragments) => Self::Header {
                atoms: Incoming::default(),
                fragments: fragments.then(|| Incomplete::new(max_message)),
            },
        }
    }

    /// From now on, an atom of which nothing is known is none that makes no sense: what named it may have
    /// been missed. Its name is then `?` and the number of its slot.
    pub(crate) fn tolerate(&mut self) {
        if let Self::Header { atoms, .. } = self {
            atoms.tolerant = true;
        }
    }

    /// What a slot of the atom cache holds.
    pub(crate) fn atom(&self, slot: u16) -> Option<&Atom> {
        match self {
            Self::PassThrough => None,
            Self::Header { atoms, .. } => atoms.get(slot),
        }
    }

    /// Drops what there is of a message in fragments.
    pub(crate) fn forget(&mut self, sequence: u64) {
        if let Self::Header {
            fragments: Some(fragments),
            ..
        } = self
        {
            fragments.forget(sequence);
        }
    }

    /// Takes apart a packet that is not a tick. Gives nothing when more fragments have to come.
    pub(crate) fn open(&mut self, mut packet: Bytes) -> Result<Option<Message>, Bad> {
        match self {
            Self::PassThrough => match packet.try_get_u8() {
                Ok(PASS_THROUGH) => pass_through(packet).map(Some).map_err(Bad::Message),
                first => Err(Bad::Connection(Error::malformed(
                    "packet",
                    format!("expected {PASS_THROUGH} for pass-through, found {first:?}"),
                ))),
            },
            Self::Header { atoms, fragments } => {
                let start = packet.try_get_u16().map(u16::to_be_bytes);
                match (start, fragments) {
                    (Ok([tag::VERSION, NORMAL]), _) => {
                        let atoms = atoms.read(&mut packet).map_err(Bad::Connection)?;
                        let packet = Payload::new(packet, atoms);
                        normal(&packet).map(Some).map_err(Bad::Message)
                    }
                    (Ok([tag::VERSION, FIRST_FRAGMENT]), Some(fragments)) => {
                        fragments.first(packet, atoms)
                    }
                    (Ok([tag::VERSION, NEXT_FRAGMENT]), Some(fragments)) => fragments.next(packet),
                    (start, _) => Err(Bad::Connection(Error::malformed(
                        "packet",
                        format!("expected a distribution header, found {start:?}"),
                    ))),
                }
            }
        }
    }
}

fn pass_through(mut packet: Bytes) -> Result<Message, Error> {
    version(&mut packet, "control message")?;
    let packet = Payload::new(packet, None);
    let decoded = Control::decode(&packet)?;
    let mut rest = packet.part(decoded.end, packet.len()).into_bytes();
    if rest.is_empty() {
        return decoded.with(None);
    }
    version(&mut rest, "payload")?;
    decoded.with(Some(Payload::new(rest, None)))
}

/// What a packet means whose atoms have been read.
pub(crate) fn normal(packet: &Payload) -> Result<Message, Error> {
    let decoded = Control::decode(packet)?;
    let rest = packet.part(decoded.end, packet.len());
    decoded.with(Some(rest).filter(|rest| rest.len() > 0))
}

fn version(bytes: &mut Bytes, what: &'static str) -> Result<(), Error> {
    match bytes.try_get_u8() {
        Ok(tag::VERSION) => Ok(()),
        Ok(other) => Err(Error::malformed(
            what,
            format!("expected 131, found {other}"),
        )),
        Err(_) => Err(Error::malformed(what, "it is missing")),
    }
}
