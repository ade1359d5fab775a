//! Numbers, printed and read.

use std::fmt::{self, Display, Formatter};

use super::ParseError;
use super::scan::Scanner;
use crate::term::Repr;
use crate::{Integer, MAX_MAGNITUDE, Term};

/// Integers with a magnitude of more bytes than this are printed in base 16.
///
/// To print in base 10 takes time in the square of the size, which a peer must not be able to ask
/// for. Up to here it is at most 4,299 digits; Python refuses to convert above 4,300 for the same
/// reason.
pub const MAX_DECIMAL: usize = 1785;

/// From here on, not every integer has a float, and floats are printed with an exponent.
const MAX_PLAIN_FLOAT: f64 = 9_007_199_254_740_992.0;

impl Display for Integer {
    /// In base 10; in base 16 with more than [`MAX_DECIMAL`](crate::text::MAX_DECIMAL) bytes.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(value) = self.as_i64() {
            return write!(f, "{value}");
        }
        self.with_sign_magnitude(|negative, magnitude| {
            f.write_str(if negative { "-" } else { "" })?;
            if magnitude.len() > MAX_DECIMAL {
                print_hexadecimal(magnitude, f)
            } else {
                print_decimal(magnitude, f)
            }
        })
    }
}

fn print_hexadecimal(magnitude: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    let mut bytes = magnitude.iter().rev();
    if let Some(first) = bytes.next() {
        write!(f, "16#{first:X}")?;
    }
    bytes.try_for_each(|byte| write!(f, "{byte:02X}"))
}

fn print_decimal(magnitude: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    /// The largest power of ten below 2^32.
    const STEP: u64 = 1_000_000_000;
    let mut limbs: Vec<u32> = magnitude
        .chunks(4)
        .map(|chunk| {
            chunk
                .iter()
                .rev()
                .fold(0, |limb, &byte| limb << 8 | u32::from(byte))
        })
        .collect();
    // Nine digits each, the lowest first.
    let mut groups = Vec::new();
    while !limbs.is_empty() {
        let mut rest = 0;
        for limb in limbs.iter_mut().rev() {
            let value = rest << 32 | u64::from(*limb);
            *limb = (value / STEP) as u32;
            rest = value % STEP;
        }
        groups.push(rest);
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
    }
    let mut groups = groups.iter().rev();
    write!(f, "{}", groups.next().unwrap_or(&0))?;
    groups.try_for_each(|group| write!(f, "{group:09}"))
}

/// A float as the shortest digits that read back as the same, with or without an exponent, whichever
/// is shorter.
pub(super) fn print_float(value: f64, f: &mut Formatter<'_>) -> fmt::Result {
    let (digits, exponent) = shortest(value.abs());
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (first, more) = digits.split_at_checked(1).unwrap_or_default();
    let more = if more.is_empty() { "0" } else { more };
    let scientific = format!("{first}.{more}e{exponent}");
    if value.abs() < MAX_PLAIN_FLOAT {
        let plain = match usize::try_from(exponent) {
            Err(_) => {
                let zeros = exponent.unsigned_abs() as usize - 1;
                format!("0.{}{digits}", "0".repeat(zeros))
            }
            Ok(exponent) => match digits.split_at_checked(exponent + 1) {
                Some((whole, fraction)) if !fraction.is_empty() => format!("{whole}.{fraction}"),
                _ => format!("{digits:0<0$}.0", exponent + 1),
            },
        };
        if plain.len() <= scientific.len() {
            return write!(f, "{sign}{plain}");
        }
    }
    write!(f, "{sign}{scientific}")
}

/// The shortest digits, first one before the point, and the exponent.
///
/// Where two such numbers are as near, OTP takes the even one; Rust rounds up.
fn shortest(value: f64) -> (String, i32) {
    /// No double has more decimals than this when its first digit is before the point.
    const ALL: usize = 766;
    let text = format!("{value:e}");
    let (shown, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent = exponent.parse().unwrap_or_default();
    let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
    if digits.ends_with(['1', '3', '5', '7', '9']) {
        let exact = format!("{value:.ALL$e}");
        let (exact, _) = exact.split_once('e').unwrap_or_default();
        if let Some((lower, rest)) = exact.split_at_checked(shown.len())
            && rest.trim_start_matches('.').trim_end_matches('0') == "5"
            && lower.ends_with(['0', '2', '4', '6', '8'])
            && format!("{lower}e{exponent}").parse() == Ok(value)
        {
            return (lower.replace('.', ""), exponent);
        }
    }
    (digits, exponent)
}

/// The most digits that an integer may have when it is read, but in bases that are powers of two: to
/// read the others takes time in the square of their number. All that is printed can be read.
pub const MAX_DIGITS: usize = 4300;

impl Scanner<'_> {
    /// An integer or a float, with or without a sign.
    pub(super) fn number(&mut self) -> Result<Term, ParseError> {
        let negative = self.sign();
        let start = self.position();
        let digits = self.digits(10)?;
        let is_float = self
            .ahead()
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_digit()));
        if is_float {
            let value = self.float(start, digits)?;
            Ok(Term(Repr::Float(if negative { -value } else { value })))
        } else {
            self.integer_of(negative, start, digits).map(Term::from)
        }
    }

    /// An integer, with or without a sign.
    pub(super) fn integer(&mut self) -> Result<Integer, ParseError> {
        let negative = self.sign();
        let start = self.position();
        let digits = self.digits(10)?;
        self.integer_of(negative, start, digits)
    }

    /// A float of which the digits before the point have been read.
    fn float(&mut self, start: usize, whole: String) -> Result<f64, ParseError> {
        self.eat_here(".");
        let mut text = whole + "." + &self.digits(10)?;
        if self.eat_here("e") || self.eat_here("E") {
            text.push('e');
            if self.eat_here("-") {
                text.push('-');
            } else {
                self.eat_here("+");
            }
            text.push_str(&self.digits(10)?);
        }
        let value = text.parse().ok().filter(|value: &f64| value.is_finite());
        value.ok_or_else(|| self.error_at(start, "a float within the range of a double"))
    }

    fn sign(&mut self) -> bool {
        let negative = self.eat("-");
        if negative || self.eat("+") {
            self.skip_space();
        }
        negative
    }

    /// An integer of which the first digits have been read: all, or those of the base.
    fn integer_of(
        &mut self,
        negative: bool,
        start: usize,
        digits: String,
    ) -> Result<Integer, ParseError> {
        let (base, digits) = if self.eat_here("#") {
            let base = digits.parse().ok().filter(|base| (2..=36).contains(base));
            let base = base.ok_or_else(|| self.error_at(start, "a base from 2 to 36"))?;
            (base, self.digits(base)?)
        } else {
            (10, digits)
        };
        if let Ok(value) = u128::from_str_radix(&digits, base) {
            return Ok(Integer::from_sign_magnitude(negative, &value.to_le_bytes()));
        }
        let magnitude = if base.is_power_of_two() {
            magnitude_of_bits(&digits, base)
        } else if digits.len() <= MAX_DIGITS {
            magnitude_of_digits(&digits, base)
        } else {
            return Err(self.error_at(start, "at most 4300 digits, or base 16"));
        };
        if magnitude.len() > MAX_MAGNITUDE {
            return Err(self.error_at(start, "an integer of at most 2^26 bits"));
        }
        Ok(Integer::from_sign_magnitude(negative, &magnitude))
    }

    /// Digits, without the underscores that may separate them.
    fn digits(&mut self, base: u32) -> Result<String, ParseError> {
        let is_digit = |char: char| char.is_digit(base);
        let mut digits = String::new();
        loop {
            let more = self.take_while(is_digit);
            if more.is_empty() {
                return Err(self.error_at(self.position(), "a digit"));
            }
            digits.push_str(more);
            let rest = self.ahead().strip_prefix('_');
            if !rest.is_some_and(|rest| rest.starts_with(is_digit)) {
                return Ok(digits);
            }
            self.eat_here("_");
        }
    }
}

/// The magnitude of digits that stand for a whole number of bits each.
fn magnitude_of_bits(digits: &str, base: u32) -> Vec<u8> {
    let mut magnitude = Vec::with_capacity(digits.len());
    let (mut pending, mut bits) = (0_u32, 0);
    for digit in digits.chars().rev() {
        pending |= digit.to_digit(base).unwrap_or_default() << bits;
        bits += base.trailing_zeros();
        if bits >= 8 {
            magnitude.push(pending as u8);
            pending >>= 8;
            bits -= 8;
        }
    }
    magnitude.push(pending as u8);
    while magnitude.last() == Some(&0) {
        magnitude.pop();
    }
    magnitude
}

fn magnitude_of_digits(digits: &str, base: u32) -> Vec<u8> {
    let mut limbs: Vec<u32> = Vec::new();
    for digit in digits.chars() {
        let mut carry = u64::from(digit.to_digit(base).unwrap_or_default());
        for limb in &mut limbs {
            let value = u64::from(*limb) * u64::from(base) + carry;
            *limb = value as u32;
            carry = value >> 32;
        }
        if carry > 0 {
            limbs.push(carry as u32);
        }
    }
    limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_integers_print_in_base_16() {
        let power = |bytes: usize| {
            let magnitude: Vec<u8> = (0..bytes).map(|at| u8::from(at + 1 == bytes)).collect();
            Integer::from_sign_magnitude(true, &magnitude).to_string()
        };
        // 256^1784 has 1784 * log10(256) = 4296.3 digits.
        let decimal = power(MAX_DECIMAL);
        assert_eq!(decimal.len(), 1 + 4297);
        // As 256 does, its powers end in 6.
        assert!(decimal.starts_with('-') && decimal.ends_with('6'));
        let hexadecimal = format!("-16#1{}", "00".repeat(MAX_DECIMAL));
        assert_eq!(power(MAX_DECIMAL + 1), hexadecimal);
    }
}
