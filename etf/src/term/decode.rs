use std::{iter, mem};

use super::{Elements, Repr, Term, map};
use crate::bits::bits_body;
use crate::fun::Code;
use crate::reader::Name;
use crate::short::Packed;
use crate::{Atom, DecodeError, Export, Fun, Integer, Kind, Pid, Port, Reader, Record, Reference};
use crate::{Source, integer, tag};

/// A container of which some elements are still to come.
struct Open {
    what: What,
    elements: Vec<Term>,
    /// How many elements there will be, the tail of a list not counted.
    wanted: usize,
}

/// What an [`Open`] becomes.
enum What {
    Tuple,
    /// Its last element is followed by a tail.
    List,
    /// The tail of a list was no list: it is the last element.
    Improper,
    Map,
    Fun(Box<Fun>),
    Record(Box<Record>),
}

impl<'a, S: Source<'a>> Reader<'a, S> {
    /// A term, owned.
    ///
    /// What is open is kept in a list, not on the stack. Memory for elements is only taken when the
    /// bytes that are ahead can hold all elements that are still owed at all depths, so it grows in
    /// proportion to the bytes that were really sent.
    #[inline]
    pub fn term(&mut self) -> Result<Term, DecodeError> {
        // A run of bytes needs no place to be put together in.
        match self.source().peek()? {
            tag::BINARY_EXT => self.binary().map(Term::binary),
            tag::STRING_EXT => {
                let bytes = self.string()?.unwrap_or_default();
                Ok(Term(Repr::String(bytes.into())))
            }
            _ => self.gather(),
        }
    }

    /// A term whose elements are gathered in a place of their own.
    fn gather(&mut self) -> Result<Term, DecodeError> {
        // Has the term in the end.
        let mut root: Vec<Term> = Vec::new();
        let mut outer: Vec<Open> = Vec::new();
        // How many elements the containers around the innermost one still lack.
        let mut owed: usize = 0;
        loop {
            let (elements, wanted) = match outer.last_mut() {
                Some(here) => (&mut here.elements, here.wanted),
                None => (&mut root, 1),
            };
            if let Some((what, count)) = self.fill(elements, wanted)? {
                owed += wanted - elements.len() - 1;
                if count > self.source().remaining().saturating_sub(owed) {
                    return Err(DecodeError::Truncated);
                }
                put(&mut outer, || Open::new(what, count));
                continue;
            }
            let Some(here) = outer.last_mut() else {
                return root.pop().ok_or(DecodeError::Truncated);
            };
            if let What::List = here.what
                && !self.tail(here, owed)?
            {
                continue;
            }
            let (what, elements) = here.take();
            // Dropped where it is, unlike by `pop`.
            outer.truncate(outer.len().saturating_sub(1));
            let around = outer.last_mut();
            owed -= around.as_ref().map_or(0, |around| around.lacking() - 1);
            if let Some(whole) = close(what, elements, around)? {
                return Ok(whole);
            }
        }
    }

    /// Reads elements until there are as many as wanted or one of them is a container, of which the
    /// kind and the number of elements are given back.
    #[inline]
    fn fill(
        &mut self,
        elements: &mut Vec<Term>,
        wanted: usize,
    ) -> Result<Option<(What, usize)>, DecodeError> {
        while elements.len() < wanted {
            let found = self.tag()?;
            match found {
                tag::SMALL_INTEGER_EXT => {
                    let value = self.tag()?;
                    put(elements, || value.into());
                }
                tag::INTEGER_EXT => {
                    let value = i32::from_be_bytes(self.source_mut().array()?);
                    put(elements, || value.into());
                }
                tag::SMALL_ATOM_UTF8_EXT
                | tag::ATOM_UTF8_EXT
                | tag::SMALL_ATOM_EXT
                | tag::ATOM_EXT
                | tag::ATOM_CACHE_REF => match self.atom_name(found)? {
                    Name::Ascii(name) => put(elements, || Atom::from_ascii(name).into()),
                    Name::Other(atom) => put(elements, || atom.into()),
                },
                tag::BINARY_EXT => {
                    let length = u32::from_be_bytes(self.source_mut().array()?);
                    let bytes = self.source_mut().take(length as usize)?;
                    match Packed::new(bytes) {
                        Some(short) => put(elements, || Term(Repr::Short(short.unpack()))),
                        None => {
                            let bytes = bytes.into();
                            put(elements, || Term(Repr::Binary(bytes)));
                        }
                    }
                }
                tag::SMALL_TUPLE_EXT => return Ok(Some((What::Tuple, self.tag()?.into()))),
                tag::LIST_EXT => match self.count(1)? {
                    // Without elements, a list is its tail.
                    0 => {}
                    count => return Ok(Some((What::List, count))),
                },
                tag::MAP_EXT => return Ok(Some((What::Map, self.count(2)? * 2))),
                tag::NIL_EXT => put(elements, Term::nil),
                tag::STRING_EXT => {
                    let length = u16::from_be_bytes(self.source_mut().array()?);
                    let bytes = self.source_mut().take(length.into())?.into();
                    put(elements, || Term(Repr::String(bytes)));
                }
                tag::NEW_FLOAT_EXT | tag::FLOAT_EXT => {
                    let value = self.float_body(found)?;
                    put(elements, || Term(Repr::Float(value)));
                }
                tag::SMALL_BIG_EXT | tag::LARGE_BIG_EXT => {
                    let (negative, magnitude) = integer::magnitude(found, self.source_mut())?;
                    match integer::small(negative, magnitude) {
                        Some(value) => put(elements, || value.into()),
                        None => {
                            elements.push(Integer::from_sign_magnitude(negative, magnitude).into());
                        }
                    }
                }
                _ => {
                    let rare = self.rare(found, elements)?;
                    if rare.is_some() {
                        return Ok(rare);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Terms that [`Reader::fill`] rarely meets.
    fn rare(
        &mut self,
        found: u8,
        elements: &mut Vec<Term>,
    ) -> Result<Option<(What, usize)>, DecodeError> {
        match Kind::of_tag(found) {
            Some(Kind::Pid) => {
                let pid = Box::new(Pid::decode_body(found, self)?);
                put(elements, || Term(Repr::Pid(pid)));
            }
            Some(Kind::Reference) => {
                let reference = Box::new(Reference::decode_body(found, self)?);
                put(elements, || Term(Repr::Reference(reference)));
            }
            Some(Kind::Port) => elements.push(Port::decode_body(found, self)?.into()),
            Some(Kind::Bits) => elements.push(Term::bits(bits_body(found, self.source_mut())?)),
            Some(Kind::Tuple) => return Ok(Some((What::Tuple, self.arity(found)?))),
            Some(Kind::Record) => {
                let (record, fields) = self.record_header()?;
                return Ok(Some((What::Record(Box::new(record)), fields)));
            }
            Some(Kind::Fun) if found == tag::EXPORT_EXT => {
                elements.push(self.export_body()?.into());
            }
            Some(Kind::Fun) => {
                let (fun, free) = self.fun_header(found)?;
                return Ok(Some((What::Fun(Box::new(fun)), free)));
            }
            _ => return Err(DecodeError::UnknownTag(found)),
        }
        Ok(None)
    }

    /// What follows the last element of a list. Gives true when the list is over, false when more
    /// is to be read: the elements of a list that continues it, or the term that ends it improperly.
    #[inline]
    fn tail(&mut self, open: &mut Open, owed: usize) -> Result<bool, DecodeError> {
        loop {
            match self.source().peek()? {
                tag::NIL_EXT => {
                    self.tag()?;
                    return Ok(true);
                }
                tag::STRING_EXT => {
                    let bytes = self.string()?.unwrap_or_default();
                    let bytes = bytes.iter().map(|&byte| Term::from(byte));
                    open.elements.extend(bytes);
                    return Ok(true);
                }
                tag::LIST_EXT => {
                    self.tag()?;
                    let more = self.count(1)?;
                    if more > self.source().remaining().saturating_sub(owed) {
                        return Err(DecodeError::Truncated);
                    }
                    open.wanted += more;
                    if more > 0 {
                        return Ok(false);
                    }
                }
                _ => {
                    open.what = What::Improper;
                    open.wanted += 1;
                    return Ok(false);
                }
            }
        }
    }

    fn export_body(&mut self) -> Result<Export, DecodeError> {
        let module = self.atom()?;
        let function = self.atom()?;
        let arity = self
            .i64()?
            .try_into()
            .map_err(|_| DecodeError::OutOfRange)?;
        Ok(Export {
            module,
            function,
            arity,
        })
    }

    fn fun_header(&mut self, found: u8) -> Result<(Fun, usize), DecodeError> {
        let (code, free) = if found == tag::NEW_FUN_EXT {
            // The size is of use to those who pass over a fun without looking into it.
            self.source_mut().array::<4>()?;
            let [arity] = self.source_mut().array()?;
            let uniq = self.source_mut().array()?;
            let index = u32::from_be_bytes(self.source_mut().array()?);
            (Some(Code { arity, uniq, index }), self.count(1)?)
        } else {
            (None, self.count(1)?)
        };
        let early = if code.is_none() {
            Some(self.pid()?)
        } else {
            None
        };
        let module = self.atom()?;
        let old_index = self
            .i64()?
            .try_into()
            .map_err(|_| DecodeError::OutOfRange)?;
        let old_uniq = self
            .i64()?
            .try_into()
            .map_err(|_| DecodeError::OutOfRange)?;
        let pid = match early {
            Some(pid) => pid,
            None => self.pid()?,
        };
        let free_variables = Elements::default();
        let fun = Fun {
            module,
            old_index,
            old_uniq,
            pid,
            code,
            free: free_variables,
            free_size: 0,
        };
        Ok((fun, free))
    }

    fn record_header(&mut self) -> Result<(Record, usize), DecodeError> {
        let count = self.count(2)?;
        let flags = self.tag()?;
        let module = self.atom()?;
        let name = self.atom()?;
        // Grows with the atoms that really come.
        let mut fields = Vec::new();
        for _ in 0..count {
            fields.push(self.atom()?);
        }
        let fields: Box<[Atom]> = fields.into();
        let exported = flags & 1 != 0;
        Ok((
            Record {
                module,
                name,
                exported,
                fields,
                values: Elements::default(),
            },
            count,
        ))
    }
}

impl Open {
    /// One whose number of elements has been found to be possible.
    fn new(what: What, wanted: usize) -> Self {
        Self {
            what,
            elements: Vec::with_capacity(wanted),
            wanted,
        }
    }

    /// How many elements are still to come, the one that is being read included.
    fn lacking(&self) -> usize {
        self.wanted - self.elements.len()
    }

    /// What there is, once all elements are there.
    #[inline]
    fn take(&mut self) -> (What, Elements) {
        let what = mem::replace(&mut self.what, What::Tuple);
        (what, mem::take(&mut self.elements).into())
    }
}

/// Makes the term and adds it to the container around it. Gives it back where there is none.
#[inline]
fn close(
    what: What,
    mut elements: Elements,
    around: Option<&mut Open>,
) -> Result<Option<Term>, DecodeError> {
    Ok(match what {
        What::Tuple => place(around, || Term(Repr::Tuple(elements))),
        What::List => match Term::all_bytes(&elements) {
            Some(bytes) => place(around, || Term(Repr::String(bytes))),
            None => place(around, || Term(Repr::List(elements))),
        },
        What::Map => {
            // An even number: the header counts pairs.
            let (pairs, _) = elements.as_chunks_mut();
            map::sort(pairs).map_err(|_| DecodeError::DuplicateKey)?;
            place(around, || Term(Repr::Map(elements)))
        }
        What::Improper => place(around, || Term(Repr::Improper(elements))),
        What::Fun(mut fun) => {
            fun.free = elements;
            fun.free_size = fun.free.encoded_len();
            place(around, || Term(Repr::Fun(fun)))
        }
        What::Record(mut record) => {
            record.values = elements;
            place(around, || Term(Repr::Record(record)))
        }
    })
}

/// Adds an element. It is made only when its place is there, and so is written right into it: three
/// words that are made first and then moved cost more time than all the rest of a small term.
#[inline]
fn put<T>(elements: &mut Vec<T>, element: impl FnOnce() -> T) {
    elements.extend(iter::once_with(element));
}

/// [`put`] in the container around an element; gives it back where there is none.
#[inline]
fn place(around: Option<&mut Open>, element: impl FnOnce() -> Term) -> Option<Term> {
    match around {
        Some(around) => {
            put(&mut around.elements, element);
            None
        }
        None => Some(element()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_elements_may_be_empty() {
        for bytes in [
            &b"h\x01h\0"[..],
            b"h\x01h\x01h\x01t\0\0\0\0",
            b"l\0\0\0\x01l\0\0\0\x01a\x70h\0j",
            b"t\0\0\0\x01h\0h\x01h\0",
            b"l\0\0\0\0l\0\0\0\x01h\0h\0",
        ] {
            let mut reader = Reader::new(bytes);
            reader.term().unwrap();
            assert_eq!(reader.finish(), Ok(()));
            assert_eq!(Reader::new(bytes).skip(), Ok(()));
        }
    }

    #[test]
    fn elements_that_are_owed_are_counted_together() {
        // Two elements each, but only one byte for the three that are to come.
        let bytes = b"i\0\0\0\x02i\0\0\0\x02j";
        assert_eq!(Reader::new(bytes).term(), Err(DecodeError::Truncated));
    }
}
