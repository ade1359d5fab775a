use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::address::Address;
use crate::deadline;
use crate::entropy;
use crate::transport::{QUEUE, unsupported};

/// Unix domain sockets, by path or, on Linux, by name in the abstract namespace.
///
/// A socket's file can be opened by its owner only, unless told otherwise. A file that was left behind
/// by a process that is no more is replaced; one that somebody listens on is not.
///
/// It is a transport of both styles.
#[derive(Debug, Clone, Copy)]
pub struct Unix {
    mode: u32,
}

impl Default for Unix {
    fn default() -> Self {
        Self { mode: 0o600 }
    }
}

impl Unix {
    /// The permissions of the files of sockets that it listens on; 0600 by default. Names in the
    /// abstract namespace have none: every process of the machine can connect to them.
    #[must_use]
    pub const fn mode(self, mode: u32) -> Self {
        Self { mode }
    }

    /// Listens, at a place that is given back with the end of the second part.
    pub(crate) fn bind(self, path: &Path) -> io::Result<(UnixListener, Place)> {
        let (listener, file) = match Address::abstract_name(path) {
            Some(_) => (bind_abstract(path)?, None),
            None => {
                let listener = bind(path, self.mode)?;
                (listener, Some(identity(path)?))
            }
        };
        let path = path.to_owned();
        Ok((listener, Place { path, file }))
    }
}

/// The path of an address.
pub(crate) fn path(address: &Address) -> io::Result<&Path> {
    match address {
        Address::Unix(path) => Ok(path),
        _ => Err(unsupported(address)),
    }
}

/// Where a socket listens. Its file goes with it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    /// Which file it made, if any.
    file: Option<(u64, u64)>,
}

impl Drop for Place {
    fn drop(&mut self) {
        // Somebody else may have taken the place.
        if self.file.is_some() && identity(&self.path).ok() == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Connects at once, or when there is room in the queue of the other side.
pub(crate) fn connect(path: &Path, until: Instant) -> io::Result<UnixStream> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(left))?;
    match socket.connect(&name(path)?) {
        Ok(()) => Ok(OwnedFd::from(socket).into()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(io::ErrorKind::TimedOut.into())
        }
        Err(error) => Err(error),
    }
}

/// Connects at once, or says [`io::ErrorKind::WouldBlock`] when there is no room in the queue of the
/// other side. The stream does not block either.
#[cfg(feature = "tokio")]
pub(crate) fn try_connect(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&name(path)?)?;
    Ok(OwnedFd::from(socket).into())
}

/// The system's form of an address: a name in the abstract namespace begins with a zero.
fn name(path: &Path) -> io::Result<SockAddr> {
    match Address::abstract_name(path) {
        Some(name) => SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat())),
        None => SockAddr::unix(path),
    }
}

/// Makes the socket in a directory that nobody else can enter, and moves it to its place once it has
/// its permissions. So there is no moment in which others could connect, and whatever stood there is
/// replaced in one step.
fn bind(path: &Path, mode: u32) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => return Err(io::ErrorKind::AddrInUse.into()),
        Ok(_) if is_in_use(path) => return Err(io::ErrorKind::AddrInUse.into()),
        _ => {}
    }
    let directory = path.with_file_name(format!(".{}", entropy::name()));
    fs::create_dir(&directory)?;
    let made = fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).and_then(|()| {
        let inside = directory.join("s");
        let listener = UnixListener::bind(&inside)?;
        fs::set_permissions(&inside, fs::Permissions::from_mode(mode))?;
        fs::rename(&inside, path)?;
        Ok(listener)
    });
    if made.is_err() {
        let _ = fs::remove_file(directory.join("s"));
    }
    fs::remove_dir(&directory)?;
    made
}

/// Whether somebody listens there. A full queue is a sign of life too.
fn is_in_use(path: &Path) -> bool {
    match connect(path, deadline::after(Duration::from_millis(100))) {
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::ConnectionRefused,
    }
}

/// What tells a file from another that takes its place.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

fn bind_abstract(path: &Path) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&name(path)?)?;
    socket.listen(QUEUE as i32)?;
    Ok(OwnedFd::from(socket).into())
}
