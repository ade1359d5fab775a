//! A C buffer as what a reader reads from and a writer writes to.
//!
//! C gives a pointer and an index, but no length: how far the buffer reaches, the caller has promised
//! by calling. What can be checked is that the index stays an `int`.

use std::ffi::{c_char, c_int};
use std::marker::PhantomData;
use std::ptr;
use std::slice;

use einode_etf::{DecodeError, Reader, Sink, Source};

/// The bytes of a caller's buffer from an index on, to an end that is not known.
#[derive(Clone, Copy)]
pub(crate) struct RawSource<'a> {
    ahead: *const u8,
    /// How many bytes there are, or until the index would pass `INT_MAX`.
    left: usize,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> RawSource<'a> {
    /// Reads `buf` from `index` on.
    ///
    /// # Safety
    /// Whatever the bytes of `buf` announce, it holds, and keeps unchanged while this is in use.
    pub(crate) unsafe fn new(buf: *const c_char, index: c_int) -> Self {
        Self {
            // SAFETY: the caller's buffer holds its index.
            ahead: unsafe { buf.offset(index as isize) }.cast(),
            left: (i64::from(c_int::MAX) - i64::from(index)) as usize,
            bytes: PhantomData,
        }
    }

    /// Reads `bytes`, and not further.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self {
            ahead: bytes.as_ptr(),
            left: bytes.len(),
            bytes: PhantomData,
        }
    }

    /// The index of the next byte, if this reads a buffer from an index on.
    pub(crate) fn index(&self) -> c_int {
        (i64::from(c_int::MAX) - self.left as i64) as c_int
    }

    /// Reads by way of a [`Reader`].
    pub(crate) fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a, Self>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut reader = Reader::from_source(*self);
        let value = read(&mut reader)?;
        *self = *reader.source();
        Ok(value)
    }

    /// The next byte.
    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next two bytes, the most significant first.
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// The next four bytes, the most significant first.
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// The next four bytes as a count that an `int` can hold.
    pub(crate) fn count(&mut self) -> Result<c_int, DecodeError> {
        c_int::try_from(self.u32()?).map_err(|_| DecodeError::Truncated)
    }
}

impl<'a> Source<'a> for RawSource<'a> {
    #[inline]
    fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        self.left = self.left.checked_sub(n).ok_or(DecodeError::Truncated)?;
        // SAFETY: by the contract of `new`, or as `of` has counted them, the bytes are there.
        let taken = unsafe { slice::from_raw_parts(self.ahead, n) };
        self.ahead = taken.as_ptr_range().end;
        Ok(taken)
    }

    #[inline]
    fn peek(&self) -> Result<u8, DecodeError> {
        if self.left == 0 {
            return Err(DecodeError::Truncated);
        }
        // SAFETY: by the contract of `new`, a term is there, and has a first byte.
        Ok(unsafe { *self.ahead })
    }

    fn remaining(&self) -> usize {
        self.left
    }
}

/// A caller's buffer from an index on; without a buffer, only the index moves.
pub(crate) struct RawSink {
    buf: *mut u8,
    index: i64,
}

impl RawSink {
    /// Writes to `buf` from `index` on, or counts if `buf` is null.
    ///
    /// # Safety
    /// Unless it is null, `buf` has room for all that will be put.
    pub(crate) unsafe fn new(buf: *mut c_char, index: c_int) -> Self {
        Self {
            buf: buf.cast(),
            index: index.into(),
        }
    }

    /// The index after what was put; `None` if that is more than an `int` can hold.
    pub(crate) fn index(&self) -> Option<c_int> {
        self.index.try_into().ok()
    }
}

impl Sink for RawSink {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.index + bytes.len() as i64;
        if !self.buf.is_null() && end <= i64::from(c_int::MAX) {
            // SAFETY: by the contract of `new`, there is room; nobody keeps a term and its text in
            // one place.
            unsafe {
                let to = self.buf.offset(self.index as isize);
                ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
            }
        }
        self.index = end;
    }
}
