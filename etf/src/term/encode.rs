use std::mem;

use super::{Elements, Repr, Term};
use crate::{Count, EncodeError, Sink, Writer};

impl<K: Sink> Writer<K> {
    /// A term.
    pub fn term(&mut self, term: &Term) -> Result<(), EncodeError> {
        match self.begin(term)? {
            Some(children) => self.elements(children, term),
            None => Ok(()),
        }
    }

    /// The children of `of`, and all that is within them.
    fn elements(&mut self, elements: &Elements, of: &Term) -> Result<(), EncodeError> {
        let mut outer = Vec::new();
        let mut here = (elements.iter(), of);
        'open: loop {
            let (left, of) = &mut here;
            for term in left {
                if let Some(children) = self.begin(term)? {
                    outer.push(mem::replace(&mut here, (children.iter(), term)));
                    continue 'open;
                }
            }
            if let Repr::List(_) = of.0 {
                self.nil()?;
            }
            match outer.pop() {
                Some(above) => here = above,
                None => return Ok(()),
            }
        }
    }

    /// A term up to its first child. Gives the children.
    #[inline(always)]
    fn begin<'t>(&mut self, term: &'t Term) -> Result<Option<&'t Elements>, EncodeError> {
        match &term.0 {
            Repr::Integer(value) => self.integer(value)?,
            Repr::Float(value) => self.float(*value)?,
            Repr::Atom(atom) => self.atom(atom)?,
            Repr::Short(bytes) => self.binary(bytes.as_bytes())?,
            Repr::Binary(bytes) => self.binary(bytes)?,
            Repr::Bits(bits) => self.bits(bits.as_bit_str())?,
            Repr::Tuple(elements) => {
                self.tuple(elements.len())?;
                return Ok(Some(elements));
            }
            Repr::List(elements) => {
                self.list(elements.len())?;
                return Ok(Some(elements));
            }
            Repr::String(bytes) => self.string(bytes)?,
            Repr::Improper(elements) => {
                self.list(elements.len() - 1)?;
                return Ok(Some(elements));
            }
            Repr::Map(elements) => {
                self.map(elements.len() / 2)?;
                return Ok(Some(elements));
            }
            Repr::Pid(pid) => self.pid(pid)?,
            Repr::Port(port) => self.port(port)?,
            Repr::Reference(reference) => self.reference(reference)?,
            Repr::Fun(fun) => {
                self.fun_header(fun)?;
                return Ok(Some(&fun.free));
            }
            Repr::Export(export) => self.export(export)?,
            Repr::Record(record) => {
                self.record_header(record)?;
                return Ok(Some(&record.values));
            }
        }
        Ok(None)
    }
}

impl Elements {
    /// How many bytes they take when written one after the other.
    ///
    /// Funs among them know their own length, so no term is counted for more than one fun around it.
    pub(crate) fn encoded_len(&self) -> usize {
        let mut writer = Writer::new(Count::default());
        let mut bytes = 0;
        let mut left = vec![self.iter()];
        while let Some(here) = left.last_mut() {
            let Some(term) = here.next() else {
                left.pop();
                continue;
            };
            // A length that cannot be written is reported when it is to be written.
            let _ = writer.begin(term);
            match &term.0 {
                Repr::Fun(fun) => bytes += fun.free_size,
                Repr::List(elements) => {
                    bytes += 1;
                    left.push(elements.iter());
                }
                _ => left.extend(term.children().map(|children| children.iter())),
            }
        }
        bytes + writer.into_inner().bytes()
    }
}
