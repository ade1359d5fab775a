//! The order of identifiers. Only the sign of a result means something.

use std::cmp::Ordering;
use std::ffi::{c_char, c_int};

use crate::ffi::guard;
use crate::types::{MAXATOMLEN_UTF8, erlang_pid, erlang_port, erlang_ref};

macro_rules! comparisons {
    ($( $(#[$about:meta])* $name:ident($type:ty) $order:expr; )*) => { $(
        $(#[$about])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(a: *mut $type, b: *mut $type) -> c_int {
            guard(0, || {
                let order: fn(&$type, &$type) -> Ordering = $order;
                // SAFETY: the pointers are what ei.h says.
                match unsafe { (a.as_ref(), b.as_ref()) } {
                    (Some(a), Some(b)) => order(a, b) as c_int,
                    // Null is before all.
                    (a, b) => a.is_some().cmp(&b.is_some()) as c_int,
                }
            })
        }
    )* };
}

comparisons! {
    /// Compares pids by number, then node, then creation.
    ei_cmp_pids(erlang_pid) |a, b| {
        let number = |pid: &erlang_pid| u64::from(pid.serial) << 32 | u64::from(pid.num);
        let creation = a.creation.cmp(&b.creation);
        number(a)
            .cmp(&number(b))
            .then_with(|| names(&a.node, &b.node))
            .then(creation)
    };

    /// Compares ports by node, then creation, then number.
    ei_cmp_ports(erlang_port) |a, b| {
        names(&a.node, &b.node).then_with(|| (a.creation, a.id).cmp(&(b.creation, b.id)))
    };

    /// Compares references by node, then creation, then number; words that are missing count as zero.
    ei_cmp_refs(erlang_ref) |a, b| {
        names(&a.node, &b.node)
            .then_with(|| a.creation.cmp(&b.creation))
            .then_with(|| number(a).cmp(&number(b)))
    };
}

/// Compares names, each up to its NUL.
fn names(a: &[c_char; MAXATOMLEN_UTF8], b: &[c_char; MAXATOMLEN_UTF8]) -> Ordering {
    // SAFETY: both have so many bytes, and none behind a NUL is looked at.
    unsafe { libc::strncmp(a.as_ptr(), b.as_ptr(), MAXATOMLEN_UTF8) }.cmp(&0)
}

/// The words of a reference, the most significant first.
fn number(reference: &erlang_ref) -> [u32; 5] {
    let length = usize::try_from(reference.len).unwrap_or(0);
    let mut words = [0; 5];
    for (to, word) in words.iter_mut().zip(reference.n).take(length) {
        *to = word;
    }
    words.reverse();
    words
}
