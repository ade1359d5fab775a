use std::io::{self, IoSlice};
use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use einode_dist::{Batch, Inbound, Ticker, limits};

use super::Socket;
use super::threads::Threads;
use crate::carrier::{Closing, Ending};
use crate::core::{Core, Outlet, Peer, READ_LIMIT, lock};
use crate::error::{Disconnected, LinkError};
use crate::pulse::Pulse;
use crate::trace::Span;

/// How many bytes a read asks for at the least and at the most: what it asks for is zeroed before.
const READ: (usize, usize) = (8 * 1024, 256 * 1024);

/// How long a sender that writes by itself may wait for the socket.
const AT_ONCE: Duration = Duration::from_millis(1);

/// How many messages are written by their senders after the last that came. From then on it is a stream, of
/// which the writer takes many at once.
const ANSWERS: u32 = 16;

/// A connection of a node, on two threads: one reads, the other ticks and writes what senders have not
/// written by themselves, until one side ends it.
pub(super) struct Running<S: Socket> {
    socket: Closing<S>,
    core: Arc<Core>,
    peer: Arc<Peer>,
    pulse: Mutex<Pulse>,
    /// Of the one who writes.
    writing: Mutex<Writing>,
    /// How many messages were to be written by their senders since something was read.
    unanswered: AtomicU32,
}

/// What was taken off the queue.
#[derive(Default)]
struct Writing {
    /// What of it is to be written.
    batch: Batch,
    /// How much has been written, and not told to the queue.
    written: usize,
}

/// What came of an attempt to write.
enum Step {
    Wrote,
    /// There is nothing to write.
    Idle,
    /// The connection has ended.
    Over,
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
        let running = Arc::new(Self {
            socket,
            core: Arc::clone(core),
            peer: Arc::clone(peer),
            pulse: Mutex::default(),
            writing: Mutex::default(),
            unanswered: AtomicU32::new(0),
        });
        // Dropped when all is read, which the writer waits for.
        let (reading, read) = mpsc::channel::<()>();
        let (written, writing) = mpsc::channel();
        let span = Span::connection(&peer.node);
        let (writer, within) = (Arc::clone(&running), span.clone());
        let spawned = threads.spawn("write", move || {
            let ending = within.enter(|| writer.write(ticker, &read));
            drop(writer);
            let _ = written.send(ending);
        });
        if let Err(error) = spawned {
            core.leave(peer, Disconnected::Link(error.into()));
            return;
        }
        let outlet = Arc::downgrade(&running);
        peer.write_through(outlet);
        let ended = span.enter(|| running.read(inbound));
        drop(reading);
        // The reason that was first counts.
        let ending = writing.recv().unwrap_or(Ending::Failed);
        running.socket.note(ended.unwrap_or(ending));
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
            read => {
                self.unanswered.store(0, Ordering::Relaxed);
                lock(&self.pulse).received(read);
            }
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
    fn write(&self, ticker: Ticker, read: &Receiver<()>) -> Ending {
        let interval = ticker.interval();
        let ending = match self.write_all(ticker) {
            Ok(()) => {
                // The peer may never take it; it is not needed to know.
                let _ = self.finish(interval * limits::TICK_INTENSITY, read);
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

    /// Writes and ticks until the connection is ended.
    fn write_all(&self, mut ticker: Ticker) -> Result<(), LinkError> {
        let interval = ticker.interval();
        let mut next_tick = Instant::now() + interval;
        loop {
            if Instant::now() >= next_tick {
                next_tick = Instant::now() + interval;
                self.peer.beat(&mut lock(&self.pulse), &mut ticker)?;
            }
            let step = self.write_some(&mut lock(&self.writing), next_tick);
            match step {
                Ok(Step::Wrote) => {}
                Ok(Step::Idle) => self.peer.wait_outgoing(Some(next_tick)),
                Ok(Step::Over) => return Ok(()),
                // The peer takes nothing; whether it lives is for the ticks to say.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes what there is off the queue, so that others go on to queue meanwhile, and writes some of it.
    fn write_some(&self, writing: &mut Writing, until: Instant) -> io::Result<Step> {
        let Writing { batch, written } = writing;
        if batch.is_empty() && *written > 0 {
            // As long as the socket keeps some of it, it is not sent.
            self.socket.flush(Some(until))?;
        }
        let taken = self.peer.outbound(|outbound| {
            outbound.sent(mem::take(written));
            outbound.take(batch);
        });
        if taken.is_none() {
            return Ok(Step::Over);
        }
        if batch.is_empty() {
            return Ok(Step::Idle);
        }
        self.write_batch(writing, until)?;
        Ok(Step::Wrote)
    }

    fn write_batch(&self, writing: &mut Writing, until: Instant) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = writing.batch.outgoing(&mut slices);
        match self.socket.write(&slices[..filled], Some(until))? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            written => {
                writing.batch.sent(written);
                writing.written += written;
                Ok(())
            }
        }
    }

    /// Writes what is left of a connection that we close, and sees to it that the peer reads it.
    fn finish(&self, within: Duration, read: &Receiver<()>) -> Result<(), LinkError> {
        let Some(mut rest) = self.peer.rest() else {
            return Ok(());
        };
        let until = Instant::now() + within;
        let writing = &mut *lock(&self.writing);
        loop {
            rest.sent(mem::take(&mut writing.written));
            rest.take(&mut writing.batch);
            if writing.batch.is_empty() {
                break;
            }
            self.write_batch(writing, until)?;
        }
        self.socket.flush(Some(until))?;
        self.socket.shutdown(Some(until))?;
        // Closing while the peer still sends would reset the connection and could take from it what it
        // has not read yet.
        let left = until.saturating_duration_since(Instant::now());
        let _ = read.recv_timeout(left);
        Ok(())
    }
}

/// A message that is written by its sender is on its way one change of threads earlier.
impl<S: Socket + 'static> Outlet for Running<S> {
    fn write_at_once(&self) -> bool {
        if self.unanswered.load(Ordering::Relaxed) >= ANSWERS {
            return false;
        }
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        // Whoever writes already takes this, too.
        let Ok(mut writing) = self.writing.try_lock() else {
            return false;
        };
        let until = Instant::now() + AT_ONCE;
        loop {
            match self.write_some(&mut writing, until) {
                Ok(Step::Wrote) => {}
                Ok(Step::Idle | Step::Over) => return true,
                // What is wrong is seen by the one whose task it is.
                Err(_) => return false,
            }
        }
    }
}
