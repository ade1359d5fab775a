//! A C buffer as what a reader reads from and a writer writes to.
//!
//! C gives a pointer and an index, but no length: how far the buffer reaches, the caller has promised
//! by calling. So bytes are taken as they are announced, without looking for an end; what is checked
//! is that the index stays an `int`, once at the end, and before as many bytes are believed as only a
//! peer can have announced. What came from a peer and was not validated yet is no C buffer, but a
//! [`Slice`](einode_etf::Slice).

use std::ffi::{c_char, c_int};
use std::marker::PhantomData;
use std::slice;

use einode_etf::{DecodeError, Reader, Sink, Source};

use crate::short;

/// The bytes of a caller's buffer from an index on, to an end that is not known.
#[derive(Clone, Copy)]
pub(crate) struct RawSource<'a> {
    buf: *const u8,
    index: isize,
    bytes: PhantomData<&'a [u8]>,
}

impl RawSource<'_> {
    /// Reads `buf` from `index` on.
    ///
    /// # Safety
    /// Whatever the bytes of `buf` announce, it holds, and keeps unchanged while this is in use.
    #[inline]
    pub(crate) unsafe fn new(buf: *const c_char, index: c_int) -> Self {
        Self {
            buf: buf.cast(),
            index: index as isize,
            bytes: PhantomData,
        }
    }

    /// The index of the next byte; `None` if that is more than an `int` can hold.
    #[inline]
    pub(crate) fn index(&self) -> Option<c_int> {
        as_int(self.index)
    }
}

/// An index that was an `int` and has only grown. So there is one end to look at.
#[inline]
fn as_int(index: isize) -> Option<c_int> {
    (index <= c_int::MAX as isize).then_some(index as c_int)
}

impl<'a> Source<'a> for RawSource<'a> {
    #[inline]
    fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let end = isize::try_from(n)
            .ok()
            .and_then(|n| self.index.checked_add(n));
        match end {
            Some(end) if as_int(end).is_some() => {
                // SAFETY: by the contract of `new`, the bytes are there.
                let taken = unsafe { slice::from_raw_parts(self.buf.offset(self.index), n) };
                self.index = end;
                Ok(taken)
            }
            _ => Err(DecodeError::Truncated),
        }
    }

    #[inline]
    fn peek(&self) -> Result<u8, DecodeError> {
        // SAFETY: by the contract of `new`, a term is there, and has a first byte.
        Ok(unsafe { *self.buf.offset(self.index) })
    }

    /// As many as an `int` can count.
    #[inline]
    fn remaining(&self) -> usize {
        (c_int::MAX as isize - self.index).max(0) as usize
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        // SAFETY: by the contract of `new`, the bytes are there.
        let bytes = unsafe { self.buf.offset(self.index).cast::<[u8; N]>().read() };
        self.index += N as isize;
        Ok(bytes)
    }
}

/// Numbers of fixed sizes, the most significant byte first, and terms, of any source.
pub(crate) trait Read<'a>: Source<'a> {
    #[inline]
    fn u8(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    #[inline]
    fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    #[inline]
    fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Four bytes as a count that an `int` can hold.
    #[inline]
    fn count(&mut self) -> Result<c_int, DecodeError> {
        c_int::try_from(self.u32()?).map_err(|_| DecodeError::Truncated)
    }

    /// Reads by way of a [`Reader`].
    #[inline]
    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a, Self>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut reader = Reader::from_source(self.clone());
        let value = read(&mut reader)?;
        *self = reader.source().clone();
        Ok(value)
    }
}

impl<'a, S: Source<'a>> Read<'a> for S {}

/// A caller's buffer from an index on; without a buffer, only the index moves.
pub(crate) struct RawSink {
    buf: *mut u8,
    index: isize,
}

impl RawSink {
    /// Writes to `buf` from `index` on, or counts if `buf` is null.
    ///
    /// # Safety
    /// Unless it is null, `buf` has room for all that will be put.
    #[inline]
    pub(crate) unsafe fn new(buf: *mut c_char, index: c_int) -> Self {
        Self {
            buf: buf.cast(),
            index: index as isize,
        }
    }

    /// The index after what was put; `None` if that is more than an `int` can hold.
    #[inline]
    pub(crate) fn index(&self) -> Option<c_int> {
        as_int(self.index)
    }

    /// Where the next bytes go, if anywhere.
    #[inline]
    fn place(&self) -> Option<*mut u8> {
        // SAFETY: by the contract of `new`, there is room.
        (!self.buf.is_null()).then(|| unsafe { self.buf.offset(self.index) })
    }
}

impl Sink for RawSink {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if let Some(to) = self.place() {
            // SAFETY: by the contract of `new`, there is room, and nobody keeps a term and its text in
            // one place.
            unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        self.index += bytes.len() as isize;
    }

    #[inline]
    fn put_run(&mut self, bytes: &[u8]) {
        if let Some(to) = self.place() {
            // SAFETY: as above.
            unsafe { short::copy(bytes.as_ptr(), to, bytes.len()) };
        }
        self.index += bytes.len() as isize;
    }
}
