use std::cmp::Ordering;

use crate::{DecodeError, EncodeError, Kind, Reader, Sink, Source, Writer, tag};

/// A bit string, borrowed: bytes of which the last may count only in part.
///
/// A binary is a bit string of whole bytes.
#[derive(Clone, Copy)]
pub struct BitStr<'a> {
    bytes: &'a [u8],
    /// How many bits of the last byte count, from the most significant: 1 to 8; 8 when empty.
    last_bits: u8,
}

impl<'a> BitStr<'a> {
    /// A bit string of whole bytes.
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            last_bits: 8,
        }
    }

    /// A bit string in whose last byte the `last_bits` most significant bits count.
    ///
    /// # Errors
    /// [`DecodeError::BadBits`] unless `last_bits` is from 1 to 8, and 8 where there are no bytes.
    pub const fn new(bytes: &'a [u8], last_bits: u8) -> Result<Self, DecodeError> {
        match last_bits {
            8 => Ok(Self { bytes, last_bits }),
            1..=7 if !bytes.is_empty() => Ok(Self { bytes, last_bits }),
            bits => Err(DecodeError::BadBits(bits)),
        }
    }

    /// The bytes; those bits of the last that do not count have any value.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many bits of the last byte count, from 1 to 8.
    pub const fn last_bits(&self) -> u8 {
        self.last_bits
    }

    /// The number of bits.
    pub const fn bit_len(&self) -> u64 {
        self.bytes.len() as u64 * 8 - (8 - self.last_bits as u64)
    }

    /// The bytes, if it is a binary.
    pub const fn as_binary(&self) -> Option<&'a [u8]> {
        if self.last_bits == 8 {
            Some(self.bytes)
        } else {
            None
        }
    }

    /// Bytes in order, the last one with a zero for every bit that does not count.
    fn masked(&self) -> impl Iterator<Item = u8> + use<'a> {
        let mask = 0xff_u8 << (8 - self.last_bits);
        let (last, whole) = match self.bytes {
            [whole @ .., last] => (Some(last & mask), whole),
            [] => (None, self.bytes),
        };
        whole.iter().copied().chain(last)
    }

    /// Owned.
    pub fn to_bits(&self) -> Bits {
        Bits {
            bytes: self.masked().collect(),
            last_bits: self.last_bits,
        }
    }
}

impl PartialEq for BitStr<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for BitStr<'_> {}

impl Ord for BitStr<'_> {
    /// Erlang's order: bit by bit from the first, a prefix before what it begins.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.as_binary(), other.as_binary()) {
            (Some(a), Some(b)) => a.cmp(b),
            // Bits that do not count are zero on both sides, so a tie of the bytes leaves the
            // lengths to decide.
            _ => self
                .masked()
                .cmp(other.masked())
                .then_with(|| self.bit_len().cmp(&other.bit_len())),
        }
    }
}

impl PartialOrd for BitStr<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A bit string, owned. Bits of the last byte that do not count are zero.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Bits {
    bytes: Box<[u8]>,
    last_bits: u8,
}

impl Bits {
    /// Borrowed.
    pub fn as_bit_str(&self) -> BitStr<'_> {
        BitStr {
            bytes: &self.bytes,
            last_bits: self.last_bits,
        }
    }
}

/// A binary, for [`Encode`](crate::Encode) and [`Decode`](crate::Decode): `Vec<u8>` stands for a list.
///
/// ```
/// use einode_etf::{Binary, Term};
///
/// let term = Term::from(Binary(b"abc".to_vec()));
/// assert_eq!(term.to_string(), r#"<<"abc">>"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Binary(pub Vec<u8>);

impl<K: Sink> Writer<K> {
    /// A binary.
    #[inline]
    pub fn binary(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.tag_and_length(tag::BINARY_EXT, bytes.len())?;
        self.put_run(bytes);
        Ok(())
    }

    /// A bit string: a binary where its bits fill whole bytes.
    pub fn bits(&mut self, bits: BitStr<'_>) -> Result<(), EncodeError> {
        if let Some(bytes) = bits.as_binary() {
            return self.binary(bytes);
        }
        self.tag_and_length(tag::BIT_BINARY_EXT, bits.bytes.len())?;
        self.put(&[bits.last_bits]);
        let mask = 0xff_u8 << (8 - bits.last_bits);
        if let [whole @ .., last] = bits.bytes {
            self.put_run(whole);
            self.put(&[last & mask]);
        }
        Ok(())
    }
}

impl<'a, S: Source<'a>> Reader<'a, S> {
    /// A binary. Fails with [`DecodeError::OutOfRange`] on a bit string that is none.
    #[inline]
    pub fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        self.bits()?.as_binary().ok_or(DecodeError::OutOfRange)
    }

    /// A bit string.
    #[inline]
    pub fn bits(&mut self) -> Result<BitStr<'a>, DecodeError> {
        let found = self.tag_of(Kind::Bits)?;
        bits_body(found, self.source_mut())
    }
}

/// BINARY_EXT or BIT_BINARY_EXT. Eight bits in the last byte, as old nodes write whole binaries, are
/// fine; so is what OTP 25 takes and 29 does not, an empty bit string that says zero.
#[inline]
pub(crate) fn bits_body<'a, S: Source<'a>>(
    found: u8,
    source: &mut S,
) -> Result<BitStr<'a>, DecodeError> {
    let length = u32::from_be_bytes(source.array()?) as usize;
    if found == tag::BINARY_EXT {
        return Ok(BitStr::from_bytes(source.take(length)?));
    }
    let [last_bits] = source.array()?;
    let bytes = source.take(length)?;
    BitStr::new(
        bytes,
        if bytes.is_empty() && last_bits == 0 {
            8
        } else {
            last_bits
        },
    )
}
