use std::fmt;
use std::str::FromStr;

use einode_etf::Atom;

use crate::limits;

/// The full name of a node: `alive@host`.
///
/// At most 255 characters ([`limits::NODE_NAME`]), exactly one `@` with something on both sides, no
/// white space and no control characters. Names travel as raw bytes, and ERTS writes them in
/// Latin-1 in some places and in UTF-8 in others, so names that are to be understood everywhere
/// are ASCII.
///
/// ```
/// # use einode_dist::NodeName;
/// let name: NodeName = "shop@db.example".parse()?;
/// assert_eq!((name.alive(), name.host()), ("shop", "db.example"));
/// # Ok::<(), einode_dist::InvalidName>(())
/// ```
///
/// Names are ordered as Erlang orders atoms, by code point.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Atom);

impl NodeName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidName`] says which rule is broken.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let atom = Atom::new(name).map_err(|_| InvalidName::TooLong)?;
        let (alive, host) = name.split_once('@').ok_or(InvalidName::NoAt)?;
        check_part(alive)?;
        check_part(host)?;
        Ok(Self(atom))
    }

    /// The part before the `@`, under which the node is registered in EPMD.
    pub fn alive(&self) -> &str {
        self.as_str().split_once('@').map_or("", |(alive, _)| alive)
    }

    /// The part after the `@`.
    pub fn host(&self) -> &str {
        self.as_str().split_once('@').map_or("", |(_, host)| host)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name as the atom that stands for the node in pids, ports and references.
    pub fn as_atom(&self) -> &Atom {
        &self.0
    }
}

/// The host part of a node name, which a node without a name of its own sends to get one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Atom);

impl HostName {
    /// Checks a host name.
    ///
    /// # Errors
    /// [`InvalidName`] says which rule of [`NodeName`] is broken.
    pub fn new(host: &str) -> Result<Self, InvalidName> {
        check_part(host)?;
        Atom::new(host).map(Self).map_err(|_| InvalidName::TooLong)
    }

    /// The host name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Who connects: a node with a name, or one that asks the other side for a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A node with this name.
    Node(NodeName),
    /// A node on this host that wants to be given a name ("dynamic node name", OTP 23).
    Dynamic(HostName),
}

impl From<NodeName> for Identity {
    fn from(name: NodeName) -> Self {
        Self::Node(name)
    }
}

impl From<HostName> for Identity {
    fn from(host: HostName) -> Self {
        Self::Dynamic(host)
    }
}

/// Which rule a name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidName {
    /// Nothing before or after the `@`.
    Empty,
    /// No `@`.
    NoAt,
    /// More than one `@`, or one where only a part of a name belongs.
    SeveralAt,
    /// More than 255 characters.
    TooLong,
    /// White space or a control character.
    Character(char),
    /// Bytes that are not UTF-8.
    NotUtf8,
}

/// One side of the `@`.
pub(crate) fn check_part(part: &str) -> Result<(), InvalidName> {
    if part.is_empty() {
        return Err(InvalidName::Empty);
    }
    match part
        .chars()
        .find(|c| *c == '@' || c.is_control() || c.is_whitespace())
    {
        Some('@') => Err(InvalidName::SeveralAt),
        Some(c) => Err(InvalidName::Character(c)),
        None => Ok(()),
    }
}

impl From<&Self> for NodeName {
    fn from(name: &Self) -> Self {
        name.clone()
    }
}

impl TryFrom<&[u8]> for NodeName {
    type Error = InvalidName;

    fn try_from(name: &[u8]) -> Result<Self, InvalidName> {
        Self::new(std::str::from_utf8(name).map_err(|_| InvalidName::NotUtf8)?)
    }
}

impl TryFrom<&[u8]> for HostName {
    type Error = InvalidName;

    fn try_from(host: &[u8]) -> Result<Self, InvalidName> {
        Self::new(std::str::from_utf8(host).map_err(|_| InvalidName::NotUtf8)?)
    }
}

macro_rules! text {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidName;

            fn try_from(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }
    };
}
text!(NodeName);
text!(HostName);

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a part of the name is empty"),
            Self::NoAt => f.write_str("expected name@host, there is no @"),
            Self::SeveralAt => f.write_str("there is an @ too many"),
            Self::TooLong => {
                write!(f, "the name has more than {} characters", limits::NODE_NAME)
            }
            Self::Character(c) => write!(f, "the character {c:?} is not allowed"),
            Self::NotUtf8 => f.write_str("the name is not UTF-8"),
        }
    }
}

impl std::error::Error for InvalidName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_erlang_calls_its_nodes() {
        for text in [
            "a@b",
            "shop-1_x@db.example.org",
            "x@127.0.0.1",
            "n@::1",
            "nö@hôst",
        ] {
            let name = NodeName::new(text).unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(format!("{}@{}", name.alive(), name.host()), text);
        }
        assert!(NodeName::new(&format!("{}@h", "ö".repeat(253))).is_ok());
    }

    #[test]
    fn says_which_rule_is_broken() {
        for (text, rule) in [
            ("", InvalidName::NoAt),
            ("shop", InvalidName::NoAt),
            ("@h", InvalidName::Empty),
            ("a@", InvalidName::Empty),
            ("a@b@c", InvalidName::SeveralAt),
            ("a b@c", InvalidName::Character(' ')),
            ("a\0@c", InvalidName::Character('\0')),
            (&format!("{}@h", "a".repeat(254)), InvalidName::TooLong),
        ] {
            assert_eq!(NodeName::new(text), Err(rule), "{text:?}");
        }
        assert_eq!(
            NodeName::try_from(&b"a@\xff"[..]),
            Err(InvalidName::NotUtf8)
        );
        assert_eq!(HostName::new("a@b"), Err(InvalidName::SeveralAt));
    }

    #[test]
    fn orders_names_by_code_point() {
        let name = |text| NodeName::new(text).unwrap();
        assert!(name("a@b") < name("b@a"));
        assert!(name("z@h") < name("ö@h"));
    }
}
