//! Addresses, as the system's calls take them.

use std::ffi::{c_int, c_void};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Where a socket is, or is to be: IPv4, IPv6 or the path of a Unix socket.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    storage: libc::sockaddr_storage,
    length: c_int,
}

impl Address {
    /// Room for an address of IPv4, which is all that callbacks of programs are told of; at first there
    /// is none in it.
    pub(crate) fn room() -> Self {
        Self {
            length: size_of::<libc::sockaddr_in>() as c_int,
            ..Self::wide_room()
        }
    }

    /// Room for any address.
    pub(crate) fn wide_room() -> Self {
        Self {
            // SAFETY: an address is numbers, and zeros are some.
            storage: unsafe { std::mem::zeroed() },
            length: size_of::<libc::sockaddr_storage>() as c_int,
        }
    }

    /// An IP address and port.
    pub(crate) fn inet(at: impl Into<SocketAddr>) -> Self {
        // SAFETY: an address is numbers, and zeros are some.
        match at.into() {
            SocketAddr::V4(at) => {
                let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
                address.sin_family = libc::AF_INET as libc::sa_family_t;
                address.sin_port = at.port().to_be();
                address.sin_addr.s_addr = u32::from(*at.ip()).to_be();
                Self::of(address)
            }
            SocketAddr::V6(at) => {
                let mut address: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
                address.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                address.sin6_port = at.port().to_be();
                address.sin6_flowinfo = at.flowinfo();
                address.sin6_addr.s6_addr = at.ip().octets();
                address.sin6_scope_id = at.scope_id();
                Self::of(address)
            }
        }
    }

    /// The path of a Unix socket; `None` if it is empty, has a NUL, or is longer than the system allows,
    /// which are 107 bytes on Linux.
    pub(crate) fn unix(path: &[u8]) -> Option<Self> {
        // SAFETY: an address is numbers, and zeros are some.
        let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        if path.is_empty() || path.contains(&0) || path.len() >= address.sun_path.len() {
            return None;
        }
        for (to, &byte) in address.sun_path.iter_mut().zip(path) {
            *to = byte as _;
        }
        Some(Self::of(address))
    }

    fn of<T>(address: T) -> Self {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        let mut made = Self::room();
        // SAFETY: there is room, and no address is more aligned than the storage.
        unsafe { (&raw mut made.storage).cast::<T>().write(address) };
        made.length = size_of::<T>() as c_int;
        made
    }

    /// An address that a program or the system has told.
    ///
    /// # Safety
    /// There are `length` bytes at `from`, or it is null.
    pub(crate) unsafe fn told(from: *const c_void, length: c_int) -> Self {
        let mut made = Self::room();
        let most = size_of::<libc::sockaddr_storage>();
        let length = usize::try_from(length).unwrap_or(0).min(most);
        if !from.is_null() {
            // SAFETY: as the caller promised, and there is room.
            unsafe {
                (&raw mut made.storage)
                    .cast::<u8>()
                    .copy_from_nonoverlapping(from.cast(), length);
            }
        }
        made.length = length as c_int;
        made
    }

    /// What callbacks get: the address and its length.
    pub(crate) fn parts(&mut self) -> (*mut c_void, *mut c_int) {
        ((&raw mut self.storage).cast(), &raw mut self.length)
    }

    /// The IP address and port, if it is one.
    pub(crate) fn socket(&self) -> Option<SocketAddr> {
        let storage = &raw const self.storage;
        // SAFETY: the storage is large enough for both, and any bytes are an address.
        unsafe {
            match c_int::from(self.storage.ss_family) {
                libc::AF_INET => {
                    let address = storage.cast::<libc::sockaddr_in>().read();
                    let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
                    Some(SocketAddrV4::new(ip, u16::from_be(address.sin_port)).into())
                }
                libc::AF_INET6 => {
                    let address = storage.cast::<libc::sockaddr_in6>().read();
                    let port = u16::from_be(address.sin6_port);
                    let (flow, scope) = (address.sin6_flowinfo, address.sin6_scope_id);
                    let ip = address.sin6_addr.s6_addr.into();
                    Some(SocketAddrV6::new(ip, port, flow, scope).into())
                }
                _ => None,
            }
        }
    }

    /// The address of IPv4, if it is one, also where it is written as one of IPv6.
    pub(crate) fn ipv4(&self) -> Option<Ipv4Addr> {
        match self.socket()?.ip().to_canonical() {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        }
    }

    /// The path, if it is that of a Unix socket.
    pub(crate) fn path(&self) -> Option<Vec<u8>> {
        if c_int::from(self.storage.ss_family) != libc::AF_UNIX {
            return None;
        }
        // SAFETY: the storage is large enough, and any bytes are an address.
        let address = unsafe { (&raw const self.storage).cast::<libc::sockaddr_un>().read() };
        let path = address.sun_path.iter().take_while(|&&byte| byte != 0);
        Some(path.map(|&byte| byte as u8).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_they_were_made_of() {
        for text in ["127.0.0.1:4369", "[fe80::1%3]:80", "[::ffff:1.2.3.4]:5"] {
            let at: SocketAddr = text.parse().unwrap();
            let mut made = Address::inet(at);
            assert_eq!(made.socket(), Some(at));
            let (from, length) = made.parts();
            // SAFETY: that is an address.
            let told = unsafe { Address::told(from, *length) };
            assert_eq!((told.socket(), told.path()), (Some(at), None));
        }
        let mapped = Address::inet("[::ffff:1.2.3.4]:5".parse::<SocketAddr>().unwrap());
        assert_eq!(mapped.ipv4(), Some(Ipv4Addr::new(1, 2, 3, 4)));
        let unix = Address::unix(b"/run/a@b").unwrap();
        assert_eq!(unix.path().as_deref(), Some(&b"/run/a@b"[..]));
        assert!(unix.socket().is_none() && unix.ipv4().is_none());
        assert!(Address::room().socket().is_none());
    }

    #[test]
    fn not_every_path_is_an_address() {
        assert!(Address::unix(&[b'x'; 107]).is_some());
        for bad in [&[b'x'; 108][..], b"", b"a\0b"] {
            assert!(Address::unix(bad).is_none());
        }
    }
}
