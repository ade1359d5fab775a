//! Text as Erlang has it: lists of characters, binaries, and lists of both.

use std::borrow::Cow;

use einode_etf::{Atom, Term, term};

/// What characters there are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Latin1,
    Unicode,
}

impl Encoding {
    pub(super) fn of(term: &Term) -> Option<Self> {
        match term.as_atom()?.as_str() {
            "latin1" => Some(Self::Latin1),
            "unicode" | "utf8" => Some(Self::Unicode),
            _ => None,
        }
    }

    pub(super) const fn atom(self) -> Atom {
        match self {
            Self::Latin1 => Atom::from_static("latin1"),
            Self::Unicode => Atom::from_static("unicode"),
        }
    }

    /// The text of `unicode:chardata()`, or of `iodata()` in Latin-1.
    pub(super) fn text(self, chars: &Term) -> Option<String> {
        let mut text = String::new();
        let mut rest = vec![chars];
        while let Some(chars) = rest.pop() {
            if let Some(bytes) = chars.as_binary() {
                match self {
                    Self::Unicode => text.push_str(str::from_utf8(bytes).ok()?),
                    Self::Latin1 => text.extend(bytes.iter().copied().map(char::from)),
                }
            } else if let Some(code) = chars.as_i64() {
                text.push(char::from_u32(u32::try_from(code).ok()?)?);
            } else {
                let list = chars.as_list()?;
                if let Some(bytes) = list.as_bytes() {
                    text.extend(bytes.iter().copied().map(char::from));
                    continue;
                }
                rest.extend(list.tail());
                let elements = (0..list.len()).rev().filter_map(|at| list.get(at));
                rest.extend(elements.filter_map(|element| match element {
                    Cow::Borrowed(element) => Some(element),
                    Cow::Owned(_) => None,
                }));
            }
        }
        Some(text)
    }

    /// Text as it is read, a list or a binary; an error where the encoding lacks a character.
    pub(super) fn term(self, text: &str, binary: bool) -> Result<Term, Term> {
        let latin1 = || text.chars().map(|char| u8::try_from(u32::from(char)).ok());
        if self == Self::Latin1 && latin1().any(|byte| byte.is_none()) {
            return Err(term!({no_translation, unicode, latin1}));
        }
        Ok(match (binary, self) {
            (false, _) => Term::string(text),
            (true, Self::Unicode) => Term::from(text),
            (true, Self::Latin1) => Term::binary(&latin1().flatten().collect::<Vec<_>>()),
        })
    }
}
