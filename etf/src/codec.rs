//! Values of Rust's own types as terms.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use crate::{
    Atom, Binary, DecodeError, EncodeError, Integer, Pid, Port, Reader, Reference, Sink, Source,
    Term, Writer, tag,
};

/// A value that can be written as a term.
///
/// | Rust | Erlang |
/// |---|---|
/// | integers, [`Integer`], `char` | integer |
/// | `f64`, `f32` | float |
/// | `bool`, [`Atom`] | atom |
/// | `str`, `String`, [`Binary`] | binary |
/// | slices, arrays, `Vec` | list |
/// | tuples, `()` | tuple |
/// | `HashMap`, `BTreeMap` | map |
/// | `Option` | the value or `undefined` |
/// | [`Pid`], [`Port`], [`Reference`], [`Term`] | themselves |
pub trait Encode {
    /// Writes exactly one term.
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError>;
}

/// A value that can be read from a term; see [`Encode`] for which is which.
///
/// Borrowed values (`&str`, `&[u8]`) point into the bytes that were read.
pub trait Decode<'a>: Sized {
    /// Reads exactly one term.
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError>;
}

/// The bytes of a stand-alone term, version byte included.
///
/// ```
/// assert_eq!(einode_etf::to_vec(&(1, "a"))?, b"\x83h\x02a\x01m\0\0\0\x01a");
/// # Ok::<(), einode_etf::EncodeError>(())
/// ```
pub fn to_vec<T: Encode + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new(Vec::new());
    writer.version()?;
    value.encode(&mut writer)?;
    Ok(writer.into_inner())
}

/// The value of a stand-alone term, version byte included, with nothing after it.
///
/// ```
/// let pair: (u8, &str) = einode_etf::from_slice(b"\x83h\x02a\x01m\0\0\0\x01a")?;
/// assert_eq!(pair, (1, "a"));
/// # Ok::<(), einode_etf::DecodeError>(())
/// ```
pub fn from_slice<'a, T: Decode<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.version()?;
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// Types that a reader and a writer have a method each for.
macro_rules! direct {
    ($($type:ty: $write:ident($($by:tt)?), $read:ident;)*) => { $(
        impl Encode for $type {
            #[inline]
            fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
                writer.$write($($by)? self)
            }
        }

        impl<'a> Decode<'a> for $type {
            #[inline]
            fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
                reader.$read()
            }
        }
    )* };
}

direct! {
    i64: i64(*), i64;
    u64: u64(*), u64;
    f64: float(*), float;
    bool: bool(*), bool;
    Integer: integer(), integer;
    Atom: atom(), atom;
    Pid: pid(), pid;
    Port: port(), port;
    Reference: reference(), reference;
    Term: term(), term;
}

macro_rules! integers {
    ($($type:ty),*) => { $(
        impl Encode for $type {
            #[inline]
            fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
                writer.integer(&(*self).into())
            }
        }

        impl<'a> Decode<'a> for $type {
            #[inline]
            fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
                Self::try_from(&reader.integer()?).map_err(|_| DecodeError::OutOfRange)
            }
        }
    )* };
}

integers!(i8, i16, i32, i128, isize, u8, u16, u32, u128, usize);

impl Encode for f32 {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        writer.float((*self).into())
    }
}

impl Encode for char {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        writer.u64(u32::from(*self).into())
    }
}

impl<'a> Decode<'a> for char {
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        Self::from_u32(reader.decode()?).ok_or(DecodeError::OutOfRange)
    }
}

impl Encode for str {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        writer.binary(self.as_bytes())
    }
}

impl<'a> Decode<'a> for &'a str {
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        std::str::from_utf8(reader.binary()?).map_err(|_| DecodeError::OutOfRange)
    }
}

impl Encode for String {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        self.as_str().encode(writer)
    }
}

impl<'a> Decode<'a> for String {
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        reader.decode::<&str>().map(Into::into)
    }
}

impl Encode for Binary {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        writer.binary(&self.0)
    }
}

impl<'a> Decode<'a> for Binary {
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        reader.binary().map(|bytes| Self(bytes.into()))
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        (**self).encode(writer)
    }
}

impl<T: Encode + ?Sized> Encode for Box<T> {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        (**self).encode(writer)
    }
}

impl<T: Encode> Encode for [T] {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        if !self.is_empty() {
            writer.list(self.len())?;
            self.iter().try_for_each(|element| element.encode(writer))?;
        }
        writer.nil()
    }
}

impl<T: Encode, const N: usize> Encode for [T; N] {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        self.as_slice().encode(writer)
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        self.as_slice().encode(writer)
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Vec<T> {
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        // Grows as elements come: a count says nothing of their size in memory.
        let mut elements = Self::new();
        loop {
            // A list ends with a string where a sender continues one with the other.
            if let Some(bytes) = reader.string()? {
                for &byte in bytes {
                    elements.push(T::decode(&mut byte_term(byte))?);
                }
                return Ok(elements);
            }
            match reader.list()? {
                0 => return Ok(elements),
                length => {
                    for _ in 0..length {
                        elements.push(T::decode(reader)?);
                    }
                }
            }
        }
    }
}

/// A reader of the integer that a byte of a string stands for.
pub(crate) fn byte_term(byte: u8) -> Reader<'static> {
    static TERMS: [[u8; 2]; 256] = {
        let mut terms = [[tag::SMALL_INTEGER_EXT; 2]; 256];
        let mut left: &mut [[u8; 2]] = &mut terms;
        let mut value = 0;
        while let [[_, byte], rest @ ..] = left {
            *byte = value;
            value = value.wrapping_add(1);
            left = rest;
        }
        terms
    };
    Reader::new(
        TERMS
            .get(usize::from(byte))
            .map_or(&[], <[u8; 2]>::as_slice),
    )
}

/// `None` is the atom `undefined`; `nil`, as Elixir has it, is read as `None` too.
impl<T: Encode> Encode for Option<T> {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        const UNDEFINED: Atom = Atom::from_static("undefined");
        match self {
            Some(value) => value.encode(writer),
            None => writer.atom(&UNDEFINED),
        }
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Option<T> {
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        if reader.undefined()? {
            Ok(None)
        } else {
            T::decode(reader).map(Some)
        }
    }
}

impl<K: Encode, V: Encode> Encode for BTreeMap<K, V> {
    fn encode<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), EncodeError> {
        encode_map(self.len(), self.iter(), writer)
    }
}

impl<K: Encode, V: Encode, H> Encode for HashMap<K, V, H> {
    fn encode<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), EncodeError> {
        encode_map(self.len(), self.iter(), writer)
    }
}

fn encode_map<'m, K: Encode + 'm, V: Encode + 'm>(
    length: usize,
    pairs: impl Iterator<Item = (&'m K, &'m V)>,
    writer: &mut Writer<impl Sink>,
) -> Result<(), EncodeError> {
    writer.map(length)?;
    for (key, value) in pairs {
        key.encode(writer)?;
        value.encode(writer)?;
    }
    Ok(())
}

impl<'a, K: Decode<'a> + Ord, V: Decode<'a>> Decode<'a> for BTreeMap<K, V> {
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        (0..reader.map()?)
            .map(|_| Ok((reader.decode()?, reader.decode()?)))
            .collect()
    }
}

impl<'a, K, V, H> Decode<'a> for HashMap<K, V, H>
where
    K: Decode<'a> + Eq + Hash,
    V: Decode<'a>,
    H: BuildHasher + Default,
{
    fn decode<S: Source<'a>>(reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        (0..reader.map()?)
            .map(|_| Ok((reader.decode()?, reader.decode()?)))
            .collect()
    }
}

/// Tuples, with as many elements as the type says.
macro_rules! tuples {
    ($($arity:literal: $($name:ident)*;)*) => { $(
        impl<$($name: Encode),*> Encode for ($($name,)*) {
            #[allow(non_snake_case)]
            fn encode<Z: Sink>(&self, writer: &mut Writer<Z>) -> Result<(), EncodeError> {
                writer.tuple($arity)?;
                let ($($name,)*) = self;
                $($name.encode(writer)?;)*
                Ok(())
            }
        }

        impl<'a, $($name: Decode<'a>),*> Decode<'a> for ($($name,)*) {
            fn decode<Z: Source<'a>>(reader: &mut Reader<'a, Z>) -> Result<Self, DecodeError> {
                if reader.tuple()? != $arity {
                    return Err(DecodeError::OutOfRange);
                }
                Ok(($($name::decode(reader)?,)*))
            }
        }
    )* };
}

tuples! {
    0: ;
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
    9: A B C D E F G H I;
    10: A B C D E F G H I J;
    11: A B C D E F G H I J K;
    12: A B C D E F G H I J K L;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn same<T: Encode + for<'a> Decode<'a> + PartialEq + std::fmt::Debug>(value: T) {
        let bytes = to_vec(&value).unwrap();
        assert_eq!(from_slice::<T>(&bytes), Ok(value));
    }

    #[test]
    fn values_survive_a_round_trip() {
        same(u8::MAX);
        same(i128::MIN);
        same(u128::MAX);
        same('å');
        same(-0.0);
        same(String::from("smørrebrød"));
        same(vec![Some(1), None, Some(300)]);
        same((1, (true, Atom::from_static("x")), ()));
        same(BTreeMap::from([
            (1, "one".to_owned()),
            (2, "two".to_owned()),
        ]));
        same(HashMap::<_, _>::from([(
            Atom::from_static("k"),
            vec![0_u8; 3],
        )]));
    }

    #[test]
    fn strings_are_lists() {
        assert_eq!(from_slice(b"\x83k\0\x03\x01\x02\xff"), Ok(vec![1, 2, 255]));
        // [1 | "\x02"], as a list that a string continues.
        assert_eq!(
            from_slice(b"\x83l\0\0\0\x01a\x01k\0\x01\x02"),
            Ok(vec![1, 2])
        );
        assert_eq!(from_slice::<Vec<i64>>(b"\x83j"), Ok(vec![]));
        let improper = b"\x83l\0\0\0\x01a\x01a\x02";
        let found = tag::SMALL_INTEGER_EXT;
        assert_eq!(
            from_slice::<Vec<i64>>(improper),
            Err(DecodeError::Expected {
                expected: Kind::List,
                found
            })
        );
    }
}
