use bytes::{Buf, BytesMut};

use crate::connection::Settings;
use crate::control::Control;
use crate::error::Error;
use crate::flags::Flags;
use crate::limits;
use crate::packet::{Bad, Framing, Message, PREFIX};
use crate::payload::Payload;
use crate::statistics::Received;

/// The receiving half of a connection.
///
/// A driver reads into [`inbox`](Self::inbox) and then calls [`poll`](Self::poll) until there is
/// nothing more.
#[derive(Debug)]
pub struct Inbound {
    framing: Framing,
    max_packet: u32,
    inbox: BytesMut,
    failed: Option<Error>,
    statistics: Received,
}

/// What a packet was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all events are signals")]
#[non_exhaustive]
pub enum Event {
    /// A control message and what belongs to it.
    Signal(Control, Option<Payload>),
    /// A tick: the peer lives.
    Tick,
    /// A message that makes no sense. It is lost, the connection is sound.
    Malformed(Error),
}

impl Inbound {
    pub(crate) fn new(flags: Flags, settings: &Settings) -> Self {
        Self {
            framing: Framing::new(flags, settings.max_message),
            max_packet: settings.max_packet,
            inbox: BytesMut::new(),
            failed: None,
            statistics: Received::default(),
        }
    }

    /// The buffer that received bytes are to be appended to. It always has some spare capacity.
    ///
    /// It grows with the bytes received, not with the length that a peer announces. A driver that
    /// reads ahead fills the spare capacity; one that must not reads at most
    /// [`want`](Self::want) bytes of it at a time.
    pub fn inbox(&mut self) -> &mut BytesMut {
        /// Below this a read is not worth its system call.
        const LEAST: usize = limits::INBOX_STEP / 8;
        let room = self.want().min(self.inbox.len()).max(LEAST);
        if self.inbox.capacity().saturating_sub(self.inbox.len()) < room {
            self.inbox.reserve(room.max(limits::INBOX_STEP));
        }
        &mut self.inbox
    }

    /// How many bytes are missing until the next packet: first from its length, then from the rest of it.
    /// 0 when [`poll`](Self::poll) is due, and after an error.
    pub fn want(&self) -> usize {
        if self.failed.is_some() {
            return 0;
        }
        let complete = match self.length() {
            Some(length) if length > self.max_packet => 0,
            Some(length) => PREFIX.saturating_add(to_usize(length)),
            None => PREFIX,
        };
        complete.saturating_sub(self.inbox.len())
    }

    /// The next event, if it is there in full.
    ///
    /// # Errors
    /// [`Error::TooLong`] and [`Error::TooMany`] for what is above a limit, and [`Error::Malformed`] for a
    /// packet that is framed in another way, or whose atoms or fragments make no sense. The connection
    /// cannot go on; every further call says the same.
    pub fn poll(&mut self) -> Result<Option<Event>, Error> {
        let event = self.next();
        if let Err(error) = &event {
            self.failed = Some(error.clone());
        }
        event
    }

    fn next(&mut self) -> Result<Option<Event>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        while let Some(length) = self.length() {
            if length > self.max_packet {
                return Err(Error::TooLong {
                    what: "packet",
                    length: length.into(),
                    limit: self.max_packet.into(),
                });
            }
            if self.want() > 0 {
                break;
            }
            let mut packet = self.inbox.split_to(PREFIX.saturating_add(to_usize(length)));
            let counted = &mut self.statistics;
            counted.packets = counted.packets.saturating_add(1);
            counted.bytes = counted.bytes.saturating_add(packet.len() as u64);
            packet.advance(PREFIX);
            if packet.is_empty() {
                counted.ticks = counted.ticks.saturating_add(1);
                return Ok(Some(Event::Tick));
            }
            match self.framing.open(packet.freeze()) {
                Ok(None) => {}
                Ok(Some(Message {
                    control, payload, ..
                })) => {
                    counted.signals = counted.signals.saturating_add(1);
                    let unknown = matches!(control, Control::Unknown { .. });
                    counted.unknown = counted.unknown.saturating_add(unknown.into());
                    return Ok(Some(Event::Signal(control, payload)));
                }
                Err(Bad::Message(error)) => {
                    counted.malformed = counted.malformed.saturating_add(1);
                    return Ok(Some(Event::Malformed(error)));
                }
                Err(Bad::Connection(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What has come so far.
    pub fn statistics(&self) -> Received {
        let mut statistics = self.statistics;
        if let Framing::Header { atoms, fragments } = &self.framing {
            statistics.atoms = atoms.statistics;
            if let Some(fragments) = fragments {
                statistics.fragments = fragments.count;
                statistics.incomplete = fragments.bytes() as u64;
            }
        }
        statistics
    }

    fn length(&self) -> Option<u32> {
        self.inbox
            .first_chunk()
            .map(|prefix| u32::from_be_bytes(*prefix))
    }
}

fn to_usize(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
