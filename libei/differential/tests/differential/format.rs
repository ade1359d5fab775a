use std::ffi::{CStr, CString, c_int};
use std::mem::MaybeUninit;

use ei::types::{ei_x_buff, erlang_pid};
use einode_libei_differential::{assert_same, both};

use crate::corpus::Random;

/// What formatting gave: the result and the bytes.
type Formatted = (c_int, Vec<u8>);

/// Calls a formatting function, with any arguments, on a new buffer.
macro_rules! formatted {
    ($function:ident, $($argument:expr),*) => {{
        let mut x = ei_x_buff { buff: std::ptr::null_mut(), buffsz: 0, index: 0 };
        ei_x_new(&mut x);
        let result = $function(&mut x, $($argument),*);
        let bytes = std::slice::from_raw_parts(x.buff.cast::<u8>(), x.index as usize).to_vec();
        ei_x_free(&mut x);
        (result, bytes)
    }};
}

#[test]
fn arguments() {
    let mut node = [0; 1021];
    node[..3].copy_from_slice(&[0x61, 0x40, 0x62]);
    let pid = erlang_pid {
        node,
        num: 1,
        serial: 2,
        creation: 3,
    };
    let (min, max) = (i64::MIN, u64::MAX);
    assert_same!(
        formatted!(
            ei_x_format,
            c"{~a,~s,~i,~l,~u,~f,~d,~c,~p}".as_ptr(),
            c"\xe5b".as_ptr(),
            c"x\xe5".as_ptr(),
            -5_i32,
            min,
            max,
            1.5_f64,
            -2.25_f64,
            200_i32,
            &raw const pid
        ),
        "all"
    );
    assert_same!(
        formatted!(
            ei_x_format_wo_ver,
            c"[~a,[~s|~i]]".as_ptr(),
            c"b".as_ptr(),
            c"".as_ptr(),
            1_i32
        )
        .0,
        "all"
    );
    assert_same!(formatted!(ei_x_format, c"~i".as_ptr(), i32::MIN), "an int");
    assert_same!(
        formatted!(ei_x_format_wo_ver, c"{~i ~i}".as_ptr(), 1_i32, 2_i32),
        "no comma"
    );
    assert_same!(
        formatted!(ei_x_format, c"{~i,~q}".as_ptr(), 1_i32),
        "an unknown directive"
    );
    let long = CString::new("a".repeat(256)).expect("no NUL");
    assert_same!(
        formatted!(ei_x_format_wo_ver, c"~a".as_ptr(), long.as_ptr()),
        "a long atom"
    );
}

#[test]
fn texts() {
    for text in [
        "a",
        "aB@_9",
        "a.b",
        "'a b'",
        "''",
        "' '",
        "\"\"",
        "\"abc\"",
        "\"a\\\"",
        "1",
        "-1",
        "+1",
        "0",
        "007",
        "1.5",
        "-1.5",
        "1.",
        "1.5e3",
        "1.5E-3",
        "1e3",
        "99999999999999999999",
        "-99999999999999999999",
        "9223372036854775807",
        "-9223372036854775808",
        "134217727",
        "134217728",
        "{}",
        "{ }",
        "[]",
        "[ ]",
        "[\t\n]",
        "{a}",
        "{a,b}",
        "{a b}",
        "{a, b}",
        "[a]",
        "[a,b]",
        "[a b]",
        "[a, b]",
        "[[]]",
        "{[],{},[[]]}",
        "{{{a}}}",
        "[1 -1]",
        "{a'b'c}",
        "\n a",
        "a]",
        "1]",
        "{a}}",
        "[a]x",
        "a b",
        "",
        " ",
        "A",
        "_",
        "~q",
        "~",
        "- 1",
        "-",
        "+",
        ".5",
        "{a,}",
        "[a,]",
        "{,a}",
        "{,}",
        "{a,,b}",
        "[a,,b]",
        "[a|b,c]",
        "[a|b|c]",
        "<<1>>",
        "$a",
        "[-1,-a]",
        "\u{e5}",
        "'\u{e5}'",
        "\"\u{e5}\"",
    ] {
        let text = CString::new(text).expect("no NUL");
        assert_same!(formatted!(ei_x_format_wo_ver, text.as_ptr()), "{text:?}");
        assert_same!(formatted!(ei_x_format, text.as_ptr()), "{text:?}");
    }
}

#[test]
fn random_texts() {
    let mut random = Random(1);
    let mut terms = 0;
    for _ in 0..20_000 {
        let mut text = String::new();
        push_term(&mut text, &mut random, 4);
        let text = CString::new(text).expect("no NUL");
        let (ours, theirs): (Formatted, _) = both!(formatted!(ei_x_format, text.as_ptr()));
        assert_eq!(ours, theirs, "{text:?}");
        terms += usize::from(ours.0 == 0);
    }
    assert_eq!(terms, 20_000);
}

/// A term in the syntax in which the two do not differ.
fn push_term(text: &mut String, random: &mut Random, depth: usize) {
    const LEAVES: &[&str] = &[
        "a",
        "b2_@",
        "'A b'",
        "0",
        "-17",
        "300",
        "134217728",
        "-99999999999",
        "1.25",
        "-0.5",
        "\"\"",
        "\"text\"",
    ];
    let (open, close) = match random.below(if depth == 0 { 1 } else { 3 }) {
        0 => return text.push_str(LEAVES[random.below(LEAVES.len())]),
        1 => ('{', '}'),
        _ => ('[', ']'),
    };
    text.push(open);
    text.push_str(["", " "][random.below(2)]);
    for at in 0..random.below(4) {
        if at > 0 {
            text.push_str([",", ", ", " "][random.below(3)]);
        }
        push_term(text, random, depth - 1);
    }
    text.push(close);
}

/// Formats with OTP's library only.
fn theirs(text: &CStr) -> Formatted {
    use einode_libei_differential::otp::*;
    // SAFETY: no directive asks for an argument, and the text ends as it should.
    unsafe { formatted!(ei_x_format_wo_ver, text.as_ptr()) }
}

/// Formats with this workspace's library only.
fn ours(text: &CStr) -> Formatted {
    use einode_libei_differential::ours::*;
    // SAFETY: no directive asks for an argument.
    unsafe { formatted!(ei_x_format_wo_ver, text.as_ptr()) }
}

#[test]
fn maps_are_those_of_otp_27() {
    let known = theirs(c"#{}").0 == 0;
    for (text, bytes) in [
        (c"#{}", &b"t\0\0\0\0"[..]),
        (c"#{ }", b"t\0\0\0\0"),
        (c"#{a=>1}", b"t\0\0\0\x01w\x01aa\x01"),
        (c"#{a =>1 , b => 2 }x", b"t\0\0\0\x02w\x01aa\x01w\x01ba\x02"),
        (
            c"[#{[1]=>{2}}]",
            b"l\0\0\0\x01t\0\0\0\x01l\0\0\0\x01a\x01jh\x01a\x02j",
        ),
    ] {
        assert_eq!(ours(text), (0, bytes.to_vec()), "{text:?}");
        assert!(!known || theirs(text) == ours(text), "{text:?}");
    }
    for text in [
        c"#{a=1}",
        c"#{a=>1,}",
        c"#{a}",
        c"# {}",
        c"#{,}",
        c"#{a=>1 b=>2}",
    ] {
        assert_eq!(ours(text), (-1, vec![]), "{text:?}");
        assert!(!known || theirs(text) == ours(text), "{text:?}");
    }
    assert_eq!(ours(c"#{a=>1"), (-1, vec![]));
}

#[test]
fn what_otp_gets_wrong() {
    for (text, bytes) in [
        // OTP leaves out the header of the list.
        (c"[a|b]", &b"l\0\0\0\x01w\x01aw\x01b"[..]),
        (c"[a, b|[]]", b"l\0\0\0\x02w\x01aw\x01bj"),
        // OTP leaves out what follows a space before a comma.
        (c"{a ,b}", b"h\x02w\x01aw\x01b"),
        // OTP reads the exponent, and reads it again as an atom.
        (c"[1.5e1]", b"l\0\0\0\x01F\x40\x2e\0\0\0\0\0\0j"),
        // OTP leaves out what follows a string without a space or a comma.
        (c"{\"a\"b}", b"h\x02k\0\x01aw\x01b"),
        // OTP passes over what directly follows a number.
        (c"[1e3]", b"l\0\0\0\x02a\x01w\x02e3j"),
        (c"{1-1}", b"h\x02a\x01b\xff\xff\xff\xff"),
        // OTP takes an argument for it.
        (c"{'~i',\"~s\"}", b"h\x02w\x02~ik\0\x02~s"),
    ] {
        assert_eq!(ours(text), (0, bytes.to_vec()), "{text:?}");
    }
    // OTP reads past the end of the first ones, and takes the others for something else.
    for text in [
        c"[", c"{", c"[1", c"{1", c"{a", c"'a", c"\"a", c"~", c"[|2]", c"[,a]", c"[,]", c"[ | 2]",
        c"{a|b}",
    ] {
        assert_eq!(ours(text), (-1, vec![]), "{text:?}");
    }
}

#[test]
fn null_arguments_are_refused() {
    use einode_libei_differential::ours::*;
    let null = std::ptr::null::<u8>();
    for text in [c"~s", c"~a", c"~p", c"{a,[~s]}"] {
        // SAFETY: the argument is a pointer, as the directive asks for.
        let formatted = unsafe { formatted!(ei_x_format_wo_ver, text.as_ptr(), null) };
        assert_eq!(formatted, (-1, vec![]), "{text:?}");
    }
    let mut x = MaybeUninit::<ei_x_buff>::uninit();
    // SAFETY: null is what is tested.
    unsafe {
        assert_eq!(ei_x_new(x.as_mut_ptr()), 0);
        assert_eq!(ei_x_format(x.as_mut_ptr(), std::ptr::null()), -1);
        assert_eq!(ei_x_format(std::ptr::null_mut(), c"a".as_ptr()), -1);
        assert_eq!(ei_x_free(x.as_mut_ptr()), 0);
    }
}
