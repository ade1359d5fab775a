//! The types of ei.h, with the layout that they have in OTP 25 and later.

#![allow(non_camel_case_types, reason = "the names are those of ei.h")]

use std::ffi::{c_char, c_double, c_int, c_long, c_uint, c_ulonglong, c_void};

/// The bytes of an atom in Latin-1, with its NUL.
pub const MAXATOMLEN: usize = 255 + 1;
/// The bytes of an atom in UTF-8, with its NUL.
pub const MAXATOMLEN_UTF8: usize = 4 * 255 + 1;

/// A set of encodings of text: any of [`ERLANG_ASCII`], [`ERLANG_LATIN1`] and [`ERLANG_UTF8`].
pub type erlang_char_encoding = c_uint;
/// Seven bits.
pub const ERLANG_ASCII: erlang_char_encoding = 1;
/// ISO 8859-1.
pub const ERLANG_LATIN1: erlang_char_encoding = 2;
/// UTF-8.
pub const ERLANG_UTF8: erlang_char_encoding = 4;

/// A process identifier.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erlang_pid {
    /// Its node, in UTF-8, ended by NUL.
    pub node: [c_char; MAXATOMLEN_UTF8],
    /// Its number.
    pub num: c_uint,
    /// The upper part of its number.
    pub serial: c_uint,
    /// Which of the node's lives it belongs to.
    pub creation: c_uint,
}

/// A port identifier.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erlang_port {
    /// Its node, in UTF-8, ended by NUL.
    pub node: [c_char; MAXATOMLEN_UTF8],
    /// Its number.
    pub id: c_ulonglong,
    /// Which of the node's lives it belongs to.
    pub creation: c_uint,
}

/// A reference.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erlang_ref {
    /// Its node, in UTF-8, ended by NUL.
    pub node: [c_char; MAXATOMLEN_UTF8],
    /// How many words it has.
    pub len: c_int,
    /// Its words, the least significant first.
    pub n: [c_uint; 5],
    /// Which of the node's lives it belongs to.
    pub creation: c_uint,
}

/// A trace token.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names of seq_trace say all there is")]
pub struct erlang_trace {
    pub serial: c_long,
    pub prev: c_long,
    pub from: erlang_pid,
    pub label: c_long,
    pub flags: c_long,
}

/// What came with a message.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erlang_msg {
    /// Its kind: [`ERL_SEND`], [`ERL_REG_SEND`] and so on.
    pub msgtype: c_long,
    /// Who sent it, if its kind says that.
    pub from: erlang_pid,
    /// To whom, if that is a process.
    pub to: erlang_pid,
    /// To whom, if that is a name; in UTF-8, ended by NUL.
    pub toname: [c_char; MAXATOMLEN_UTF8],
    /// Nothing, today.
    pub cookie: [c_char; MAXATOMLEN_UTF8],
    /// Its trace token, if it had one.
    pub token: erlang_trace,
}

/// What functions return, and what messages are: the constants of ei.h.
macro_rules! constants {
    ($($(#[$about:meta])* $name:ident: $type:ty = $value:expr;)*) => {
        $( $(#[$about])* pub const $name: $type = $value; )*
    };
}

constants! {
    /// There was nothing but a sign of life, which has been answered.
    ERL_TICK: c_int = 0;
    /// There was a message.
    ERL_MSG: c_int = 1;
    /// It took too long.
    ERL_TIMEOUT: c_int = -5;
    /// `from` has linked itself to `to`.
    ERL_LINK: c_long = 1;
    /// A message to a pid.
    ERL_SEND: c_long = 2;
    /// `from`, to which `to` is linked, has ended.
    ERL_EXIT: c_long = 3;
    /// `from` has ended its link to `to`.
    ERL_UNLINK: c_long = 4;
    /// A message to a registered name.
    ERL_REG_SEND: c_long = 6;
    /// `from` shall be the group leader of `to`.
    ERL_GROUP_LEADER: c_long = 7;
    /// `from` called `exit/2` with `to`.
    ERL_EXIT2: c_long = 8;
    /// [`ERL_SEND`] with a trace token.
    ERL_SEND_TT: c_long = 12;
    /// [`ERL_EXIT`] with a trace token.
    ERL_EXIT_TT: c_long = 13;
    /// [`ERL_REG_SEND`] with a trace token.
    ERL_REG_SEND_TT: c_long = 16;
    /// [`ERL_EXIT2`] with a trace token.
    ERL_EXIT2_TT: c_long = 18;
    /// `from` monitors a process or name.
    ERL_MONITOR_P: c_long = 19;
    /// `from` has ended its monitor.
    ERL_DEMONITOR_P: c_long = 20;
    /// What a packet without a distribution header begins with.
    ERL_PASS_THROUGH: c_char = b'p' as c_char;
    /// For `ei_xrpc_to`: what the function prints is sent to the caller.
    EI_RPC_FETCH_STDOUT: c_int = 1;
}

/// What kind of fun it is: [`EI_FUN_CLOSURE`] or [`EI_FUN_EXPORT`].
pub type erlang_fun_type = c_uint;
/// A local fun.
pub const EI_FUN_CLOSURE: erlang_fun_type = 0;
/// `fun Module:Function/Arity`.
pub const EI_FUN_EXPORT: erlang_fun_type = 1;

/// A fun.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erlang_fun {
    /// The number of its arguments; -1 where its form does not say it.
    pub arity: c_long,
    /// Its module, in UTF-8, ended by NUL.
    pub module: [c_char; MAXATOMLEN_UTF8],
    /// Which member of `u` it has.
    pub r#type: erlang_fun_type,
    /// What kinds of funs do not have in common.
    pub u: erlang_fun_u,
}

/// What kinds of funs do not have in common.
#[repr(C)]
#[derive(Clone, Copy)]
pub union erlang_fun_u {
    /// Of a local fun.
    pub closure: erlang_closure,
    /// Of an external fun.
    pub exprt: erlang_export,
}

/// What only a local fun has.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erlang_closure {
    /// A hash of its module.
    pub md5: [c_char; 16],
    /// Its number among the funs of its module.
    pub index: c_long,
    /// The same, before OTP R15.
    pub old_index: c_long,
    /// A hash of its code.
    pub uniq: c_long,
    /// How many values it closed over.
    pub n_free_vars: c_long,
    /// The process that made it.
    pub pid: erlang_pid,
    /// How many bytes those values take.
    pub free_var_len: c_long,
    /// Their bytes.
    pub free_vars: *mut c_char,
}

/// What only an external fun has.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erlang_export {
    /// The name of the function, in UTF-8, ended by NUL.
    pub func: *mut c_char,
    /// Whether `free_fun` has to free it.
    pub func_allocated: c_int,
}

/// An integer of any size.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erlang_big {
    /// How many bytes of digits there are.
    pub arity: c_uint,
    /// Whether it is below zero.
    pub is_neg: c_int,
    /// Its digits of 16 bits, the least significant first.
    pub digits: *mut c_void,
}

/// Any small term.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ei_term {
    /// The tag of its external format, or a tag that stands for all of its type.
    pub ei_type: c_char,
    /// Of a container: the number of elements.
    pub arity: c_int,
    /// Of a binary or string: the number of bytes.
    pub size: c_int,
    /// Its value, if `ei_decode_ei_term` returned 1.
    pub value: ei_term_value,
}

/// The value of an [`ei_term`].
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "named after their types")]
pub union ei_term_value {
    pub i_val: c_long,
    pub d_val: c_double,
    pub atom_name: [c_char; MAXATOMLEN_UTF8],
    pub pid: erlang_pid,
    pub port: erlang_port,
    pub r#ref: erlang_ref,
}

/// A buffer that grows. `buff` is from `malloc`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ei_x_buff {
    /// The bytes.
    pub buff: *mut c_char,
    /// How many bytes there is room for.
    pub buffsz: c_int,
    /// How many of them are in use.
    pub index: c_int,
}

/// The bytes of the name of a node.
pub const MAXNODELEN: usize = MAXATOMLEN;
/// The bytes of the name of a host, without its NUL.
pub const EI_MAXHOSTNAMELEN: usize = MAXATOMLEN - 2;
/// The bytes of the part of a node's name before the `@`, without its NUL.
pub const EI_MAXALIVELEN: usize = MAXATOMLEN - 2;
/// The bytes of a cookie, without its NUL.
pub const EI_MAX_COOKIE_SIZE: usize = 512;

/// A node of this library.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ei_cnode {
    /// The host's name.
    pub thishostname: [c_char; EI_MAXHOSTNAMELEN + 1],
    /// The node's name; empty until a peer gives it one, if it has none of its own.
    pub thisnodename: [c_char; MAXNODELEN + 1],
    /// The part of it before the `@`.
    pub thisalivename: [c_char; EI_MAXALIVELEN + 1],
    /// The cookie.
    pub ei_connect_cookie: [c_char; EI_MAX_COOKIE_SIZE + 1],
    /// Which of the node's lives this is.
    pub creation: c_uint,
    /// The pid that it sends as.
    pub self_: erlang_pid,
    /// What its sockets are used through.
    pub cbs: *mut ei_socket_callbacks,
    /// What the callback `socket` gets.
    pub setup_context: *mut c_void,
    /// The number of the next pid.
    pub pidsn: c_uint,
}

/// Who has connected to us.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ErlConnect {
    /// Its address, as it is on the wire.
    pub ipadr: [c_char; 4],
    /// Its name.
    pub nodename: [c_char; MAXNODELEN + 1],
}

/// An address of IPv4.
pub type Erl_IpAddr = *mut libc::in_addr;

/// The `tmo` of a callback that may take as long as it needs.
pub const EI_SCLBK_INF_TMO: c_uint = !0;
/// The callbacks see to it that they take no longer than their `tmo`.
pub const EI_SCLBK_FLG_FULL_IMPL: c_int = 1;

/// How sockets are used. All return 0 or a value of errno.h.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the manual has a section on each")]
pub struct ei_socket_callbacks {
    pub flags: c_int,
    pub socket: Option<unsafe extern "C" fn(*mut *mut c_void, *mut c_void) -> c_int>,
    pub close: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    pub listen: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int, c_int) -> c_int>,
    pub accept:
        Option<unsafe extern "C" fn(*mut *mut c_void, *mut c_void, *mut c_int, c_uint) -> c_int>,
    pub connect: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, c_int, c_uint) -> c_int>,
    pub writev: Option<
        unsafe extern "C" fn(*mut c_void, *const c_void, c_int, *mut isize, c_uint) -> c_int,
    >,
    pub write:
        Option<unsafe extern "C" fn(*mut c_void, *const c_char, *mut isize, c_uint) -> c_int>,
    pub read: Option<unsafe extern "C" fn(*mut c_void, *mut c_char, *mut isize, c_uint) -> c_int>,
    pub handshake_packet_header_size:
        Option<unsafe extern "C" fn(*mut c_void, *mut c_int) -> c_int>,
    pub connect_handshake_complete: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    pub accept_handshake_complete: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    pub get_fd: Option<unsafe extern "C" fn(*mut c_void, *mut c_int) -> c_int>,
}

/// Sizes and offsets that programs compiled against OTP's ei.h rely on.
macro_rules! layout {
    ($($type:ident: $size:literal { $($($member:ident).+: $offset:literal),* })*) => {
        $(
            const _: () = assert!(size_of::<$type>() == $size);
            $( const _: () = assert!(std::mem::offset_of!($type, $($member).+) == $offset); )*
        )*
    };
}

#[cfg(all(unix, target_pointer_width = "64"))]
layout! {
    erlang_pid: 1036 { node: 0, num: 1024, serial: 1028, creation: 1032 }
    erlang_port: 1040 { node: 0, id: 1024, creation: 1032 }
    erlang_ref: 1052 { node: 0, len: 1024, n: 1028, creation: 1048 }
    erlang_trace: 1072 { serial: 0, prev: 8, from: 16, label: 1056, flags: 1064 }
    erlang_msg: 5200 { msgtype: 0, from: 8, to: 1044, toname: 2080, cookie: 3101, token: 4128 }
    erlang_fun: 2144 {
        arity: 0, module: 8, r#type: 1032, u: 1040, u.closure.md5: 1040, u.closure.index: 1056,
        u.closure.old_index: 1064, u.closure.uniq: 1072, u.closure.n_free_vars: 1080,
        u.closure.pid: 1088, u.closure.free_var_len: 2128, u.closure.free_vars: 2136,
        u.exprt.func: 1040, u.exprt.func_allocated: 1048
    }
    erlang_big: 16 { arity: 0, is_neg: 4, digits: 8 }
    ei_term: 1072 { ei_type: 0, arity: 4, size: 8, value: 16 }
    ei_x_buff: 16 { buff: 0, buffsz: 8, index: 12 }
    ErlConnect: 261 { ipadr: 0, nodename: 4 }
    ei_socket_callbacks: 104 {
        flags: 0, socket: 8, close: 16, listen: 24, accept: 32, connect: 40, writev: 48, write: 56,
        read: 64, handshake_packet_header_size: 72, connect_handshake_complete: 80,
        accept_handshake_complete: 88, get_fd: 96
    }
    ei_cnode: 2344 {
        thishostname: 0, thisnodename: 255, thisalivename: 512, ei_connect_cookie: 767,
        creation: 1280, self_: 1284, cbs: 2320, setup_context: 2328, pidsn: 2336
    }
}
