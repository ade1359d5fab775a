//! Calls of functions and servers of other nodes, apart from who makes them and how one waits for their
//! answers.

mod asked;
mod awaited;
mod error;
mod global;
mod remote;

use einode_dist::{Mfa, NodeName, Payload};
use einode_etf::{
    Atom, Decode, DecodeError, Encode, EncodeError, Pid, Reader, Reference, Sink, Term, Writer,
};

use crate::arguments::{Arguments, List};
use crate::process::Process;
use crate::recipient::Recipient;

pub(crate) use asked::Asked;
pub(crate) use awaited::Awaited;
pub use error::{CallError, Class, Exception};
pub use global::Global;
pub use remote::{PerNode, Remote};
pub(crate) use remote::{Via, names, one};

/// Who makes calls: a link, or a process of a node.
pub(crate) trait Caller {
    /// Whether its monitors are aliases, too.
    const HAS_ALIASES: bool;

    fn pid(&self) -> &Pid;

    fn reference(&mut self) -> Reference;

    /// Monitors a server until it has answered.
    fn monitor(&mut self, server: &Recipient) -> Result<Reference, CallError>;

    fn send(&mut self, server: &Recipient, message: Payload) -> Result<(), CallError>;

    /// Asks for a process.
    fn spawn(&mut self, wanted: Spawn) -> Result<Reference, CallError>;

    /// Ends a monitor. Nothing arrives of it any more, if that can be helped.
    fn demonitor(&mut self, process: Recipient, monitor: &Reference) -> Result<(), CallError>;

    /// Gives up a process that was asked for. False if it has been announced.
    fn abandon(&mut self, request: &Reference) -> bool;
}

/// A process that is to call a function.
#[derive(Debug)]
pub(crate) struct Spawn {
    pub(crate) node: Option<NodeName>,
    /// Who writes what it prints, if not its node or ours is to decide on it.
    pub(crate) group_leader: Option<Pid>,
    pub(crate) call: Mfa,
    /// The list of arguments.
    pub(crate) arguments: Payload,
    /// The list of options.
    pub(crate) options: Payload,
}

/// What arrives, as far as it may be the answer of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arrived<'a> {
    Message(&'a Payload),
    /// A monitor has fired, with this reason.
    Down(&'a Reference, &'a Payload),
    /// A process that was asked for.
    Spawned(&'a Reference, &'a Result<Pid, Atom>),
}

/// How something that arrived takes a call further.
#[derive(Debug)]
pub(crate) enum Step<T> {
    /// It has begun at the other node.
    Begun,
    /// It is over.
    Over(Result<T, CallError>),
}

/// A call that is under way.
#[derive(Debug)]
pub(crate) enum Call {
    /// Of a server, which is monitored meanwhile.
    Server {
        server: Recipient,
        tag: Tag,
        is_rpc: bool,
    },
    /// Of a function in a process of its own.
    Process {
        /// What its result is marked with.
        result: Reference,
        request: Reference,
        process: Option<Pid>,
    },
}

impl Call {
    /// As `gen_server:call/3`.
    pub(crate) fn server<C: Caller, T: Encode + ?Sized>(
        caller: &mut C,
        server: Recipient,
        request: &T,
    ) -> Result<Self, CallError> {
        const GEN_CALL: Atom = Atom::from_static("$gen_call");
        Self::labelled(caller, server, &GEN_CALL, request)
    }

    /// As `gen:call/4`: a request with a label, `{Label, {Pid, Tag}, Request}`.
    pub(crate) fn labelled<C: Caller, T: Encode + ?Sized>(
        caller: &mut C,
        server: Recipient,
        label: &Atom,
        request: &T,
    ) -> Result<Self, CallError> {
        // What is no term is refused before anything is monitored.
        let request = Payload::encode(request)?;
        let reference = caller.monitor(&server)?;
        let tag = Tag {
            reference,
            is_alias: C::HAS_ALIASES,
        };
        let message = Payload::encode(&(label, (caller.pid(), &tag), request))?;
        let sent = caller.send(&server, message);
        let call = Self::Server {
            server,
            tag,
            is_rpc: false,
        };
        if sent.is_err() {
            call.withdraw(caller)?;
        }
        sent.map(|()| call)
    }

    /// As `rpc:call/4`, through the server `rex`.
    pub(crate) fn rpc<C: Caller>(
        caller: &mut C,
        server: Recipient,
        module: &str,
        function: &str,
        arguments: &(impl Arguments + ?Sized),
        group_leader: Option<&Pid>,
    ) -> Result<Self, CallError> {
        let request = rex("call", module, function, arguments, group_leader)?;
        let mut call = Self::server(caller, server, &request)?;
        if let Self::Server { is_rpc, .. } = &mut call {
            *is_rpc = true;
        }
        Ok(call)
    }

    /// As `erpc:call/4`.
    pub(crate) fn erpc<C: Caller>(
        caller: &mut C,
        node: Option<NodeName>,
        module: &str,
        function: &str,
        arguments: &(impl Arguments + ?Sized),
        group_leader: Option<Pid>,
    ) -> Result<Self, CallError> {
        const MONITOR: Atom = Atom::from_static("monitor");
        let result = caller.reference();
        let arguments = (&result, atom(module)?, atom(function)?, List(arguments));
        let request = caller.spawn(Spawn {
            node,
            group_leader,
            call: erpc("execute_call", 4),
            arguments: Payload::encode(&List(&arguments))?,
            options: Payload::encode(&[MONITOR])?,
        })?;
        Ok(Self::Process {
            result,
            request,
            process: None,
        })
    }

    /// What something that arrived does for the call, if it is of it.
    pub(crate) fn look<T: for<'a> Decode<'a>>(&mut self, arrived: Arrived<'_>) -> Option<Step<T>> {
        match self {
            Self::Server { tag, is_rpc, .. } => match arrived {
                Arrived::Message(message) => tag.answer(message, *is_rpc).map(Step::Over),
                Arrived::Down(monitor, reason) if *monitor == tag.reference => {
                    Some(Step::Over(Err(ended(reason))))
                }
                _ => None,
            },
            Self::Process {
                result,
                request,
                process,
            } => match arrived {
                Arrived::Spawned(of, spawned) if of == request => Some(match spawned {
                    Ok(pid) => {
                        *process = Some(pid.clone());
                        Step::Begun
                    }
                    Err(reason) => Step::Over(Err(refused(reason))),
                }),
                Arrived::Down(monitor, reason) if monitor == request => {
                    Some(Step::Over(outcome(reason, result)))
                }
                _ => None,
            },
        }
    }

    /// Ends what is left of a call that was answered: a monitor. False if the answer was overtaken by the
    /// announcement of a process.
    pub(crate) fn finish<T>(
        &self,
        caller: &mut impl Caller,
        answer: &Result<T, CallError>,
    ) -> Result<bool, CallError> {
        match (self, answer) {
            // The monitor has fired, or there is none.
            (_, Err(CallError::Exit(_) | CallError::NoConnection(_) | CallError::Refused(_)))
            | (Self::Process { .. }, Ok(_) | Err(CallError::Exception(_) | CallError::Decode(_))) => {
                Ok(true)
            }
            _ => self.withdraw(caller),
        }
    }

    /// Gives it up. False if what it is about has been announced in this moment: look again, and
    /// withdraw again.
    pub(crate) fn withdraw(&self, caller: &mut impl Caller) -> Result<bool, CallError> {
        match self {
            Self::Server { server, tag, .. } => {
                caller.demonitor(server.clone(), &tag.reference)?;
            }
            Self::Process {
                request,
                process: Some(pid),
                ..
            } => caller.demonitor(pid.into(), request)?,
            Self::Process { request, .. } => return Ok(caller.abandon(request)),
        }
        Ok(true)
    }
}

const NOCONNECTION: &str = "noconnection";

/// What marks the reply of a server: `Reference`, or `[alias | Reference]` if the reply may be sent to the
/// reference itself (OTP 24).
#[derive(Debug)]
pub(crate) struct Tag {
    reference: Reference,
    is_alias: bool,
}

impl Encode for Tag {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        const ALIAS: Atom = Atom::from_static("alias");
        if self.is_alias {
            writer.list(1)?;
            ALIAS.encode(writer)?;
        }
        self.reference.encode(writer)
    }
}

impl Tag {
    /// The reply `{Tag, Reply}`, if this is it.
    fn answer<T: for<'a> Decode<'a>>(
        &self,
        message: &Payload,
        is_rpc: bool,
    ) -> Option<Result<T, CallError>> {
        let mut reader = message.reader();
        if reader.tuple().ok()? != 2 || !self.is_next(&mut reader) {
            return None;
        }
        let failed = |error: (Atom, Term)| (error.0 == "badrpc").then_some(error.1);
        if is_rpc && let Some(reason) = reader.clone().decode().ok().and_then(failed) {
            return Some(Err(CallError::BadRpc(reason)));
        }
        Some(T::decode(&mut reader).map_err(CallError::Decode))
    }

    fn is_next(&self, reader: &mut Reader<'_>) -> bool {
        let is_alias = !self.is_alias
            || (reader.list() == Ok(1) && reader.atom().is_ok_and(|alias| alias == "alias"));
        is_alias && reader.reference().is_ok_and(|tag| tag == self.reference)
    }
}

/// The request to the server `rex` for a call or a cast. Without a group leader, what the function prints
/// appears where the output of the node does.
pub(crate) fn rex(
    how: &'static str,
    module: &str,
    function: &str,
    arguments: &(impl Arguments + ?Sized),
    group_leader: Option<&Pid>,
) -> Result<Payload, CallError> {
    let how = Atom::from_static(how);
    let (module, function) = (atom(module)?, atom(function)?);
    let arguments = List(arguments);
    Ok(match group_leader {
        Some(leader) => Payload::encode(&(how, module, function, arguments, leader)),
        None => {
            const USER: Atom = Atom::from_static("user");
            Payload::encode(&(how, module, function, arguments, USER))
        }
    }?)
}

/// Calls of the servers of one name on several nodes.
pub(crate) fn servers<'a>(
    nodes: &'a [NodeName],
    name: &'a Atom,
    request: &'a Payload,
) -> impl Iterator<Item = (&'a Atom, impl FnOnce(&Process) -> Result<Call, CallError>)> {
    nodes.iter().map(move |node| {
        let server = Recipient::from((name.clone(), node.clone()));
        let begin = move |mut me: &Process| Call::server(&mut me, server, request);
        (node.as_atom(), begin)
    })
}

/// The server that a registry was asked for.
pub(crate) fn registered(server: Option<Pid>) -> Result<Pid, CallError> {
    const NOPROC: Atom = Atom::from_static("noproc");
    server.ok_or_else(|| CallError::Exit(NOPROC.into()))
}

/// What it means that there is no process.
pub(crate) fn refused(reason: &Atom) -> CallError {
    if *reason == NOCONNECTION {
        CallError::NoConnection(None)
    } else {
        CallError::Refused(reason.clone())
    }
}

/// `gen_server:cast/2`.
pub(crate) fn cast<T: Encode + ?Sized>(message: &T) -> impl Encode + '_ {
    const GEN_CAST: Atom = Atom::from_static("$gen_cast");
    (GEN_CAST, message)
}

/// A function of OTP's `erpc` that others are called by.
pub(crate) const fn erpc(function: &'static str, arity: u8) -> Mfa {
    Mfa {
        module: Atom::from_static("erpc"),
        function: Atom::from_static(function),
        arity,
    }
}

/// The name of a module or function.
pub(crate) fn atom(name: &str) -> Result<Atom, CallError> {
    Atom::new(name).map_err(|_| CallError::BadName)
}

/// What the end of a called process means.
fn ended(reason: &Payload) -> CallError {
    match reason.term() {
        Ok(reason) if reason.is_atom(NOCONNECTION) => CallError::NoConnection(None),
        Ok(reason) => CallError::Exit(reason),
        Err(error) => CallError::Decode(error),
    }
}

/// What `erpc:execute_call/4` puts in the reason with which its process ends:
/// `{Result, return, Value}`, or an exception.
fn outcome<T: for<'a> Decode<'a>>(reason: &Payload, result: &Reference) -> Result<T, CallError> {
    if let Some(returned) = returned(reason, result) {
        return returned.map_err(CallError::Decode);
    }
    let reason = match ended(reason) {
        CallError::Exit(reason) => reason,
        other => return Err(other),
    };
    let exception = |class, reason: &Term, stack: Option<&Term>| {
        let (reason, stack) = (reason.clone(), stack.cloned());
        CallError::Exception(Box::new(Exception {
            class,
            reason,
            stack,
        }))
    };
    Err(match reason.as_tuple() {
        Some([of, how, rest @ ..]) if of.as_reference() == Some(result) => {
            match (how.as_atom().map(Atom::as_str), rest) {
                (Some("throw"), [value]) => exception(Class::Throw, value, None),
                (Some("exit"), [value]) => exception(Class::Exit, value, None),
                (Some("error"), [value]) => exception(Class::Error, value, None),
                (Some("error"), [value, stack]) => exception(Class::Error, value, Some(stack)),
                _ => CallError::Exit(reason),
            }
        }
        _ => CallError::Exit(reason),
    })
}

fn returned<T: for<'a> Decode<'a>>(
    reason: &Payload,
    result: &Reference,
) -> Option<Result<T, DecodeError>> {
    let mut reader = reason.reader();
    let is_returned = reader.tuple().ok()? == 3
        && reader.reference().ok()? == *result
        && reader.atom().ok()? == "return";
    is_returned.then(|| T::decode(&mut reader))
}
