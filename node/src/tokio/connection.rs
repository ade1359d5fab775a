use std::future::poll_fn;
use std::io::IoSlice;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use einode_dist::{Batch, Inbound, Ticker, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Interval, MissedTickBehavior, interval_at, timeout};

use super::{Socket, after};
use crate::carrier::{Closing, Ending};
use crate::core::{Core, Peer, READ_LIMIT};
use crate::error::{Disconnected, LinkError};
use crate::pulse::Pulse;

/// A connection of a node, on a task of its own: it reads, writes and ticks until one side ends it.
pub(super) struct Running<S: Socket> {
    socket: Closing<S>,
    inbound: Inbound,
    ticker: Ticker,
    pulse: Pulse,
    ticks: Interval,
    core: Arc<Core>,
    peer: Arc<Peer>,
    /// What is being written.
    batch: Batch,
    /// How much of what was taken has been written, and not told to the queue.
    written: usize,
    /// The socket may hold back something that was written.
    unflushed: bool,
}

impl<S: Socket> Running<S> {
    pub(super) fn new(
        socket: Closing<S>,
        inbound: Inbound,
        ticker: Ticker,
        core: Arc<Core>,
        peer: Arc<Peer>,
    ) -> Self {
        let interval = ticker.interval();
        let mut ticks = interval_at(after(interval), interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            socket,
            inbound,
            ticker,
            pulse: Pulse::default(),
            ticks,
            core,
            peer,
            batch: Batch::default(),
            written: 0,
            unflushed: false,
        }
    }

    /// Runs it to its end.
    pub(super) async fn run(mut self) {
        let ended = poll_fn(|cx| self.poll(cx)).await;
        match ended {
            Ok(()) => {
                self.socket.note(Ending::Done);
                let within = self.ticker.interval() * limits::TICK_INTENSITY;
                // The peer may never take it; it is not needed to know.
                let _ = timeout(within, self.finish()).await;
            }
            Err(error) => {
                self.socket.note(error.ending().unwrap_or(Ending::Failed));
                self.core.leave(&self.peer, Disconnected::Link(error));
            }
        }
    }

    /// Does what there is to do; ready when the connection has ended, well if that was our wish.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while self.ticks.poll_tick(cx).is_ready() {
            self.peer.beat(&mut self.pulse, &mut self.ticker)?;
        }
        loop {
            let queued = match self.poll_write(cx) {
                Poll::Ready(Ok(None)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(Some(()))) => 0,
                // What arrived before the connection failed is of use.
                Poll::Ready(Err(error)) => {
                    while let Poll::Ready(Ok(())) = self.poll_read(cx) {}
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => self
                    .peer
                    .outbound(|outbound| outbound.queued())
                    .unwrap_or(0),
            };
            if queued > READ_LIMIT {
                return Poll::Pending;
            }
            ready!(self.poll_read(cx))?;
        }
    }

    /// Writes all there is, and then waits for more. Nothing when it is over.
    ///
    /// What is written is taken off the queue first, so that others go on to queue meanwhile.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<()>, LinkError>> {
        loop {
            let Self { batch, written, .. } = self;
            let taken = self.peer.outbound(|outbound| {
                outbound.sent(mem::take(written));
                outbound.take(batch);
            });
            if taken.is_none() {
                return Poll::Ready(Ok(None));
            }
            if self.batch.is_empty() {
                ready!(self.poll_flush(cx))?;
                // Woken when there is something; there may be something by now.
                if self.peer.poll_outgoing(cx).is_pending() {
                    return Poll::Ready(Ok(Some(())));
                }
            } else {
                ready!(self.poll_batch(cx))?;
            }
        }
    }

    /// Writes what was taken off the queue.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let socket: &mut S = &mut self.socket;
        let mut socket = Pin::new(socket);
        while !self.batch.is_empty() {
            let mut slices = [IoSlice::new(&[]); 64];
            let filled = self.batch.outgoing(&mut slices);
            let written = socket.as_mut().poll_write_vectored(cx, &slices[..filled]);
            match ready!(written)? {
                0 => return Poll::Ready(Err(LinkError::Closed)),
                written => {
                    self.batch.sent(written);
                    self.written += written;
                }
            }
            self.unflushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        if self.unflushed {
            let socket: &mut S = &mut self.socket;
            ready!(Pin::new(socket).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let read = pin!(self.socket.read_buf(self.inbound.inbox()));
        match ready!(read.poll(cx))? {
            0 => return Poll::Ready(Err(LinkError::Closed)),
            read => self.pulse.received(read),
        }
        let Self {
            core,
            peer,
            inbound,
            pulse,
            ..
        } = self;
        Poll::Ready(core.hear(peer, inbound, || {
            peer.outbound(|outbound| pulse.answer(outbound));
        }))
    }

    /// Writes what is left of a connection that we close, and sees to it that the peer reads it.
    async fn finish(&mut self) -> Result<(), LinkError> {
        let mut rest = self.peer.rest();
        loop {
            poll_fn(|cx| self.poll_batch(cx)).await?;
            let Some(rest) = &mut rest else { break };
            rest.sent(mem::take(&mut self.written));
            rest.take(&mut self.batch);
            if self.batch.is_empty() {
                break;
            }
        }
        poll_fn(|cx| self.poll_flush(cx)).await?;
        self.socket.shutdown().await?;
        let mut rest = [0; 4096];
        // Closing while the peer still sends would reset the connection and could take from it what it
        // has not read yet.
        while self.socket.read(&mut rest).await? > 0 {}
        Ok(())
    }
}
