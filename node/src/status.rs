use std::fmt;
use std::sync::Arc;

use einode_dist::NodeName;
use einode_dist::handshake::Session;
use einode_etf::{Atom, Pid};

use crate::backoff::Backoff;
use crate::core::Core;
use crate::error::Disconnected;
use crate::statistics::{ConnectionStatistics, NodeStatistics};

/// What a node knows of itself and of its connections, in either style.
#[derive(Clone)]
pub struct Status(Arc<Core>);

impl Status {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self(Arc::clone(core))
    }

    pub(crate) const fn core(&self) -> &Arc<Core> {
        &self.0
    }

    /// Its name.
    pub fn name(&self) -> &NodeName {
        self.0.name()
    }

    /// The number by which its lives are told apart.
    pub fn creation(&self) -> u32 {
        self.0.creation()
    }

    /// The nodes that it is connected with, in the order of their names.
    pub fn nodes(&self) -> Vec<NodeName> {
        let mut nodes: Vec<_> = self
            .0
            .connected()
            .iter()
            .map(|peer| peer.node.clone())
            .collect();
        nodes.sort_unstable();
        nodes
    }

    /// What the handshake with a node has found out, if there is a connection with it.
    pub fn session(&self, node: &NodeName) -> Option<Arc<Session>> {
        self.0.existing(node.as_atom())?.session()
    }

    /// Ends the connection with a node, after all that was sent. Links and monitors are told
    /// `noconnection`. False if there is none. One that is [kept](Self::keep) is made again.
    pub fn disconnect(&self, node: &NodeName) -> bool {
        self.0.disconnect(node)
    }

    /// Keeps a connection with a node from now on: makes it at once, and again whenever it has ended or an
    /// attempt has failed, after a while of which [`Backoff`] says how long. Kept a second time, it is with
    /// the new one.
    ///
    /// [`Process::monitor_nodes`](crate::Process::monitor_nodes) tells of its ups and downs.
    ///
    /// ```no_run
    /// use einode::Backoff;
    /// use einode::blocking::Node;
    ///
    /// let node = Node::builder("rusty@127.0.0.1").cookie("secret").start()?;
    /// node.keep(&"app@127.0.0.1".parse()?, Backoff::default())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Disconnected::NotAllowed`] when it is not to be connected with, and [`Disconnected::Stopped`] when
    /// this node has ended.
    pub fn keep(&self, node: &NodeName, backoff: Backoff) -> Result<(), Disconnected> {
        self.0.keep(node.clone(), backoff)
    }

    /// Keeps a connection no longer. It stays as it is until it ends. False if it was not kept.
    pub fn let_go(&self, node: &NodeName) -> bool {
        self.0.let_go(node)
    }

    /// The process of this name.
    pub fn whereis(&self, name: &str) -> Option<Pid> {
        let inbox = self.0.named(&Atom::new(name).ok()?)?;
        Some(inbox.pid.clone())
    }

    /// The names of processes, in their order.
    pub fn registered(&self) -> Vec<Atom> {
        let mut names = self.0.names();
        names.sort_unstable();
        names
    }

    /// How many processes live.
    pub fn process_count(&self) -> usize {
        self.0.process_count()
    }

    /// What the node has done so far, in numbers.
    ///
    /// ```no_run
    /// # fn example(node: einode::blocking::Node) {
    /// let counted = node.statistics();
    /// println!("einode_connections {}", counted.connections);
    /// println!("einode_received_bytes_total {}", counted.traffic.received.bytes);
    /// # }
    /// ```
    pub fn statistics(&self) -> NodeStatistics {
        NodeStatistics::of(&self.0)
    }

    /// The same for each connection that there is, in the order of the names of the nodes.
    pub fn connections(&self) -> Vec<ConnectionStatistics> {
        let connected = self.0.connected();
        let mut connections: Vec<_> = connected
            .iter()
            .map(|peer| ConnectionStatistics::of(peer))
            .collect();
        connections.sort_unstable_by(|a, b| a.node.cmp(&b.node));
        connections
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Status").field(self.name()).finish()
    }
}
