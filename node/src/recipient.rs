use std::convert::Infallible;
use std::fmt;

use einode_dist::{Destination, InvalidName, NodeName};
use einode_etf::{Atom, AtomTooLong, Pid, Reference};

use crate::core::Monitored;

/// To whom a process sends: a process of any node, by its pid, its name or an alias.
///
/// ```
/// use einode::Recipient;
///
/// let worker = Recipient::try_from(("worker", "app@127.0.0.1"))?;
/// let mine = Recipient::try_from("logger")?;
/// # Ok::<(), einode::InvalidRecipient>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// A process.
    Pid(Pid),
    /// Whoever has made this alias.
    Alias(Reference),
    /// Whoever has this name on our own node.
    Name(Atom),
    /// Whoever has this name on that node.
    Remote(Atom, NodeName),
}

impl Recipient {
    /// What a control message names, and the node that it goes to; `here` is our own.
    pub(crate) fn split(self, here: &Atom) -> (Destination, Atom) {
        match self {
            Self::Pid(pid) => {
                let node = pid.node().clone();
                (pid.into(), node)
            }
            Self::Alias(alias) => {
                let node = alias.node().clone();
                (alias.into(), node)
            }
            Self::Name(name) => (name.into(), here.clone()),
            Self::Remote(name, node) => (name.into(), node.as_atom().clone()),
        }
    }

    /// What a monitor of it watches; nothing for an alias, which is no process.
    pub(crate) fn monitored(self, here: &Atom) -> Option<Monitored> {
        match self {
            Self::Pid(pid) => Some(Monitored::Pid(pid)),
            Self::Alias(_) => None,
            Self::Name(name) => Some(Monitored::Name(name, here.clone())),
            Self::Remote(name, node) => Some(Monitored::Name(name, node.as_atom().clone())),
        }
    }
}

impl From<Pid> for Recipient {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl From<&Pid> for Recipient {
    fn from(pid: &Pid) -> Self {
        Self::Pid(pid.clone())
    }
}

impl From<Reference> for Recipient {
    fn from(alias: Reference) -> Self {
        Self::Alias(alias)
    }
}

impl From<&Reference> for Recipient {
    fn from(alias: &Reference) -> Self {
        Self::Alias(alias.clone())
    }
}

impl From<Atom> for Recipient {
    fn from(name: Atom) -> Self {
        Self::Name(name)
    }
}

impl From<(Atom, NodeName)> for Recipient {
    fn from((name, node): (Atom, NodeName)) -> Self {
        Self::Remote(name, node)
    }
}

impl From<&Self> for Recipient {
    fn from(recipient: &Self) -> Self {
        recipient.clone()
    }
}

impl TryFrom<&str> for Recipient {
    type Error = InvalidRecipient;

    fn try_from(name: &str) -> Result<Self, InvalidRecipient> {
        Ok(Self::Name(Atom::new(name)?))
    }
}

impl TryFrom<(&str, &str)> for Recipient {
    type Error = InvalidRecipient;

    fn try_from((name, node): (&str, &str)) -> Result<Self, InvalidRecipient> {
        Ok(Self::Remote(Atom::new(name)?, NodeName::new(node)?))
    }
}

impl TryFrom<(&str, &NodeName)> for Recipient {
    type Error = InvalidRecipient;

    fn try_from((name, node): (&str, &NodeName)) -> Result<Self, InvalidRecipient> {
        Ok(Self::Remote(Atom::new(name)?, node.clone()))
    }
}

/// Why something cannot be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRecipient {
    /// The name of a process is too long for an atom.
    Name(AtomTooLong),
    /// The name of a node breaks a rule.
    Node(InvalidName),
}

impl From<AtomTooLong> for InvalidRecipient {
    fn from(error: AtomTooLong) -> Self {
        Self::Name(error)
    }
}

impl From<InvalidName> for InvalidRecipient {
    fn from(error: InvalidName) -> Self {
        Self::Node(error)
    }
}

impl From<Infallible> for InvalidRecipient {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for InvalidRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => write!(f, "the name of a process: {error}"),
            Self::Node(error) => write!(f, "the name of a node: {error}"),
        }
    }
}

impl std::error::Error for InvalidRecipient {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Name(error) => Some(error),
            Self::Node(error) => Some(error),
        }
    }
}
