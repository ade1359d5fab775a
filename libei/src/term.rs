//! Any term: its type, its value if that is small, and what follows it.

use std::ffi::{c_char, c_int};

use einode_etf::{Kind, Source, tag};

use crate::atom;
use crate::ffi::{ERROR, Fault, OK, decoders, failed, guard, put};
use crate::ids::{self, member};
use crate::number;
use crate::raw::{RawSource, Read};
use crate::text;
use crate::types::{ERLANG_LATIN1, MAXATOMLEN, ei_term};

decoders! {
    /// Moves the index past one term.
    ei_skip_term() |source| Ok(source.read(|reader| reader.skip())?);
}

/// The type of the next term and its size: of atoms, strings, binaries and large integers the number
/// of bytes, of tuples, lists and maps the number of elements, of others 0.
///
/// Types that have several tags give one of them, that of their oldest form. It is not checked
/// whether a term follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_get_type(
    buf: *const c_char,
    index: *const c_int,
    r#type: *mut c_int,
    size: *mut c_int,
) -> c_int {
    if buf.is_null() || index.is_null() {
        return failed();
    }
    guard(ERROR, || {
        // SAFETY: the pointers are what ei.h says.
        unsafe {
            let mut source = RawSource::new(buf, *index);
            let Ok(found) = source.u8() else {
                return ERROR;
            };
            let (general, width) = form(found);
            put(r#type, general.into());
            match read_size(width, &mut source) {
                Ok(found) => {
                    put(size, found);
                    OK
                }
                Err(_) => {
                    put(size, 0);
                    failed()
                }
            }
        }
    })
}

/// The next term, if it is small: 1 if `term` has its value, or the arity of a container whose
/// elements follow. 0 if it has only the size of a term that does not fit; the index then stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_decode_ei_term(
    buf: *const c_char,
    index: *mut c_int,
    term: *mut ei_term,
) -> c_int {
    if buf.is_null() || index.is_null() || term.is_null() {
        return failed();
    }
    // SAFETY: the pointers are what ei.h says.
    unsafe {
        match read_small(RawSource::new(buf, *index), term) {
            Some(end) => {
                *index = end;
                1
            }
            None => decode_other(buf, index, term),
        }
    }
}

/// [`ei_decode_ei_term`] of what [`read_small`] does not read.
#[inline(never)]
unsafe extern "C" fn decode_other(
    buf: *const c_char,
    index: *mut c_int,
    term: *mut ei_term,
) -> c_int {
    guard(ERROR, || {
        // SAFETY: the pointers are what ei.h says.
        unsafe {
            let mut source = RawSource::new(buf, *index);
            match (read_other(&mut source, term), source.index()) {
                (Ok(Fit::Value), Some(end)) => {
                    *index = end;
                    1
                }
                (Ok(Fit::TooLarge), _) => 0,
                _ => ERROR,
            }
        }
    })
}

/// The tag that stands for all of the type, and how many bytes behind a tag say the size. Both are
/// looked up instead of found out.
#[inline]
fn form(found: u8) -> (u8, u8) {
    #[expect(
        clippy::indexing_slicing,
        reason = "while compiling, and below the length"
    )]
    const FORMS: [(u8, u8); 256] = {
        let mut forms = [(0, 0); 256];
        let mut tag = 0;
        while tag < forms.len() {
            forms[tag] = (general(tag as u8), width(tag as u8));
            tag += 1;
        }
        forms
    };
    FORMS.get(usize::from(found)).copied().unwrap_or_default()
}

const fn general(found: u8) -> u8 {
    match Kind::of_tag(found) {
        Some(Kind::Atom) if found != tag::ATOM_CACHE_REF => tag::ATOM_EXT,
        Some(Kind::Float) => tag::FLOAT_EXT,
        Some(Kind::Pid) => tag::PID_EXT,
        Some(Kind::Port) => tag::PORT_EXT,
        Some(Kind::Reference) if found != tag::REFERENCE_EXT => tag::NEW_REFERENCE_EXT,
        _ => found,
    }
}

const fn width(found: u8) -> u8 {
    match found {
        tag::SMALL_ATOM_EXT
        | tag::SMALL_ATOM_UTF8_EXT
        | tag::SMALL_TUPLE_EXT
        | tag::SMALL_BIG_EXT => 1,
        tag::ATOM_EXT | tag::ATOM_UTF8_EXT | tag::STRING_EXT => 2,
        tag::LARGE_TUPLE_EXT
        | tag::LIST_EXT
        | tag::MAP_EXT
        | tag::BINARY_EXT
        | tag::BIT_BINARY_EXT
        | tag::LARGE_BIG_EXT => 4,
        _ => 0,
    }
}

/// What `ei_get_type` calls the size of a term, whose tag is behind: a number of so many bytes.
#[inline]
fn read_size<'a>(width: u8, source: &mut impl Source<'a>) -> Result<c_int, Fault> {
    Ok(match width {
        0 => 0,
        1 => source.u8()?.into(),
        2 => source.u16()?.into(),
        _ => source.count()?,
    })
}

/// [`read_size`] of a term that has this tag.
pub(crate) fn size_of_body<'a>(found: u8, source: &mut impl Source<'a>) -> Result<c_int, Fault> {
    read_size(form(found).1, source)
}

/// Whether a term's value fits an [`ei_term`].
enum Fit {
    Value,
    TooLarge,
}

/// Reads a small integer or a header, so a few bytes; gives the index behind it.
///
/// # Safety
/// `term` has room for a term.
#[inline]
unsafe fn read_small(mut source: RawSource<'_>, term: *mut ei_term) -> Option<c_int> {
    let found = source.u8().ok()?;
    // SAFETY, of all: as the caller promised.
    let arity = match found {
        tag::SMALL_INTEGER_EXT | tag::INTEGER_EXT => {
            let value = number::signed_body(found, &mut source).ok()?;
            unsafe { put(member!(term, value.i_val), value) };
            None
        }
        tag::NIL_EXT => Some(0),
        tag::SMALL_TUPLE_EXT => Some(source.u8().ok()?.into()),
        tag::LARGE_TUPLE_EXT | tag::LIST_EXT | tag::MAP_EXT => Some(source.count().ok()?),
        _ => return None,
    };
    unsafe { put(member!(term, ei_type), found as c_char) };
    if let Some(arity) = arity {
        unsafe { put(member!(term, arity), arity) };
    }
    source.index()
}

/// # Safety
/// `term` has room for a term.
unsafe fn read_other<'a>(source: &mut impl Source<'a>, term: *mut ei_term) -> Result<Fit, Fault> {
    let found = source.peek()?;
    // SAFETY: as the caller promised.
    unsafe {
        put(member!(term, ei_type), form(found).0 as c_char);
        match found {
            tag::SMALL_BIG_EXT => {
                let mut header = source.clone();
                let [_, digits] = header.array()?;
                put(member!(term, arity), digits.into());
                let value = number::read_signed(source)?;
                if digits != 4 || i32::try_from(value).is_err() {
                    return Err(Fault::Refused);
                }
                put(member!(term, value.i_val), value);
            }
            tag::FLOAT_EXT | tag::NEW_FLOAT_EXT => {
                put(member!(term, value.d_val), number::read_float(source)?);
            }
            tag::ATOM_EXT | tag::SMALL_ATOM_EXT | tag::ATOM_UTF8_EXT | tag::SMALL_ATOM_UTF8_EXT => {
                let name = member!(term, value.atom_name).cast();
                atom::read(source, name, MAXATOMLEN as c_int, ERLANG_LATIN1)?;
            }
            tag::PID_EXT | tag::NEW_PID_EXT => ids::read_pid(source, member!(term, value.pid))?,
            tag::PORT_EXT | tag::NEW_PORT_EXT => ids::read_port(source, member!(term, value.port))?,
            tag::REFERENCE_EXT | tag::NEW_REFERENCE_EXT | tag::NEWER_REFERENCE_EXT => {
                ids::read_ref(source, member!(term, value.r#ref))?;
                put(member!(term, ei_type), tag::NEW_REFERENCE_EXT as c_char);
            }
            tag::STRING_EXT | tag::BINARY_EXT => {
                source.take(1)?;
                put(member!(term, size), size_of_body(found, source)?);
                return Ok(Fit::TooLarge);
            }
            tag::BIT_BINARY_EXT => {
                let (bytes, _) = text::read_bits(source)?;
                put(member!(term, size), bytes.len() as c_int);
                return Ok(Fit::TooLarge);
            }
            tag::LARGE_BIG_EXT | tag::NEW_FUN_EXT => return Ok(Fit::TooLarge),
            _ => return Err(Fault::Refused),
        }
    }
    Ok(Fit::Value)
}
