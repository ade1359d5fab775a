use std::fmt;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use einode_etf::{
    Atom, Decode, DecodeError, Encode, EncodeError, Raw, Reader, Sink, Term, View, Writer, tag,
};

/// A term that has not been decoded yet: the bytes that came in a packet, or that will go out in
/// one.
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
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// The term without version byte.
    bytes: Bytes,
    /// What atom cache references in the term refer to; none without a distribution header.
    atoms: Option<Arc<[Atom]>>,
}

impl Payload {
    /// Encodes a value.
    ///
    /// # Errors
    /// [`EncodeError`] when it has no form as a term.
    pub fn encode<T: Encode + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        let mut writer = Writer::new(Vec::new());
        writer.encode(value)?;
        Ok(Self::new(writer.into_inner().into(), None))
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
    /// [`DecodeError`] when the term has to be read, for it refers to atoms of its packet, and it is
    /// malformed.
    pub fn to_etf(&self) -> Result<Vec<u8>, DecodeError> {
        let alone = self.clone().stand_alone()?;
        Ok([&[tag::VERSION], alone.bytes()].concat())
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

    /// The bytes of the term without version byte. They stand alone unless the term came with a
    /// distribution header.
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

    /// The same term without references to atoms of a packet.
    pub(crate) fn stand_alone(self) -> Result<Self, DecodeError> {
        if self.atoms.is_none() {
            return Ok(self);
        }
        // An error of the writer would mean that the term does not fit its own format.
        Self::encode(&self.term()?).map_err(|_| DecodeError::OutOfRange)
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

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
