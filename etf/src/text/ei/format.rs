use std::fmt;

/// A step of writing a term that `ei_x_format` describes; `A` is what stands for the arguments.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'t, A> {
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// An atom, in Latin-1.
    Atom(&'t [u8]),
    /// A list of bytes.
    String(&'t [u8]),
    /// An argument.
    Argument(A),
    /// The head of a tuple: so many terms follow.
    Tuple(usize),
    /// The head of a list: so many terms follow, and then its tail.
    List(usize),
    /// The empty list, or the end of one.
    Nil,
    /// The head of a map: so many keys follow, each with its value.
    Map(usize),
}

/// A text describes no term, or asks for an argument that there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATerm;

impl fmt::Display for NotATerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text describes no term")
    }
}

impl std::error::Error for NotATerm {}

/// The tokens of the first term in a text of the syntax of `ei_x_format`; what follows it does not matter.
///
/// The syntax has atoms, integers, floats, strings, tuples, lists and maps of Erlang, without escapes in
/// quotes; commas in tuples and lists may be left out. `~` and a letter ask for an argument. Integers end
/// at the limits of 64 bits.
///
/// ```
/// use einode_etf::text::ei::{NotATerm, Token, tokens};
///
/// let found = tokens(b"{point, [1 2]}", |_| Err::<(), _>(NotATerm))?;
/// let expected = [
///     Token::Tuple(2),
///     Token::Atom(b"point"),
///     Token::List(2),
///     Token::Integer(1),
///     Token::Integer(2),
///     Token::Nil,
/// ];
/// assert_eq!(found, expected);
/// # Ok::<(), NotATerm>(())
/// ```
///
/// # Errors
/// [`NotATerm`], or what `argument` says to the letter after a `~`.
pub fn tokens<A>(
    text: &[u8],
    argument: impl FnMut(u8) -> Result<A, NotATerm>,
) -> Result<Vec<Token<'_, A>>, NotATerm> {
    Parser { text, argument }.parse()
}

/// A container whose end has not been read.
struct Open {
    /// Where among the tokens its header is.
    header: usize,
    place: Place,
    /// How many elements or pairs it has so far.
    count: usize,
}

/// What the next term in a container is.
enum Place {
    InTuple,
    InList,
    Tail,
    Key,
    Value,
}

struct Parser<'t, F> {
    text: &'t [u8],
    argument: F,
}

impl<'t, A, F: FnMut(u8) -> Result<A, NotATerm>> Parser<'t, F> {
    /// The tokens of the first term. What follows it does not matter.
    fn parse(mut self) -> Result<Vec<Token<'t, A>>, NotATerm> {
        let mut tokens = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        loop {
            let header = tokens.len();
            let token = self.token()?;
            let place = match token {
                Token::Tuple(_) => Some((Place::InTuple, b'}')),
                Token::List(_) => Some((Place::InList, b']')),
                Token::Map(_) => Some((Place::Key, b'}')),
                _ => None,
            };
            match place {
                Some((_, end)) if self.found(&[end]) => {
                    tokens.push(if end == b']' { Token::Nil } else { token });
                }
                Some((place, _)) => {
                    tokens.push(token);
                    open.push(Open {
                        header,
                        place,
                        count: 0,
                    });
                    continue;
                }
                None => tokens.push(token),
            }
            // A term has ended, and its container may end with it.
            while let Some(top) = open.last_mut() {
                if self.goes_on(top)? {
                    break;
                }
                match tokens.get_mut(top.header) {
                    Some(Token::Tuple(count) | Token::List(count) | Token::Map(count)) => {
                        *count = top.count;
                    }
                    _ => return Err(NotATerm),
                }
                if matches!(top.place, Place::InList) {
                    tokens.push(Token::Nil);
                }
                open.pop();
            }
            if open.is_empty() {
                return Ok(tokens);
            }
        }
    }

    /// What comes after a term in a container; whether that is another term. Commas between the
    /// elements of tuples and lists may be left out.
    fn goes_on(&mut self, open: &mut Open) -> Result<bool, NotATerm> {
        match open.place {
            Place::InTuple => {
                open.count += 1;
                if self.found(b"}") {
                    return Ok(false);
                }
                self.found(b",");
            }
            Place::InList => {
                open.count += 1;
                if self.found(b"]") {
                    return Ok(false);
                }
                if self.found(b"|") {
                    open.place = Place::Tail;
                } else {
                    self.found(b",");
                }
            }
            Place::Tail => return self.expect(b"]").map(|()| false),
            Place::Key => {
                self.expect(b"=>")?;
                open.place = Place::Value;
            }
            Place::Value => {
                open.count += 1;
                if self.found(b"}") {
                    return Ok(false);
                }
                self.expect(b",")?;
                open.place = Place::Key;
            }
        }
        Ok(true)
    }

    fn token(&mut self) -> Result<Token<'t, A>, NotATerm> {
        if self.found(b"#{") {
            return Ok(Token::Map(0));
        }
        let start = self.text;
        match *self.text {
            [b'{', ref rest @ ..] => {
                self.text = rest;
                Ok(Token::Tuple(0))
            }
            [b'[', ref rest @ ..] => {
                self.text = rest;
                Ok(Token::List(0))
            }
            [b'~', directive, ref rest @ ..] => {
                self.text = rest;
                Ok(Token::Argument((self.argument)(directive)?))
            }
            [quote @ (b'"' | b'\''), ref rest @ ..] => {
                self.text = rest;
                let quoted = self.take_while(|byte| byte != quote);
                self.text = self.text.get(1..).ok_or(NotATerm)?;
                Ok(if quote == b'"' {
                    Token::String(quoted)
                } else {
                    Token::Atom(quoted)
                })
            }
            [b'a'..=b'z', ..] => {
                Ok(Token::Atom(self.take_while(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@')
                })))
            }
            [b'0'..=b'9', ..] | [b'+' | b'-', b'0'..=b'9', ..] => self.number(start),
            _ => Err(NotATerm),
        }
    }

    /// A float has a point; without one, an exponent is not part of the number. Integers end at the
    /// limits of 64 bits.
    fn number(&mut self, start: &'t [u8]) -> Result<Token<'t, A>, NotATerm> {
        self.text = self.text.get(1..).unwrap_or_default();
        let negative = start.starts_with(b"-");
        let first = start.first().filter(|byte| byte.is_ascii_digit());
        let rest = self.take_while(|byte| byte.is_ascii_digit());
        if !self.text.starts_with(b".") {
            let value = first.into_iter().chain(rest).fold(0, |value: i64, digit| {
                let digit = i64::from(digit.wrapping_sub(b'0'));
                value
                    .saturating_mul(10)
                    .saturating_add(if negative { -digit } else { digit })
            });
            return Ok(Token::Integer(value));
        }
        self.text = self.text.get(1..).unwrap_or_default();
        self.take_while(|byte| byte.is_ascii_digit());
        if let [b'e' | b'E', b'0'..=b'9', ..] | [b'e' | b'E', b'+' | b'-', b'0'..=b'9', ..] =
            self.text
        {
            self.text = self.text.get(2..).unwrap_or_default();
            self.take_while(|byte| byte.is_ascii_digit());
        }
        let length = start.len() - self.text.len();
        let number = str::from_utf8(start.get(..length).unwrap_or(start));
        let value = number.ok().and_then(|number| number.parse().ok());
        value.map(Token::Float).ok_or(NotATerm)
    }

    /// Passes over white space, and over `text` if that comes next.
    fn found(&mut self, text: &[u8]) -> bool {
        self.take_while(|byte| byte.is_ascii_whitespace() || byte == b'\x0b');
        match self.text.strip_prefix(text) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, text: &[u8]) -> Result<(), NotATerm> {
        if self.found(text) {
            Ok(())
        } else {
            Err(NotATerm)
        }
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'t [u8] {
        let end = self.text.iter().position(|&byte| !belongs(byte));
        let (taken, rest) = self.text.split_at(end.unwrap_or(self.text.len()));
        self.text = rest;
        taken
    }
}
