use std::fmt;
use std::io;
use std::sync::Arc;

use einode_dist::NodeName;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Boxed;
use crate::address::Address;
use crate::carrier::Carrier;

/// A connected stream of bytes that a [`Link`](super::Link) can run over: what reads and writes as
/// tokio's streams do, and is a [`Carrier`]. The streams of tokio itself are carriers.
pub trait Socket: Carrier + AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: Carrier + AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for S {}

/// A way to reach nodes and to be reached: how to connect to an [`Address`], and how to listen on one.
pub trait Transport: Send + Sync + 'static {
    /// A connection.
    type Socket: Socket;
    /// What connections come in on.
    type Incoming: Incoming<Socket = Self::Socket>;

    /// Connects. `node` is who should be there, where that is known: TLS checks certificates by it.
    ///
    /// The future is dropped when it takes too long, or when another address was faster. It has to leave
    /// nothing behind then.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::Unsupported`] for addresses of another kind.
    fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
    ) -> impl Future<Output = io::Result<Self::Socket>> + Send;

    /// Listens.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::Unsupported`] for addresses of another kind.
    fn listen(&self, address: &Address) -> impl Future<Output = io::Result<Self::Incoming>> + Send;
}

/// The connections that come in on an address. Dropping this ends listening.
pub trait Incoming: Send + 'static {
    /// A connection.
    type Socket: Socket;

    /// Waits for the next connection, and says where it comes from. What takes long with one peer, such
    /// as the handshake of TLS, is left to the first read or write of its socket.
    ///
    /// The future may be dropped; no connection is lost then.
    ///
    /// # Errors
    /// Errors may pass: a descriptor may be free again.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Socket, Address)>> + Send;

    /// Where it listens: the port that the system chose, where that was left to it.
    fn address(&self) -> Address;
}

/// Any transport, for programs that choose one while they run.
///
/// ```
/// use einode::tokio::{Any, Tcp};
///
/// let chosen = Any::new(Tcp);
/// ```
#[derive(Clone)]
pub struct Any(Arc<dyn AnyTransport>);

impl Any {
    /// Hides which transport it is.
    pub fn new<T: Transport>(transport: T) -> Self {
        Self(Arc::new(transport))
    }
}

impl Transport for Any {
    type Socket = Box<dyn Socket>;
    type Incoming = AnyIncoming;

    async fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
    ) -> io::Result<Box<dyn Socket>> {
        self.0.connect(address, node).await
    }

    async fn listen(&self, address: &Address) -> io::Result<AnyIncoming> {
        self.0.listen(address).await
    }
}

impl fmt::Debug for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Any(..)")
    }
}

/// The connections that come in over [`Any`] transport.
pub struct AnyIncoming(Box<dyn Accept>);

impl Incoming for AnyIncoming {
    type Socket = Box<dyn Socket>;

    async fn accept(&mut self) -> io::Result<(Box<dyn Socket>, Address)> {
        self.0.accept().await
    }

    fn address(&self) -> Address {
        self.0.address()
    }
}

impl fmt::Debug for AnyIncoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.0.address();
        f.debug_tuple("AnyIncoming").field(&address).finish()
    }
}

/// [`Transport`], with everything in boxes.
trait AnyTransport: Send + Sync {
    fn connect<'a>(
        &'a self,
        address: &'a Address,
        node: Option<&'a NodeName>,
    ) -> Boxed<'a, io::Result<Box<dyn Socket>>>;

    fn listen<'a>(&'a self, address: &'a Address) -> Boxed<'a, io::Result<AnyIncoming>>;
}

impl<T: Transport> AnyTransport for T {
    fn connect<'a>(
        &'a self,
        address: &'a Address,
        node: Option<&'a NodeName>,
    ) -> Boxed<'a, io::Result<Box<dyn Socket>>> {
        Box::pin(async move {
            let socket = Transport::connect(self, address, node).await?;
            Ok(Box::new(socket) as _)
        })
    }

    fn listen<'a>(&'a self, address: &'a Address) -> Boxed<'a, io::Result<AnyIncoming>> {
        Box::pin(async move {
            let incoming = Transport::listen(self, address).await?;
            Ok(AnyIncoming(Box::new(incoming)))
        })
    }
}

/// [`Incoming`], with everything in boxes.
trait Accept: Send {
    fn accept(&mut self) -> Boxed<'_, io::Result<(Box<dyn Socket>, Address)>>;
    fn address(&self) -> Address;
}

impl<I: Incoming> Accept for I {
    fn accept(&mut self) -> Boxed<'_, io::Result<(Box<dyn Socket>, Address)>> {
        Box::pin(async move {
            let (socket, address) = Incoming::accept(self).await?;
            Ok((Box::new(socket) as _, address))
        })
    }

    fn address(&self) -> Address {
        Incoming::address(self)
    }
}
