//! What opens a term or a container: the version byte, and the headers of tuples, lists and maps.

use std::ffi::{c_char, c_int, c_long};

use einode_etf::{Writer, tag};

use crate::ffi::{self, Fault, decoders, encoders, put};
use crate::raw::{RawSink, Read};
use crate::types::ei_x_buff;

decoders! {
    /// The byte 131 that opens a stand-alone term. `version` gets what is there, even if that is
    /// refused.
    ei_decode_version(version: *mut c_int) |source| {
        let found = source.u8()?;
        put(version, found.into());
        if found == tag::VERSION { Ok(()) } else { Err(Fault::Refused) }
    };

    /// The arity of a tuple, whose elements follow.
    ei_decode_tuple_header(arity: *mut c_int) |source| {
        put(arity, match source.u8()? {
            tag::SMALL_TUPLE_EXT => source.u8()?.into(),
            tag::LARGE_TUPLE_EXT => source.count()?,
            _ => return Err(Fault::Refused),
        });
        Ok(())
    };

    /// The length of a list, whose elements and tail follow unless it is the empty list. A list in
    /// the form of a string is refused.
    ei_decode_list_header(arity: *mut c_int) |source| {
        put(arity, match source.u8()? {
            tag::NIL_EXT => 0,
            tag::LIST_EXT => source.count()?,
            _ => return Err(Fault::Refused),
        });
        Ok(())
    };

    /// The number of pairs of a map; a key and its value follow for each.
    ei_decode_map_header(arity: *mut c_int) |source| {
        put(arity, match source.u8()? {
            tag::MAP_EXT => source.count()?,
            _ => return Err(Fault::Refused),
        });
        Ok(())
    };
}

encoders! {
    /// The byte 131 that opens a stand-alone term.
    ei_encode_version(),
    ei_x_encode_version() |sink| Ok(Writer::new(sink).version()?);

    /// The header of a tuple; `arity` terms follow.
    ei_encode_tuple_header(arity: c_int),
    ei_x_encode_tuple_header(arity: c_long)
    |sink| Ok(Writer::new(sink).tuple(count(arity)?)?);

    /// The header of a list; `arity` terms and a tail follow, or, if `arity` is 0, nothing.
    ei_encode_list_header(arity: c_int),
    ei_x_encode_list_header(arity: c_long)
    |sink| match count(arity)? {
        0 => Ok(Writer::new(sink).nil()?),
        length => Ok(Writer::new(sink).list(length)?),
    };

    /// The header of a map; `arity` times a key and its value follow.
    ei_encode_map_header(arity: c_int),
    ei_x_encode_map_header(arity: c_long)
    |sink| Ok(Writer::new(sink).map(count(arity)?)?);
}

/// The empty list, at the end of `x`. It is also the tail of a proper list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_x_encode_empty_list(x: *mut ei_x_buff) -> c_int {
    // SAFETY: the pointer is what ei.h says.
    unsafe { ffi::append(x, |sink: &mut RawSink| Ok(Writer::new(sink).nil()?)) }
}

/// A number of elements, which is not negative and fits an `int`.
fn count(arity: impl Into<c_long>) -> Result<usize, Fault> {
    match c_int::try_from(arity.into()) {
        Ok(arity @ 0..) => Ok(arity as usize),
        _ => Err(Fault::Refused),
    }
}
