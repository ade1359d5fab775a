use std::fmt;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use einode_etf::{
    Atom, Decode, DecodeError, Encode, EncodeError, Raw, Reader, Sink, Term, View, Writer, tag,
};

use crate::atoms::{Apart, Table};

/// A term that has not been decoded yet: the bytes that came in a packet, or that will go out in
/// one.
///
/// Atoms in it may be references to a table that the payload carries with it: a received one that of its
/// packet, an encoded one its own. A connection with an atom cache sends and receives the table apart,
/// and the bytes as they are; for others the names are put in their places.
///
/// Cheap to clone and to hand to another thread; decoding happens there, once, into what the
/// receiver wants. Nothing is checked until then: a peer can put anything here.
///
/// ```
/// use einode_dist::Payload;
///
/// let payload = Payload::encode(&("ping", 42))?;
/// assert_eq!(payload.decode::<(&str, u8)>()?, ("ping", 42));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Payload {
    /// The term without version byte.
    bytes: Bytes,
    /// What atom cache references in the term refer to, at most 255.
    atoms: Option<Arc<[Atom]>>,
}

impl Payload {
    /// Encodes a value.
    ///
    /// # Errors
    /// [`EncodeError`] when it has no form as a term.
    pub fn encode<T: Encode + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        /// Most messages fit, and need not grow several times.
        const SMALL: usize = 64;
        let bytes = Vec::with_capacity(SMALL);
        let mut writer = Writer::new(Apart::new(bytes, Table::default()));
        writer.encode(value)?;
        let Apart { bytes, atoms, .. } = writer.into_inner();
        Ok(Self::new(bytes.into(), atoms.into_atoms()))
    }

    /// Takes a stand-alone term, which starts with the version byte 131.
    ///
    /// # Errors
    /// [`DecodeError`] when that byte is missing; the term itself is not looked at.
    pub fn from_etf(etf: impl Into<Bytes>) -> Result<Self, DecodeError> {
        let mut bytes = etf.into();
        match bytes.try_get_u8() {
            Ok(tag::VERSION) => Ok(Self::new(bytes, None)),
            Ok(other) => Err(DecodeError::NoVersion(other)),
            Err(_) => Err(DecodeError::Truncated),
        }
    }

    /// The term by itself, version byte included, as `term_to_binary/1` makes it.
    ///
    /// # Errors
    /// [`DecodeError`] when the term has to be read, for it refers to atoms of a table, and it is
    /// malformed.
    pub fn to_etf(&self) -> Result<Vec<u8>, DecodeError> {
        self.write_alone(vec![tag::VERSION])
    }

    /// Checks that this is one well-formed term with nothing after it.
    ///
    /// # Errors
    /// [`DecodeError`] says what it is not.
    pub fn check(&self) -> Result<(), DecodeError> {
        let mut reader = self.reader();
        reader.skip()?;
        reader.finish()
    }

    /// Decodes the term into a value, which may borrow from this payload.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed or not a term of that type.
    pub fn decode<'a, T: Decode<'a>>(&'a self) -> Result<T, DecodeError> {
        let mut reader = self.reader();
        let value = reader.decode()?;
        reader.finish()?;
        Ok(value)
    }

    /// Decodes the term into an owned one.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed.
    pub fn term(&self) -> Result<Term, DecodeError> {
        self.decode()
    }

    /// Looks one level into the term, without copying.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed.
    pub fn view(&self) -> Result<View<'_>, DecodeError> {
        self.raw()?.view()
    }

    /// The term's bytes together with the atoms they refer to.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed.
    pub fn raw(&self) -> Result<Raw<'_>, DecodeError> {
        let mut reader = self.reader();
        let raw = reader.raw()?;
        reader.finish()?;
        Ok(raw)
    }

    /// Reads the term token by token.
    pub fn reader(&self) -> Reader<'_> {
        Reader::with_atoms(&self.bytes, self.atoms.as_deref().unwrap_or_default())
    }

    /// The bytes of the term without version byte, in which atoms may be references to a table; see
    /// [`to_etf`](Self::to_etf).
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn new(bytes: Bytes, atoms: Option<Arc<[Atom]>>) -> Self {
        Self { bytes, atoms }
    }

    /// A part of the bytes, without copying; nothing where it would go past the end.
    pub(crate) fn part(&self, start: usize, end: usize) -> Self {
        let mut bytes = self.bytes.clone();
        bytes.truncate(end);
        bytes.advance(start.min(bytes.len()));
        Self {
            bytes,
            atoms: self.atoms.clone(),
        }
    }

    /// What atom cache references in the term refer to.
    pub(crate) fn atoms(&self) -> &[Atom] {
        self.atoms.as_deref().unwrap_or_default()
    }

    /// The same term without references to atoms of a table.
    pub(crate) fn stand_alone(self) -> Result<Self, DecodeError> {
        if self.atoms.is_none() {
            return Ok(self);
        }
        Ok(Self::new(self.write_alone(Vec::new())?.into(), None))
    }

    /// Appends the term without references to atoms of a table.
    fn write_alone(&self, mut out: Vec<u8>) -> Result<Vec<u8>, DecodeError> {
        if self.atoms.is_none() {
            out.extend_from_slice(&self.bytes);
            return Ok(out);
        }
        let raw = self.raw()?;
        let names: usize = self.atoms().iter().map(|atom| atom.as_bytes().len()).sum();
        out.reserve(self.bytes.len().saturating_add(names));
        let mut writer = Writer::new(out);
        // What is sound as it is read can only have an atom that is none.
        writer.raw(raw).map_err(|_| DecodeError::BadAtom)?;
        Ok(writer.into_inner())
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Whether it is the same term in the same form, however its atoms are put.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        if self.atoms() == other.atoms() {
            return self.bytes == other.bytes;
        }
        let alone = |payload: &Self| payload.write_alone(Vec::new());
        matches!((alone(self), alone(other)), (Ok(a), Ok(b)) if a == b)
    }
}

impl Eq for Payload {}

/// Writes the term into a larger one. [`EncodeError::WrongLength`] when it is malformed.
impl Encode for Payload {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        writer.raw(self.raw().map_err(|_| EncodeError::WrongLength)?)
    }
}

/// Shows the term, or why it is none.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.raw() {
            Ok(raw) => raw.fmt(f),
            Err(error) => write!(f, "<{} bytes: {error}>", self.bytes.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_and_gives_stand_alone_terms() {
        let payload = Payload::from_etf(&b"\x83a\x2a"[..]).unwrap();
        assert_eq!(payload, Payload::encode(&42).unwrap());
        assert_eq!(payload.to_etf().unwrap(), b"\x83a\x2a");
        assert_eq!(
            Payload::from_etf(&b"a\x2a"[..]),
            Err(DecodeError::NoVersion(b'a'))
        );
        assert_eq!(Payload::from_etf(&b""[..]), Err(DecodeError::Truncated));
    }

    #[test]
    fn resolves_atoms_of_its_packet() {
        let atoms: Arc<[Atom]> = Arc::new([Atom::from_static("ok")]);
        let payload = Payload::new(Bytes::from_static(b"R\0"), Some(atoms));
        assert_eq!(payload.decode::<Atom>().unwrap(), "ok");
        assert_eq!(payload.to_etf().unwrap(), b"\x83w\x02ok");
    }

    #[test]
    fn is_one_well_formed_term_or_an_error() {
        let payload = |bytes| Payload::new(Bytes::from_static(bytes), None);
        assert_eq!(payload(b"a\x01").check(), Ok(()));
        assert_eq!(payload(b"a").check(), Err(DecodeError::Truncated));
        assert_eq!(payload(b"a\x01j").check(), Err(DecodeError::TrailingBytes));
        assert_eq!(payload(b"a\x01j").term(), Err(DecodeError::TrailingBytes));
        assert_eq!(payload(b"").view().unwrap_err(), DecodeError::Truncated);
        assert!(format!("{:?}", payload(b"a")).starts_with("<1 bytes: "));
    }

    #[test]
    fn parts_stay_within_the_bytes() {
        let payload = Payload::new(Bytes::from_static(b"abcdef"), None);
        assert_eq!(payload.part(1, 3).bytes(), b"bc");
        assert_eq!(payload.part(4, 100).bytes(), b"ef");
        assert_eq!(payload.part(100, 200).bytes(), b"");
        assert_eq!(payload.part(3, 2).bytes(), b"");
    }
}
