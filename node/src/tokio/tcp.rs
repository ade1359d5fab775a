use std::io;

use einode_dist::NodeName;
use tokio::net::{TcpListener, TcpStream};

use super::transport::{Incoming, Transport};
use crate::address::Address;
use crate::carrier::Carrier;
use crate::transport::{Tcp, inet};

impl Carrier for TcpStream {}

impl Transport for Tcp {
    type Socket = TcpStream;
    type Incoming = TcpIncoming;

    async fn connect(&self, address: &Address, _: Option<&NodeName>) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(inet(address)?).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn listen(&self, address: &Address) -> io::Result<TcpIncoming> {
        let listener = TcpListener::bind(inet(address)?).await?;
        Ok(TcpIncoming {
            address: listener.local_addr()?.into(),
            listener,
        })
    }
}

/// A TCP port on which connections come in.
#[derive(Debug)]
pub struct TcpIncoming {
    listener: TcpListener,
    address: Address,
}

impl Incoming for TcpIncoming {
    type Socket = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Address)> {
        let (stream, address) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, address.into()))
    }

    fn address(&self) -> Address {
        self.address.clone()
    }
}
