use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// Bytes that have been taken off the queue of an [`Outbound`](crate::Outbound), to be written while others go on
/// to queue.
#[derive(Debug, Default)]
pub struct Batch(Queue);

impl Batch {
    /// How many bytes are to be written yet.
    pub fn len(&self) -> usize {
        self.0.bytes()
    }

    /// Whether all is written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `slices` with the beginning of what is to be written, and returns how many it filled.
    pub fn outgoing<'s>(&'s self, slices: &mut [IoSlice<'s>]) -> usize {
        self.0.outgoing(slices)
    }

    /// The first `n` bytes have been written. [`Outbound::sent`](crate::Outbound::sent) is to be told too.
    pub fn sent(&mut self, n: usize) {
        self.0.sent(n);
    }
}

/// Bytes to be written, in order. Small pieces are gathered in blocks; large ones stay where they are.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    parts: VecDeque<Bytes>,
    /// What follows the parts, and room for more.
    last: BytesMut,
    bytes: usize,
}

/// The size of the blocks. A block is used again when all of it is written.
const BLOCK: usize = 16 * 1024;

impl Queue {
    /// How many bytes there are.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes room for as many small pieces in one block.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        if self.last.capacity().saturating_sub(self.last.len()) < bytes {
            // Growing would move what is there.
            self.close();
            self.last.reserve(bytes.max(BLOCK));
        }
    }

    /// Adds a copy of a small piece.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.last.extend_from_slice(bytes);
    }

    /// Adds a large piece.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.close();
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.parts.push_back(bytes);
    }

    /// Fills `slices` with the beginning, and returns how many it filled.
    pub(crate) fn outgoing<'s>(&'s self, slices: &mut [IoSlice<'s>]) -> usize {
        let last = Some(&self.last[..]).filter(|last| !last.is_empty());
        let pieces = self.parts.iter().map(|part| &part[..]).chain(last);
        let filled = slices.iter_mut().zip(pieces);
        filled
            .map(|(slice, piece)| *slice = IoSlice::new(piece))
            .count()
    }

    /// Takes the first `n` bytes off, if there are so many; returns how many it took.
    pub(crate) fn sent(&mut self, n: usize) -> usize {
        let sent = n.min(self.bytes);
        self.bytes = self.bytes.saturating_sub(sent);
        let mut left = sent;
        while let Some(first) = self.parts.front_mut() {
            if left < first.len() {
                first.advance(left);
                return sent;
            }
            left = left.saturating_sub(first.len());
            self.parts.pop_front();
        }
        self.last.advance(left.min(self.last.len()));
        sent
    }

    /// Moves everything to the end of a batch.
    pub(crate) fn take(&mut self, batch: &mut Batch) {
        self.close();
        batch.0.bytes = batch.0.bytes.saturating_add(self.bytes);
        batch.0.parts.append(&mut self.parts);
        self.bytes = 0;
    }

    fn close(&mut self) {
        if !self.last.is_empty() {
            self.parts.push_back(self.last.split().freeze());
        }
    }
}
