//! Terms as text.

use std::ffi::{c_char, c_int};
use std::io::Write;
use std::mem::MaybeUninit;

use einode_etf::{Source, tag};

use crate::atom;
use crate::ffi::{self, ERROR, Fault, Outcome, guard};
use crate::fun;
use crate::ids;
use crate::number;
use crate::output::{Counted, Stream, Text};
use crate::raw::{RawSource, Read};
use crate::text;
use crate::types::{
    EI_FUN_EXPORT, ERLANG_LATIN1, MAXATOMLEN, MAXATOMLEN_UTF8, erlang_fun, erlang_pid, erlang_port,
    erlang_ref,
};

/// Prints one term to `fp` and moves the index past it. Gives the number of characters, or -1 if the
/// bytes are no term; what comes before the fault is printed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_print_term(
    fp: *mut libc::FILE,
    buf: *const c_char,
    index: *mut c_int,
) -> c_int {
    if fp.is_null() {
        return ERROR;
    }
    // SAFETY: the pointers are what ei.h says.
    unsafe { print(&mut Stream::new(fp), buf, index) }
}

/// Prints one term to the string `*s` and moves the index past it. Gives the number of characters, or
/// -1 if the bytes are no term; what comes before the fault is printed.
///
/// `*s` is null or from `malloc`, with room for `BUFSIZ` bytes. It is allocated or moved as needed,
/// and the caller frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_s_print_term(
    s: *mut *mut c_char,
    buf: *const c_char,
    index: *mut c_int,
) -> c_int {
    if s.is_null() {
        return ERROR;
    }
    // SAFETY: the pointers are what ei.h says.
    unsafe {
        let size = libc::BUFSIZ as usize;
        if (*s).is_null() {
            *s = libc::malloc(size).cast();
        }
        if (*s).is_null() {
            return ERROR;
        }
        let mut text = Text::new(*s, size);
        let printed = print(&mut text, buf, index);
        *s = text.into_inner();
        printed
    }
}

/// # Safety
/// `buf` and `index` are as for decoders.
unsafe fn print(to: &mut dyn Write, buf: *const c_char, index: *mut c_int) -> c_int {
    if buf.is_null() || index.is_null() {
        return ERROR;
    }
    guard(ERROR, || {
        // SAFETY: as the caller promised.
        let mut source = unsafe { RawSource::new(buf, *index) };
        let mut out = Counted::new(to);
        if term(&mut source, &mut out).is_err() {
            return ERROR;
        }
        let Some(end) = source.index() else {
            return ERROR;
        };
        // SAFETY: as above.
        unsafe { *index = end };
        c_int::try_from(out.count()).unwrap_or(ERROR)
    })
}

/// A container of which some elements are still to be printed.
struct Open<'a> {
    shape: Shape<'a>,
    left: u32,
    /// Whether an element was printed.
    begun: bool,
}

enum Shape<'a> {
    Tuple,
    List,
    /// A list whose tail is being printed.
    Tail,
    /// The next term is a key.
    Map,
    /// The next term is a value.
    Pair,
    /// With the names of the fields whose values are still to be printed.
    Record(RawSource<'a>),
}

fn term<'a>(source: &mut RawSource<'a>, out: &mut dyn Write) -> Outcome {
    let mut outer: Vec<Open<'a>> = Vec::new();
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

impl<'a> Open<'a> {
    /// Prints what comes before the next element, or the end; whether there is an element.
    fn goes_on(&mut self, source: &mut RawSource<'a>, out: &mut dyn Write) -> Result<bool, Fault> {
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

    fn end(&mut self, source: &mut RawSource<'a>, out: &mut dyn Write) -> Result<bool, Fault> {
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
fn begin<'a>(source: &mut RawSource<'a>, out: &mut dyn Write) -> Result<Option<Open<'a>>, Fault> {
    let mut ahead = *source;
    let found = ahead.u8()?;
    let (start, shape, left): (&[u8], _, _) = match found {
        tag::SMALL_TUPLE_EXT => (b"{", Shape::Tuple, ahead.u8()?.into()),
        tag::LARGE_TUPLE_EXT => (b"{", Shape::Tuple, ahead.u32()?),
        tag::LIST_EXT => (b"[", Shape::List, ahead.u32()?),
        tag::MAP_EXT => (b"#{", Shape::Map, ahead.u32()?),
        tag::RECORD_EXT => {
            let left = ahead.u32()?;
            ahead.u8()?;
            out.write_all(b"#")?;
            print_atom(&mut ahead, out)?;
            out.write_all(b":")?;
            print_atom(&mut ahead, out)?;
            let fields = ahead;
            for _ in 0..left {
                atom::name(&mut ahead)?;
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

fn leaf(found: u8, source: &mut RawSource<'_>, out: &mut dyn Write) -> Outcome {
    match found {
        tag::SMALL_INTEGER_EXT | tag::INTEGER_EXT | tag::SMALL_BIG_EXT | tag::LARGE_BIG_EXT => {
            print_integer(source, out)
        }
        tag::NEW_FLOAT_EXT | tag::FLOAT_EXT => print_float(number::read_float(source)?, out),
        tag::NIL_EXT => {
            source.take(1)?;
            Ok(out.write_all(b"[]")?)
        }
        tag::STRING_EXT => {
            source.take(1)?;
            let length = source.u16()?;
            print_string(source.take(length.into())?, out)
        }
        tag::BINARY_EXT | tag::BIT_BINARY_EXT => {
            let (bytes, bits) = text::read_bits(source)?;
            print_bits(found, bytes, bits, out)
        }
        tag::PID_EXT
        | tag::NEW_PID_EXT
        | tag::PORT_EXT
        | tag::NEW_PORT_EXT
        | tag::V4_PORT_EXT
        | tag::REFERENCE_EXT
        | tag::NEW_REFERENCE_EXT
        | tag::NEWER_REFERENCE_EXT => print_id(found, source, out),
        tag::EXPORT_EXT | tag::NEW_FUN_EXT | tag::FUN_EXT => print_fun(source, out),
        _ => print_atom(source, out),
    }
}

/// An atom in Latin-1, in quotes unless it needs none. Reserved words get none, and quotes within are
/// as they are.
fn print_atom(source: &mut RawSource<'_>, out: &mut dyn Write) -> Outcome {
    let mut name = [0; MAXATOMLEN];
    // SAFETY: the name has that room.
    unsafe {
        atom::read(
            source,
            name.as_mut_ptr(),
            MAXATOMLEN as c_int,
            ERLANG_LATIN1,
        )
    }?;
    let name = bytes_of(&name);
    let is_plain = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@');
    if name.first().is_some_and(u8::is_ascii_lowercase) && name.iter().all(is_plain) {
        out.write_all(&name)?;
    } else {
        out.write_all(b"'")?;
        out.write_all(&name)?;
        out.write_all(b"'")?;
    }
    Ok(())
}

/// Decimal up to eight bytes, hexadecimal above.
fn print_integer(source: &mut RawSource<'_>, out: &mut dyn Write) -> Outcome {
    let mut ahead = *source;
    let length = match ahead.u8()? {
        tag::SMALL_BIG_EXT => ahead.u8()?.into(),
        tag::LARGE_BIG_EXT => ahead.count()?,
        _ => 4,
    };
    if length <= 8 {
        let (negative, magnitude) = number::read_integer(source)?;
        let sign = if negative { "-" } else { "" };
        return Ok(write!(out, "{sign}{magnitude}")?);
    }
    let sign = if ahead.u8()? == 0 { "" } else { "-" };
    let mut digits = ahead.take(length as usize)?;
    while let [rest @ .., 0] = digits {
        digits = rest;
    }
    *source = ahead;
    write!(out, "{sign}16#")?;
    let mut digits = digits.iter().rev();
    write!(out, "{:X}", digits.next().unwrap_or(&0))?;
    Ok(digits.try_for_each(|digit| write!(out, "{digit:02X}"))?)
}

/// With six decimals, as C's library prints it.
fn print_float(value: f64, out: &mut dyn Write) -> Outcome {
    // The largest double has 309 digits before its point.
    let mut digits = [0; 320];
    // SAFETY: `snprintf` stays within the size, and `%f` takes a double.
    unsafe { libc::snprintf(digits.as_mut_ptr(), digits.len(), c"%f".as_ptr(), value) };
    Ok(out.write_all(&bytes_of(&digits))?)
}

fn print_string(bytes: &[u8], out: &mut dyn Write) -> Outcome {
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
    Ok(out.write_all(b"\"")?)
}

/// The most bytes of a binary that are printed.
const MAX_BYTES: usize = 30;

fn print_bits(found: u8, bytes: &[u8], bits: usize, out: &mut dyn Write) -> Outcome {
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
    Ok(out.write_all(b">")?)
}

/// Numbers are printed as an `int`.
fn print_id(found: u8, source: &mut RawSource<'_>, out: &mut dyn Write) -> Outcome {
    let node = [0; MAXATOMLEN_UTF8];
    match found {
        tag::PID_EXT | tag::NEW_PID_EXT => {
            let mut pid = erlang_pid {
                node,
                num: 0,
                serial: 0,
                creation: 0,
            };
            // SAFETY: there is room for a pid.
            unsafe { ids::read_pid(source, &raw mut pid) }?;
            out.write_all(b"<")?;
            out.write_all(&bytes_of(&pid.node))?;
            write!(out, ".{}.{}>", pid.num as i32, pid.serial as i32)?;
        }
        tag::PORT_EXT | tag::NEW_PORT_EXT | tag::V4_PORT_EXT => {
            let mut port = erlang_port {
                node,
                id: 0,
                creation: 0,
            };
            // SAFETY: there is room for a port.
            unsafe { ids::read_port(source, &raw mut port) }?;
            write!(out, "#Port<{}.{}>", port.id as i32, port.creation as i32)?;
        }
        _ => {
            let mut reference = erlang_ref {
                node,
                len: 0,
                n: [0; 5],
                creation: 0,
            };
            // SAFETY: there is room for a reference.
            unsafe { ids::read_ref(source, &raw mut reference) }?;
            out.write_all(b"#Ref<")?;
            for (at, word) in reference.n.iter().take(reference.len as usize).enumerate() {
                let separator = if at == 0 { "" } else { "." };
                write!(out, "{separator}{}", *word as i32)?;
            }
            out.write_all(b">")?;
        }
    }
    Ok(())
}

/// Names are printed as they are.
fn print_fun(source: &mut RawSource<'_>, out: &mut dyn Write) -> Outcome {
    let mut fun = MaybeUninit::<erlang_fun>::zeroed();
    // SAFETY: all members may be zero; what is read is freed, and its type says which member it has.
    // It must not move before: the name of a function may be behind that of its module.
    unsafe {
        fun::read(source, fun.as_mut_ptr())?;
        let fun = fun.assume_init_mut();
        let mut text = bytes_of(&fun.module);
        if fun.r#type == EI_FUN_EXPORT {
            text.splice(..0, *b"fun ");
            text.push(b':');
            text.extend_from_slice(ffi::text(fun.u.exprt.func)?);
            write!(text, "/{}", fun.arity)?;
        } else {
            text.splice(..0, *b"#Fun{");
            write!(text, ".{}.{}}}", fun.u.closure.index, fun.u.closure.uniq)?;
        }
        fun::free_fun(fun);
        Ok(out.write_all(&text)?)
    }
}

/// A C string up to its NUL.
fn bytes_of(text: &[c_char]) -> Vec<u8> {
    let bytes = text.iter().map(|&byte| byte as u8);
    bytes.take_while(|&byte| byte != 0).collect()
}
