use std::io::{self, Write};

use super::identity::{print_fun, print_id};
use super::read::{count, name, name_in_latin1, u8, u16, u32, until_nul};
use crate::{DecodeError, Source, tag};

/// Prints the term that a source has next, without its version byte, as `ei_print_term` does, and moves
/// past it.
///
/// Atoms are in Latin-1, floats have six decimals, integers of more than eight bytes are in base 16, of
/// binaries at most 30 bytes are shown, and control characters in strings are escaped.
///
/// ```
/// use einode_etf::{Slice, text};
///
/// let mut out = Vec::new();
/// text::ei::print(&mut Slice::new(b"h\x02d\0\x02okj"), &mut out)?;
/// assert_eq!(out, b"{ok, []}");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when the bytes are no term, or one with an atom that Latin-1 has not all
/// characters of; what comes before is printed. And whatever `out` says.
pub fn print<'a, S: Source<'a>>(source: &mut S, out: &mut dyn Write) -> io::Result<()> {
    let mut outer: Vec<Open<S>> = Vec::new();
    loop {
        if let Some(open) = begin(source, out)? {
            outer.push(open);
        }
        while let Some(open) = outer.last_mut() {
            if open.goes_on(source, out)? {
                break;
            }
            outer.pop();
        }
        if outer.is_empty() {
            return Ok(());
        }
    }
}

/// A container of which some elements are still to be printed.
struct Open<S> {
    shape: Shape<S>,
    left: u32,
    /// Whether an element was printed.
    begun: bool,
}

enum Shape<S> {
    Tuple,
    List,
    /// A list whose tail is being printed.
    Tail,
    /// The next term is a key.
    Map,
    /// The next term is a value.
    Pair,
    /// With the names of the fields whose values are still to be printed.
    Record(S),
}

impl<'a, S: Source<'a>> Open<S> {
    /// Prints what comes before the next element, or the end; whether there is an element.
    fn goes_on(&mut self, source: &mut S, out: &mut dyn Write) -> io::Result<bool> {
        if matches!(self.shape, Shape::Pair) {
            out.write_all(b" => ")?;
            self.shape = Shape::Map;
            return Ok(true);
        }
        if self.left == 0 {
            return self.end(source, out);
        }
        self.left -= 1;
        if std::mem::replace(&mut self.begun, true) {
            out.write_all(b", ")?;
        }
        match &mut self.shape {
            Shape::Map => self.shape = Shape::Pair,
            Shape::Record(fields) => {
                print_atom(fields, out)?;
                out.write_all(b" = ")?;
            }
            _ => {}
        }
        Ok(true)
    }

    fn end(&mut self, source: &mut S, out: &mut dyn Write) -> io::Result<bool> {
        match self.shape {
            Shape::List if source.peek()? != tag::NIL_EXT => {
                out.write_all(b" | ")?;
                self.shape = Shape::Tail;
                return Ok(true);
            }
            Shape::List => {
                source.take(1)?;
                out.write_all(b"]")?;
            }
            Shape::Tail => out.write_all(b"]")?,
            _ => out.write_all(b"}")?,
        }
        Ok(false)
    }
}

/// Prints a term, or the start of a container.
fn begin<'a, S: Source<'a>>(source: &mut S, out: &mut dyn Write) -> io::Result<Option<Open<S>>> {
    let mut ahead = source.clone();
    let found = u8(&mut ahead)?;
    let (start, shape, left): (&[u8], _, _) = match found {
        tag::SMALL_TUPLE_EXT => (b"{", Shape::Tuple, u8(&mut ahead)?.into()),
        tag::LARGE_TUPLE_EXT => (b"{", Shape::Tuple, u32(&mut ahead)?),
        tag::LIST_EXT => (b"[", Shape::List, u32(&mut ahead)?),
        tag::MAP_EXT => (b"#{", Shape::Map, u32(&mut ahead)?),
        tag::RECORD_EXT => {
            let left = u32(&mut ahead)?;
            u8(&mut ahead)?;
            out.write_all(b"#")?;
            print_atom(&mut ahead, out)?;
            out.write_all(b":")?;
            print_atom(&mut ahead, out)?;
            let fields = ahead.clone();
            for _ in 0..left {
                name(&mut ahead)?;
            }
            (b"{", Shape::Record(fields), left)
        }
        _ => return leaf(found, source, out).map(|()| None),
    };
    out.write_all(start)?;
    *source = ahead;
    Ok(Some(Open {
        shape,
        left,
        begun: false,
    }))
}

fn leaf<'a, S: Source<'a>>(found: u8, source: &mut S, out: &mut dyn Write) -> io::Result<()> {
    match found {
        tag::SMALL_INTEGER_EXT | tag::INTEGER_EXT | tag::SMALL_BIG_EXT | tag::LARGE_BIG_EXT => {
            print_integer(source, out)
        }
        tag::NEW_FLOAT_EXT | tag::FLOAT_EXT => print_float(float(source)?, out),
        tag::NIL_EXT => {
            source.take(1)?;
            out.write_all(b"[]")
        }
        tag::STRING_EXT => {
            source.take(1)?;
            let length = u16(source)?;
            print_string(source.take(length.into())?, out)
        }
        tag::BINARY_EXT | tag::BIT_BINARY_EXT => {
            let (bytes, bits) = bits(source)?;
            print_bits(found, bytes, bits, out)
        }
        tag::PID_EXT
        | tag::NEW_PID_EXT
        | tag::PORT_EXT
        | tag::NEW_PORT_EXT
        | tag::V4_PORT_EXT
        | tag::REFERENCE_EXT
        | tag::NEW_REFERENCE_EXT
        | tag::NEWER_REFERENCE_EXT => print_id(source, out),
        tag::EXPORT_EXT | tag::NEW_FUN_EXT | tag::FUN_EXT => print_fun(source, out),
        _ => print_atom(source, out),
    }
}

/// An atom in Latin-1, in quotes unless it needs none. Reserved words get none, and quotes within are
/// as they are.
fn print_atom<'a, S: Source<'a>>(source: &mut S, out: &mut dyn Write) -> io::Result<()> {
    let name = name_in_latin1(source)?;
    let is_plain = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@');
    if name.first().is_some_and(u8::is_ascii_lowercase) && name.iter().all(is_plain) {
        return out.write_all(&name);
    }
    out.write_all(b"'")?;
    out.write_all(&name)?;
    out.write_all(b"'")
}

/// Decimal up to eight bytes, hexadecimal above.
fn print_integer<'a, S: Source<'a>>(source: &mut S, out: &mut dyn Write) -> io::Result<()> {
    let found = u8(source)?;
    let length = match found {
        tag::SMALL_INTEGER_EXT => return write!(out, "{}", u8(source)?),
        tag::INTEGER_EXT => return write!(out, "{}", i32::from_be_bytes(source.array()?)),
        tag::SMALL_BIG_EXT => u8(source)?.into(),
        _ => count(source)?,
    };
    let sign = if u8(source)? == 0 { "" } else { "-" };
    let mut digits = source.take(length)?;
    if length <= 8 {
        let magnitude = digits.iter().rev();
        let magnitude = magnitude.fold(0, |high, &low| high << 8 | u64::from(low));
        return write!(out, "{sign}{magnitude}");
    }
    while let [rest @ .., 0] = digits {
        digits = rest;
    }
    let mut digits = digits.iter().rev();
    write!(out, "{sign}16#{:X}", digits.next().unwrap_or(&0))?;
    digits.try_for_each(|digit| write!(out, "{digit:02X}"))
}

fn float<'a, S: Source<'a>>(source: &mut S) -> Result<f64, DecodeError> {
    if u8(source)? == tag::NEW_FLOAT_EXT {
        return Ok(f64::from_be_bytes(source.array()?));
    }
    // The number that it starts with.
    let text: [u8; 31] = source.array()?;
    let text = until_nul(&text).trim_ascii_start();
    let starts = (1..=text.len()).rev().filter_map(|end| text.get(..end));
    let mut numbers = starts.filter_map(|start| str::from_utf8(start).ok()?.parse().ok());
    numbers.next().ok_or(DecodeError::BadFloat)
}

/// With six decimals, as C's library prints it.
fn print_float(value: f64, out: &mut dyn Write) -> io::Result<()> {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_finite() {
        write!(out, "{sign}{:.6}", value.abs())
    } else {
        let what = if value.is_nan() { "nan" } else { "inf" };
        write!(out, "{sign}{what}")
    }
}

fn print_string(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"\"")?;
    for &byte in bytes {
        match byte {
            b'\x08' => out.write_all(b"\\b")?,
            b'\t' => out.write_all(b"\\t")?,
            b'\n' => out.write_all(b"\\n")?,
            b'\x0b' => out.write_all(b"\\v")?,
            b'\x0c' => out.write_all(b"\\f")?,
            b'\r' => out.write_all(b"\\r")?,
            b' '..=0x7f => out.write_all(&[byte])?,
            // As a `char` that is signed.
            _ => write!(out, "\\x{:x}", i32::from(byte as i8))?,
        }
    }
    out.write_all(b"\"")
}

/// The bytes of a bit string, and how many bits of them count.
fn bits<'a, S: Source<'a>>(source: &mut S) -> Result<(&'a [u8], usize), DecodeError> {
    let found = u8(source)?;
    let length = count(source)?;
    let unused = match found {
        tag::BINARY_EXT => 0,
        _ => match u8(source)? {
            // No bits are fine where there is no byte to have them.
            0 if length == 0 => 0,
            bits @ 1..=8 if length > 0 => 8 - usize::from(bits),
            bits => return Err(DecodeError::BadBits(bits)),
        },
    };
    Ok((source.take(length)?, 8 * length - unused))
}

/// The most bytes of a binary that are printed.
const MAX_BYTES: usize = 30;

fn print_bits(found: u8, bytes: &[u8], bits: usize, out: &mut dyn Write) -> io::Result<()> {
    let is_binary = found == tag::BINARY_EXT;
    write!(out, "#{}<", if is_binary { "Bin" } else { "Bits" })?;
    for (at, byte) in bytes.iter().enumerate().take(MAX_BYTES) {
        if at > 0 {
            out.write_all(b",")?;
        }
        match bits - 8 * at {
            last @ 1..=7 => write!(out, "{}:{last}", byte >> (8 - last))?,
            _ => write!(out, "{byte}")?,
        }
    }
    if bytes.len() > MAX_BYTES {
        out.write_all(b",...")?;
    }
    out.write_all(b">")
}
