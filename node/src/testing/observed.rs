use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use einode_dist::Prefix;
use einode_dist::handshake::Session;

use super::{LATE, soon};
use crate::blocking::Socket;
use crate::carrier::{Carrier, Ending, Side};

/// A socket under observation: every call is held against the words of [`Socket`], and what einode
/// tells the socket is noted.
#[derive(Debug)]
pub struct Observed<S> {
    inner: S,
    /// What it says of itself, instead of what `inner` does.
    feigned: Option<Prefix>,
    /// What it said first.
    prefix: Prefix,
    /// It wants no connection.
    refuses: bool,
    notes: Arc<Mutex<Notes>>,
}

/// What happened to a socket.
#[derive(Debug, Default, Clone)]
pub(super) struct Notes {
    /// How many bytes were read, and which were written, before the handshake was complete.
    pub(super) heard: usize,
    pub(super) said: Vec<u8>,
    /// The end was read.
    ended: bool,
    /// What einode told the socket.
    pub(super) complete: Vec<Side>,
    pub(super) endings: Vec<Ending>,
}

impl<S: Socket> Observed<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            prefix: inner.prefix(),
            inner,
            feigned: None,
            refuses: false,
            notes: Arc::default(),
        }
    }

    pub(super) fn with_prefix(self, prefix: Prefix) -> Self {
        let feigned = Some(prefix);
        Self {
            feigned,
            prefix,
            ..self
        }
    }

    /// Makes its `handshake_complete` fail with `PermissionDenied`.
    pub(super) fn refusing(self) -> Self {
        let refuses = true;
        Self { refuses, ..self }
    }

    /// What happens to the socket, also after it is gone.
    pub(super) fn notes(&self) -> impl Fn() -> Notes + Send + use<S> {
        let notes = Arc::clone(&self.notes);
        move || lock(&notes).clone()
    }

    /// Writes all of this.
    pub(super) fn put(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let written = self.write(&[IoSlice::new(bytes)], soon());
            let written = written.unwrap_or_else(|error| {
                panic!("Socket::write must write to a peer that reads; it failed: {error}")
            });
            bytes = &bytes[written..];
        }
    }

    /// Reads as many bytes, and not one more.
    pub(super) fn get(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let mut filled = 0;
        while filled < count {
            match self.read(&mut bytes[filled..], soon()) {
                Ok(0) => panic!(
                    "Socket::read must give all that was written before the end; \
                     {filled} of {count} bytes came"
                ),
                Ok(read) => filled += read,
                Err(error) => panic!(
                    "Socket::read must give what the peer has written; after {filled} of {count} \
                     bytes it failed: {error}"
                ),
            }
        }
        bytes
    }

    /// Reads the end.
    pub(super) fn get_end(&self) {
        match self.read(&mut [0; 64], soon()) {
            Ok(0) => {}
            Ok(_) => panic!("Socket::read gave bytes that nobody wrote"),
            Err(error) => panic!(
                "Socket::read must give 0 at the end of what the peer wrote; it failed: {error}"
            ),
        }
    }

    fn open_notes(&self, operation: &str) -> MutexGuard<'_, Notes> {
        let notes = lock(&self.notes);
        assert!(
            notes.endings.is_empty(),
            "{operation} after Carrier::closing"
        );
        notes
    }
}

impl<S: Socket> Carrier for Observed<S> {
    fn prefix(&self) -> Prefix {
        let prefix = self.feigned.unwrap_or_else(|| self.inner.prefix());
        assert_eq!(
            prefix, self.prefix,
            "Carrier::prefix must be the same at all times"
        );
        prefix
    }

    fn handshake_complete(&mut self, side: Side, session: &Session) -> io::Result<()> {
        lock(&self.notes).complete.push(side);
        if self.refuses {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.inner.handshake_complete(side, session)?;
        self.prefix();
        Ok(())
    }

    fn closing(&mut self, why: Ending) {
        lock(&self.notes).endings.push(why);
        self.inner.closing(why);
    }
}

impl<S: Socket> Socket for Observed<S> {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        let result = self.inner.read(buffer, until);
        in_time("Socket::read", &result, until);
        let mut notes = self.open_notes("Socket::read");
        if let Ok(read) = result {
            assert!(
                read <= buffer.len(),
                "Socket::read must read no more than fit; it says {read} for a buffer of {}",
                buffer.len()
            );
            assert!(
                !notes.ended || read == 0,
                "Socket::read must give 0 for ever after the end; it gave {read} bytes"
            );
            if notes.complete.is_empty() {
                notes.heard += read;
            }
            notes.ended |= read == 0 && !buffer.is_empty();
        }
        result
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        let result = self.inner.write(slices, until);
        in_time("Socket::write", &result, until);
        let mut notes = self.open_notes("Socket::write");
        if let Ok(written) = result {
            let offered: usize = slices.iter().map(|slice| slice.len()).sum();
            assert!(
                written > 0 || offered == 0,
                "Socket::write must write at least one byte of those in all slices; it says 0 of {offered}"
            );
            assert!(
                written <= offered,
                "Socket::write cannot write more than there is; it says {written} of {offered} bytes"
            );
            if notes.complete.is_empty() {
                let bytes = slices.iter().flat_map(|slice| slice.iter());
                notes.said.extend(bytes.take(written));
            }
        }
        result
    }

    fn shutdown(&self, until: Option<Instant>) -> io::Result<()> {
        let result = self.inner.shutdown(until);
        in_time("Socket::shutdown", &result, until);
        drop(self.open_notes("Socket::shutdown"));
        result
    }

    fn flush(&self, until: Option<Instant>) -> io::Result<()> {
        let result = self.inner.flush(until);
        in_time("Socket::flush", &result, until);
        drop(self.open_notes("Socket::flush"));
        result
    }

    fn close(&self) {
        drop(self.open_notes("Socket::close"));
        self.inner.close();
    }
}

/// Holds the end of an operation against its deadline.
fn in_time<T>(operation: &str, result: &io::Result<T>, until: Option<Instant>) {
    let now = Instant::now();
    if let Some(until) = until {
        let late = now.saturating_duration_since(until);
        assert!(
            late < LATE,
            "{operation} must not wait past its deadline; it came back {late:?} later"
        );
    }
    match result.as_ref().map_err(io::Error::kind) {
        Err(io::ErrorKind::TimedOut) => assert!(
            until.is_some_and(|until| now >= until),
            "{operation} must wait until its deadline, and not fail with TimedOut before"
        ),
        Err(kind @ (io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)) => {
            panic!(
                "{operation} must wait, or fail with TimedOut at its deadline; it failed with {kind:?}"
            )
        }
        _ => {}
    }
}

fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}
