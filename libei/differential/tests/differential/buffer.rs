use std::ffi::{c_char, c_int};

use ei::types::ei_x_buff;
use einode_libei_differential::assert_same;

use crate::corpus::Random;

const NONE: ei_x_buff = ei_x_buff {
    buff: std::ptr::null_mut(),
    buffsz: -1,
    index: -1,
};

/// The bytes of a buffer, and its size.
fn contents(x: &ei_x_buff) -> (c_int, Vec<u8>) {
    // SAFETY: a buffer holds as many bytes as its index says.
    let bytes = unsafe { std::slice::from_raw_parts(x.buff.cast::<u8>(), x.index as usize) };
    (x.buffsz, bytes.to_vec())
}

#[test]
fn buffers_are_made_and_freed() {
    assert_same!(
        {
            let mut x = NONE;
            let made = (ei_x_new(&mut x), contents(&x));
            let freed = [ei_x_free(&mut x), ei_x_free(&mut x)];
            (made, freed, x.buff)
        },
        "ei_x_new"
    );
    assert_same!(
        {
            let mut x = NONE;
            let made = (ei_x_new_with_version(&mut x), contents(&x));
            (made, ei_x_free(&mut x))
        },
        "ei_x_new_with_version"
    );
}

#[test]
fn buffers_grow_by_the_same_steps() {
    let mut random = Random(1);
    let lengths: Vec<c_int> = (0..5000).map(|_| random.below(400) as c_int).collect();
    let from = [0x2b as c_char; 400];
    assert_same!(
        {
            let mut x = NONE;
            ei_x_new(&mut x);
            let steps: Vec<_> = lengths
                .iter()
                .map(|&length| {
                    let result = ei_x_append_buf(&mut x, from.as_ptr(), length);
                    (result, x.buffsz, x.index)
                })
                .collect();
            let mut y = NONE;
            ei_x_new_with_version(&mut y);
            let appended = (ei_x_append(&mut y, &x), contents(&y));
            (steps, appended, ei_x_free(&mut x), ei_x_free(&mut y))
        },
        "ei_x_append"
    );
}

#[test]
fn memory_comes_from_malloc() {
    assert_same!(
        {
            let memory = ei_realloc(ei_malloc(10), 20);
            let any = !memory.is_null();
            ei_free(memory);
            (any, ei_init())
        },
        "ei_malloc"
    );
}

#[test]
fn the_codec_leaves_erl_errno_alone() {
    assert_same!(
        {
            *__erl_errno_place() = 7;
            let mut x = NONE;
            ei_x_new(&mut x);
            let mut index = 0;
            let results = [
                ei_decode_long(c"z".as_ptr(), &mut index, std::ptr::null_mut()),
                ei_skip_term(c"z".as_ptr(), &mut index),
                ei_x_encode_tuple_header(&mut x, -1),
                ei_x_encode_atom_len_as(&mut x, c"\xff".as_ptr(), 1, 4, 4),
                ei_x_format(&mut x, c"}".as_ptr()),
            ];
            ei_x_free(&mut x);
            let other = std::thread::spawn(|| *__erl_errno_place())
                .join()
                .expect("a thread");
            (results, *__erl_errno_place(), other)
        },
        "erl_errno"
    );
}
