use super::{Elements, Repr, Term, map};
use crate::bits::bits_body;
use crate::fun::Code;
use crate::{Atom, DecodeError, Export, Fun, Integer, Kind, Pid, Port, Reader, Record, Reference};
use crate::{Source, tag};

/// A container of which some elements are still to come.
struct Open {
    what: What,
    elements: Vec<Term>,
    /// How many elements are to come, the tail of a list not counted.
    left: usize,
}

/// What an [`Open`] becomes.
enum What {
    Tuple,
    /// Its last element is followed by a tail.
    List,
    /// The tail of a list was no list: it is the element that is still to come.
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
    pub fn term(&mut self) -> Result<Term, DecodeError> {
        let mut outer: Vec<Open> = Vec::new();
        // How many terms are still to begin, at all depths.
        let mut owed: usize = 1;
        // The innermost open container, once there is one.
        let mut here: Option<Open> = None;
        loop {
            let mut term = match self.begin()? {
                Begun::Whole(term) => {
                    owed -= 1;
                    term
                }
                // Without elements, a list is its tail.
                Begun::Open(What::List, 0) => continue,
                Begun::Open(what, count) => {
                    owed = (owed - 1).saturating_add(count);
                    if owed > self.source().remaining() {
                        return Err(DecodeError::Truncated);
                    }
                    outer.extend(here.take());
                    let open = Open {
                        what,
                        elements: Vec::with_capacity(count),
                        left: count,
                    };
                    if count > 0 {
                        here = Some(open);
                        continue;
                    }
                    open.close()?
                }
            };
            loop {
                let Some(open) = here.as_mut() else {
                    match outer.pop() {
                        Some(open) => here = Some(open),
                        None => return Ok(term),
                    }
                    continue;
                };
                open.elements.push(term);
                open.left -= 1;
                if open.left > 0 {
                    break;
                }
                if matches!(open.what, What::List) && !self.tail(open, &mut owed)? {
                    break;
                }
                term = match here.take() {
                    Some(open) => open.close()?,
                    None => return Err(DecodeError::Truncated),
                };
            }
        }
    }

    /// What follows the last element of a list. Gives true when the list is over, false when more
    /// is to be read: the elements of a list that continues it, or the term that ends it improperly.
    fn tail(&mut self, open: &mut Open, owed: &mut usize) -> Result<bool, DecodeError> {
        loop {
            match self.source().peek()? {
                tag::NIL_EXT => {
                    self.tag()?;
                    return Ok(true);
                }
                tag::STRING_EXT => {
                    let bytes = self.string()?.unwrap_or_default();
                    open.elements
                        .extend(bytes.iter().map(|&byte| Term::from(byte)));
                    return Ok(true);
                }
                tag::LIST_EXT => {
                    self.tag()?;
                    open.left = self.count(1)?;
                    *owed = owed.saturating_add(open.left);
                    if *owed > self.source().remaining() {
                        return Err(DecodeError::Truncated);
                    }
                    if open.left > 0 {
                        return Ok(false);
                    }
                }
                _ => {
                    open.what = What::Improper;
                    open.left = 1;
                    *owed = owed.saturating_add(1);
                    return Ok(false);
                }
            }
        }
    }

    /// Reads a term up to its first element.
    #[inline]
    fn begin(&mut self) -> Result<Begun, DecodeError> {
        let found = self.tag()?;
        Ok(Begun::Whole(match found {
            tag::SMALL_INTEGER_EXT | tag::INTEGER_EXT | tag::SMALL_BIG_EXT | tag::LARGE_BIG_EXT => {
                Integer::decode_body(found, self.source_mut())?.into()
            }
            tag::SMALL_ATOM_UTF8_EXT
            | tag::ATOM_UTF8_EXT
            | tag::SMALL_ATOM_EXT
            | tag::ATOM_EXT
            | tag::ATOM_CACHE_REF => self.atom_body(found)?.into(),
            tag::BINARY_EXT | tag::BIT_BINARY_EXT => {
                Term::bits(bits_body(found, self.source_mut())?)
            }
            tag::SMALL_TUPLE_EXT | tag::LARGE_TUPLE_EXT => {
                return Ok(Begun::Open(What::Tuple, self.arity(found)?));
            }
            tag::LIST_EXT => return Ok(Begun::Open(What::List, self.count(1)?)),
            tag::MAP_EXT => return Ok(Begun::Open(What::Map, self.count(2)? * 2)),
            tag::NIL_EXT => Term::nil(),
            tag::STRING_EXT => {
                let length = u16::from_be_bytes(self.source_mut().array()?);
                Term(Repr::String(self.source_mut().take(length.into())?.into()))
            }
            tag::NEW_FLOAT_EXT | tag::FLOAT_EXT => Term(Repr::Float(self.float_body(found)?)),
            _ => return self.begin_rare(found),
        }))
    }

    fn begin_rare(&mut self, found: u8) -> Result<Begun, DecodeError> {
        Ok(Begun::Whole(match Kind::of_tag(found) {
            Some(Kind::Pid) => Pid::decode_body(found, self)?.into(),
            Some(Kind::Port) => Port::decode_body(found, self)?.into(),
            Some(Kind::Reference) => Reference::decode_body(found, self)?.into(),
            Some(Kind::Record) => {
                let (record, fields) = self.record_header()?;
                return Ok(Begun::Open(What::Record(Box::new(record)), fields));
            }
            Some(Kind::Fun) if found == tag::EXPORT_EXT => self.export_body()?.into(),
            Some(Kind::Fun) => {
                let (fun, free) = self.fun_header(found)?;
                return Ok(Begun::Open(What::Fun(Box::new(fun)), free));
            }
            _ => return Err(DecodeError::UnknownTag(found)),
        }))
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

/// What [`Reader::begin`] read.
enum Begun {
    Whole(Term),
    /// The header of a container, and how many elements follow.
    Open(What, usize),
}

impl Open {
    /// The term, once all elements are there.
    #[inline]
    fn close(self) -> Result<Term, DecodeError> {
        let elements = self.elements;
        Ok(Term(match self.what {
            What::Tuple => Repr::Tuple(elements.into()),
            What::List => return Ok(Term::list(elements)),
            What::Improper => Repr::Improper(elements.into()),
            What::Map => {
                // An even number: the header counts pairs.
                let mut pairs = Vec::with_capacity(elements.len() / 2);
                let mut elements = elements.into_iter();
                while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
                    pairs.push([key, value]);
                }
                Repr::Map(map::sorted(pairs).map_err(|_| DecodeError::DuplicateKey)?)
            }
            What::Fun(mut fun) => {
                fun.free = elements.into();
                fun.free_size = fun.free.encoded_len();
                Repr::Fun(fun)
            }
            What::Record(mut record) => {
                record.values = elements.into();
                Repr::Record(record)
            }
        }))
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
