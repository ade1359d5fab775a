//! Functions that others may call.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use einode_dist::{Control, Destination, Payload};
use einode_etf::{
    Atom, Decode, DecodeError, Encode, Pid, Reader, Reference, Term, from_slice, tag,
};

use super::Body;
use crate::call::{Class, Exception};
use crate::core::{Behaviour, Core, Inbox, Message, Urgency, reason};
use crate::process::Process;
use crate::trace;

/// How many processes may run served functions at the same time: 1,024. Each has a thread. Who asks for more
/// is told `system_limit`, as by a node that has reached its `+P`.
pub const SERVED: usize = 1024;

/// The parameters of a function that others may call: a tuple.
pub trait Parameters: Sized {
    /// How many there are.
    const ARITY: u8;

    /// Reads them from a list.
    ///
    /// # Errors
    /// [`DecodeError`] when the list has another length, or one of its elements another type.
    fn read(arguments: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

macro_rules! tuples {
    ($($arity:literal: $($name:ident)*;)*) => { $(
        impl<$($name: for<'a> Decode<'a>),*> Parameters for ($($name,)*) {
            const ARITY: u8 = $arity;

            #[allow(unused_variables, unused_mut, reason = "there may be no parameters")]
            fn read(arguments: &mut Reader<'_>) -> Result<Self, DecodeError> {
                // Small integers arrive as a string.
                if let Some(bytes) = arguments.string()? {
                    if bytes.len() != $arity {
                        return Err(DecodeError::OutOfRange);
                    }
                    let mut bytes = bytes.iter();
                    return Ok(($(integer::<$name>(bytes.next())?,)*));
                }
                if arguments.list()? != $arity {
                    return Err(DecodeError::OutOfRange);
                }
                Ok(($($name::decode(arguments)?,)*))
            }
        }
    )* };
}

tuples! {
    0: ;
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
}

fn integer<T: for<'a> Decode<'a>>(byte: Option<&u8>) -> Result<T, DecodeError> {
    let byte = *byte.ok_or(DecodeError::OutOfRange)?;
    from_slice(&[tag::VERSION, tag::SMALL_INTEGER_EXT, byte])
}

/// What a function has returned or raised.
type Outcome = Result<Payload, Exception>;

/// A function in the table; nothing when the arguments do not fit.
pub(crate) type Function = Arc<dyn Fn(&Body) -> Result<Outcome, DecodeError> + Send + Sync>;

/// A function as the table has it.
pub(crate) fn function<P: Parameters, R: Encode>(
    call: impl Fn(P) -> Result<R, Exception> + Send + Sync + 'static,
) -> Function {
    const BADARG: Atom = Atom::from_static("badarg");
    Arc::new(move |arguments| {
        let parameters = P::read(&mut arguments.reader()?)?;
        Ok(call(parameters).and_then(|returned| {
            Payload::encode(&returned).map_err(|_| Exception::error(BADARG.into(), Term::nil()))
        }))
    })
}

/// A call of a function by a process of its own.
pub(crate) struct Job {
    pub(crate) module: Atom,
    pub(crate) function: Atom,
    /// The list of its arguments.
    pub(crate) arguments: Body,
    pub(crate) report: Report,
}

/// To whom the result goes.
pub(crate) enum Report {
    /// To nobody; what it raises is the reason of the process.
    Exit,
    /// To nobody at all.
    Nobody,
    /// Marked with this, as the reason of the process: `erpc`.
    Reason(Term),
    /// As `{Tag, Result}` to a process: `rex`.
    Reply(Pid, Term),
}

impl Job {
    /// Runs it in a process, to its end.
    pub(crate) fn start(self, core: &Arc<Core>, inbox: Arc<Inbox>) {
        let name = format!("{}:{}", self.module, self.function);
        let running = Running {
            core: Arc::clone(core),
            inbox,
        };
        let thread = thread::Builder::new().name(name);
        // Where there is no thread, the process ends with `system_limit`, as `running` is dropped.
        let _ = thread.spawn(move || {
            let outcome = self.outcome(&running.core);
            let why = self.report(&running, &outcome);
            running.core.end(&running.inbox, why);
        });
    }

    fn outcome(&self, core: &Core) -> Outcome {
        let arity = count(&self.arguments).unwrap_or(usize::MAX);
        let found = u8::try_from(arity)
            .ok()
            .and_then(|arity| core.exported(&self.module, &self.function, arity));
        let Some(function) = found else {
            return Err(self.raise("undef"));
        };
        match catch_unwind(AssertUnwindSafe(|| function(&self.arguments))) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(self.raise("function_clause")),
            Err(panic) => {
                let name = format_args!("{}:{}/{arity}", self.module, self.function);
                Err(Exception::error(panicked(name, &*panic), Term::nil()))
            }
        }
    }

    /// An error of the call itself: the function is the top of the stack.
    fn raise(&self, why: &'static str) -> Exception {
        let arguments = self.arguments.term().unwrap_or_else(|_| Term::nil());
        let frame = Term::tuple(vec![
            self.module.clone().into(),
            self.function.clone().into(),
            arguments,
            Term::nil(),
        ]);
        let stack = Term::list(vec![frame]);
        Exception::error(Atom::from_static(why).into(), stack)
    }

    /// Tells the result, and gives the reason with which the process ends.
    fn report(&self, running: &Running, outcome: &Outcome) -> Payload {
        const ERROR: Atom = Atom::from_static("error");
        const EXIT: Atom = Atom::from_static("exit");
        const RETURN: Atom = Atom::from_static("return");
        const THROW: Atom = Atom::from_static("throw");
        let encoded = match (&self.report, outcome) {
            (Report::Exit, Err(exception)) => return exception.exit_reason(),
            (Report::Exit | Report::Nobody, _) => return reason("normal"),
            (Report::Reason(mark), Ok(returned)) => Payload::encode(&(mark, RETURN, returned)),
            (Report::Reason(mark), Err(exception)) => {
                let why = &exception.reason;
                match (exception.class, &exception.stack) {
                    (Class::Error, stack) => Payload::encode(&(
                        mark,
                        ERROR,
                        why,
                        stack.clone().unwrap_or_else(Term::nil),
                    )),
                    (Class::Exit, _) => Payload::encode(&(mark, EXIT, why)),
                    (Class::Throw, _) => Payload::encode(&(mark, THROW, why)),
                }
            }
            (Report::Reply(to, tag), outcome) => {
                const BADRPC: Atom = Atom::from_static("badrpc");
                const SIGNAL: Atom = Atom::from_static("EXIT");
                let reply = match outcome {
                    Ok(returned) => Payload::encode(&(tag, returned)),
                    // `rpc` catches with `catch`, which lets what is thrown pass for a result.
                    Err(exception) if exception.class == Class::Throw => {
                        Payload::encode(&(tag, &exception.reason))
                    }
                    Err(exception) => {
                        let why = exception.exit_reason();
                        Payload::encode(&(tag, (BADRPC, (SIGNAL, why))))
                    }
                };
                if let Ok(reply) = reply {
                    answer(&running.core, &running.inbox, to, tag, reply);
                }
                return reason("normal");
            }
        };
        encoded.unwrap_or_else(|_| reason("badarg"))
    }
}

/// Sends the answer of a call, `{Tag, Answer}`: to the alias in `[alias | Alias]`, or to the process.
pub(crate) fn answer(core: &Arc<Core>, from: &Inbox, to: &Pid, tag: &Term, answer: Payload) {
    // Nobody waits for what cannot be sent.
    if let Some(alias) = alias(tag) {
        let to = Destination::Alias(alias.clone());
        let node = alias.node();
        let sent = core.send(from, &to, node, answer.clone(), false, Urgency::Owed);
        if sent.is_ok() {
            return;
        }
    }
    let to_pid = Destination::Pid(to.clone());
    let _ = core.send(from, &to_pid, to.node(), answer, false, Urgency::Owed);
}

/// The alias of a caller whose tag is `[alias | Alias]`.
pub(crate) fn alias(tag: &Term) -> Option<&Reference> {
    let list = tag.as_list()?;
    let is_alias = list.iter().next()?.is_atom("alias");
    list.tail()?.as_reference().filter(|_| is_alias)
}

/// A process that runs a function. It does not outlive it.
struct Running {
    core: Arc<Core>,
    inbox: Arc<Inbox>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.core.end(&self.inbox, reason("system_limit"));
        self.core.job_over();
    }
}

/// How many elements a list has.
pub(crate) fn count(list: &Body) -> Result<usize, DecodeError> {
    let mut reader = list.reader()?;
    match reader.string()? {
        Some(bytes) => Ok(bytes.len()),
        None => reader.list(),
    }
}

/// The reason of a panic: `{panic, Text}`.
pub(crate) fn panicked(process: impl fmt::Display, panic: &(dyn Any + Send)) -> Term {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or_default();
    trace::panicked(process, text);
    let text = Term::binary(text.as_bytes());
    Term::tuple(vec![Atom::from_static("panic").into(), text])
}

impl Exception {
    /// An error, `error(Reason)`.
    pub fn error(reason: Term, stack: Term) -> Self {
        Self {
            class: Class::Error,
            reason,
            stack: Some(stack),
        }
    }

    /// With what a process ends that does not catch it.
    fn exit_reason(&self) -> Payload {
        const NOCATCH: Atom = Atom::from_static("nocatch");
        let stack = self.stack.clone().unwrap_or_else(Term::nil);
        let encoded = match self.class {
            Class::Error => Payload::encode(&(&self.reason, stack)),
            Class::Exit => Payload::encode(&self.reason),
            Class::Throw => Payload::encode(&((NOCATCH, &self.reason), stack)),
        };
        encoded.unwrap_or_else(|_| reason("badarg"))
    }
}

/// The server `rex`, by which `rpc` calls functions, and others of nodes that are not of Erlang.
pub(crate) struct Rex;

impl Behaviour for Rex {
    fn handle(&mut self, process: &Process, message: Message) {
        let Message::User(message) = message else {
            return;
        };
        if let Some(asked) = asked(&message) {
            match asked {
                Asked::Call(job, leader) => process.core.run_job(job, leader),
                Asked::Features(from) => {
                    const FEATURES: Atom = Atom::from_static("features_reply");
                    const ERPC: Atom = Atom::from_static("erpc");
                    let node = process.core.name().as_atom();
                    if let Ok(reply) = Payload::encode(&(FEATURES, node, [ERPC])) {
                        answer(&process.core, &process.inbox, &from, &Term::nil(), reply);
                    }
                }
                Asked::Broadcast(from, name, message) => broadcast(process, &from, &name, &message),
            }
        }
    }
}

enum Asked {
    Call(Job, Option<Pid>),
    Features(Pid),
    /// `rpc:sbcast/3`: a message for the process of a name.
    Broadcast(Pid, Atom, Term),
}

/// Hands a message on, and says whether there was somebody to hand it to.
fn broadcast(process: &Process, from: &Pid, name: &Atom, message: &Term) {
    const REX: Atom = Atom::from_static("rex");
    const NOBODY: Atom = Atom::from_static("nonexisting_name");
    let core = &process.core;
    let node = core.name().as_atom();
    let reply = if core.named(name).is_some() {
        let Ok(message) = Payload::encode(message) else {
            return;
        };
        let to = Destination::Name(name.clone());
        let _ = core.send(&process.inbox, &to, node, message, false, Urgency::Owed);
        Payload::encode(&(REX, node, node))
    } else {
        Payload::encode(&(REX, node, (NOBODY, name)))
    };
    if let Ok(reply) = reply {
        answer(core, &process.inbox, from, &Term::nil(), reply);
    }
}

/// What a message to `rex` asks for: `{'$gen_call', {Pid, Tag}, Call}`, `{'$gen_cast', Call}` or
/// `{Pid, Call}`, where a call is `{call, Module, Function, Arguments, GroupLeader}`; of the last kind there
/// are also `{sbcast, Name, Message}` and `features_request`.
fn asked(message: &Payload) -> Option<Asked> {
    let mut reader = message.reader();
    let (report, skip): (_, fn(&mut Reader<'_>) -> _) = match reader.tuple().ok()? {
        3 => {
            if reader.atom().ok()? != "$gen_call" || reader.tuple().ok()? != 2 {
                return None;
            }
            let (from, tag) = (reader.pid().ok()?, reader.term().ok()?);
            (Report::Reply(from, tag), |reader| {
                reader.tuple()?;
                reader.skip()?;
                reader.skip()?;
                into_call(reader)
            })
        }
        2 => {
            let report = match reader.clone().pid() {
                Ok(from) => Report::Reply(from, Atom::from_static("rex").into()),
                Err(_) if reader.clone().atom().ok()? == "$gen_cast" => Report::Nobody,
                Err(_) => return None,
            };
            reader.skip().ok()?;
            if let Report::Reply(from, _) = &report {
                let mut reader = reader.clone();
                if reader
                    .clone()
                    .atom()
                    .is_ok_and(|it| it == "features_request")
                {
                    return Some(Asked::Features(from.clone()));
                }
                if reader.tuple() == Ok(3) && reader.atom().is_ok_and(|it| it == "sbcast") {
                    let (name, message) = (reader.atom().ok()?, reader.term().ok()?);
                    return Some(Asked::Broadcast(from.clone(), name, message));
                }
            }
            (report, |reader| {
                reader.tuple()?;
                reader.skip()?;
                into_call(reader)
            })
        }
        _ => return None,
    };
    if reader.tuple().ok()? != 5 {
        return None;
    }
    let how = reader.atom().ok()?;
    let is_cast = matches!(report, Report::Nobody);
    match how.as_str() {
        "call" | "block_call" if !is_cast => {}
        "cast" if is_cast => {}
        _ => return None,
    }
    let (module, function) = (reader.atom().ok()?, reader.atom().ok()?);
    reader.skip().ok()?;
    let leader = reader.pid().ok();
    let arguments = Body::new(message.clone(), skip);
    let job = Job {
        module,
        function,
        arguments,
        report,
    };
    Some(Asked::Call(job, leader))
}

/// To the arguments of `{call, Module, Function, Arguments, GroupLeader}`.
fn into_call(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    reader.tuple()?;
    (0..3).try_for_each(|_| reader.skip())
}

/// Tells a node that a process is there, or why it is not.
pub(crate) fn spawn_reply(
    asked: &Control,
    link: bool,
    monitor: bool,
    result: Result<Pid, Atom>,
) -> Option<Control> {
    let Control::SpawnRequest { request, from, .. } = asked else {
        return None;
    };
    Some(Control::SpawnReply {
        request: request.clone(),
        to: from.clone(),
        link,
        monitor,
        result,
        token: None,
    })
}
