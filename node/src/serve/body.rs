use std::fmt;

use einode_dist::Payload;
use einode_etf::{Decode, DecodeError, Reader, Term};

/// What a request or a message asks for: the part of it that is for the server, not decoded yet.
#[derive(Clone)]
pub struct Body {
    message: Payload,
    /// Reads what comes before it.
    skip: fn(&mut Reader<'_>) -> Result<(), DecodeError>,
}

impl Body {
    pub(crate) fn new(
        message: Payload,
        skip: fn(&mut Reader<'_>) -> Result<(), DecodeError>,
    ) -> Self {
        Self { message, skip }
    }

    /// A value, which may borrow from this.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed, or a term of another type.
    pub fn decode<'a, T: Decode<'a>>(&'a self) -> Result<T, DecodeError> {
        T::decode(&mut self.reader()?)
    }

    /// The term.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed.
    pub fn term(&self) -> Result<Term, DecodeError> {
        self.decode()
    }

    pub(crate) fn reader(&self) -> Result<Reader<'_>, DecodeError> {
        let mut reader = self.message.reader();
        (self.skip)(&mut reader)?;
        Ok(reader)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.term() {
            Ok(term) => term.fmt(f),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}
