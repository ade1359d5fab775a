//! One message at a time: several threads may write to one connection.
//!
//! A process that forks while its other threads write has none of these threads, so nobody has a turn
//! there: it begins anew.

use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::callbacks::Timeout;
use crate::errno::Errno;

/// The right to write to a descriptor, until it is dropped.
pub(crate) struct Turn(c_int);

#[derive(Default)]
struct Turns {
    busy: Mutex<Busy>,
    free: Condvar,
}

#[derive(Default)]
struct Busy {
    /// The descriptors that somebody writes to; seldom more than one.
    fds: Vec<c_int>,
    /// How many threads wait for one of them.
    waiting: usize,
}

impl Busy {
    /// Whether nobody wrote to the descriptor.
    fn insert(&mut self, fd: c_int) -> bool {
        let free = !self.fds.contains(&fd);
        if free {
            self.fds.push(fd);
        }
        free
    }
}

/// Null until the first turn.
static TURNS: AtomicPtr<Turns> = AtomicPtr::new(ptr::null_mut());

fn turns() -> &'static Turns {
    let known = TURNS.load(Ordering::Acquire);
    // SAFETY: what is there stays.
    unsafe { known.as_ref() }.unwrap_or_else(|| {
        let new = Box::into_raw(Box::default());
        let order = (Ordering::AcqRel, Ordering::Acquire);
        match TURNS.compare_exchange(ptr::null_mut(), new, order.0, order.1) {
            // SAFETY: it stays from now on.
            Ok(_) => unsafe { &*new },
            // SAFETY: another thread was first, and nobody has seen ours.
            Err(first) => unsafe {
                drop(Box::from_raw(new));
                &*first
            },
        }
    })
}

/// Forgets all turns, in the child of a process that has forked: who has them is not there, and the
/// mutex may be locked for ever.
pub(crate) fn begin_anew() {
    TURNS.store(ptr::null_mut(), Ordering::Release);
}

impl Turn {
    /// The turn, if nobody has it.
    pub(crate) fn now(fd: c_int) -> Option<Self> {
        turns().busy().insert(fd).then(|| Self(fd))
    }

    /// Waits for the turn.
    pub(crate) fn wait(fd: c_int, timeout: Timeout) -> Result<Self, Errno> {
        let until = timeout.until();
        let turns = turns();
        let mut busy = turns.busy();
        while !busy.insert(fd) {
            busy.waiting += 1;
            busy = match until {
                None => turns
                    .free
                    .wait(busy)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    let waited = turns.free.wait_timeout(busy, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            busy.waiting -= 1;
            if until.is_some_and(|until| until <= Instant::now()) && busy.fds.contains(&fd) {
                return Err(Errno::TIMED_OUT);
            }
        }
        Ok(Self(fd))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let turns = turns();
        let mut busy = turns.busy();
        busy.fds.retain(|&fd| fd != self.0);
        // Waking asks the system, even if nobody waits.
        let awaited = busy.waiting > 0;
        drop(busy);
        if awaited {
            turns.free.notify_all();
        }
    }
}

impl Turns {
    fn busy(&self) -> MutexGuard<'_, Busy> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::table;

    #[test]
    fn a_turn_is_waited_for_but_not_for_ever() {
        let fd = -7;
        let turn = Turn::wait(fd, Timeout::None).unwrap();
        assert!(Turn::now(fd).is_none());
        let late = Turn::wait(fd, Timeout::Millis(1)).map(drop);
        assert_eq!(late, Err(Errno::TIMED_OUT));
        let other = Turn::now(fd - 1);
        assert!(other.is_some());
        let waiting = std::thread::spawn(move || Turn::wait(fd, Timeout::None).map(drop));
        drop(turn);
        assert_eq!(waiting.join().unwrap(), Ok(()));
        assert!(Turn::now(fd).is_some());
    }
    #[test]
    fn nobody_has_a_turn_in_a_child() {
        static OVER: AtomicBool = AtomicBool::new(false);
        table::prepare_for_fork();
        let fd = -9;
        let held = Turn::now(fd);
        let busy = std::thread::spawn(|| {
            while !OVER.load(Ordering::Relaxed) {
                drop(Turn::now(-10));
            }
        });
        for _ in 0..100 {
            // SAFETY: the child takes a turn and ends at once.
            unsafe {
                match libc::fork() {
                    0 => {
                        libc::alarm(20);
                        libc::_exit(c_int::from(Turn::wait(fd, Timeout::None).is_err()));
                    }
                    child => {
                        let mut status = 0;
                        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                        assert_eq!(status, 0);
                    }
                }
            }
        }
        OVER.store(true, Ordering::Relaxed);
        busy.join().unwrap();
        assert!(Turn::now(fd).is_none());
        drop(held);
    }
}
