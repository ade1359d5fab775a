use std::collections::HashMap;

use einode_dist::NodeName;

use crate::address::Address;

/// A fixed table of nodes and where they listen.
///
/// It is a resolver of both styles: with it, nobody needs EPMD.
///
/// ```
/// use einode::Table;
///
/// let mut table = Table::default();
/// table.insert("app@host".parse()?, "127.0.0.1:9100".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Table(HashMap<NodeName, Vec<Address>>);

impl Table {
    /// Adds an address of a node. Those of one node are tried in the order in which they were added.
    pub fn insert(&mut self, node: NodeName, address: Address) {
        self.0.entry(node).or_default().push(address);
    }

    /// The addresses of a node; none if it is not in the table.
    pub fn addresses(&self, node: &NodeName) -> &[Address] {
        self.0.get(node).map_or(&[], Vec::as_slice)
    }
}

impl FromIterator<(NodeName, Address)> for Table {
    fn from_iter<I: IntoIterator<Item = (NodeName, Address)>>(pairs: I) -> Self {
        let mut table = Self::default();
        pairs
            .into_iter()
            .for_each(|(node, address)| table.insert(node, address));
        table
    }
}

/// All nodes listen on the same port of their hosts, as they do under
/// `-kernel inet_dist_listen_min P inet_dist_listen_max P` or `-erl_epmd_port P`: the host part of the
/// name is looked up in DNS.
///
/// It is a resolver of both styles.
#[derive(Debug, Clone, Copy)]
pub struct FixedPort(pub u16);
