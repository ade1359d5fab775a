//! Packets: `length:u32` and as many bytes. A packet of no bytes is a tick.

use bytes::{Buf, Bytes, BytesMut};
use einode_etf::{Sink, Writer, tag};

use crate::control::Control;
use crate::error::Error;
use crate::flags::Flags;
use crate::payload::Payload;

/// The size of the length that precedes a packet.
pub(crate) const PREFIX: usize = 4;

/// A packet of no bytes.
pub(crate) const TICK: &[u8] = &[0; PREFIX];

/// The first byte of a packet without a distribution header.
const PASS_THROUGH: u8 = b'p';

/// What a packet has between its length and its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// ```text
    /// 'p' 131 control [131 payload]
    /// ```
    PassThrough,
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
    ///
    /// # Errors
    /// [`Error::Misuse`] for the distribution header, which must not be offered in a handshake.
    pub(crate) fn new(flags: Flags) -> Result<Self, Error> {
        if flags.contains(Flags::DIST_HDR_ATOM_CACHE) {
            return Err(Error::Misuse(
                "DIST_HDR_ATOM_CACHE was offered, but it is not handled",
            ));
        }
        Ok(Self::PassThrough)
    }

    /// Takes apart a packet that is not a tick.
    pub(crate) fn open(self, mut packet: Bytes) -> Result<(Control, Option<Payload>), Bad> {
        match (self, packet.try_get_u8()) {
            (Self::PassThrough, Ok(PASS_THROUGH)) => pass_through(packet).map_err(Bad::Message),
            (Self::PassThrough, first) => Err(Bad::Connection(Error::malformed(
                "packet",
                format!("expected {PASS_THROUGH} for pass-through, found {first:?}"),
            ))),
        }
    }

    /// Writes the head of a packet, which is everything up to the payload, to the end of `out`.
    /// Returns whether the payload is to follow it.
    pub(crate) fn seal(
        self,
        control: &Control,
        payload: Option<&Payload>,
        flags: Flags,
        out: &mut BytesMut,
    ) -> Result<bool, Error> {
        let start = out.len();
        out.extend_from_slice(TICK);
        match self {
            Self::PassThrough => out.extend_from_slice(&[PASS_THROUGH, tag::VERSION]),
        }
        let follows = control.encode(flags, payload, &mut Writer::new(Growing(out)))?;
        let mut length = out.len().saturating_sub(start.saturating_add(PREFIX));
        if let Some(payload) = payload.filter(|_| follows) {
            match self {
                Self::PassThrough => out.extend_from_slice(&[tag::VERSION]),
            }
            length = length
                .saturating_add(1)
                .saturating_add(payload.bytes().len());
        }
        let length = u32::try_from(length)
            .map_err(|_| Error::Misuse("a message of 4 GiB or more does not fit a packet"))?;
        if let Some(prefix) = out.get_mut(start..).and_then(|head| head.first_chunk_mut()) {
            *prefix = length.to_be_bytes();
        }
        Ok(follows)
    }
}

fn pass_through(mut packet: Bytes) -> Result<(Control, Option<Payload>), Error> {
    version(&mut packet, "control message")?;
    let packet = Payload::new(packet, None);
    let decoded = Control::decode(&packet)?;
    let mut rest = packet.part(decoded.end, packet.bytes().len()).into_bytes();
    if rest.is_empty() {
        return decoded.with(None);
    }
    version(&mut rest, "payload")?;
    decoded.with(Some(Payload::new(rest, None)))
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

/// Lets a [`Writer`] write to the end of a buffer.
struct Growing<'b>(&'b mut BytesMut);

impl Sink for Growing<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
