use std::io::{self, Write};

use crate::{DecodeError, MAX_REFERENCE_WORDS, Reader, Source, tag};

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
    let (name, coding) = name(source)?;
    let name = match coding {
        Coding::Latin1 => name.to_vec(),
        Coding::Utf8 => latin1(name).ok_or(DecodeError::BadAtom)?,
    };
    if name.len() > MAX_ATOM {
        return Err(DecodeError::BadAtom.into());
    }
    let name = until_nul(&name);
    let is_plain = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@');
    if name.first().is_some_and(u8::is_ascii_lowercase) && name.iter().all(is_plain) {
        return out.write_all(name);
    }
    out.write_all(b"'")?;
    out.write_all(name)?;
    out.write_all(b"'")
}

/// The most bytes of an atom in Latin-1; in UTF-8 there may be four for each.
const MAX_ATOM: usize = 255;

#[derive(PartialEq)]
enum Coding {
    Latin1,
    Utf8,
}

/// The name of an atom as it is written.
fn name<'a, S: Source<'a>>(source: &mut S) -> Result<(&'a [u8], Coding), DecodeError> {
    let (length, coding) = match u8(source)? {
        tag::ATOM_EXT => (u16(source)?, Coding::Latin1),
        tag::SMALL_ATOM_EXT => (u8(source)?.into(), Coding::Latin1),
        tag::ATOM_UTF8_EXT => (u16(source)?, Coding::Utf8),
        tag::SMALL_ATOM_UTF8_EXT => (u8(source)?.into(), Coding::Utf8),
        found => return Err(DecodeError::UnknownTag(found)),
    };
    Ok((source.take(length.into())?, coding))
}

/// The name of a node or module in UTF-8, up to a NUL.
fn name_in_utf8<'a, S: Source<'a>>(source: &mut S) -> Result<Vec<u8>, DecodeError> {
    let (name, coding) = name(source)?;
    let name = match coding {
        Coding::Utf8 => name.to_vec(),
        Coding::Latin1 => {
            let chars = name.iter().copied().map(char::from);
            chars.collect::<String>().into_bytes()
        }
    };
    if name.len() > 4 * MAX_ATOM {
        return Err(DecodeError::BadAtom);
    }
    Ok(until_nul(&name).to_vec())
}

/// A text in Latin-1; `None` if that has not all of its characters.
fn latin1(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut latin1 = Vec::with_capacity(text.len());
    loop {
        text = match *text {
            [] => return Some(latin1),
            [byte @ 0..=0x7f, ref rest @ ..] => {
                latin1.push(byte);
                rest
            }
            [high @ 0xc2..=0xc3, low @ 0x80..=0xbf, ref rest @ ..] => {
                latin1.push(high << 6 | low & 0x3f);
                rest
            }
            _ => return None,
        };
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
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

/// Numbers are printed as an `int`.
fn print_id<'a, S: Source<'a>>(source: &mut S, out: &mut dyn Write) -> io::Result<()> {
    let found = u8(source)?;
    match found {
        tag::PID_EXT | tag::NEW_PID_EXT => {
            let (node, id, serial) = pid(found, source)?;
            out.write_all(b"<")?;
            out.write_all(&node)?;
            write!(out, ".{id}.{serial}>")
        }
        tag::PORT_EXT | tag::NEW_PORT_EXT | tag::V4_PORT_EXT => {
            name_in_utf8(source)?;
            let id = match found {
                tag::V4_PORT_EXT => u64::from_be_bytes(source.array()?) as i32,
                _ => u32(source)? as i32,
            };
            let creation = creation(source, found != tag::PORT_EXT)? as i32;
            write!(out, "#Port<{id}.{creation}>")
        }
        _ => {
            let old = found == tag::REFERENCE_EXT;
            let length = if old { 1 } else { u16(source)? };
            if usize::from(length) > MAX_REFERENCE_WORDS {
                return Err(DecodeError::BadReference(length).into());
            }
            name_in_utf8(source)?;
            // The oldest form has its word first.
            if !old {
                creation(source, found == tag::NEWER_REFERENCE_EXT)?;
            }
            let words = (0..length).map(|_| Ok(u32(source)? as i32));
            let words = words.collect::<Result<Vec<_>, DecodeError>>()?;
            if old {
                creation(source, false)?;
            }
            out.write_all(b"#Ref<")?;
            for (at, word) in words.iter().enumerate() {
                let separator = if at == 0 { "" } else { "." };
                write!(out, "{separator}{word}")?;
            }
            out.write_all(b">")
        }
    }
}

/// Node, number and serial of a pid.
fn pid<'a, S: Source<'a>>(found: u8, source: &mut S) -> Result<(Vec<u8>, i32, i32), DecodeError> {
    let node = name_in_utf8(source)?;
    let (id, serial) = (u32(source)? as i32, u32(source)? as i32);
    creation(source, found == tag::NEW_PID_EXT)?;
    Ok((node, id, serial))
}

/// A creation: four bytes today, one byte of which two bits count in the forms before OTP 23.
fn creation<'a, S: Source<'a>>(source: &mut S, wide: bool) -> Result<u32, DecodeError> {
    if wide {
        u32(source)
    } else {
        Ok((u8(source)? & 0b11).into())
    }
}

/// Names are printed as they are.
fn print_fun<'a, S: Source<'a>>(source: &mut S, out: &mut dyn Write) -> io::Result<()> {
    let (module, index, uniq) = match u8(source)? {
        tag::EXPORT_EXT => {
            let (module, function) = (name_in_utf8(source)?, name_in_utf8(source)?);
            let arity = small(source)?;
            out.write_all(b"fun ")?;
            out.write_all(&module)?;
            out.write_all(b":")?;
            out.write_all(&function)?;
            return write!(out, "/{arity}");
        }
        tag::NEW_FUN_EXT => closure(source)?,
        _ => old_closure(source)?,
    };
    out.write_all(b"#Fun{")?;
    out.write_all(&module)?;
    write!(out, ".{index}.{uniq}}}")
}

/// Module, index and uniq of a fun.
fn closure<'a, S: Source<'a>>(source: &mut S) -> Result<(Vec<u8>, i64, i64), DecodeError> {
    let start = source.remaining();
    let size = count(source)?;
    source.take(1 + 16)?;
    let index = i32::from_be_bytes(source.array()?);
    let free = count(source)?;
    let module = name_in_utf8(source)?;
    small(source)?;
    let uniq = small(source)?;
    some_pid(source)?;
    skip(source, free)?;
    // The size counts itself.
    if start - source.remaining() != size {
        return Err(DecodeError::Truncated);
    }
    Ok((module, index.into(), uniq))
}

fn old_closure<'a, S: Source<'a>>(source: &mut S) -> Result<(Vec<u8>, i64, i64), DecodeError> {
    let free = count(source)?;
    some_pid(source)?;
    let module = name_in_utf8(source)?;
    let (index, uniq) = (small(source)?, small(source)?);
    skip(source, free)?;
    Ok((module, index, uniq))
}

fn some_pid<'a, S: Source<'a>>(source: &mut S) -> Result<(), DecodeError> {
    match u8(source)? {
        found @ (tag::PID_EXT | tag::NEW_PID_EXT) => pid(found, source).map(drop),
        found => Err(DecodeError::UnknownTag(found)),
    }
}

fn skip<'a, S: Source<'a>>(source: &mut S, terms: usize) -> Result<(), DecodeError> {
    let mut reader = Reader::from_source(source.clone());
    (0..terms).try_for_each(|_| reader.skip())?;
    *source = reader.source().clone();
    Ok(())
}

/// An integer of a word.
fn small<'a, S: Source<'a>>(source: &mut S) -> Result<i64, DecodeError> {
    let mut reader = Reader::from_source(source.clone());
    let value = reader.i64()?;
    *source = reader.source().clone();
    Ok(value)
}

fn u8<'a, S: Source<'a>>(source: &mut S) -> Result<u8, DecodeError> {
    source.array().map(u8::from_be_bytes)
}

fn u16<'a, S: Source<'a>>(source: &mut S) -> Result<u16, DecodeError> {
    source.array().map(u16::from_be_bytes)
}

fn u32<'a, S: Source<'a>>(source: &mut S) -> Result<u32, DecodeError> {
    source.array().map(u32::from_be_bytes)
}

/// Four bytes as a count that an `int` of C can hold.
fn count<'a, S: Source<'a>>(source: &mut S) -> Result<usize, DecodeError> {
    let count = i32::try_from(u32(source)?);
    let count = count.ok().and_then(|count| usize::try_from(count).ok());
    count.ok_or(DecodeError::Truncated)
}
