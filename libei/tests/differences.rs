//! What differs from OTP's libei on purpose; the README has the list.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr::{self, null, null_mut};

use ei::types::*;
use ei::*;

const NODE: &[u8] = b"w\x03a@b";

/// A function that reads a term into nothing.
type Reader = fn(*const c_char, *mut c_int) -> c_int;

/// Every decoder, without a place for its value.
fn decoders() -> Vec<(&'static str, Reader)> {
    macro_rules! all {
        ($($name:ident($($null:ident),*);)*) => {
            vec![$((
                stringify!($name),
                // SAFETY: values may have no place.
                (|buf, index| unsafe { $name(buf, index, $($null()),*) }) as Reader,
            )),*]
        };
    }
    all! {
        ei_decode_atom(null_mut);
        ei_decode_big(null_mut);
        ei_decode_binary(null_mut, null_mut);
        ei_decode_bitstring(null_mut, null_mut, null_mut);
        ei_decode_boolean(null_mut);
        ei_decode_char(null_mut);
        ei_decode_double(null_mut);
        ei_decode_ei_term(null_mut);
        ei_decode_fun(null_mut);
        ei_decode_intlist(null_mut, null_mut);
        ei_decode_iodata(null_mut, null_mut);
        ei_decode_list_header(null_mut);
        ei_decode_long(null_mut);
        ei_decode_longlong(null_mut);
        ei_decode_map_header(null_mut);
        ei_decode_pid(null_mut);
        ei_decode_port(null_mut);
        ei_decode_ref(null_mut);
        ei_decode_string(null_mut);
        ei_decode_trace(null_mut);
        ei_decode_tuple_header(null_mut);
        ei_decode_ulong(null_mut);
        ei_decode_ulonglong(null_mut);
        ei_decode_version(null_mut);
        ei_skip_term();
    }
}

/// Result and index of a decoder.
fn run(decoder: Reader, bytes: &[u8]) -> (c_int, c_int) {
    let mut index = 0;
    (decoder(bytes.as_ptr().cast(), &mut index), index)
}

#[test]
fn null_where_there_must_be_something_is_refused() {
    for (name, decoder) in decoders() {
        let mut index = 5;
        assert_eq!(decoder(null(), &mut index), -1, "{name}");
        assert_eq!(index, 5, "{name}");
        assert_eq!(decoder(c"a".as_ptr(), null_mut()), -1, "{name}");
    }
    let mut index = 0;
    let (buf, x) = (null_mut(), null_mut());
    // SAFETY: null is what is tested.
    unsafe {
        assert_eq!(ei_encode_long(buf, null_mut(), 1), -1);
        assert_eq!(ei_encode_atom(buf, &mut index, null()), -1);
        assert_eq!(ei_encode_string(buf, &mut index, null()), -1);
        assert_eq!(ei_encode_binary(buf, &mut index, null(), 1), -1);
        assert_eq!(ei_encode_bitstring(buf, &mut index, null(), 0, 1), -1);
        assert_eq!(ei_encode_pid(buf, &mut index, null()), -1);
        assert_eq!(ei_encode_port(buf, &mut index, null()), -1);
        assert_eq!(ei_encode_ref(buf, &mut index, null()), -1);
        assert_eq!(ei_encode_fun(buf, &mut index, null()), -1);
        assert_eq!(ei_encode_trace(buf, &mut index, null()), -1);
        assert_eq!(ei_encode_big(buf, &mut index, null_mut()), -1);
        assert_eq!(index, 0);
        assert_eq!(ei_x_encode_long(x, 1), -1);
        assert_eq!(ei_x_new(x), -1);
        assert_eq!(ei_x_new_with_version(x), -1);
        assert_eq!(ei_x_free(x), -1);
        assert_eq!(ei_x_append(x, x), -1);
        assert_eq!(ei_x_append_buf(x, null(), 0), -1);
        assert_eq!(ei_get_type(null(), &index, null_mut(), null_mut()), -1);
        assert_eq!(ei_print_term(null_mut(), c"a".as_ptr(), &mut index), -1);
        assert_eq!(ei_s_print_term(null_mut(), c"a".as_ptr(), &mut index), -1);
        assert_eq!(ei_cmp_pids(null_mut(), null_mut()), 0);
        assert_eq!(ei_big_comp(null_mut(), null_mut()), 0);
        assert_eq!(ei_small_to_big(1, null_mut()), -1);
        assert_eq!(ei_big_to_double(null_mut(), null_mut()), -1);
        ei_free_big(null_mut());
        free_fun(null_mut());
    }
}

#[test]
fn counts_beyond_an_int_are_refused() {
    for tag in b"ilmMotup" {
        for count in [&[0x80, 0, 0, 0], &[0xff; 4]] {
            let mut bytes = vec![*tag];
            bytes.extend_from_slice(count);
            bytes.resize(200, 0);
            for (name, decoder) in decoders() {
                let (result, index) = run(decoder, &bytes);
                assert_eq!((result, index), (-1, 0), "{name} of {}", char::from(*tag));
            }
            let (mut kind, mut size) = (0, 7);
            // SAFETY: the pointers are valid.
            let result = unsafe { ei_get_type(bytes.as_ptr().cast(), &0, &mut kind, &mut size) };
            if *tag != b'p' && *tag != b'u' {
                assert_eq!((result, kind, size), (-1, (*tag).into(), 0));
            }
        }
    }
}

#[test]
fn an_index_does_not_wrap() {
    let mut index = c_int::MAX - 2;
    // SAFETY: without a buffer, only the index moves.
    unsafe {
        assert_eq!(ei_encode_long(null_mut(), &mut index, 1 << 40), -1);
        assert_eq!(index, c_int::MAX - 2);
        assert_eq!(ei_encode_long(null_mut(), &mut index, 1), 0);
        assert_eq!(index, c_int::MAX);
        let mut byte = 0;
        let mut x = ei_x_buff {
            buff: &mut byte,
            buffsz: 1,
            index: c_int::MAX - 1,
        };
        assert_eq!(ei_x_append_buf(&mut x, c"abc".as_ptr(), 3), -1);
        assert_eq!(ei_x_encode_long(&mut x, 1), -1);
        assert_eq!((x.index, x.buffsz), (c_int::MAX - 1, 1));
    }
    // A binary whose end an index cannot reach.
    let skip: Reader = |buf, index| {
        // SAFETY: the length is refused before the bytes are looked at.
        unsafe { ei_skip_term(buf, index) }
    };
    assert_eq!(run(skip, b"m\x7f\xff\xff\xff"), (-1, 0));
}

/// A buffer with this in it.
fn x_with(bytes: &[u8]) -> ei_x_buff {
    let mut x = MaybeUninit::uninit();
    // SAFETY: there is room for a buffer, which `ei_x_new` fills.
    unsafe {
        assert_eq!(ei_x_new(x.as_mut_ptr()), 0);
        let mut x = x.assume_init();
        let length = bytes.len() as c_int;
        assert_eq!(ei_x_append_buf(&mut x, bytes.as_ptr().cast(), length), 0);
        x
    }
}

#[test]
fn negative_and_excessive_lengths_are_refused() {
    let mut x = x_with(b"ab");
    let mut index = 1;
    let text = c"text".as_ptr();
    let reference = |len| erlang_ref {
        node: [0; MAXATOMLEN_UTF8],
        len,
        n: [0; 5],
        creation: 0,
    };
    // SAFETY: the pointers are valid.
    unsafe {
        assert_eq!(ei_encode_string_len(null_mut(), &mut index, text, -1), -1);
        assert_eq!(
            ei_encode_binary(null_mut(), &mut index, text.cast(), -1),
            -1
        );
        assert_eq!(ei_encode_ref(null_mut(), &mut index, &reference(-1)), -1);
        assert_eq!(ei_encode_ref(null_mut(), &mut index, &reference(6)), -1);
        assert_eq!(index, 1);
        assert_eq!(ei_x_encode_string_len(&mut x, text, -1), -1);
        assert_eq!(ei_x_encode_binary(&mut x, text.cast(), -1), -1);
        assert_eq!(ei_x_append_buf(&mut x, text, -1), -1);
        assert_eq!(ei_x_encode_tuple_header(&mut x, (1 << 32) + 5), -1);
        assert_eq!(ei_x_encode_list_header(&mut x, (1 << 32) + 5), -1);
        assert_eq!(ei_x_encode_map_header(&mut x, (1 << 32) + 5), -1);
        assert_eq!(x.index, 2);
        assert_eq!(ei_x_free(&mut x), 0);
    }
}

#[test]
fn a_buffer_can_be_appended_to_itself() {
    let mut x = x_with(b"abc");
    for _ in 0..10 {
        // SAFETY: it is a buffer.
        assert_eq!(unsafe { ei_x_append(&mut x, ptr::from_ref(&x)) }, 0);
    }
    // SAFETY: it has as many bytes as its index says.
    let bytes = unsafe { std::slice::from_raw_parts(x.buff.cast::<u8>(), x.index as usize) };
    assert_eq!(bytes, b"abc".repeat(1024));
    // SAFETY: it is a buffer.
    unsafe { ei_x_free(&mut x) };
}

#[test]
fn names_stay_within_their_room() {
    for room in -1..=3 {
        let mut name = [b'+' as c_char; 8];
        let mut index = 0;
        // "åb" takes three bytes and a NUL in UTF-8.
        // SAFETY: there is more room than is said.
        let result = unsafe {
            let (was, got) = (null_mut(), null_mut());
            let utf8 = ERLANG_UTF8;
            ei_decode_atom_as(
                c"s\x02\xe5b".as_ptr(),
                &mut index,
                name.as_mut_ptr(),
                room,
                utf8,
                was,
                got,
            )
        };
        assert_eq!((result, index), (-1, 0), "{room}");
        assert_eq!(name, [b'+' as c_char; 8], "{room}");
    }
}

fn skip(bytes: &[u8]) -> (c_int, c_int) {
    // SAFETY: the bytes hold what they announce, or are refused before.
    run(|buf, index| unsafe { ei_skip_term(buf, index) }, bytes)
}

fn print(bytes: &[u8]) -> (c_int, c_int, String) {
    let mut index = 0;
    let mut text = null_mut();
    // SAFETY: the bytes hold what they announce, or are refused before; the text is from `malloc`.
    unsafe {
        let result = ei_s_print_term(&mut text, bytes.as_ptr().cast(), &mut index);
        let printed = CStr::from_ptr(text).to_string_lossy().into_owned();
        ei_free(text.cast());
        (result, index, printed)
    }
}

#[test]
fn what_is_wrong_within_a_term_is_not_passed_over() {
    for bytes in [
        &b"h\x02a\x01\0"[..],
        b"l\0\0\0\x01a\x01\0",
        b"t\0\0\0\x01a\x01\0",
        b"h\x01h\x01h\x01z",
        // More elements, words and digits than any node has, and no words.
        b"i\x01\0\0\0",
        b"Z\0\0w\x03a@b\0\0\0\x01",
        b"Z\0\x06w\x03a@b\0\0\0\x01",
        b"o\0\x80\0\x01\0",
    ] {
        assert_eq!(skip(bytes), (-1, 0), "{bytes:02x?}");
    }
}

#[test]
fn the_text_of_an_atom_is_passed_over() {
    let long = [&b"v\x04\x00"[..], &[b'a'; 1024]].concat();
    assert_eq!(skip(&long), (0, long.len() as c_int));
}

#[test]
fn no_depth_is_too_deep() {
    const DEPTH: usize = 1_000_000;
    for (open, leaf, close) in [
        (&b"h\x01"[..], &b"a\x01"[..], &b""[..]),
        (b"l\0\0\0\x01", b"j", b"j"),
        (b"l\0\0\0\x01a\x01", b"j", b""),
        (b"t\0\0\0\x01a\x01", b"a\x01", b""),
    ] {
        let bytes = [open.repeat(DEPTH), leaf.to_vec(), close.repeat(DEPTH)].concat();
        let end = bytes.len() as c_int;
        assert_eq!(skip(&bytes), (0, end));
        let (printed, index, text) = print(&bytes);
        assert_eq!((printed as usize, index), (text.len(), end));
    }
    let nested = [
        b"l\0\0\0\x01".repeat(DEPTH),
        b"a\x07".to_vec(),
        b"j".repeat(DEPTH),
    ]
    .concat();
    let (mut index, mut size, mut byte) = (0, 0, 0);
    // SAFETY: there is one byte, and room for it.
    let result =
        unsafe { ei_decode_iodata(nested.as_ptr().cast(), &mut index, &mut size, &mut byte) };
    assert_eq!(
        (result, index, size, byte),
        (0, nested.len() as c_int, 1, 7)
    );
}

#[test]
fn records_are_passed_over_and_printed() {
    let record = b"C\0\0\0\x02\x01w\x06shapesw\x05pointw\x01xw\x01Ya\x01h\x01a\x02";
    let end = record.len() as c_int;
    assert_eq!(skip(record), (0, end));
    let text = "#shapes:point{x = 1, 'Y' = {2}}";
    assert_eq!(print(record), (text.len() as c_int, end, text.to_owned()));
    assert_eq!(print(b"C\0\0\0\0\0w\x01mw\x01r").2, "#m:r{}");
}

#[test]
fn nothing_is_too_long_to_print() {
    let mut bytes = b"o\0\0\x10\0\0".to_vec();
    bytes.resize(6 + 4096, 0xff);
    let text = format!("16#{}", "F".repeat(8192));
    assert_eq!(
        print(&bytes),
        (text.len() as c_int, bytes.len() as c_int, text)
    );
}

fn ei_term_of(bytes: &[u8]) -> (c_int, c_int, i64) {
    let mut term = MaybeUninit::<ei_term>::zeroed();
    let mut index = 0;
    // SAFETY: there is room for a term, all of whose members may be zero.
    unsafe {
        let result = ei_decode_ei_term(bytes.as_ptr().cast(), &mut index, term.as_mut_ptr());
        (result, index, term.assume_init().value.i_val)
    }
}

#[test]
fn integers_of_four_digits_have_their_value() {
    assert_eq!(ei_term_of(b"n\x04\0\x01\0\0\x10"), (1, 7, 0x1000_0001));
    assert_eq!(ei_term_of(b"n\x04\x01\0\0\0\x80"), (1, 7, i32::MIN.into()));
    assert_eq!(ei_term_of(b"n\x04\0\0\0\0\x80").0, -1);
}

#[test]
fn a_fun_ends_where_its_last_term_does() {
    let head = b"\x01abcdefghijklmnop\0\0\0\x02\0\0\0\x01w\x01ma\x02a\x03X";
    let body = [head, NODE, &[0; 12], b"a\x07"].concat();
    let right = body.len() as u32 + 4;
    for size in [0, 4, right - 1, right, right + 1, 0x7fff_ffff] {
        let bytes = [b"p", &size.to_be_bytes()[..], &body].concat();
        let mut fun = MaybeUninit::<erlang_fun>::zeroed();
        let mut index = 0;
        // SAFETY: there is room for a fun, which is freed if it was read.
        unsafe {
            let result = ei_decode_fun(bytes.as_ptr().cast(), &mut index, fun.as_mut_ptr());
            if size == right {
                assert_eq!((result, index), (0, bytes.len() as c_int));
                free_fun(fun.as_mut_ptr());
            } else {
                assert_eq!((result, index), (-1, 0), "{size}");
            }
        }
    }
}

#[test]
fn ports_have_no_sign() {
    let bytes = [b"Y", NODE, b"\xff\0\0\x01\0\0\0\x02"].concat();
    let mut port = MaybeUninit::<erlang_port>::uninit();
    let mut index = 0;
    // SAFETY: there is room for a port, and it is read.
    let port = unsafe {
        assert_eq!(
            ei_decode_port(bytes.as_ptr().cast(), &mut index, port.as_mut_ptr()),
            0
        );
        port.assume_init()
    };
    assert_eq!(port.id, 0xff00_0001);
}

#[test]
fn an_integer_without_digits_is_zero_everywhere() {
    let (bytes, mut char, mut index) = (*b"n\0\0", 9, 0);
    // SAFETY: the pointers are valid.
    assert_eq!(
        unsafe { ei_decode_char(bytes.as_ptr().cast(), &mut index, &mut char) },
        0
    );
    assert_eq!((char, index), (0, 3));
}

#[test]
fn large_integers_are_what_they_say() {
    let big = ei_alloc_big(4);
    let zeros = ei_alloc_big(4000);
    // SAFETY: both are large integers.
    unsafe {
        for number in [-3, 0, 7, c_int::MIN, c_int::MAX] {
            let mut double = 0.5;
            assert_eq!(ei_small_to_big(number, big), 0);
            assert_eq!(ei_big_to_double(big, &mut double), 0);
            assert_eq!(double, number.into());
        }
        ei_small_to_big(0, big);
        let mut double = 0.5;
        assert_eq!((ei_big_to_double(zeros, &mut double), double), (0, 0.0));
        assert_eq!(ei_big_comp(zeros, big), 0);
        ei_free_big(big);
        ei_free_big(zeros);
    }
}

#[test]
fn nodes_of_which_too_little_is_said_are_refused() {
    let mut ec = MaybeUninit::uninit();
    let ec = ec.as_mut_ptr();
    let (name, none) = (c"a".as_ptr(), null());
    // SAFETY: there is room for a node, and the rest may be null.
    unsafe {
        for [host, alive, node] in [[none, name, name], [name, name, none]] {
            assert_eq!(
                ei_connect_xinit(ec, host, alive, node, null_mut(), name, 5),
                -1
            );
        }
        assert_eq!(
            ei_connect_xinit(null_mut(), name, name, name, null_mut(), name, 5),
            -1
        );
        let size = size_of::<ei_socket_callbacks>() as c_int;
        assert_eq!(
            ei_connect_init_ussi(ec, name, name, 5, null_mut(), size, null_mut()),
            -1
        );
        let callbacks = (&raw const ei_default_socket_callbacks).cast_mut();
        for size in [-1, -size, c_int::MIN] {
            assert_eq!(
                ei_connect_init_ussi(ec, name, name, 5, callbacks, size, null_mut()),
                -1
            );
        }
    }
}

#[test]
fn a_name_is_not_cut() {
    let alive = CString::new("x".repeat(EI_MAXALIVELEN)).unwrap();
    let mut ec = MaybeUninit::<ei_cnode>::uninit();
    // SAFETY: there is room for a node, which `ei_connect_init` fills.
    unsafe {
        let init = |ec, alive: &CStr| ei_connect_init(ec, alive.as_ptr(), c"".as_ptr(), 5);
        assert_eq!(init(ec.as_mut_ptr(), c"a"), 0);
        let host = CStr::from_ptr(ei_thishostname(ec.as_ptr()))
            .to_bytes()
            .len();
        let fits = EI_MAXALIVELEN + 1 + host <= MAXNODELEN;
        let expected = if fits { 0 } else { -1 };
        assert_eq!(init(ec.as_mut_ptr(), &alive), expected);
    }
}

#[test]
fn a_mutex_that_is_held_is_not_held_by_another() {
    // SAFETY: a mutex, until it is destroyed.
    unsafe {
        let mutex = ei_mutex_create();
        assert_eq!(ei_mutex_lock(mutex, 0), 0);
        assert_eq!(ei_mutex_lock(mutex, 1), -1);
        assert_eq!(ei_mutex_free(mutex, 1), -1);
        assert_eq!(ei_mutex_unlock(mutex), 0);
        assert_eq!(ei_mutex_free(mutex, 1), 0);
        assert_eq!(ei_mutex_lock(null_mut(), 0), -1);
        assert_eq!(ei_mutex_free(null_mut(), 0), -1);
        assert_eq!(ei_mutex_unlock(null_mut()), -1);
    }
}
