use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use crate::control::Control;
use crate::error::Error;
use crate::flags::Flags;
use crate::limits;
use crate::packet::{Bad, Framing, PREFIX, TICK};
use crate::payload::Payload;
use crate::ticker::{TickTime, Ticker};

/// Two connected nodes, seen from one of them: everything after the handshake.
///
/// The three parts know nothing of one another, so that a driver can keep them under separate locks
/// and a blocked reader stops no writer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Connection {
    /// What comes from the peer.
    pub inbound: Inbound,
    /// What goes to the peer.
    pub outbound: Outbound,
    /// When to send a tick, and when the peer is gone.
    pub ticker: Ticker,
}

/// What can be chosen for a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The longest packet accepted, in bytes; by default [`limits::PACKET`].
    pub max_packet: u32,
    /// After how long silence means that the peer is gone.
    pub tick_time: TickTime,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_packet: limits::PACKET,
            tick_time: TickTime::default(),
        }
    }
}

impl Connection {
    /// A connection for which a handshake has negotiated `flags`:
    /// [`Session::flags`](crate::handshake::Session::flags).
    ///
    /// # Errors
    /// [`Error::Misuse`] when they contain something this crate does not handle, which
    /// [`Flags::HIDDEN`] does not.
    pub fn new(flags: Flags, settings: &Settings) -> Result<Self, Error> {
        let framing = Framing::new(flags)?;
        Ok(Self {
            inbound: Inbound {
                framing,
                max_packet: settings.max_packet,
                inbox: BytesMut::new(),
                failed: None,
            },
            outbound: Outbound {
                framing,
                flags,
                queue: VecDeque::new(),
                queued: 0,
                written: 0,
                scratch: BytesMut::new(),
            },
            ticker: Ticker::new(settings.tick_time, !flags.contains(Flags::PUBLISHED)),
        })
    }
}

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
    /// A packet that makes no sense. The message in it is lost, the connection is sound.
    Malformed(Error),
}

impl Inbound {
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

    /// How many bytes are missing until the next event: first from the length of the packet, then
    /// from the packet. 0 when [`poll`](Self::poll) is due, and after an error.
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
    /// [`Error::TooLong`] for a packet above the limit, and [`Error::Malformed`] for one that is
    /// framed in another way. The connection cannot go on; every further call says the same.
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
        match self.length() {
            Some(length) if length > self.max_packet => {
                let (length, limit) = (length.into(), self.max_packet.into());
                Err(Error::TooLong {
                    what: "packet",
                    length,
                    limit,
                })
            }
            Some(length) if self.want() == 0 => {
                let mut packet = self.inbox.split_to(PREFIX.saturating_add(to_usize(length)));
                packet.advance(PREFIX);
                if packet.is_empty() {
                    return Ok(Some(Event::Tick));
                }
                match self.framing.open(packet.freeze()) {
                    Ok((control, payload)) => Ok(Some(Event::Signal(control, payload))),
                    Err(Bad::Message(error)) => Ok(Some(Event::Malformed(error))),
                    Err(Bad::Connection(error)) => Err(error),
                }
            }
            _ => Ok(None),
        }
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

/// The sending half of a connection.
///
/// What is sent is queued here, and the driver writes it in one go with what else there is. The
/// queue has no bound: whoever sends looks at [`queued`](Self::queued) first, and waits while it is
/// above [`limits::BUSY`], as ERTS does.
#[derive(Debug)]
pub struct Outbound {
    framing: Framing,
    flags: Flags,
    queue: VecDeque<Bytes>,
    queued: usize,
    written: u64,
    /// Where heads of packets are written; they are split off from here.
    scratch: BytesMut,
}

/// More bytes than most heads of packets have, and the size of the blocks that they are written to.
const HEAD: usize = 256;
const HEADS: usize = 4096;

impl Outbound {
    /// Queues a control message and what belongs to it.
    ///
    /// The payload is not copied, and neither checked.
    ///
    /// # Errors
    /// [`Error::MissingFlags`] when the peer does not understand such a message; [`Error::Misuse`] when
    /// a payload is missing, or there is one that does not belong; [`Error::Unencodable`]. In all
    /// cases nothing is queued.
    pub fn send(&mut self, control: &Control, payload: Option<Payload>) -> Result<(), Error> {
        if control.has_payload() != payload.is_some() && !matches!(control, Control::Unknown { .. })
        {
            return Err(Error::Misuse("a payload is missing, or does not belong"));
        }
        let payload = payload.map(Payload::stand_alone).transpose();
        let payload = payload.map_err(|_| Error::Misuse("the payload is malformed"))?;
        // A block is shared by many heads, and used again when all of them are written.
        if self.scratch.capacity() < HEAD {
            self.scratch.reserve(HEADS);
        }
        let sealed = self
            .framing
            .seal(control, payload.as_ref(), self.flags, &mut self.scratch);
        let head = self.scratch.split().freeze();
        let follows = sealed?;
        self.push(head);
        if let Some(payload) = payload.filter(|_| follows) {
            self.push(payload.into_bytes());
        }
        Ok(())
    }

    /// Queues a tick.
    pub fn tick(&mut self) {
        self.push(Bytes::from_static(TICK));
    }

    /// Fills `slices` with the beginning of what is to be written, and returns how many it
    /// filled: 0 when nothing is.
    pub fn outgoing<'s>(&'s self, slices: &mut [IoSlice<'s>]) -> usize {
        let filled = slices.iter_mut().zip(&self.queue);
        filled
            .map(|(slice, bytes)| *slice = IoSlice::new(bytes))
            .count()
    }

    /// The first `n` bytes of what is to be written have been written.
    pub fn sent(&mut self, n: usize) {
        let mut left = n.min(self.queued);
        self.queued -= left;
        self.written = self.written.saturating_add(left as u64);
        while let Some(first) = self.queue.front_mut() {
            if left < first.len() {
                first.advance(left);
                break;
            }
            left -= first.len();
            self.queue.pop_front();
        }
    }

    /// How many bytes wait to be written.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// How many bytes have been written since the handshake, for [`Ticker::tick`].
    pub fn written(&self) -> u64 {
        self.written
    }

    /// What the connection may use.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    fn push(&mut self, bytes: Bytes) {
        self.queued = self.queued.saturating_add(bytes.len());
        self.queue.push_back(bytes);
    }
}
