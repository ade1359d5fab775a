//! The words of Erlang's syntax.

use super::ParseError;
use crate::Atom;

/// Text that is read from its beginning.
pub(super) struct Scanner<'t> {
    text: &'t str,
    /// How many bytes are behind; always at the border of a character.
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// What has not been read.
    pub(super) fn ahead(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) const fn position(&self) -> usize {
        self.at
    }

    /// The error that something else was expected at a place.
    pub(super) fn error_at(&self, at: usize, expected: &'static str) -> ParseError {
        ParseError::new(self.text, at, expected)
    }

    /// The error that something else was expected next.
    pub(super) fn expected(&mut self, expected: &'static str) -> ParseError {
        self.skip_space();
        self.error_at(self.at, expected)
    }

    /// The next character, which stays ahead.
    pub(super) fn peek_char(&self) -> Option<char> {
        self.ahead().chars().next()
    }

    pub(super) fn next_char(&mut self) -> Option<char> {
        let char = self.peek_char()?;
        self.at += char.len_utf8();
        Some(char)
    }

    /// Reads as long as characters are of a kind.
    pub(super) fn take_while(&mut self, is_of_kind: impl Fn(char) -> bool) -> &'t str {
        let ahead = self.ahead();
        let end = ahead.find(|char| !is_of_kind(char)).unwrap_or(ahead.len());
        self.at += end;
        ahead.get(..end).unwrap_or_default()
    }

    /// Passes over space and comments, and gives the first character after them.
    pub(super) fn skip_space(&mut self) -> Option<char> {
        loop {
            self.take_while(|char| matches!(char, '\0'..=' ' | '\u{80}'..='\u{a0}'));
            if self.peek_char() != Some('%') {
                return self.peek_char();
            }
            self.take_while(|char| char != '\n');
        }
    }

    /// Reads `token`, if it comes right now.
    pub(super) fn eat_here(&mut self, token: &str) -> bool {
        let found = self.ahead().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Reads `token`, if it comes after space.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        self.skip_space();
        self.eat_here(token)
    }

    /// Reads `token`, or says that it was `expected`.
    pub(super) fn need(&mut self, token: &str, expected: &'static str) -> Result<(), ParseError> {
        if self.eat(token) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    /// Nothing may follow but space, after at most one full stop.
    pub(super) fn finish(&mut self) -> Result<(), ParseError> {
        self.eat(".");
        match self.skip_space() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end")),
        }
    }

    /// An atom, quoted or not.
    pub(super) fn atom(&mut self) -> Result<Atom, ParseError> {
        let first = self.skip_space();
        let start = self.at;
        let name = match first {
            Some('\'') => Atom::new(&self.quoted()?),
            Some(first) if begins_atom(first) => match self.take_while(continues_atom) {
                // Not reserved in all releases, and not to be mistaken for anything else here.
                name @ ("maybe" | "else") => Atom::new(name),
                name if RESERVED.contains(&name) => {
                    return Err(self.error_at(start, "an atom (reserved words need quotes)"));
                }
                name => Atom::new(name),
            },
            _ => return Err(self.expected("an atom")),
        };
        name.map_err(|_| self.error_at(start, "an atom of at most 255 characters"))
    }

    /// The node of an identifier.
    pub(super) fn node(&mut self) -> Result<Atom, ParseError> {
        let start = self.at;
        if self.peek_char() == Some('\'') {
            return self.atom();
        }
        if !begins_label(self.ahead()) {
            return Err(self.error_at(start, "the name of a node"));
        }
        self.take_while(continues_node);
        while self.ahead().strip_prefix('.').is_some_and(begins_label) {
            self.at += 1;
            self.take_while(continues_node);
        }
        let name = self.text.get(start..self.at).unwrap_or_default();
        Atom::new(name).map_err(|_| self.error_at(start, "a node name of at most 255 characters"))
    }

    /// Reads a word that is no atom, if it comes after space.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let rest = self.ahead().strip_prefix(word);
        rest.is_some_and(|rest| !rest.starts_with(continues_atom)) && self.eat_here(word)
    }

    /// A string. Those that follow it after space belong to it.
    pub(super) fn string(&mut self) -> Result<String, ParseError> {
        let mut text = self.quoted()?;
        loop {
            let end = self.at;
            if self.skip_space() != Some('"') {
                return Ok(text);
            }
            // OTP 27 and later refuse what older releases take.
            if self.at == end {
                return Err(self.error_at(end, "space between strings"));
            }
            text.push_str(&self.quoted()?);
        }
    }

    /// Text between quotes, of which the first one is next.
    fn quoted(&mut self) -> Result<String, ParseError> {
        let start = self.at;
        let quote = self.next_char();
        let mut text = String::new();
        loop {
            let plain = self.take_while(|char| Some(char) != quote && char != '\\');
            text.push_str(plain);
            match self.peek_char() {
                Some('\\') => text.push(self.escape()?),
                Some(_) => {
                    self.next_char();
                    return Ok(text);
                }
                None => return Err(self.error_at(start, "a closing quote for this one")),
            }
        }
    }

    /// A character after `$`, which has been read.
    pub(super) fn char(&mut self) -> Result<char, ParseError> {
        match self.peek_char() {
            Some('\\') => self.escape(),
            Some(char) => {
                self.next_char();
                Ok(char)
            }
            None => Err(self.expected("a character")),
        }
    }

    /// An escape sequence (OTP, *Reference Manual*, "Escape Sequences").
    fn escape(&mut self) -> Result<char, ParseError> {
        let start = self.at;
        self.eat_here("\\");
        let expected = "an escape sequence of a character";
        let char = match self.next_char() {
            Some('b') => Some('\u{8}'),
            Some('d') => Some('\u{7f}'),
            Some('e') => Some('\u{1b}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('s') => Some(' '),
            Some('t') => Some('\t'),
            Some('v') => Some('\u{b}'),
            Some('^') => {
                let control = self.next_char().filter(char::is_ascii);
                control.and_then(|char| char::from_u32(u32::from(char) & 31))
            }
            Some('x') if self.eat_here("{") => {
                let digits = self.take_while(|char| char.is_ascii_hexdigit());
                let char = u32::from_str_radix(digits, 16).ok();
                char.filter(|_| self.eat_here("}")).and_then(char::from_u32)
            }
            Some('x') => {
                let digits = self.digits_up_to(2, 16);
                let char = u32::from_str_radix(digits, 16).ok();
                char.filter(|_| digits.len() == 2).and_then(char::from_u32)
            }
            Some('0'..='7') => {
                self.at = start + 1;
                let digits = self.digits_up_to(3, 8);
                u32::from_str_radix(digits, 8).ok().and_then(char::from_u32)
            }
            other => other,
        };
        char.ok_or_else(|| self.error_at(start, expected))
    }

    fn digits_up_to(&mut self, most: usize, base: u32) -> &'t str {
        let ahead = self.ahead();
        let count = ahead
            .chars()
            .take(most)
            .take_while(|char| char.is_digit(base))
            .count();
        self.at += count;
        ahead.get(..count).unwrap_or_default()
    }
}

/// Whether a character may begin an atom that is not quoted: the small letters of Latin-1.
pub(super) fn begins_atom(char: char) -> bool {
    matches!(char, 'a'..='z' | 'ß'..='ÿ') && char != '÷'
}

/// Whether a character may be within an atom that is not quoted.
pub(super) fn continues_atom(char: char) -> bool {
    begins_atom(char)
        || matches!(char, 'A'..='Z' | 'À'..='Þ' | '0'..='9' | '_' | '@') && char != '×'
}

/// Words that are atoms only when quoted (OTP, *Reference Manual*, "Reserved Words"). `maybe` and
/// `else` are among them from OTP 27 on.
pub(super) const RESERVED: [&str; 29] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case",
    "catch", "cond", "div", "else", "end", "fun", "if", "let", "maybe", "not", "of", "or",
    "orelse", "receive", "rem", "try", "when", "xor",
];

/// Whether a character may be within the name of a node that is not quoted.
pub(super) fn continues_node(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '@')
}

/// Whether text after a dot goes on with the name of a node; if not, it is a number.
pub(super) fn begins_label(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_alphabetic())
}
