use std::cmp::Ordering;
use std::fmt;

use crate::{DecodeError, EncodeError, Reader, Sink, Source, Writer, tag};

/// An integer of any size.
///
/// Values that fit an `i64` are held in place; larger ones as sign and magnitude. Every value has one
/// representation, so equality and hashing are by value.
///
/// ```
/// use einode_etf::Integer;
///
/// let big = Integer::from(u64::MAX);
/// assert_eq!(big.to_string(), "18446744073709551615");
/// assert_eq!(u64::try_from(&big), Ok(u64::MAX));
/// assert!(i64::try_from(&big).is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Integer(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Small(i64),
    /// Never a value that `Small` could hold.
    Big(Box<Big>),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Big {
    negative: bool,
    /// Least significant byte first; the last one is not zero.
    magnitude: Box<[u8]>,
}

impl Integer {
    /// The integer of this sign and magnitude, least significant byte first; zeros at the end are
    /// allowed.
    pub fn from_sign_magnitude(negative: bool, magnitude: &[u8]) -> Self {
        if let Some(value) = small(negative, magnitude) {
            return Self(Repr::Small(value));
        }
        let magnitude = without_zeros(magnitude).into();
        Self(Repr::Big(Box::new(Big {
            negative,
            magnitude,
        })))
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small(value) => *value < 0,
            Repr::Big(big) => big.negative,
        }
    }

    /// The value, if it fits an `i64`.
    #[inline]
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Small(value) => Some(*value),
            Repr::Big(_) => None,
        }
    }

    /// Calls `f` with the sign and the magnitude, least significant byte first, without zeros at the
    /// end.
    pub fn with_sign_magnitude<R>(&self, f: impl FnOnce(bool, &[u8]) -> R) -> R {
        match &self.0 {
            Repr::Small(value) => f(
                *value < 0,
                without_zeros(&value.unsigned_abs().to_le_bytes()),
            ),
            Repr::Big(big) => f(big.negative, &big.magnitude),
        }
    }

    /// Compares by value with a finite float, exactly: no integer is rounded.
    pub(crate) fn compare_float(&self, float: f64) -> Ordering {
        let whole = float.trunc();
        // Powers of two up to 2^63 are exact as doubles, so the casts below are exact as well.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        let by_whole = match &self.0 {
            Repr::Small(value) if (-LIMIT..LIMIT).contains(&whole) => value.cmp(&(whole as i64)),
            Repr::Big(_) if (-LIMIT..LIMIT).contains(&whole) => self.sign(),
            _ => self.cmp(&Self::from_whole_float(whole)),
        };
        by_whole.then_with(|| 0.0_f64.total_cmp(&((float - whole) + 0.0)))
    }

    fn sign(&self) -> Ordering {
        if self.is_negative() {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }

    /// The integer of a float without fraction and of at least 2^63.
    fn from_whole_float(float: f64) -> Self {
        let bits = float.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as usize;
        let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
        // The value is mantissa * 2^shift, and shift is not negative above 2^63.
        let shift = exponent.saturating_sub(1075);
        let mut magnitude = vec![0; shift / 8];
        magnitude.extend_from_slice(&(u128::from(mantissa) << (shift % 8)).to_le_bytes());
        Self::from_sign_magnitude(float < 0.0, &magnitude)
    }

    pub(crate) fn decode_body<'a, S: Source<'a>>(
        found: u8,
        source: &mut S,
    ) -> Result<Self, DecodeError> {
        Ok(match found {
            tag::SMALL_INTEGER_EXT => Self(Repr::Small(source.array::<1>()?[0].into())),
            tag::INTEGER_EXT => Self(Repr::Small(i32::from_be_bytes(source.array()?).into())),
            _ => {
                let (negative, magnitude) = magnitude(found, source)?;
                Self::from_sign_magnitude(negative, magnitude)
            }
        })
    }
}

/// The most bytes that the magnitude of an integer may have when decoded: 2^26 bits, where a BEAM
/// gives `system_limit`.
pub const MAX_MAGNITUDE: usize = 1 << 23;

/// The sign and magnitude of SMALL_BIG_EXT and LARGE_BIG_EXT.
#[inline]
pub(crate) fn magnitude<'a, S: Source<'a>>(
    found: u8,
    source: &mut S,
) -> Result<(bool, &'a [u8]), DecodeError> {
    let (length, sign) = if found == tag::SMALL_BIG_EXT {
        let [length, sign] = source.array()?;
        (usize::from(length), sign)
    } else {
        let [a, b, c, d, sign] = source.array()?;
        (u32::from_be_bytes([a, b, c, d]) as usize, sign)
    };
    if length > MAX_MAGNITUDE {
        return Err(DecodeError::IntegerTooLarge);
    }
    Ok((sign != 0, source.take(length)?))
}

/// The value of a sign and magnitude, if it fits.
#[inline]
pub(crate) fn small(negative: bool, magnitude: &[u8]) -> Option<i64> {
    let absolute = match magnitude.try_into() {
        Ok(bytes) => u64::from_le_bytes(bytes),
        Err(_) => {
            let magnitude = without_zeros(magnitude);
            if magnitude.len() > 8 {
                return None;
            }
            magnitude
                .iter()
                .rev()
                .fold(0, |value, &byte| value << 8 | u64::from(byte))
        }
    };
    if negative {
        0_i64.checked_sub_unsigned(absolute)
    } else {
        i64::try_from(absolute).ok()
    }
}

fn without_zeros(mut magnitude: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = magnitude {
        magnitude = rest;
    }
    magnitude
}

impl<K: Sink> Writer<K> {
    /// An integer in the form that ERTS gives it: one byte, four bytes, or sign and magnitude.
    pub fn integer(&mut self, value: &Integer) -> Result<(), EncodeError> {
        match &value.0 {
            Repr::Small(value) => self.i64(*value),
            Repr::Big(big) => self.magnitude(big.negative, &big.magnitude),
        }
    }

    /// An integer; see [`Writer::integer`].
    #[inline]
    pub fn i64(&mut self, value: i64) -> Result<(), EncodeError> {
        if let Ok(byte) = u8::try_from(value) {
            self.put(&[tag::SMALL_INTEGER_EXT, byte]);
        } else if let Ok(value) = i32::try_from(value) {
            let [a, b, c, d] = value.to_be_bytes();
            self.put(&[tag::INTEGER_EXT, a, b, c, d]);
        } else {
            let bytes = value.unsigned_abs().to_le_bytes();
            self.magnitude(value < 0, without_zeros(&bytes))?;
        }
        Ok(())
    }

    /// An integer; see [`Writer::integer`].
    pub fn u64(&mut self, value: u64) -> Result<(), EncodeError> {
        match i64::try_from(value) {
            Ok(value) => self.i64(value),
            Err(_) => self.magnitude(false, &value.to_le_bytes()),
        }
    }

    fn magnitude(&mut self, negative: bool, magnitude: &[u8]) -> Result<(), EncodeError> {
        if let Ok(length) = u8::try_from(magnitude.len()) {
            self.put(&[tag::SMALL_BIG_EXT, length, negative.into()]);
        } else {
            self.tag_and_length(tag::LARGE_BIG_EXT, magnitude.len())?;
            self.put(&[negative.into()]);
        }
        self.put_run(magnitude);
        Ok(())
    }
}

impl<'a, S: Source<'a>> Reader<'a, S> {
    /// An integer of any size.
    #[inline]
    pub fn integer(&mut self) -> Result<Integer, DecodeError> {
        let found = self.tag_of(crate::Kind::Integer)?;
        Integer::decode_body(found, self.source_mut())
    }

    /// An integer; [`DecodeError::OutOfRange`] when it does not fit.
    #[inline]
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.integer()?.as_i64().ok_or(DecodeError::OutOfRange)
    }

    /// An integer; [`DecodeError::OutOfRange`] when it does not fit.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        u64::try_from(&self.integer()?).map_err(|_| DecodeError::OutOfRange)
    }
}

impl Ord for Integer {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Small(a), Repr::Small(b)) => a.cmp(b),
            (Repr::Small(_), Repr::Big(_)) => other.sign().reverse(),
            (Repr::Big(_), Repr::Small(_)) => self.sign(),
            (Repr::Big(a), Repr::Big(b)) => match (a.negative, b.negative) {
                (false, false) => a.compare_magnitude(b),
                (true, true) => b.compare_magnitude(a),
                (false, true) => Ordering::Greater,
                (true, false) => Ordering::Less,
            },
        }
    }
}

impl PartialOrd for Integer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Big {
    fn compare_magnitude(&self, other: &Self) -> Ordering {
        let lengths = self.magnitude.len().cmp(&other.magnitude.len());
        lengths.then_with(|| {
            self.magnitude
                .iter()
                .rev()
                .cmp(other.magnitude.iter().rev())
        })
    }
}

macro_rules! small {
    ($($type:ty),*) => { $(
        impl From<$type> for Integer {
            #[inline]
            fn from(value: $type) -> Self {
                Self(Repr::Small(value.into()))
            }
        }
    )* };
}

small!(i8, i16, i32, i64, u8, u16, u32);

impl From<u128> for Integer {
    fn from(value: u128) -> Self {
        Self::from_sign_magnitude(false, &value.to_le_bytes())
    }
}

impl From<i128> for Integer {
    fn from(value: i128) -> Self {
        Self::from_sign_magnitude(value < 0, &value.unsigned_abs().to_le_bytes())
    }
}

impl From<u64> for Integer {
    fn from(value: u64) -> Self {
        u128::from(value).into()
    }
}

impl From<usize> for Integer {
    fn from(value: usize) -> Self {
        (value as u128).into()
    }
}

impl From<isize> for Integer {
    fn from(value: isize) -> Self {
        (value as i128).into()
    }
}

macro_rules! narrow {
    ($($type:ty),*) => { $(
        impl TryFrom<&Integer> for $type {
            type Error = OutOfRange;

            fn try_from(value: &Integer) -> Result<Self, OutOfRange> {
                match &value.0 {
                    Repr::Small(value) => Self::try_from(*value).map_err(|_| OutOfRange),
                    Repr::Big(big) if big.magnitude.len() <= 16 => {
                        let fold = |value, &byte: &u8| value << 8 | u128::from(byte);
                        let absolute = big.magnitude.iter().rev().fold(0_u128, fold);
                        if big.negative {
                            let value = 0_i128.checked_sub_unsigned(absolute).ok_or(OutOfRange)?;
                            Self::try_from(value).map_err(|_| OutOfRange)
                        } else {
                            Self::try_from(absolute).map_err(|_| OutOfRange)
                        }
                    }
                    Repr::Big(_) => Err(OutOfRange),
                }
            }
        }
    )* };
}

narrow!(
    i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize
);

/// The integer does not fit the type asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange;

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the integer does not fit the type asked for")
    }
}

impl std::error::Error for OutOfRange {}
