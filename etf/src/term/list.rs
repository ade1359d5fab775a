use std::borrow::Cow;

use super::{Repr, Term};

/// A look into a list.
///
/// A list of bytes is held as bytes, so elements come as [`Cow`]: made on the fly where they are not
/// held. They can be used like references.
///
/// ```
/// use einode_etf::term;
///
/// let term = term!([1, 2, 300]);
/// let sum: i64 = term.as_list().unwrap().iter().filter_map(|element| element.as_i64()).sum();
/// assert_eq!(sum, 303);
/// ```
#[derive(Clone, Copy)]
pub struct List<'t> {
    pub(super) elements: Elements<'t>,
    tail: Option<&'t Term>,
}

#[derive(Clone, Copy)]
pub(super) enum Elements<'t> {
    Bytes(&'t [u8]),
    Terms(&'t [Term]),
}

impl<'t> List<'t> {
    pub(super) fn of(term: &'t Term) -> Option<Self> {
        let (elements, tail) = match &term.0 {
            Repr::String(bytes) => (Elements::Bytes(bytes), None),
            Repr::List(elements) => (Elements::Terms(elements), None),
            Repr::Improper(elements) => {
                let (tail, elements) = elements.split_last()?;
                (Elements::Terms(elements), Some(tail))
            }
            _ => return None,
        };
        Some(Self { elements, tail })
    }

    /// The number of elements, without the tail.
    pub const fn len(&self) -> usize {
        match self.elements {
            Elements::Bytes(bytes) => bytes.len(),
            Elements::Terms(terms) => terms.len(),
        }
    }

    /// Whether it is `[]`.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What follows the last element, unless that is `[]`.
    pub const fn tail(&self) -> Option<&'t Term> {
        self.tail
    }

    /// The elements as bytes, if it is proper and they all are from 0 to 255.
    pub const fn as_bytes(&self) -> Option<&'t [u8]> {
        match self.elements {
            Elements::Bytes(bytes) => Some(bytes),
            Elements::Terms(_) => None,
        }
    }

    /// The elements as terms, if they are held as such.
    pub(crate) const fn as_terms(&self) -> Option<&'t [Term]> {
        match self.elements {
            Elements::Bytes(_) => None,
            Elements::Terms(terms) => Some(terms),
        }
    }

    /// The elements as characters, if it is proper and they all are code points.
    pub fn to_text(&self) -> Option<String> {
        if self.tail.is_some() {
            return None;
        }
        self.iter()
            .map(|element| char::from_u32(element.as_i64()?.try_into().ok()?))
            .collect()
    }

    /// The element at an index, from zero.
    pub fn get(&self, index: usize) -> Option<Cow<'t, Term>> {
        match self.elements {
            Elements::Bytes(bytes) => bytes.get(index).map(|&byte| Cow::Owned(byte.into())),
            Elements::Terms(terms) => terms.get(index).map(Cow::Borrowed),
        }
    }

    /// The elements, without the tail.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Cow<'t, Term>> + use<'t> {
        let list = *self;
        // Every index is below the length, so there always is an element.
        (0..list.len()).map(move |index| list.get(index).unwrap_or_else(|| Cow::Owned(Term::nil())))
    }
}
