//! Sets of callbacks of other versions, in a process of their own: OTP's library takes no descriptors that it
//! does not know any more once it was given callbacks.
#![cfg(otp_libei)]

use std::ffi::c_int;
use std::ptr::null_mut;

use ei::types::{ei_cnode, ei_socket_callbacks};
use einode_libei_differential::assert_same;

fn nobody() -> ei_cnode {
    // SAFETY: a node is numbers and pointers.
    unsafe { std::mem::zeroed() }
}

#[test]
fn callbacks_have_a_version_at_least() {
    #[repr(C)]
    struct Later {
        known: ei_socket_callbacks,
        unknown: [usize; 4],
    }
    let size = size_of::<ei_socket_callbacks>() as c_int;
    for (cbs_sz, taken) in [
        (0, false),
        (8, false),
        (size - 1, false),
        (size, true),
        (size + 1, true),
        (size_of::<Later>() as c_int, true),
    ] {
        assert_same!(
            {
                let mut later = Later {
                    // SAFETY: flags and functions, which may all be missing.
                    known: std::mem::zeroed(),
                    unknown: [usize::MAX; 4],
                };
                let cbs = &raw mut later.known;
                let setup = (&raw mut later.unknown).cast();
                let (alive, cookie) = (c"a".as_ptr(), c"".as_ptr());
                let (mut ec, mut xec) = (nobody(), nobody());
                let ip = null_mut();
                let done = [
                    ei_connect_init_ussi(&mut ec, alive, cookie, 9, cbs, cbs_sz, setup),
                    ei_connect_xinit_ussi(
                        &mut xec, alive, alive, alive, ip, cookie, 9, cbs, cbs_sz, setup,
                    ),
                ];
                assert_eq!(done, [if taken { 0 } else { -1 }; 2], "{cbs_sz}");
                [ec, xec].map(|ec| taken && ec.cbs == cbs && ec.setup_context == setup)
            },
            "{cbs_sz}"
        );
    }
}
