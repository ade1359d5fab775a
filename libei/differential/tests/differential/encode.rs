use std::ffi::{CString, c_char, c_int, c_long};
use std::fmt::Debug;
use std::mem::MaybeUninit;
use std::ptr;

use ei::types::*;
use einode_libei_differential::{assert_all_same, both};

use crate::corpus::{Case, Random, terms};

/// What an encoder does: result and index with a buffer and without, and the bytes.
fn encode(run: impl Fn(*mut c_char, *mut c_int) -> c_int) -> (c_int, c_int, c_int, c_int, Vec<u8>) {
    let mut null_index = 3;
    let null_result = run(ptr::null_mut(), &mut null_index);
    let mut bytes = vec![0x55_u8; null_index.max(0) as usize + 3000];
    let mut index = 3;
    let result = run(bytes.as_mut_ptr().cast(), &mut index);
    if result == 0 {
        bytes.truncate(index as usize);
    } else {
        // What a failed call wrote does not count.
        bytes.clear();
    }
    (result, index, null_result, null_index, bytes)
}

/// What the encoder of a growing buffer does.
fn append(run: impl Fn(*mut ei_x_buff) -> c_int) -> (c_int, c_int, c_int, Vec<u8>) {
    // SAFETY: `malloc` takes any size.
    let buff = unsafe { libc::malloc(7) }.cast::<c_char>();
    // SAFETY: there are seven bytes.
    unsafe { buff.write_bytes(b'+', 7) };
    let mut x = ei_x_buff {
        buff,
        buffsz: 7,
        index: 5,
    };
    let result = run(&mut x);
    // SAFETY: a buffer holds as many bytes as its index says, from `malloc`.
    unsafe {
        let bytes = std::slice::from_raw_parts(x.buff.cast::<u8>(), x.index as usize).to_vec();
        libc::free(x.buff.cast());
        (result, x.buffsz, x.index, bytes)
    }
}

/// Compares an encoder and its twin for growing buffers.
macro_rules! same_encoding {
    ($plain:ident / $growing:ident($($argument:expr),*)) => {
        assert_all_same!(encode(|buf, index| $plain(buf, index, $($argument),*)),
            "{}{:?}", stringify!($plain), Shown(&($($argument,)*)));
        assert_all_same!(append(|x| $growing(x, $($argument as _),*)),
            "{}{:?}", stringify!($growing), Shown(&($($argument,)*)));
    };
}

/// Arguments in a message of failure.
struct Shown<'a, T>(&'a T);

impl<T: Debug> Debug for Shown<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Numbers at the edges of all sizes, and random ones of all sizes.
fn numbers() -> Vec<i64> {
    let mut numbers = vec![0];
    for bits in 0..64 {
        let power = 1_i64 << bits;
        for near in -2..=2 {
            numbers.push(power.wrapping_add(near));
            numbers.push(power.wrapping_neg().wrapping_add(near));
        }
    }
    let mut random = Random(1);
    numbers.extend((0..20_000).map(|at| (random.next() as i64) >> (at % 64)));
    numbers
}

#[test]
fn integers() {
    for number in numbers() {
        same_encoding!(ei_encode_long / ei_x_encode_long(number));
        same_encoding!(ei_encode_longlong / ei_x_encode_longlong(number));
        same_encoding!(ei_encode_ulong / ei_x_encode_ulong(number as u64));
        same_encoding!(ei_encode_ulonglong / ei_x_encode_ulonglong(number as u64));
        same_encoding!(ei_encode_char / ei_x_encode_char(number as c_char));
        same_encoding!(ei_encode_boolean / ei_x_encode_boolean(number as c_int));
    }
}

#[test]
fn floats() {
    for number in numbers() {
        same_encoding!(ei_encode_double / ei_x_encode_double(f64::from_bits(number as u64)));
    }
}

#[test]
fn headers() {
    same_encoding!(ei_encode_version / ei_x_encode_version());
    assert_all_same!(append(|x| ei_x_encode_empty_list(x)), "empty list");
    for number in numbers() {
        let arity = number as c_int;
        same_encoding!(ei_encode_tuple_header / ei_x_encode_tuple_header(arity));
        same_encoding!(ei_encode_list_header / ei_x_encode_list_header(arity));
        same_encoding!(ei_encode_map_header / ei_x_encode_map_header(arity));
    }
}

/// Names of every kind: short and long, ASCII, Latin-1, UTF-8, and random bytes that are none.
fn names() -> Vec<CString> {
    let mut names = Vec::new();
    for text in ["a", "å", "€", "𐍈", "\u{7f}", "ab\u{ff}"] {
        for length in [
            0, 1, 2, 63, 64, 85, 86, 126, 127, 128, 129, 254, 255, 256, 257, 600,
        ] {
            names.push(text.repeat(length).into_bytes());
            names.push(vec![text.as_bytes()[0]; length]);
        }
    }
    let mut random = Random(2);
    for _ in 0..3000 {
        let length = random.below(12);
        let bytes = b"aZ0\x7f\x80\xbf\xc0\xc1\xc2\xc3\xdf\xe0\xed\xa0\xef\xf0\xf4\xf7\xf8\xff";
        names.push(
            (0..length)
                .map(|_| bytes[random.below(bytes.len())])
                .collect(),
        );
    }
    names
        .into_iter()
        .map(|name| CString::new(name).expect("no NUL"))
        .collect()
}

#[test]
fn atoms() {
    for name in names() {
        let text = name.as_ptr();
        let length = name.as_bytes().len() as c_int;
        same_encoding!(ei_encode_atom / ei_x_encode_atom(text));
        for length in [length, length / 2, 0, -1, -300] {
            same_encoding!(ei_encode_atom_len / ei_x_encode_atom_len(text, length));
        }
        for from in 0..8 {
            for to in [
                0,
                ERLANG_ASCII,
                ERLANG_LATIN1,
                ERLANG_UTF8,
                ERLANG_LATIN1 | ERLANG_UTF8,
            ] {
                same_encoding!(ei_encode_atom_as / ei_x_encode_atom_as(text, from, to));
                same_encoding!(
                    ei_encode_atom_len_as / ei_x_encode_atom_len_as(text, length, from, to)
                );
            }
        }
    }
}

#[test]
fn strings_and_binaries() {
    let mut random = Random(3);
    let bytes: Vec<u8> = (0..70_000)
        .map(|_| (random.below(255) + 1) as u8)
        .chain([0])
        .collect();
    let text: *const c_char = bytes.as_ptr().cast();
    let end = bytes.len() - 1;
    for length in (0..300).chain([65_534, 65_535, 65_536, 70_000]) {
        // SAFETY: the rest of a string is one.
        let tail = unsafe { text.add(end - length) };
        let length = length as c_int;
        same_encoding!(ei_encode_string / ei_x_encode_string(tail));
        same_encoding!(ei_encode_string_len / ei_x_encode_string_len(text, length));
        assert_all_same!(
            encode(|buf, index| ei_encode_binary(buf, index, text.cast(), length.into())),
            "{length}"
        );
        assert_all_same!(
            append(|x| ei_x_encode_binary(x, text.cast(), length)),
            "{length}"
        );
    }
    for offset in 0..40 {
        for bits in 0..80 {
            same_encoding!(ei_encode_bitstring / ei_x_encode_bitstring(text, offset, bits));
        }
    }
}

#[test]
fn identifiers() {
    let mut random = Random(4);
    for name in names() {
        let mut node = [0; MAXATOMLEN_UTF8];
        node.iter_mut()
            .zip(name.as_bytes())
            .for_each(|(to, &byte)| *to = byte as c_char);
        node[MAXATOMLEN_UTF8 - 1] = 0;
        let mut word = || (random.next() >> random.below(64)) as u32;
        let creation = word();
        let pid = erlang_pid {
            node,
            num: word(),
            serial: word(),
            creation,
        };
        let ids = [0, 1, (1 << 28) - 1, 1 << 28, u64::from(word()) << 20];
        let ports = ids.map(|id| erlang_port { node, id, creation });
        let words = [(); 5].map(|()| word());
        let references = [0, 1, 2, 3, 4, 5].map(|len| erlang_ref {
            node,
            len,
            n: words,
            creation,
        });
        let token = erlang_trace {
            serial: word().into(),
            prev: -c_long::from(word()),
            from: pid,
            label: c_long::MIN,
            flags: 0,
        };
        same_encoding!(ei_encode_pid / ei_x_encode_pid(&raw const pid));
        same_encoding!(ei_encode_trace / ei_x_encode_trace(&raw const token));
        for port in &ports {
            same_encoding!(ei_encode_port / ei_x_encode_port(ptr::from_ref(port)));
        }
        for reference in &references {
            same_encoding!(ei_encode_ref / ei_x_encode_ref(ptr::from_ref(reference)));
        }
    }
}

#[test]
fn funs() {
    let mut count = 0;
    for term in terms().into_iter().filter(|term| b"pqu".contains(&term[0])) {
        let case = Case::new(&term);
        let mut fun = MaybeUninit::<erlang_fun>::zeroed();
        let mut index = 0;
        // SAFETY: the term is a fun, and `fun` has room for it.
        let fun = unsafe {
            use einode_libei_differential::otp::*;
            assert_eq!(ei_decode_fun(case.ptr(), &mut index, fun.as_mut_ptr()), 0);
            // It must not move: a name may be within it.
            fun.assume_init_mut()
        };
        same_encoding!(ei_encode_fun / ei_x_encode_fun(&raw const *fun));
        let mut bad = *fun;
        bad.module[0] = 0xff_u8 as c_char;
        same_encoding!(ei_encode_fun / ei_x_encode_fun(&raw const bad));
        // SAFETY: it was decoded.
        unsafe { einode_libei_differential::otp::free_fun(fun) };
        count += 1;
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn big_integers() {
    let mut random = Random(5);
    let draw = |random: &mut Random| {
        let arity = random.below(14);
        let digits: Vec<u16> = (0..8)
            .map(|_| [0, 1, 0xffff, random.next() as u16][random.below(4)])
            .collect();
        (arity as u32, random.below(2) as c_int, digits)
    };
    for _ in 0..20_000 {
        let (mut a, mut b) = (draw(&mut random), draw(&mut random));
        // Comparison is of integers of whole digits without zeros at the end.
        let big = |(arity, is_neg, digits): &mut (u32, c_int, Vec<u16>)| erlang_big {
            arity: *arity,
            is_neg: *is_neg,
            digits: digits.as_mut_ptr().cast(),
        };
        let (mut x, mut y) = (big(&mut a), big(&mut b));
        let pointer = &raw mut x;
        same_encoding!(ei_encode_big / ei_x_encode_big(pointer));
        let is_plain = |arity: u32, digits: &[u16]| {
            arity.is_multiple_of(2) && (arity == 0 || digits[arity as usize / 2 - 1] != 0)
        };
        if is_plain(a.0, &a.2) && is_plain(b.0, &b.2) {
            assert_all_same!(ei_big_comp(&mut x, &mut y).signum(), "{a:?} {b:?}");
        }
        let mut double = 7.0;
        assert_all_same!(
            (ei_big_to_double(&mut x, &mut double), double.to_bits()),
            "{a:?}"
        );
        // OTP puts a negative integer's complement.
        let small = random.next() as c_int >> random.below(32) & c_int::MAX;
        assert_all_same!(
            (
                ei_small_to_big(small, &mut x),
                x.arity,
                x.is_neg,
                a.2.clone()
            ),
            "{small}"
        );
    }
    let (ours, theirs) = both!({
        let big = ei_alloc_big(7);
        let made = (
            (*big).arity,
            (*big).is_neg,
            *(*big).digits.cast::<[u8; 8]>(),
        );
        ei_free_big(big);
        made
    });
    // OTP leaves the digits as `malloc` gave them.
    assert_eq!(ours, (7, 0, [0; 8]));
    assert_eq!(theirs.0, 7);
}
