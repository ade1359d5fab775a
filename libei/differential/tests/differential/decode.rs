use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::slice;

use ei::types::*;
use einode_libei_differential::{all, assert_all_same};

use crate::corpus::{Case, cases, terms, with_deep_stack};

type Decoder<T> = unsafe extern "C" fn(*const c_char, *mut c_int, *mut T) -> c_int;

/// What a decoder does at the start of a buffer: result, index and, if it succeeded, all bytes of the
/// value; then result and index without a place for the value.
unsafe fn decode<T>(case: &Case, decoder: Decoder<T>) -> ([c_int; 4], Option<Vec<u8>>) {
    let mut value = Box::<MaybeUninit<T>>::new_uninit();
    let size = size_of::<T>();
    // SAFETY: the value has that many bytes, all of which are set here; a decoder may leave some.
    unsafe {
        value.as_mut_ptr().cast::<u8>().write_bytes(0xaa, size);
        let (mut index, mut null_index) = (0, 0);
        let result = decoder(case.ptr(), &mut index, value.as_mut_ptr().cast());
        let null_result = decoder(case.ptr(), &mut null_index, ptr::null_mut());
        let bytes = slice::from_raw_parts(value.as_ptr().cast::<u8>(), size);
        (
            [result, index, null_result, null_index],
            (result >= 0).then(|| bytes.to_vec()),
        )
    }
}

/// Compares decoders that take one pointer.
macro_rules! same_decoding {
    ($case:expr; $($decoder:ident),*) => { $(
        assert_all_same!(decode($case, $decoder), "{} of {:02x?}", stringify!($decoder), $case.term());
    )* };
}

/// Runs `check` with every case.
fn for_every_case(mut check: impl FnMut(&Case)) {
    let mut count = 0;
    for term in terms() {
        for case in cases(&term).filter(Case::is_bounded) {
            check(&case);
            count += 1;
        }
    }
    assert!(count > 30_000, "{count}");
}

#[test]
fn numbers() {
    for_every_case(|case| {
        same_decoding!(case; ei_decode_long, ei_decode_longlong, ei_decode_ulong,
            ei_decode_ulonglong, ei_decode_double, ei_decode_boolean, ei_decode_version);
        // Where there are no digits, OTP takes the next byte as one.
        if !case.starts_with(b"n\0") && !case.starts_with(b"o\0\0\0\0") {
            same_decoding!(case; ei_decode_char);
        }
    });
}

#[test]
fn headers() {
    for_every_case(|case| {
        same_decoding!(case; ei_decode_tuple_header, ei_decode_list_header, ei_decode_map_header);
        assert_all_same!(
            {
                let (index, mut kind, mut size) = (0, -7, -7);
                (
                    ei_get_type(case.ptr(), &index, &mut kind, &mut size),
                    kind,
                    size,
                )
            },
            "type of {:02x?}",
            case.term()
        );
    });
}

#[test]
fn identifiers() {
    for_every_case(|case| {
        same_decoding!(case; ei_decode_pid, ei_decode_ref, ei_decode_trace);
        // OTP extends the sign of an id of 32 bits to 64.
        if !case.is_wide_port() {
            same_decoding!(case; ei_decode_port);
        }
    });
}

#[test]
fn atoms() {
    for_every_case(|case| {
        assert_all_same!(
            {
                let (mut index, mut name) = (0, [0x55 as c_char; MAXATOMLEN]);
                let result = ei_decode_atom(case.ptr(), &mut index, name.as_mut_ptr());
                (result, index, (result == 0).then_some(name))
            },
            "atom of {:02x?}",
            case.term()
        );
        if !b"dsvw".contains(&case.term()[0]) {
            return;
        }
        for want in 0..8 {
            for room in [1, 4, 5, 256, MAXATOMLEN_UTF8 as c_int] {
                let (ours, theirs, inlined) = all!({
                    let (mut index, mut name) = (0, [0x55 as c_char; 2000]);
                    let (mut was, mut result) = (99, 99);
                    let code = ei_decode_atom_as(
                        case.ptr(),
                        &mut index,
                        name.as_mut_ptr(),
                        room,
                        want,
                        &mut was,
                        &mut result,
                    );
                    (code, index, (code == 0).then_some((was, result, name)))
                });
                assert_eq!(inlined, ours, "{:02x?} as {want} in {room}", case.term());
                // OTP writes one byte too many where the last character becomes two.
                if theirs.2.is_some_and(|(.., name)| name[room as usize] == 0) {
                    assert_eq!(ours, (-1, 0, None));
                } else {
                    assert!(
                        ours == theirs,
                        "{:02x?} as {want} in {room}: {ours:x?} {theirs:x?}",
                        case.term()
                    );
                }
            }
        }
    });
}

#[test]
fn text() {
    let mut text = vec![0_u8; 300_000];
    for_every_case(|case| {
        assert_all_same!(
            {
                let mut index = 0;
                let result = ei_decode_string(case.ptr(), &mut index, text.as_mut_ptr().cast());
                (
                    result,
                    index,
                    (result == 0).then(|| text[..index as usize].to_vec()),
                )
            },
            "string of {:02x?}",
            case.term()
        );
        assert_all_same!(
            {
                let (mut index, mut length) = (0, -7);
                let result = ei_decode_binary(
                    case.ptr(),
                    &mut index,
                    text.as_mut_ptr().cast(),
                    &mut length,
                );
                (
                    result,
                    index,
                    length,
                    (result == 0).then(|| text[..length as usize].to_vec()),
                )
            },
            "binary of {:02x?}",
            case.term()
        );
        assert_all_same!(
            {
                let (mut index, mut bytes, mut offset, mut bits) = (0, ptr::null(), 9_u32, 9_usize);
                let result =
                    ei_decode_bitstring(case.ptr(), &mut index, &mut bytes, &mut offset, &mut bits);
                (result, index, bytes, offset, bits)
            },
            "bits of {:02x?}",
            case.term()
        );
        if case.is_cut_off() {
            return;
        }
        assert_all_same!(
            {
                let (mut index, mut count) = (0, -7);
                let mut integers = vec![0 as c_long; 70_000];
                let result =
                    ei_decode_intlist(case.ptr(), &mut index, integers.as_mut_ptr(), &mut count);
                integers.truncate(count.max(0) as usize);
                (result, index, count, integers)
            },
            "integers of {:02x?}",
            case.term()
        );
        for p in [ptr::null_mut::<c_void>(), ptr::null_mut()] {
            assert_all_same!(
                {
                    let mut i = [0; 4];
                    let results = [
                        ei_decode_string(case.ptr(), &mut i[0], p.cast()),
                        ei_decode_binary(case.ptr(), &mut i[1], p, p.cast()),
                        ei_decode_bitstring(case.ptr(), &mut i[2], p.cast(), p.cast(), p.cast()),
                        ei_decode_intlist(case.ptr(), &mut i[3], p.cast(), p.cast()),
                    ];
                    (results, i)
                },
                "text without a place of {:02x?}",
                case.term()
            );
        }
    });
}

#[test]
fn iodata() {
    let mut bytes = vec![0_u8; 300_000];
    for_every_case(|case| {
        // What is no iodata is found before the buffer ends, unless a length within is wrong.
        if case.is_cut_off() {
            return;
        }
        assert_all_same!(
            {
                let (mut index, mut size) = (0, -7);
                let result =
                    ei_decode_iodata(case.ptr(), &mut index, &mut size, bytes.as_mut_ptr().cast());
                (result, index, size, bytes[..size as usize].to_vec())
            },
            "iodata of {:02x?}",
            case.term()
        );
        assert_all_same!(
            {
                let mut index = 0;
                let result =
                    ei_decode_iodata(case.ptr(), &mut index, ptr::null_mut(), ptr::null_mut());
                (result, index)
            },
            "iodata without a place of {:02x?}",
            case.term()
        );
    });
}

#[test]
fn funs() {
    for_every_case(|case| {
        if !case.is_sound() {
            return;
        }
        assert_all_same!(
            {
                let (mut index, mut fun) = (0, MaybeUninit::<erlang_fun>::zeroed());
                let result = ei_decode_fun(case.ptr(), &mut index, fun.as_mut_ptr());
                let mut null_index = 0;
                let null_result = ei_decode_fun(case.ptr(), &mut null_index, ptr::null_mut());
                let read = (result == 0).then(|| {
                    let read = describe(fun.assume_init_ref());
                    free_fun(fun.as_mut_ptr());
                    read
                });
                (result, index, read, null_result, null_index)
            },
            "fun of {:02x?}",
            case.term()
        );
    });
}

type Described = (c_long, Vec<u8>, c_uint, Vec<u8>, Vec<c_long>);

fn describe(fun: &erlang_fun) -> Described {
    let text = |text: *const c_char| {
        // SAFETY: names end with NUL.
        unsafe { std::ffi::CStr::from_ptr(text) }
            .to_bytes()
            .to_vec()
    };
    // SAFETY: the type says which member there is.
    let (bytes, numbers) = unsafe {
        if fun.r#type == EI_FUN_EXPORT {
            (
                text(fun.u.exprt.func),
                vec![fun.u.exprt.func_allocated.into()],
            )
        } else {
            let closure = fun.u.closure;
            let mut bytes = text(closure.pid.node.as_ptr());
            if !closure.free_vars.is_null() {
                let free = closure.free_vars.cast::<u8>();
                bytes.extend(slice::from_raw_parts(free, closure.free_var_len as usize));
            }
            // The oldest form has none, and no value for them either.
            let (md5, old_index) = if fun.arity == -1 {
                ([0; 16], 0)
            } else {
                (closure.md5, closure.old_index)
            };
            bytes.extend(md5.map(|byte| byte as u8));
            let numbers = vec![
                closure.index,
                old_index,
                closure.uniq,
                closure.n_free_vars,
                closure.free_var_len,
                closure.pid.num.into(),
                closure.pid.serial.into(),
                closure.pid.creation.into(),
            ];
            (bytes, numbers)
        }
    };
    (
        fun.arity,
        text(fun.module.as_ptr()),
        fun.r#type,
        bytes,
        numbers,
    )
}

#[test]
fn whole_terms() {
    with_deep_stack(skip_and_read);
}

fn skip_and_read() {
    for_every_case(|case| {
        // OTP passes over what is no term within one that is, and over what is no length.
        if case.is_sound() {
            assert_all_same!(
                {
                    let mut index = 0;
                    (ei_skip_term(case.ptr(), &mut index), index)
                },
                "skip {:02x?}",
                case.term()
            );
        }
        // OTP reads integers of four digits, but not their value.
        if !case.starts_with(b"n\x04") && !case.is_wide_port() {
            assert_all_same!(
                {
                    let (mut index, mut term) = (0, MaybeUninit::<ei_term>::zeroed());
                    let result = ei_decode_ei_term(case.ptr(), &mut index, term.as_mut_ptr());
                    let bytes =
                        slice::from_raw_parts(term.as_ptr().cast::<u8>(), size_of::<ei_term>());
                    (result, index, (result >= 0).then(|| bytes.to_vec()))
                },
                "value of {:02x?}",
                case.term()
            );
        }
    });
}

#[test]
fn big_integers() {
    for_every_case(|case| {
        let [first, length, ..] = *case.term() else {
            return;
        };
        for arity in [0, 4, 8, 9, length.min(120).into()] {
            assert_all_same!(
                {
                    let big = ei_alloc_big(arity);
                    let mut index = 0;
                    let result = ei_decode_big(case.ptr(), &mut index, big);
                    let mut null_index = 0;
                    let null_result = ei_decode_big(case.ptr(), &mut null_index, ptr::null_mut());
                    let read = (result == 0).then(|| {
                        let mut double = 0.0;
                        let converted = ei_big_to_double(big, &mut double);
                        let mut bytes = vec![0_u8; 400 + arity as usize];
                        let mut end = 0;
                        let written = ei_encode_big(bytes.as_mut_ptr().cast(), &mut end, big);
                        let double = (converted == 0).then(|| double.to_bits());
                        (converted, double, written, end, bytes, (*big).is_neg)
                    });
                    ei_free_big(big);
                    (result, index, read, null_result, null_index)
                },
                "big of {arity} from {first} {:02x?}",
                case.term()
            );
        }
    });
}
