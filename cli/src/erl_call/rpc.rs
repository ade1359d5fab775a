//! Calls by way of the process `rex`, in the form of C nodes.
//!
//! ```text
//! to rex:    {FromPid, {call, Module, Function, Arguments, GroupLeader}}
//! from rex:  {rex_stdout, Binary}, any number of times if that was asked for, then {rex, Result}
//! ```

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use einode::dist::Payload;
use einode::etf::text::ei::{self, NotATerm, Token};
use einode::etf::{DecodeError, EncodeError, Reader, Slice, Writer};
use einode::{Atom, Control, LinkError, Term};

use crate::connect::Link;

/// Until the node answers: a call may take any time, and who wants a limit says so by `-timeout`.
const AS_LONG_AS_IT_TAKES: Duration = Duration::MAX;

/// The arguments of a call: an encoded list, without version byte.
pub(super) struct Args(Vec<u8>);

impl Args {
    pub(super) fn none() -> Self {
        Self::of(&Term::nil())
    }

    pub(super) fn binary(bytes: &[u8]) -> Self {
        Self::of(&Term::list(vec![Term::binary(bytes)]))
    }

    /// Of `file:write_file/2`.
    pub(super) fn file(name: &[u8], contents: &[u8]) -> Self {
        let name = name.iter().copied().map(Term::from).collect();
        Self::of(&Term::list(vec![Term::list(name), Term::binary(contents)]))
    }

    /// Of `c:c/2`.
    pub(super) fn compile(file: &[u8]) -> Self {
        let file =
            Atom::new(&String::from_utf8_lossy(file)).map_or_else(|_| Term::nil(), Term::from);
        Self::of(&Term::list(vec![file, Term::nil()]))
    }

    fn of(list: &Term) -> Self {
        // What we made ourselves can be encoded.
        let mut bytes = einode::etf::to_vec(list).unwrap_or_default();
        bytes.drain(..bytes.len().min(1));
        Self(bytes)
    }

    /// From a text as `ei_x_format` reads it, without arguments of its own.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let tokens = ei::tokens(text, |_| Err::<NoArgument, _>(NotATerm)).ok()?;
        let mut bytes = Vec::new();
        tokens
            .iter()
            .try_for_each(|token| write(token, &mut bytes))
            .ok()?;
        Some(Self(bytes))
    }
}

/// What stands for `~` and a letter, which there is not.
enum NoArgument {}

fn write(token: &Token<'_, NoArgument>, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut writer = Writer::new(bytes);
    match token {
        Token::Integer(value) => writer.i64(*value),
        Token::Float(value) => writer.float(*value),
        Token::Atom(name) => writer.atom(&latin1(name)?),
        Token::String(text) => writer.string(text),
        Token::Argument(argument) => match *argument {},
        Token::Tuple(arity) => writer.tuple(*arity),
        Token::List(length) => writer.list(*length),
        Token::Nil => writer.nil(),
        Token::Map(pairs) => writer.map(*pairs),
    }
}

/// Names in calls are bytes in Latin-1, in OTP's erl_call and so here. Printed in the same way, those in
/// UTF-8 come back as they were.
fn latin1(name: &[u8]) -> Result<Atom, EncodeError> {
    let name: String = name.iter().copied().map(char::from).collect();
    Atom::new(&name).map_err(|_| EncodeError::TooLarge)
}

/// Calls a function, and prints what it prints if that is wanted.
pub(super) fn call(
    link: &mut Link,
    module: &[u8],
    function: &[u8],
    arguments: &Args,
    fetch_stdout: bool,
) -> Result<Answer, Failed> {
    let mut request = Vec::with_capacity(arguments.0.len() + 256);
    let mut writer = Writer::new(&mut request);
    writer.version()?;
    writer.tuple(2)?;
    writer.pid(link.pid())?;
    writer.tuple(5)?;
    for name in [b"call", module, function] {
        writer.atom(&latin1(name)?)?;
    }
    request.extend_from_slice(&arguments.0);
    let leader = if fetch_stdout {
        Atom::from_static("send_stdout_to_caller")
    } else {
        Atom::from_static("user")
    };
    Writer::new(&mut request).atom(&leader)?;
    let payload = Payload::from_etf(request)?;
    let rex = Control::Send {
        from: Some(link.pid().clone()),
        to: Atom::from_static("rex").into(),
        priority: false,
        token: None,
    };
    link.signal(&rex, Some(payload))?;
    loop {
        let signal = link.receive(AS_LONG_AS_IT_TAKES)?;
        let Some(message) = signal.message() else {
            continue;
        };
        let etf = message.to_etf()?;
        let mut reader = Reader::new(&etf);
        reader.version()?;
        match (reader.tuple(), reader.atom()) {
            (Ok(2), Ok(tag)) if tag.as_str() == "rex" => {
                return Ok(Answer(reader.ahead().to_vec()));
            }
            (Ok(2), Ok(tag)) if tag.as_str() == "rex_stdout" => {
                let text = reader.term()?;
                let mut out = io::stdout().lock();
                // Whoever closed the pipe has read enough.
                let _ = out.write_all(text.as_binary().unwrap_or_default());
                let _ = out.flush();
            }
            // Of others.
            _ => {}
        }
    }
}

/// The result of a call, encoded, without version byte.
pub(super) struct Answer(Vec<u8>);

impl Answer {
    /// Prints it as OTP's erl_call does, as far as that can.
    pub(super) fn print(&self) -> io::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        let printed = ei::print(&mut Slice::new(&self.0), &mut out);
        out.flush()?;
        if let Err(error) = printed {
            // What could be printed is. OTP's erl_call leaves it at that.
            super::say(&format!(
                "the rest of the result cannot be printed: {error}"
            ));
        }
        Ok(())
    }

    /// Prints it as Erlang's shell does.
    pub(super) fn print_pretty(&self) -> io::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        writeln!(out, "{}", self.show())?;
        out.flush()
    }

    /// The result in Erlang's syntax.
    pub(super) fn show(&self) -> String {
        match Reader::new(&self.0).term() {
            Ok(term) => term.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Whether it is a tuple that begins with this atom.
    pub(super) fn is_tagged(&self, tag: &str) -> bool {
        let mut reader = Reader::new(&self.0);
        reader.tuple().is_ok_and(|arity| arity > 0)
            && reader.atom().is_ok_and(|atom| atom.as_str() == tag)
    }

    pub(super) fn is_atom(&self, name: &str) -> bool {
        Reader::new(&self.0)
            .atom()
            .is_ok_and(|atom| atom.as_str() == name)
    }
}

/// Why there is no answer.
pub(super) enum Failed {
    Link(LinkError),
    Encode(EncodeError),
    Decode(DecodeError),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
        }
    }
}

impl From<LinkError> for Failed {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<EncodeError> for Failed {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<DecodeError> for Failed {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}
