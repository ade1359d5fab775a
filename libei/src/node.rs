//! Nodes of this library: what they are called, and what they make.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::errno::Errno;
use crate::ffi::{self, ERROR, OK, guard};
use crate::host;
use crate::table;
use crate::tcp::ei_default_socket_callbacks;
use crate::trace;
use crate::types::{
    EI_MAX_COOKIE_SIZE, EI_MAXALIVELEN, EI_MAXHOSTNAMELEN, Erl_IpAddr, MAXNODELEN, ei_cnode,
    ei_socket_callbacks, erlang_pid, erlang_ref,
};

/// Sets up a node called `this_node_name` on this host; without a name, peers give it one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_connect_init(
    ec: *mut ei_cnode,
    this_node_name: *const c_char,
    cookie: *const c_char,
    creation: c_uint,
) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe { init(ec, this_node_name, cookie, creation, Sockets::TCP) }
}

/// [`ei_connect_init`], with sockets that are used through callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_connect_init_ussi(
    ec: *mut ei_cnode,
    this_node_name: *const c_char,
    cookie: *const c_char,
    creation: c_uint,
    cbs: *mut ei_socket_callbacks,
    cbs_sz: c_int,
    setup_context: *mut c_void,
) -> c_int {
    match Sockets::new(cbs, cbs_sz, setup_context) {
        // SAFETY: the pointers are what ei.h says.
        Some(sockets) => unsafe { init(ec, this_node_name, cookie, creation, sockets) },
        None => ERROR,
    }
}

/// Sets up a node of which all is said; without `thisalivename`, peers give it a name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_connect_xinit(
    ec: *mut ei_cnode,
    thishostname: *const c_char,
    thisalivename: *const c_char,
    thisnodename: *const c_char,
    _thisipaddr: Erl_IpAddr,
    cookie: *const c_char,
    creation: c_uint,
) -> c_int {
    let names = [thishostname, thisalivename, thisnodename];
    // SAFETY: the pointers are what ei.h says.
    unsafe { xinit(ec, names, cookie, creation, Sockets::TCP) }
}

/// [`ei_connect_xinit`], with sockets that are used through callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_connect_xinit_ussi(
    ec: *mut ei_cnode,
    thishostname: *const c_char,
    thisalivename: *const c_char,
    thisnodename: *const c_char,
    _thisipaddr: Erl_IpAddr,
    cookie: *const c_char,
    creation: c_uint,
    cbs: *mut ei_socket_callbacks,
    cbs_sz: c_int,
    setup_context: *mut c_void,
) -> c_int {
    let names = [thishostname, thisalivename, thisnodename];
    match Sockets::new(cbs, cbs_sz, setup_context) {
        // SAFETY: the pointers are what ei.h says.
        Some(sockets) => unsafe { xinit(ec, names, cookie, creation, sockets) },
        None => ERROR,
    }
}

macro_rules! names {
    ($($(#[$about:meta])* $function:ident: $member:ident;)*) => { $(
        $(#[$about])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(ec: *const ei_cnode) -> *const c_char {
            if ec.is_null() {
                return ptr::null();
            }
            // SAFETY: a node, as ei.h says.
            unsafe { (&raw const (*ec).$member).cast() }
        }
    )* };
}

names! {
    /// The full name.
    ei_thisnodename: thisnodename;
    /// The host's name.
    ei_thishostname: thishostname;
    /// The name without the host's.
    ei_thisalivename: thisalivename;
    /// The cookie.
    ei_thiscookie: ei_connect_cookie;
}

/// The pid that the node sends as; null while it has no name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_self(ec: *mut ei_cnode) -> *mut erlang_pid {
    // SAFETY: null or a node, as ei.h says.
    match unsafe { ec.as_mut() } {
        Some(ec) if is_set(&ec.thisnodename) => &raw mut ec.self_,
        _ => {
            Errno(libc::EINVAL).set();
            ptr::null_mut()
        }
    }
}

/// Makes a pid of the node, other than those before; they repeat after 2^28 - 2^15.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_make_pid(ec: *mut ei_cnode, pid: *mut erlang_pid) -> c_int {
    // SAFETY: null, a node and room for a pid, as ei.h says.
    let (Some(ec), Some(pid)) = (unsafe { (ec.as_mut(), pid.as_mut()) }) else {
        return Errno(libc::EINVAL).fail();
    };
    if !is_set(&ec.thisnodename) {
        set(&mut pid.node, &[0xff]);
        (pid.num, pid.serial) = (!0, !0);
        return Errno(libc::EINVAL).fail();
    }
    // Fifteen bits of number and thirteen of serial. Serial 0 is that of `ei_self`.
    let mut next = ec.pidsn.wrapping_add(1) & 0x0fff_ffff;
    if next >> 15 == 0 {
        next = 1 << 15;
    }
    ec.pidsn = next;
    pid.node = ec.self_.node;
    pid.num = next & 0x7fff;
    pid.serial = next >> 15;
    pid.creation = ec.creation;
    OK
}

/// Makes a reference of the node, other than those before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_make_ref(ec: *mut ei_cnode, r#ref: *mut erlang_ref) -> c_int {
    static MADE: AtomicU64 = AtomicU64::new(0);
    // SAFETY: null, a node and room for a reference, as ei.h says.
    let (Some(ec), Some(made)) = (unsafe { (ec.as_mut(), r#ref.as_mut()) }) else {
        return Errno(libc::EINVAL).fail();
    };
    if !is_set(&ec.thisnodename) {
        set(&mut made.node, &[0xff]);
        made.len = -1;
        return Errno(libc::EINVAL).fail();
    }
    let number = MADE.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    made.node = ec.self_.node;
    made.len = 3;
    // The first word has eighteen bits.
    let words = [number & 0x3_ffff, number >> 18, number >> 50];
    made.n = [0; 5];
    for (to, word) in made.n.iter_mut().zip(words) {
        *to = word as c_uint;
    }
    made.creation = ec.creation;
    OK
}

/// The node that a connection was made by, as it was then; null if it is none.
#[unsafe(no_mangle)]
pub extern "C" fn ei_fd_to_cnode(fd: c_int) -> *mut ei_cnode {
    guard(ptr::null_mut(), || table::cnode(fd))
}

/// The cookie that a connection was made with; empty if it is none.
#[unsafe(no_mangle)]
pub extern "C" fn ei_getfdcookie(fd: c_int) -> *const c_char {
    let ec = ei_fd_to_cnode(fd);
    if ec.is_null() {
        return c"".as_ptr();
    }
    // SAFETY: a node, valid as long as the connection.
    unsafe { ei_thiscookie(ec) }
}

/// The version of the distribution protocol that a connection speaks; -1 if it is none.
#[unsafe(no_mangle)]
pub extern "C" fn ei_distversion(fd: c_int) -> c_int {
    if ei_fd_to_cnode(fd).is_null() {
        ERROR
    } else {
        6
    }
}

/// Through what a node uses its sockets.
struct Sockets {
    cbs: *mut ei_socket_callbacks,
    setup_context: *mut c_void,
}

impl Sockets {
    const TCP: Self = Self {
        cbs: (&raw const ei_default_socket_callbacks).cast_mut(),
        setup_context: ptr::null_mut(),
    };

    /// Callbacks of the program, which may know more members than we do but not fewer.
    fn new(
        cbs: *mut ei_socket_callbacks,
        cbs_sz: c_int,
        setup_context: *mut c_void,
    ) -> Option<Self> {
        let complete =
            usize::try_from(cbs_sz).is_ok_and(|size| size >= size_of::<ei_socket_callbacks>());
        if !complete {
            let text = format_args!("callbacks of {cbs_sz} bytes are incomplete");
            trace::error("ei_connect_xinit", text);
        }
        (complete && !cbs.is_null()).then_some(Self { cbs, setup_context })
    }
}

/// # Safety
/// `ec` has room for a node; the others are null or strings.
unsafe fn init(
    ec: *mut ei_cnode,
    alive: *const c_char,
    cookie: *const c_char,
    creation: c_uint,
    sockets: Sockets,
) -> c_int {
    guard(ERROR, || {
        let host = host::own_name();
        // SAFETY: as the caller promised.
        let alive = unsafe { ffi::text(alive) }.ok();
        let node = alive.map(|alive| [alive, b"@", &host].concat());
        let names = alive.zip(node.as_deref());
        // SAFETY: as the caller promised.
        unsafe { set_up(ec, &host, names, cookie, creation, sockets) }
    })
}

/// # Safety
/// `ec` has room for a node; the others are null or strings. `names` are those of the host, the node
/// without it, and both.
unsafe fn xinit(
    ec: *mut ei_cnode,
    names: [*const c_char; 3],
    cookie: *const c_char,
    creation: c_uint,
    sockets: Sockets,
) -> c_int {
    guard(ERROR, || {
        // SAFETY: as the caller promised.
        let [host, alive, node] = names.map(|name| unsafe { ffi::text(name) }.ok());
        let Some(host) = host else {
            return ERROR;
        };
        if alive.is_some() && node.is_none() {
            return ERROR;
        }
        // SAFETY: as the caller promised.
        unsafe { set_up(ec, host, alive.zip(node), cookie, creation, sockets) }
    })
}

/// # Safety
/// `ec` has room for a node; `cookie` is null or a string.
unsafe fn set_up(
    ec: *mut ei_cnode,
    host: &[u8],
    names: Option<(&[u8], &[u8])>,
    cookie: *const c_char,
    creation: c_uint,
    sockets: Sockets,
) -> c_int {
    let (alive, node) = names.unwrap_or_default();
    let placed = fits("ei_connect_xinit", "host's name", host, EI_MAXHOSTNAMELEN)
        && fits("ei_connect_init", "alive name", alive, EI_MAXALIVELEN)
        && fits("ei_connect_init", "node's name", node, MAXNODELEN);
    if ec.is_null() || !placed {
        return ERROR;
    }
    // SAFETY: as the caller promised.
    let cookie = match unsafe { ffi::text(cookie) } {
        Ok(cookie) => cookie.to_vec(),
        Err(_) => match cookie_of_user() {
            Ok(cookie) => cookie,
            Err(problem) => {
                // As OTP does; there is no other place for it.
                trace::tell(format!("ei: no cookie: {problem}\n").as_bytes());
                return Errno(libc::EINVAL).fail();
            }
        },
    };
    if !fits("ei_connect_xinit", "cookie", &cookie, EI_MAX_COOKIE_SIZE) {
        return ERROR;
    }
    // Those below 4 mean something else to old nodes.
    let creation = if creation < 4 {
        creation + 0xe1_0000
    } else {
        creation
    };
    // SAFETY: as the caller promised; a node is numbers and pointers, which zeros are.
    let ec = unsafe {
        ec.write(std::mem::zeroed());
        &mut *ec
    };
    set(&mut ec.thishostname, host);
    set(&mut ec.ei_connect_cookie, &cookie);
    name(ec, alive, node, creation);
    ec.cbs = sockets.cbs;
    ec.setup_context = sockets.setup_context;
    OK
}

/// Whether a text has its place in a node; if not, those who watch are told.
fn fits(function: &str, what: &str, text: &[u8], most: usize) -> bool {
    let length = text.len();
    if length > most {
        let text = format_args!("the {what} has {length} bytes, more than {most}");
        trace::error(function, text);
    }
    length <= most
}

/// Names a node, in this life.
pub(crate) fn name(ec: &mut ei_cnode, alive: &[u8], node: &[u8], creation: c_uint) {
    set(&mut ec.thisalivename, alive);
    set(&mut ec.thisnodename, node);
    set(&mut ec.self_.node, node);
    ec.creation = creation;
    (ec.self_.num, ec.self_.serial) = (0, 0);
    ec.self_.creation = creation;
}

/// Whether a name has been given.
pub(crate) fn is_set(name: &[c_char]) -> bool {
    name.first().is_some_and(|&first| first != 0)
}

/// The bytes of a name, up to its NUL.
pub(crate) fn bytes(name: &[c_char]) -> Vec<u8> {
    name.iter()
        .take_while(|&&byte| byte != 0)
        .map(|&byte| byte as u8)
        .collect()
}

/// Puts a string into its place, as much as fits, with NUL after it.
pub(crate) fn set(place: &mut [c_char], text: &[u8]) {
    let room = place.len().saturating_sub(1);
    place.fill(0);
    for (to, &byte) in place.iter_mut().zip(text.iter().take(room)) {
        *to = byte as c_char;
    }
}

/// The first line of `.erlang.cookie`.
fn cookie_of_user() -> Result<Vec<u8>, String> {
    let home = std::env::var_os("HOME").ok_or("HOME is not set")?;
    let path = PathBuf::from(home).join(".erlang.cookie");
    let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(line.to_vec())
}
