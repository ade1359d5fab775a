use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use crate::short::{Packed, Short};

/// The most characters (Unicode code points) that an atom may have (OTP, *System Limits*).
pub const MAX_ATOM_CHARS: usize = 255;

/// An atom: a name of at most 255 characters.
///
/// Nothing is interned: atoms that a peer makes up cost memory only as long as they are held, unlike
/// in a BEAM, whose atom table never shrinks. Short names are stored in place; clones of long ones
/// share their text.
///
/// Atoms compare as Erlang compares them, by their characters.
///
/// ```
/// use einode_etf::Atom;
///
/// let atom = Atom::new("hello")?;
/// assert_eq!(atom, "hello");
/// assert_eq!(Atom::new("hello world")?.to_string(), "'hello world'");
/// # Ok::<(), einode_etf::AtomTooLong>(())
/// ```
#[derive(Clone)]
pub struct Atom(Text);

#[derive(Clone)]
enum Text {
    /// UTF-8.
    Short(Short),
    Long(Arc<str>),
}

impl Atom {
    /// The atom of this name.
    ///
    /// # Errors
    /// [`AtomTooLong`] above [`MAX_ATOM_CHARS`] characters.
    pub fn new(name: &str) -> Result<Self, AtomTooLong> {
        // Bytes bound the characters, so short names need no count.
        if name.len() > MAX_ATOM_CHARS && name.chars().count() > MAX_ATOM_CHARS {
            return Err(AtomTooLong);
        }
        Ok(Self::of_checked(name))
    }

    /// The atom of a short name, in a constant.
    ///
    /// # Panics
    /// When `name` has more than 22 bytes; called in a constant, that is an error of compilation.
    #[expect(
        clippy::panic,
        reason = "the documented way to fail, meant for the compiler"
    )]
    pub const fn from_static(name: &'static str) -> Self {
        match Short::new(name.as_bytes()) {
            Some(short) => Self(Text::Short(short)),
            None => panic!("Atom::from_static takes names of up to 22 bytes"),
        }
    }

    /// The name.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Made from a `str`, so the fallback is never taken; checking costs less than the
            // `unsafe` that would avoid it.
            Text::Short(name) => std::str::from_utf8(name.as_bytes()).unwrap_or_default(),
            Text::Long(name) => name,
        }
    }

    /// The name as bytes of UTF-8.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Short(name) => name.as_bytes(),
            Text::Long(name) => name.as_bytes(),
        }
    }

    /// The atom whose name is these bytes of UTF-8; `None` when they are not, or are too many.
    pub(crate) fn from_utf8(name: &[u8]) -> Option<Self> {
        Self::new(std::str::from_utf8(name).ok()?).ok()
    }

    /// The atom whose name is these characters of Latin-1.
    pub(crate) fn from_latin1(name: &[u8]) -> Option<Self> {
        Self::new(
            &name
                .iter()
                .map(|&byte| char::from(byte))
                .collect::<String>(),
        )
        .ok()
    }

    /// The atom of a short name that [is ASCII](Packed::is_ascii).
    #[inline]
    pub(crate) const fn from_ascii(name: Packed) -> Self {
        Self(Text::Short(name.unpack()))
    }

    /// Whether it is held in place.
    #[inline]
    pub(crate) const fn is_short(&self) -> bool {
        matches!(self.0, Text::Short(_))
    }

    /// The atom of a name that is known not to be too long.
    pub(crate) fn of_checked(name: &str) -> Self {
        Self(match Short::new(name.as_bytes()) {
            Some(short) => Text::Short(short),
            None => Text::Long(name.into()),
        })
    }
}

impl PartialEq for Atom {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Text::Short(a), Text::Short(b)) => a == b,
            (Text::Long(a), Text::Long(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Atom {}

impl Hash for Atom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Ord for Atom {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // The order of UTF-8 bytes is the order of code points.
        match (&self.0, &other.0) {
            (Text::Short(a), Text::Short(b)) => a.cmp(b),
            _ => self.as_bytes().cmp(other.as_bytes()),
        }
    }
}

impl PartialOrd for Atom {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq<str> for Atom {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Atom {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl AsRef<str> for Atom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Atom {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for Atom {
    type Err = AtomTooLong;

    fn from_str(name: &str) -> Result<Self, AtomTooLong> {
        Self::new(name)
    }
}

impl TryFrom<&str> for Atom {
    type Error = AtomTooLong;

    fn try_from(name: &str) -> Result<Self, AtomTooLong> {
        Self::new(name)
    }
}

impl From<bool> for Atom {
    fn from(value: bool) -> Self {
        const TRUE: Atom = Atom::from_static("true");
        const FALSE: Atom = Atom::from_static("false");
        if value { TRUE } else { FALSE }
    }
}

/// A name of more than [`MAX_ATOM_CHARS`] characters cannot be an atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtomTooLong;

impl fmt::Display for AtomTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an atom has at most {MAX_ATOM_CHARS} characters")
    }
}

impl std::error::Error for AtomTooLong {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_names_keep_their_text() {
        for length in 0..=MAX_ATOM_CHARS {
            let name = "å".repeat(length);
            assert_eq!(Atom::new(&name).unwrap().as_str(), name);
            let name = "a".repeat(length);
            assert_eq!(Atom::new(&name).unwrap().as_str(), name);
        }
        assert_eq!(Atom::new(&"å".repeat(256)), Err(AtomTooLong));
        assert_eq!(Atom::new(&"a".repeat(256)), Err(AtomTooLong));
    }

    #[test]
    fn latin1_becomes_utf8() {
        assert_eq!(
            Atom::from_latin1(b"sm\xf8rrebr\xf8d").unwrap(),
            "smørrebrød"
        );
        assert_eq!(Atom::from_latin1(&[0xe5; 256]), None);
    }

    #[test]
    fn invalid_utf8_is_refused() {
        for bad in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"a\xc3"] {
            assert_eq!(Atom::from_utf8(bad), None);
        }
    }

    #[test]
    fn an_atom_takes_three_words() {
        assert_eq!(size_of::<Atom>(), 24);
        assert_eq!(size_of::<Option<Atom>>(), 24);
    }
}
