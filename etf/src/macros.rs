//! What [`term!`](crate::term) expands to.

use crate::term::Repr;
use crate::{Atom, MAX_ATOM_CHARS, Term};

/// Makes a [`Term`] of Erlang syntax.
///
/// ```
/// use einode_etf::{Atom, Pid, term};
///
/// let me = Pid::new(Atom::from_static("app@host"), 84, 0, 1);
/// let count = 2;
/// let term = term!({hello, (me), [1, -2, 2.5], [a | b], #{a => 1, "k" => (count)}, <<"bin">>});
/// assert_eq!(
///     term.to_string(),
///     r#"{hello,<app@host.84.0>,[1,-2,2.5],[a|b],#{a => 1,"k" => 2},<<"bin">>}"#,
/// );
/// ```
///
/// | written | is |
/// |---|---|
/// | `ok`, `true`, any single identifier | an atom; one that begins with a capital does not compile, as it would be a variable in Erlang |
/// | `42`, `-1`, `0xff`, `'a'` | an integer; without suffix, up to 2^127 |
/// | `2.5`, `-1e3` | a float |
/// | `"text"` | a string: the list of its characters |
/// | `<<"text">>`, `<<"text"/utf8>>`, `b"text"` | a binary, of the text in UTF-8 |
/// | `<<1, 2, "three", (rest)>>` | a binary of bytes and texts; in parentheses, values of type `u8`, `&str`, `&[u8]` or `Vec<u8>` |
/// | `{a, b}` | a tuple |
/// | `[a, b]`, <code>[a \| tail]</code> | a list |
/// | `#{key => value}` | a map; of equal keys the last one counts, as in Erlang |
/// | `(expression)` | any Rust value that is `Into<Term>` |
/// | `self.pid()`, `x + 1`, any other tokens | the same, for want of another meaning |
///
/// Without parentheses, an expression ends at a comma, in a list also at `|`, and at `=>` in a map.
/// Atoms that need quotes have no syntax here: `(Atom::from_static("a b"))`. A space belongs
/// between `>>` and `=>`, since Rust sees `>>=` otherwise.
///
/// ```compile_fail
/// let term = einode_etf::term!({ok, Variable}); // Write (Variable).
/// ```
#[macro_export]
macro_rules! term {
    // Where every element is one token or one bracketed group, there is nothing to take apart.
    ({ $($element:tt),* $(,)? }) => {
        $crate::Term::tuple(::std::vec![$($crate::term!($element)),*])
    };
    ([ $($element:tt),* $(,)? ]) => {
        $crate::Term::list(::std::vec![$($crate::term!($element)),*])
    };
    ({ $($elements:tt)* }) => { $crate::__terms!(tuple [] [] $($elements)*) };
    ([ $($elements:tt)* ]) => { $crate::__terms!(list [] [] $($elements)*) };
    (# { $($pairs:tt)* }) => { $crate::__pairs!([] [] $($pairs)*) };
    (<< >>) => { $crate::Term::binary(&[]) };
    (<< $($segment:tt $(/ utf8)?),+ >>) => {{
        let mut bytes = ::std::vec::Vec::new();
        $($crate::macros::Segment::put($crate::__segment!($segment), &mut bytes);)+
        $crate::Term::from($crate::Binary(bytes))
    }};
    ($name:ident) => {
        $crate::macros::Name::term(const { $crate::macros::Name::new(::std::stringify!($name)) })
    };
    ($value:literal) => { $crate::macros::Literal::term($value) };
    (($value:expr)) => { $crate::Term::from($value) };
    ($($value:tt)+) => { $crate::Term::from($($value)+) };
}

/// Takes the elements of a tuple or list apart: `make [those that are done] [tokens of the next] …`.
#[doc(hidden)]
#[macro_export]
macro_rules! __terms {
    ($make:ident [$($done:tt)*] []) => { $crate::Term::$make(::std::vec![$($done)*]) };
    ($make:ident [$($done:tt)*] [$($term:tt)+]) => {
        $crate::Term::$make(::std::vec![$($done)* $crate::term!($($term)+)])
    };
    ($make:ident [$($done:tt)*] [$($term:tt)+] , $($rest:tt)*) => {
        $crate::__terms!($make [$($done)* $crate::term!($($term)+),] [] $($rest)*)
    };
    (list [$($done:tt)*] [$($term:tt)+] | $($tail:tt)+) => {
        $crate::Term::improper(
            ::std::vec![$($done)* $crate::term!($($term)+)],
            $crate::term!($($tail)+),
        )
    };
    // One step for elements of one or two tokens, to be kind to the recursion limit.
    ($make:ident [$($done:tt)*] [] $one:tt , $($rest:tt)*) => {
        $crate::__terms!($make [$($done)* $crate::term!($one),] [] $($rest)*)
    };
    ($make:ident [$($done:tt)*] [] $one:tt $two:tt , $($rest:tt)*) => {
        $crate::__terms!($make [$($done)* $crate::term!($one $two),] [] $($rest)*)
    };
    ($make:ident [$($done:tt)*] [$($term:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__terms!($make [$($done)*] [$($term)* $next] $($rest)*)
    };
}

/// Takes the pairs of a map apart: `[those that are done] [tokens of the next key] …`, and, once
/// there is a key, `[those that are done] [key] [tokens of its value] …`.
#[doc(hidden)]
#[macro_export]
macro_rules! __pairs {
    ([$($done:tt)*] []) => { $crate::macros::map(::std::vec![$($done)*]) };
    ([$($done:tt)*] [$($key:tt)+] => $($rest:tt)+) => {
        $crate::__pairs!([$($done)*] [$($key)+] [] $($rest)+)
    };
    ([$($done:tt)*] [$($key:tt)+] [$($value:tt)+] $(, $($rest:tt)*)?) => {
        $crate::__pairs!(
            [$($done)* $crate::term!($($key)+), $crate::term!($($value)+),] [] $($($rest)*)?
        )
    };
    ([$($done:tt)*] [$($key:tt)+] [$($value:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__pairs!([$($done)*] [$($key)+] [$($value)* $next] $($rest)*)
    };
    ([$($done:tt)*] [$($key:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__pairs!([$($done)*] [$($key)* $next] $($rest)*)
    };
}

/// What stands between `<<`, commas and `>>`: a literal, or a value in parentheses.
#[doc(hidden)]
#[macro_export]
macro_rules! __segment {
    ($value:literal) => {
        $value
    };
    (($value:expr)) => {
        $value
    };
}

/// A map of keys, each followed by its value, of which the last of equal ones counts.
pub fn map(elements: Vec<Term>) -> Term {
    Term::map_of_last(elements)
}

/// An identifier that is good for an atom.
pub struct Name(&'static str);

impl Name {
    /// Checks the identifier; called in a constant, so that an error is one of compilation.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            name.len() <= MAX_ATOM_CHARS,
            "an atom has at most 255 characters"
        );
        if let Some(first) = name.as_bytes().first() {
            assert!(
                !first.is_ascii_uppercase() && *first != b'_',
                "in Erlang this would be a variable: put a Rust value in parentheses, \
                 and an atom of this name too, as (Atom::from_static(…))"
            );
        }
        Self(name)
    }

    /// The atom.
    pub fn term(self) -> Term {
        Atom::of_checked(self.0).into()
    }
}

/// What a literal of Rust stands for. Of the integers only `i128`, so that a literal without suffix
/// is one.
pub trait Literal {
    /// The term.
    fn term(self) -> Term;
}

impl Literal for i128 {
    fn term(self) -> Term {
        self.into()
    }
}

impl Literal for f64 {
    fn term(self) -> Term {
        // Literals are finite.
        Term(Repr::Float(self))
    }
}

impl Literal for char {
    fn term(self) -> Term {
        u32::from(self).into()
    }
}

impl Literal for &str {
    fn term(self) -> Term {
        Term::string(self)
    }
}

impl<const N: usize> Literal for &[u8; N] {
    fn term(self) -> Term {
        Term::binary(self)
    }
}

/// What may be within `<<` and `>>`.
pub trait Segment {
    /// Appends its bytes.
    fn put(self, bytes: &mut Vec<u8>);
}

impl Segment for u8 {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.push(self);
    }
}

impl Segment for &str {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_bytes());
    }
}

impl Segment for &[u8] {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }
}

impl<const N: usize> Segment for &[u8; N] {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }
}

impl Segment for Vec<u8> {
    fn put(mut self, bytes: &mut Vec<u8>) {
        bytes.append(&mut self);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Atom, Integer, Pid, Term};

    fn pid() -> Pid {
        Pid::new(Atom::from_static("n@h"), 1, 2, 3)
    }

    #[test]
    fn every_form_is_what_it_is_in_erlang() {
        let x = 5;
        let rest = vec![8_u8, 9];
        for (term, text) in [
            (term!(ok), "ok"),
            (term!(true), "true"),
            (term!(type), "type"),
            (
                term!(an_atom_whose_name_does_not_fit_in_place),
                "an_atom_whose_name_does_not_fit_in_place",
            ),
            (term!(42), "42"),
            (term!(-42), "-42"),
            (term!(0xff), "255"),
            (term!(18_446_744_073_709_551_616), "18446744073709551616"),
            (term!('a'), "97"),
            (term!(2.5), "2.5"),
            (term!(-2.5e3), "-2.5e3"),
            (term!("text"), "\"text\""),
            (term!("λ"), "[955]"),
            (term!(""), "[]"),
            (term!(b"ab"), "<<\"ab\">>"),
            (term!(<<>>), "<<>>"),
            (term!(<<"ab">>), "<<\"ab\">>"),
            (term!(<<"å">>), "<<\"å\"/utf8>>"),
            (term!(<<"å"/utf8>>), "<<\"å\"/utf8>>"),
            (term!(<<1, 2>>), "<<1,2>>"),
            (
                term!(<<0, "ab", (rest), (&[7][..]), b"c">>),
                "<<0,97,98,8,9,7,99>>",
            ),
            (term!({}), "{}"),
            (term!({ a }), "{a}"),
            (term!({a, -1}), "{a,-1}"),
            (term!({a, -1,}), "{a,-1}"),
            (term!({a, b,}), "{a,b}"),
            (term!([]), "[]"),
            (term!([a, 2.5]), "[a,2.5]"),
            (term!([-1, -2,]), "[-1,-2]"),
            (term!([a | b]), "[a|b]"),
            (term!([a, -1 | { b }]), "[a,-1|{b}]"),
            (term!([1 | [2, 3 | []]]), "[1,2,3]"),
            (term!(#{}), "#{}"),
            (term!(#{a => 1}), "#{a => 1}"),
            (
                term!(#{b => -1, -2.5 => [], <<"k">> => #{},}),
                "#{-2.5 => [],b => -1,<<\"k\">> => #{}}",
            ),
            (
                term!(#{a => 1, a => 2, 1 => x, 1.0 => y}),
                "#{1 => x,1.0 => y,a => 2}",
            ),
            (term!((x)), "5"),
            (term!(x + 1), "6"),
            (term!({(x), x + 1, pid().id(), pid()}), "{5,6,1,<n@h.1.2>}"),
            (term!([pid().serial(), (x) | (x | 2)]), "[2,5|7]"),
            (
                term!(#{pid() => x * 2, [x; 2].len() => (x)}),
                "#{2 => 5,<n@h.1.2> => 10}",
            ),
            (term!((Atom::from_static("A b"))), "'A b'"),
            (term!((Integer::from(3_u8))), "3"),
            (
                term!({a, [{b, #{c => [<<"d">>, {} | e]}}]}),
                "{a,[{b,#{c => [<<\"d\">>,{}|e]}}]}",
            ),
        ] {
            assert_eq!(term.to_string(), text);
        }
    }

    #[test]
    fn long_containers_fit_the_recursion_limit() {
        let Term(_) = term!([
            -1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14, -15, -16, -17, -18, -19,
            -20, -21, -22, -23, -24, -25, -26, -27, -28, -29, -30, -31, -32, -33, -34, -35, -36,
            -37, -38, -39, -40, -41, -42, -43, -44, -45, -46, -47, -48, -49, -50, -51, -52, -53,
            -54, -55, -56, -57, -58, -59, -60, -61, -62, -63, -64, -65, -66, -67, -68, -69, -70,
        ]);
    }
}
