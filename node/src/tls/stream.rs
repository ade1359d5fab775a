use std::io::{self, IoSlice, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use rustls::Connection;

use super::TlsFailure;
use crate::core::lock;

/// How many bytes are read from the socket below at once.
pub(crate) const READ: usize = 32 * 1024;

/// TLS over what lies below, in whichever style that reads and writes.
///
/// Whatever cannot go on says [`io::ErrorKind::TimedOut`] or [`io::ErrorKind::WouldBlock`]. So does this
/// then, and goes on where it stopped when it is called again.
///
/// One thread may read while another one writes: the state of TLS is locked for moments only, and never
/// while anything below waits. Of the other two locks, readers do not wait for that of writers, nor writers
/// for that of readers, but for the time of the handshake.
#[derive(Debug)]
pub(crate) struct Stream {
    tls: Mutex<Connection>,
    /// Of the one who reads.
    received: Mutex<Received>,
    /// Of the one who writes.
    encrypted: Mutex<Encrypted>,
    /// Whether the peer has said anything.
    answered: AtomicBool,
}

/// What was read and not yet decrypted: `bytes[begin..end]`.
#[derive(Debug)]
struct Received {
    bytes: Box<[u8]>,
    begin: usize,
    end: usize,
}

/// What was encrypted and not yet written: `bytes[begin..]`.
#[derive(Debug, Default)]
struct Encrypted {
    bytes: Vec<u8>,
    begin: usize,
}

impl Stream {
    pub(crate) fn new(tls: Connection) -> Self {
        Self {
            tls: Mutex::new(tls),
            received: Mutex::new(Received {
                bytes: vec![0; READ].into(),
                begin: 0,
                end: 0,
            }),
            encrypted: Mutex::default(),
            answered: AtomicBool::new(false),
        }
    }

    /// The state of TLS, which nobody can use meanwhile.
    pub(crate) fn tls(&self) -> MutexGuard<'_, Connection> {
        lock(&self.tls)
    }

    /// Reads and decrypts, after the handshake.
    pub(crate) fn read(
        &self,
        below: &mut (impl Read + Write),
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.handshake(below)?;
        let mut received = lock(&self.received);
        let mut filled = 0;
        loop {
            let decrypted = self.tls().reader().read(&mut buffer[filled..]);
            match decrypted {
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
            if received.begin == received.end {
                if filled > 0 {
                    return Ok(filled);
                }
                self.offer(below)?;
            }
            match self.receive(&mut received, None, below) {
                // It fails in the same way again, when there is nothing before it.
                Err(_) if filled > 0 => return Ok(filled),
                step => step?,
            }
        }
    }

    /// Whether a reader has to see to it that what was written leaves, since no writer does.
    pub(crate) fn is_stuck(&self) -> bool {
        self.wants_write() && !self.is_handshaking()
    }

    /// Whether something waits to be written, and nobody is about to.
    pub(crate) fn wants_write(&self) -> bool {
        let encrypted = self.encrypted.try_lock();
        encrypted.is_ok_and(|encrypted| {
            encrypted.begin < encrypted.bytes.len() || self.tls().wants_write()
        })
    }

    /// Encrypts and writes, after the handshake and all that was written before. What is left of it leaves
    /// with the next call of any kind.
    pub(crate) fn write(
        &self,
        below: &mut (impl Read + Write),
        slices: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.handshake(below)?;
        let mut encrypted = lock(&self.encrypted);
        self.send(&mut encrypted, None, below)?;
        let written = self.tls().writer().write_vectored(slices)?;
        match self.send(&mut encrypted, None, below) {
            Err(error) if can_wait(&error) => Ok(written),
            flushed => flushed.map(|()| written),
        }
    }

    /// Writes all that is encrypted.
    pub(crate) fn flush(&self, below: &mut (impl Read + Write)) -> io::Result<()> {
        self.send(&mut lock(&self.encrypted), None, below)
    }

    /// Says goodbye.
    pub(crate) fn shutdown(&self, below: &mut (impl Read + Write)) -> io::Result<()> {
        let mut encrypted = lock(&self.encrypted);
        self.tls().send_close_notify();
        self.send(&mut encrypted, None, below)
    }

    fn handshake(&self, below: &mut (impl Read + Write)) -> io::Result<()> {
        if !self.is_handshaking() {
            return Ok(());
        }
        let mut encrypted = lock(&self.encrypted);
        let mut received = lock(&self.received);
        while self.is_handshaking() {
            self.send(&mut encrypted, Some(&mut received), below)?;
            if self.is_handshaking() {
                self.receive(&mut received, Some(&mut encrypted), below)?;
            }
        }
        self.send(&mut encrypted, Some(&mut received), below)
    }

    fn is_handshaking(&self) -> bool {
        self.tls().is_handshaking()
    }

    /// Writes what is encrypted as far as that can be done now, since reading goes on meanwhile. If somebody
    /// writes, it is done already.
    fn offer(&self, below: &mut (impl Read + Write)) -> io::Result<()> {
        let Ok(mut encrypted) = self.encrypted.try_lock() else {
            return Ok(());
        };
        match self.pass(&mut encrypted, below) {
            Err(error) if can_wait(&error) => Ok(()),
            flushed => flushed,
        }
    }

    /// Writes all that is encrypted. Where that fails, the peer may have said why.
    fn send(
        &self,
        encrypted: &mut Encrypted,
        received: Option<&mut Received>,
        below: &mut (impl Read + Write),
    ) -> io::Result<()> {
        let passed = self.pass(encrypted, below);
        passed.map_err(|error| match received {
            Some(received) => self.failure(error, received, below),
            // Whoever reads sees it.
            None => match self.received.try_lock() {
                Ok(mut received) => self.failure(error, &mut received, below),
                Err(_) => error,
            },
        })
    }

    fn pass(&self, encrypted: &mut Encrypted, below: &mut impl Write) -> io::Result<()> {
        loop {
            if encrypted.begin == encrypted.bytes.len() {
                encrypted.bytes.clear();
                encrypted.begin = 0;
                let mut tls = self.tls();
                while tls.wants_write() {
                    tls.write_tls(&mut encrypted.bytes)?;
                }
            }
            if encrypted.bytes.is_empty() {
                return Ok(());
            }
            match below.write(&encrypted.bytes[encrypted.begin..])? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => encrypted.begin += written,
            }
        }
    }

    /// Reads, if nothing is left to decrypt, and decrypts.
    fn receive(
        &self,
        received: &mut Received,
        encrypted: Option<&mut Encrypted>,
        below: &mut (impl Read + Write),
    ) -> io::Result<()> {
        if received.begin == received.end {
            (received.begin, received.end) = (0, 0);
            received.end = match below.read(&mut received.bytes) {
                Ok(0) if self.is_handshaking() => {
                    return Err(self.unfinished(io::ErrorKind::UnexpectedEof));
                }
                Ok(read) => read,
                Err(error) if self.is_handshaking() => {
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
        if received.end > 0 {
            self.answered.store(true, Ordering::Relaxed);
        }
        let mut rest = &received.bytes[received.begin..received.end];
        let processed = {
            let mut tls = self.tls();
            tls.read_tls(&mut rest)?;
            tls.process_new_packets()
        };
        received.begin = received.end - rest.len();
        let Err(error) = processed else {
            return Ok(());
        };
        // The peer deserves to know why, but it may be gone.
        let _ = match encrypted {
            Some(encrypted) => self.pass(encrypted, below),
            None => self.offer(below),
        };
        Err(TlsFailure::from(error).into())
    }

    /// Why nothing came of it in time.
    pub(crate) fn timed_out(&self) -> io::Error {
        let kind = io::ErrorKind::TimedOut;
        if self.is_handshaking() {
            self.unfinished(kind)
        } else {
            kind.into()
        }
    }

    fn unfinished(&self, kind: io::ErrorKind) -> io::Error {
        if self.answered.load(Ordering::Relaxed) {
            TlsFailure::Unfinished(kind).into()
        } else {
            TlsFailure::NoAnswer(kind).into()
        }
    }

    /// What is behind an error of writing: a peer that has closed may have said why.
    fn failure(
        &self,
        error: io::Error,
        received: &mut Received,
        below: &mut (impl Read + Write),
    ) -> io::Error {
        if error.kind() == io::ErrorKind::TimedOut && self.is_handshaking() {
            return self.unfinished(error.kind());
        }
        if !matches!(
            error.kind(),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
        ) {
            return error;
        }
        loop {
            match self.receive(received, None, below) {
                Ok(()) if received.end > 0 => {}
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
