use std::fmt;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use einode_dist::Prefix;

use crate::core::lock;

/// What passed through the sockets of a recorded transport: bytes, packets and, if wanted, a hex log.
///
/// A packet is a packet of the protocol: a handshake message, a tick, or what a signal travels in.
#[derive(Default)]
pub struct Recorder {
    read: Count,
    written: Count,
    connections: AtomicU64,
    log: Option<Mutex<Box<dyn Write + Send>>>,
}

#[derive(Debug, Default)]
struct Count {
    bytes: AtomicU64,
    packets: AtomicU64,
}

/// A direction in which bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Written,
}

impl Recorder {
    /// Counts only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts, and writes all bytes to `log`, a line for at most 32 of them: the number of the
    /// connection, `<` for what was read or `>` for what was written, and the bytes in hex.
    ///
    /// Secrets do not pass a connection in the clear, but everything else does.
    pub fn with_log(log: impl Write + Send + 'static) -> Self {
        Self {
            log: Some(Mutex::new(Box::new(log))),
            ..Self::default()
        }
    }

    /// How many bytes were read.
    pub fn bytes_read(&self) -> u64 {
        self.read.bytes.load(Ordering::Relaxed)
    }

    /// How many bytes were written.
    pub fn bytes_written(&self) -> u64 {
        self.written.bytes.load(Ordering::Relaxed)
    }

    /// How many packets began to be read.
    pub fn packets_read(&self) -> u64 {
        self.read.packets.load(Ordering::Relaxed)
    }

    /// How many packets began to be written.
    pub fn packets_written(&self) -> u64 {
        self.written.packets.load(Ordering::Relaxed)
    }

    /// How many connections there were.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            read,
            written,
            connections,
            ..
        } = self;
        f.debug_struct("Recorder")
            .field("read", read)
            .field("written", written)
            .field("connections", connections)
            .finish_non_exhaustive()
    }
}

/// Follows the packets of one connection.
#[derive(Debug)]
pub(crate) struct Track {
    connection: u64,
    prefix: Prefix,
    read: Mutex<Packets>,
    written: Mutex<Packets>,
}

/// Where in a packet one direction is.
#[derive(Debug, Default)]
struct Packets {
    /// The bytes of the length that are known, and how many they are.
    length: u32,
    digits: usize,
    /// How many bytes of the packet are to come.
    left: u32,
}

impl Track {
    pub(crate) fn new(recorder: &Recorder, prefix: Prefix) -> Self {
        let connection = recorder.connections.fetch_add(1, Ordering::Relaxed);
        Self {
            connection,
            prefix,
            read: Mutex::default(),
            written: Mutex::default(),
        }
    }

    /// From now on, lengths have four bytes.
    pub(crate) fn handshake_complete(&mut self) {
        self.prefix = Prefix::Four;
    }

    pub(crate) fn pass(&self, recorder: &Recorder, direction: Direction, bytes: &[u8]) {
        let (packets, count, arrow) = match direction {
            Direction::Read => (&self.read, &recorder.read, '<'),
            Direction::Written => (&self.written, &recorder.written, '>'),
        };
        count.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let begun = lock(packets).pass(self.prefix, bytes);
        count.packets.fetch_add(begun, Ordering::Relaxed);
        if let Some(log) = &recorder.log {
            let mut log = lock(log);
            for line in bytes.chunks(32) {
                let hex: String = line.iter().map(|byte| format!(" {byte:02x}")).collect();
                // A log that fails must not end a connection.
                let _ = writeln!(log, "{} {arrow}{hex}", self.connection);
            }
        }
    }
}

impl Packets {
    /// How many packets begin in these bytes: their lengths are complete here.
    fn pass(&mut self, prefix: Prefix, mut bytes: &[u8]) -> u64 {
        let digits = match prefix {
            Prefix::Two => 2,
            Prefix::Four => 4,
        };
        let mut begun = 0;
        loop {
            let skipped = bytes.len().min(self.left as usize);
            self.left -= skipped as u32;
            let [byte, rest @ ..] = &bytes[skipped..] else {
                return begun;
            };
            self.length = self.length << 8 | u32::from(*byte);
            self.digits += 1;
            if self.digits >= digits {
                begun += 1;
                *self = Self {
                    left: self.length,
                    ..Self::default()
                };
            }
            bytes = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_counted_however_they_are_cut() {
        let stream = [
            &[0, 3, 1, 2, 3][..],
            &[0, 0],
            &[0, 1, 9],
            &[1, 0],
            &[7; 256],
        ]
        .concat();
        for cut in 1..=stream.len() {
            let mut packets = Packets::default();
            let begun: u64 = stream
                .chunks(cut)
                .map(|bytes| packets.pass(Prefix::Two, bytes))
                .sum();
            assert_eq!((begun, packets.left), (4, 0), "in pieces of {cut}");
        }
    }
}
