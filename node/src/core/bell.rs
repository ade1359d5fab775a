use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Wakes those that wait for a change of something that a mutex guards, be they threads or tasks.
///
/// Who changes it rings afterwards. A waiter looks at it under its lock, and waits only as long as it
/// finds nothing, so no ring is missed. Both styles wait for the same bells, and neither needs the other.
#[derive(Default)]
pub(crate) struct Bell {
    threads: Condvar,
    sleeping: AtomicUsize,
    tasks: Mutex<Vec<Waker>>,
}

impl Bell {
    /// Wakes all who wait. Costs little when nobody does.
    pub(crate) fn ring(&self) {
        if self.sleeping.load(Ordering::Acquire) > 0 {
            self.threads.notify_all();
        }
        for waker in mem::take(&mut *lock(&self.tasks)) {
            waker.wake();
        }
    }

    /// Blocks the thread until `look` finds something, or until the deadline. The lock is free meanwhile.
    pub(crate) fn wait<T, R>(
        &self,
        guarded: &Mutex<T>,
        until: Option<Instant>,
        mut look: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        let mut guard = lock(guarded);
        loop {
            if let Some(found) = look(&mut guard) {
                return Some(found);
            }
            let left = match until {
                Some(until) => match until.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => Some(left),
                    _ => return None,
                },
                None => None,
            };
            // The lock is held: whoever rings after it has been let go sees the sleeper.
            self.sleeping.fetch_add(1, Ordering::AcqRel);
            guard = match left {
                Some(left) => {
                    let woken = self.threads.wait_timeout(guard, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.threads.wait(guard);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
            self.sleeping.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// What `look` finds; if that is nothing, the task is woken when there is more to see.
    pub(crate) fn poll<T, R>(
        &self,
        guarded: &Mutex<T>,
        cx: &mut Context<'_>,
        look: impl FnOnce(&mut T) -> Option<R>,
    ) -> Poll<R> {
        let mut guard = lock(guarded);
        if let Some(found) = look(&mut guard) {
            return Poll::Ready(found);
        }
        let mut tasks = lock(&self.tasks);
        if !tasks.iter().any(|waker| waker.will_wake(cx.waker())) {
            tasks.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}

/// Locks what is whole at every moment, so that a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(guarded: &Mutex<T>) -> MutexGuard<'_, T> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn wakes_a_thread_that_waits() {
        let shared = Arc::new((Mutex::new(0), Bell::default()));
        let waiter = {
            let shared = Arc::clone(&shared);
            let found = |value: &mut i32| (*value == 100).then_some(*value);
            thread::spawn(move || shared.1.wait(&shared.0, None, found))
        };
        for _ in 0..100 {
            *lock(&shared.0) += 1;
            shared.1.ring();
        }
        assert_eq!(waiter.join().unwrap(), Some(100));
    }

    #[test]
    fn gives_up_at_the_deadline() {
        let until = Instant::now() + Duration::from_millis(5);
        let nothing = Bell::default().wait(&Mutex::new(()), Some(until), |()| None::<()>);
        assert_eq!(nothing, None);
    }

    #[test]
    fn wakes_a_task_once_per_ring() {
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let (bell, guarded) = (Bell::default(), Mutex::new(None));
        for _ in 0..3 {
            assert!(
                bell.poll(&guarded, &mut cx, |value: &mut Option<u8>| *value)
                    .is_pending()
            );
        }
        *lock(&guarded) = Some(1);
        bell.ring();
        bell.ring();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(bell.poll(&guarded, &mut cx, |value| *value), Poll::Ready(1));
    }
}
