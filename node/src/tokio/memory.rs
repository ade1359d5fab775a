use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use einode_dist::NodeName;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::transport::{Incoming, Transport};
use crate::address::Address;
use crate::carrier::Carrier;
use crate::transport::{PIPE, QUEUE, other};

/// Connections within the process, for tests and for nodes that live side by side. Clones are one
/// and the same network; addresses are [`Address::Other`].
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Places>>);

type Places = HashMap<String, Sender<DuplexStream>>;

impl Carrier for DuplexStream {}

impl Memory {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Memory {
    type Socket = DuplexStream;
    type Incoming = MemoryIncoming;

    async fn connect(&self, address: &Address, _: Option<&NodeName>) -> io::Result<DuplexStream> {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let place = other(address)?;
        let listener = self.places().get(place).cloned().ok_or_else(refused)?;
        let (ours, theirs) = duplex(PIPE);
        listener.try_send(theirs).map_err(|_| refused())?;
        Ok(ours)
    }

    async fn listen(&self, address: &Address) -> io::Result<MemoryIncoming> {
        let place = other(address)?.to_owned();
        let mut places = self.places();
        if places.contains_key(&place) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        places.insert(place.clone(), sender);
        Ok(MemoryIncoming {
            network: self.clone(),
            place,
            receiver,
        })
    }
}

/// A place in a [`Memory`] at which connections come in.
#[derive(Debug)]
pub struct MemoryIncoming {
    network: Memory,
    place: String,
    receiver: Receiver<DuplexStream>,
}

impl Incoming for MemoryIncoming {
    type Socket = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, Address)> {
        let socket = self.receiver.recv().await;
        let socket = socket.ok_or(io::ErrorKind::NotConnected)?;
        Ok((socket, self.address()))
    }

    fn address(&self) -> Address {
        Address::Other(self.place.clone())
    }
}

impl Drop for MemoryIncoming {
    fn drop(&mut self) {
        self.network.places().remove(&self.place);
    }
}
