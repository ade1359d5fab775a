use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use crate::core::{Bell, lock};

/// The threads of a node, to wait for their end.
#[derive(Debug, Clone, Default)]
pub(super) struct Threads(Arc<Running>);

#[derive(Debug, Default)]
struct Running {
    count: Mutex<usize>,
    ended: Bell,
}

impl Threads {
    /// Begins a thread.
    pub(super) fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        /// A thread that is counted until this is dropped.
        struct Counted(Arc<Running>);

        impl Drop for Counted {
            fn drop(&mut self) {
                *lock(&self.0.count) -= 1;
                self.0.ended.ring();
            }
        }

        *lock(&self.0.count) += 1;
        let counted = Counted(Arc::clone(&self.0));
        let thread = thread::Builder::new().name(name.into());
        thread
            .spawn(move || {
                let _counted = counted;
                work();
            })
            .map(drop)
    }

    /// Waits until all have ended. False if the deadline came first.
    pub(super) fn wait(&self, until: Instant) -> bool {
        let none = |count: &mut usize| (*count == 0).then_some(());
        self.0
            .ended
            .wait(&self.0.count, Some(until), none)
            .is_some()
    }
}
