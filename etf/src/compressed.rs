//! The compressed form of a stand-alone term: `131 80 u32-size zlib(term)`.
//!
//! `term_to_binary(Term, [compressed])` writes it; on a distribution link it never comes.

use std::borrow::Cow;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::{DecodeError, Encode, EncodeError, tag};

/// The most bytes that [`Term::from_bytes`](crate::Term::from_bytes) inflates a term to: 128 MiB, as
/// much as a link takes in one packet by default.
pub const MAX_INFLATED: usize = 128 << 20;

/// What room is made for at once, at least.
const CHUNK: u64 = 4096;

/// The plain form of a stand-alone term; bytes that are not of the compressed form are given back as
/// they are.
///
/// Memory is taken as the output really grows, whatever size is announced.
///
/// ```
/// use einode_etf::{Binary, compressed, from_slice};
///
/// let bytes = compressed::deflate(&Binary(vec![0; 100_000]))?;
/// assert!(bytes.len() < 200);
/// let plain = compressed::inflate(&bytes, compressed::MAX_INFLATED)?;
/// assert_eq!(from_slice::<Binary>(&plain)?.0.len(), 100_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DecodeError::BadCompression`] when the term would take more than `limit` bytes, when its size is
/// not the one announced, when the zlib stream is damaged or cut short; and
/// [`DecodeError::TrailingBytes`] when bytes follow it.
pub fn inflate(bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, DecodeError> {
    let [tag::VERSION, tag::COMPRESSED, rest @ ..] = bytes else {
        return Ok(Cow::Borrowed(bytes));
    };
    let (size, mut zlib) = rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
    let size = u64::from(u32::from_be_bytes(*size));
    if size > limit as u64 {
        return Err(DecodeError::BadCompression);
    }
    // The version byte goes before the term.
    let size = size + 1;
    let mut plain = vec![tag::VERSION];
    let mut stream = Decompress::new(true);
    loop {
        // One byte of room beyond the size shows a stream that goes on.
        plain.reserve((size + 1 - plain.len() as u64).min(CHUNK) as usize);
        let (before_in, before_out) = (stream.total_in(), plain.len());
        let status = stream
            .decompress_vec(zlib, &mut plain, FlushDecompress::None)
            .map_err(|_| DecodeError::BadCompression)?;
        let read = (stream.total_in() - before_in) as usize;
        zlib = zlib.get(read..).unwrap_or_default();
        if status == Status::StreamEnd {
            break;
        }
        let stuck = read == 0 && plain.len() == before_out;
        if stuck || plain.len() as u64 > size {
            return Err(DecodeError::BadCompression);
        }
    }
    if plain.len() as u64 != size {
        return Err(DecodeError::BadCompression);
    }
    if !zlib.is_empty() {
        return Err(DecodeError::TrailingBytes);
    }
    Ok(Cow::Owned(plain))
}

/// The stand-alone bytes of a value, compressed where that makes them fewer, as ERTS does.
///
/// # Errors
/// [`EncodeError`] when the value cannot be written, or takes more than 2^32 - 1 bytes.
pub fn deflate<T: Encode + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let plain = crate::to_vec(value)?;
    let Some((_, term)) = plain.split_first() else {
        return Ok(plain);
    };
    let size = u32::try_from(term.len()).map_err(|_| EncodeError::TooLarge)?;
    let mut bytes = Vec::with_capacity(plain.len());
    bytes.extend_from_slice(&[tag::VERSION, tag::COMPRESSED]);
    bytes.extend_from_slice(&size.to_be_bytes());
    // There is room for less than the plain form takes; what does not fit is not worth it.
    let mut stream = Compress::new(Compression::default(), true);
    match stream.compress_vec(term, &mut bytes, FlushCompress::Finish) {
        Ok(Status::StreamEnd) => Ok(bytes),
        _ => Ok(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Binary, Term, from_slice};

    fn compressed() -> Vec<u8> {
        deflate(&Binary(vec![7; 5000])).unwrap()
    }

    #[test]
    fn what_a_node_writes_is_read() {
        // term_to_binary(lists:duplicate(40, a), [compressed]) on OTP 25.
        let bytes = b"\x83P\0\0\0\xa6x\x9c\xcba``\xd0Ha`L\x1c\xcc8\x0b\0;\x06\x1f\xef";
        let term = Term::from_bytes(bytes).unwrap();
        assert_eq!(term, Term::list(vec![crate::term!(a); 40]));
        assert_eq!(
            from_slice::<Term>(&deflate(&term).unwrap()),
            Err(DecodeError::UnknownTag(80))
        );
        assert_eq!(Term::from_bytes(&deflate(&term).unwrap()), Ok(term));
    }

    #[test]
    fn what_would_grow_stays_plain() {
        assert_eq!(deflate(&1), Ok(vec![131, 97, 1]));
    }

    #[test]
    fn damage_is_refused() {
        let good = compressed();
        assert_eq!(inflate(&good, 5005).unwrap().len(), 5006);
        assert_eq!(inflate(&good, 5004), Err(DecodeError::BadCompression));
        for length in 2..good.len() {
            assert!(inflate(&good[..length], 5005).is_err(), "cut to {length}");
        }
        let mut longer = good.clone();
        longer.push(0);
        assert_eq!(inflate(&longer, 5005), Err(DecodeError::TrailingBytes));
        for size in [0, 1, 5004, 5006, u32::MAX] {
            let mut other = good.clone();
            other[2..6].copy_from_slice(&size.to_be_bytes());
            assert_eq!(
                inflate(&other, usize::MAX),
                Err(DecodeError::BadCompression)
            );
        }
        // The checksum at the end.
        let mut other = good;
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(inflate(&other, 5005), Err(DecodeError::BadCompression));
    }
}
