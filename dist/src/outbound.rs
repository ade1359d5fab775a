use std::io::IoSlice;
use std::mem;

use einode_etf::{Count, Writer, tag};

use crate::atoms::{Apart, Outgoing};
use crate::control::Control;
use crate::error::Error;
use crate::flags::Flags;
use crate::limits;
use crate::order::{Lane, Order, Ticket};
use crate::packet::{self, FIRST_FRAGMENT, NEXT_FRAGMENT, NORMAL, PASS_THROUGH, PREFIX, TICK};
use crate::payload::Payload;
use crate::queue::{Batch, Queue};
use crate::statistics::Sent;

/// The sending half of a connection.
///
/// What is sent is queued here, and the driver writes it in one go with what else there is. The
/// queue has no bound: whoever sends looks at [`queued`](Self::queued) first, and waits while it is
/// above [`limits::BUSY`], as ERTS does.
///
/// What one process sends arrives in order. Where [`FRAGMENTS`](Flags::FRAGMENTS) were negotiated, messages
/// above [`limits::FRAGMENT`] take turns, and small ones of other processes pass them. A signal that does
/// not tell its sender, such as a [`Send`](Control::Send) from nobody, is not passed by earlier ones, but
/// may be by later ones.
#[derive(Debug)]
pub struct Outbound {
    flags: Flags,
    /// With a distribution header.
    atoms: Option<Outgoing>,
    fragments: bool,
    sequences: u64,
    /// What is written next; for atoms to mean the same on both sides, nothing may pass in it.
    queue: Queue,
    /// How many bytes were taken off it, and are not written yet.
    taken: usize,
    /// What has to wait before it is written.
    order: Order,
    /// How many bytes have passed the messages under way since the last fragment.
    passed: usize,
    statistics: Sent,
    /// Where a control message is written, and what comes before it.
    control: Vec<u8>,
    header: Vec<u8>,
}

/// Up to how many bytes a payload is copied to where its control message is. Above, the socket gathers
/// them, which costs more than copying so few.
const SMALL: usize = 4 * 1024;

/// How many bytes are cut ahead of what the socket takes at once.
const AHEAD: usize = 8 * limits::FRAGMENT;

impl Outbound {
    pub(crate) fn new(flags: Flags) -> Self {
        let (header, fragments) = packet::header(flags);
        Self {
            flags,
            atoms: header.then(Outgoing::default),
            fragments,
            sequences: 0,
            queue: Queue::default(),
            taken: 0,
            order: Order::default(),
            passed: 0,
            statistics: Sent::default(),
            control: Vec::new(),
            header: Vec::new(),
        }
    }

    /// Queues a control message and what belongs to it.
    ///
    /// The payload is not checked. It is copied only if it is small, or if its atoms have to be put by
    /// their names since the connection has no atom cache.
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
        if self.order.holds(control) {
            // What is wrong with it is to be said now.
            let mut nowhere = Writer::new(Count::default());
            control.encode(self.flags, payload.as_ref(), &mut nowhere)?;
            self.order.hold(control.clone(), payload);
        } else {
            let ticket = self.order.ticket();
            self.seal(control, payload, ticket)?;
        }
        self.statistics.signals = self.statistics.signals.saturating_add(1);
        self.cut();
        Ok(())
    }

    /// Queues a tick.
    pub fn tick(&mut self) {
        self.queue.reserve(PREFIX);
        self.queue.put(TICK);
        self.statistics.ticks = self.statistics.ticks.saturating_add(1);
        self.statistics.packets = self.statistics.packets.saturating_add(1);
    }

    /// Fills `slices` with the beginning of what is to be written, and returns how many it
    /// filled: 0 when nothing is.
    pub fn outgoing<'s>(&'s self, slices: &mut [IoSlice<'s>]) -> usize {
        self.queue.outgoing(slices)
    }

    /// Takes off all that is to be written, so that who writes keeps nobody from sending. It goes on to count
    /// as [`queued`](Self::queued) until it is [`sent`](Self::sent).
    pub fn take(&mut self, batch: &mut Batch) {
        self.taken = self.taken.saturating_add(self.queue.bytes());
        self.queue.take(batch);
    }

    /// The first `n` bytes of what is to be written have been written.
    pub fn sent(&mut self, n: usize) {
        let of_taken = n.min(self.taken);
        self.taken = self.taken.saturating_sub(of_taken);
        let of_queue = self.queue.sent(n.saturating_sub(of_taken));
        let sent = of_taken.saturating_add(of_queue) as u64;
        self.statistics.bytes = self.statistics.bytes.saturating_add(sent);
        self.cut();
    }

    /// How many bytes wait to be written.
    pub fn queued(&self) -> usize {
        let queue = self.queue.bytes().saturating_add(self.taken);
        queue.saturating_add(self.order.bytes())
    }

    /// How many bytes have been written since the handshake, for [`Ticker::tick`](crate::Ticker::tick).
    pub fn written(&self) -> u64 {
        self.statistics.bytes
    }

    /// What the connection may use.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// What has gone so far.
    pub fn statistics(&self) -> Sent {
        let atoms = self.atoms.as_ref();
        Sent {
            queued: self.queued() as u64,
            atoms: atoms.map(|atoms| atoms.statistics).unwrap_or_default(),
            ..self.statistics
        }
    }

    /// Adds a signal to what is written next, or its first fragment.
    fn seal(
        &mut self,
        control: &Control,
        payload: Option<Payload>,
        ticket: Ticket,
    ) -> Result<(), Error> {
        let follows = control.carries(self.flags);
        let before = self.queue.bytes();
        if self.atoms.is_some() {
            self.with_header(control, payload, follows, ticket)?;
        } else {
            self.pass_through(control, payload, follows)?;
        }
        self.statistics.packets = self.statistics.packets.saturating_add(1);
        let added = self.queue.bytes().saturating_sub(before);
        self.passed = self.passed.saturating_add(added);
        Ok(())
    }

    /// `'p' 131 control [131 payload]`
    fn pass_through(
        &mut self,
        control: &Control,
        payload: Option<Payload>,
        follows: bool,
    ) -> Result<(), Error> {
        let payload = payload.map(Payload::stand_alone).transpose();
        let payload = payload.map_err(|_| Error::Misuse("the payload is malformed"))?;
        self.control.clear();
        let mut writer = Writer::new(&mut self.control);
        control.encode(self.flags, payload.as_ref(), &mut writer)?;
        self.header.clear();
        self.header.extend_from_slice(&[PASS_THROUGH, tag::VERSION]);
        let payload = payload.filter(|_| follows);
        if payload.is_some() {
            self.control.push(tag::VERSION);
        }
        self.packet(payload)
    }

    /// `131 68 atoms control [payload]`, or the first fragment
    fn with_header(
        &mut self,
        control: &Control,
        payload: Option<Payload>,
        follows: bool,
        ticket: Ticket,
    ) -> Result<(), Error> {
        let Some(atoms) = &mut self.atoms else {
            return Ok(());
        };
        atoms.begin();
        self.control.clear();
        // In the payload, atoms have their numbers already.
        let table = payload.as_ref().filter(|_| follows).map(Payload::atoms);
        let pushed = table
            .unwrap_or_default()
            .iter()
            .all(|atom| atoms.push(atom).is_some());
        debug_assert!(pushed, "a payload has no more atoms than a packet");
        let tuple = Apart::new(mem::take(&mut self.control), &mut *atoms);
        let mut writer = Writer::new(tuple);
        let encoded = control.encode(self.flags, payload.as_ref(), &mut writer);
        self.control = writer.into_inner().bytes;
        if let Err(error) = encoded {
            atoms.abandon();
            return Err(error);
        }
        let payload = payload.filter(|_| follows);
        self.header.clear();
        match payload {
            Some(payload) if self.fragments && payload.len() > limits::FRAGMENT => {
                let mut rest = payload.into_bytes();
                let first = rest.split_to(limits::FRAGMENT.min(rest.len()));
                let left = rest.len().div_ceil(limits::FRAGMENT) as u64;
                self.sequences = self.sequences.wrapping_add(1);
                let sequence = self.sequences;
                self.header
                    .extend_from_slice(&[tag::VERSION, FIRST_FRAGMENT]);
                self.header.extend_from_slice(&sequence.to_be_bytes());
                self.header
                    .extend_from_slice(&left.saturating_add(1).to_be_bytes());
                atoms.write(&mut self.header);
                self.statistics.fragments = self.statistics.fragments.saturating_add(1);
                self.order.begin(control, ticket, sequence, rest, left);
                self.packet(Some(Payload::new(first, None)))
            }
            payload => {
                self.header.extend_from_slice(&[tag::VERSION, NORMAL]);
                atoms.write(&mut self.header);
                let sealed = self.packet(payload);
                if let (Err(_), Some(atoms)) = (&sealed, &mut self.atoms) {
                    atoms.abandon();
                }
                sealed
            }
        }
    }

    /// Queues a packet of the header, the control message and a payload.
    fn packet(&mut self, payload: Option<Payload>) -> Result<(), Error> {
        let head = self.header.len().saturating_add(self.control.len());
        let body = payload.as_ref().map_or(0, Payload::len);
        let length = u32::try_from(head.saturating_add(body))
            .map_err(|_| Error::Misuse("a message of 4 GiB or more does not fit a packet"))?;
        let small = body <= SMALL;
        let room = head.saturating_add(PREFIX);
        self.queue.reserve(if small {
            room.saturating_add(body)
        } else {
            room
        });
        self.queue.put(&length.to_be_bytes());
        self.queue.put(&self.header);
        self.queue.put(&self.control);
        match payload {
            Some(payload) if small => self.queue.put(payload.bytes()),
            Some(payload) => self.queue.push(payload.into_bytes()),
            None => {}
        }
        Ok(())
    }

    /// Cuts messages under way into fragments, as far as it is their turn.
    fn cut(&mut self) {
        while self.queue.bytes().saturating_add(self.taken) < AHEAD
            || self.passed >= limits::FRAGMENT
        {
            self.passed = 0;
            let Some(lane) = self.order.turn() else {
                return;
            };
            self.fragment(lane);
        }
    }

    /// Queues the next fragment of a message, and what waited for it if it is the last.
    fn fragment(&mut self, mut lane: Lane) {
        let part = lane.rest.split_to(limits::FRAGMENT.min(lane.rest.len()));
        self.header.clear();
        self.control.clear();
        self.header
            .extend_from_slice(&[tag::VERSION, NEXT_FRAGMENT]);
        self.header.extend_from_slice(&lane.sequence.to_be_bytes());
        self.header.extend_from_slice(&lane.left.to_be_bytes());
        // It is not too long, so this does not fail.
        let _ = self.packet(Some(Payload::new(part, None)));
        self.statistics.packets = self.statistics.packets.saturating_add(1);
        self.statistics.fragments = self.statistics.fragments.saturating_add(1);
        lane.left = lane.left.saturating_sub(1);
        let mut waiting = self.order.done(lane);
        while let Some(held) = waiting.pop_front() {
            self.order.released(&held);
            let before = self.sequences;
            // It was checked when it was sent.
            let _ = self.seal(&held.control, held.payload, held.ticket);
            if self.sequences != before {
                self.order.wait_on(mem::take(&mut waiting));
            }
        }
        while let Some(held) = self.order.unattributed() {
            let _ = self.seal(&held.control, held.payload, held.ticket);
        }
    }
}
