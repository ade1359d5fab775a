use std::fmt;

use ::serde::de::value::StrDeserializer;
use ::serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use ::serde::forward_to_deserialize_any;

use super::Error;
use super::types::{ATOM, STRUCT, TERM, is_elixir, variant_of};
use crate::codec::byte_term;
use crate::{DecodeError, Kind, Reader, Source};

/// How many values may be within each other: tuples, lists, maps, and what Rust puts around a value,
/// such as `Option` and newtypes. As many as `serde_json` allows for arrays and objects.
pub const MAX_DEPTH: usize = 128;

/// Reads one term as a value; see [the module](super) for what becomes what.
///
/// ```
/// use einode_etf::Reader;
/// use einode_etf::serde::Deserializer;
/// use serde::Deserialize;
///
/// let mut reader = Reader::new(b"h\x02a\x01h\x02m\0\0\0\x01am\0\0\0\x01b");
/// assert_eq!(reader.tuple()?, 2);
/// assert_eq!(reader.i64()?, 1);
/// assert_eq!(<[&str; 2]>::deserialize(Deserializer::new(&mut reader))?, ["a", "b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Deserializer<'r, 'de, S> {
    reader: &'r mut Reader<'de, S>,
    /// How many more values may be within this one.
    depth: usize,
    /// It is the key of a map, where an atom may stand for a text.
    is_key: bool,
}

impl<'r, 'de, S: Source<'de>> Deserializer<'r, 'de, S> {
    /// Reads from `reader`.
    pub const fn new(reader: &'r mut Reader<'de, S>) -> Self {
        Self::within(reader, MAX_DEPTH)
    }

    const fn within(reader: &'r mut Reader<'de, S>, depth: usize) -> Self {
        Self {
            reader,
            depth,
            is_key: false,
        }
    }

    /// How many values may be within one that is within this one.
    fn deeper(&self) -> Result<usize, Error> {
        self.depth.checked_sub(1).ok_or_else(Error::too_deep)
    }

    fn integer<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = self.reader.integer()?;
        if let Ok(value) = u64::try_from(&value) {
            visitor.visit_u64(value)
        } else if let Some(value) = value.as_i64() {
            visitor.visit_i64(value)
        } else if let Ok(value) = u128::try_from(&value) {
            visitor.visit_u128(value)
        } else {
            let value = i128::try_from(&value).map_err(|_| DecodeError::OutOfRange)?;
            visitor.visit_i128(value)
        }
    }

    fn float<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.reader.kind()? != Kind::Integer {
            return visitor.visit_f64(self.reader.float()?);
        }
        let value = self.reader.integer()?;
        let signed = i128::try_from(&value).map(|value| value as f64);
        let value = signed.or_else(|_| u128::try_from(&value).map(|value| value as f64));
        visitor.visit_f64(value.map_err(|_| DecodeError::OutOfRange)?)
    }

    /// A binary: text, if it may be.
    fn binary<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let bytes = self.reader.binary()?;
        match std::str::from_utf8(bytes) {
            Ok(text) => visitor.visit_borrowed_str(text),
            Err(_) => visitor.visit_borrowed_bytes(bytes),
        }
    }

    /// A list of characters.
    fn characters(self) -> Result<String, Error> {
        let mut text = String::new();
        let depth = self.deeper()?;
        let mut list = Elements::of_list(self.reader, depth);
        while let Some(char) = de::SeqAccess::next_element(&mut list)? {
            text.push(char);
        }
        Ok(text)
    }

    fn list<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let depth = self.deeper()?;
        Elements::of_list(self.reader, depth).visit(visitor)
    }

    fn tuple<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let depth = self.deeper()?;
        let arity = self.reader.tuple()?;
        Elements::of_tuple(self.reader, depth, arity).visit(visitor)
    }

    /// A map; a struct if it has a name.
    fn map<V: Visitor<'de>>(
        self,
        visitor: V,
        name: Option<&'static str>,
    ) -> Result<V::Value, Error> {
        let depth = self.deeper()?;
        let left = self.reader.map()?;
        let mut pairs = Pairs {
            reader: self.reader,
            depth,
            left,
            name,
            key: None,
        };
        let value = visitor.visit_map(&mut pairs)?;
        match pairs.left {
            0 => Ok(value),
            left => Err(de::Error::invalid_length(
                left,
                &"no more keys than were read",
            )),
        }
    }
}

macro_rules! forward {
    ($($method:ident)* => $to:ident) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.$to(visitor)
        }
    )* };
}

impl<'de, S: Source<'de>> de::Deserializer<'de> for Deserializer<'_, 'de, S> {
    type Error = Error;

    forward! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        => integer
    }
    forward! { deserialize_f32 deserialize_f64 => float }
    forward! { deserialize_seq => list }
    forward! { deserialize_string => deserialize_str }
    forward! { deserialize_byte_buf => deserialize_bytes }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.kind()? {
            Kind::Integer => self.integer(visitor),
            Kind::Float => self.float(visitor),
            Kind::Atom => match self.reader.atom()?.as_str() {
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                "undefined" | "nil" => visitor.visit_none(),
                name => visitor.visit_str(name),
            },
            Kind::Bits => self.binary(visitor),
            Kind::Tuple => self.tuple(visitor),
            Kind::List => self.list(visitor),
            Kind::Map => self.map(visitor, None),
            other => Err(de::Error::custom(format_args!(
                "{other} can only be read as a term"
            ))),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let atom = self.reader.atom()?;
        match atom.as_str() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => Err(de::Error::unknown_variant(other, &["true", "false"])),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.kind()? {
            Kind::Integer => visitor.visit_char(self.reader.decode()?),
            _ => self.binary(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.kind()? {
            Kind::Bits => self.binary(visitor),
            Kind::List => visitor.visit_string(self.characters()?),
            Kind::Atom if self.is_key => visitor.visit_str(self.reader.atom()?.as_str()),
            other => Err(Error::no_text(other)),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.kind()? {
            Kind::List => match self.reader.string()? {
                Some(bytes) => visitor.visit_borrowed_bytes(bytes),
                None => visitor.visit_byte_buf(self.reader.decode()?),
            },
            _ => visitor.visit_borrowed_bytes(self.reader.binary()?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.reader.undefined()? {
            visitor.visit_none()
        } else {
            let depth = self.deeper()?;
            visitor.visit_some(Self { depth, ..self })
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.tuple()? {
            0 => visitor.visit_unit(),
            arity => Err(de::Error::invalid_length(arity, &"an empty tuple")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match Tag::read(self.reader)? {
            tag if tag.as_str() == name => visitor.visit_unit(),
            tag => Err(de::Error::invalid_value(
                de::Unexpected::Str(tag.as_str()),
                &name,
            )),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            ATOM => visitor.visit_str(self.reader.atom()?.as_str()),
            TERM => visitor.visit_byte_buf(self.reader.term()?.to_bytes()?),
            _ => {
                let depth = self.deeper()?;
                visitor.visit_newtype_struct(Self { depth, ..self })
            }
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.reader.kind()? == Kind::List {
            return self.list(visitor);
        }
        let depth = self.deeper()?;
        match self.reader.tuple()? {
            arity if arity == length => {
                Elements::of_tuple(self.reader, depth, arity).visit(visitor)
            }
            arity => Err(de::Error::invalid_length(arity, &visitor)),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.map(visitor, None)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let is_field = fields.iter().any(|field| STRUCT == *field);
        self.map(visitor, (!is_field).then_some(name))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let depth = self.deeper()?;
        let elements = match self.reader.kind()? {
            Kind::Tuple => match self.reader.tuple()?.checked_sub(1) {
                None => return Err(de::Error::invalid_length(0, &"a tuple with a tag")),
                elements => elements,
            },
            _ => None,
        };
        let tag = Tag::read(self.reader)?;
        visitor.visit_enum(Variant {
            tag: variant_of(name, variants, tag.as_str()),
            reader: self.reader,
            depth,
            elements,
        })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match Tag::read(self.reader)? {
            Tag::Text(text) => visitor.visit_borrowed_str(text),
            Tag::Atom(atom) => visitor.visit_str(atom.as_str()),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.reader.skip()?;
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The name of a variant or field.
enum Tag<'de> {
    Atom(crate::Atom),
    Text(&'de str),
}

impl<'de> Tag<'de> {
    fn read<S: Source<'de>>(reader: &mut Reader<'de, S>) -> Result<Self, Error> {
        Ok(match reader.kind()? {
            Kind::Bits => Self::Text(reader.decode()?),
            _ => Self::Atom(reader.atom()?),
        })
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Atom(atom) => atom.as_str(),
            Self::Text(text) => text,
        }
    }
}

/// The elements of a list or tuple.
struct Elements<'r, 'de, S> {
    reader: &'r mut Reader<'de, S>,
    depth: usize,
    /// How many of them were read.
    index: usize,
    /// How many are to come that have been announced.
    left: usize,
    /// Those that are to come before, as bytes.
    bytes: &'de [u8],
    /// A list, or its tail, may follow.
    is_open: bool,
}

impl<'r, 'de, S: Source<'de>> Elements<'r, 'de, S> {
    const fn of_tuple(reader: &'r mut Reader<'de, S>, depth: usize, arity: usize) -> Self {
        Self {
            reader,
            depth,
            index: 0,
            left: arity,
            bytes: &[],
            is_open: false,
        }
    }

    const fn of_list(reader: &'r mut Reader<'de, S>, depth: usize) -> Self {
        Self {
            is_open: true,
            ..Self::of_tuple(reader, depth, 0)
        }
    }

    fn visit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let value = visitor.visit_seq(&mut self)?;
        if self.more()? {
            let most = self.index;
            return Err(de::Error::custom(format_args!("more than {most} elements")));
        }
        Ok(value)
    }

    /// Whether there is another element. A list ends with a string where a sender continues one with the
    /// other.
    fn more(&mut self) -> Result<bool, Error> {
        while self.left == 0 && self.bytes.is_empty() && self.is_open {
            if let Some(bytes) = self.reader.string()? {
                self.bytes = bytes;
                self.is_open = false;
            } else {
                self.left = self.reader.list()?;
                self.is_open = self.left > 0;
            }
        }
        Ok(self.left > 0 || !self.bytes.is_empty())
    }

    fn read<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let depth = self.depth;
        if let Some((&byte, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            return seed.deserialize(Deserializer::within(&mut byte_term(byte), depth));
        }
        self.left = self.left.saturating_sub(1);
        seed.deserialize(Deserializer::within(self.reader, depth))
    }
}

impl<'de, S: Source<'de>> de::SeqAccess<'de> for Elements<'_, 'de, S> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if !self.more()? {
            return Ok(None);
        }
        let index = self.index;
        self.index = index.saturating_add(1);
        self.read(seed).map(Some).map_err(|error| error.at(index))
    }
}

/// The pairs of a map.
struct Pairs<'r, 'de, S> {
    reader: &'r mut Reader<'de, S>,
    depth: usize,
    left: usize,
    /// That of the struct, unless one of its fields is [`STRUCT`].
    name: Option<&'static str>,
    /// Ahead of the key whose value comes next.
    key: Option<Reader<'de, S>>,
}

impl<'de, S: Source<'de>> Pairs<'_, 'de, S> {
    /// Whether the next pair says which struct of Elixir this is. It is read then.
    fn is_struct(&mut self, name: &str) -> Result<bool, Error> {
        let mut ahead = self.reader.clone();
        if ahead.kind()? != Kind::Atom || ahead.atom()? != STRUCT {
            return Ok(false);
        }
        if is_elixir(name) {
            let found = ahead.atom()?;
            if found != name {
                return Err(de::Error::custom(format_args!(
                    "expected the struct {name}, found {found}"
                )));
            }
        } else {
            ahead.skip()?;
        }
        *self.reader = ahead;
        Ok(true)
    }
}

impl<'de, S: Source<'de>> de::MapAccess<'de> for Pairs<'_, 'de, S> {
    type Error = Error;

    fn next_key_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        while self.left > 0 {
            self.left = self.left.saturating_sub(1);
            if let Some(name) = self.name
                && self.is_struct(name)?
            {
                continue;
            }
            self.key = Some(self.reader.clone());
            let key = Deserializer {
                reader: self.reader,
                depth: self.depth,
                is_key: true,
            };
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let value = seed.deserialize(Deserializer::within(self.reader, self.depth));
        value.map_err(|error| match &mut self.key {
            Some(key) => error.under(key),
            None => error,
        })
    }
}

/// A variant: an atom, or a tuple that begins with one.
struct Variant<'r, 't, 'de, S> {
    tag: &'t str,
    reader: &'r mut Reader<'de, S>,
    depth: usize,
    /// How many elements follow; nothing for an atom by itself.
    elements: Option<usize>,
}

impl<S> Variant<'_, '_, '_, S> {
    /// It is not a tuple of as many elements.
    fn not(&self, expected: impl fmt::Display) -> Error {
        let tag = self.tag;
        match self.elements {
            Some(elements) => de::Error::custom(format_args!(
                "expected {expected}, found a tuple of {tag} and {elements}"
            )),
            None => de::Error::custom(format_args!("expected {expected}, found the atom {tag}")),
        }
    }
}

impl<'de, S: Source<'de>> de::EnumAccess<'de> for Variant<'_, '_, 'de, S> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        let tag: StrDeserializer<'_, Error> = self.tag.into_deserializer();
        Ok((seed.deserialize(tag)?, self))
    }
}

impl<'de, S: Source<'de>> de::VariantAccess<'de> for Variant<'_, '_, 'de, S> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.elements {
            None => Ok(()),
            Some(_) => Err(self.not("an atom")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        match self.elements {
            Some(1) => seed.deserialize(Deserializer::within(self.reader, self.depth)),
            // Nothing may be in it: what has no value needs no tuple.
            None => seed.deserialize(Nothing(self)),
            Some(_) => Err(self.not("a tuple with one element after its tag")),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        match self.elements {
            Some(elements) if elements == length => {
                Elements::of_tuple(self.reader, self.depth, length).visit(visitor)
            }
            _ => Err(self.not(format_args!("a tuple with {length} elements after its tag"))),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.elements {
            Some(1) => Deserializer::within(self.reader, self.depth).map(visitor, None),
            _ => Err(self.not("a tuple with a map after its tag")),
        }
    }
}

/// What is in a variant that is an atom by itself.
struct Nothing<'r, 't, 'de, S>(Variant<'r, 't, 'de, S>);

impl<'de, S: Source<'de>> de::Deserializer<'de> for Nothing<'_, '_, 'de, S> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(self.0.not("a tuple with one element after its tag"))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
