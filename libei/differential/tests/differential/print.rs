use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use einode_etf::tag;
use einode_libei_differential::assert_same;

use crate::corpus::{Case, cases, terms, with_deep_stack};

type Printer = unsafe extern "C" fn(*mut *mut c_char, *const c_char, *mut c_int) -> c_int;

/// What is printed to a string that is allocated for it.
unsafe fn print(case: &Case, printer: Printer) -> (c_int, c_int, String) {
    let mut text = ptr::null_mut();
    let mut index = 0;
    // SAFETY: the text is a string from `malloc`, if there is one.
    unsafe {
        let result = printer(&mut text, case.ptr(), &mut index);
        let printed = CStr::from_ptr(text).to_bytes().escape_ascii().to_string();
        libc::free(text.cast());
        (result, index, printed)
    }
}

/// OTP prints a large integer to a buffer of 2000 bytes, without looking.
fn is_safe(case: &Case) -> bool {
    case.term().len() < 900 || !case.term().contains(&tag::LARGE_BIG_EXT)
}

#[test]
fn strings() {
    with_deep_stack(print_strings);
}

fn print_strings() {
    let mut count = 0;
    for term in terms() {
        for case in [Case::new(&term)]
            .into_iter()
            .chain(cases(&term))
            .filter(is_safe)
        {
            if case.is_sound() {
                assert_same!(print(&case, ei_s_print_term), "{:02x?}", case.term());
                count += 1;
            }
        }
    }
    assert!(count > 10_000, "{count}");
}

#[test]
fn what_is_no_term_is_printed_as_far_as_it_goes() {
    for bytes in [
        &b"\x83a\x01"[..],
        b"h\x03a\x01k\0\x01az",
        b"l\0\0\0\x02a\x01a\x02z",
        b"l\0\0\0\x01a\x01y",
        b"t\0\0\0\x01a\x01y",
        b"t\0\0\0\x02a\x01a\x02y",
        b"w\x03\xe2\x82\xac",
        b"h\x01w\x03\xe2\x82\xac",
        b"M\0\0\0\x01\x09\xff",
        b"q\x77\x01aa\x01a\x02",
    ] {
        assert_same!(print(&Case::new(bytes), ei_s_print_term), "{bytes:02x?}");
    }
}

#[test]
fn files() {
    with_deep_stack(print_files);
}

fn print_files() {
    let mut count = 0;
    for term in terms() {
        let case = Case::new(&term);
        if !is_safe(&case) || !case.is_sound() || count > 2000 {
            continue;
        }
        assert_same!(
            {
                let (mut text, mut size) = (ptr::null_mut::<c_char>(), 0);
                let file = libc::open_memstream(&mut text, &mut size);
                let mut index = 0;
                let result = ei_print_term(file.cast(), case.ptr(), &mut index);
                libc::fclose(file);
                let printed = std::slice::from_raw_parts(text.cast::<u8>(), size).to_vec();
                libc::free(text.cast());
                (result, index, printed)
            },
            "{:02x?}",
            case.term()
        );
        count += 1;
    }
    assert!(count > 1000, "{count}");
}
