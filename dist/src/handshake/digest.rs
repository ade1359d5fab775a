use std::fmt;

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq;

use crate::cookie::Cookie;

/// A proof that its sender knows the cookie: MD5 over the cookie and the challenge as decimal
/// text.
///
/// Not printed by `Debug`, for cookies can be guessed from it.
#[derive(Clone, Copy)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The answer to a challenge.
    pub fn new(cookie: &Cookie, challenge: u32) -> Self {
        let mut md5 = Md5::new();
        md5.update(cookie.reveal());
        md5.update(challenge.to_string());
        Self(md5.finalize().into())
    }

    /// The bytes as they go on the wire.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for Digest {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// Takes the same time whatever the digests are.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf secret42 | md5sum`, `printf secret4294967295 | md5sum`, `printf 0 | md5sum`.
    #[test]
    fn is_md5_of_cookie_and_decimal_challenge() {
        for (cookie, challenge, digest) in [
            ("secret", 42, MD5_SECRET42),
            ("secret", u32::MAX, MD5_SECRET_MAX),
            ("", 0, 0xcfcd208495d565ef66e7dff9f98764da),
        ] {
            let cookie = Cookie::new(cookie).unwrap();
            assert_eq!(
                *Digest::new(&cookie, challenge).as_bytes(),
                u128::to_be_bytes(digest)
            );
        }
    }

    const MD5_SECRET42: u128 = 0x5ce06e46867de8252365147b667f1c20;
    const MD5_SECRET_MAX: u128 = 0x5dfd181e69aa587cc812eb333e6536b6;

    #[test]
    fn is_never_printed() {
        assert_eq!(format!("{:?}", Digest::from([7; 16])), "Digest(..)");
    }
}
