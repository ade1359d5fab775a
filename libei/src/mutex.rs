//! Mutexes for programs that have no other. Not in the manual.

use std::ffi::c_int;
use std::ptr;

use crate::ffi::{ERROR, OK};

/// What programs have pointers to: one of the system.
#[repr(C)]
pub struct ei_mutex_t(libc::pthread_mutex_t);

/// A mutex that nobody holds; null without memory.
#[unsafe(no_mangle)]
pub extern "C" fn ei_mutex_create() -> *mut ei_mutex_t {
    // SAFETY: there is room for what is initialized.
    unsafe {
        let mutex: *mut ei_mutex_t = libc::malloc(size_of::<ei_mutex_t>()).cast();
        if !mutex.is_null() && libc::pthread_mutex_init(mutex.cast(), ptr::null()) != 0 {
            libc::free(mutex.cast());
            return ptr::null_mut();
        }
        mutex
    }
}

/// Destroys a mutex once nobody holds it; with `nblock`, fails if somebody does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_mutex_free(mutex: *mut ei_mutex_t, nblock: c_int) -> c_int {
    // SAFETY: null or a mutex, which nobody uses from now on.
    unsafe {
        if ei_mutex_lock(mutex, nblock) != OK {
            return ERROR;
        }
        ei_mutex_unlock(mutex);
        libc::pthread_mutex_destroy(mutex.cast());
        libc::free(mutex.cast());
    }
    OK
}

/// Waits until this thread holds the mutex; with `nblock`, fails if another does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_mutex_lock(mutex: *mut ei_mutex_t, nblock: c_int) -> c_int {
    if mutex.is_null() {
        return ERROR;
    }
    // SAFETY: a mutex.
    let code = unsafe {
        match nblock {
            0 => libc::pthread_mutex_lock(mutex.cast()),
            _ => libc::pthread_mutex_trylock(mutex.cast()),
        }
    };
    if code == 0 { OK } else { ERROR }
}

/// Lets another thread have the mutex.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_mutex_unlock(mutex: *mut ei_mutex_t) -> c_int {
    if mutex.is_null() {
        return ERROR;
    }
    // SAFETY: a mutex, which this thread holds.
    unsafe { libc::pthread_mutex_unlock(mutex.cast()) };
    OK
}
