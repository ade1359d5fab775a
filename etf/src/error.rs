use std::fmt;

use crate::Kind;

/// Why bytes are not a term, or not the term that was asked for.
///
/// The bytes came from somewhere else, so the culprit is always their writer, except for
/// [`DecodeError::Expected`], [`DecodeError::OutOfRange`] and [`DecodeError::Refused`]: there the
/// term is sound and only differs from what the caller asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before the term does, or a length says more than there is.
    Truncated,
    /// The term is whole but bytes follow it.
    TrailingBytes,
    /// Where [`tag::VERSION`](crate::tag::VERSION) was due, this byte came.
    NoVersion(u8),
    /// No term starts with this tag, or it is private to the node that wrote it.
    UnknownTag(u8),
    /// A term of another kind was asked for.
    Expected {
        /// What the caller asked for.
        expected: Kind,
        /// The tag byte that came.
        found: u8,
    },
    /// The term is of the kind asked for, but its value does not fit the type asked for.
    OutOfRange,
    /// The type asked for does not take this term. Where it is one of serde, that crate's error says
    /// why, and is found in the place of this one by asking for `Result<Serde<T>, serde::Error>`.
    Refused,
    /// An atom is longer than 255 code points, or its text is not valid UTF-8.
    BadAtom,
    /// A float is infinite, not a number, or not readable.
    BadFloat,
    /// The number of bits in the last byte of a bit string is not from 1 to 8.
    BadBits(u8),
    /// A reference has no words, or more than five.
    BadReference(u16),
    /// A tuple has more than 2^24 - 1 elements, the most that a BEAM allows.
    BadArity(u32),
    /// An integer has a magnitude of more than [`MAX_MAGNITUDE`](crate::MAX_MAGNITUDE) bytes.
    IntegerTooLarge,
    /// Two keys of a map are the same.
    DuplicateKey,
    /// An atom cache reference names a slot that the distribution header does not fill.
    NoSuchAtom(u8),
    /// The compressed form is damaged, or is larger inflated than allowed.
    BadCompression,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated => f.write_str("the term goes on past the end of the bytes"),
            Self::TrailingBytes => f.write_str("bytes follow the end of the term"),
            Self::NoVersion(byte) => write!(f, "expected version byte 131, found {byte}"),
            Self::UnknownTag(tag) => write!(f, "no term starts with tag {tag}"),
            Self::Expected { expected, found } => {
                write!(f, "expected {expected}, found a term with tag {found}")
            }
            Self::OutOfRange => f.write_str("the value does not fit the type asked for"),
            Self::Refused => f.write_str("the term is not of the type asked for"),
            Self::BadAtom => f.write_str("an atom of over 255 characters or of invalid UTF-8"),
            Self::BadFloat => f.write_str("a float that is not a finite number"),
            Self::BadBits(bits) => write!(f, "a bit string whose last byte has {bits} bits"),
            Self::BadReference(words) => write!(f, "a reference of {words} words"),
            Self::BadArity(arity) => write!(f, "a tuple of {arity} elements"),
            Self::IntegerTooLarge => f.write_str("an integer of more than 2^26 bits"),
            Self::DuplicateKey => f.write_str("a map with the same key twice"),
            Self::NoSuchAtom(index) => write!(f, "no atom {index} in the distribution header"),
            Self::BadCompression => f.write_str("a compressed term that is damaged or too large"),
        }
    }
}

impl From<DecodeError> for std::io::Error {
    fn from(error: DecodeError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

impl std::error::Error for DecodeError {}

/// Why a value cannot be written as a term. The culprit is always the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// Infinity and NaN are not Erlang terms.
    NotFinite,
    /// A binary, list, tuple or map is larger than the format can say.
    TooLarge,
    /// The length that a sequence announced is not the number of elements that it gave.
    WrongLength,
    /// The type of the value does not want it to be written, or a name in it is too long for an atom.
    Refused,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFinite => "infinity and NaN are not Erlang terms",
            Self::TooLarge => "the value is larger than the external term format allows",
            Self::Refused => "the value cannot be written as a term",
            Self::WrongLength => "a sequence did not have the length that it announced",
        })
    }
}

impl std::error::Error for EncodeError {}
