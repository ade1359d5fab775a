use crate::short::Packed;
use crate::{Atom, Decode, DecodeError, Kind, Slice, Source, tag};

/// Reads terms, one token at a time.
///
/// A container is read as its header, and then its elements one by one: [`Reader::tuple`] gives the
/// arity, and as many terms follow. After an error the position is undefined; a reader of a
/// [`Slice`] is `Copy`-cheap to set aside first ([`Reader::clone`]).
///
/// ```
/// use einode_etf::Reader;
///
/// let mut reader = Reader::new(b"\x83h\x02w\x02oka\x2a");
/// reader.version()?;
/// assert_eq!(reader.tuple()?, 2);
/// assert_eq!(reader.atom()?, "ok");
/// assert_eq!(reader.i64()?, 42);
/// assert!(reader.is_empty());
/// # Ok::<(), einode_etf::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader<'a, S = Slice<'a>> {
    source: S,
    /// What ATOM_CACHE_REF refers to.
    atoms: &'a [Atom],
}

impl<'a> Reader<'a> {
    /// Reads a slice.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            source: Slice::new(bytes),
            atoms: &[],
        }
    }

    /// Reads a slice whose atoms may refer to those of a distribution header.
    pub const fn with_atoms(bytes: &'a [u8], atoms: &'a [Atom]) -> Self {
        Self {
            source: Slice::new(bytes),
            atoms,
        }
    }

    /// How many bytes have been read.
    pub const fn position(&self) -> usize {
        self.source.position()
    }

    /// The bytes that have not been read.
    pub const fn ahead(&self) -> &'a [u8] {
        self.source.ahead()
    }

    /// Whether all bytes have been read.
    pub const fn is_empty(&self) -> bool {
        self.source.ahead().is_empty()
    }

    /// Fails with [`DecodeError::TrailingBytes`] unless all bytes have been read.
    pub const fn finish(&self) -> Result<(), DecodeError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes)
        }
    }
}

impl<'a, S: Source<'a>> Reader<'a, S> {
    /// Reads any source.
    pub const fn from_source(source: S) -> Self {
        Self { source, atoms: &[] }
    }

    /// What is read from.
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// The atoms that cache references refer to.
    pub(crate) const fn atoms(&self) -> &'a [Atom] {
        self.atoms
    }

    #[inline]
    pub(crate) const fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// A value of any type that has a term form.
    pub fn decode<T: Decode<'a>>(&mut self) -> Result<T, DecodeError> {
        T::decode(self)
    }

    /// The kind of the next term, which stays unread.
    pub fn kind(&self) -> Result<Kind, DecodeError> {
        let tag = self.source.peek()?;
        Kind::of_tag(tag).ok_or(DecodeError::UnknownTag(tag))
    }

    /// The byte 131 that opens a stand-alone term.
    pub fn version(&mut self) -> Result<(), DecodeError> {
        match self.tag()? {
            tag::VERSION => Ok(()),
            other => Err(DecodeError::NoVersion(other)),
        }
    }

    /// An atom.
    #[inline]
    pub fn atom(&mut self) -> Result<Atom, DecodeError> {
        let found = self.tag_of(Kind::Atom)?;
        self.atom_body(found)
    }

    /// `true` or `false`. [`DecodeError::OutOfRange`] for another atom.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.atom()?.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(DecodeError::OutOfRange),
        }
    }

    /// A float. Integers are not floats.
    pub fn float(&mut self) -> Result<f64, DecodeError> {
        let found = self.tag_of(Kind::Float)?;
        self.float_body(found)
    }

    /// The arity of a tuple, whose elements follow.
    #[inline]
    pub fn tuple(&mut self) -> Result<usize, DecodeError> {
        let found = self.tag_of(Kind::Tuple)?;
        self.arity(found)
    }

    /// The length of a list. Unless it is zero, that many elements follow and then a tail, which is
    /// `[]` for a proper list.
    ///
    /// A list of bytes may have the form of a string, on which this fails with
    /// [`DecodeError::Expected`]; ask [`Reader::string`] first, or decode a `Vec`.
    pub fn list(&mut self) -> Result<usize, DecodeError> {
        loop {
            match self.tag()? {
                tag::NIL_EXT => return Ok(0),
                tag::LIST_EXT => match self.count(1)? {
                    // Without elements, a list is its tail.
                    0 => {}
                    length => return Ok(length),
                },
                found => return Err(unexpected(Kind::List, found)),
            }
        }
    }

    /// The empty list.
    pub fn nil(&mut self) -> Result<(), DecodeError> {
        match self.tag()? {
            tag::NIL_EXT => Ok(()),
            found => Err(unexpected(Kind::List, found)),
        }
    }

    /// The bytes of a list that has the form of a string; `None`, and nothing is read, for any other
    /// term.
    pub fn string(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        if self.source.peek()? != tag::STRING_EXT {
            return Ok(None);
        }
        self.tag()?;
        let length = u16::from_be_bytes(self.source.array()?);
        self.source.take(length.into()).map(Some)
    }

    /// Whether the next term is the atom `undefined` or `nil`, which is then read.
    pub(crate) fn undefined(&mut self) -> Result<bool, DecodeError> {
        if self.kind()? != Kind::Atom {
            return Ok(false);
        }
        let here = self.source.clone();
        let undefined = matches!(self.atom()?.as_str(), "undefined" | "nil");
        if !undefined {
            self.source = here;
        }
        Ok(undefined)
    }

    /// The number of pairs of a map; a key and its value follow for each.
    pub fn map(&mut self) -> Result<usize, DecodeError> {
        self.tag_of(Kind::Map)?;
        self.count(2)
    }

    #[inline]
    pub(crate) fn tag(&mut self) -> Result<u8, DecodeError> {
        let [tag] = self.source.array()?;
        Ok(tag)
    }

    /// The next tag, if it opens a term of this kind.
    #[inline(always)]
    pub(crate) fn tag_of(&mut self, expected: Kind) -> Result<u8, DecodeError> {
        let found = self.tag()?;
        if Kind::of_tag(found) == Some(expected) {
            Ok(found)
        } else {
            Err(unexpected(expected, found))
        }
    }

    /// A count of things of which each takes at least `least` bytes. One that the remaining bytes
    /// cannot hold is refused here, before anything is allocated for it.
    #[inline]
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, DecodeError> {
        let count = u32::from_be_bytes(self.source.array()?) as usize;
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.source.remaining() => Ok(count),
            _ => Err(DecodeError::Truncated),
        }
    }

    #[inline]
    pub(crate) fn arity(&mut self, found: u8) -> Result<usize, DecodeError> {
        if found == tag::SMALL_TUPLE_EXT {
            return Ok(self.tag()?.into());
        }
        match self.count(1)? {
            arity @ 0..=MAX_ARITY => Ok(arity),
            arity => Err(DecodeError::BadArity(arity as u32)),
        }
    }

    #[inline]
    pub(crate) fn atom_body(&mut self, found: u8) -> Result<Atom, DecodeError> {
        match self.atom_name(found)? {
            Name::Ascii(name) => Ok(Atom::from_ascii(name)),
            Name::Other(atom) => Ok(atom),
        }
    }

    /// An atom before it takes the form in which it is kept.
    #[inline(always)]
    pub(crate) fn atom_name(&mut self, found: u8) -> Result<Name, DecodeError> {
        let length = match found {
            tag::SMALL_ATOM_UTF8_EXT | tag::SMALL_ATOM_EXT => self.tag()?.into(),
            tag::ATOM_CACHE_REF => return self.cached_atom(),
            _ => u16::from_be_bytes(self.source.array()?),
        };
        let name = self.source.take(length.into())?;
        match Packed::new(name) {
            Some(name) if name.is_ascii() => Ok(Name::Ascii(name)),
            _ => other_atom(found, name),
        }
    }

    fn cached_atom(&mut self) -> Result<Name, DecodeError> {
        let index = self.tag()?;
        let atom = self.atoms.get(usize::from(index)).cloned();
        atom.map(Name::Other).ok_or(DecodeError::NoSuchAtom(index))
    }

    pub(crate) fn float_body(&mut self, found: u8) -> Result<f64, DecodeError> {
        let value = if found == tag::NEW_FLOAT_EXT {
            f64::from_be_bytes(self.source.array()?)
        } else {
            let text: [u8; 31] = self.source.array()?;
            let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
            let text = std::str::from_utf8(text).map_err(|_| DecodeError::BadFloat)?;
            text.trim().parse().map_err(|_| DecodeError::BadFloat)?
        };
        if value.is_finite() {
            Ok(value)
        } else {
            Err(DecodeError::BadFloat)
        }
    }
}

/// The most elements that a tuple may have (OTP, *System Limits*).
pub const MAX_ARITY: usize = (1 << 24) - 1;

/// An atom on its way to where it is kept.
pub(crate) enum Name {
    /// Short and ASCII, as most are.
    Ascii(Packed),
    Other(Atom),
}

#[cold]
fn other_atom(found: u8, name: &[u8]) -> Result<Name, DecodeError> {
    let atom = if matches!(found, tag::SMALL_ATOM_UTF8_EXT | tag::ATOM_UTF8_EXT) {
        Atom::from_utf8(name)
    } else {
        Atom::from_latin1(name)
    };
    atom.map(Name::Other).ok_or(DecodeError::BadAtom)
}

#[cold]
fn unexpected(expected: Kind, found: u8) -> DecodeError {
    match Kind::of_tag(found) {
        Some(_) => DecodeError::Expected { expected, found },
        None => DecodeError::UnknownTag(found),
    }
}
