use einode_dist::{NodeName, Statistics};

use crate::core::{Core, Peer};

/// What a node has done since it began, in numbers: [`Status::statistics`](crate::Status::statistics).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct NodeStatistics {
    /// Connections that there are. This one goes down again.
    pub connections: u64,
    /// Connections that we have made.
    pub initiated: u64,
    /// Connections that others have made with us.
    pub accepted: u64,
    /// Attempts of ours to connect of which nothing came.
    pub failed: u64,
    /// Attempts of others of which nothing came: a wrong cookie, a name that is not allowed, silence. Where
    /// two nodes connect to each other at once, one attempt is refused, too.
    pub refused: u64,
    /// Connections that we have ended.
    pub closed: u64,
    /// Connections that ended otherwise: closed by the peer, silent, broken, or replaced by it.
    pub lost: u64,
    /// Processes that live. This one goes down again.
    pub processes: u64,
    /// Processes that there have been.
    pub spawned: u64,
    /// Messages for processes that were not there, ours among them.
    pub dropped: u64,
    /// What has passed over all connections, those that have ended included.
    pub traffic: Statistics,
}

/// A connection of a node in numbers: [`Status::connections`](crate::Status::connections).
///
/// They are those of [`Link::statistics`](crate::blocking::Link::statistics). What has come is counted after
/// each read, when it has been given to its processes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStatistics {
    /// The node at its other end.
    pub node: NodeName,
    /// What has passed over it.
    pub traffic: Statistics,
    /// Messages that came for processes that were not there.
    pub dropped: u64,
}

impl NodeStatistics {
    pub(crate) fn of(core: &Core) -> Self {
        let counters = core.counters();
        let (connections, traffic) = core.traffic();
        Self {
            connections: connections as u64,
            initiated: counters.initiated.get(),
            accepted: counters.accepted.get(),
            failed: counters.failed.get(),
            refused: counters.refused.get(),
            closed: counters.closed.get(),
            lost: counters.lost.get(),
            processes: core.process_count() as u64,
            spawned: core.spawned(),
            dropped: counters.dropped.get(),
            traffic,
        }
    }
}

impl ConnectionStatistics {
    pub(crate) fn of(peer: &Peer) -> Self {
        Self {
            node: peer.node.clone(),
            traffic: peer.traffic(),
            dropped: peer.dropped(),
        }
    }
}
