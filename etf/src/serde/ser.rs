use ::serde::Serialize;
use ::serde::ser;

use super::Error;
use super::types::{ATOM, STRUCT, TERM, is_elixir, tag_of};
use crate::{Atom, EncodeError, Sink, Writer, tag};

/// Writes one value as a term; see [the module](super) for what becomes what.
///
/// ```
/// use einode_etf::Writer;
/// use einode_etf::serde::Serializer;
/// use serde::Serialize;
///
/// let mut writer = Writer::new(Vec::new());
/// writer.tuple(2)?;
/// writer.i64(1)?;
/// ["a", "b"].serialize(Serializer::new(&mut writer))?;
/// assert_eq!(writer.into_inner(), b"h\x02a\x01h\x02m\0\0\0\x01am\0\0\0\x01b");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Serializer<'w, K> {
    writer: &'w mut Writer<K>,
    form: Form,
}

/// What the next text or bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    /// The name of an atom.
    Atom,
    /// A stand-alone term.
    Term,
}

impl<'w, K: Sink> Serializer<'w, K> {
    /// Writes to `writer`.
    pub const fn new(writer: &'w mut Writer<K>) -> Self {
        let form = Form::Plain;
        Self { writer, form }
    }

    fn atom(self, name: &str) -> Result<(), Error> {
        let atom = Atom::new(name).map_err(<Error as ser::Error>::custom)?;
        Ok(self.writer.atom(&atom)?)
    }

    /// `{Tag, …}` with so many elements after the tag.
    fn tagged(self, tag: &str, elements: usize) -> Result<SerializeFields<'w, K>, Error> {
        self.writer.tuple(elements.saturating_add(1))?;
        Serializer::new(&mut *self.writer).atom(tag)?;
        Ok(SerializeFields::new(self.writer, elements))
    }
}

macro_rules! numbers {
    ($($method:ident($type:ty) as $write:ident;)*) => { $(
        #[inline]
        fn $method(self, value: $type) -> Result<(), Error> {
            Ok(self.writer.$write(value.into())?)
        }
    )* };
}

impl<'w, K: Sink> ser::Serializer for Serializer<'w, K> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = SerializeList<'w, K>;
    type SerializeTuple = SerializeFields<'w, K>;
    type SerializeTupleStruct = SerializeFields<'w, K>;
    type SerializeTupleVariant = SerializeFields<'w, K>;
    type SerializeMap = SerializeMap<'w, K>;
    type SerializeStruct = SerializeFields<'w, K>;
    type SerializeStructVariant = SerializeFields<'w, K>;

    numbers! {
        serialize_i8(i8) as i64;
        serialize_i16(i16) as i64;
        serialize_i32(i32) as i64;
        serialize_i64(i64) as i64;
        serialize_u8(u8) as i64;
        serialize_u16(u16) as i64;
        serialize_u32(u32) as i64;
        serialize_u64(u64) as u64;
        serialize_f32(f32) as float;
        serialize_f64(f64) as float;
        serialize_bool(bool) as bool;
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        Ok(self.writer.integer(&value.into())?)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        Ok(self.writer.integer(&value.into())?)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        Ok(self.writer.encode(&value)?)
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        match self.form {
            Form::Atom => self.atom(text),
            _ => Ok(self.writer.binary(text.as_bytes())?),
        }
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        match (self.form, bytes) {
            (Form::Term, [tag::VERSION, term @ ..]) => self.writer.put_run(term),
            _ => self.writer.binary(bytes)?,
        }
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.atom("undefined")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(self.writer.tuple(0)?)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Error> {
        self.atom(name)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.atom(tag_of(name, variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let form = match name {
            ATOM => Form::Atom,
            TERM => Form::Term,
            _ => Form::Plain,
        };
        let writer = self.writer;
        value.serialize(Self { writer, form })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut fields = self.tagged(tag_of(name, variant), 1)?;
        fields.element(value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<SerializeList<'w, K>, Error> {
        if let Some(length @ 1..) = length {
            self.writer.list(length)?;
        }
        let writer = self.writer;
        let left = length;
        Ok(SerializeList { writer, left })
    }

    fn serialize_tuple(self, length: usize) -> Result<SerializeFields<'w, K>, Error> {
        self.writer.tuple(length)?;
        Ok(SerializeFields::new(self.writer, length))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        length: usize,
    ) -> Result<SerializeFields<'w, K>, Error> {
        self.serialize_tuple(length)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<SerializeFields<'w, K>, Error> {
        self.tagged(tag_of(name, variant), length)
    }

    fn serialize_map(self, pairs: Option<usize>) -> Result<SerializeMap<'w, K>, Error> {
        let writer = self.writer;
        let ahead = match pairs {
            Some(pairs) => {
                writer.map(pairs)?;
                Ahead::Left(pairs)
            }
            None => Ahead::Unknown(Writer::new(Vec::new()), 0),
        };
        Ok(SerializeMap { writer, ahead })
    }

    fn serialize_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<SerializeFields<'w, K>, Error> {
        let is_elixir = is_elixir(name);
        self.writer.map(length.saturating_add(is_elixir.into()))?;
        if is_elixir {
            self.writer.atom(&STRUCT)?;
            Serializer::new(&mut *self.writer).atom(name)?;
        }
        Ok(SerializeFields::new(self.writer, length))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<SerializeFields<'w, K>, Error> {
        let SerializeFields { writer, .. } = self.tagged(tag_of(name, variant), 1)?;
        writer.map(length)?;
        Ok(SerializeFields::new(writer, length))
    }

    /// Terms are for programs: an address of the Internet is a tuple, as `inet` has it, and no text.
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The elements of a tuple or the pairs of a struct: as many as were announced.
#[derive(Debug)]
pub struct SerializeFields<'w, K> {
    writer: &'w mut Writer<K>,
    left: usize,
}

impl<'w, K: Sink> SerializeFields<'w, K> {
    const fn new(writer: &'w mut Writer<K>, left: usize) -> Self {
        Self { writer, left }
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.left = self.left.checked_sub(1).ok_or(EncodeError::WrongLength)?;
        value.serialize(Serializer::new(self.writer))
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        Serializer::new(self.writer).atom(name)?;
        self.element(value)
    }

    const fn finish(self) -> Result<(), EncodeError> {
        match self.left {
            0 => Ok(()),
            _ => Err(EncodeError::WrongLength),
        }
    }
}

macro_rules! fields {
    ($($trait:ident: $method:ident($($name:ident)?) as $write:ident;)*) => { $(
        impl<K: Sink> ser::$trait for SerializeFields<'_, K> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                value: &T,
            ) -> Result<(), Error> {
                self.$write($($name,)? value)
            }

            fn end(self) -> Result<(), Error> {
                Ok(self.finish()?)
            }
        }
    )* };
}

fields! {
    SerializeTuple: serialize_element() as element;
    SerializeTupleStruct: serialize_field() as element;
    SerializeTupleVariant: serialize_field() as element;
    SerializeStruct: serialize_field(name) as field;
    SerializeStructVariant: serialize_field(name) as field;
}

/// The elements of a list.
#[derive(Debug)]
pub struct SerializeList<'w, K> {
    writer: &'w mut Writer<K>,
    /// How many are to come, if that was announced.
    left: Option<usize>,
}

impl<K: Sink> ser::SerializeSeq for SerializeList<'_, K> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        match &mut self.left {
            Some(left) => *left = left.checked_sub(1).ok_or(EncodeError::WrongLength)?,
            // A list of one element, whose tail is the rest: the same list.
            None => self.writer.list(1)?,
        }
        value.serialize(Serializer::new(self.writer))
    }

    fn end(self) -> Result<(), Error> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(EncodeError::WrongLength.into());
        }
        Ok(self.writer.nil()?)
    }
}

/// The pairs of a map.
#[derive(Debug)]
pub struct SerializeMap<'w, K> {
    writer: &'w mut Writer<K>,
    ahead: Ahead,
}

#[derive(Debug)]
enum Ahead {
    /// So many pairs were announced and are to come.
    Left(usize),
    /// How many there are stands before them, so they are kept until that is known.
    Unknown(Writer<Vec<u8>>, usize),
}

impl<K: Sink> ser::SerializeMap for SerializeMap<'_, K> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        match &mut self.ahead {
            Ahead::Left(left) => {
                *left = left.checked_sub(1).ok_or(EncodeError::WrongLength)?;
                key.serialize(Serializer::new(self.writer))
            }
            Ahead::Unknown(kept, count) => {
                *count = count.saturating_add(1);
                key.serialize(Serializer::new(kept))
            }
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        match &mut self.ahead {
            Ahead::Left(_) => value.serialize(Serializer::new(self.writer)),
            Ahead::Unknown(kept, _) => value.serialize(Serializer::new(kept)),
        }
    }

    fn end(self) -> Result<(), Error> {
        match self.ahead {
            Ahead::Left(0) => {}
            Ahead::Left(_) => return Err(EncodeError::WrongLength.into()),
            Ahead::Unknown(kept, count) => {
                self.writer.map(count)?;
                self.writer.put_run(&kept.into_inner());
            }
        }
        Ok(())
    }
}
