use std::io::{self, IoSlice};
use std::sync::Arc;

use einode_dist::Prefix;
use einode_dist::handshake::Session;

use crate::carrier::{Carrier, Ending, Side};
use crate::record::{Direction, Recorder, Track};

/// Any transport, with a [`Recorder`] that sees what passes. It is one of the same styles.
///
/// ```
/// use std::sync::Arc;
///
/// use einode::Recorder;
/// use einode::blocking::{Recorded, Tcp};
///
/// let recorder = Arc::new(Recorder::new());
/// let transport = Recorded::new(Tcp, Arc::clone(&recorder));
/// ```
#[derive(Debug, Clone)]
pub struct Recorded<T> {
    pub(crate) inner: T,
    pub(crate) recorder: Arc<Recorder>,
}

impl<T> Recorded<T> {
    /// Shows the recorder what passes through the transport.
    pub const fn new(inner: T, recorder: Arc<Recorder>) -> Self {
        Self { inner, recorder }
    }
}

/// What connections come in on, with a recorder that sees what passes through them.
#[derive(Debug)]
pub struct RecordedIncoming<I> {
    pub(crate) inner: I,
    pub(crate) recorder: Arc<Recorder>,
}

/// A socket with a recorder that sees what passes.
#[derive(Debug)]
pub struct RecordedSocket<S> {
    pub(crate) inner: S,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) track: Track,
}

impl<S: Carrier> RecordedSocket<S> {
    /// Shows the recorder what passes through the socket.
    pub fn new(inner: S, recorder: &Arc<Recorder>) -> Self {
        let track = Track::new(recorder, inner.prefix());
        Self {
            inner,
            recorder: Arc::clone(recorder),
            track,
        }
    }
}

impl<S> RecordedSocket<S> {
    /// These bytes were read.
    pub(crate) fn was_read(&self, bytes: &[u8]) {
        self.track.pass(&self.recorder, Direction::Read, bytes);
    }

    /// The first so many bytes of these were written.
    pub(crate) fn was_written(&self, slices: &[IoSlice<'_>], mut left: usize) {
        for slice in slices {
            let passed = slice.len().min(left);
            let bytes = &slice[..passed];
            self.track.pass(&self.recorder, Direction::Written, bytes);
            left -= passed;
        }
    }
}

impl<S: Carrier> Carrier for RecordedSocket<S> {
    fn prefix(&self) -> Prefix {
        self.inner.prefix()
    }

    fn handshake_complete(&mut self, side: Side, session: &Session) -> io::Result<()> {
        self.track.handshake_complete();
        self.inner.handshake_complete(side, session)
    }

    fn timed_out(&self) -> io::Error {
        self.inner.timed_out()
    }

    fn closing(&mut self, why: Ending) {
        self.inner.closing(why);
    }
}
