//! Terms as JSON.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::{self, Display, Formatter, Write};

use einode::Term;
use einode::etf::Kind;

/// The mapping, for `--help`.
pub(crate) const RULES: &str = "\
As JSON (--json):
  integers, floats            numbers, integers with all their digits
  true, false                 true, false
  undefined, nil, null        null
  other atoms                 strings
  binaries of UTF-8 text      strings
  tuples, lists               arrays; a list of characters is an array of numbers
  maps                        objects; keys that are atoms or text are their text, others
                              are in Erlang syntax; all are, where two would be the same
  all else                    strings in Erlang syntax: pids, ports, references, funs, bit
                              strings, improper lists, integers of over 4,299 digits";

/// Displays a term as JSON, on one line.
///
/// Nothing here calls itself for the parts of a term: nodes may send terms of any depth.
pub(crate) struct Json<'t>(pub(crate) &'t Term);

/// What is still to be written.
enum Todo<'t> {
    Value(Cow<'t, Term>),
    Key(String),
    Text(&'static str),
}

impl Display for Json<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut todo = vec![Todo::Value(Cow::Borrowed(self.0))];
        while let Some(next) = todo.pop() {
            match next {
                Todo::Value(Cow::Borrowed(term)) => match parts(term) {
                    Some(parts) => todo.extend(parts.into_iter().rev()),
                    None => scalar(term, f)?,
                },
                // An element of a list of bytes.
                Todo::Value(Cow::Owned(byte)) => scalar(&byte, f)?,
                Todo::Key(key) => {
                    string(&key, f)?;
                    f.write_char(':')?;
                }
                Todo::Text(text) => f.write_str(text)?,
            }
        }
        Ok(())
    }
}

/// What arrays and objects consist of; `None` for all that is neither.
fn parts(term: &Term) -> Option<Vec<Todo<'_>>> {
    if let Some(map) = term.as_map() {
        let members = keys(term)
            .into_iter()
            .zip(map.iter())
            .map(|(key, (_, value))| [Todo::Key(key), Todo::Value(Cow::Borrowed(value))]);
        return Some(enclosed("{", members, "}"));
    }
    if let Some(elements) = term.as_tuple() {
        let elements = elements
            .iter()
            .map(|element| [Todo::Value(Cow::Borrowed(element))]);
        return Some(enclosed("[", elements, "]"));
    }
    let list = term.as_list().filter(|list| list.tail().is_none())?;
    Some(enclosed(
        "[",
        list.iter().map(|element| [Todo::Value(element)]),
        "]",
    ))
}

fn enclosed<'t, const N: usize>(
    open: &'static str,
    members: impl Iterator<Item = [Todo<'t>; N]>,
    close: &'static str,
) -> Vec<Todo<'t>> {
    let mut parts = vec![Todo::Text(open)];
    for (index, member) in members.enumerate() {
        if index > 0 {
            parts.push(Todo::Text(","));
        }
        parts.extend(member);
    }
    parts.push(Todo::Text(close));
    parts
}

/// The keys of a map as texts, no two of which are the same.
fn keys(term: &Term) -> Vec<String> {
    let keys = || {
        term.as_map()
            .into_iter()
            .flat_map(|map| map.iter())
            .map(|(key, _)| key)
    };
    let texts: Vec<String> = keys()
        .map(|key| text(key).map_or_else(|| key.to_string(), str::to_owned))
        .collect();
    let different = texts.iter().collect::<HashSet<_>>().len() == texts.len();
    if different {
        texts
    } else {
        keys().map(Term::to_string).collect()
    }
}

/// The text that a term is.
fn text(term: &Term) -> Option<&str> {
    term.as_atom()
        .map(|atom| atom.as_str())
        .or_else(|| term.as_str())
}

fn scalar(term: &Term, f: &mut Formatter<'_>) -> fmt::Result {
    match (term.kind(), text(term)) {
        (Kind::Atom, Some(value @ ("true" | "false"))) => f.write_str(value),
        (Kind::Atom, Some("undefined" | "nil" | "null")) => f.write_str("null"),
        (_, Some(text)) => string(text, f),
        (kind, None) => {
            let erlang = term.to_string();
            // Integers too long for base 10 are in base 16 in Erlang syntax: no JSON.
            if matches!(kind, Kind::Integer | Kind::Float) && !erlang.contains('#') {
                f.write_str(&erlang)
            } else {
                string(&erlang, f)
            }
        }
    }
}

/// A string with the escapes that RFC 8259 requires.
pub(crate) fn string(text: &str, f: &mut impl Write) -> fmt::Result {
    f.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\0'..='\x1f' => write!(f, "\\u{:04x}", char as u32)?,
            _ => f.write_char(char)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::Json;
    use einode::Term;

    #[track_caller]
    fn check(term: &str, json: &str) {
        let term: Term = term.parse().unwrap();
        assert_eq!(Json(&term).to_string(), json, "{term}");
    }

    #[test]
    fn writes_scalars() {
        check("42", "42");
        check(
            "-123456789012345678901234567890",
            "-123456789012345678901234567890",
        );
        check("1.5", "1.5");
        check("1.0e22", "1.0e22");
        check("true", "true");
        check("undefined", "null");
        check("nil", "null");
        check("'größe x'", "\"größe x\"");
        check(r#"<<"a\"b\\c\n\x{1}">>"#, r#""a\"b\\c\n\u0001""#);
        check("<<\"straße\"/utf8>>", "\"straße\"");
        check("<<255,1>>", "\"<<255,1>>\"");
        check("<<1:1>>", "\"<<1:1>>\"");
    }

    #[test]
    fn writes_containers() {
        check("{}", "[]");
        check("[]", "[]");
        check("#{}", "{}");
        check(
            "{ok, [1, {2.0, x}], \"hi\"}",
            "[\"ok\",[1,[2.0,\"x\"]],[104,105]]",
        );
        check("[1|2]", "\"[1|2]\"");
        check("#{a => #{<<\"b\">> => []}, {c, 1} => 2, 3 => 4}", {
            "{\"3\":4,\"a\":{\"b\":[]},\"{c,1}\":2}"
        });
    }

    #[test]
    fn keys_stay_different() {
        check("#{a => 1, <<\"a\">> => 2}", r#"{"a":1,"<<\"a\">>":2}"#);
        check(
            "#{a => 1, <<\"a\">> => #{b => 2}}",
            r#"{"a":1,"<<\"a\">>":{"b":2}}"#,
        );
    }

    #[test]
    fn numbers_too_long_to_print_in_base_10_are_text() {
        let huge: Term = format!("16#1{}", "0".repeat(4000)).parse().unwrap();
        let json = Json(&huge).to_string();
        assert!(
            json.starts_with("\"16#1000") && json.ends_with("000\""),
            "{json}"
        );
    }

    #[test]
    fn writes_terms_of_any_depth() {
        let deep = (0..1_000_000).fold(Term::nil(), |inner, _| Term::list(vec![inner]));
        assert_eq!(Json(&deep).to_string().len(), 2_000_002);
    }
}
