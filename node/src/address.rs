use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a node listens.
///
/// ```
/// use einode::Address;
///
/// let tcp: Address = "[::1]:9100".parse()?;
/// let unix: Address = "unix:/run/app/node".parse()?;
/// let abstract_name: Address = "unix:@app".parse()?;
/// assert_eq!(abstract_name.to_string(), "unix:@app");
/// # Ok::<(), einode::InvalidAddress>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A port of an IP address.
    Inet(SocketAddr),
    /// The path of a Unix domain socket. One that begins with `@` is a name in Linux's abstract
    /// namespace, which needs no file.
    Unix(PathBuf),
    /// Whatever a transport of the program's own makes of it.
    Other(String),
}

impl Address {
    /// The port, if it is one of an IP address.
    pub(crate) const fn port(&self) -> Option<u16> {
        match self {
            Self::Inet(address) => Some(address.port()),
            _ => None,
        }
    }

    /// The name in Linux's abstract namespace, if that is what a path stands for.
    pub(crate) fn abstract_name(path: &Path) -> Option<&[u8]> {
        path.as_os_str().as_encoded_bytes().strip_prefix(b"@")
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Other(address) => address.fmt(f),
        }
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    /// `1.2.3.4:9100`, `[::1]:9100` or `unix:/path`. Names of hosts are no addresses: they may have
    /// several.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.strip_prefix("unix:") {
            Some("" | "@") => Err(InvalidAddress),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Inet).map_err(|_| InvalidAddress),
        }
    }
}

/// A text that is no [`Address`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidAddress;

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an address such as 127.0.0.1:9100, [::1]:9100 or unix:/path")
    }
}

impl std::error::Error for InvalidAddress {}

/// Puts addresses in the order in which to try them (RFC 8305, section 4): the families in turn, each
/// in the order in which the system prefers its members.
pub(crate) fn interleave(addresses: Vec<SocketAddr>) -> Vec<Address> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return ordered;
        }
        ordered.extend(pair.into_iter().flatten().map(Address::Inet));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let parse = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.parse().unwrap())
                .collect::<Vec<_>>()
        };
        let ordered = interleave(parse(&[
            "[::1]:1",
            "[::2]:1",
            "[::3]:1",
            "1.1.1.1:1",
            "2.2.2.2:1",
        ]));
        let ordered: Vec<String> = ordered.iter().map(ToString::to_string).collect();
        assert_eq!(
            ordered,
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]
        );
        assert_eq!(interleave(Vec::new()), []);
    }

    #[test]
    fn texts_are_read_back() {
        for text in ["127.0.0.1:1", "[::1]:65535", "unix:/a b", "unix:@x"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "localhost:1", "127.0.0.1", "unix:", "unix:@"] {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress));
        }
    }
}
