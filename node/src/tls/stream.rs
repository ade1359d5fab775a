use std::io::{self, IoSlice, Read, Write};

use rustls::Connection;

use super::TlsFailure;

/// How many bytes are read from the socket below at once.
pub(crate) const READ: usize = 32 * 1024;

/// TLS over what lies below, in whichever style that reads and writes.
///
/// Whatever cannot go on says [`io::ErrorKind::TimedOut`] or [`io::ErrorKind::WouldBlock`]. So does this
/// then, and goes on where it stopped when it is called again.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) tls: Connection,
    /// What was read and not yet decrypted: `received[begin..end]`.
    received: Box<[u8]>,
    begin: usize,
    end: usize,
    /// Whether the peer has said anything.
    answered: bool,
}

impl Stream {
    pub(crate) fn new(tls: Connection) -> Self {
        Self {
            tls,
            received: vec![0; READ].into(),
            begin: 0,
            end: 0,
            answered: false,
        }
    }

    /// Reads and decrypts, after the handshake.
    pub(crate) fn read(
        &mut self,
        below: &mut (impl Read + Write),
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.handshake(below)?;
        let mut filled = 0;
        loop {
            match self.tls.reader().read(&mut buffer[filled..]) {
                Ok(read) => {
                    filled += read;
                    if read == 0 || filled == buffer.len() {
                        return Ok(filled);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The peer has not said goodbye. What it has cut off is seen from the packets' lengths.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(filled),
                Err(error) => return Err(error),
            }
            if self.begin == self.end {
                if filled > 0 {
                    return Ok(filled);
                }
                self.offer(below)?;
            }
            match self.receive(below) {
                // It fails in the same way again, when there is nothing before it.
                Err(_) if filled > 0 => return Ok(filled),
                step => step?,
            }
        }
    }

    /// Whether a reader has to see to it that what was written leaves.
    pub(crate) fn is_stuck(&self) -> bool {
        self.begin == self.end && self.tls.wants_write() && !self.tls.is_handshaking()
    }

    /// Encrypts and writes, after the handshake and all that was written before. What is left of it leaves
    /// with the next call of any kind.
    pub(crate) fn write(
        &mut self,
        below: &mut (impl Read + Write),
        slices: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.handshake(below)?;
        self.flush(below)?;
        let written = self.tls.writer().write_vectored(slices)?;
        match self.flush(below) {
            Err(error) if can_wait(&error) => Ok(written),
            flushed => flushed.map(|()| written),
        }
    }

    /// Writes all that is encrypted.
    pub(crate) fn flush(&mut self, below: &mut (impl Read + Write)) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(below) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) => return Err(self.failure(error, below)),
            }
        }
        Ok(())
    }

    /// Says goodbye.
    pub(crate) fn shutdown(&mut self, below: &mut (impl Read + Write)) -> io::Result<()> {
        self.tls.send_close_notify();
        self.flush(below)
    }

    fn handshake(&mut self, below: &mut (impl Read + Write)) -> io::Result<()> {
        if !self.tls.is_handshaking() {
            return Ok(());
        }
        while self.tls.is_handshaking() {
            self.flush(below)?;
            if self.tls.is_handshaking() {
                self.receive(below)?;
            }
        }
        self.flush(below)
    }

    /// Writes what is encrypted as far as that can be done now, since reading goes on meanwhile.
    fn offer(&mut self, below: &mut (impl Read + Write)) -> io::Result<()> {
        match self.flush(below) {
            Err(error) if can_wait(&error) => Ok(()),
            flushed => flushed,
        }
    }

    /// Reads, if nothing is left to decrypt, and decrypts.
    fn receive(&mut self, below: &mut (impl Read + Write)) -> io::Result<()> {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
            self.end = match below.read(&mut self.received) {
                Ok(0) if self.tls.is_handshaking() => {
                    return Err(self.unfinished(io::ErrorKind::UnexpectedEof));
                }
                Ok(read) => read,
                Err(error) if self.tls.is_handshaking() => {
                    return Err(match error.kind() {
                        kind @ (io::ErrorKind::TimedOut | io::ErrorKind::ConnectionReset) => {
                            self.unfinished(kind)
                        }
                        _ => error,
                    });
                }
                Err(error) => return Err(error),
            };
        }
        self.answered |= self.end > 0;
        let mut rest = &self.received[self.begin..self.end];
        self.tls.read_tls(&mut rest)?;
        self.begin = self.end - rest.len();
        match self.tls.process_new_packets() {
            Ok(_) => Ok(()),
            Err(error) => {
                // The peer deserves to know why, but it may be gone.
                let _ = self.tls.write_tls(below);
                Err(TlsFailure::from(error).into())
            }
        }
    }

    /// Why nothing came of it in time.
    pub(crate) fn timed_out(&self) -> io::Error {
        let kind = io::ErrorKind::TimedOut;
        if self.tls.is_handshaking() {
            self.unfinished(kind)
        } else {
            kind.into()
        }
    }

    fn unfinished(&self, kind: io::ErrorKind) -> io::Error {
        if self.answered {
            TlsFailure::Unfinished(kind).into()
        } else {
            TlsFailure::NoAnswer(kind).into()
        }
    }

    /// What is behind an error of writing: a peer that has closed may have said why.
    fn failure(&mut self, error: io::Error, below: &mut (impl Read + Write)) -> io::Error {
        if error.kind() == io::ErrorKind::TimedOut && self.tls.is_handshaking() {
            return self.unfinished(error.kind());
        }
        if !matches!(
            error.kind(),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
        ) {
            return error;
        }
        loop {
            match self.receive(below) {
                Ok(()) if self.end > 0 => {}
                Err(reason)
                    if reason
                        .get_ref()
                        .is_some_and(|inner| inner.is::<TlsFailure>()) =>
                {
                    return reason;
                }
                _ => return error,
            }
        }
    }
}

/// Whether an operation stopped for lack of time or of room, and can be continued.
fn can_wait(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}
