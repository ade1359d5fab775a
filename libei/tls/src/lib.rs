//! All of `libei`, and the callbacks of TLS: `libeinode`, for programs that want both.
//!
//! The machine is that of [`einode::tls`]; here it gets sockets that never wait, under a lock that is not
//! held while somebody waits, so that one thread may send while another receives.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]
#![allow(non_upper_case_globals, reason = "the names are those of einode.h")]

mod stream;

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::ptr;

use ei::Setup;
use ei::layer::Problem;
use ei::types::ei_socket_callbacks;
use einode::tls::{Tls, TlsError, TlsOptions};

use stream::{TlsLayer, of_options};

/// TLS, with a setup of [`einode_tls_optfile`] or [`einode_tls_pem`].
#[unsafe(no_mangle)]
pub static einode_tls_callbacks: ei_socket_callbacks = ei::callbacks(ei::layered_socket);

/// The peer's certificate has to be for the host in the name that it gives, also if it is a node that
/// connects to us.
const CHECK_NODE_NAMES: c_int = 1;

/// TLS as the file says that Erlang nodes get with `-ssl_dist_optfile`; over TCP, or the sockets of
/// another setup.
///
/// # Safety
/// `path` is null or a string; `over` is null or a setup that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn einode_tls_optfile(
    path: *const c_char,
    flags: c_int,
    over: *const Setup,
) -> *mut Setup {
    make(flags, over, || {
        // SAFETY: as the caller promised.
        let path = unsafe { file(path) };
        let path = path.ok_or_else(|| Problem::invalid("einode_tls_optfile needs a path"))?;
        Ok(Tls::from_optfile(path))
    })
}

/// TLS that shows the certificate in `certfile`, whose key is in `keyfile`, and demands one of peers that
/// a CA in `cacertfile` has issued.
///
/// # Safety
/// The paths are null or strings; `over` is null or a setup that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn einode_tls_pem(
    certfile: *const c_char,
    keyfile: *const c_char,
    cacertfile: *const c_char,
    flags: c_int,
    over: *const Setup,
) -> *mut Setup {
    make(flags, over, || {
        // SAFETY: as the caller promised.
        let [cert, key, authorities] =
            [certfile, keyfile, cacertfile].map(|path| unsafe { file(path) });
        let Some(authorities) = authorities else {
            return Err(Problem::invalid("einode_tls_pem needs a cacertfile"));
        };
        let mut options = TlsOptions::new().cacertfile(authorities);
        let shown = cert.is_some();
        if let Some(cert) = cert {
            options = options.certfile(cert);
        }
        if let Some(key) = key {
            options = options.keyfile(key);
        }
        // Who shows no certificate cannot be connected to.
        let server = shown.then(|| options.clone());
        Ok(Tls::from_options(Some(options), server))
    })
}

/// Makes a setup; null if there is a problem, of which the program can ask.
fn make(
    flags: c_int,
    over: *const Setup,
    tls: impl FnOnce() -> Result<Result<Tls, TlsError>, Problem>,
) -> *mut Setup {
    let made = catch_unwind(AssertUnwindSafe(|| {
        if flags & !CHECK_NODE_NAMES != 0 {
            return Err(Problem::invalid(format_args!("unknown flags {flags:#x}")));
        }
        let layer = TlsLayer {
            tls: tls()?.map_err(of_options)?,
            check_node_names: flags & CHECK_NODE_NAMES != 0,
        };
        // SAFETY: null or a setup, as the caller promised.
        Setup::layered(unsafe { over.as_ref() }, Box::new(layer))
    }));
    made.map_or(ptr::null_mut(), Setup::into_raw)
}

/// The path of a file; `None` if it is null.
///
/// # Safety
/// `path` is null or a string.
unsafe fn file(path: *const c_char) -> Option<PathBuf> {
    if path.is_null() {
        return None;
    }
    // SAFETY: as the caller promised.
    let path = unsafe { CStr::from_ptr(path) };
    Some(OsStr::from_bytes(path.to_bytes()).into())
}
