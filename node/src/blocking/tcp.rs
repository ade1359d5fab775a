use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Socket;
use crate::carrier::Carrier;

/// A TCP connection, over IPv4 or IPv6, without Nagle's delay.
#[derive(Debug)]
pub struct Tcp {
    stream: TcpStream,
    /// The time limits set on the stream, so that they are set anew only to change them.
    read_limit: Option<Duration>,
    write_limit: Option<Duration>,
}

impl Tcp {
    /// Connects to the first of the addresses that answers.
    ///
    /// # Errors
    /// That of the last address. Each gets an equal share of the time that is left.
    pub fn connect(addresses: &[SocketAddr], until: Instant) -> io::Result<Self> {
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for (tried, address) in addresses.iter().enumerate() {
            let left = until.saturating_duration_since(Instant::now());
            let share = left / (addresses.len() - tried).try_into().unwrap_or(u32::MAX);
            if share.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match TcpStream::connect_timeout(address, share) {
                Ok(stream) => return Self::new(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Takes over a connected stream.
    ///
    /// # Errors
    /// When the system refuses to change its options.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        Ok(Self {
            stream,
            read_limit: None,
            write_limit: None,
        })
    }

    /// The stream.
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl Carrier for Tcp {}

impl Socket for Tcp {
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        let Self {
            stream, read_limit, ..
        } = self;
        patiently(until, |limit| {
            if *read_limit != limit {
                stream.set_read_timeout(limit)?;
                *read_limit = limit;
            }
            stream.read(buffer)
        })
    }

    fn write(&mut self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        let Self {
            stream,
            write_limit,
            ..
        } = self;
        patiently(until, |limit| {
            if *write_limit != limit {
                stream.set_write_timeout(limit)?;
                *write_limit = limit;
            }
            stream.write_vectored(slices)
        })
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }
}

/// Does what blocks, again and again until the deadline, each time with a limit that ends before it.
///
/// Limits are powers of two of milliseconds: they stay the same from one call to the next while a
/// deadline is far, and setting them costs nothing then.
pub(super) fn patiently<T>(
    until: Option<Instant>,
    mut operation: impl FnMut(Option<Duration>) -> io::Result<T>,
) -> io::Result<T> {
    loop {
        let limit = match until {
            None => None,
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                let millis = u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1);
                Some(Duration::from_millis(1 << millis.ilog2()))
            }
        };
        match operation(limit) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::TimedOut
                        | io::ErrorKind::Interrupted
                ) && until.is_none_or(|until| Instant::now() < until) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            done => return done,
        }
    }
}
