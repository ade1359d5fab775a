use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use einode_dist::NodeName;

use super::transport::{Incoming, Socket, Transport};
use crate::address::Address;
use crate::carrier::Carrier;
use crate::transport::{PIPE, QUEUE, other};

/// Connections within the process, for tests and for nodes that live side by side. Clones are one
/// and the same network; addresses are [`Address::Other`].
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<HashMap<String, SyncSender<MemorySocket>>>>);

impl Memory {
    fn places(&self) -> MutexGuard<'_, HashMap<String, SyncSender<MemorySocket>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Memory {
    type Socket = MemorySocket;
    type Incoming = MemoryIncoming;

    fn connect(
        &self,
        address: &Address,
        _: Option<&NodeName>,
        _: Instant,
    ) -> io::Result<MemorySocket> {
        let place = other(address)?;
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let listener = self.places().get(place).cloned().ok_or_else(refused)?;
        let (ours, theirs) = MemorySocket::pair();
        match listener.try_send(theirs) {
            Ok(()) => Ok(ours),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(refused()),
        }
    }

    fn listen(&self, address: &Address) -> io::Result<MemoryIncoming> {
        let place = other(address)?;
        let mut places = self.places();
        if places.contains_key(place) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        places.insert(place.clone(), sender);
        let network = self.clone();
        Ok(MemoryIncoming {
            network,
            place: place.clone(),
            receiver: Mutex::new(receiver),
            closed: AtomicBool::new(false),
        })
    }
}

/// A place in a [`Memory`] at which connections come in.
#[derive(Debug)]
pub struct MemoryIncoming {
    network: Memory,
    place: String,
    receiver: Mutex<Receiver<MemorySocket>>,
    closed: AtomicBool,
}

impl Incoming for MemoryIncoming {
    type Socket = MemorySocket;

    fn accept(&self) -> io::Result<(MemorySocket, Address)> {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        match receiver.recv() {
            Ok(socket) if !self.closed.load(Ordering::SeqCst) => Ok((socket, self.address())),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn address(&self) -> Address {
        Address::Other(self.place.clone())
    }

    fn close(&self) {
        // With its only sender gone, nobody waits for more. Somebody else may take the place then.
        if !self.closed.swap(true, Ordering::SeqCst) {
            self.network.places().remove(&self.place);
        }
    }
}

impl Drop for MemoryIncoming {
    fn drop(&mut self) {
        self.close();
    }
}

/// One end of a connection within the process.
#[derive(Debug)]
pub struct MemorySocket {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

impl MemorySocket {
    /// The two ends of a connection.
    pub fn pair() -> (Self, Self) {
        let (a, b) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
        (
            Self {
                incoming: Arc::clone(&a),
                outgoing: Arc::clone(&b),
            },
            Self {
                incoming: b,
                outgoing: a,
            },
        )
    }
}

/// One direction.
#[derive(Debug, Default)]
struct Pipe {
    flow: Mutex<Flow>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Flow {
    bytes: VecDeque<u8>,
    /// Nothing more will be written.
    ended: bool,
    /// Nobody reads any more.
    abandoned: bool,
}

impl Pipe {
    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as there is a reason to.
    fn wait_while(
        &self,
        until: Option<Instant>,
        reason: impl Fn(&Flow) -> bool,
    ) -> io::Result<MutexGuard<'_, Flow>> {
        let mut flow = self.flow();
        while reason(&flow) {
            flow = match until {
                None => self
                    .changed
                    .wait(flow)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    let waited = self.changed.wait_timeout(flow, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Ok(flow)
    }

    fn change(&self, change: impl FnOnce(&mut Flow)) {
        change(&mut self.flow());
        self.changed.notify_all();
    }
}

impl Carrier for MemorySocket {}

impl Socket for MemorySocket {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        let nothing = |flow: &Flow| flow.bytes.is_empty() && !flow.ended;
        let mut flow = self.incoming.wait_while(until, nothing)?;
        let read = io::Read::read(&mut flow.bytes, buffer)?;
        self.incoming.changed.notify_all();
        Ok(read)
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        let full = |flow: &Flow| flow.bytes.len() >= PIPE && !flow.abandoned && !flow.ended;
        let mut flow = self.outgoing.wait_while(until, full)?;
        if flow.abandoned || flow.ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut written = 0;
        for slice in slices {
            let room = (PIPE - flow.bytes.len()).min(slice.len());
            flow.bytes.extend(&slice[..room]);
            written += room;
        }
        self.outgoing.changed.notify_all();
        Ok(written)
    }

    fn shutdown(&self, _: Option<Instant>) -> io::Result<()> {
        self.outgoing.change(|flow| flow.ended = true);
        Ok(())
    }

    fn close(&self) {
        self.outgoing.change(|flow| flow.ended = true);
        // Ended for our own reader, abandoned for the peer's writer.
        self.incoming
            .change(|flow| (flow.ended, flow.abandoned) = (true, true));
    }
}

impl Drop for MemorySocket {
    fn drop(&mut self) {
        self.close();
    }
}
