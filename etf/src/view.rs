use std::fmt;

use crate::{
    Atom, BitStr, Decode, DecodeError, EncodeError, Integer, Kind, Pid, Port, Reader, Reference,
    Sink, Slice, Term, Writer, tag,
};

/// The exact bytes of one term, without the version byte, that [`Reader::raw`] found sound.
///
/// Keeps a term for later, or passes it on, at no cost.
#[derive(Clone, Copy)]
pub struct Raw<'a> {
    bytes: &'a [u8],
    atoms: &'a [Atom],
}

impl<'a> Raw<'a> {
    /// The bytes. They stand alone only if the term was not read [with
    /// atoms](Reader::with_atoms).
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads it.
    pub const fn reader(&self) -> Reader<'a> {
        Reader::with_atoms(self.bytes, self.atoms)
    }

    /// Looks one level into it.
    pub fn view(&self) -> Result<View<'a>, DecodeError> {
        View::of(*self)
    }

    /// Makes an owned term of it.
    pub fn term(&self) -> Result<Term, DecodeError> {
        self.reader().term()
    }

    /// Makes a value of it.
    pub fn decode<T: Decode<'a>>(&self) -> Result<T, DecodeError> {
        self.reader().decode()
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.term() {
            Ok(term) => fmt::Debug::fmt(&term, f),
            Err(error) => write!(f, "<{} bytes: {error}>", self.bytes.len()),
        }
    }
}

/// One level of a term, borrowed from its bytes. What is inside a container is not looked at until
/// it is asked for.
///
/// ```
/// use einode_etf::{Raw, Reader, View};
///
/// let View::Tuple(mut elements) = Reader::new(b"h\x02w\x02okm\0\0\0\x03abc").view()? else {
///     panic!()
/// };
/// assert_eq!(elements.next().unwrap().decode::<&str>().is_err(), true);
/// assert_eq!(elements.next().unwrap().decode::<&str>()?, "abc");
/// # Ok::<(), einode_etf::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum View<'a> {
    /// An integer.
    Integer(Integer),
    /// A float.
    Float(f64),
    /// An atom.
    Atom(Atom),
    /// A reference.
    Reference(Reference),
    /// A fun, local or external.
    Fun(Raw<'a>),
    /// A port.
    Port(Port),
    /// A pid.
    Pid(Pid),
    /// The elements of a tuple.
    Tuple(Elements<'a>),
    /// A native record.
    Record(Raw<'a>),
    /// The keys of a map, each followed by its value, as they were sent.
    Map(Elements<'a>),
    /// The elements of a list; after them, [`Elements::rest`] is its tail.
    List(Elements<'a>),
    /// A list of bytes in the form of a string; the empty list too.
    String(&'a [u8]),
    /// A bit string.
    Bits(BitStr<'a>),
}

impl<'a> View<'a> {
    fn of(raw: Raw<'a>) -> Result<Self, DecodeError> {
        let mut reader = raw.reader();
        Ok(match reader.kind()? {
            Kind::Integer => Self::Integer(reader.integer()?),
            Kind::Float => Self::Float(reader.float()?),
            Kind::Atom => Self::Atom(reader.atom()?),
            Kind::Reference => Self::Reference(reader.reference()?),
            Kind::Fun => Self::Fun(raw),
            Kind::Port => Self::Port(reader.port()?),
            Kind::Pid => Self::Pid(reader.pid()?),
            Kind::Tuple => Self::Tuple(Elements {
                left: reader.tuple()?,
                reader,
            }),
            Kind::Record => Self::Record(raw),
            Kind::Map => Self::Map(Elements {
                left: reader.map()? * 2,
                reader,
            }),
            Kind::List => match reader.string()? {
                Some(bytes) => Self::String(bytes),
                None if raw.bytes == [tag::NIL_EXT] => Self::String(&[]),
                None => Self::List(Elements {
                    left: reader.list()?,
                    reader,
                }),
            },
            Kind::Bits => Self::Bits(reader.bits()?),
        })
    }
}

/// Terms that follow one another, given one by one as [`Raw`].
#[derive(Clone)]
pub struct Elements<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Elements<'a> {
    /// What follows those that have not been given yet: the tail of a list.
    pub fn rest(mut self) -> Result<Raw<'a>, DecodeError> {
        for _ in 0..self.left {
            self.reader.skip()?;
        }
        self.reader.raw()
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        self.left = self.left.checked_sub(1)?;
        // The elements were passed over when their container was read, so they are sound.
        self.reader.raw().ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Elements<'_> {}

impl fmt::Debug for Elements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Reader<'a, Slice<'a>> {
    /// The bytes of one term, which is passed over and found sound as [`Reader::skip`] says.
    pub fn raw(&mut self) -> Result<Raw<'a>, DecodeError> {
        let from = self.ahead();
        let start = self.position();
        self.skip()?;
        let bytes = from
            .get(..self.position() - start)
            .ok_or(DecodeError::Truncated)?;
        Ok(Raw {
            bytes,
            atoms: self.atoms(),
        })
    }

    /// One level of a term.
    pub fn view(&mut self) -> Result<View<'a>, DecodeError> {
        self.raw()?.view()
    }
}

impl<K: Sink> Writer<K> {
    /// A term that was read as [`Raw`]: its bytes are copied. Where they refer to atoms of a
    /// distribution header, these are written as [`Writer::atom`] does.
    pub fn raw(&mut self, raw: Raw<'_>) -> Result<(), EncodeError> {
        if raw.atoms.is_empty() {
            self.put(raw.bytes);
            return Ok(());
        }
        let mut reader = raw.reader();
        let mut pending: usize = 1;
        while let Some(left) = pending.checked_sub(1) {
            let children = self.token(&mut reader)?;
            pending = left.saturating_add(children);
        }
        Ok(())
    }

    /// The next term up to its first child. Gives the number of children.
    fn token(&mut self, reader: &mut Reader<'_>) -> Result<usize, EncodeError> {
        fn sound<T>(read: Result<T, DecodeError>) -> Result<T, EncodeError> {
            read.map_err(|_| EncodeError::WrongLength)
        }
        match sound(reader.kind())? {
            Kind::Atom => self.atom(&sound(reader.atom())?)?,
            Kind::Pid => self.pid(&sound(reader.pid())?)?,
            Kind::Port => self.port(&sound(reader.port())?)?,
            Kind::Reference => self.reference(&sound(reader.reference())?)?,
            Kind::Tuple => {
                let arity = sound(reader.tuple())?;
                self.tuple(arity)?;
                return Ok(arity);
            }
            Kind::Map => {
                let pairs = sound(reader.map())?;
                self.map(pairs)?;
                return Ok(pairs.saturating_mul(2));
            }
            Kind::List => match sound(reader.string())? {
                Some(bytes) => self.string(bytes)?,
                None => match sound(reader.list())? {
                    0 => self.nil()?,
                    length => {
                        self.list(length)?;
                        return Ok(length.saturating_add(1));
                    }
                },
            },
            // Funs say how long they are, which is not the same with other atoms.
            Kind::Fun | Kind::Record => self.term(&sound(reader.term())?)?,
            Kind::Float => self.float(sound(reader.float())?)?,
            Kind::Integer | Kind::Bits => self.put(sound(reader.raw())?.bytes),
        }
        Ok(0)
    }
}
