use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use einode_dist::NodeName;

use crate::address::{Address, interleave};
use crate::error::ConnectError;

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

    pub(crate) fn find(&self, node: &NodeName) -> Result<Vec<Address>, ConnectError> {
        match self.addresses(node) {
            [] => Err(ConnectError::UnknownNode {
                node: node.clone(),
                at: "the table".into(),
            }),
            addresses => Ok(addresses.to_vec()),
        }
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

/// The address of a port of a host that is named by its number, such as `127.0.0.1`, `::1` or `[::1]`.
pub(crate) fn literal(host: &str, port: u16) -> Option<Address> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let ip: IpAddr = bare.parse().ok()?;
    Some(SocketAddr::new(ip, port).into())
}

/// What the system's resolver says of a host, in the order in which to try it.
pub(crate) fn found(
    host: &str,
    answer: io::Result<Vec<SocketAddr>>,
) -> Result<Vec<Address>, ConnectError> {
    let failed = |error| ConnectError::Resolve {
        host: host.to_owned(),
        error,
    };
    match answer {
        Ok(found) if found.is_empty() => Err(failed(io::ErrorKind::NotFound.into())),
        Ok(found) => Ok(interleave(found)),
        Err(error) => Err(failed(error)),
    }
}
