use std::collections::VecDeque;

use einode_dist::{Control, Destination, Payload};
use einode_etf::{Atom, Pid, Term, term};

use super::chars::Encoding;
use crate::core::Urgency;
use crate::process::Process;

/// A message `{io_request, From, ReplyAs, Request}`.
#[derive(Debug)]
pub(crate) struct Requested {
    pub(crate) from: Pid,
    reply_as: Term,
    /// What is asked for, one after the other.
    pub(crate) parts: VecDeque<Request>,
}

/// What is asked of a group leader.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    /// To write.
    Put(Chars),
    /// To read.
    Get(Get),
    Options,
    SetOptions(Term),
    Geometry(Dimension),
    /// Something that there is not.
    Unknown,
}

/// Text, or how the node of the process makes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Chars {
    Text(String),
    Made(Encoding, Apply),
    /// What is no text.
    Invalid,
}

/// A function of the node of the process, and its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Apply {
    pub(crate) module: Atom,
    pub(crate) function: Atom,
    pub(crate) arguments: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Get {
    pub(crate) encoding: Encoding,
    pub(crate) prompt: Chars,
    pub(crate) amount: Amount,
}

/// How much is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Amount {
    Line,
    /// A line that is not shown.
    Password,
    Chars(usize),
    /// Until a function has enough.
    Until(Apply),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    Columns,
    Rows,
}

impl Requested {
    /// Reads a message, if it is one.
    pub(crate) fn read(message: &Payload) -> Option<Self> {
        if !Self::is(message) {
            return None;
        }
        let message = message.term().ok()?;
        let [_, from, reply_as, request] = message.as_tuple()? else {
            return None;
        };
        Some(Self {
            from: from.as_pid()?.clone(),
            reply_as: reply_as.clone(),
            parts: parts(request),
        })
    }

    /// Whether a message is one, as far as can be seen without decoding it.
    pub(super) fn is(message: &Payload) -> bool {
        let mut reader = message.reader();
        reader.tuple() == Ok(4) && reader.atom().is_ok_and(|label| label == "io_request")
    }

    /// Answers, unless the node of the process is out of reach.
    pub(crate) fn reply(&self, me: &Process, answer: &Term) {
        const IO_REPLY: Atom = Atom::from_static("io_reply");
        let Ok(reply) = Payload::encode(&(IO_REPLY, &self.reply_as, answer)) else {
            return;
        };
        let (core, node) = (&me.core, self.from.node());
        let to = Destination::Pid(self.from.clone());
        if core.is_here(node) {
            let _ = core.send(&me.inbox, &to, node, reply, false, Urgency::Owed);
        } else {
            let control = Control::Send {
                from: Some(me.pid().clone()),
                to,
                priority: false,
                token: None,
            };
            core.tell(node, &control, Some(&reply));
        }
    }
}

/// The parts of `{requests, Requests}`, or the only one. Requests within requests are none.
fn parts(request: &Term) -> VecDeque<Request> {
    match request.as_tuple() {
        Some([label, requests]) if label.is_atom("requests") => match requests.as_list() {
            Some(requests) => requests.iter().map(|part| Request::read(&part)).collect(),
            None => [Request::Unknown].into(),
        },
        _ => [Request::read(request)].into(),
    }
}

impl Request {
    fn read(request: &Term) -> Self {
        Self::understand(request).unwrap_or(Self::Unknown)
    }

    fn understand(request: &Term) -> Option<Self> {
        if request.is_atom("getopts") {
            return Some(Self::Options);
        }
        let (label, rest) = request.as_tuple()?.split_first()?;
        Some(match (label.as_atom()?.as_str(), rest) {
            ("put_chars", _) => Self::put(rest)?,
            ("get_geometry", [what]) => Self::Geometry(match what.as_atom()?.as_str() {
                "columns" => Dimension::Columns,
                "rows" => Dimension::Rows,
                _ => return None,
            }),
            ("setopts", [options]) => Self::SetOptions(options.clone()),
            ("get_password", [encoding]) => Self::Get(Get {
                encoding: Encoding::of(encoding)?,
                prompt: Chars::Text(String::new()),
                amount: Amount::Password,
            }),
            (label, _) => Self::Get(Get::read(label, rest)?),
        })
    }

    /// `{put_chars, Encoding, Chars}` or `{put_chars, Encoding, Module, Function, Arguments}`; without an
    /// encoding, as before R13B, it is Latin-1.
    fn put(rest: &[Term]) -> Option<Self> {
        let (encoding, chars) = match rest {
            [chars] => (Encoding::Latin1, std::slice::from_ref(chars)),
            [_, _, _] => (Encoding::Latin1, rest),
            [encoding, chars @ ..] => (Encoding::of(encoding)?, chars),
            [] => return None,
        };
        Some(Self::Put(match chars {
            [chars] => encoding.text(chars).map_or(Chars::Invalid, Chars::Text),
            apply => Chars::Made(encoding, Apply::read(apply)?),
        }))
    }
}

impl Get {
    fn read(label: &str, rest: &[Term]) -> Option<Self> {
        let own = match label {
            "get_line" => 0,
            "get_chars" => 1,
            "get_until" => 3,
            _ => return None,
        };
        let (encoding, rest) = match rest {
            [encoding, rest @ ..] if rest.len() == own + 1 => (Encoding::of(encoding)?, rest),
            _ => (Encoding::Latin1, rest),
        };
        let (prompt, rest) = rest.split_first()?;
        let amount = match (own, rest) {
            (0, []) => Amount::Line,
            (1, [count]) => Amount::Chars(usize::try_from(count.as_i64()?).ok()?),
            (3, apply) => Amount::Until(Apply::read(apply)?),
            _ => return None,
        };
        Some(Self {
            encoding,
            prompt: read_prompt(encoding, prompt),
            amount,
        })
    }
}

/// A text, an atom, or `{format, Format, Arguments}`.
fn read_prompt(encoding: Encoding, prompt: &Term) -> Chars {
    if let Some(atom) = prompt.as_atom() {
        return Chars::Text(atom.as_str().into());
    }
    if let Some([label, format, arguments]) = prompt.as_tuple()
        && label.is_atom("format")
    {
        return Chars::Made(
            encoding,
            Apply {
                module: Atom::from_static("io_lib"),
                function: Atom::from_static("format"),
                arguments: vec![format.clone(), arguments.clone()],
            },
        );
    }
    encoding.text(prompt).map_or(Chars::Invalid, Chars::Text)
}

impl Apply {
    fn read(parts: &[Term]) -> Option<Self> {
        let [module, function, arguments] = parts else {
            return None;
        };
        let arguments = arguments.as_list().filter(|list| list.tail().is_none())?;
        Some(Self {
            module: module.as_atom()?.clone(),
            function: function.as_atom()?.clone(),
            arguments: arguments
                .iter()
                .map(|argument| argument.into_owned())
                .collect(),
        })
    }
}

/// `{error, Reason}`.
pub(crate) fn error(reason: &'static str) -> Term {
    let reason = Atom::from_static(reason);
    term!({error, (reason)})
}

/// Whether an answer is an error, after which nothing more is done of a request.
pub(crate) fn is_error(answer: &Term) -> bool {
    matches!(answer.as_tuple(), Some([label, _]) if label.is_atom("error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(request: &str) -> Vec<Request> {
        parts(&request.parse().unwrap()).into()
    }

    fn apply(arguments: Vec<Term>) -> Apply {
        Apply {
            module: Atom::from_static("io_lib"),
            function: Atom::from_static("format"),
            arguments,
        }
    }

    fn get(encoding: Encoding, prompt: &str, amount: Amount) -> Request {
        Request::Get(Get {
            encoding,
            prompt: Chars::Text(prompt.into()),
            amount,
        })
    }

    #[test]
    fn reads_output() {
        let text = |text: &str| [Request::Put(Chars::Text(text.into()))];
        let chars =
            "{put_chars, unicode, [<<\"h\\303\\251\">>, [16#2603, [] | <<\"!\">>], \"ab\"]}";
        assert_eq!(read(chars), text("hé☃!ab"));
        assert_eq!(read("{put_chars, latin1, <<233>>}"), text("é"));
        assert_eq!(read("{put_chars, \"a\"}"), text("a"));
        let made = "{put_chars, unicode, io_lib, format, [\"~p\", [1]]}";
        let arguments = vec![Term::string("~p"), vec![Term::from(1)].into()];
        let made_of = Chars::Made(Encoding::Unicode, apply(arguments));
        assert_eq!(read(made), [Request::Put(made_of)]);
        for wrong in ["<<255>>", "[-1]", "[16#d800]", "atom", "{}", "[1.0]"] {
            let request = format!("{{put_chars, unicode, {wrong}}}");
            assert_eq!(read(&request), [Request::Put(Chars::Invalid)], "{wrong}");
        }
    }

    #[test]
    fn reads_input() {
        use Encoding::{Latin1, Unicode};
        for (request, expected) in [
            (
                "{get_line, unicode, '> '}",
                get(Unicode, "> ", Amount::Line),
            ),
            ("{get_line, \"> \"}", get(Latin1, "> ", Amount::Line)),
            (
                "{get_chars, unicode, \"\", 3}",
                get(Unicode, "", Amount::Chars(3)),
            ),
            ("{get_chars, \"\", 3}", get(Latin1, "", Amount::Chars(3))),
            (
                "{get_password, unicode}",
                get(Unicode, "", Amount::Password),
            ),
            (
                "{get_until, unicode, \"\", io_lib, format, [1]}",
                get(Unicode, "", Amount::Until(apply(vec![1.into()]))),
            ),
            (
                "{get_until, \"\", io_lib, format, []}",
                get(Latin1, "", Amount::Until(apply(vec![]))),
            ),
        ] {
            assert_eq!(read(request), [expected], "{request}");
        }
    }

    #[test]
    fn what_there_is_not_is_unknown() {
        for request in [
            "dance",
            "{}",
            "{put_chars}",
            "{put_chars, latin2, \"a\"}",
            "{put_chars, unicode, m, f, [a | b]}",
            "{get_chars, unicode, \"\", -1}",
            "{get_geometry, depth}",
            "{requests, [{requests, []}]}",
            "{requests, none}",
        ] {
            assert_eq!(read(request), [Request::Unknown], "{request}");
        }
        assert_eq!(read("{requests, []}"), []);
    }
}
