//! What is said while something takes long.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// From when on it is said that something is under way.
const LONG: Duration = Duration::from_secs(1);

/// Says what is waited for if that takes longer than a second, on standard error if that is a terminal, and
/// takes it back when this is dropped.
pub(crate) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    pub(crate) fn start(what: impl FnOnce() -> String) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let what = what();
        let (over, is_over) = mpsc::channel();
        let spawned = thread::Builder::new().spawn(move || {
            let start = Instant::now();
            let mut said = false;
            while is_over.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
                said = true;
                let seconds = start.elapsed().as_secs();
                let _ = write!(io::stderr(), "\r\x1b[Keinode: {what}, {seconds} s");
            }
            if said {
                let _ = write!(io::stderr(), "\r\x1b[K");
            }
        });
        // Without a thread nothing is said.
        Self(spawned.ok().map(|thread| (over, thread)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((over, thread)) = self.0.take() {
            drop(over);
            let _ = thread.join();
        }
    }
}
