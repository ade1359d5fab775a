//! Where printed text goes.

use std::ffi::c_char;
use std::io::{self, Write};

use crate::ffi::Fault;

/// C's buffered output.
pub(crate) struct Stream(*mut libc::FILE);

impl Stream {
    /// Writes to a stream.
    ///
    /// # Safety
    /// It is open.
    pub(crate) unsafe fn new(stream: *mut libc::FILE) -> Self {
        Self(stream)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: by the contract of `new`, the stream is open.
        match unsafe { libc::fwrite(bytes.as_ptr().cast(), 1, bytes.len(), self.0) } {
            0 => Err(io::Error::last_os_error()),
            written => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A C string that grows.
pub(crate) struct Text {
    bytes: *mut c_char,
    size: usize,
    used: usize,
}

impl Text {
    /// Starts with the empty string.
    ///
    /// # Safety
    /// `bytes` is from `malloc`, with room for `size` bytes, at least one.
    pub(crate) unsafe fn new(bytes: *mut c_char, size: usize) -> Self {
        // SAFETY: as the caller promised.
        unsafe { bytes.write(0) };
        Self {
            bytes,
            size,
            used: 0,
        }
    }

    /// The string, which may have moved.
    pub(crate) fn into_inner(self) -> *mut c_char {
        self.bytes
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.used + bytes.len();
        if end >= self.size {
            let size = 2 * (end + 1);
            // SAFETY: the bytes are from `malloc`.
            let grown = unsafe { libc::realloc(self.bytes.cast(), size) };
            if grown.is_null() {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            self.bytes = grown.cast();
            self.size = size;
        }
        // SAFETY: there is room for the bytes and a NUL.
        unsafe {
            let to = self.bytes.add(self.used);
            to.copy_from_nonoverlapping(bytes.as_ptr().cast(), bytes.len());
            to.add(bytes.len()).write(0);
        }
        self.used = end;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what passes.
pub(crate) struct Counted<'w> {
    to: &'w mut dyn Write,
    count: usize,
}

impl<'w> Counted<'w> {
    /// Passes everything to `to`.
    pub(crate) fn new(to: &'w mut dyn Write) -> Self {
        Self { to, count: 0 }
    }

    /// How many bytes have passed.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.count += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Self::Refused
    }
}
