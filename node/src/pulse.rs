use einode_dist::{Beat, Outbound, Ticker};

use crate::error::LinkError;

/// What the ticks of a connection depend on: what was read, and what was written when.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Bytes read since the handshake.
    read: u64,
    /// Bytes that had been written when the last tick was read.
    written_at_tick: u64,
}

impl Pulse {
    /// As many bytes were read.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.read += bytes as u64;
    }

    /// An interval of the tick time is over.
    ///
    /// # Errors
    /// [`LinkError::Silent`]: the peer is gone.
    pub(crate) fn beat(
        &mut self,
        ticker: &mut Ticker,
        outbound: &mut Outbound,
    ) -> Result<(), LinkError> {
        match ticker.tick(self.read, outbound.written(), outbound.queued()) {
            Beat::Quiet => {}
            Beat::SendTick => outbound.tick(),
            Beat::PeerDown => return Err(LinkError::Silent),
        }
        Ok(())
    }

    /// Answers a tick as libei does, so that also a peer with a shorter tick time than ours hears from
    /// us in time. Something else that was written since its last tick is answer enough; if it were
    /// not, two nodes would answer each other for ever.
    pub(crate) fn answer(&mut self, outbound: &mut Outbound) {
        if outbound.written() == self.written_at_tick && outbound.queued() == 0 {
            outbound.tick();
        }
        self.written_at_tick = outbound.written() + outbound.queued() as u64;
    }
}
