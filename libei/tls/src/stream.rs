//! TLS around a socket that never waits.

use std::ffi::c_short;
use std::io::{self, IoSlice};
use std::time::Instant;

use ei::Descriptor;
use ei::layer::{Layer, Problem, Stream};
use einode::blocking::Socket;
use einode::tls::{Tls, TlsError, TlsFailure, TlsSocket};
use einode::{Carrier, NodeName};

/// Begins TLS with other nodes.
pub(crate) struct TlsLayer {
    pub(crate) tls: Tls,
    /// Whether a peer's certificate has to be for the node that it says it is.
    pub(crate) check_node_names: bool,
}

impl Layer for TlsLayer {
    fn client(&self, host: &str, below: Descriptor) -> Result<Box<dyn Stream>, Problem> {
        let tls = self.tls.client(host).map_err(of_options)?;
        Ok(self.stream(TlsSocket::new(tls, Below(below))))
    }

    fn server(&self, below: Descriptor) -> Result<Box<dyn Stream>, Problem> {
        let tls = self.tls.server().map_err(of_options)?;
        Ok(self.stream(TlsSocket::new(tls, Below(below))))
    }

    fn can_serve(&self) -> Result<(), Problem> {
        self.tls.server().map(drop).map_err(of_options)
    }
}

impl TlsLayer {
    fn stream(&self, socket: TlsSocket<Below>) -> Box<dyn Stream> {
        Box::new(TlsStream {
            socket,
            check_node_name: self.check_node_names,
        })
    }
}

struct TlsStream {
    socket: TlsSocket<Below>,
    check_node_name: bool,
}

impl Stream for TlsStream {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Problem> {
        self.socket.read(buf, now()).map_err(of_connection)
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Problem> {
        self.socket.write(slices, now()).map_err(of_connection)
    }

    fn flush(&mut self) -> Result<(), Problem> {
        self.socket.flush(now()).map_err(of_connection)
    }

    fn awaits(&self, writing: bool) -> c_short {
        let is_handshaking = self.socket.connection().is_handshaking();
        match (self.socket.wants_write(), writing && !is_handshaking) {
            (false, false) => libc::POLLIN,
            // A reader does not let what was written lie.
            (true, false) => libc::POLLIN | libc::POLLOUT,
            (_, true) => libc::POLLOUT,
        }
    }

    fn timed_out(&self) -> Problem {
        of_connection(self.socket.timed_out())
    }

    fn named(&mut self, node: &str) -> Result<(), Problem> {
        if self.check_node_name {
            let node = NodeName::new(node).map_err(Problem::invalid)?;
            let checked = self.socket.is_for(&node);
            checked.map_err(|failure| of_connection(failure.into()))?;
        }
        Ok(())
    }

    fn close(&mut self) {
        // The peer may have gone, or read nothing more.
        let _ = self.socket.shutdown(now());
    }
}

/// The deadline of what is tried once.
fn now() -> Option<Instant> {
    Some(Instant::now())
}

/// The socket below, which waits for nothing.
#[derive(Debug)]
struct Below(Descriptor);

impl Carrier for Below {}

impl Socket for Below {
    fn read(&self, buffer: &mut [u8], _: Option<Instant>) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn write(&self, slices: &[IoSlice<'_>], _: Option<Instant>) -> io::Result<usize> {
        self.0.write(slices)
    }

    fn shutdown(&self, _: Option<Instant>) -> io::Result<()> {
        Ok(())
    }

    /// The descriptor belongs to the program, which closes it.
    fn close(&self) {}
}

/// What is wrong with options, or with a file: then the error is the system's.
pub(crate) fn of_options(error: TlsError) -> Problem {
    let errno = match &error {
        TlsError::File { error, .. } => error.raw_os_error(),
        _ => None,
    };
    Problem {
        errno: errno.unwrap_or(libc::EINVAL),
        text: error.to_string(),
    }
}

/// What is wrong with a connection: `EACCES` if somebody does not accept a certificate, `EPROTO` if it is
/// not TLS as we have it.
fn of_connection(error: io::Error) -> Problem {
    use TlsFailure::*;
    let failure = error.get_ref().and_then(|inner| inner.downcast_ref());
    let errno = match failure {
        Some(PeerCertificate(_) | NoPeerCertificate | OwnCertificate(_)) => libc::EACCES,
        Some(NoAnswer(kind) | Unfinished(kind)) if *kind == io::ErrorKind::UnexpectedEof => {
            libc::ECONNRESET
        }
        _ => return error.into(),
    };
    Problem {
        errno,
        text: error.to_string(),
    }
}
