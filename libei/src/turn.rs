//! One message at a time: several threads may write to one connection.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::callbacks::Timeout;
use crate::errno::Errno;

/// The right to write to a descriptor, until it is dropped.
pub(crate) struct Turn(c_int);

/// The descriptors that somebody writes to.
static BUSY: Mutex<BTreeSet<c_int>> = Mutex::new(BTreeSet::new());
static FREE: Condvar = Condvar::new();

impl Turn {
    /// The turn, if nobody has it.
    pub(crate) fn now(fd: c_int) -> Option<Self> {
        busy().insert(fd).then(|| Self(fd))
    }

    /// Waits for the turn.
    pub(crate) fn wait(fd: c_int, timeout: Timeout) -> Result<Self, Errno> {
        let until = timeout.until();
        let mut busy = busy();
        while !busy.insert(fd) {
            busy = match until {
                None => FREE.wait(busy).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Errno::TIMED_OUT);
                    }
                    let waited = FREE.wait_timeout(busy, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Ok(Self(fd))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        busy().remove(&self.0);
        FREE.notify_all();
    }
}

fn busy() -> MutexGuard<'static, BTreeSet<c_int>> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
