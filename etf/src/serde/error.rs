use std::fmt;

use crate::{DecodeError, EncodeError, Kind, Reader, Source};

/// Why a value cannot be written as a term, or a term not be read as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    /// Where in the term, from the outermost container on.
    path: String,
    cause: Cause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    Decode(DecodeError),
    Encode(EncodeError),
    /// Some text was asked for, in whatever form.
    NoText(Kind),
    TooDeep,
    /// What a type says.
    Other(String),
}

impl Error {
    /// Where in the term it is, as in `orders[3].price`; empty for the term as a whole.
    ///
    /// Elements are counted from 0. Keys of maps that are no names are given as terms.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    pub(super) fn too_deep() -> Self {
        Self::of(Cause::TooDeep)
    }

    pub(super) fn no_text(found: Kind) -> Self {
        Self::of(Cause::NoText(found))
    }

    fn of(cause: Cause) -> Self {
        let path = String::new();
        Self(Box::new(Inner { path, cause }))
    }

    /// It came up in this element.
    pub(super) fn at(self, index: usize) -> Self {
        self.within(&format!("[{index}]"))
    }

    /// It came up in the value of the key that is ahead of `key`.
    pub(super) fn under<'a, S: Source<'a>>(self, key: &mut Reader<'a, S>) -> Self {
        /// Longer keys would hide the rest.
        const LONGEST: usize = 64;
        let Ok(key) = key.term() else {
            return self;
        };
        match key.as_atom().map(|name| name.as_str()).or(key.as_str()) {
            Some(name) if name.len() <= LONGEST => self.within(name),
            _ => {
                let text = key.to_string();
                match text.char_indices().nth(LONGEST) {
                    Some((end, _)) => {
                        self.within(&format!("[{}…]", text.get(..end).unwrap_or_default()))
                    }
                    None => self.within(&format!("[{text}]")),
                }
            }
        }
    }

    fn within(mut self, outer: &str) -> Self {
        let path = &mut self.0.path;
        if !path.is_empty() && !path.starts_with('[') {
            path.insert(0, '.');
        }
        path.insert_str(0, outer);
        self
    }

    /// What is left of it where an error holds no text.
    pub(super) fn into_decode_error(self) -> DecodeError {
        match self.0.cause {
            // What does not depend on the type that was asked for.
            Cause::Decode(error) if !matches!(error, DecodeError::Expected { .. }) => error,
            _ => DecodeError::Refused,
        }
    }

    pub(super) fn into_encode_error(self) -> EncodeError {
        match self.0.cause {
            Cause::Encode(error) => error,
            _ => EncodeError::Refused,
        }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::of(Cause::Decode(error))
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        Self::of(Cause::Encode(error))
    }
}

impl ::serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(Cause::Other(message.to_string()))
    }
}

impl ::serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(Cause::Other(message.to_string()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { path, cause } = &*self.0;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        match cause {
            Cause::Decode(DecodeError::Expected { expected, found }) => {
                match Kind::of_tag(*found) {
                    Some(found) => write!(f, "expected {expected}, found {found}"),
                    None => write!(f, "expected {expected}, found tag {found}"),
                }
            }
            Cause::Decode(error) => error.fmt(f),
            Cause::Encode(error) => error.fmt(f),
            Cause::NoText(found) => write!(f, "expected text, found {found}"),
            Cause::TooDeep => write!(f, "more than {} values within each other", super::MAX_DEPTH),
            Cause::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.cause {
            Cause::Decode(error) => Some(error),
            Cause::Encode(error) => Some(error),
            _ => None,
        }
    }
}
