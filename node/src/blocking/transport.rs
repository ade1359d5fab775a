use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use einode_dist::NodeName;

use crate::address::Address;
use crate::carrier::Carrier;

/// A connected stream of bytes that a [`Link`](super::Link) can run over: TCP, or anything of the
/// program's own.
///
/// Both reading and writing wait for as long as they can do nothing, but not past `until`: then they
/// fail with [`io::ErrorKind::TimedOut`], and nothing is lost. `None` is to wait for ever. They wait in
/// one direction only as long as the peer does nothing in that direction.
///
/// One thread may read while another one writes, and any may close it; two threads never read, and never
/// write, at once.
///
/// A socket that is dropped closes: the peer reads the end or an error, and cannot write for long.
///
/// `einode::testing` (feature `testing`) checks sockets and transports against all of this.
pub trait Socket: Carrier + Send + Sync {
    /// Reads at least one byte, and no more than fit: what is there, without waiting for more. Zero bytes
    /// mean that the peer has closed or shut down, now and for ever.
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize>;

    /// Writes at least one byte of `slices`, in their order, and says how many. Those that it has written
    /// arrive without another write; where the deadline cuts one short, after the next call of any kind.
    /// It waits while the peer does not read and much is on the way.
    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize>;

    /// Sends on what a write has had to keep at its deadline. Only sockets that change what they write, as
    /// TLS does, keep any.
    fn flush(&self, until: Option<Instant>) -> io::Result<()> {
        let _ = until;
        Ok(())
    }

    /// Says that nothing more will be written, so that the peer reads the end after all that was.
    /// Reading goes on.
    fn shutdown(&self, until: Option<Instant>) -> io::Result<()>;

    /// Ends both directions at once: whoever waits in another thread to read gets the end or an error,
    /// whoever waits to write an error, and so does everyone from then on. The peer sees what it sees of a
    /// socket that is dropped.
    fn close(&self);
}

impl<S: Socket + ?Sized> Socket for Box<S> {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        (**self).read(buffer, until)
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        (**self).write(slices, until)
    }

    fn flush(&self, until: Option<Instant>) -> io::Result<()> {
        (**self).flush(until)
    }

    fn shutdown(&self, until: Option<Instant>) -> io::Result<()> {
        (**self).shutdown(until)
    }

    fn close(&self) {
        (**self).close();
    }
}

/// A way to reach nodes and to be reached: how to connect to an [`Address`], and how to listen on one.
pub trait Transport: Send + Sync + 'static {
    /// A connection.
    type Socket: Socket + 'static;
    /// What connections come in on.
    type Incoming: Incoming<Socket = Self::Socket>;

    /// Connects. `node` is who should be there, where that is known: TLS checks certificates by it.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when it takes longer than `until`; nothing is left behind then.
    /// [`io::ErrorKind::Unsupported`] for addresses of another kind.
    fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<Self::Socket>;

    /// Listens.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::Unsupported`] for addresses of another kind.
    fn listen(&self, address: &Address) -> io::Result<Self::Incoming>;
}

/// The connections that come in on an address.
pub trait Incoming: Send + Sync + 'static {
    /// A connection.
    type Socket: Socket + 'static;

    /// Waits for the next connection, and says where it comes from. What takes long with one peer, such
    /// as the handshake of TLS, is left to the first read or write of its socket.
    ///
    /// # Errors
    /// Errors may pass: a descriptor may be free again. After [`Incoming::close`], every call fails.
    fn accept(&self) -> io::Result<(Self::Socket, Address)>;

    /// Where it listens: the port that the system chose, where that was left to it.
    fn address(&self) -> Address;

    /// Ends listening. An [`Incoming::accept`] that waits in another thread returns.
    fn close(&self);
}

/// Any transport, for programs that choose one while they run.
///
/// ```
/// use einode::blocking::{Any, Tcp};
///
/// let chosen = Any::new(Tcp);
/// ```
#[derive(Clone)]
pub struct Any(Arc<AnyTransport>);

type AnyTransport = dyn Transport<Socket = Box<dyn Socket>, Incoming = Box<AnyIncoming>>;
type AnyIncoming = dyn Incoming<Socket = Box<dyn Socket>>;

impl Any {
    /// Hides which transport it is.
    pub fn new<T: Transport>(transport: T) -> Self {
        Self(Arc::new(Boxing(transport)))
    }
}

impl fmt::Debug for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Any(..)")
    }
}

impl Transport for Any {
    type Socket = Box<dyn Socket>;
    type Incoming = Box<AnyIncoming>;

    fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<Self::Socket> {
        self.0.connect(address, node, until)
    }

    fn listen(&self, address: &Address) -> io::Result<Self::Incoming> {
        self.0.listen(address)
    }
}

impl<I: Incoming + ?Sized> Incoming for Box<I> {
    type Socket = I::Socket;

    fn accept(&self) -> io::Result<(Self::Socket, Address)> {
        (**self).accept()
    }

    fn address(&self) -> Address {
        (**self).address()
    }

    fn close(&self) {
        (**self).close();
    }
}

/// Puts sockets and what they come in on in boxes.
struct Boxing<T>(T);

impl<T: Transport> Transport for Boxing<T> {
    type Socket = Box<dyn Socket>;
    type Incoming = Box<AnyIncoming>;

    fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<Self::Socket> {
        Ok(Box::new(self.0.connect(address, node, until)?))
    }

    fn listen(&self, address: &Address) -> io::Result<Self::Incoming> {
        Ok(Box::new(Boxing(self.0.listen(address)?)))
    }
}

impl<I: Incoming> Incoming for Boxing<I> {
    type Socket = Box<dyn Socket>;

    fn accept(&self) -> io::Result<(Self::Socket, Address)> {
        let (socket, address) = self.0.accept()?;
        Ok((Box::new(socket), address))
    }

    fn address(&self) -> Address {
        self.0.address()
    }

    fn close(&self) {
        self.0.close();
    }
}
