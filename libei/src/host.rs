//! Hosts: what the system's resolver says.

use std::ffi::{CString, c_char, c_int, c_long};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::ptr;

use libc::hostent;

use crate::ffi;
use crate::layer::Problem;

mod system {
    use super::{c_char, c_int, hostent};

    unsafe extern "C" {
        pub(super) fn gethostbyname(name: *const c_char) -> *mut hostent;
        pub(super) fn gethostbyaddr(
            addr: *const c_char,
            length: libc::socklen_t,
            r#type: c_int,
        ) -> *mut hostent;
        pub(super) fn gethostbyname_r(
            name: *const c_char,
            hostp: *mut hostent,
            buffer: *mut c_char,
            buflen: usize,
            result: *mut *mut hostent,
            h_errnop: *mut c_int,
        ) -> c_int;
        pub(super) fn gethostbyaddr_r(
            addr: *const c_char,
            length: libc::socklen_t,
            r#type: c_int,
            hostp: *mut hostent,
            buffer: *mut c_char,
            buflen: usize,
            result: *mut *mut hostent,
            h_errnop: *mut c_int,
        ) -> c_int;
    }
}

/// The system's `gethostbyname`. Its result is valid until the next call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_gethostbyname(name: *const c_char) -> *mut hostent {
    if name.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the name is a string, as ei.h says.
    unsafe { system::gethostbyname(name) }
}

/// The system's `gethostbyaddr`. Its result is valid until the next call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_gethostbyaddr(
    addr: *const c_char,
    len: c_int,
    r#type: c_int,
) -> *mut hostent {
    match libc::socklen_t::try_from(len) {
        // SAFETY: the address has the length that is said.
        Ok(len) if !addr.is_null() => unsafe { system::gethostbyaddr(addr, len, r#type) },
        _ => ptr::null_mut(),
    }
}

/// The system's `gethostbyname_r`: the result is in `hostp` and `buffer`, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_gethostbyname_r(
    name: *const c_char,
    hostp: *mut hostent,
    buffer: *mut c_char,
    buflen: c_int,
    h_errnop: *mut c_int,
) -> *mut hostent {
    let mut found = ptr::null_mut();
    if let (false, Ok(buflen)) = (name.is_null(), usize::try_from(buflen)) {
        // SAFETY: the pointers are what ei.h says.
        unsafe {
            system::gethostbyname_r(name, hostp, buffer, buflen, &raw mut found, h_errnop);
        }
    }
    found
}

/// The system's `gethostbyaddr_r`: the result is in `hostp` and `buffer`, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_gethostbyaddr_r(
    addr: *const c_char,
    length: c_int,
    r#type: c_int,
    hostp: *mut hostent,
    buffer: *mut c_char,
    buflen: c_int,
    h_errnop: *mut c_int,
) -> *mut hostent {
    let mut found = ptr::null_mut();
    let sizes = (libc::socklen_t::try_from(length), usize::try_from(buflen));
    if let (false, (Ok(length), Ok(buflen))) = (addr.is_null(), sizes) {
        let found = &raw mut found;
        // SAFETY: the pointers are what ei.h says.
        unsafe {
            system::gethostbyaddr_r(addr, length, r#type, hostp, buffer, buflen, found, h_errnop);
        }
    }
    found
}

/// A host as the resolver knows it.
pub(crate) struct Host {
    /// Its name, which may be another than the one asked for.
    pub(crate) name: Vec<u8>,
    /// Where it is.
    pub(crate) addresses: Vec<Ipv4Addr>,
}

/// Looks a host up.
pub(crate) fn resolve(name: &[u8]) -> Option<Host> {
    /// Room for some hundreds of addresses and aliases.
    const BUFFER: usize = 16 * 1024;
    let name = CString::new(name).ok()?;
    let mut buffer = vec![0_u64; BUFFER / 8];
    let mut host = MaybeUninit::uninit();
    let mut h_errno = 0;
    // SAFETY: the pointers are what the function wants, and what it finds is in `buffer`.
    unsafe {
        let (buffer, size) = (buffer.as_mut_ptr().cast(), BUFFER as c_int);
        let found = ei_gethostbyname_r(
            name.as_ptr(),
            host.as_mut_ptr(),
            buffer,
            size,
            &raw mut h_errno,
        );
        let found = found.as_ref()?;
        let mut addresses = Vec::new();
        let mut next = found.h_addr_list;
        while found.h_addrtype == libc::AF_INET && !(*next).is_null() {
            addresses.push(Ipv4Addr::from((*next).cast::<[u8; 4]>().read()));
            next = next.add(1);
        }
        let name = ffi::text(found.h_name).ok()?.to_vec();
        Some(Host { name, addresses })
    }
}

/// The addresses of IPv6 that a host has; its name may be one.
pub(crate) fn resolve_ipv6(host: &[u8]) -> Result<Vec<SocketAddrV6>, Problem> {
    let name = String::from_utf8_lossy(host);
    let problem = |why: &dyn std::fmt::Display| Problem {
        errno: libc::EHOSTUNREACH,
        text: format!("{name} has no address of IPv6: {why}"),
    };
    let all = (&*name, 0)
        .to_socket_addrs()
        .map_err(|error| problem(&error))?;
    let found: Vec<_> = all
        .filter_map(|address| match address {
            SocketAddr::V6(address) => Some(address),
            SocketAddr::V4(_) => None,
        })
        .collect();
    if found.is_empty() {
        return Err(problem(&"only addresses of IPv4"));
    }
    Ok(found)
}

/// The name that this host has on its network, without its domain; `localhost` if it has none.
pub(crate) fn own_name() -> Vec<u8> {
    /// No system has longer names.
    const LONGEST: usize = 1024;
    let mut name = [0 as c_char; LONGEST + 1];
    // SAFETY: there is room for the name, and for a NUL after it.
    let host = unsafe {
        match libc::gethostname(name.as_mut_ptr(), LONGEST) {
            0 => ffi::text(name.as_ptr()).ok().and_then(resolve),
            _ => None,
        }
    };
    let name = host.map(|host| host.name).unwrap_or_default();
    match name.split(|&byte| byte == b'.').next() {
        Some(short) if !short.is_empty() => short.to_vec(),
        _ => b"localhost".to_vec(),
    }
}

const _: () = assert!(
    size_of::<c_long>() <= size_of::<u64>(),
    "buffers are aligned"
);
