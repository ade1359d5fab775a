//! Receiving with fewer reads, for programs that want it: bytes that were read before they were asked for.

use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::callbacks::{Port, Timeout};
use crate::errno::Errno;
use crate::ffi::{OK, guard};
use crate::note;
use crate::table::{self, Receiving};

/// Reads up to `bytes` bytes at once from a connection, or, if `fd` is -1, from those that are made from
/// now on; 0 is to read no byte before it is asked for. What was read already is not lost.
#[unsafe(no_mangle)]
pub extern "C" fn einode_read_ahead(fd: c_int, bytes: c_int) -> c_int {
    guard(crate::ffi::ERROR, || {
        let Ok(size) = usize::try_from(bytes) else {
            let text = format_args!("cannot read {bytes} bytes ahead");
            return note::because(Errno(libc::EINVAL), text).fail();
        };
        if fd == ALL {
            DEFAULT.store(bytes, Ordering::Relaxed);
            return OK;
        }
        match table::set_ahead(fd, size) {
            Ok(()) => OK,
            Err(errno) => errno.fail(),
        }
    })
}

/// How many bytes of a connection have come and are not yet received: 0 if a program that wants more has
/// to wait for the descriptor. At the end of a connection, and where there is an error, it is 1.
#[unsafe(no_mangle)]
pub extern "C" fn einode_pending(fd: c_int) -> c_int {
    guard(0, || {
        let Ok(mut receiving) = table::receiving(fd) else {
            return 0;
        };
        let Receiving { port, ahead, .. } = &mut receiving;
        let Some(ahead) = ahead else {
            return 0;
        };
        let there = match ahead.fill(port, Timeout::Millis(0)) {
            Ok(0) if ahead.size == 0 => 0,
            Ok(0) => 1,
            Ok(there) => there,
            Err(Errno::TIMED_OUT) => 0,
            Err(_) => 1,
        };
        // Whoever receives is told.
        note::arrives(Errno(0));
        c_int::try_from(there).unwrap_or(c_int::MAX)
    })
}

/// The descriptor that stands for all connections that are made from now on.
pub(crate) const ALL: c_int = -1;

/// How many bytes are read ahead of new connections.
static DEFAULT: AtomicI32 = AtomicI32::new(0);

/// What a stream around a socket has read that was not asked for, nobody sees at the descriptor: so much
/// is asked for at least. It is the size of a record of TLS.
const LAYERED: usize = 16 * 1024;

/// What was read ahead of one connection.
pub(crate) struct Ahead {
    bytes: Vec<u8>,
    begin: usize,
    end: usize,
    /// How much is read at once from now on.
    size: usize,
}

impl Ahead {
    /// For a new connection, if it reads ahead.
    pub(crate) fn of(port: &Port) -> Option<Self> {
        let asked = usize::try_from(DEFAULT.load(Ordering::Relaxed)).unwrap_or(0);
        let size = Self::least(port).max(asked);
        (size > 0).then(|| Self::new(size))
    }

    /// With at least so many bytes as the connection needs.
    pub(crate) fn resized(self, port: &Port, size: usize) -> Self {
        let size = size.max(Self::least(port));
        Self { size, ..self }
    }

    pub(crate) const fn new(size: usize) -> Self {
        Self {
            bytes: Vec::new(),
            begin: 0,
            end: 0,
            size,
        }
    }

    fn least(port: &Port) -> usize {
        if port.is_layered() { LAYERED } else { 0 }
    }

    /// Reads at least a byte, if none is there; says how many there are. 0 is the end.
    fn fill(&mut self, port: &mut Port, timeout: Timeout) -> Result<usize, Errno> {
        if self.begin == self.end && self.size > 0 {
            self.bytes.resize(self.size, 0);
            (self.begin, self.end) = (0, 0);
            self.end = port.read(&mut self.bytes, timeout)?;
        }
        Ok(self.end - self.begin)
    }

    /// Reads as [`Port::read_exact`] does.
    pub(crate) fn read_exact(
        &mut self,
        port: &mut Port,
        mut buf: &mut [u8],
        timeout: Timeout,
    ) -> Result<(), Errno> {
        while !buf.is_empty() {
            // What is larger than the buffer need not go through it.
            if self.begin == self.end && buf.len() >= self.size {
                return port.read_exact(buf, timeout);
            }
            let there = self.fill(port, timeout)?.min(buf.len());
            let from = self.bytes.get(self.begin..self.begin + there);
            let (Some(from), Some((to, rest))) = (from, buf.split_at_mut_checked(there)) else {
                return Err(Errno::IO);
            };
            if there == 0 {
                return Err(note::because(Errno::IO, CLOSED));
            }
            to.copy_from_slice(from);
            self.begin += there;
            buf = rest;
        }
        Ok(())
    }
}

/// What there is to say of a peer that ends a connection within a packet, or before one.
pub(crate) const CLOSED: &str = "the peer closed the connection";

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn read(fd: c_int, length: usize) -> Result<Vec<u8>, Errno> {
        let mut buf = vec![0; length];
        let mut receiving = table::receiving(fd)?;
        receiving.read_exact(&mut buf, Timeout::Millis(20_000))?;
        Ok(buf)
    }

    #[test]
    fn what_has_come_is_pending_until_it_is_read() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let fd = near.as_raw_fd();
        assert_eq!(einode_read_ahead(fd, 8), -1);
        table::insert(Port::foreign(fd), None);
        far.write_all(b"0123").unwrap();
        assert_eq!(
            einode_pending(fd),
            0,
            "no byte is read before it is asked for"
        );
        assert_eq!(einode_read_ahead(fd, 8), 0);
        assert_eq!(einode_pending(fd), 4);
        far.write_all(b"456789abcdef").unwrap();
        assert_eq!(read(fd, 3).unwrap(), b"012");
        assert_eq!(einode_pending(fd), 1);
        // This goes through the buffer, this past it, and this is what was left in it.
        assert_eq!(read(fd, 2).unwrap(), b"34");
        assert_eq!(einode_read_ahead(fd, 0), 0);
        assert_eq!(einode_pending(fd), 7);
        assert_eq!(read(fd, 11).unwrap(), b"56789abcdef");
        assert_eq!(einode_pending(fd), 0);
        assert_eq!(einode_read_ahead(fd, 8), 0);
        assert_eq!(einode_pending(fd), 0);
        drop(far);
        assert_eq!(einode_pending(fd), 1, "the end is something to receive");
        assert_eq!(read(fd, 1), Err(Errno::IO));
        table::remove(fd);
    }
}
