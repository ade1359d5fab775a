use std::fmt;
use std::sync::Arc;

use crate::limits;

/// The secret that the nodes of a cluster share.
///
/// It is never printed, neither by `Debug` nor in errors. At most 512 bytes
/// ([`limits::COOKIE`]); ERTS accepts at most 255 characters, and hashes them as Latin-1, so a
/// cookie shared with BEAM nodes is best ASCII.
///
/// The digests of the handshake are MD5 over the cookie and 32 random bits. Whoever sees one can
/// try cookies at leisure: a cookie protects a trusted network against accidents; on any other
/// network it needs TLS and enough randomness of its own.
#[derive(Clone)]
pub struct Cookie(Arc<[u8]>);

impl Cookie {
    /// Takes the bytes as they are; trimming the line of a cookie file is the caller's business.
    ///
    /// # Errors
    /// [`CookieTooLong`] beyond 512 bytes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, CookieTooLong> {
        let secret = secret.as_ref();
        if secret.len() > limits::COOKIE {
            return Err(CookieTooLong);
        }
        Ok(Self(secret.into()))
    }

    /// The secret, for those who have to pass it on.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(..)")
    }
}

/// A cookie of more than 512 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookieTooLong;

impl fmt::Display for CookieTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the cookie has more than {} bytes", limits::COOKIE)
    }
}

impl std::error::Error for CookieTooLong {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_printed() {
        let cookie = Cookie::new("MONSTER").unwrap();
        assert_eq!(format!("{cookie:?}"), "Cookie(..)");
        assert_eq!(cookie.reveal(), b"MONSTER");
    }

    #[test]
    fn has_at_most_512_bytes() {
        assert!(Cookie::new([b'x'; 512]).is_ok());
        assert_eq!(Cookie::new([b'x'; 513]).err(), Some(CookieTooLong));
    }
}
