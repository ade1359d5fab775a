use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex, Weak};
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

thread_local! {
    /// Those that this thread is one of, if it is.
    static AMONG: RefCell<Weak<Running>> = const { RefCell::new(Weak::new()) };
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
                AMONG.set(Arc::downgrade(&counted.0));
                let _counted = counted;
                work();
            })
            .map(drop)
    }

    /// Waits until all have ended, but the one that waits if it is one of them. False if the deadline came
    /// first.
    pub(super) fn wait(&self, until: Instant) -> bool {
        let is_one = AMONG.with_borrow(|among| among.as_ptr() == Arc::as_ptr(&self.0));
        let none = |count: &mut usize| (*count <= usize::from(is_one)).then_some(());
        self.0
            .ended
            .wait(&self.0.count, Some(until), none)
            .is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn none_waits_for_itself() {
        let (threads, (told, waited)) = (Threads::default(), mpsc::channel());
        let never = Instant::now() + crate::deadline::NEVER;
        let own = threads.clone();
        let begun = threads.spawn("waits", move || told.send(own.wait(never)).unwrap());
        begun.unwrap();
        assert_eq!(waited.recv(), Ok(true));
        assert!(threads.wait(never));

        let (end, ended) = mpsc::channel::<()>();
        let begun = threads.spawn("goes on", move || _ = ended.recv());
        begun.unwrap();
        assert!(!threads.wait(Instant::now()));
        drop(end);
        assert!(threads.wait(never));
    }
}
