use crate::{Atom, Encode, EncodeError, Sink, tag};

/// Writes terms, one token at a time.
///
/// A container is its header followed by its elements: [`Writer::tuple`]`(2)` and then two terms. The
/// writer does not count them. Integers, bit strings, identifiers and whole [`Term`](crate::Term)s
/// have their methods too; each is documented beside its type.
///
/// ```
/// use einode_etf::{Atom, Writer};
///
/// let mut writer = Writer::new(Vec::new());
/// writer.version()?;
/// writer.tuple(2)?;
/// writer.atom(&Atom::from_static("ok"))?;
/// writer.i64(42)?;
/// assert_eq!(writer.into_inner(), b"\x83h\x02w\x02oka\x2a");
/// # Ok::<(), einode_etf::EncodeError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Writer<K> {
    sink: K,
}

impl<K: Sink> Writer<K> {
    /// Writes to `sink`.
    pub const fn new(sink: K) -> Self {
        Self { sink }
    }

    /// What was written to.
    pub fn into_inner(self) -> K {
        self.sink
    }

    /// Any value that has a term form.
    pub fn encode<T: Encode + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.encode(self)
    }

    /// The byte 131 that opens a stand-alone term.
    pub fn version(&mut self) -> Result<(), EncodeError> {
        self.put(&[tag::VERSION]);
        Ok(())
    }

    /// An atom: its name in UTF-8, or a reference if the sink [has one](Sink::refer).
    #[inline]
    pub fn atom(&mut self, atom: &Atom) -> Result<(), EncodeError> {
        if self.sink.refer(atom) {
            return Ok(());
        }
        let name = atom.as_bytes();
        // 255 characters are at most 1020 bytes, so a length of two bytes is enough for all.
        match u8::try_from(name.len()) {
            Ok(length) => self.put(&[tag::SMALL_ATOM_UTF8_EXT, length]),
            Err(_) => {
                let [.., high, low] = name.len().to_be_bytes();
                self.put(&[tag::ATOM_UTF8_EXT, high, low]);
            }
        }
        self.put_run(name);
        Ok(())
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) -> Result<(), EncodeError> {
        self.atom(&value.into())
    }

    /// A float. [`EncodeError::NotFinite`] for infinity and NaN, which Erlang does not have.
    #[inline]
    pub fn float(&mut self, value: f64) -> Result<(), EncodeError> {
        if !value.is_finite() {
            return Err(EncodeError::NotFinite);
        }
        self.put(&[tag::NEW_FLOAT_EXT]);
        self.put(&value.to_be_bytes());
        Ok(())
    }

    /// The header of a tuple; `arity` terms follow.
    #[inline]
    pub fn tuple(&mut self, arity: usize) -> Result<(), EncodeError> {
        match u8::try_from(arity) {
            Ok(arity) => self.put(&[tag::SMALL_TUPLE_EXT, arity]),
            Err(_) => self.tag_and_length(tag::LARGE_TUPLE_EXT, arity)?,
        }
        Ok(())
    }

    /// The header of a list; `length` terms and then a tail follow, which is [`Writer::nil`] for a
    /// proper list. An empty list is `nil` alone.
    #[inline]
    pub fn list(&mut self, length: usize) -> Result<(), EncodeError> {
        self.tag_and_length(tag::LIST_EXT, length)
    }

    /// The empty list.
    #[inline]
    pub fn nil(&mut self) -> Result<(), EncodeError> {
        self.put(&[tag::NIL_EXT]);
        Ok(())
    }

    /// A list of bytes: STRING_EXT up to 65,535 of them, as ERTS writes it.
    #[inline]
    pub fn string(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if bytes.is_empty() {
            return self.nil();
        }
        match u16::try_from(bytes.len()) {
            Ok(length) => {
                let [high, low] = length.to_be_bytes();
                self.put(&[tag::STRING_EXT, high, low]);
                self.put_run(bytes);
                Ok(())
            }
            Err(_) => {
                self.list(bytes.len())?;
                bytes
                    .iter()
                    .for_each(|&byte| self.put(&[tag::SMALL_INTEGER_EXT, byte]));
                self.nil()
            }
        }
    }

    /// The header of a map; `pairs` times a key and its value follow, with distinct keys.
    #[inline]
    pub fn map(&mut self, pairs: usize) -> Result<(), EncodeError> {
        self.tag_and_length(tag::MAP_EXT, pairs)
    }

    /// Says that the length of the next `bytes` bytes has been written.
    pub(crate) fn counted(&mut self, bytes: usize) {
        self.sink.counted(bytes);
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.sink.put(bytes);
    }

    #[inline]
    pub(crate) fn put_run(&mut self, bytes: &[u8]) {
        self.sink.put_run(bytes);
    }

    #[inline]
    pub(crate) fn tag_and_length(&mut self, tag: u8, length: usize) -> Result<(), EncodeError> {
        let length = u32::try_from(length).map_err(|_| EncodeError::TooLarge)?;
        let [a, b, c, d] = length.to_be_bytes();
        self.put(&[tag, a, b, c, d]);
        Ok(())
    }

    pub(crate) fn length(&mut self, length: usize) -> Result<(), EncodeError> {
        let length = u32::try_from(length).map_err(|_| EncodeError::TooLarge)?;
        self.put(&length.to_be_bytes());
        Ok(())
    }
}
