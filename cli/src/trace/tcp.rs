//! One direction of a TCP connection, put together from its segments (RFC 9293, section 3.4).

use std::collections::BTreeMap;

/// How many bytes may wait for a segment that is missing: 16 MiB, more than the largest window that Linux
/// gives by default. Then it was not captured, or was never sent again.
const HELD: usize = 16 * 1024 * 1024;

/// What is there of a direction.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    /// Bytes that are not in the capture.
    Lost(u64),
}

/// One direction. Its bytes are numbered from the first that was seen.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// The sequence number of byte 0.
    first: Option<u32>,
    /// The number of the next byte that is due.
    next: u64,
    /// Segments for which others are missing.
    held: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
    /// The number of the byte after the last.
    end: Option<u64>,
}

impl Direction {
    /// Takes note of where the bytes begin: after a SYN.
    pub(super) fn begin(&mut self, sequence: u32) {
        if self.next == 0 {
            self.first = Some(sequence.wrapping_add(1));
        }
    }

    /// Takes a segment, and gives what is in its turn.
    pub(super) fn take(&mut self, sequence: u32, bytes: &[u8]) -> Vec<Piece> {
        let Some(start) = self.number(sequence) else {
            return Vec::new();
        };
        // What came before, or the beginning of a segment, may come again.
        let known = self.next.saturating_sub(start);
        let known = usize::try_from(known)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let (start, bytes) = (start + known as u64, &bytes[known..]);
        if bytes.is_empty() {
            return Vec::new();
        }
        let longer = self
            .held
            .get(&start)
            .is_none_or(|held| held.len() < bytes.len());
        if longer {
            let before = self.held.insert(start, bytes.to_vec());
            self.bytes = self.bytes + bytes.len() - before.map_or(0, |before| before.len());
        }
        let mut pieces = self.due();
        while self.bytes > HELD {
            pieces.extend(self.give_up());
        }
        pieces
    }

    /// Takes note of the end, after a segment of so many bytes.
    pub(super) fn end(&mut self, sequence: u32, length: usize) {
        self.end = self.number(sequence).map(|start| start + length as u64);
    }

    /// Whether all has come.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| end <= self.next)
    }

    /// What is left where nothing more comes.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while !self.held.is_empty() {
            pieces.extend(self.give_up());
        }
        pieces
    }

    /// The number of a byte, of the two or so with this sequence number the one that is nearest to the next.
    fn number(&mut self, sequence: u32) -> Option<u64> {
        let first = *self.first.get_or_insert(sequence);
        // The numbers that come next, as they are on the wire: the lower 32 bits.
        let next = first.wrapping_add(self.next as u32);
        let ahead = i64::from(sequence.wrapping_sub(next).cast_signed());
        let number = self.next.cast_signed() + ahead;
        // Before the first that was seen: keep-alives, and what was sent before the capture.
        u64::try_from(number).ok()
    }

    /// Passes over what is missing before the next segment.
    fn give_up(&mut self) -> Vec<Piece> {
        let Some((&start, _)) = self.held.first_key_value() else {
            return Vec::new();
        };
        let lost = start.saturating_sub(self.next);
        self.next = self.next.max(start);
        let mut pieces = vec![Piece::Lost(lost)];
        pieces.extend(self.due());
        pieces
    }

    /// The segments whose turn it is.
    fn due(&mut self) -> Vec<Piece> {
        let mut bytes = Vec::new();
        while let Some(entry) = self.held.first_entry()
            && *entry.key() <= self.next
        {
            let (start, segment) = entry.remove_entry();
            self.bytes -= segment.len();
            let known = usize::try_from(self.next - start).unwrap_or(usize::MAX);
            let new = segment.get(known..).unwrap_or_default();
            bytes.extend_from_slice(new);
            self.next += new.len() as u64;
        }
        if bytes.is_empty() {
            Vec::new()
        } else {
            vec![Piece::Bytes(bytes)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<Piece> {
        vec![Piece::Bytes(text.into())]
    }

    #[test]
    fn puts_segments_in_order_across_the_end_of_the_numbers() {
        let mut direction = Direction::default();
        let first = u32::MAX - 3;
        direction.begin(first.wrapping_sub(1));
        assert_eq!(direction.take(first.wrapping_add(3), b"def"), []);
        assert_eq!(direction.take(first.wrapping_add(6), b"gh"), []);
        assert_eq!(direction.take(first, b"abcd"), bytes("abcdefgh"));
        // Sent again, in other pieces.
        assert_eq!(
            direction.take(first.wrapping_add(2), b"cdefghij"),
            bytes("ij")
        );
        assert_eq!(direction.take(first, b"abcd"), []);
        direction.end(first.wrapping_add(10), 0);
        assert!(direction.is_over());
    }

    #[test]
    fn says_what_is_missing() {
        let mut direction = Direction::default();
        assert_eq!(direction.take(100, b"ab"), bytes("ab"));
        assert_eq!(direction.take(105, b"fg"), []);
        assert_eq!(
            direction.finish(),
            [Piece::Lost(3), Piece::Bytes(b"fg".to_vec())]
        );
        // Before the beginning of the capture.
        assert_eq!(direction.take(90, b"x"), []);
    }

    #[test]
    fn holds_no_more_than_its_limit() {
        let mut direction = Direction::default();
        direction.begin(0);
        let segment = vec![0; 1 << 20];
        let mut given = 0;
        for at in 0..40 {
            let pieces = direction.take(10 + (at << 20), &segment);
            given += pieces
                .iter()
                .filter(|piece| **piece == Piece::Lost(9))
                .count();
            assert!(direction.bytes <= HELD);
        }
        assert_eq!(given, 1);
    }
}
