//! Messages as text, for those who watch them come and go.

use std::ffi::{c_char, c_int};
use std::io::Write;

use einode_etf::{Slice, Source, tag};

use crate::atom;
use crate::control::{self, Rest};
use crate::ffi::{ERROR, Fault, OK, Outcome, guard};
use crate::ids;
use crate::number;
use crate::output::Stream;
use crate::raw::{RawSource, Read};
use crate::term::size_of_body;
use crate::text;
use crate::types::*;

/// Prints a message that was received. Not in the manual.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_show_recmsg(
    stream: *mut libc::FILE,
    msg: *mut erlang_msg,
    buf: *mut c_char,
) {
    guard((), || {
        // SAFETY: a stream, a message and its bytes, if they are not null.
        unsafe {
            if let (false, Some(msg)) = (stream.is_null() || buf.is_null(), msg.as_ref()) {
                let mut body = RawSource::new(buf, 0);
                let _ = message(&mut Stream::new(stream), "<-", msg, &mut body);
            }
        }
    });
}

/// Prints a message to be sent: a packet up to its message, with five bytes before the version, and
/// the message. Not in the manual.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_show_sendmsg(
    stream: *mut libc::FILE,
    header: *const c_char,
    msgbuf: *const c_char,
) -> c_int {
    if stream.is_null() || header.is_null() {
        return ERROR;
    }
    guard(ERROR, || {
        // SAFETY: a stream, a packet's beginning and a message, which only some have.
        unsafe {
            let mut head = RawSource::new(header, 4);
            let mut body = (!msgbuf.is_null()).then(|| RawSource::new(msgbuf, 0));
            match show_sent(&mut Stream::new(stream), &mut head, body.as_mut()) {
                Ok(()) => OK,
                Err(_) => ERROR,
            }
        }
    })
}

/// Prints a message to be sent: a packet up to its message, and the message.
pub(crate) fn sent(out: &mut dyn Write, head: &[u8], message: &[u8]) -> Outcome {
    let mut head = Slice::new(head);
    head.take(4)?;
    show_sent(out, &mut head, Some(&mut Slice::new(message)))
}

/// Prints a message that was received, with its trace token if its type says so.
pub(crate) fn received(out: &mut dyn Write, msg: &erlang_msg, body: &[u8]) -> Outcome {
    message(out, "<-", msg, &mut Slice::new(body))
}

fn show_sent<'a, S: Source<'a>>(
    out: &mut dyn Write,
    head: &mut S,
    body: Option<&mut S>,
) -> Outcome {
    let mut msg = control::nothing();
    // SAFETY: there is room for a message.
    let control = unsafe { control::read(head, &raw mut msg) }?;
    msg.msgtype = control.op;
    match (control::layout(control.op), body) {
        (Some((_, Rest::Message)), Some(body)) => message(out, "->", &msg, body),
        (Some((_, Rest::Message)), None) => Err(Fault::Refused),
        _ => message(out, "->", &msg, head),
    }
}

fn message<'a>(
    out: &mut dyn Write,
    arrow: &str,
    msg: &erlang_msg,
    body: &mut impl Source<'a>,
) -> Outcome {
    let name = match msg.msgtype {
        ERL_LINK => "LINK",
        ERL_SEND => "SEND",
        ERL_EXIT => "EXIT",
        ERL_UNLINK => "UNLINK",
        ERL_REG_SEND => "REG_SEND",
        ERL_GROUP_LEADER => "GROUP_LEADER",
        ERL_EXIT2 => "EXIT2",
        ERL_SEND_TT => "SEND_TT",
        ERL_EXIT_TT => "EXIT_TT",
        ERL_REG_SEND_TT => "REG_SEND_TT",
        ERL_EXIT2_TT => "EXIT2_TT",
        _ => {
            writeln!(out, "{arrow} Unknown message type: {}", msg.msgtype)?;
            return Ok(());
        }
    };
    let (fields, rest) = control::layout(msg.msgtype).ok_or(Fault::Refused)?;
    write!(out, "{arrow} {name}")?;
    for field in fields {
        match field {
            control::Field::From => {
                write!(out, " From: ")?;
                pid(out, &msg.from)?;
            }
            control::Field::To => {
                write!(out, " To: ")?;
                pid(out, &msg.to)?;
            }
            control::Field::ToName => {
                write!(out, " To: ")?;
                out.write_all(until_nul(&msg.toname))?;
            }
            control::Field::Token => {
                let token = &msg.token;
                write!(
                    out,
                    "\n   Trace: Label: {}, Flags: {:#x} serial: {}, prev: {} From: ",
                    token.label, token.flags, token.serial, token.prev
                )?;
                pid(out, &token.from)?;
            }
            control::Field::Unused | control::Field::Id => {}
        }
    }
    match rest {
        Rest::Nothing => {}
        Rest::Reason => {
            write!(out, "\n   Reason: ")?;
            term(body, out)?;
        }
        Rest::Message => {
            write!(out, "\n   ")?;
            term(body, out)?;
        }
    }
    Ok(out.write_all(b"\n")?)
}

fn pid(out: &mut dyn Write, pid: &erlang_pid) -> Outcome {
    out.write_all(b"#Pid<")?;
    out.write_all(until_nul(&pid.node))?;
    Ok(write!(
        out,
        ".{}.{}.{}>",
        pid.num, pid.serial, pid.creation
    )?)
}

fn until_nul(name: &[c_char]) -> &[u8] {
    // SAFETY: a `char` is a byte.
    let name = unsafe { std::slice::from_raw_parts(name.as_ptr().cast(), name.len()) };
    name.split(|&byte: &u8| byte == 0)
        .next()
        .unwrap_or_default()
}

/// A container of which some elements are still to be printed.
struct Open {
    shape: Shape,
    left: c_int,
    begun: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Tuple,
    List,
    /// A list whose tail is being printed.
    Tail,
}

fn term<'a>(source: &mut impl Source<'a>, out: &mut dyn Write) -> Outcome {
    if source.peek()? == tag::VERSION {
        source.take(1)?;
    }
    let mut outer: Vec<Open> = Vec::new();
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

impl Open {
    /// Prints what comes before the next element, or the end; whether there is an element.
    fn goes_on<'a>(
        &mut self,
        source: &mut impl Source<'a>,
        out: &mut dyn Write,
    ) -> Result<bool, Fault> {
        if self.left > 0 {
            self.left -= 1;
            if std::mem::replace(&mut self.begun, true) {
                out.write_all(b", ")?;
            }
            return Ok(true);
        }
        if self.shape == Shape::List {
            if source.peek()? != tag::NIL_EXT {
                out.write_all(b" | ")?;
                self.shape = Shape::Tail;
                return Ok(true);
            }
            source.take(1)?;
        }
        out.write_all(if self.shape == Shape::Tuple {
            b"}"
        } else {
            b"]"
        })?;
        Ok(false)
    }
}

/// Prints a term, or the beginning of a tuple or list.
fn begin<'a>(source: &mut impl Source<'a>, out: &mut dyn Write) -> Result<Option<Open>, Fault> {
    let open = |shape, left| Open {
        shape,
        left,
        begun: false,
    };
    let mut ahead = source.clone();
    match ahead.u8()? {
        tag::ATOM_EXT | tag::SMALL_ATOM_EXT | tag::ATOM_UTF8_EXT | tag::SMALL_ATOM_UTF8_EXT => {
            out.write_all(atom::name(source)?.0)?;
        }
        tag::SMALL_TUPLE_EXT => {
            out.write_all(b"{")?;
            let arity = ahead.u8()?;
            *source = ahead;
            return Ok(Some(open(Shape::Tuple, arity.into())));
        }
        tag::LARGE_TUPLE_EXT => {
            out.write_all(b"{")?;
            let arity = ahead.count()?;
            *source = ahead;
            return Ok(Some(open(Shape::Tuple, arity)));
        }
        tag::LIST_EXT => {
            out.write_all(b"[")?;
            let length = ahead.count()?;
            *source = ahead;
            return Ok(Some(open(Shape::List, length)));
        }
        tag::NIL_EXT => {
            out.write_all(b"[]")?;
            *source = ahead;
        }
        tag::STRING_EXT => {
            let length = ahead.u16()?;
            string(out, ahead.take(length.into())?)?;
            *source = ahead;
        }
        tag::SMALL_INTEGER_EXT | tag::INTEGER_EXT | tag::SMALL_BIG_EXT => {
            match number::read_signed(source) {
                Ok(value) => write!(out, "{value}")?,
                Err(_) => {
                    out.write_all(b"#Bignum")?;
                    source.read(|reader| reader.skip())?;
                }
            }
        }
        tag::LARGE_BIG_EXT => {
            out.write_all(b"#Bignum")?;
            source.read(|reader| reader.skip())?;
        }
        tag::FLOAT_EXT | tag::NEW_FLOAT_EXT => {
            write!(out, "{:.6}", number::read_float(source)?)?;
        }
        tag::PID_EXT | tag::NEW_PID_EXT => {
            let mut found = control::NOBODY;
            // SAFETY: there is room for a pid.
            unsafe { ids::read_pid(source, &raw mut found) }?;
            pid(out, &found)?;
        }
        tag::PORT_EXT | tag::NEW_PORT_EXT | tag::V4_PORT_EXT => port(source, out)?,
        tag::REFERENCE_EXT | tag::NEW_REFERENCE_EXT | tag::NEWER_REFERENCE_EXT => {
            reference(source, out)?;
        }
        tag::BINARY_EXT => {
            write!(out, "#Bin<{}>", ahead.u32()?)?;
            source.read(|reader| reader.skip())?;
        }
        tag::BIT_BINARY_EXT => {
            source.take(1)?;
            write!(out, "#Bits<{}>", text::read_bits(source)?.1)?;
        }
        found => {
            let size = size_of_body(found, &mut ahead).unwrap_or_default();
            write!(out, "#Unknown<{found}.{size}>")?;
            source.read(|reader| reader.skip())?;
        }
    }
    Ok(None)
}

/// A string if all of it can be printed, else the list that it is.
fn string(out: &mut dyn Write, bytes: &[u8]) -> Outcome {
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        out.write_all(b"\"")?;
        out.write_all(bytes)?;
        return Ok(out.write_all(b"\"")?);
    }
    let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
    Ok(write!(out, "[{}]", numbers.join(", "))?)
}

fn port<'a>(source: &mut impl Source<'a>, out: &mut dyn Write) -> Outcome {
    let mut port = erlang_port {
        node: [0; MAXATOMLEN_UTF8],
        id: 0,
        creation: 0,
    };
    // SAFETY: there is room for a port.
    unsafe { ids::read_port(source, &raw mut port) }?;
    out.write_all(b"#Port<")?;
    out.write_all(until_nul(&port.node))?;
    Ok(write!(out, ".{}.{}>", port.id, port.creation)?)
}

fn reference<'a>(source: &mut impl Source<'a>, out: &mut dyn Write) -> Outcome {
    let mut reference = erlang_ref {
        node: [0; MAXATOMLEN_UTF8],
        len: 0,
        n: [0; 5],
        creation: 0,
    };
    // SAFETY: there is room for a reference.
    unsafe { ids::read_ref(source, &raw mut reference) }?;
    out.write_all(b"#Ref<")?;
    out.write_all(until_nul(&reference.node))?;
    for word in reference.n.iter().take(reference.len as usize) {
        write!(out, ".{word}")?;
    }
    Ok(write!(out, ".{}>", reference.creation)?)
}
