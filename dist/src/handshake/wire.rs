use crate::error::Error;
use crate::handshake::Prefix;
use crate::limits;

/// Handshake packets: those being received and those waiting to be sent.
#[derive(Debug)]
pub(super) struct Wire {
    prefix: Prefix,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    sent: usize,
}

impl Wire {
    pub(super) fn new(prefix: Prefix) -> Self {
        Self {
            prefix,
            inbox: Vec::new(),
            outbox: Vec::new(),
            sent: 0,
        }
    }

    /// The bytes that are missing from the length, or else from the packet.
    pub(super) fn want(&self) -> usize {
        let complete = match self.length() {
            None => self.prefix.size(),
            Some(length) => self.prefix.size().saturating_add(length),
        };
        complete.saturating_sub(self.inbox.len())
    }

    /// Takes the bytes wanted, or fewer, and returns the packet that they complete.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        if bytes.len() > self.want() {
            return Err(Error::Misuse("more bytes were received than wanted"));
        }
        self.inbox.extend_from_slice(bytes);
        match self.length() {
            None => Ok(None),
            // Records of TLS begin with their type, here an alert or a handshake, and a 3.
            Some(0x1503 | 0x1603) if self.prefix == Prefix::Two => {
                Err(Error::malformed("handshake packet", "it is TLS"))
            }
            Some(0) => Err(Error::malformed("handshake packet", "it is empty")),
            Some(length) if length > limits::HANDSHAKE_PACKET => Err(Error::TooLong {
                what: "handshake packet",
                length: length as u64,
                limit: limits::HANDSHAKE_PACKET as u64,
            }),
            Some(_) if self.want() > 0 => Ok(None),
            Some(length) => {
                let packet = self
                    .inbox
                    .split_off(self.inbox.len().saturating_sub(length));
                self.inbox.clear();
                Ok(Some(packet))
            }
        }
    }

    /// Queues a packet.
    pub(super) fn send(&mut self, packet: &[u8]) {
        // Our own packets are far below the 64 KiB that the short prefix can say.
        let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
        match self.prefix {
            Prefix::Two => self.outbox.extend_from_slice(&length.to_be_bytes()),
            Prefix::Four => self
                .outbox
                .extend_from_slice(&u32::from(length).to_be_bytes()),
        }
        self.outbox.extend_from_slice(packet);
    }

    pub(super) fn outgoing(&self) -> &[u8] {
        self.outbox.get(self.sent..).unwrap_or_default()
    }

    pub(super) fn sent(&mut self, n: usize) {
        self.sent = self.sent.saturating_add(n);
    }

    /// The length of the packet that is coming in, once its bytes are there.
    fn length(&self) -> Option<usize> {
        match self.prefix {
            Prefix::Two => self
                .inbox
                .first_chunk()
                .map(|b| u16::from_be_bytes(*b).into()),
            Prefix::Four => {
                let length = u32::from_be_bytes(*self.inbox.first_chunk()?);
                Some(usize::try_from(length).unwrap_or(usize::MAX))
            }
        }
    }
}

impl Prefix {
    const fn size(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_the_length_and_then_the_packet_and_nothing_else() {
        for (prefix, length) in [(Prefix::Two, &[0, 3][..]), (Prefix::Four, &[0, 0, 0, 3])] {
            let mut wire = Wire::new(prefix);
            assert_eq!(wire.want(), length.len());
            assert_eq!(wire.receive(length), Ok(None));
            assert_eq!(wire.want(), 3);
            assert_eq!(wire.receive(b"so"), Ok(None));
            assert_eq!(wire.want(), 1);
            assert_eq!(
                wire.receive(b"k!"),
                Err(Error::Misuse("more bytes were received than wanted"))
            );
            assert_eq!(wire.receive(b"k"), Ok(Some(b"sok".to_vec())));
            assert_eq!(wire.want(), length.len());
        }
    }

    #[test]
    fn prefixes_what_it_sends() {
        let mut wire = Wire::new(Prefix::Two);
        wire.send(b"sok");
        wire.send(b"strue");
        assert_eq!(wire.outgoing(), b"\0\x03sok\0\x05strue");
        wire.sent(5);
        assert_eq!(wire.outgoing(), b"\0\x05strue");
        wire.sent(100);
        assert_eq!(wire.outgoing(), b"");
        let mut wire = Wire::new(Prefix::Four);
        wire.send(b"sok");
        assert_eq!(wire.outgoing(), b"\0\0\0\x03sok");
    }
}
