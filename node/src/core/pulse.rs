use std::sync::Arc;
use std::time::Duration;

use einode_dist::{Beat, Event, Inbound, Outbound, Ticker};

use super::{Core, Peer};
use crate::error::LinkError;

/// The ticks of a connection: those that it sends, those that it answers, and those that it misses.
#[derive(Debug)]
pub(crate) struct Pulse {
    ticker: Ticker,
    /// Bytes read since the handshake.
    read: u64,
    /// Bytes that had been written when the last tick was read.
    written_at_tick: u64,
}

impl Pulse {
    pub(crate) const fn new(ticker: Ticker) -> Self {
        Self {
            ticker,
            read: 0,
            written_at_tick: 0,
        }
    }

    /// How often [`Pulse::beat`] is due.
    pub(crate) fn interval(&self) -> Duration {
        self.ticker.interval()
    }

    /// As many bytes were read.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.read += bytes as u64;
    }

    /// An interval of the tick time is over.
    ///
    /// # Errors
    /// [`LinkError::Silent`]: the peer is gone.
    pub(crate) fn beat(&mut self, outbound: &mut Outbound) -> Result<(), LinkError> {
        match self
            .ticker
            .tick(self.read, outbound.written(), outbound.queued())
        {
            Beat::Quiet => {}
            Beat::SendTick => outbound.tick(),
            Beat::PeerDown => return Err(LinkError::Silent),
        }
        Ok(())
    }

    /// Answers a tick, so that also a peer with a shorter tick time than ours hears from us in time.
    /// Something else that was written since its last tick is answer enough; if it were not, two nodes
    /// would answer each other for ever.
    pub(crate) fn answer(&mut self, outbound: &mut Outbound) {
        if outbound.written() == self.written_at_tick && outbound.queued() == 0 {
            outbound.tick();
        }
        self.written_at_tick = outbound.written() + outbound.queued() as u64;
    }
}

impl Core {
    /// Does what has been read asks for. `on_tick` answers ticks.
    ///
    /// # Errors
    /// The peer broke the protocol, and nothing that follows can be understood.
    pub(crate) fn hear(
        self: &Arc<Self>,
        peer: &Peer,
        inbound: &mut Inbound,
        mut on_tick: impl FnMut(),
    ) -> Result<(), LinkError> {
        while let Some(event) = inbound.poll()? {
            match event {
                Event::Signal(control, payload) => self.receive(peer, control, payload),
                Event::Tick => on_tick(),
                // A message that makes no sense is lost; the next is as good as any.
                _ => {}
            }
        }
        Ok(())
    }
}
