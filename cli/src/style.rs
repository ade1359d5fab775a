//! Colours, where they can be seen and are wanted.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal};

/// What a text is shown in (ECMA-48, "Select Graphic Rendition").
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Red => "\x1b[31m",
            Self::Green => "\x1b[32m",
            Self::Yellow => "\x1b[33m",
        }
    }

    /// The text in this style, on a standard output that shows it.
    pub(crate) fn paint<T: fmt::Display>(self, text: T) -> Painted<T> {
        Painted(if colours() { self } else { Self::Plain }, text)
    }
}

/// Whether standard output is a terminal with colours, and the user has not said `NO_COLOR`
/// (<https://no-color.org>).
pub(crate) fn colours() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    io::stdout().is_terminal() && !is_set("NO_COLOR") && !dumb
}

/// A text in a style.
pub(crate) struct Painted<T>(Style, T);

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Style::Plain, text) => text.fmt(f),
            Self(style, text) => {
                f.write_str(style.code())?;
                text.fmt(f)?;
                f.write_str("\x1b[0m")
            }
        }
    }
}
