use einode_dist::NodeName;
use einode_etf::{Atom, Reference, Term, term};

use super::chars::Encoding;
use super::request::{Amount, Apply, Chars, Dimension, Get, error, is_error};
use super::{Event, Input, REQUESTS, Request, Requested};
use crate::call::{Arrived, Call, CallError, Step};
use crate::core::Message;
use crate::process::Process;

const OK: Atom = Atom::from_static("ok");
const EOF: Atom = Atom::from_static("eof");

/// What a group leader has in hand, apart from how one waits for more.
pub(crate) struct Dialogue {
    input: Input,
    asked: Vec<Asked>,
    terminal: Terminal,
}

/// A request on its way to its answer.
struct Asked {
    request: Requested,
    /// To the part before.
    answer: Term,
    stage: Stage,
    /// Of the process, which need not wait as long as a reader does.
    monitor: Option<Reference>,
}

/// How far the first part has come.
enum Stage {
    New,
    /// Output, or a prompt, is made at the node of the process.
    Making(Call),
    /// Output that is to be given to the program.
    Made(String),
    /// The program has it.
    Given,
    Reading(Reading),
}

struct Reading {
    prompt: String,
    /// The state of the input when the program was told.
    told: Option<u64>,
    /// What the function has given that says when it is enough, and its call.
    continuation: Term,
    scan: Option<Call>,
}

/// What can be done about a request.
enum Progress {
    Event(Event),
    Waits { for_input: bool },
    Answered,
}

impl Dialogue {
    pub(crate) fn new(leader: &Process) -> Self {
        Self {
            input: Input::of(leader),
            asked: Vec::new(),
            terminal: Terminal::default(),
        }
    }

    pub(crate) const fn input(&self) -> &Input {
        &self.input
    }

    pub(crate) const fn expand_fun(&self) -> Option<&Term> {
        self.terminal.expand_fun.as_ref()
    }

    pub(crate) const fn read_binaries(&mut self) {
        self.terminal.binary = true;
    }

    pub(crate) const fn resize(&mut self, columns: u16, rows: u16) {
        self.terminal.size = Some((columns, rows));
    }

    /// What there is for the program, if that needs no other message. What it was given before it has dealt
    /// with.
    pub(crate) fn next(&mut self, me: &Process) -> Option<Event> {
        // Who has asked first reads first.
        let mut input = Some(&self.input);
        let mut at = 0;
        while let Some(asked) = self.asked.get_mut(at) {
            match asked.advance(me, input, &mut self.terminal) {
                Progress::Event(event) => return Some(event),
                Progress::Waits { for_input } => {
                    input = input.filter(|_| !for_input);
                    at += 1;
                }
                Progress::Answered => self.asked.remove(at).end(me),
            }
        }
        None
    }

    /// Whether a message can be taken now.
    pub(crate) fn wants(&self, message: &Message) -> bool {
        self.asked.len() < REQUESTS || !message.user().is_some_and(Requested::is)
    }

    /// Takes a message.
    pub(crate) fn take(&mut self, me: &Process, message: &Message) {
        if let Some(arrived) = message.arrived() {
            for asked in &mut self.asked {
                if asked.look(me, arrived, &self.input, &self.terminal) {
                    return;
                }
            }
        }
        match message {
            Message::User(message) => self.asked.extend(Requested::read(message).map(Asked::new)),
            Message::Down(down) => {
                let is_gone = |asked: &Asked| asked.monitor.as_ref() == Some(&down.monitor);
                if let Some(at) = self.asked.iter().position(is_gone) {
                    self.asked.remove(at).give_up(me);
                }
            }
            _ => {}
        }
    }
}

impl Asked {
    fn new(request: Requested) -> Self {
        Self {
            request,
            answer: OK.into(),
            stage: Stage::New,
            monitor: None,
        }
    }

    fn advance(
        &mut self,
        me: &Process,
        input: Option<&Input>,
        terminal: &mut Terminal,
    ) -> Progress {
        loop {
            match &mut self.stage {
                Stage::New => match self.request.parts.front() {
                    None => return Progress::Answered,
                    Some(part) => self.begin(me, &part.clone(), terminal),
                },
                Stage::Making(_) => return Progress::Waits { for_input: false },
                Stage::Made(text) => {
                    let text = std::mem::take(text);
                    self.stage = Stage::Given;
                    return Progress::Event(Event::Output(text));
                }
                Stage::Given => self.answered(OK.into()),
                Stage::Reading(reading) if reading.scan.is_some() => {
                    return Progress::Waits { for_input: true };
                }
                Stage::Reading(_) => {
                    let waits = Progress::Waits { for_input: true };
                    let Some(input) = input else { return waits };
                    if !self.read(me, input, terminal) {
                        return self.prompt(me, input).map_or(waits, Progress::Event);
                    }
                }
            }
        }
    }

    fn begin(&mut self, me: &Process, part: &Request, terminal: &mut Terminal) {
        match part {
            Request::Put(Chars::Text(text)) => self.stage = Stage::Made(text.clone()),
            Request::Get(Get {
                prompt: Chars::Text(prompt),
                ..
            }) => self.stage = Stage::reading(prompt.clone()),
            Request::Put(Chars::Made(_, apply))
            | Request::Get(Get {
                prompt: Chars::Made(_, apply),
                ..
            }) => match self.evaluate(me, apply, apply.arguments.clone()) {
                Ok(call) => self.stage = Stage::Making(call),
                Err(_) => self.failed(apply),
            },
            Request::Put(Chars::Invalid) => self.answered(error("put_chars")),
            Request::Get(_) => self.answered(error("badarg")),
            Request::Options => self.answered(terminal.options()),
            Request::SetOptions(options) => self.answered(terminal.set(options)),
            Request::Geometry(dimension) => self.answered(terminal.geometry(*dimension)),
            Request::Unknown => self.answered(error("request")),
        }
    }

    /// Reads what there is to read. False if there is not enough.
    fn read(&mut self, me: &Process, input: &Input, terminal: &Terminal) -> bool {
        let (Stage::Reading(reading), Some(Request::Get(get))) =
            (&mut self.stage, self.request.parts.front())
        else {
            return true;
        };
        let text = input.typed(|typed| match get.amount {
            Amount::Chars(count) => typed.chars(count),
            _ => typed.line(),
        });
        let Some(text) = text else { return false };
        match &get.amount {
            Amount::Until(apply) => {
                let text = if text.is_empty() {
                    EOF.into()
                } else {
                    Term::string(&text)
                };
                reading.told = None;
                let continuation = std::mem::replace(&mut reading.continuation, Term::nil());
                let apply = apply.clone();
                let mut arguments = vec![continuation, text];
                arguments.extend(apply.arguments.iter().cloned());
                let call = self.evaluate(me, &apply, arguments);
                match (&mut self.stage, call) {
                    (Stage::Reading(reading), Ok(call)) => reading.scan = Some(call),
                    _ => self.failed(&apply),
                }
            }
            Amount::Chars(1..) | Amount::Line | Amount::Password if text.is_empty() => {
                self.answered(EOF.into());
            }
            amount => {
                let line = match amount {
                    Amount::Password => text.strip_suffix('\n').unwrap_or(&text),
                    _ => &text,
                };
                let read = get.encoding.term(line, terminal.binary);
                self.answered(read.unwrap_or_else(|reason| term!({error, (reason)})));
            }
        }
        true
    }

    /// Tells the program that there is too little input, if it was not told.
    fn prompt(&mut self, me: &Process, input: &Input) -> Option<Event> {
        let (Stage::Reading(reading), Some(Request::Get(get))) =
            (&mut self.stage, self.request.parts.front())
        else {
            return None;
        };
        let state = input.typed(|typed| typed.is_between_lines().then(|| typed.count()))?;
        if reading.told.replace(state) == Some(state) {
            return None;
        }
        if self.monitor.is_none() {
            self.monitor = me.monitor(&self.request.from).ok();
        }
        Some(Event::Input {
            prompt: reading.prompt.clone(),
            secret: get.amount == Amount::Password,
        })
    }

    /// Takes what is of a call, if it is.
    fn look(
        &mut self,
        mut me: &Process,
        arrived: Arrived<'_>,
        input: &Input,
        terminal: &Terminal,
    ) -> bool {
        let call = match &mut self.stage {
            Stage::Making(call) => call,
            Stage::Reading(Reading {
                scan: Some(call), ..
            }) => call,
            _ => return false,
        };
        match call.look::<Term>(arrived) {
            None => return false,
            Some(Step::Begun) => {}
            Some(Step::Over(result)) => {
                // Its process has ended, or there was none.
                let _ = call.finish(&mut me, &result);
                self.evaluated(result, input, terminal);
            }
        }
        true
    }

    fn evaluated(&mut self, result: Result<Term, CallError>, input: &Input, terminal: &Terminal) {
        let Some(part) = self.request.parts.front() else {
            return;
        };
        match part {
            Request::Get(Get {
                amount: Amount::Until(apply),
                ..
            }) if matches!(self.stage, Stage::Reading(_)) => {
                let apply = apply.clone();
                let result = result.as_ref().ok().and_then(Term::as_tuple);
                match (result, &mut self.stage) {
                    (Some([done, read, rest]), _) if done.is_atom("done") => {
                        if let Some(rest) = Encoding::Unicode.text(rest) {
                            input.typed(|typed| typed.unread(&rest));
                        }
                        let text = read.as_list().and_then(|list| list.to_text());
                        let text = text.filter(|_| terminal.binary).map(Term::from);
                        self.answered(text.unwrap_or_else(|| read.clone()));
                    }
                    (Some([more, continuation]), Stage::Reading(reading))
                        if more.is_atom("more") =>
                    {
                        reading.continuation = continuation.clone();
                        reading.scan = None;
                    }
                    _ => self.failed(&apply),
                }
            }
            Request::Put(Chars::Made(encoding, apply))
            | Request::Get(Get {
                prompt: Chars::Made(encoding, apply),
                ..
            }) => match (result.ok().and_then(|chars| encoding.text(&chars)), part) {
                (Some(text), Request::Put(_)) => self.stage = Stage::Made(text),
                (Some(prompt), _) => self.stage = Stage::reading(prompt),
                (None, _) => self.failed(&apply.clone()),
            },
            _ => {}
        }
    }

    /// Has the node of the process call a function.
    fn evaluate(
        &self,
        mut me: &Process,
        apply: &Apply,
        arguments: Vec<Term>,
    ) -> Result<Call, CallError> {
        let node = self.request.from.node();
        let node = NodeName::new(node.as_str()).map_err(|_| CallError::BadName)?;
        let (module, function) = (apply.module.as_str(), apply.function.as_str());
        Call::erpc(&mut me, Some(node), module, function, &arguments, None)
    }

    fn failed(&mut self, apply: &Apply) {
        let function = apply.function.clone();
        self.answered(term!({error, (function)}));
    }

    /// The first part is done. After an error, all are.
    fn answered(&mut self, answer: Term) {
        self.request.parts.pop_front();
        if is_error(&answer) {
            self.request.parts.clear();
        }
        self.answer = answer;
        self.stage = Stage::New;
    }

    fn end(self, me: &Process) {
        self.request.reply(me, &self.answer);
        if let Some(monitor) = &self.monitor {
            me.demonitor(monitor);
        }
    }

    /// The process has ended.
    fn give_up(self, mut me: &Process) {
        if let Stage::Making(call)
        | Stage::Reading(Reading {
            scan: Some(call), ..
        }) = &self.stage
        {
            let _ = call.withdraw(&mut me);
        }
    }
}

impl Stage {
    fn reading(prompt: String) -> Self {
        Self::Reading(Reading {
            prompt,
            told: None,
            continuation: Term::nil(),
            scan: None,
        })
    }
}

/// What processes can ask for and set, as by `io:setopts/2`.
struct Terminal {
    /// Whether what is read is a binary, not a list.
    binary: bool,
    echo: bool,
    encoding: Encoding,
    expand_fun: Option<Term>,
    /// Columns and rows.
    size: Option<(u16, u16)>,
}

impl Default for Terminal {
    fn default() -> Self {
        Self {
            binary: false,
            echo: true,
            encoding: Encoding::Unicode,
            expand_fun: None,
            size: None,
        }
    }
}

impl Terminal {
    fn options(&self) -> Term {
        let expand = self.expand_fun.clone().unwrap_or_else(|| false.into());
        let encoding = self.encoding.atom();
        let (echo, binary) = (self.echo, self.binary);
        term!([{expand_fun, (expand)}, {echo, (echo)}, {binary, (binary)}, {encoding, (encoding)}])
    }

    fn set(&mut self, options: &Term) -> Term {
        let options = options.as_list().filter(|list| list.tail().is_none());
        let all = options
            .is_some_and(|options| options.iter().all(|option| self.set_one(&option).is_some()));
        if all { OK.into() } else { error("enotsup") }
    }

    fn set_one(&mut self, option: &Term) -> Option<()> {
        let (name, value) = match option.as_tuple() {
            Some([name, value]) => (name.as_atom()?, value.clone()),
            Some(_) => return None,
            None => (option.as_atom()?, true.into()),
        };
        match name.as_str() {
            "binary" => self.binary = value.as_bool()?,
            "list" => self.binary = !value.as_bool()?,
            "echo" => self.echo = value.as_bool()?,
            "encoding" => self.encoding = Encoding::of(&value)?,
            "expand_fun" => self.expand_fun = Some(value).filter(|value| value.as_fun().is_some()),
            // Since OTP 26.
            "line_history" => _ = value.as_bool()?,
            _ => return None,
        }
        Some(())
    }

    fn geometry(&self, dimension: Dimension) -> Term {
        match (self.size, dimension) {
            (Some((columns, _)), Dimension::Columns) => columns.into(),
            (Some((_, rows)), Dimension::Rows) => rows.into(),
            (None, _) => error("enotsup"),
        }
    }
}
