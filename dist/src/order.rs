//! Large messages take turns, and let small ones of others pass; but what one process says stays in
//! order.
//!
//! As in ERTS, a process has at most one message under way in fragments, and what it says afterwards
//! waits. A signal that does not say which process it comes from waits for all that was there before.

use std::collections::VecDeque;

use bytes::Bytes;
use einode_etf::Pid;

use crate::control::Control;
use crate::payload::Payload;

/// What cannot be written yet.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Messages under way, in the order of their turns, and what waits behind each.
    lanes: VecDeque<Lane>,
    /// Signals of unknown senders.
    unattributed: VecDeque<Held>,
    tickets: u64,
    bytes: usize,
}

/// A message whose first fragment is written, and the rest of what its sender says.
#[derive(Debug)]
pub(crate) struct Lane {
    sender: Option<Pid>,
    ticket: Ticket,
    pub(crate) sequence: u64,
    /// What has not been written.
    pub(crate) rest: Bytes,
    /// How many fragments that is.
    pub(crate) left: u64,
    waiting: VecDeque<Held>,
}

/// A signal that waits.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) ticket: Ticket,
    pub(crate) control: Control,
    pub(crate) payload: Option<Payload>,
}

/// Says which of two signals was sent before the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

impl Held {
    /// About how many bytes it will be.
    fn weight(&self) -> usize {
        const HEAD: usize = 100;
        HEAD.saturating_add(self.payload.as_ref().map_or(0, Payload::len))
    }
}

impl Order {
    /// How many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn ticket(&mut self) -> Ticket {
        self.tickets = self.tickets.saturating_add(1);
        Ticket(self.tickets)
    }

    /// Whether this has to wait for something that is under way.
    pub(crate) fn holds(&self, control: &Control) -> bool {
        match control.sender() {
            _ if self.lanes.is_empty() => false,
            None => true,
            sender => self.lanes.iter().any(|lane| lane.sender.as_ref() == sender),
        }
    }

    /// Keeps a signal that has to wait.
    pub(crate) fn hold(&mut self, control: Control, payload: Option<Payload>) {
        let ticket = self.ticket();
        let held = Held {
            ticket,
            control,
            payload,
        };
        self.bytes = self.bytes.saturating_add(held.weight());
        let sender = held.control.sender();
        let mut lanes = self.lanes.iter_mut();
        match lanes.find(|lane| sender.is_some() && lane.sender.as_ref() == sender) {
            Some(lane) => lane.waiting.push_back(held),
            None => self.unattributed.push_back(held),
        }
    }

    /// Notes that a message is under way.
    pub(crate) fn begin(
        &mut self,
        of: &Control,
        ticket: Ticket,
        sequence: u64,
        rest: Bytes,
        left: u64,
    ) {
        self.bytes = self.bytes.saturating_add(rest.len());
        self.lanes.push_back(Lane {
            sender: of.sender().cloned(),
            ticket,
            sequence,
            rest,
            left,
            waiting: VecDeque::new(),
        });
    }

    /// The message whose turn it is.
    pub(crate) fn turn(&mut self) -> Option<Lane> {
        let lane = self.lanes.pop_front()?;
        self.bytes = self.bytes.saturating_sub(lane.rest.len());
        Some(lane)
    }

    /// A fragment of it was written. Returns what need not wait any longer: it was the last.
    pub(crate) fn done(&mut self, lane: Lane) -> VecDeque<Held> {
        if lane.left > 0 {
            self.bytes = self.bytes.saturating_add(lane.rest.len());
            self.lanes.push_back(lane);
            return VecDeque::new();
        }
        lane.waiting
    }

    /// The next signal whose sender is unknown, if all that was sent before it is written.
    pub(crate) fn unattributed(&mut self) -> Option<Held> {
        let next = self.unattributed.front()?.ticket;
        if self.lanes.iter().any(|lane| lane.ticket < next) {
            return None;
        }
        let held = self.unattributed.pop_front()?;
        self.released(&held);
        Some(held)
    }

    /// A signal that waited is written now.
    pub(crate) fn released(&mut self, held: &Held) {
        self.bytes = self.bytes.saturating_sub(held.weight());
    }

    /// The others that waited with it wait on, for a message that has begun meanwhile.
    pub(crate) fn wait_on(&mut self, waiting: VecDeque<Held>) {
        match self.lanes.back_mut() {
            Some(lane) => lane.waiting = waiting,
            None => debug_assert!(waiting.is_empty(), "there is nothing to wait for"),
        }
    }
}
