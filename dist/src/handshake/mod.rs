//! The handshake: two nodes learn each other's names and abilities and prove that they know the
//! cookie. OTP: Distribution Protocol, section "Distribution Handshake".
//!
//! ```text
//! Initiator                                  Acceptor
//!   send_name  'N' flags creation name  ──►
//!                                       ◄──  status     's' ok | ok_simultaneous | nok |
//!                                                           not_allowed | alive | named:…
//!   [status    's' true | false]        ──►             (only after alive)
//!                                       ◄──  challenge  'N' flags challenge creation name
//!   [complement 'c' flags creation]     ──►             (only after a send_name of the old form)
//!   challenge_reply 'r' challenge digest ──►
//!                                       ◄──  challenge_ack 'a' digest
//! ```
//!
//! The initiator proves first; an acceptor that is not convinced closes without a word. Each
//! packet is preceded by its length, in two bytes or in four: see [`Prefix`].

mod acceptor;
mod digest;
mod initiator;
pub mod message;
mod wire;

pub use acceptor::{Acceptor, Verdict};
pub use digest::Digest;
pub use initiator::Initiator;
pub use message::Hello;

use std::collections::BTreeMap;

use crate::cookie::Cookie;
use crate::flags::Flags;
use crate::name::{Identity, NodeName};

/// How many bytes the length of a handshake packet has. Once connected it is always four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prefix {
    /// Two bytes, as on plain TCP.
    #[default]
    Two,
    /// Four bytes, as on TLS.
    Four,
}

/// What a node says of itself, the same in every handshake.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Local {
    /// The node's name, or the wish to be given one (only as initiator).
    pub identity: Identity,
    /// Which incarnation of the node this is: EPMD's answer to the registration, or any number
    /// above 3 that the previous incarnation did not have.
    pub creation: u32,
    /// What the node handles; by default [`Flags::HIDDEN`]. Without
    /// [`DIST_HDR_ATOM_CACHE`](Flags::DIST_HDR_ATOM_CACHE), [`FRAGMENTS`](Flags::FRAGMENTS) are not offered
    /// either.
    pub flags: Flags,
    /// What it demands of its peers; by default [`Flags::MANDATORY_25`].
    pub required: Flags,
    /// The secret shared with the peers.
    pub cookie: Cookie,
    /// Those shared with some peers instead, as by `erlang:set_cookie/2`.
    pub cookies: BTreeMap<NodeName, Cookie>,
}

impl Local {
    /// A hidden node with the default flags.
    pub fn new(identity: impl Into<Identity>, creation: u32, cookie: Cookie) -> Self {
        Self {
            identity: identity.into(),
            creation,
            flags: Flags::HIDDEN,
            required: Flags::MANDATORY_25,
            cookie,
            cookies: BTreeMap::new(),
        }
    }

    /// The secret shared with this peer.
    pub fn cookie_for(&self, peer: &NodeName) -> &Cookie {
        self.cookies.get(peer).unwrap_or(&self.cookie)
    }

    /// The capabilities a peer lacks that this node demands.
    fn missing(&self, theirs: Flags) -> Flags {
        self.required - theirs.expand()
    }
}

/// The outcome of a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// Our name: the one the peer handed out, if we asked for one.
    pub local: NodeName,
    /// Our creation: the one the peer handed out, if we asked for a name.
    pub local_creation: u32,
    /// The peer's name.
    pub peer: NodeName,
    /// Which incarnation of the peer this is.
    pub peer_creation: u32,
    /// All the flags the peer sent.
    pub peer_flags: Flags,
    /// What both sides handle.
    pub flags: Flags,
    /// Whether the accepting side had a connection with a node of the other's name, which this one
    /// replaces.
    pub replaces: bool,
}
