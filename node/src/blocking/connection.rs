use std::io::{self, IoSlice};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use einode_dist::{Batch, Inbound, Ticker, limits};

use super::Socket;
use super::threads::Threads;
use crate::carrier::{Closing, Ending};
use crate::core::{Core, Peer, Pulse, READ_LIMIT, lock};
use crate::error::{Disconnected, LinkError};

/// How many bytes a read asks for at the least and at the most: what it asks for is zeroed before.
const READ: (usize, usize) = (8 * 1024, 256 * 1024);

/// A connection of a node, on two threads: one reads, the other writes and ticks, until one side ends it.
pub(super) struct Running<S: Socket> {
    socket: Arc<Closing<S>>,
    core: Arc<Core>,
    peer: Arc<Peer>,
    pulse: Arc<Mutex<Pulse>>,
}

impl<S: Socket + 'static> Running<S> {
    /// Runs it on this thread and another one, to its end.
    pub(super) fn run(
        socket: Closing<S>,
        inbound: Inbound,
        ticker: Ticker,
        core: &Arc<Core>,
        peer: &Arc<Peer>,
        threads: &Threads,
    ) {
        let running = |socket: &Arc<Closing<S>>, pulse: &Arc<Mutex<Pulse>>| Self {
            socket: Arc::clone(socket),
            core: Arc::clone(core),
            peer: Arc::clone(peer),
            pulse: Arc::clone(pulse),
        };
        let socket = Arc::new(socket);
        let pulse = Arc::new(Mutex::new(Pulse::new(ticker)));
        // Dropped when all is read, which the writer waits for.
        let (reading, read) = mpsc::channel::<()>();
        let (writer, reader) = (running(&socket, &pulse), running(&socket, &pulse));
        let (written, writing) = mpsc::channel();
        let spawned = threads.spawn("write", move || {
            let _ = written.send(writer.write(&read));
        });
        if let Err(error) = spawned {
            core.leave(peer, Disconnected::Link(error.into()));
            return;
        }
        let ended = reader.read(inbound);
        drop(reading);
        // The reason that was first counts.
        let ending = writing.recv().unwrap_or(Ending::Failed);
        drop(reader);
        if let Some(mut socket) = Arc::into_inner(socket) {
            socket.ending = ended.unwrap_or(ending);
        }
    }

    /// Reads to the end; gives how it ended, if not by the other thread.
    fn read(&self, mut inbound: Inbound) -> Option<Ending> {
        loop {
            match self.fill(&mut inbound) {
                Ok(()) => {}
                Err(error) => {
                    let was_up = self.peer.is_up();
                    let ending = error.ending().unwrap_or(Ending::Failed);
                    self.core.leave(&self.peer, Disconnected::Link(error));
                    return was_up.then_some(ending);
                }
            }
        }
    }

    fn fill(&self, inbound: &mut Inbound) -> Result<(), LinkError> {
        if self.queued() > READ_LIMIT {
            self.peer.wait_room(None);
        }
        let want = inbound.want();
        let inbox = inbound.inbox();
        let filled = inbox.len();
        let room = want.clamp(READ.0, READ.1).min(inbox.capacity() - filled);
        inbox.resize(filled + room, 0);
        let read = self.socket.read(&mut inbox[filled..], None);
        inbox.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read? {
            0 => return Err(LinkError::Closed),
            read => lock(&self.pulse).received(read),
        }
        if !self.peer.is_up() {
            // What comes after the end is of no use.
            inbound.inbox().clear();
            return Ok(());
        }
        self.core.hear(&self.peer, inbound, || {
            self.peer
                .outbound(|outbound| lock(&self.pulse).answer(outbound));
        })
    }

    fn queued(&self) -> usize {
        let queued = self.peer.outbound(|outbound| outbound.queued());
        queued.unwrap_or(0)
    }

    /// Writes and ticks to the end, and then closes the socket, which wakes the reader; gives how it
    /// ended.
    fn write(&self, read: &Receiver<()>) -> Ending {
        let interval = lock(&self.pulse).interval();
        let ending = match self.write_all(interval) {
            Ok(batch) => {
                // The peer may never take it; it is not needed to know.
                let _ = self.finish(batch, interval * limits::TICK_INTENSITY, read);
                Ending::Done
            }
            Err(error) => {
                let ending = error.ending().unwrap_or(Ending::Failed);
                self.core.leave(&self.peer, Disconnected::Link(error));
                ending
            }
        };
        self.socket.close();
        ending
    }

    /// Writes and ticks until the connection is ended; gives what was not written of what was taken.
    fn write_all(&self, interval: Duration) -> Result<Batch, LinkError> {
        let mut next_tick = Instant::now() + interval;
        let (mut batch, mut written) = (Batch::default(), 0);
        loop {
            if Instant::now() >= next_tick {
                next_tick = Instant::now() + interval;
                let beat = |outbound: &mut _| lock(&self.pulse).beat(outbound);
                self.peer.outbound(beat).unwrap_or(Ok(()))?;
            }
            let taken = self.peer.outbound(|outbound| {
                outbound.sent(std::mem::take(&mut written));
                outbound.take(&mut batch);
            });
            if taken.is_none() {
                return Ok(batch);
            }
            if batch.is_empty() {
                self.peer.wait_outgoing(Some(next_tick));
                continue;
            }
            match self.write_some(&batch, next_tick) {
                Ok(some) => {
                    batch.sent(some);
                    written += some;
                }
                // The peer takes nothing; whether it lives is for the ticks to say.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn write_some(&self, batch: &Batch, until: Instant) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = batch.outgoing(&mut slices);
        match self.socket.write(&slices[..filled], Some(until))? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            written => {
                self.socket.flush(Some(until))?;
                Ok(written)
            }
        }
    }

    /// Writes what is left of a connection that we close, and sees to it that the peer reads it.
    fn finish(
        &self,
        mut batch: Batch,
        within: Duration,
        read: &Receiver<()>,
    ) -> Result<(), LinkError> {
        let Some(mut rest) = self.peer.rest() else {
            return Ok(());
        };
        let until = Instant::now() + within;
        loop {
            rest.take(&mut batch);
            if batch.is_empty() {
                break;
            }
            let written = self.write_some(&batch, until)?;
            batch.sent(written);
            rest.sent(written);
        }
        self.socket.shutdown(Some(until))?;
        // Closing while the peer still sends would reset the connection and could take from it what it
        // has not read yet.
        let left = until.saturating_duration_since(Instant::now());
        let _ = read.recv_timeout(left);
        Ok(())
    }
}
