use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use einode_dist::NodeName;

use super::transport::{Incoming, Socket, Transport};
use crate::address::Address;
use crate::carrier::Carrier;
use crate::transport::{Tcp, inet};

/// A TCP connection.
pub type TcpSocket = Stream<TcpStream>;

impl Transport for Tcp {
    type Socket = TcpSocket;
    type Incoming = TcpIncoming;

    fn connect(
        &self,
        address: &Address,
        _: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<TcpSocket> {
        let address = inet(address)?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        TcpStream::connect_timeout(address, left)?.try_into()
    }

    fn listen(&self, address: &Address) -> io::Result<TcpIncoming> {
        let listener = TcpListener::bind(inet(address)?)?;
        Ok(TcpIncoming {
            address: listener.local_addr()?,
            listener,
            closed: AtomicBool::new(false),
        })
    }
}

impl TryFrom<TcpStream> for TcpSocket {
    type Error = io::Error;

    /// Takes over a connected stream.
    fn try_from(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Self::new(stream)
    }
}

/// A TCP port on which connections come in.
#[derive(Debug)]
pub struct TcpIncoming {
    listener: TcpListener,
    address: SocketAddr,
    closed: AtomicBool,
}

impl Incoming for TcpIncoming {
    type Socket = TcpSocket;

    fn accept(&self) -> io::Result<(TcpSocket, Address)> {
        self.open()?;
        let (stream, address) = self.listener.accept()?;
        // Whoever was woken by the end wakes the next.
        self.open().inspect_err(|_| self.wake())?;
        Ok((stream.try_into()?, address.into()))
    }

    fn address(&self) -> Address {
        self.address.into()
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.wake();
    }
}

impl TcpIncoming {
    fn open(&self) -> io::Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(())
    }

    /// Whoever waits for a peer gets one. If this fails, peers queue already.
    fn wake(&self) {
        let ip = match self.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let own = SocketAddr::new(ip, self.address.port());
        drop(TcpStream::connect_timeout(&own, Duration::from_secs(1)));
    }
}

/// A stream of the operating system, which measures time from the beginning of each operation and not
/// up to a deadline.
#[derive(Debug)]
pub struct Stream<S> {
    stream: S,
    /// The time limits set on the stream, so that they are set anew only to change them: milliseconds, or 0
    /// for none.
    read_limit: AtomicU32,
    write_limit: AtomicU32,
}

/// A stream that the operating system keeps: what is the same for TCP and Unix sockets.
pub trait System: Send + Sync {
    /// Reads, as [`Read::read`].
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes one slice, as [`Write::write`].
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Writes several slices, as [`Write::write_vectored`].
    fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Whether operations fail instead of waiting.
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()>;
    /// How long a read may wait.
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()>;
    /// How long a write may wait.
    fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()>;
    /// Ends one direction or both.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

macro_rules! system {
    ($stream:ty) => {
        impl System for $stream {
            fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                Read::read(&mut &*self, buffer)
            }

            fn write(&self, bytes: &[u8]) -> io::Result<usize> {
                Write::write(&mut &*self, bytes)
            }

            fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
                Write::write_vectored(&mut &*self, slices)
            }

            fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                self.set_nonblocking(nonblocking)
            }

            fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
                self.set_read_timeout(limit)
            }

            fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
                self.set_write_timeout(limit)
            }

            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.shutdown(how)
            }
        }
    };
}

system!(TcpStream);
#[cfg(unix)]
system!(std::os::unix::net::UnixStream);

impl<S: System> Stream<S> {
    pub(super) fn new(stream: S) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        Ok(Self {
            stream,
            read_limit: AtomicU32::new(0),
            write_limit: AtomicU32::new(0),
        })
    }
}

impl<S> Stream<S> {
    /// The stream of the operating system.
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S> Carrier for Stream<S> {}

impl<S: System> Socket for Stream<S> {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        patiently(until, |limit| {
            if self.read_limit.load(Ordering::Relaxed) != limit {
                self.stream.set_read_timeout(duration(limit))?;
                self.read_limit.store(limit, Ordering::Relaxed);
            }
            self.stream.read(buffer)
        })
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        patiently(until, |limit| {
            if self.write_limit.load(Ordering::Relaxed) != limit {
                self.stream.set_write_timeout(duration(limit))?;
                self.write_limit.store(limit, Ordering::Relaxed);
            }
            match slices {
                // Gathering costs the system something, also where there is nothing to gather.
                [slice] => self.stream.write(slice),
                _ => self.stream.write_vectored(slices),
            }
        })
    }

    fn shutdown(&self, _: Option<Instant>) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    fn close(&self) {
        // The peer may have ended it already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// A limit in milliseconds, of which 0 stands for none.
fn duration(limit: u32) -> Option<Duration> {
    (limit > 0).then(|| Duration::from_millis(limit.into()))
}

/// Does what blocks, again and again until the deadline, each time with a limit that ends before it.
///
/// Limits are powers of two of milliseconds: they stay the same from one call to the next while a
/// deadline is far, and setting them costs nothing then.
fn patiently<T>(
    until: Option<Instant>,
    mut operation: impl FnMut(u32) -> io::Result<T>,
) -> io::Result<T> {
    loop {
        let limit = match until {
            None => 0,
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                let millis = u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1);
                1 << millis.ilog2()
            }
        };
        match operation(limit) {
            // The system's word for a limit that was reached is EAGAIN.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            done => return done,
        }
    }
}
