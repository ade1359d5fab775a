//! Iodata: binaries, and lists of bytes, binaries and such lists.

use std::ffi::{c_char, c_int};
use std::ptr;

use einode_etf::{Source, tag};

use crate::ffi::{Fault, Outcome, decoders, put};
use crate::number::read_signed;
use crate::raw::Read;

decoders! {
    /// The bytes of iodata, for which `out_buf` has room, and their number.
    ///
    /// On failure the index is at the term that is no iodata, and the number that of the bytes before
    /// it.
    ei_decode_iodata(szp: *mut c_int, out_buf: *mut c_char) |source| {
        let mut bytes = Bytes { to: out_buf.cast(), count: 0 };
        let outcome = read(source, &mut bytes).map_err(|_| Fault::Moved);
        put(szp, bytes.count);
        outcome
    };
}

/// Where the bytes go.
struct Bytes {
    /// Null to only count.
    to: *mut u8,
    count: c_int,
}

impl Bytes {
    fn put(&mut self, bytes: &[u8]) -> Outcome {
        let count = c_int::try_from(bytes.len()).ok();
        let count = count.and_then(|count| self.count.checked_add(count));
        let count = count.ok_or(Fault::Refused)?;
        if !self.to.is_null() {
            // SAFETY: the caller of `ei_decode_iodata` promised the room.
            unsafe {
                ptr::copy(
                    bytes.as_ptr(),
                    self.to.add(self.count as usize),
                    bytes.len(),
                )
            };
        }
        self.count = count;
        Ok(())
    }
}

fn read<'a>(source: &mut impl Source<'a>, bytes: &mut Bytes) -> Outcome {
    // Of each list that is open, how many elements are left before its tail.
    let mut open: Vec<c_int> = Vec::new();
    loop {
        let is_element = match open.last_mut() {
            None => false,
            Some(0) => {
                open.pop();
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
        };
        let mut ahead = source.clone();
        match ahead.u8()? {
            tag::SMALL_INTEGER_EXT | tag::INTEGER_EXT if is_element => {
                let value = read_signed(source)?;
                bytes.put(&[u8::try_from(value).map_err(|_| Fault::Refused)?])?;
                continue;
            }
            tag::STRING_EXT => {
                let length = ahead.u16()?;
                bytes.put(ahead.take(length.into())?)?;
            }
            tag::BINARY_EXT => {
                let length = ahead.count()?;
                bytes.put(ahead.take(length as usize)?)?;
            }
            tag::NIL_EXT => {}
            tag::LIST_EXT => open.push(ahead.count()?),
            _ => return Err(Fault::Refused),
        }
        *source = ahead;
        if open.is_empty() {
            return Ok(());
        }
    }
}
