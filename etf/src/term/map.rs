use std::fmt;

use super::Term;

/// A look into a map, in the exact order of its keys.
///
/// ```
/// use einode_etf::{Term, term};
///
/// let term = term!(#{b => 2, a => 1, 1 => one, 1.0 => "float"});
/// let map = term.as_map().unwrap();
/// assert_eq!(map.get(&term!(a)), Some(&Term::from(1)));
/// assert_eq!(map.get_atom("b"), Some(&Term::from(2)));
/// assert_eq!(map.iter().next(), Some((&Term::from(1), &term!(one))));
/// ```
#[derive(Clone, Copy)]
pub struct Map<'t> {
    pairs: &'t [[Term; 2]],
}

impl<'t> Map<'t> {
    pub(super) fn new(elements: &'t [Term]) -> Self {
        Self {
            pairs: elements.as_chunks().0,
        }
    }

    pub(crate) const fn pairs(&self) -> &'t [[Term; 2]] {
        self.pairs
    }

    /// The number of pairs.
    pub const fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether it is `#{}`.
    pub const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &Term) -> Option<&'t Term> {
        let index = self.pairs.binary_search_by(|[own, _]| own.cmp(key)).ok()?;
        self.pairs.get(index).map(|[_, value]| value)
    }

    /// The value of a key that is an atom.
    pub fn get_atom(&self, key: &str) -> Option<&'t Term> {
        self.pairs
            .iter()
            .find(|[own, _]| own.is_atom(key))
            .map(|[_, value]| value)
    }

    /// The keys with their values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'t Term, &'t Term)> + use<'t> {
        self.pairs.iter().map(|[key, value]| (key, value))
    }
}

/// Puts pairs in the exact order of their keys.
pub(crate) fn sort(pairs: &mut [[Term; 2]]) -> Result<(), DuplicateKey> {
    // Small maps may well come in order from a BEAM.
    if !is_sorted(pairs) {
        pairs.sort_unstable_by(|[a, _], [b, _]| a.cmp(b));
        if !is_sorted(pairs) {
            return Err(DuplicateKey);
        }
    }
    Ok(())
}

/// Whether every key is above the one before it.
#[inline]
fn is_sorted(pairs: &[[Term; 2]]) -> bool {
    pairs.is_sorted_by(|[a, _], [b, _]| a.cmp(b).is_lt())
}

/// A map cannot have the same key twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateKey;

impl fmt::Display for DuplicateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with the same key twice")
    }
}

impl std::error::Error for DuplicateKey {}
