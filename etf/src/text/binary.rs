//! Binaries and bit strings, read.

use super::ParseError;
use super::scan::Scanner;
use crate::{BitStr, Integer, Term};

/// The most bits that one segment of a binary may say to have, so that a few characters of text
/// cannot ask for megabytes.
pub const MAX_SEGMENT_BITS: u16 = 1024;

impl Scanner<'_> {
    /// A binary of literals, after its `<<`: integers and strings, with sizes or as UTF-8. Integers
    /// lose the bits that do not fit, as in Erlang.
    pub(super) fn binary(&mut self) -> Result<Term, ParseError> {
        let mut bits = Built::default();
        if self.eat(">>") {
            return Ok(Term::binary(&[]));
        }
        loop {
            self.segment(&mut bits)?;
            if !self.eat(",") {
                self.need(">>", "`,` or `>>`")?;
                return Ok(bits.into_term());
            }
        }
    }

    fn segment(&mut self, bits: &mut Built) -> Result<(), ParseError> {
        let first = self.skip_space();
        let start = self.position();
        let values: Vec<Integer> = match first {
            Some('"') => {
                let text = self.string()?;
                text.chars().map(|char| u32::from(char).into()).collect()
            }
            Some('$') => {
                self.next_char();
                vec![u32::from(self.char()?).into()]
            }
            Some('0'..='9' | '+' | '-') => vec![self.integer()?],
            _ => return Err(self.error_at(start, "an integer or a string")),
        };
        if self.eat("/") {
            self.need("utf8", "utf8")?;
            for value in &values {
                let char = u32::try_from(value).ok().and_then(char::from_u32);
                let char = char.ok_or_else(|| self.error_at(start, "a character"))?;
                let mut bytes = [0; 4];
                for byte in char.encode_utf8(&mut bytes).bytes() {
                    bits.push(&byte.into(), 8);
                }
            }
            return Ok(());
        }
        let size = if self.eat(":") {
            self.skip_space();
            let size_at = self.position();
            let size = u16::try_from(&self.integer()?).ok();
            size.filter(|&size| size <= MAX_SEGMENT_BITS)
                .ok_or_else(|| self.error_at(size_at, "a size of 0 to 1024 bits"))?
        } else {
            8
        };
        values.iter().for_each(|value| bits.push(value, size));
        Ok(())
    }
}

/// Bits one after the other.
struct Built {
    bytes: Vec<u8>,
    /// How many bits of the last byte are used; 8 when there is none.
    last_bits: u8,
}

impl Default for Built {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            last_bits: 8,
        }
    }
}

impl Built {
    /// Appends the lowest bits of an integer in two's complement, the most significant first.
    fn push(&mut self, value: &Integer, size: u16) {
        value.with_sign_magnitude(|negative, magnitude| {
            let lowest = magnitude.iter().position(|&byte| byte != 0).map(|at| {
                let byte = magnitude.get(at).copied().unwrap_or_default();
                at * 8 + byte.trailing_zeros() as usize
            });
            for bit in (0..usize::from(size)).rev() {
                let byte = magnitude.get(bit / 8).copied().unwrap_or_default();
                // To negate is to flip the bits above the lowest that is set.
                let flip = negative && lowest.is_some_and(|lowest| bit > lowest);
                self.push_bit((byte >> (bit % 8) & 1 == 1) != flip);
            }
        });
    }

    fn push_bit(&mut self, bit: bool) {
        if self.last_bits == 8 {
            self.bytes.push(0);
            self.last_bits = 0;
        }
        self.last_bits += 1;
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (8 - self.last_bits);
        }
    }

    fn into_term(self) -> Term {
        match BitStr::new(&self.bytes, self.last_bits) {
            Ok(bits) => Term::bits(bits),
            // There are 1 to 8 bits in the last byte, if there is one.
            Err(_) => Term::binary(&[]),
        }
    }
}
