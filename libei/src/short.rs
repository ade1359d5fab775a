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
        match length {
            0 => {}
            1 => to.write(from.read()),
            2..=3 => ends::<[u8; 2]>(from, to, length),
            4..=7 => ends::<[u8; 4]>(from, to, length),
            8..=16 => ends::<[u8; 8]>(from, to, length),
            17..=32 => ends::<[u8; 16]>(from, to, length),
            _ => ptr::copy(from, to, length),
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

/// Whether all bytes are ASCII.
#[inline(always)]
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
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
            for at in 0..length {
                bytes[at] = 0x80;
                assert!(!is_ascii(&bytes), "{at} of {length}");
                bytes[at] = 0x7f;
            }
        }
    }
}
