//! Two libraries of the same functions side by side: [`ours`], and [`otp`], which is OTP's with its
//! symbols renamed. [`inlined`] is ours as a program has it that was compiled with our ei.h.
//!
//! [`both!`] runs a piece of code against each library.
#![allow(missing_docs, reason = "the functions are those of ei.h")]

use std::ffi::{
    c_char, c_double, c_int, c_long, c_longlong, c_uchar, c_uint, c_ulong, c_ulonglong, c_void,
};

use ei::ei_mutex_t;
use ei::types::*;
use libc::{FILE, hostent};

/// Why OTP's library is not there; `None` if it is.
pub const MISSING: Option<&str> = option_env!("OTP_LIBEI_MISSING");

/// The directory of this workspace's ei.h.
pub const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../include");

/// The directory of OTP's ei.h, if that is there.
pub const OTP_INCLUDE: Option<&str> = option_env!("OTP_EI_INCLUDE");

/// OTP's library as C programs can be linked with it on this system, if it is there.
pub const OTP_LIBRARY: Option<&str> = option_env!("OTP_EI_LIBRARY");

type Text = *const c_char;
type Index = *mut c_int;
type Buffer = *mut ei_x_buff;
type Encoding = erlang_char_encoding;
type Node = *mut ei_cnode;
type Callbacks = *mut ei_socket_callbacks;

macro_rules! libraries {
    // A function is defined with the types that are declared here; one that takes any number of
    // arguments cannot be compared.
    (@defined $name:ident($($type:ty),*) $(-> $result:ty)?) => {
        const _: unsafe extern "C" fn($($type),*) $(-> $result)? = ei::$name;
    };
    (@defined $name:ident($($type:ty),*; $more:tt) -> $result:ty) => {};
    ($(fn $name:ident($($type:ty),* $(; $more:tt)?) $(-> $result:ty)?;)*) => {
        /// The functions, as they are declared here: name, types of the arguments, type of the result.
        pub const PROTOTYPES: &[(&str, &[&str], &str)] = &[$((
            stringify!($name),
            &[$(stringify!($type),)* $(stringify!($more))?],
            concat!($(stringify!($result))?),
        )),*];

        $( libraries!(@defined $name($($type),* $(; $more)?) $(-> $result)?); )*

        /// The functions of this workspace.
        pub mod ours {
            use super::*;
            use ei as _;
            unsafe extern "C" {
                $( pub fn $name($(_: $type),* $(, $more)?) $(-> $result)?; )*
            }
        }

        /// The functions of OTP.
        #[cfg(otp_libei)]
        pub mod otp {
            use super::*;
            unsafe extern "C" {
                $(
                    #[link_name = concat!("otp_", stringify!($name))]
                    pub fn $name($(_: $type),* $(, $more)?) $(-> $result)?;
                )*
            }
        }
    };
}

libraries! {
    fn __erl_errno_place() -> *mut c_int;
    fn ei_accept(Node, c_int, *mut ErlConnect) -> c_int;
    fn ei_accept_tmo(Node, c_int, *mut ErlConnect, c_uint) -> c_int;
    fn ei_alloc_big(c_uint) -> *mut erlang_big;
    fn ei_big_comp(*mut erlang_big, *mut erlang_big) -> c_int;
    fn ei_big_to_double(*mut erlang_big, *mut c_double) -> c_int;
    fn ei_close_connection(c_int) -> c_int;
    fn ei_cmp_pids(*mut erlang_pid, *mut erlang_pid) -> c_int;
    fn ei_cmp_ports(*mut erlang_port, *mut erlang_port) -> c_int;
    fn ei_cmp_refs(*mut erlang_ref, *mut erlang_ref) -> c_int;
    fn ei_connect(Node, *mut c_char) -> c_int;
    fn ei_connect_host_port(Node, *mut c_char, c_int) -> c_int;
    fn ei_connect_host_port_tmo(Node, *mut c_char, c_int, c_uint) -> c_int;
    fn ei_connect_init(Node, Text, Text, c_uint) -> c_int;
    fn ei_connect_init_ussi(Node, Text, Text, c_uint, Callbacks, c_int, *mut c_void) -> c_int;
    fn ei_connect_tmo(Node, *mut c_char, c_uint) -> c_int;
    fn ei_connect_xinit(Node, Text, Text, Text, Erl_IpAddr, Text, c_uint) -> c_int;
    fn ei_connect_xinit_ussi(Node, Text, Text, Text, Erl_IpAddr, Text, c_uint, Callbacks, c_int, *mut c_void) -> c_int;
    fn ei_decode_atom(Text, Index, *mut c_char) -> c_int;
    fn ei_decode_atom_as(Text, Index, *mut c_char, c_int, Encoding, *mut Encoding, *mut Encoding) -> c_int;
    fn ei_decode_big(Text, Index, *mut erlang_big) -> c_int;
    fn ei_decode_binary(Text, Index, *mut c_void, *mut c_long) -> c_int;
    fn ei_decode_bitstring(Text, Index, *mut Text, *mut c_uint, *mut usize) -> c_int;
    fn ei_decode_boolean(Text, Index, *mut c_int) -> c_int;
    fn ei_decode_char(Text, Index, *mut c_char) -> c_int;
    fn ei_decode_double(Text, Index, *mut c_double) -> c_int;
    fn ei_decode_ei_term(Text, Index, *mut ei_term) -> c_int;
    fn ei_decode_fun(Text, Index, *mut erlang_fun) -> c_int;
    fn ei_decode_intlist(Text, Index, *mut c_long, *mut c_int) -> c_int;
    fn ei_decode_iodata(Text, Index, *mut c_int, *mut c_char) -> c_int;
    fn ei_decode_list_header(Text, Index, *mut c_int) -> c_int;
    fn ei_decode_long(Text, Index, *mut c_long) -> c_int;
    fn ei_decode_longlong(Text, Index, *mut c_longlong) -> c_int;
    fn ei_decode_map_header(Text, Index, *mut c_int) -> c_int;
    fn ei_decode_pid(Text, Index, *mut erlang_pid) -> c_int;
    fn ei_decode_port(Text, Index, *mut erlang_port) -> c_int;
    fn ei_decode_ref(Text, Index, *mut erlang_ref) -> c_int;
    fn ei_decode_string(Text, Index, *mut c_char) -> c_int;
    fn ei_decode_trace(Text, Index, *mut erlang_trace) -> c_int;
    fn ei_decode_tuple_header(Text, Index, *mut c_int) -> c_int;
    fn ei_decode_ulong(Text, Index, *mut c_ulong) -> c_int;
    fn ei_decode_ulonglong(Text, Index, *mut c_ulonglong) -> c_int;
    fn ei_decode_version(Text, Index, *mut c_int) -> c_int;
    fn ei_distversion(c_int) -> c_int;
    fn ei_encode_atom(*mut c_char, Index, Text) -> c_int;
    fn ei_encode_atom_as(*mut c_char, Index, Text, Encoding, Encoding) -> c_int;
    fn ei_encode_atom_len(*mut c_char, Index, Text, c_int) -> c_int;
    fn ei_encode_atom_len_as(*mut c_char, Index, Text, c_int, Encoding, Encoding) -> c_int;
    fn ei_encode_big(*mut c_char, Index, *mut erlang_big) -> c_int;
    fn ei_encode_binary(*mut c_char, Index, *const c_void, c_long) -> c_int;
    fn ei_encode_bitstring(*mut c_char, Index, Text, usize, usize) -> c_int;
    fn ei_encode_boolean(*mut c_char, Index, c_int) -> c_int;
    fn ei_encode_char(*mut c_char, Index, c_char) -> c_int;
    fn ei_encode_double(*mut c_char, Index, c_double) -> c_int;
    fn ei_encode_fun(*mut c_char, Index, *const erlang_fun) -> c_int;
    fn ei_encode_list_header(*mut c_char, Index, c_int) -> c_int;
    fn ei_encode_long(*mut c_char, Index, c_long) -> c_int;
    fn ei_encode_longlong(*mut c_char, Index, c_longlong) -> c_int;
    fn ei_encode_map_header(*mut c_char, Index, c_int) -> c_int;
    fn ei_encode_pid(*mut c_char, Index, *const erlang_pid) -> c_int;
    fn ei_encode_port(*mut c_char, Index, *const erlang_port) -> c_int;
    fn ei_encode_ref(*mut c_char, Index, *const erlang_ref) -> c_int;
    fn ei_encode_string(*mut c_char, Index, Text) -> c_int;
    fn ei_encode_string_len(*mut c_char, Index, Text, c_int) -> c_int;
    fn ei_encode_trace(*mut c_char, Index, *const erlang_trace) -> c_int;
    fn ei_encode_tuple_header(*mut c_char, Index, c_int) -> c_int;
    fn ei_encode_ulong(*mut c_char, Index, c_ulong) -> c_int;
    fn ei_encode_ulonglong(*mut c_char, Index, c_ulonglong) -> c_int;
    fn ei_encode_version(*mut c_char, Index) -> c_int;
    fn ei_epmd_connect_tmo(Erl_IpAddr, c_uint) -> c_int;
    fn ei_epmd_port(Erl_IpAddr, Text, *mut c_int) -> c_int;
    fn ei_epmd_port_tmo(Erl_IpAddr, Text, *mut c_int, c_uint) -> c_int;
    fn ei_epmd_publish(c_int, Text) -> c_int;
    fn ei_epmd_publish_tmo(c_int, Text, c_uint) -> c_int;
    fn ei_fd_to_cnode(c_int) -> *mut ei_cnode;
    fn ei_free(*mut c_void);
    fn ei_free_big(*mut erlang_big);
    fn ei_get_type(Text, *const c_int, *mut c_int, *mut c_int) -> c_int;
    fn ei_getfdcookie(c_int) -> *const c_char;
    fn ei_gethostbyaddr(Text, c_int, c_int) -> *mut hostent;
    fn ei_gethostbyaddr_r(Text, c_int, c_int, *mut hostent, *mut c_char, c_int, *mut c_int) -> *mut hostent;
    fn ei_gethostbyname(Text) -> *mut hostent;
    fn ei_gethostbyname_r(Text, *mut hostent, *mut c_char, c_int, *mut c_int) -> *mut hostent;
    fn ei_init() -> c_int;
    fn ei_listen(Node, *mut c_int, c_int) -> c_int;
    fn ei_make_pid(Node, *mut erlang_pid) -> c_int;
    fn ei_make_ref(Node, *mut erlang_ref) -> c_int;
    fn ei_malloc(c_long) -> *mut c_void;
    fn ei_mutex_create() -> *mut ei_mutex_t;
    fn ei_mutex_free(*mut ei_mutex_t, c_int) -> c_int;
    fn ei_mutex_lock(*mut ei_mutex_t, c_int) -> c_int;
    fn ei_mutex_unlock(*mut ei_mutex_t) -> c_int;
    fn ei_print_term(*mut FILE, Text, Index) -> c_int;
    fn ei_publish(Node, c_int) -> c_int;
    fn ei_publish_tmo(Node, c_int, c_uint) -> c_int;
    fn ei_realloc(*mut c_void, c_long) -> *mut c_void;
    fn ei_s_print_term(*mut *mut c_char, Text, Index) -> c_int;
    fn ei_self(Node) -> *mut erlang_pid;
    fn ei_set_compat_rel(c_uint);
    fn ei_skip_term(Text, Index) -> c_int;
    fn ei_small_to_big(c_int, *mut erlang_big) -> c_int;
    fn ei_thisalivename(*const ei_cnode) -> *const c_char;
    fn ei_thiscookie(*const ei_cnode) -> *const c_char;
    fn ei_thishostname(*const ei_cnode) -> *const c_char;
    fn ei_thisnodename(*const ei_cnode) -> *const c_char;
    fn ei_unpublish(Node) -> c_int;
    fn ei_unpublish_tmo(Text, c_uint) -> c_int;
    fn ei_x_append(Buffer, *const ei_x_buff) -> c_int;
    fn ei_x_append_buf(Buffer, Text, c_int) -> c_int;
    fn ei_x_encode_atom(Buffer, Text) -> c_int;
    fn ei_x_encode_atom_as(Buffer, Text, Encoding, Encoding) -> c_int;
    fn ei_x_encode_atom_len(Buffer, Text, c_int) -> c_int;
    fn ei_x_encode_atom_len_as(Buffer, Text, c_int, Encoding, Encoding) -> c_int;
    fn ei_x_encode_big(Buffer, *mut erlang_big) -> c_int;
    fn ei_x_encode_binary(Buffer, *const c_void, c_int) -> c_int;
    fn ei_x_encode_bitstring(Buffer, Text, usize, usize) -> c_int;
    fn ei_x_encode_boolean(Buffer, c_int) -> c_int;
    fn ei_x_encode_char(Buffer, c_char) -> c_int;
    fn ei_x_encode_double(Buffer, c_double) -> c_int;
    fn ei_x_encode_empty_list(Buffer) -> c_int;
    fn ei_x_encode_fun(Buffer, *const erlang_fun) -> c_int;
    fn ei_x_encode_list_header(Buffer, c_long) -> c_int;
    fn ei_x_encode_long(Buffer, c_long) -> c_int;
    fn ei_x_encode_longlong(Buffer, c_longlong) -> c_int;
    fn ei_x_encode_map_header(Buffer, c_long) -> c_int;
    fn ei_x_encode_pid(Buffer, *const erlang_pid) -> c_int;
    fn ei_x_encode_port(Buffer, *const erlang_port) -> c_int;
    fn ei_x_encode_ref(Buffer, *const erlang_ref) -> c_int;
    fn ei_x_encode_string(Buffer, Text) -> c_int;
    fn ei_x_encode_string_len(Buffer, Text, c_int) -> c_int;
    fn ei_x_encode_trace(Buffer, *const erlang_trace) -> c_int;
    fn ei_x_encode_tuple_header(Buffer, c_long) -> c_int;
    fn ei_x_encode_ulong(Buffer, c_ulong) -> c_int;
    fn ei_x_encode_ulonglong(Buffer, c_ulonglong) -> c_int;
    fn ei_x_encode_version(Buffer) -> c_int;
    fn ei_x_format(Buffer, Text; ...) -> c_int;
    fn ei_x_format_wo_ver(Buffer, Text; ...) -> c_int;
    fn ei_x_free(Buffer) -> c_int;
    fn ei_x_new(Buffer) -> c_int;
    fn ei_x_new_with_version(Buffer) -> c_int;
    fn ei_xconnect(Node, Erl_IpAddr, *mut c_char) -> c_int;
    fn ei_xconnect_host_port(Node, Erl_IpAddr, c_int) -> c_int;
    fn ei_xconnect_host_port_tmo(Node, Erl_IpAddr, c_int, c_uint) -> c_int;
    fn ei_xconnect_tmo(Node, Erl_IpAddr, *mut c_char, c_uint) -> c_int;
    fn ei_xlisten(Node, Erl_IpAddr, *mut c_int, c_int) -> c_int;
    fn free_fun(*mut erlang_fun);
    fn ei_get_tracelevel() -> c_int;
    fn ei_global_names(*mut ei_cnode, c_int, *mut c_int) -> *mut *mut c_char;
    fn ei_global_register(c_int, Text, *mut erlang_pid) -> c_int;
    fn ei_global_unregister(*mut ei_cnode, c_int, Text) -> c_int;
    fn ei_global_whereis(*mut ei_cnode, c_int, Text, *mut erlang_pid, *mut c_char) -> c_int;
    fn ei_receive(c_int, *mut c_uchar, c_int) -> c_int;
    fn ei_receive_encoded(c_int, *mut *mut c_char, Index, *mut erlang_msg, Index) -> c_int;
    fn ei_receive_encoded_tmo(c_int, *mut *mut c_char, Index, *mut erlang_msg, Index, c_uint) -> c_int;
    fn ei_receive_msg(c_int, *mut erlang_msg, Buffer) -> c_int;
    fn ei_receive_msg_tmo(c_int, *mut erlang_msg, Buffer, c_uint) -> c_int;
    fn ei_receive_tmo(c_int, *mut c_uchar, c_int, c_uint) -> c_int;
    fn ei_reg_send(*mut ei_cnode, c_int, *mut c_char, *mut c_char, c_int) -> c_int;
    fn ei_reg_send_tmo(*mut ei_cnode, c_int, *mut c_char, *mut c_char, c_int, c_uint) -> c_int;
    fn ei_rpc(*mut ei_cnode, c_int, *mut c_char, *mut c_char, Text, c_int, Buffer) -> c_int;
    fn ei_rpc_from(*mut ei_cnode, c_int, c_int, *mut erlang_msg, Buffer) -> c_int;
    fn ei_rpc_to(*mut ei_cnode, c_int, *mut c_char, *mut c_char, Text, c_int) -> c_int;
    fn ei_send(c_int, *mut erlang_pid, *mut c_char, c_int) -> c_int;
    fn ei_send_encoded(c_int, *const erlang_pid, *mut c_char, c_int) -> c_int;
    fn ei_send_encoded_tmo(c_int, *const erlang_pid, *mut c_char, c_int, c_uint) -> c_int;
    fn ei_send_exit(c_int, *const erlang_pid, *const erlang_pid, Text) -> c_int;
    fn ei_send_exit_tmo(c_int, *const erlang_pid, *const erlang_pid, Text, c_uint) -> c_int;
    fn ei_send_reg_encoded(c_int, *const erlang_pid, Text, *mut c_char, c_int) -> c_int;
    fn ei_send_reg_encoded_tmo(c_int, *const erlang_pid, Text, *mut c_char, c_int, c_uint) -> c_int;
    fn ei_send_tmo(c_int, *mut erlang_pid, *mut c_char, c_int, c_uint) -> c_int;
    fn ei_set_tracelevel(c_int);
    fn ei_show_recmsg(*mut FILE, *mut erlang_msg, *mut c_char);
    fn ei_show_sendmsg(*mut FILE, Text, Text) -> c_int;
    fn ei_trace(c_int, *mut erlang_trace) -> *mut erlang_trace;
    fn ei_xreceive_msg(c_int, *mut erlang_msg, Buffer) -> c_int;
    fn ei_xreceive_msg_tmo(c_int, *mut erlang_msg, Buffer, c_uint) -> c_int;
    fn ei_xrpc_to(*mut ei_cnode, c_int, *mut c_char, *mut c_char, Text, c_int, c_int) -> c_int;
}

macro_rules! inlined {
    ($(fn $name:ident($($type:ty),*) -> c_int;)*) => {
        /// The functions of this workspace, those in `ei_inline.h` as the C compiler inlines them.
        pub mod inlined {
            use super::*;
            pub use super::ours::*;
            unsafe extern "C" {
                $(
                    #[link_name = concat!("inlined_", stringify!($name))]
                    pub fn $name($(_: $type),*) -> c_int;
                )*
            }
        }
    };
}

inlined! {
    fn ei_get_type(Text, *const c_int, *mut c_int, *mut c_int) -> c_int;
    fn ei_decode_version(Text, Index, *mut c_int) -> c_int;
    fn ei_decode_long(Text, Index, *mut c_long) -> c_int;
    fn ei_decode_ulong(Text, Index, *mut c_ulong) -> c_int;
    fn ei_decode_longlong(Text, Index, *mut c_longlong) -> c_int;
    fn ei_decode_ulonglong(Text, Index, *mut c_ulonglong) -> c_int;
    fn ei_decode_double(Text, Index, *mut c_double) -> c_int;
    fn ei_decode_tuple_header(Text, Index, *mut c_int) -> c_int;
    fn ei_decode_list_header(Text, Index, *mut c_int) -> c_int;
    fn ei_decode_map_header(Text, Index, *mut c_int) -> c_int;
    fn ei_decode_atom(Text, Index, *mut c_char) -> c_int;
    fn ei_decode_atom_as(Text, Index, *mut c_char, c_int, Encoding, *mut Encoding, *mut Encoding) -> c_int;
    fn ei_decode_string(Text, Index, *mut c_char) -> c_int;
    fn ei_decode_binary(Text, Index, *mut c_void, *mut c_long) -> c_int;
    fn ei_encode_version(*mut c_char, Index) -> c_int;
    fn ei_encode_long(*mut c_char, Index, c_long) -> c_int;
    fn ei_encode_ulong(*mut c_char, Index, c_ulong) -> c_int;
    fn ei_encode_longlong(*mut c_char, Index, c_longlong) -> c_int;
    fn ei_encode_ulonglong(*mut c_char, Index, c_ulonglong) -> c_int;
    fn ei_encode_char(*mut c_char, Index, c_char) -> c_int;
    fn ei_encode_double(*mut c_char, Index, c_double) -> c_int;
    fn ei_encode_tuple_header(*mut c_char, Index, c_int) -> c_int;
    fn ei_encode_list_header(*mut c_char, Index, c_int) -> c_int;
    fn ei_encode_map_header(*mut c_char, Index, c_int) -> c_int;
    fn ei_encode_binary(*mut c_char, Index, *const c_void, c_long) -> c_int;
}

/// Runs an unsafe expression with the functions of each library in scope; gives what each run gave,
/// ours first.
#[macro_export]
macro_rules! both {
    ($run:expr) => {{
        let ours = {
            use $crate::ours::*;
            unsafe { $run }
        };
        let theirs = {
            use $crate::otp::*;
            unsafe { $run }
        };
        (ours, theirs)
    }};
}

/// [`both!`], and a third run with the functions that are [`inlined`].
#[macro_export]
macro_rules! all {
    ($run:expr) => {{
        let (ours, theirs) = $crate::both!($run);
        let inlined = {
            use $crate::inlined::*;
            unsafe { $run }
        };
        (ours, theirs, inlined)
    }};
}

/// Fails unless an unsafe expression gives the same with either library.
#[macro_export]
macro_rules! assert_same {
    ($run:expr, $($context:tt)+) => {{
        let (ours, theirs) = $crate::both!($run);
        $crate::assert_as!(ours, " OTP", theirs, $($context)+);
    }};
}

/// [`assert_same!`] that looks at the functions that are [`inlined`] as well.
#[macro_export]
macro_rules! assert_all_same {
    ($run:expr, $($context:tt)+) => {{
        let (ours, theirs, inlined) = $crate::all!($run);
        $crate::assert_as!(ours, " OTP", theirs, $($context)+);
        $crate::assert_as!(ours, "inlined", inlined, $($context)+);
    }};
}

/// Fails unless our result is that of somebody else.
#[macro_export]
macro_rules! assert_as {
    ($ours:ident, $who:literal, $theirs:ident, $($context:tt)+) => {
        assert!(
            $ours == $theirs,
            "{}\nours: {}\n{}: {}",
            format_args!($($context)+),
            $crate::shown(&$ours),
            $who,
            $crate::shown(&$theirs),
        );
    };
}

/// A result in a line, without what a buffer was filled with.
pub fn shown(result: &dyn std::fmt::Debug) -> String {
    format!("{result:x?}")
        .replace("aa, ", "")
        .replace("55, ", "")
        .replace(" 0,", "")
}
