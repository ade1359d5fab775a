//! Terms from a text with arguments, as `printf` makes text.

use std::arch::naked_asm;
use std::ffi::{CStr, c_char, c_double, c_int, c_long, c_void};

use einode_etf::{Sink, Writer};

use crate::atom;
use crate::ffi::{self, ERROR, Fault, OK, Outcome, guard};
use crate::header::ei_x_encode_version;
use crate::ids::write_pid;
use crate::number::{self, write_signed, write_unsigned};
use crate::types::{ERLANG_LATIN1, ei_x_buff, erlang_pid};

/// Declares a name for a function of `variadic.c`.
macro_rules! variadic {
    ($($(#[$about:meta])* $name:ident => $function:ident;)*) => { $(
        $(#[$about])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            #[cfg(target_arch = "x86_64")]
            naked_asm!("jmp {}", sym $function);
            #[cfg(target_arch = "aarch64")]
            naked_asm!("b {}", sym $function);
        }
    )* };
}

pub(crate) use variadic;

variadic! {
    /// `int ei_x_format(ei_x_buff* x, const char* fmt, ...)`: the version byte, and the term that
    /// `fmt` describes.
    ///
    /// The text is Erlang's, of atoms, numbers, strings, tuples, lists and maps. `~a` (a string as
    /// atom), `~c` (`char`), `~s` (string), `~i` (`int`), `~l` (`long`), `~u` (`unsigned long`),
    /// `~f` and `~d` (`double`) and `~p` (`erlang_pid*`) stand for the arguments.
    ei_x_format => ei_x_format_variadic;

    /// [`ei_x_format`] without the version byte.
    ei_x_format_wo_ver => ei_x_format_wo_ver_variadic;
}

/// The arguments that have not been asked for.
type Arguments = c_void;

unsafe extern "C" {
    fn ei_x_format_variadic();
    fn ei_x_format_wo_ver_variadic();
    fn ei_argument_pointer(from: *mut Arguments) -> *const c_void;
    fn ei_argument_int(from: *mut Arguments) -> c_int;
    fn ei_argument_long(from: *mut Arguments) -> c_long;
    fn ei_argument_double(from: *mut Arguments) -> c_double;
}

/// What the variadic functions have in common. Not for programs.
#[doc(hidden)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn einode_x_format(
    x: *mut ei_x_buff,
    format: *const c_char,
    arguments: *mut Arguments,
    version: c_int,
) -> c_int {
    if format.is_null() || x.is_null() {
        return ERROR;
    }
    guard(ERROR, || {
        // SAFETY: the pointers are what ei.h says, and the arguments what the format says.
        unsafe {
            if version != 0 && ei_x_encode_version(x) != OK {
                return ERROR;
            }
            let text = CStr::from_ptr(format).to_bytes();
            match (Parser { text, arguments }).parse() {
                Ok(tokens) => ffi::append(x, |sink| {
                    tokens.iter().try_for_each(|token| token.write(sink))
                }),
                Err(_) => ERROR,
            }
        }
    })
}

/// A step of writing a term.
enum Token<'a> {
    Signed(c_long),
    Unsigned(u64),
    Float(f64),
    Atom(&'a [u8]),
    String(&'a [u8]),
    Pid(*const erlang_pid),
    Tuple(usize),
    List(usize),
    Nil,
    Map(usize),
}

impl Token<'_> {
    fn write(&self, sink: &mut impl Sink) -> Outcome {
        match *self {
            Self::Signed(value) => write_signed(sink, value),
            Self::Unsigned(value) => write_unsigned(sink, value),
            Self::Float(value) => number::write_float(sink, value),
            Self::Atom(name) => atom::write(sink, name, ERLANG_LATIN1),
            Self::String(bytes) => Ok(Writer::new(sink).string(bytes)?),
            // SAFETY: the argument is what the format says.
            Self::Pid(pid) => unsafe { write_pid(sink, pid) },
            Self::Tuple(arity) => Ok(Writer::new(sink).tuple(arity)?),
            Self::List(length) => Ok(Writer::new(sink).list(length)?),
            Self::Nil => Ok(Writer::new(sink).nil()?),
            Self::Map(pairs) => Ok(Writer::new(sink).map(pairs)?),
        }
    }
}

/// A container whose end has not been read.
struct Open {
    /// Where among the tokens its header is.
    header: usize,
    place: Place,
    /// How many elements or pairs it has so far.
    count: usize,
}

/// What the next term in a container is.
enum Place {
    InTuple,
    InList,
    Tail,
    Key,
    Value,
}

struct Parser<'a> {
    text: &'a [u8],
    arguments: *mut Arguments,
}

impl<'a> Parser<'a> {
    /// The tokens of the first term. What follows it does not matter.
    fn parse(mut self) -> Result<Vec<Token<'a>>, Fault> {
        let mut tokens = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        loop {
            let header = tokens.len();
            let token = self.token()?;
            let place = match token {
                Token::Tuple(_) => Some((Place::InTuple, b'}')),
                Token::List(_) => Some((Place::InList, b']')),
                Token::Map(_) => Some((Place::Key, b'}')),
                _ => None,
            };
            match place {
                Some((_, end)) if self.found(&[end]) => {
                    tokens.push(if end == b']' { Token::Nil } else { token });
                }
                Some((place, _)) => {
                    tokens.push(token);
                    open.push(Open {
                        header,
                        place,
                        count: 0,
                    });
                    continue;
                }
                None => tokens.push(token),
            }
            // A term has ended, and its container may end with it.
            while let Some(top) = open.last_mut() {
                if self.goes_on(top)? {
                    break;
                }
                match tokens.get_mut(top.header) {
                    Some(Token::Tuple(count) | Token::List(count) | Token::Map(count)) => {
                        *count = top.count;
                    }
                    _ => return Err(Fault::Refused),
                }
                if matches!(top.place, Place::InList) {
                    tokens.push(Token::Nil);
                }
                open.pop();
            }
            if open.is_empty() {
                return Ok(tokens);
            }
        }
    }

    /// What comes after a term in a container; whether that is another term. Commas between the
    /// elements of tuples and lists may be left out.
    fn goes_on(&mut self, open: &mut Open) -> Result<bool, Fault> {
        match open.place {
            Place::InTuple => {
                open.count += 1;
                if self.found(b"}") {
                    return Ok(false);
                }
                self.found(b",");
            }
            Place::InList => {
                open.count += 1;
                if self.found(b"]") {
                    return Ok(false);
                }
                if self.found(b"|") {
                    open.place = Place::Tail;
                } else {
                    self.found(b",");
                }
            }
            Place::Tail => return self.expect(b"]").map(|()| false),
            Place::Key => {
                self.expect(b"=>")?;
                open.place = Place::Value;
            }
            Place::Value => {
                open.count += 1;
                if self.found(b"}") {
                    return Ok(false);
                }
                self.expect(b",")?;
                open.place = Place::Key;
            }
        }
        Ok(true)
    }

    fn token(&mut self) -> Result<Token<'a>, Fault> {
        if self.found(b"#{") {
            return Ok(Token::Map(0));
        }
        let start = self.text;
        match *self.text {
            [b'{', ref rest @ ..] => {
                self.text = rest;
                Ok(Token::Tuple(0))
            }
            [b'[', ref rest @ ..] => {
                self.text = rest;
                Ok(Token::List(0))
            }
            [b'~', directive, ref rest @ ..] => {
                self.text = rest;
                self.argument(directive)
            }
            [quote @ (b'"' | b'\''), ref rest @ ..] => {
                self.text = rest;
                let quoted = self.take_while(|byte| byte != quote);
                self.text = self.text.get(1..).ok_or(Fault::Refused)?;
                Ok(if quote == b'"' {
                    Token::String(quoted)
                } else {
                    Token::Atom(quoted)
                })
            }
            [b'a'..=b'z', ..] => {
                Ok(Token::Atom(self.take_while(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@')
                })))
            }
            [b'0'..=b'9', ..] | [b'+' | b'-', b'0'..=b'9', ..] => self.number(start),
            _ => Err(Fault::Refused),
        }
    }

    /// A float has a point; without one, an exponent is not part of the number. Integers end at the
    /// limits of a `long`.
    fn number(&mut self, start: &'a [u8]) -> Result<Token<'a>, Fault> {
        self.text = self.text.get(1..).unwrap_or_default();
        let negative = start.starts_with(b"-");
        let first = start.first().filter(|byte| byte.is_ascii_digit());
        let rest = self.take_while(|byte| byte.is_ascii_digit());
        if !self.text.starts_with(b".") {
            let value = first
                .into_iter()
                .chain(rest)
                .fold(0, |value: c_long, digit| {
                    let digit = c_long::from(digit - b'0');
                    value
                        .saturating_mul(10)
                        .saturating_add(if negative { -digit } else { digit })
                });
            return Ok(Token::Signed(value));
        }
        self.text = self.text.get(1..).unwrap_or_default();
        self.take_while(|byte| byte.is_ascii_digit());
        if let [b'e' | b'E', b'0'..=b'9', ..] | [b'e' | b'E', b'+' | b'-', b'0'..=b'9', ..] =
            self.text
        {
            self.text = self.text.get(2..).unwrap_or_default();
            self.take_while(|byte| byte.is_ascii_digit());
        }
        let length = start.len() - self.text.len();
        number::scan_float(start.get(..length).unwrap_or(start)).map(Token::Float)
    }

    fn argument(&mut self, directive: u8) -> Result<Token<'a>, Fault> {
        let from = self.arguments;
        // SAFETY: the arguments are what the format says.
        unsafe {
            Ok(match directive {
                b'a' => Token::Atom(ffi::text(ei_argument_pointer(from).cast())?),
                b's' => Token::String(ffi::text(ei_argument_pointer(from).cast())?),
                b'c' => Token::Unsigned((ei_argument_int(from) as u8).into()),
                b'i' => Token::Signed(ei_argument_int(from).into()),
                b'l' => Token::Signed(ei_argument_long(from)),
                b'u' => Token::Unsigned(ei_argument_long(from) as u64),
                b'f' | b'd' => Token::Float(ei_argument_double(from)),
                b'p' => Token::Pid(ei_argument_pointer(from).cast()),
                _ => return Err(Fault::Refused),
            })
        }
    }

    /// Passes over white space, and over `text` if that comes next.
    fn found(&mut self, text: &[u8]) -> bool {
        self.take_while(|byte| byte.is_ascii_whitespace() || byte == b'\x0b');
        match self.text.strip_prefix(text) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, text: &[u8]) -> Result<(), Fault> {
        if self.found(text) {
            Ok(())
        } else {
            Err(Fault::Refused)
        }
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.text.iter().position(|&byte| !belongs(byte));
        let (taken, rest) = self.text.split_at(end.unwrap_or(self.text.len()));
        self.text = rest;
        taken
    }
}
