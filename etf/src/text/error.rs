use std::fmt::{self, Write};

/// Why text is not a term, and where.
///
/// ```
/// use einode_etf::Term;
///
/// let error = "{ok,\n [1, X]}".parse::<Term>().unwrap_err();
/// assert_eq!(error.to_string(), "line 2, column 6: expected a term, found `X]}`");
/// assert_eq!(error.offset(), 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    offset: usize,
    line: usize,
    column: usize,
    expected: &'static str,
    found: Box<str>,
}

impl ParseError {
    /// How many characters of what was found are kept.
    const SHOWN: usize = 20;

    pub(super) fn new(text: &str, offset: usize, expected: &'static str) -> Self {
        let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let column = before
            .get(line_start..)
            .map_or(0, |line| line.chars().count())
            + 1;
        let shown = after.lines().next().unwrap_or_default();
        Self {
            offset,
            line,
            column,
            expected,
            found: shown.chars().take(Self::SHOWN).collect(),
        }
    }

    /// Where it is: bytes from the beginning of the text.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The line, from 1.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The character within the line, from 1.
    pub const fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            expected,
            found,
            ..
        } = self;
        write!(f, "line {line}, column {column}: expected {expected}, ")?;
        if found.is_empty() {
            f.write_str("found the end")
        } else {
            f.write_str("found `")?;
            for char in found.chars() {
                // Not for a terminal to act on.
                if char.is_control() {
                    write!(f, "{}", char.escape_default())?;
                } else {
                    f.write_char(char)?;
                }
            }
            f.write_char('`')
        }
    }
}

impl std::error::Error for ParseError {}
