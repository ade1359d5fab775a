use crate::DecodeError;

/// Where a [`Reader`](crate::Reader) takes bytes from.
///
/// Bytes are asked for as they become known to be needed, never ahead. That lets one reader serve a
/// checked slice and a C pointer that comes without a length.
///
/// A clone reads on from the same place, independently: that is how a reader looks ahead.
pub trait Source<'a>: Clone {
    /// The next `n` bytes, which are then behind. Fails with [`DecodeError::Truncated`] when there
    /// are fewer, and then takes none.
    fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError>;

    /// The next byte, which stays ahead.
    fn peek(&self) -> Result<u8, DecodeError>;

    /// How many bytes are ahead; `usize::MAX` where the source cannot know.
    ///
    /// A count of elements above this is refused before anything is allocated for it, since every
    /// element takes at least a byte.
    fn remaining(&self) -> usize;

    /// The next `N` bytes as an array.
    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Truncated)
    }
}

/// A slice, read from its beginning.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    ahead: &'a [u8],
    length: usize,
}

impl<'a> Slice<'a> {
    /// Reads `bytes` from the first on.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            ahead: bytes,
            length: bytes.len(),
        }
    }

    /// How many bytes are behind.
    pub const fn position(&self) -> usize {
        self.length - self.ahead.len()
    }

    /// The bytes that are ahead.
    pub const fn ahead(&self) -> &'a [u8] {
        self.ahead
    }
}

impl<'a> Source<'a> for Slice<'a> {
    #[inline]
    fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, ahead) = self
            .ahead
            .split_at_checked(n)
            .ok_or(DecodeError::Truncated)?;
        self.ahead = ahead;
        Ok(taken)
    }

    #[inline]
    fn peek(&self) -> Result<u8, DecodeError> {
        self.ahead.first().copied().ok_or(DecodeError::Truncated)
    }

    #[inline]
    fn remaining(&self) -> usize {
        self.ahead.len()
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, ahead) = self
            .ahead
            .split_first_chunk()
            .ok_or(DecodeError::Truncated)?;
        self.ahead = ahead;
        Ok(*taken)
    }
}
