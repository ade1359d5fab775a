//! A drop-in replacement for `libei`, the C library of OTP's `erl_interface`.
//!
//! C programs include `ei.h` and link `libei.a` or `libei.so` as before; the functions are those of
//! OTP's *EI Library Reference*, with the layouts of OTP 25 and later. What differs on purpose is
//! listed in this crate's README.
//!
//! There is the codec, everything that encodes, decodes, prints, formats, skips and compares terms; what
//! connects nodes, over TCP or over sockets that the program implements; and what they say to each
//! other: messages, remote calls, global names.
//!
//! # Safety
//! All functions take C's pointers at their word, as ei.h describes them: a pointer is null or valid,
//! strings end with NUL, an output buffer has the room that the manual asks for, and a buffer that is
//! decoded holds what its bytes announce. Null where the manual does not allow it makes a function
//! fail.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "one contract for all functions, stated above"
)]
#![allow(non_upper_case_globals, reason = "the names are those of ei.h")]

mod accept;
mod address;
mod ahead;
mod atom;
mod bignum;
mod callbacks;
mod compare;
mod connect;
mod control;
mod conversation;
mod descriptor;
mod epmd;
mod errno;
mod ffi;
mod format;
mod fun;
mod global;
mod header;
mod host;
mod ids;
mod iodata;
pub mod layer;
mod mutex;
mod node;
mod note;
mod number;
mod output;
mod print;
mod raw;
mod receive;
mod rpc;
mod send;
mod sets;
mod setup;
mod short;
mod show;
mod steps;
mod table;
mod tcp;
mod term;
mod text;
mod trace;
mod turn;
pub mod types;
mod unix;
mod wait;
mod xbuff;

pub use accept::*;
pub use ahead::{einode_pending, einode_read_ahead};
pub use atom::*;
pub use bignum::*;
pub use compare::*;
pub use connect::*;
pub use descriptor::Descriptor;
pub use epmd::*;
pub use ffi::*;
pub use format::*;
pub use fun::*;
pub use global::*;
pub use header::*;
pub use host::*;
pub use ids::*;
pub use iodata::*;
pub use mutex::*;
pub use node::*;
pub use note::einode_last_error;
pub use number::*;
pub use print::*;
pub use receive::*;
pub use rpc::*;
pub use send::*;
pub use sets::{callbacks, einode_ipv6_callbacks, einode_unix_callbacks, layered_socket};
pub use setup::{Setup, einode_free, einode_ipv6, einode_unix};
pub use show::*;
pub use tcp::*;
pub use term::*;
pub use text::*;
pub use trace::{ei_get_tracelevel, ei_set_tracelevel, ei_trace, ei_trace_printf, ei_tracelevel};
pub use xbuff::*;

use std::ffi::c_int;

/// Prepares the library, for processes that fork. It may be called again.
#[unsafe(no_mangle)]
pub extern "C" fn ei_init() -> c_int {
    table::prepare_for_fork();
    trace::initialize();
    OK
}

/// Was to make terms look as an older release writes them. All releases that this library talks to read
/// the same, so it does nothing, as in OTP today.
#[unsafe(no_mangle)]
pub extern "C" fn ei_set_compat_rel(_rel: std::ffi::c_uint) {}
