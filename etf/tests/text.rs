//! Terms as text: printed as a node prints them, and read back.

use einode_etf::text::{MAX_DECIMAL, MAX_DIGITS, parse_call, parse_prefix};
use einode_etf::{Atom, Integer, Pid, Port, Reference, Term, from_slice, term};
use einode_testkit::terms;
use proptest::prelude::*;

/// Terms with their text as an OTP 25 node printed it: the external format in hexadecimal, a tab,
/// and the output of `io:format("~0tp", [Term])`. Edge cases first, then random terms.
const PRINTED: &str = include_str!("printed.txt");

fn recorded() -> impl Iterator<Item = (Term, &'static str)> {
    PRINTED.lines().map(|line| {
        let (hex, text) = line.split_once('\t').expect("a tab");
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        (from_slice(&bytes).expect("a term"), text)
    })
}

#[test]
fn terms_print_as_a_node_prints_them() {
    assert_eq!(PRINTED.lines().count(), 367);
    for (term, text) in recorded() {
        assert_eq!(term.to_string(), text);
        assert_eq!(format!("{term:?}"), text);
    }
}

#[test]
fn what_a_node_prints_is_read() {
    for (term, text) in recorded() {
        assert_eq!(text.parse(), Ok(term));
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read(term in terms::plain()) {
        prop_assert_eq!(term.to_string().parse(), Ok(term));
    }

    /// Funs and records are no literals; creations are not printed.
    #[test]
    fn all_text_is_read_or_refused(term in terms::term()) {
        let text = term.to_string();
        if let Ok(read) = text.parse::<Term>() {
            prop_assert_eq!(read.to_string(), text);
        } else {
            prop_assert!(text.contains("#Fun<") || text.contains("#"));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[]\\[{}<>#|,:/=\"'$\\\\%. a-z0-9A-F_@&\u{0}-\u{ff}-]{0,40}") {
        if let Ok(term) = text.parse::<Term>() {
            prop_assert_eq!(term.to_string().parse(), Ok(term));
        }
    }
}

/// Each text and what it prints as, as tried on OTP 25 with `erl_parse:parse_term`.
#[test]
fn erlang_syntax_is_read() {
    for (text, printed) in [
        ("ok", "ok"),
        (" ok . % the end", "ok"),
        ("% first\n{a,%%\nb}", "{a,b}"),
        ("{}", "{}"),
        ("{ a , b }", "{a,b}"),
        ("[1|[2|[3]]]", "[1,2,3]"),
        ("[1,2|3]", "[1,2|3]"),
        ("[1|[2|[3|4]]]", "[1,2,3|4]"),
        ("[1|[[2]|[[3]|[]]]]", "[1,[2],[3]]"),
        ("[a|\"bc\"]", "[a,98,99]"),
        ("#{}", "#{}"),
        ("# {a=>1}", "#{a => 1}"),
        ("#{a=>1,a=>2,1=>x,1.0=>y}", "#{1 => x,1.0 => y,a => 2}"),
        // Atoms.
        ("'a'", "a"),
        ("''", "''"),
        ("'a b'", "'a b'"),
        ("'\\x{3bb}'", "'λ'"),
        ("'λ'", "'λ'"),
        ("åÄ@_1", "åÄ@_1"),
        ("maybe", "'maybe'"),
        ("funny", "funny"),
        // Numbers.
        ("+1", "1"),
        ("- 1", "-1"),
        ("01", "1"),
        ("1_000_000", "1000000"),
        ("16#fF", "255"),
        ("-16#ff_ff", "-65535"),
        ("2#101", "5"),
        ("36#zz", "1295"),
        ("10#12", "12"),
        ("3#2_1", "7"),
        (
            "340282366920938463463374607431768211456",
            "340282366920938463463374607431768211456",
        ),
        (
            "36#zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "48873677980689257489322752273774603865660850175",
        ),
        (
            "32#100000000000000000000000000000",
            "44601490397061246283071436545296723011960832",
        ),
        ("1.5e+3", "1.5e3"),
        ("1.5E-3", "0.0015"),
        ("1_0.5_0", "10.5"),
        ("-0.0", "-0.0"),
        ("+0.0", "0.0"),
        // Characters.
        ("$a", "97"),
        ("$ ", "32"),
        ("$\n", "10"),
        ("$\\n", "10"),
        ("$\\s", "32"),
        ("$\\\\", "92"),
        ("$\"", "34"),
        ("$λ", "955"),
        ("$\\x41", "65"),
        ("$\\101", "65"),
        ("$\\^a", "1"),
        ("$\\^?", "31"),
        ("{$a,$,,$}}", "{97,44,125}"),
        // Strings.
        ("\"\"", "[]"),
        ("\"a\" \"b\"\n%\n\"c\"", "\"abc\""),
        (
            "\"\\b\\d\\e\\f\\n\\r\\s\\t\\v\"",
            "[8,127,27,12,10,13,32,9,11]",
        ),
        ("\"\\'\\\"\\\\\\q\"", "\"'\\\"\\\\q\""),
        ("\"\\0\\12\\1234\\777\\8\"", "[0,10,83,52,511,56]"),
        ("\"\\xd800\"", "\"Ø00\""),
        ("\"a\nb\"", "\"a\\nb\""),
        ("\"a\\\nb\"", "\"a\\nb\""),
        // Binaries.
        ("<<>>", "<<>>"),
        ("<< >>", "<<>>"),
        ("<<1,2:3>>", "<<1,2:3>>"),
        ("<<300>>", "<<\",\">>"),
        ("<<-1>>", "<<\"ÿ\">>"),
        ("<<-3:12>>", "<<255,13:4>>"),
        ("<<-256:16>>", "<<255,0>>"),
        ("<<300:16>>", "<<1,44>>"),
        ("<<1:0>>", "<<>>"),
        ("<<1:1,0:1,1:7>>", "<<128,1:1>>"),
        ("<<\"x\"/utf8, 1, 2:3, \"abc\">>", "<<120,1,76,44,76,3:3>>"),
        ("<<\"a\":16>>", "<<0,97>>"),
        ("<<\"abc\":4>>", "<<18,3:4>>"),
        ("<<\"\\x{3bb}\">>", "<<\"»\">>"),
        ("<<\"å\">>", "<<\"å\">>"),
        ("<<\"å\"/utf8>>", "<<\"å\"/utf8>>"),
        ("<<955/utf8,$b>>", "<<206,187,98>>"),
        ("<<16#ff:4>>", "<<15:4>>"),
        ("<<18446744073709551617:72>>", "<<1,0,0,0,0,0,0,0,1>>"),
        // Funs and identifiers.
        ("fun a:b/1", "fun a:b/1"),
        ("fun 'A' : b / 16#ff", "fun 'A':b/255"),
        ("<a@b.1.2>", "<a@b.1.2>"),
        ("<a@b.example.com.1.2>", "<a@b.example.com.1.2>"),
        ("<'a@127.0.0.1'.1.2>", "<'a@127.0.0.1'.1.2>"),
        (
            "#Port<a@b.18446744073709551615>",
            "#Port<a@b.18446744073709551615>",
        ),
        ("#Ref<a@b.3.2.1>", "#Ref<a@b.3.2.1>"),
    ] {
        match text.parse::<Term>() {
            Ok(term) => assert_eq!(term.to_string(), printed, "{text}"),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

#[test]
fn identifiers_are_read_without_creation() {
    let node = Atom::from_static("a@b");
    let read = |text: &str| text.parse::<Term>();
    assert_eq!(
        read("<a@b.1.2>"),
        Ok(Pid::new(node.clone(), 1, 2, 0).into())
    );
    assert_eq!(
        read("#Port<a@b.7>"),
        Ok(Port::new(node.clone(), 7, 0).into())
    );
    let reference = Reference::new(node, 0, &[1, 2, 3]).unwrap();
    assert_eq!(read("#Ref<a@b.3.2.1>"), Ok(reference.into()));
}

#[test]
fn what_is_no_term_is_refused_where_it_is_wrong() {
    for (text, error) in [
        ("", "1, column 1: expected a term, found the end"),
        ("X", "1, column 1: expected a term, found `X`"),
        ("_", "1, column 1: expected a term, found `_`"),
        ("{a,}", "1, column 4: expected a term, found `}`"),
        ("{a b}", "1, column 4: expected `,` or `}`, found `b}`"),
        (
            "{å,\n  é,\n b c",
            "3, column 4: expected `,` or `}`, found `c`",
        ),
        ("[|a]", "1, column 2: expected a term, found `|a]`"),
        ("[a|b|c]", "1, column 5: expected `]`, found `|c]`"),
        ("[a|b,c]", "1, column 5: expected `]`, found `,c]`"),
        ("[a|[b|[c]]", "1, column 11: expected `]`, found the end"),
        ("[a|[b],c]", "1, column 7: expected `]`, found `,c]`"),
        ("[a", "1, column 3: expected `,`, `|` or `]`, found the end"),
        ("#{a}", "1, column 4: expected `=>`, found `}`"),
        ("#{a:=1}", "1, column 4: expected `=>`, found `:=1}`"),
        (
            "#a{}",
            "1, column 2: expected `{`, `Ref<` or `Port<`, found `a{}`",
        ),
        (
            "#Fun<a.1.2>",
            "1, column 2: expected `{`, `Ref<` or `Port<`, found `Fun<a.1.2>`",
        ),
        ("a b", "1, column 3: expected the end, found `b`"),
        ("a\u{7f}", "1, column 2: expected the end, found `\\u{7f}`"),
        ("a..", "1, column 3: expected the end, found `.`"),
        ("a:b", "1, column 2: expected the end, found `:b`"),
        (
            "end",
            "1, column 1: expected an atom (reserved words need quotes), found `end`",
        ),
        (
            "'a",
            "1, column 1: expected a closing quote for this one, found `'a`",
        ),
        (
            "[\"a",
            "1, column 2: expected a closing quote for this one, found `\"a`",
        ),
        (
            "\"a\"\"b\"",
            "1, column 4: expected space between strings, found `\"b\"`",
        ),
        ("$", "1, column 2: expected a character, found the end"),
        (
            "$\\",
            "1, column 2: expected an escape sequence of a character, found `\\`",
        ),
        (
            "\"\\x4\"",
            "1, column 2: expected an escape sequence of a character, found `\\x4\"`",
        ),
        (
            "'\\x{110000}'",
            "1, column 2: expected an escape sequence of a character, found `\\x{110000}'`",
        ),
        (
            "'\\x{d800}'",
            "1, column 2: expected an escape sequence of a character, found `\\x{d800}'`",
        ),
        (
            "'\\x{}'",
            "1, column 2: expected an escape sequence of a character, found `\\x{}'`",
        ),
        ("-", "1, column 2: expected a digit, found the end"),
        ("--1", "1, column 2: expected a digit, found `-1`"),
        ("-a", "1, column 2: expected a digit, found `a`"),
        ("1__0", "1, column 2: expected the end, found `__0`"),
        ("1_", "1, column 2: expected the end, found `_`"),
        ("16#", "1, column 4: expected a digit, found the end"),
        ("16#g", "1, column 4: expected a digit, found `g`"),
        (
            "37#1",
            "1, column 1: expected a base from 2 to 36, found `37#1`",
        ),
        (
            "1#0",
            "1, column 1: expected a base from 2 to 36, found `1#0`",
        ),
        ("1.e3", "1, column 3: expected the end, found `e3`"),
        ("1.5e", "1, column 5: expected a digit, found the end"),
        (
            "-1.0e309",
            "1, column 2: expected a float within the range of a double, found `1.0e309`",
        ),
        ("<<1", "1, column 4: expected `,` or `>>`, found the end"),
        (
            "<<a>>",
            "1, column 3: expected an integer or a string, found `a>>`",
        ),
        ("<<1.5>>", "1, column 4: expected `,` or `>>`, found `.5>>`"),
        (
            "<<(1)>>",
            "1, column 3: expected an integer or a string, found `(1)>>`",
        ),
        (
            "<<1:1025>>",
            "1, column 5: expected a size of 0 to 1024 bits, found `1025>>`",
        ),
        (
            "<<1:-1>>",
            "1, column 5: expected a size of 0 to 1024 bits, found `-1>>`",
        ),
        ("<<1/float>>", "1, column 5: expected utf8, found `float>>`"),
        (
            "<<16#d800/utf8>>",
            "1, column 3: expected a character, found `16#d800/utf8>>`",
        ),
        (
            "fun f/1",
            "1, column 6: expected `:` (a fun is read only as `fun Module:Function/Arity`), found `/1`",
        ),
        (
            "fun a:b/256",
            "1, column 9: expected an arity from 0 to 255, found `256`",
        ),
        (
            "<0.84.0>",
            "1, column 2: expected the name of a node, found `0.84.0>`",
        ),
        (
            "<a@b.1>",
            "1, column 7: expected `.` and a number of this identifier, found `>`",
        ),
        (
            "<a@b.4294967296.0>",
            "1, column 5: expected `.` and a number of this identifier, found `.4294967296.0>`",
        ),
        (
            "#Ref<a@b>",
            "1, column 6: expected a reference of 1 to 5 numbers, found `a@b>`",
        ),
        (
            "#Ref<a@b.1.2.3.4.5.6>",
            "1, column 6: expected a reference of 1 to 5 numbers, found `a@b.1.2.3.4.5.6>`",
        ),
    ] {
        match text.parse::<Term>() {
            Ok(term) => panic!("{text}: read as {term}"),
            Err(found) => assert_eq!(found.to_string(), format!("line {error}"), "{text}"),
        }
    }
    let long = format!("[{}]", "a".repeat(256));
    let error = long.parse::<Term>().unwrap_err();
    assert_eq!((error.offset(), error.line(), error.column()), (1, 1, 2));
}

#[test]
fn huge_integers_are_read_as_they_are_printed() {
    for bytes in [16, 17, MAX_DECIMAL, MAX_DECIMAL + 1, 100_000] {
        for negative in [false, true] {
            let value = Integer::from_sign_magnitude(negative, &vec![0xfe; bytes]);
            assert_eq!(value.to_string().parse(), Ok(Term::from(value)));
        }
    }
    let power = format!("8#1{}", "0".repeat(40_000))
        .parse::<Term>()
        .unwrap();
    assert_eq!(power.to_string(), format!("16#1{}", "0".repeat(30_000)));
    let digits = "9".repeat(MAX_DIGITS);
    assert!(digits.parse::<Term>().is_ok());
    let error = format!("9{digits}").parse::<Term>().unwrap_err();
    assert!(error.to_string().contains("expected at most 4300 digits"));
    let error = format!("16#1{}", "0".repeat(1 << 24))
        .parse::<Term>()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("expected an integer of at most 2^26 bits")
    );
}

#[test]
fn calls_are_read() {
    let call = |text| {
        parse_call(text)
            .map(|(module, function, arguments)| format!("{module} {function} {arguments:?}"))
    };
    assert_eq!(call("a:b()").unwrap(), "a b []");
    assert_eq!(call(" 'A':b ( 1 , [x] ) . ").unwrap(), "'A' b [1, [x]]");
    for (text, error) in [
        (
            "a",
            "1, column 2: expected `:` and a function, found the end",
        ),
        (
            "a:b",
            "1, column 4: expected `(` and arguments, found the end",
        ),
        ("a:b(1,)", "1, column 7: expected a term, found `)`"),
        ("a:b(1", "1, column 6: expected `,` or `)`, found the end"),
        ("a:b(1) x", "1, column 8: expected the end, found `x`"),
        ("1:b()", "1, column 1: expected an atom, found `1:b()`"),
    ] {
        assert_eq!(call(text).unwrap_err().to_string(), format!("line {error}"));
    }
}

#[test]
fn terms_are_read_one_after_the_other() {
    let (first, rest) = parse_prefix("{a}. [b].").unwrap();
    assert_eq!((first, rest), (term!({ a }), ". [b]."));
}
