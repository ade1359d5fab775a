use std::cell::Cell;
use std::mem::{self, ManuallyDrop};
use std::ops::{Deref, DerefMut};

use super::{Repr, Term};

/// The children of a term.
///
/// Dropping and cloning work through deep terms with a list of what is left to do: a term may be
/// nested a million deep, and a call for each level would overflow the stack.
#[derive(Default)]
pub(crate) struct Elements(
    /// Empty once [`Drop`] has seen to it, so that nothing is left to the compiler.
    ManuallyDrop<Box<[Term]>>,
);

impl From<Vec<Term>> for Elements {
    #[inline]
    fn from(elements: Vec<Term>) -> Self {
        Self(ManuallyDrop::new(elements.into_boxed_slice()))
    }
}

impl Elements {
    pub(crate) fn into_vec(mut self) -> Vec<Term> {
        self.take().into_vec()
    }

    #[inline]
    fn take(&mut self) -> Box<[Term]> {
        ManuallyDrop::into_inner(mem::take(&mut self.0))
    }
}

impl Deref for Elements {
    type Target = [Term];

    #[inline]
    fn deref(&self) -> &[Term] {
        &self.0
    }
}

impl DerefMut for Elements {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Term] {
        &mut self.0
    }
}

impl Drop for Elements {
    #[inline(never)]
    fn drop(&mut self) {
        let depth = DEPTH.get();
        if depth < MAX_DEPTH {
            DEPTH.set(depth + 1);
            for term in self.take() {
                // Costs less than the call that would find it out.
                if term.owns_nothing() {
                    mem::forget(term);
                }
            }
            DEPTH.set(depth);
        } else {
            let mut left = self.take().into_vec();
            while let Some(mut term) = left.pop() {
                if let Some(children) = term.children_mut() {
                    left.append(&mut children.take().into_vec());
                }
            }
        }
    }
}

thread_local! {
    /// How many containers are being dropped, each by the one around it.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// From this depth on, what a container holds is dropped by a loop. Above it, that is left to calls,
/// which are faster.
const MAX_DEPTH: usize = 64;

impl Clone for Elements {
    fn clone(&self) -> Self {
        struct Level<'t> {
            of: Option<&'t Term>,
            left: std::slice::Iter<'t, Term>,
            done: Vec<Term>,
        }
        impl<'t> Level<'t> {
            fn new(of: Option<&'t Term>, elements: &'t Elements) -> Self {
                let done = Vec::with_capacity(elements.len());
                Self {
                    of,
                    left: elements.iter(),
                    done,
                }
            }
        }
        let mut outer: Vec<Level<'_>> = Vec::new();
        let mut here = Level::new(None, self);
        loop {
            if let Some(term) = here.left.next() {
                match term.children() {
                    Some(children) if !children.is_empty() => {
                        outer.push(mem::replace(&mut here, Level::new(Some(term), children)));
                    }
                    _ => here.done.push(term.clone_around(Self::default())),
                }
            } else {
                let done = Self::from(here.done);
                let (Some(of), Some(above)) = (here.of, outer.pop()) else {
                    return done;
                };
                here = above;
                here.done.push(of.clone_around(done));
            }
        }
    }
}

impl Term {
    /// The terms within this one; `None` if it is of a kind that has none.
    #[inline]
    pub(crate) fn children(&self) -> Option<&Elements> {
        match &self.0 {
            Repr::Tuple(children)
            | Repr::List(children)
            | Repr::Improper(children)
            | Repr::Map(children) => Some(children),
            Repr::Fun(fun) => Some(&fun.free),
            Repr::Record(record) => Some(&record.values),
            _ => None,
        }
    }

    fn children_mut(&mut self) -> Option<&mut Elements> {
        match &mut self.0 {
            Repr::Tuple(children)
            | Repr::List(children)
            | Repr::Improper(children)
            | Repr::Map(children) => Some(children),
            Repr::Fun(fun) => Some(&mut fun.free),
            Repr::Record(record) => Some(&mut record.values),
            _ => None,
        }
    }

    /// Whether there is nothing to do when it is dropped.
    #[inline]
    fn owns_nothing(&self) -> bool {
        match &self.0 {
            Repr::Integer(value) => value.as_i64().is_some(),
            Repr::Atom(atom) => atom.is_short(),
            Repr::Float(_) | Repr::Short(_) => true,
            _ => false,
        }
    }

    /// A copy of this term with other children; of one that has none, just a copy.
    fn clone_around(&self, children: Elements) -> Self {
        Self(match &self.0 {
            Repr::Tuple(_) => Repr::Tuple(children),
            Repr::List(_) => Repr::List(children),
            Repr::Improper(_) => Repr::Improper(children),
            Repr::Map(_) => Repr::Map(children),
            Repr::Fun(fun) => Repr::Fun(Box::new(fun.clone_around(children))),
            Repr::Record(record) => Repr::Record(Box::new(record.clone_around(children))),
            other => other.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_terms_are_cloned_and_dropped_on_a_small_stack() {
        let work = || {
            // At every level there is a second way down.
            let nest = |term, level| {
                Term::tuple(vec![Term::from(level), term, Term::list(vec![300.into()])])
            };
            let deep = (0..100_000).fold(Term::nil(), nest);
            drop(deep.clone());
            drop(deep);
            assert_eq!(DEPTH.get(), 0);
        };
        let small = std::thread::Builder::new().stack_size(64 << 10);
        small.spawn(work).unwrap().join().unwrap();
    }
}
