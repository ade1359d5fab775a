//! What belongs to a descriptor: the socket that it is used through, and the node that it was
//! connected by.
//!
//! A process that forks keeps the table, whatever its other threads were doing.

use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::ffi::{c_int, c_uint};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ahead::Ahead;
use crate::callbacks::{Port, Timeout};
use crate::errno::Errno;
use crate::turn;
use crate::types::ei_cnode;

/// A socket that is open.
struct Entry {
    port: Port,
    /// Of a connection: the node as it was when it connected. Programs get pointers to it.
    cnode: Option<Box<ei_cnode>>,
    /// What was read ahead; whoever receives has it meanwhile.
    ahead: Option<Ahead>,
    /// How many bytes a packet may have, if that is not what all connections have; 0 is no limit.
    most: Option<c_uint>,
}

/// A socket that is being received from.
pub(crate) struct Receiving {
    pub(crate) port: Port,
    pub(crate) ahead: Option<Ahead>,
    pub(crate) most: Option<c_uint>,
}

impl Receiving {
    /// Fills `buf`. `EIO` if the peer closes before it is full.
    pub(crate) fn read_exact(&mut self, buf: &mut [u8], timeout: Timeout) -> Result<(), Errno> {
        match &mut self.ahead {
            Some(ahead) => ahead.read_exact(&mut self.port, buf, timeout),
            None => self.port.read_exact(buf, timeout),
        }
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if let Some(ahead) = self.ahead.take() {
            with(|entries| match entries.get_mut(&self.port.fd) {
                Some(entry) if entry.port == self.port => entry.ahead = Some(ahead),
                _ => {}
            });
        }
    }
}

/// The socket with this descriptor; one that the program made is TCP.
pub(crate) fn port(fd: c_int) -> Result<Port, Errno> {
    connection(fd).map(|(port, _)| port)
}

/// The same, and whether it is a connection that this library has made.
pub(crate) fn connection(fd: c_int) -> Result<(Port, bool), Errno> {
    if fd < 0 {
        return Err(Errno::IO);
    }
    Ok(with(|entries| match entries.get(&fd) {
        Some(entry) => (entry.port, entry.cnode.is_some()),
        None => (Port::foreign(fd), false),
    }))
}

/// Begins to receive from a socket, which one thread does at a time.
pub(crate) fn receiving(fd: c_int) -> Result<Receiving, Errno> {
    if fd < 0 {
        return Err(Errno::IO);
    }
    Ok(with(|entries| match entries.get_mut(&fd) {
        Some(entry) => Receiving {
            port: entry.port,
            ahead: entry.ahead.take(),
            most: entry.most,
        },
        None => Receiving {
            port: Port::foreign(fd),
            ahead: None,
            most: None,
        },
    }))
}

/// Sets how much is read ahead of a connection.
pub(crate) fn set_ahead(fd: c_int, size: usize) -> Result<(), Errno> {
    known(fd, |entry| {
        let ahead = entry.ahead.take().unwrap_or(Ahead::new(0));
        entry.ahead = Some(ahead.resized(&entry.port, size));
    })
}

/// Sets how many bytes a packet of a connection may have.
pub(crate) fn set_most(fd: c_int, most: c_uint) -> Result<(), Errno> {
    known(fd, |entry| entry.most = Some(most))
}

fn known(fd: c_int, change: impl FnOnce(&mut Entry)) -> Result<(), Errno> {
    with(|entries| entries.get_mut(&fd).map(change)).ok_or(Errno(libc::EBADF))
}

/// Enters a socket. An earlier one with that descriptor was closed behind our back.
pub(crate) fn insert(port: Port, cnode: Option<ei_cnode>) {
    let entry = Entry {
        ahead: cnode.as_ref().and_then(|_| Ahead::of(&port)),
        cnode: cnode.map(Box::new),
        most: None,
        port,
    };
    if let Some(closed) = with(|entries| entries.insert(port.fd, entry)) {
        closed.port.forget();
    }
}

/// Forgets a socket.
pub(crate) fn remove(fd: c_int) {
    drop(with(|entries| entries.remove(&fd)));
}

/// The node that a connection was made by, null if it is none. Valid until it is closed.
pub(crate) fn cnode(fd: c_int) -> *mut ei_cnode {
    with(|entries| match entries.get_mut(&fd) {
        Some(Entry {
            cnode: Some(node), ..
        }) => &raw mut **node,
        _ => ptr::null_mut(),
    })
}

/// Runs while nobody forks, so that no lock that is taken meanwhile stays locked in a child.
pub(crate) fn undisturbed<T>(run: impl FnOnce() -> T) -> T {
    with(|_| run())
}

/// Sees to it that nobody changes the table while the process forks, and that its child is not kept from
/// writing by threads that it does not have.
pub(crate) fn prepare_for_fork() {
    if !PREPARED.swap(true, Ordering::AcqRel) {
        // SAFETY: who forks holds the lock, and so does its copy in the child.
        unsafe { libc::pthread_atfork(Some(lock), Some(unlock), Some(unlock_in_child)) };
    }
}

static PREPARED: AtomicBool = AtomicBool::new(false);

static TABLE: Table = Table {
    mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
    entries: UnsafeCell::new(BTreeMap::new()),
};

/// A mutex of the system: unlike that of Rust it may be unlocked by the child of a process that forks.
struct Table {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    entries: UnsafeCell<BTreeMap<c_int, Entry>>,
}

// SAFETY: the entries are only touched by who holds the mutex.
unsafe impl Sync for Table {}

fn with<T>(run: impl FnOnce(&mut BTreeMap<c_int, Entry>) -> T) -> T {
    /// Unlocks, whatever happens.
    struct Held;
    impl Drop for Held {
        fn drop(&mut self) {
            unlock_table();
        }
    }
    prepare_for_fork();
    lock_table();
    let _held = Held;
    // SAFETY: the mutex is held, and nothing that runs here comes back.
    run(unsafe { &mut *TABLE.entries.get() })
}

fn lock_table() {
    // SAFETY: the mutex is there for ever.
    unsafe { libc::pthread_mutex_lock(TABLE.mutex.get()) };
}

fn unlock_table() {
    // SAFETY: this thread has locked it.
    unsafe { libc::pthread_mutex_unlock(TABLE.mutex.get()) };
}

unsafe extern "C" fn lock() {
    lock_table();
}

unsafe extern "C" fn unlock() {
    unlock_table();
}

unsafe extern "C" fn unlock_in_child() {
    unlock_table();
    turn::begin_anew();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_may_have_any_number() {
        for fd in [0x1000_0000, c_int::MAX] {
            assert_eq!(port(fd).map(|port| port.fd), Ok(fd));
            insert(Port::foreign(fd), None);
            assert!(cnode(fd).is_null());
            remove(fd);
            remove(fd);
        }
        assert_eq!(port(-1).map(|port| port.fd), Err(Errno::IO));
    }

    #[test]
    fn a_process_that_forks_while_others_use_the_table_keeps_it() {
        static OVER: AtomicBool = AtomicBool::new(false);
        let busy = std::thread::spawn(|| {
            while !OVER.load(Ordering::Relaxed) {
                insert(Port::foreign(0x2000_0000), None);
                remove(0x2000_0000);
            }
        });
        insert(Port::foreign(0x2000_0001), None);
        for _ in 0..100 {
            // SAFETY: the child uses the table and ends at once.
            unsafe {
                match libc::fork() {
                    0 => {
                        libc::alarm(20);
                        let found = with(|entries| entries.contains_key(&0x2000_0001));
                        libc::_exit(c_int::from(!found));
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
        remove(0x2000_0001);
    }
}
