//! Short runs of bytes: names, strings and binaries mostly are, and a call to C's library would take
//! longer than what it does.
//!
//! Both functions look at two words, of which the second ends where the run ends; in between they may
//! overlap.

use std::ptr;

/// Copies `length` bytes; the places may overlap.
///
/// # Safety
/// There are as many bytes at `from`, and room for them at `to`.
#[inline(always)]
pub(crate) unsafe fn copy(from: *const u8, to: *mut u8, length: usize) {
    // SAFETY: as the caller promised; both words are within the run.
    unsafe {
        if length > 32 {
            ptr::copy(from, to, length);
        } else if length > 16 {
            ends::<[u8; 16]>(from, to, length);
        } else if length > 8 {
            ends::<[u8; 8]>(from, to, length);
        } else if length > 3 {
            ends::<[u8; 4]>(from, to, length);
        } else if length > 1 {
            ends::<[u8; 2]>(from, to, length);
        } else if length > 0 {
            to.write(from.read());
        }
    }
}

/// Copies a run as its first and last word.
///
/// # Safety
/// As for [`copy`]; the run has at least a word, and at most two.
#[inline(always)]
unsafe fn ends<Word>(from: *const u8, to: *mut u8, length: usize) {
    let last = length - size_of::<Word>();
    // SAFETY: as the caller promised. All is read before anything is written.
    unsafe {
        let (first, second) = (
            from.cast::<Word>().read_unaligned(),
            from.add(last).cast::<Word>().read_unaligned(),
        );
        to.cast::<Word>().write_unaligned(first);
        to.add(last).cast::<Word>().write_unaligned(second);
    }
}

/// The bits of a word that ASCII does not have.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Whether all bytes are ASCII.
#[inline(always)]
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) if bytes.len() <= 16 => {
            (u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last)) & HIGH_BITS == 0
        }
        (None, None) => match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => {
                (u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & HIGH_BITS as u32 == 0
            }
            _ => bytes.iter().fold(0, |all, byte| all | byte).is_ascii(),
        },
        _ => bytes.is_ascii(),
    }
}

/// The bytes up to the first that is not ASCII, and the rest.
#[inline(always)]
pub(crate) fn split_ascii(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let high = u64::from_le_bytes(*word) & HIGH_BITS;
        if high != 0 {
            at += high.trailing_zeros() as usize / 8;
            return bytes.split_at_checked(at).unwrap_or_default();
        }
        at += word.len();
    }
    while bytes.get(at).is_some_and(u8::is_ascii) {
        at += 1;
    }
    bytes.split_at_checked(at).unwrap_or_default()
}

/// How many bytes are not ASCII.
#[inline]
pub(crate) fn count_non_ascii(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    let in_words = words
        .iter()
        .map(|&word| u64::from_ne_bytes(word) & HIGH_BITS);
    let in_rest = rest.iter().map(|&byte| u64::from(byte) & HIGH_BITS);
    in_words
        .chain(in_rest)
        .map(|high| high.count_ones() as usize)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_every_length_are_copied_even_onto_themselves() {
        for length in 0..70 {
            for shift in 0..20 {
                let mut bytes: Vec<u8> = (0..100).collect();
                let mut expected = bytes.clone();
                expected.copy_within(..length, shift);
                // SAFETY: both places are within the bytes.
                unsafe {
                    let start = bytes.as_mut_ptr();
                    copy(start, start.add(shift), length);
                }
                assert_eq!(bytes, expected, "{length} bytes by {shift}");
            }
        }
    }

    #[test]
    fn one_byte_anywhere_is_found() {
        for length in 0..40 {
            let mut bytes = vec![0x7f; length];
            assert!(is_ascii(&bytes));
            assert_eq!(split_ascii(&bytes), (&bytes[..], &[][..]));
            assert_eq!(count_non_ascii(&bytes), 0);
            for at in 0..length {
                bytes[at] = 0x80;
                assert!(!is_ascii(&bytes), "{at} of {length}");
                assert_eq!(split_ascii(&bytes), bytes.split_at(at));
                assert_eq!(count_non_ascii(&bytes), 1, "{at} of {length}");
                bytes[at] = 0x7f;
            }
        }
    }
}
