use std::cmp::Ordering;

/// Up to [`Short::MAX`] bytes, held in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short {
    length: u8,
    /// Those past the length are zero.
    bytes: [u8; Self::MAX],
}

impl Short {
    /// With the length and a tag, this fills three words.
    pub(crate) const MAX: usize = 22;

    /// These bytes; `None` when they are too many.
    pub(crate) const fn new(bytes: &[u8]) -> Option<Self> {
        match Packed::new(bytes) {
            Some(packed) => Some(packed.unpack()),
            None => None,
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    #[inline]
    fn head(&self) -> u64 {
        self.bytes
            .first_chunk()
            .map_or(0, |head| u64::from_be_bytes(*head))
    }
}

impl Ord for Short {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // Most differ early. Zeros past the length sort a prefix before what it begins, unless that
        // goes on with zeros itself.
        let heads = self.head().cmp(&other.head());
        heads.then_with(|| (self.bytes, self.length).cmp(&(other.bytes, other.length)))
    }
}

impl PartialOrd for Short {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A [`Short`] in registers.
///
/// Bytes that are copied one by one, or into an array that is copied on, have to reach memory before
/// the next copy can read them as a whole. These are gathered by a few wide loads and put where they
/// stay by [`Packed::unpack`], which takes a third of the time.
#[derive(Clone, Copy)]
pub(crate) struct Packed {
    length: u8,
    /// The first 16 bytes, least significant first.
    low: u128,
    /// The others.
    high: u64,
}

impl Packed {
    /// These bytes; `None` when they are too many.
    ///
    /// The second of two loads overlaps the first where the bytes do not fill both.
    #[inline]
    pub(crate) const fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > Short::MAX {
            return None;
        }
        let length = bytes.len() as u8;
        let mut high = 0;
        let low = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            if length > 16 {
                high = u64::from_le_bytes(*last) >> (8 * (24 - length));
            }
            u128::from_le_bytes(*first)
        } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            let last = (u64::from_le_bytes(*last) as u128) << 64;
            u64::from_le_bytes(*first) as u128 | last >> (8 * (16 - length))
        } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            let last = (u32::from_le_bytes(*last) as u64) << 32;
            (u32::from_le_bytes(*first) as u64 | last >> (8 * (8 - length))) as u128
        } else {
            match *bytes {
                [a, b, c] => u32::from_le_bytes([a, b, c, 0]) as u128,
                [a, b] => u16::from_le_bytes([a, b]) as u128,
                [a] => a as u128,
                _ => 0,
            }
        };
        Some(Self { length, low, high })
    }

    /// Whether all bytes are ASCII.
    #[inline]
    pub(crate) const fn is_ascii(self) -> bool {
        const NOT_ASCII: u128 = u128::from_ne_bytes([0x80; 16]);
        (self.low | self.high as u128) & NOT_ASCII == 0
    }

    /// Puts the bytes in place.
    #[inline]
    pub(crate) const fn unpack(self) -> Short {
        let mut bytes = [0; Short::MAX];
        let (low, high) = bytes.split_at_mut(16);
        low.copy_from_slice(&self.low.to_le_bytes());
        high.copy_from_slice(self.high.to_le_bytes().split_at(Short::MAX - 16).0);
        Short {
            length: self.length,
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_keeps_its_bytes() {
        let all: Vec<u8> = (101..).take(Short::MAX + 1).collect();
        for length in 0..=Short::MAX {
            let short = Short::new(&all[..length]).unwrap();
            assert_eq!(short.as_bytes(), &all[..length]);
            assert!(short.bytes[length..].iter().all(|&byte| byte == 0));
        }
        assert!(Short::new(&all).is_none());
    }

    #[test]
    fn a_byte_above_ascii_is_found_at_every_place() {
        for length in 1..=Short::MAX {
            assert!(Packed::new(&vec![0x7f; length]).unwrap().is_ascii());
            for place in 0..length {
                let mut bytes = vec![0; length];
                bytes[place] = 0x80;
                assert!(
                    !Packed::new(&bytes).unwrap().is_ascii(),
                    "{place} of {length}"
                );
            }
        }
    }

    #[test]
    fn the_order_is_that_of_slices() {
        let samples: Vec<Vec<u8>> = [&b""[..], b"\0", b"\0\0", b"a", b"a\0", b"ab", b"b"]
            .into_iter()
            .flat_map(|tail| [0, 7, 8, 15, 16, 19].map(|n| [&vec![b'x'; n], tail].concat()))
            .collect();
        for a in &samples {
            for b in &samples {
                let (x, y) = (Short::new(a).unwrap(), Short::new(b).unwrap());
                assert_eq!(x.cmp(&y), a.cmp(b), "{a:?} {b:?}");
            }
        }
    }
}
