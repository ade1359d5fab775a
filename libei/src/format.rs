//! Terms from a text with arguments, as `printf` makes text.

use std::arch::naked_asm;
use std::ffi::{CStr, c_char, c_double, c_int, c_long, c_void};

use einode_etf::text::ei::{NotATerm, Token, tokens};
use einode_etf::{Sink, Writer};

use crate::atom;
use crate::ffi::{self, ERROR, OK, Outcome, guard};
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
            match tokens(text, |directive| argument(arguments, directive)) {
                Ok(tokens) => ffi::append(x, |sink| {
                    tokens.iter().try_for_each(|token| write(token, sink))
                }),
                Err(_) => ERROR,
            }
        }
    })
}

/// An argument.
enum Argument<'a> {
    Signed(c_long),
    Unsigned(u64),
    Float(f64),
    Atom(&'a [u8]),
    String(&'a [u8]),
    Pid(*const erlang_pid),
}

/// The next argument, by the letter after its `~`.
///
/// # Safety
/// The arguments are what the format says.
unsafe fn argument<'a>(from: *mut Arguments, directive: u8) -> Result<Argument<'a>, NotATerm> {
    // SAFETY: as the caller promised.
    unsafe {
        let text = |from| ffi::text(ei_argument_pointer(from).cast()).map_err(|_| NotATerm);
        Ok(match directive {
            b'a' => Argument::Atom(text(from)?),
            b's' => Argument::String(text(from)?),
            b'c' => Argument::Unsigned((ei_argument_int(from) as u8).into()),
            b'i' => Argument::Signed(ei_argument_int(from).into()),
            b'l' => Argument::Signed(ei_argument_long(from)),
            b'u' => Argument::Unsigned(ei_argument_long(from) as u64),
            b'f' | b'd' => Argument::Float(ei_argument_double(from)),
            b'p' => Argument::Pid(ei_argument_pointer(from).cast()),
            _ => return Err(NotATerm),
        })
    }
}

fn write(token: &Token<'_, Argument<'_>>, sink: &mut impl Sink) -> Outcome {
    match *token {
        Token::Integer(value) | Token::Argument(Argument::Signed(value)) => {
            write_signed(sink, value)
        }
        Token::Argument(Argument::Unsigned(value)) => write_unsigned(sink, value),
        Token::Float(value) | Token::Argument(Argument::Float(value)) => {
            number::write_float(sink, value)
        }
        Token::Atom(name) | Token::Argument(Argument::Atom(name)) => {
            atom::write(sink, name, ERLANG_LATIN1)
        }
        Token::String(bytes) | Token::Argument(Argument::String(bytes)) => {
            Ok(Writer::new(sink).string(bytes)?)
        }
        // SAFETY: the argument is what the format says.
        Token::Argument(Argument::Pid(pid)) => unsafe { write_pid(sink, pid) },
        Token::Tuple(arity) => Ok(Writer::new(sink).tuple(arity)?),
        Token::List(length) => Ok(Writer::new(sink).list(length)?),
        Token::Nil => Ok(Writer::new(sink).nil()?),
        Token::Map(pairs) => Ok(Writer::new(sink).map(pairs)?),
    }
}
