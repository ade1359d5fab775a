//! The owned term.

mod decode;
mod elements;
mod encode;
mod list;
mod map;
mod order;

use crate::short::Short;
use crate::{Atom, BitStr, Bits, DecodeError, EncodeError, Export, Fun, Integer, Kind};
use crate::{Pid, Port, Record, Reference};

pub(crate) use elements::Elements;
pub use list::List;
pub use map::{DuplicateKey, Map};

/// Any Erlang term, owned.
///
/// Made by [`term!`](crate::term), by parsing Erlang syntax, by the constructors here and by
/// decoding; looked into by the `as_` methods. Nothing that is done with a term calls itself for its
/// parts, so a term may be as deep as memory allows.
///
/// `==`, [`Ord`] and [`Hash`] are exact, as `=:=` and the order of map keys are in Erlang: `1` and
/// `1.0` are two values, and `-0.0` and `0.0` are (as from OTP 27 on). [`Term::compare`] is Erlang's
/// arithmetic comparison, in which `1 == 1.0`.
///
/// ```
/// use einode_etf::{Term, term};
///
/// let term = term!({ok, [1, 2.5, <<"three">>], #{four => 4}});
/// let [tag, list, map] = term.as_tuple().unwrap() else { panic!() };
/// assert_eq!(tag.as_atom().unwrap(), "ok");
/// assert_eq!(list.as_list().unwrap().len(), 3);
/// assert_eq!(map.to_string(), "#{four => 4}");
/// assert_eq!("{ok,[1,2.5,<<\"three\">>],#{four => 4}}".parse::<Term>()?, term);
/// # Ok::<(), einode_etf::ParseError>(())
/// ```
pub struct Term(pub(crate) Repr);

/// How a term is held: 24 bytes, with short atoms and binaries in place. `Atom`'s first byte has
/// room for the other variants, so the enum takes no space of its own.
#[derive(Clone)]
pub(crate) enum Repr {
    Integer(Integer),
    /// Finite.
    Float(f64),
    Atom(Atom),
    /// A short binary.
    Short(Short),
    /// A longer binary.
    Binary(Box<[u8]>),
    /// A bit string that is no binary.
    Bits(Box<Bits>),
    Tuple(Elements),
    /// A list with at least one element that is no byte; the empty list is an empty `String`.
    List(Elements),
    /// A list of bytes.
    String(Box<[u8]>),
    /// At least one element, then the tail, which is no list.
    Improper(Elements),
    /// Keys, each followed by its value, in exact order of the keys.
    Map(Elements),
    Pid(Box<Pid>),
    Port(Box<Port>),
    Reference(Box<Reference>),
    Fun(Box<Fun>),
    Export(Box<Export>),
    Record(Box<Record>),
}

impl Term {
    /// The term of stand-alone bytes, as `term_to_binary` makes them and files hold them: with the
    /// version byte, and with nothing after the term.
    ///
    /// With the feature `compressed`, the compressed form is read too, up to
    /// `compressed::MAX_INFLATED` bytes.
    ///
    /// ```
    /// use einode_etf::{Term, term};
    ///
    /// assert_eq!(Term::from_bytes(b"\x83h\x02w\x02oka\x01")?, term!({ok, 1}));
    /// assert_eq!(term!({ok, 1}).to_bytes()?, b"\x83h\x02w\x02oka\x01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DecodeError`] when they are not; without the feature, [`DecodeError::UnknownTag`] with
    /// [`tag::COMPRESSED`](crate::tag::COMPRESSED) for the compressed form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        #[cfg(feature = "compressed")]
        let bytes = &*crate::compressed::inflate(bytes, crate::compressed::MAX_INFLATED)?;
        crate::from_slice(bytes)
    }

    /// The stand-alone bytes of the term, which [`Term::from_bytes`] and `binary_to_term` read.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] for a binary or container whose length does not fit 32 bits.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        crate::to_vec(self)
    }

    /// The empty list.
    pub fn nil() -> Self {
        Self(Repr::String(Box::default()))
    }

    /// A float; `None` for infinity and NaN, which Erlang does not have.
    pub fn float(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(Repr::Float(value)))
    }

    /// A binary.
    #[inline]
    pub fn binary(bytes: &[u8]) -> Self {
        Self(match Short::new(bytes) {
            Some(short) => Repr::Short(short),
            None => Repr::Binary(bytes.into()),
        })
    }

    /// A bit string.
    pub fn bits(bits: BitStr<'_>) -> Self {
        match bits.as_binary() {
            Some(bytes) => Self::binary(bytes),
            None => Self(Repr::Bits(Box::new(bits.to_bits()))),
        }
    }

    /// A list of the characters of `text`, which is what a string is in Erlang.
    pub fn string(text: &str) -> Self {
        if text.chars().all(|char| u8::try_from(char).is_ok()) {
            return Self(Repr::String(text.chars().map(|char| char as u8).collect()));
        }
        Self::list(
            text.chars()
                .map(|char| Self::from(u32::from(char)))
                .collect(),
        )
    }

    /// A tuple.
    #[inline]
    pub fn tuple(elements: Vec<Self>) -> Self {
        Self(Repr::Tuple(elements.into()))
    }

    /// A proper list.
    pub fn list(elements: Vec<Self>) -> Self {
        match Self::all_bytes(&elements) {
            Some(bytes) => Self(Repr::String(bytes)),
            None => Self(Repr::List(elements.into())),
        }
    }

    /// The elements of a list as bytes, if they all are.
    #[inline]
    fn all_bytes(elements: &[Self]) -> Option<Box<[u8]>> {
        // Most lists show at the first element that they are none of bytes.
        elements.first().map_or(Some(0), Self::as_byte)?;
        elements.iter().map(Self::as_byte).collect()
    }

    /// A list with a tail: `[a, b | tail]`. Where the tail is a list, it is continued; where there
    /// are no elements, the tail is all.
    pub fn improper(mut elements: Vec<Self>, tail: Self) -> Self {
        if elements.is_empty() {
            return tail;
        }
        match tail.0 {
            Repr::String(bytes) => {
                elements.extend(bytes.iter().map(|&byte| Self::from(byte)));
                Self::list(elements)
            }
            Repr::List(more) => {
                elements.append(&mut more.into_vec());
                Self(Repr::List(elements.into()))
            }
            Repr::Improper(more) => {
                elements.append(&mut more.into_vec());
                Self(Repr::Improper(elements.into()))
            }
            tail => {
                elements.push(Self(tail));
                Self(Repr::Improper(elements.into()))
            }
        }
    }

    /// A map.
    ///
    /// # Errors
    /// [`DuplicateKey`] when a key comes twice. `1` and `1.0` are two keys.
    pub fn map(pairs: Vec<(Self, Self)>) -> Result<Self, DuplicateKey> {
        let mut pairs: Vec<[Self; 2]> = pairs.into_iter().map(Into::into).collect();
        map::sort(&mut pairs)?;
        Ok(Self(Repr::Map(pairs.into_flattened().into())))
    }

    /// A map of keys, each followed by its value, of which the last of equal ones counts: so it is in
    /// Erlang's syntax.
    pub(crate) fn map_of_last(elements: Vec<Self>) -> Self {
        let mut pairs = Vec::with_capacity(elements.len() / 2);
        let mut elements = elements.into_iter();
        while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
            pairs.push([key, value]);
        }
        // The sort is stable, and of equal neighbours the first is kept.
        pairs.reverse();
        pairs.sort_by(|[a, _], [b, _]| a.cmp(b));
        pairs.dedup_by(|[a, _], [b, _]| a == b);
        Self(Repr::Map(pairs.into_flattened().into()))
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        match &self.0 {
            Repr::Integer(_) => Kind::Integer,
            Repr::Float(_) => Kind::Float,
            Repr::Atom(_) => Kind::Atom,
            Repr::Short(_) | Repr::Binary(_) | Repr::Bits(_) => Kind::Bits,
            Repr::Tuple(_) => Kind::Tuple,
            Repr::List(_) | Repr::String(_) | Repr::Improper(_) => Kind::List,
            Repr::Map(_) => Kind::Map,
            Repr::Pid(_) => Kind::Pid,
            Repr::Port(_) => Kind::Port,
            Repr::Reference(_) => Kind::Reference,
            Repr::Fun(_) | Repr::Export(_) => Kind::Fun,
            Repr::Record(_) => Kind::Record,
        }
    }

    /// The integer, if it fits.
    #[inline]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_integer()?.as_i64()
    }

    /// The integer.
    #[inline]
    pub fn as_integer(&self) -> Option<&Integer> {
        if let Repr::Integer(value) = &self.0 {
            Some(value)
        } else {
            None
        }
    }

    /// The float. Integers are not converted.
    pub fn as_f64(&self) -> Option<f64> {
        if let Repr::Float(value) = self.0 {
            Some(value)
        } else {
            None
        }
    }

    /// The atom.
    #[inline]
    pub fn as_atom(&self) -> Option<&Atom> {
        if let Repr::Atom(atom) = &self.0 {
            Some(atom)
        } else {
            None
        }
    }

    /// Whether it is the atom of this name.
    pub fn is_atom(&self, name: &str) -> bool {
        self.as_atom().is_some_and(|atom| atom == name)
    }

    /// `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_atom()?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The bytes of a binary.
    #[inline]
    pub fn as_binary(&self) -> Option<&[u8]> {
        match &self.0 {
            Repr::Short(bytes) => Some(bytes.as_bytes()),
            Repr::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The bits of a bit string, binaries included.
    pub fn as_bits(&self) -> Option<BitStr<'_>> {
        match &self.0 {
            Repr::Bits(bits) => Some(bits.as_bit_str()),
            _ => self.as_binary().map(BitStr::from_bytes),
        }
    }

    /// The text of a binary that is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_binary()?).ok()
    }

    /// The elements of a tuple.
    #[inline]
    pub fn as_tuple(&self) -> Option<&[Self]> {
        if let Repr::Tuple(elements) = &self.0 {
            Some(elements)
        } else {
            None
        }
    }

    /// The list, proper or not.
    pub fn as_list(&self) -> Option<List<'_>> {
        List::of(self)
    }

    /// The map.
    pub fn as_map(&self) -> Option<Map<'_>> {
        if let Repr::Map(pairs) = &self.0 {
            Some(Map::new(pairs))
        } else {
            None
        }
    }

    /// The process identifier.
    pub fn as_pid(&self) -> Option<&Pid> {
        if let Repr::Pid(pid) = &self.0 {
            Some(pid)
        } else {
            None
        }
    }

    /// The port identifier.
    pub fn as_port(&self) -> Option<&Port> {
        if let Repr::Port(port) = &self.0 {
            Some(port)
        } else {
            None
        }
    }

    /// The reference.
    pub fn as_reference(&self) -> Option<&Reference> {
        if let Repr::Reference(reference) = &self.0 {
            Some(reference)
        } else {
            None
        }
    }

    /// The local fun.
    pub fn as_fun(&self) -> Option<&Fun> {
        if let Repr::Fun(fun) = &self.0 {
            Some(fun)
        } else {
            None
        }
    }

    /// The external fun.
    pub fn as_export(&self) -> Option<&Export> {
        if let Repr::Export(export) = &self.0 {
            Some(export)
        } else {
            None
        }
    }

    /// The native record.
    pub fn as_record(&self) -> Option<&Record> {
        if let Repr::Record(record) = &self.0 {
            Some(record)
        } else {
            None
        }
    }

    #[inline]
    pub(crate) fn as_byte(&self) -> Option<u8> {
        u8::try_from(self.as_i64()?).ok()
    }
}

impl Clone for Term {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident $(($boxed:path))?),* $(,)?) => { $(
        impl From<$type> for Term {
            #[inline]
            fn from(value: $type) -> Self {
                Self(Repr::$variant($($boxed)?(value.into())))
            }
        }
    )* };
}

from! {
    i8 => Integer, i16 => Integer, i32 => Integer, i64 => Integer, i128 => Integer, isize => Integer,
    u8 => Integer, u16 => Integer, u32 => Integer, u64 => Integer, u128 => Integer, usize => Integer,
    Integer => Integer, bool => Atom, Atom => Atom,
    Pid => Pid(Box::new), Port => Port(Box::new), Reference => Reference(Box::new),
    Export => Export(Box::new),
}

impl From<&str> for Term {
    /// A binary of UTF-8, as Elixir's strings are. [`Term::string`] makes a list of characters.
    fn from(text: &str) -> Self {
        Self::binary(text.as_bytes())
    }
}

impl From<String> for Term {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<crate::Binary> for Term {
    fn from(binary: crate::Binary) -> Self {
        Self(match Short::new(&binary.0) {
            Some(short) => Repr::Short(short),
            None => Repr::Binary(binary.0.into_boxed_slice()),
        })
    }
}

impl From<Vec<Self>> for Term {
    fn from(elements: Vec<Self>) -> Self {
        Self::list(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_takes_three_words() {
        assert_eq!(size_of::<Term>(), 24);
        assert_eq!(size_of::<Option<Term>>(), 24);
    }

    #[test]
    fn lists_are_equal_however_they_were_made() {
        let bytes: Vec<Term> = vec![1.into(), 2.into()];
        assert_eq!(Term::list(bytes.clone()), Term::string("\u{1}\u{2}"));
        assert_eq!(
            Term::improper(bytes, Term::nil()),
            Term::string("\u{1}\u{2}")
        );
        assert_eq!(
            Term::improper(
                vec![Term::from(1)],
                Term::improper(vec![300.into()], 2.into())
            ),
            Term::improper(vec![1.into(), 300.into()], 2.into()),
        );
    }
}
