//! Where nodes listen on Unix sockets.

use std::ffi::{OsStr, c_int, c_uint};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::address::Address;
use crate::descriptor::{self, check};
use crate::errno::Errno;
use crate::note;
use crate::types::EI_SCLBK_INF_TMO;

/// A path for every node: `%n` in it is the node's name, `%a` the part before the `@`, `%h` the part
/// after it, and `%%` is `%`.
#[derive(Debug, Clone)]
pub(crate) struct Paths(Vec<u8>);

impl Paths {
    /// `None` if something else follows a `%`.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let mut rest = text.iter();
        while let Some(byte) = rest.next() {
            if *byte == b'%' && !matches!(rest.next(), Some(b'n' | b'a' | b'h' | b'%')) {
                return None;
            }
        }
        (!text.is_empty()).then(|| Self(text.to_vec()))
    }

    /// The path of a node.
    pub(crate) fn of(&self, node: &[u8]) -> Result<Address, Errno> {
        let mut parts = node.splitn(2, |&byte| byte == b'@');
        let alive = parts.next().unwrap_or_default();
        let host = parts.next().unwrap_or_default();
        let mut path = Vec::new();
        let mut rest = self.0.iter();
        while let Some(&byte) = rest.next() {
            let part = match byte {
                b'%' => match rest.next() {
                    Some(b'n') => node,
                    Some(b'a') => alive,
                    Some(b'h') => host,
                    _ => b"%",
                },
                _ => {
                    path.push(byte);
                    continue;
                }
            };
            // A name must not lead out of the directory.
            if part.is_empty() || part.contains(&b'/') {
                let name = String::from_utf8_lossy(node);
                let text = format_args!("no path can be made of the node name \"{name}\"");
                return Err(note::because(Errno(libc::EINVAL), text));
            }
            path.extend_from_slice(part);
        }
        address(&path)
    }
}

/// The address with this path.
pub(crate) fn address(path: &[u8]) -> Result<Address, Errno> {
    Address::unix(path).ok_or_else(|| {
        let text = format_args!(
            "a Unix socket cannot have the path \"{}\" of {} bytes",
            String::from_utf8_lossy(path),
            path.len()
        );
        note::because(Errno(libc::ENAMETOOLONG), text)
    })
}

/// The file of a socket that listens.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    file: (u64, u64),
}

/// Listens, at a path that nobody else listens at; a file that was left behind is replaced.
///
/// The socket gets its permissions and listens before it moves to its place, so it is never there for
/// those who may not connect, nor for those who connect too early.
pub(crate) fn listen(
    fd: c_int,
    address: &Address,
    mode: u32,
    backlog: c_int,
) -> Result<Place, Errno> {
    let path = address.path().unwrap_or_default();
    let path = Path::new(OsStr::from_bytes(&path)).to_owned();
    if is_in_use(&path) {
        let text = format_args!("something else is at {}", path.display());
        return Err(note::because(Errno(libc::EADDRINUSE), text));
    }
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|_| Errno::IO)?;
    let first = path.with_file_name(format!(".{:08x}", u32::from_ne_bytes(random)));
    let mut address = self::address(first.as_os_str().as_bytes())?;
    let (addr, len) = address.parts();
    // SAFETY: the address has the length that is said.
    check(unsafe { libc::bind(fd, addr.cast(), *len as libc::socklen_t) })?;
    let moved = fs::set_permissions(&first, fs::Permissions::from_mode(mode))
        .map_err(Errno::from)
        // SAFETY: the arguments are numbers.
        .and_then(|()| check(unsafe { libc::listen(fd, backlog) }))
        .and_then(|_| {
            let file = identity(&first).ok_or(Errno(libc::ENOENT))?;
            fs::rename(&first, &path)?;
            Ok(Place { path, file })
        });
    if moved.is_err() {
        let _ = fs::remove_file(&first);
    }
    moved
}

impl Place {
    /// Removes the file, unless somebody else has taken the place.
    pub(crate) fn leave(&self) {
        if identity(&self.path) == Some(self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Connects, or waits until there is room in the queue of the other side.
pub(crate) fn connect(fd: c_int, address: &mut Address, tmo: c_uint) -> Result<(), Errno> {
    let limit = |ms: c_uint| libc::timeval {
        tv_sec: (ms / 1000).into(),
        tv_usec: (ms % 1000 * 1000).into(),
    };
    let no_limit = limit(0);
    let limit = match tmo {
        EI_SCLBK_INF_TMO => no_limit,
        ms => limit(ms.max(1)),
    };
    descriptor::set_option(fd, libc::SOL_SOCKET, libc::SO_SNDTIMEO, &limit)?;
    let (addr, len) = address.parts();
    // SAFETY: the address has the length that is said.
    let connected = check(unsafe { libc::connect(fd, addr.cast(), *len as libc::socklen_t) });
    descriptor::set_option(fd, libc::SOL_SOCKET, libc::SO_SNDTIMEO, &no_limit)?;
    match connected {
        Err(Errno(libc::EAGAIN)) => Err(Errno::TIMED_OUT),
        connected => connected.map(drop),
    }
}

/// Whether there is a file that is no socket, or one that somebody listens on. A full queue is a sign of
/// life too.
fn is_in_use(path: &Path) -> bool {
    let Ok(file) = fs::symlink_metadata(path) else {
        return false;
    };
    let tried = address(path.as_os_str().as_bytes()).and_then(|mut address| {
        let fd = descriptor::open(libc::AF_UNIX)?;
        let tried = connect(fd, &mut address, 100);
        let _ = descriptor::close(fd);
        tried
    });
    !file.file_type().is_socket() || tried != Err(Errno(libc::ECONNREFUSED))
}

/// What tells a file from another that takes its place.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(paths: &str, node: &str) -> Result<String, Errno> {
        let address = Paths::new(paths.as_bytes()).unwrap().of(node.as_bytes())?;
        Ok(String::from_utf8(address.path().unwrap()).unwrap())
    }

    #[test]
    fn names_become_paths() {
        for (paths, expected) in [
            ("/run/%n", "/run/c@host"),
            ("%a.%h", "c.host"),
            ("100%%/x", "100%/x"),
        ] {
            assert_eq!(path(paths, "c@host").as_deref(), Ok(expected));
        }
        assert_eq!(path("/run/x", ""), Ok("/run/x".to_owned()));
    }

    #[test]
    fn names_do_not_lead_elsewhere() {
        for (paths, node, errno) in [
            ("/run/%n", "../c@host", libc::EINVAL),
            ("/run/%a", "", libc::EINVAL),
            ("/run/%h", "c", libc::EINVAL),
            ("/run/%n", &"c".repeat(200), libc::ENAMETOOLONG),
        ] {
            assert_eq!(path(paths, node), Err(Errno(errno)), "{paths} {node}");
        }
        for bad in ["", "%", "%x", "a%"] {
            assert!(Paths::new(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
