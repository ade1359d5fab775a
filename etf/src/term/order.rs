//! Erlang's order of terms (OTP, *Reference Manual*, "Term Comparisons").

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::slice;

use super::list::Elements;
use super::{List, Repr, Term};
use crate::fun::Code;
use crate::{Fun, Kind, Record};

impl Term {
    /// Compares as Erlang's `<` and `==` do: numbers by value, so that `1 == 1.0`.
    ///
    /// Integers and floats are compared exactly, without rounding either; keys of maps are compared
    /// as `=:=` does.
    pub fn compare(&self, other: &Self) -> Ordering {
        compare(self, other, Numbers::ByValue)
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        compare(self, other, Numbers::ByType).is_eq()
    }
}

impl Eq for Term {}

impl Ord for Term {
    /// Erlang's order of map keys: as [`Term::compare`], but integers come before floats.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            // What keys of maps mostly are.
            (Repr::Atom(a), Repr::Atom(b)) => a.cmp(b),
            (Repr::Short(a), Repr::Short(b)) => a.cmp(b),
            _ => compare(self, other, Numbers::ByType),
        }
    }
}

impl PartialOrd for Term {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// How integers compare with floats.
#[derive(Clone, Copy, PartialEq)]
enum Numbers {
    ByValue,
    ByType,
}

/// What is to be compared if all before it was equal.
enum Task<'t> {
    Each(slice::Iter<'t, Term>, slice::Iter<'t, Term>, Numbers),
    Keys(slice::Iter<'t, [Term; 2]>, slice::Iter<'t, [Term; 2]>),
    Values(
        slice::Iter<'t, [Term; 2]>,
        slice::Iter<'t, [Term; 2]>,
        Numbers,
    ),
    Decided(Ordering),
}

fn compare(a: &Term, b: &Term, numbers: Numbers) -> Ordering {
    // The last task is the next.
    let mut tasks = Vec::new();
    let mut order = compare_one(a, b, numbers, &mut tasks);
    while order.is_eq() {
        let next = match tasks.last_mut() {
            Some(Task::Each(a, b, numbers)) => a.next().zip(b.next()).map(|pair| (pair, *numbers)),
            Some(Task::Keys(a, b)) => {
                let pair = a.next().zip(b.next());
                pair.map(|([a, _], [b, _])| ((a, b), Numbers::ByType))
            }
            Some(Task::Values(a, b, numbers)) => {
                let pair = a.next().zip(b.next());
                pair.map(|([_, a], [_, b])| ((a, b), *numbers))
            }
            Some(Task::Decided(decided)) => {
                order = *decided;
                None
            }
            None => break,
        };
        match next {
            Some(((a, b), numbers)) => order = compare_one(a, b, numbers, &mut tasks),
            None => drop(tasks.pop()),
        }
    }
    order
}

/// Compares two terms as far as they have no elements; what their elements have to decide is added
/// to the tasks.
fn compare_one<'t>(
    a: &'t Term,
    b: &'t Term,
    numbers: Numbers,
    tasks: &mut Vec<Task<'t>>,
) -> Ordering {
    match (&a.0, &b.0) {
        (Repr::Integer(a), Repr::Integer(b)) => a.cmp(b),
        (Repr::Atom(a), Repr::Atom(b)) => a.cmp(b),
        (Repr::Float(a), Repr::Float(b)) => match numbers {
            Numbers::ByValue => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            Numbers::ByType => a.total_cmp(b),
        },
        (Repr::Integer(a), Repr::Float(b)) if numbers == Numbers::ByValue => a.compare_float(*b),
        (Repr::Float(a), Repr::Integer(b)) if numbers == Numbers::ByValue => {
            b.compare_float(*a).reverse()
        }
        (Repr::Pid(a), Repr::Pid(b)) => a.cmp(b),
        (Repr::Port(a), Repr::Port(b)) => a.cmp(b),
        (Repr::Reference(a), Repr::Reference(b)) => a.cmp(b),
        (Repr::Export(a), Repr::Export(b)) => a.cmp(b),
        // ERTS places local funs before external ones.
        (Repr::Fun(_), Repr::Export(_)) => Ordering::Less,
        (Repr::Export(_), Repr::Fun(_)) => Ordering::Greater,
        (Repr::Fun(a), Repr::Fun(b)) => {
            tasks.push(Task::Each(a.free.iter(), b.free.iter(), numbers));
            a.identity().cmp(&b.identity())
        }
        (Repr::Tuple(a), Repr::Tuple(b)) => {
            tasks.push(Task::Each(a.iter(), b.iter(), numbers));
            a.len().cmp(&b.len())
        }
        (Repr::Record(a), Repr::Record(b)) => {
            tasks.push(Task::Each(a.values.iter(), b.values.iter(), numbers));
            a.identity().cmp(&b.identity())
        }
        (Repr::Map(a), Repr::Map(b)) => {
            let ((a, _), (b, _)) = (a.as_chunks(), b.as_chunks());
            tasks.push(Task::Values(a.iter(), b.iter(), numbers));
            tasks.push(Task::Keys(a.iter(), b.iter()));
            a.len().cmp(&b.len())
        }
        (Repr::String(a), Repr::String(b)) => a.cmp(b),
        _ => match (List::of(a), List::of(b)) {
            (Some(a), Some(b)) => compare_lists(a, b, numbers, tasks),
            _ => match (a.as_bits(), b.as_bits()) {
                (Some(a), Some(b)) => a.cmp(&b),
                // An integer and a float come here when numbers are told apart by type.
                _ => a.kind().cmp(&b.kind()),
            },
        },
    }
}

/// How what is left of a list, all elements but its tail being used up, compares with a list that
/// still has elements.
fn end_against_more(list: List<'_>) -> Ordering {
    list.tail()
        .map_or(Ordering::Less, |tail| tail.kind().cmp(&Kind::List))
}

fn compare_lists<'t>(
    a: List<'t>,
    b: List<'t>,
    numbers: Numbers,
    tasks: &mut Vec<Task<'t>>,
) -> Ordering {
    let ends = match a.len().cmp(&b.len()) {
        Ordering::Less => Task::Decided(end_against_more(a)),
        Ordering::Greater => Task::Decided(end_against_more(b).reverse()),
        Ordering::Equal => match (a.tail(), b.tail()) {
            (None, None) => Task::Decided(Ordering::Equal),
            (Some(a), None) => Task::Decided(a.kind().cmp(&Kind::List)),
            (None, Some(b)) => Task::Decided(Kind::List.cmp(&b.kind())),
            (Some(a), Some(b)) => Task::Each(
                slice::from_ref(a).iter(),
                slice::from_ref(b).iter(),
                numbers,
            ),
        },
    };
    tasks.push(ends);
    match (a.elements, b.elements) {
        (Elements::Terms(a), Elements::Terms(b)) => {
            // The shorter one ends the pairs.
            tasks.push(Task::Each(a.iter(), b.iter(), numbers));
            Ordering::Equal
        }
        (Elements::Bytes(a), Elements::Bytes(b)) => {
            let shared = a.len().min(b.len());
            a.get(..shared).cmp(&b.get(..shared))
        }
        (Elements::Bytes(a), Elements::Terms(b)) => compare_bytes(a, b, numbers),
        (Elements::Terms(a), Elements::Bytes(b)) => compare_bytes(b, a, numbers).reverse(),
    }
}

/// Compares bytes with terms as far as both go. A byte against a term is decided at once.
fn compare_bytes(bytes: &[u8], terms: &[Term], numbers: Numbers) -> Ordering {
    let mut pairs = bytes.iter().zip(terms);
    let order = pairs.find_map(|(&byte, term)| {
        let order = compare_one(&Term::from(byte), term, numbers, &mut Vec::new());
        order.is_ne().then_some(order)
    });
    order.unwrap_or(Ordering::Equal)
}

impl Fun {
    /// What tells it from other funs, but for the values that it closed over.
    fn identity(&self) -> impl Ord + Hash {
        let code = self
            .code
            .as_ref()
            .map(|Code { arity, uniq, index }| (*arity, *uniq, *index));
        (
            self.module.clone(),
            self.old_index,
            self.old_uniq,
            self.free.len(),
            code,
        )
    }
}

impl Record {
    /// What tells it from other records, but for the values of its fields.
    fn identity(&self) -> impl Ord + Hash {
        (
            self.module.clone(),
            self.name.clone(),
            self.fields.clone(),
            self.exported,
        )
    }
}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut left = vec![slice::from_ref(self).iter()];
        while let Some(here) = left.last_mut() {
            let Some(term) = here.next() else {
                left.pop();
                continue;
            };
            term.kind().hash(state);
            match &term.0 {
                Repr::Integer(value) => value.hash(state),
                Repr::Float(value) => value.to_bits().hash(state),
                Repr::Atom(atom) => atom.hash(state),
                Repr::String(bytes) => bytes.hash(state),
                Repr::Pid(pid) => pid.hash(state),
                Repr::Port(port) => port.hash(state),
                Repr::Reference(reference) => reference.hash(state),
                Repr::Export(export) => export.hash(state),
                Repr::Bits(bits) => bits.hash(state),
                Repr::Short(_) | Repr::Binary(_) => term.as_binary().hash(state),
                Repr::Fun(fun) => fun.identity().hash(state),
                Repr::Record(record) => record.identity().hash(state),
                Repr::Tuple(_) | Repr::List(_) | Repr::Improper(_) | Repr::Map(_) => {}
            }
            if let Some(children) = term.children() {
                children.len().hash(state);
                left.push(children.iter());
            }
        }
    }
}
