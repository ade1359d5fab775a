//! Calls of functions and servers of the peer, apart from how one waits for their answers.

use std::fmt;

use einode_dist::{Control, Mfa, Payload, Target};
use einode_etf::{Atom, Encode, Pid, Reference, Term};

use crate::engine::{Engine, Signal, message};
use crate::error::LinkError;

/// A call that is under way.
#[derive(Debug)]
pub(crate) enum Call {
    /// Of a registered server, which is monitored meanwhile.
    Server {
        name: Atom,
        reference: Reference,
        is_rpc: bool,
    },
    /// Of a function in a process of its own.
    Process {
        request: Reference,
        process: Option<Pid>,
    },
}

impl Call {
    /// As `gen_server:call/3`.
    pub(crate) fn server<T: Encode + ?Sized>(
        engine: &mut Engine,
        name: &str,
        request: &T,
    ) -> Result<Self, CallError> {
        const GEN_CALL: Atom = Atom::from_static("$gen_call");
        let name = atom(name)?;
        let (reference, monitor) = engine.monitor(Target::Name(name.clone()));
        let payload = Payload::encode(&(GEN_CALL, (&engine.pid, &reference), request));
        let payload = payload.map_err(LinkError::from)?;
        let send = message(&engine.pid, name.clone());
        engine.signal(&monitor, None).map_err(LinkError::from)?;
        engine
            .signal(&send, Some(payload))
            .map_err(LinkError::from)?;
        Ok(Self::Server {
            name,
            reference,
            is_rpc: false,
        })
    }

    /// As `rpc:call/4`, through the server `rex`.
    pub(crate) fn rpc(
        engine: &mut Engine,
        module: &str,
        function: &str,
        arguments: &[Term],
    ) -> Result<Self, CallError> {
        const CALL: Atom = Atom::from_static("call");
        const USER: Atom = Atom::from_static("user");
        let request = (CALL, atom(module)?, atom(function)?, arguments, USER);
        let mut call = Self::server(engine, "rex", &request)?;
        if let Self::Server { is_rpc, .. } = &mut call {
            *is_rpc = true;
        }
        Ok(call)
    }

    /// As `net_adm:ping/1`.
    pub(crate) fn ping(engine: &mut Engine) -> Result<Self, CallError> {
        const IS_AUTH: Atom = Atom::from_static("is_auth");
        let node = engine.pid.node().clone();
        Self::server(engine, "net_kernel", &(IS_AUTH, node))
    }

    /// Asks for the group leader that [`Call::erpc`] needs, which [`Call::take_user`] takes.
    pub(crate) fn user(engine: &mut Engine) -> Result<Self, CallError> {
        Self::rpc(
            engine,
            "erlang",
            "whereis",
            &[Atom::from_static("user").into()],
        )
    }

    /// Notes the process that writes to the terminal of the peer: the group leader for what we have it
    /// run. A node may have none; what is printed goes nowhere then.
    pub(crate) fn take_user(engine: &mut Engine, found: &Term) {
        engine.user = Some(found.as_pid().unwrap_or(&engine.pid).clone());
    }

    /// As `erpc:call/4`. The group leader must be known: see [`Call::user`].
    pub(crate) fn erpc(
        engine: &mut Engine,
        module: &str,
        function: &str,
        arguments: &[Term],
    ) -> Result<Self, CallError> {
        const MONITOR: Atom = Atom::from_static("monitor");
        const MODULE: Atom = Atom::from_static("erpc");
        const FUNCTION: Atom = Atom::from_static("execute_call");
        let request = engine.reference();
        let spawn = Control::SpawnRequest {
            request: request.clone(),
            from: engine.pid.clone(),
            group_leader: engine.user.clone().unwrap_or_else(|| engine.pid.clone()),
            call: Mfa {
                module: MODULE,
                function: FUNCTION,
                arity: 4,
            },
            options: Payload::encode(&[MONITOR]).map_err(LinkError::from)?,
            token: None,
        };
        let arguments: [Term; 4] = [
            request.clone().into(),
            atom(module)?.into(),
            atom(function)?.into(),
            Term::list(arguments.to_vec()),
        ];
        let arguments = Payload::encode(&arguments).map_err(LinkError::from)?;
        engine
            .signal(&spawn, Some(arguments))
            .map_err(LinkError::from)?;
        Ok(Self::Process {
            request,
            process: None,
        })
    }

    /// The result, if this signal brings it.
    pub(crate) fn answer(&mut self, signal: &Signal) -> Option<Result<Term, CallError>> {
        match self {
            Self::Server {
                reference, is_rpc, ..
            } => {
                if let Some(reason) = down(signal, reference) {
                    return Some(Err(CallError::Exit(reason)));
                }
                let reply = reply(signal, reference)?;
                Some(match reply.as_tuple() {
                    Some([tag, reason]) if *is_rpc && tag.is_atom("badrpc") => {
                        Err(CallError::BadRpc(reason.clone()))
                    }
                    _ => Ok(reply),
                })
            }
            Self::Process { request, process } => {
                if let Control::SpawnReply {
                    request: of,
                    result,
                    ..
                } = &signal.control
                    && of == request
                {
                    match result {
                        Ok(pid) => *process = Some(pid.clone()),
                        Err(reason) => return Some(Err(CallError::Refused(reason.clone()))),
                    }
                }
                down(signal, request).map(|reason| outcome(&reason, request))
            }
        }
    }

    /// Whether the signal is of this call, though it is not its result.
    pub(crate) fn concerns(&self, signal: &Signal) -> bool {
        matches!((self, &signal.control),
            (Self::Process { request, .. }, Control::SpawnReply { request: of, .. }) if of == request)
    }

    /// Ends the monitor, if there still is one.
    pub(crate) fn finish(
        &self,
        engine: &mut Engine,
        answer: &Result<Term, CallError>,
    ) -> Result<(), CallError> {
        let (to, reference) = match (self, answer) {
            (_, Err(CallError::Exit(_) | CallError::NoConnection(_))) => return Ok(()),
            (
                Self::Server {
                    name, reference, ..
                },
                _,
            ) => (Target::Name(name.clone()), reference),
            (
                Self::Process {
                    request,
                    process: Some(pid),
                },
                Err(CallError::TimedOut | CallError::Link(_)),
            ) => (Target::Pid(pid.clone()), request),
            (Self::Process { .. }, _) => return Ok(()),
        };
        let demonitor = engine.demonitor(to, reference.clone());
        engine
            .signal(&demonitor, None)
            .map_err(|error| LinkError::from(error).into())
    }
}

fn atom(name: &str) -> Result<Atom, CallError> {
    Atom::new(name).map_err(|_| CallError::BadName)
}

/// The reply `{Tag, Reply}`, if this is it.
fn reply(signal: &Signal, tag: &Reference) -> Option<Term> {
    let mut reader = signal.message()?.reader();
    if reader.tuple().ok()? != 2 || reader.reference().ok()? != *tag {
        return None;
    }
    reader.term().ok()
}

/// The reason with which the process of a monitor ended, if that is what this says.
fn down(signal: &Signal, monitor: &Reference) -> Option<Term> {
    match &signal.control {
        Control::MonitorPExit { reference, .. } if reference == monitor => {
            signal.payload.as_ref()?.term().ok()
        }
        _ => None,
    }
}

/// What `erpc:execute_call/4` puts in the reason with which its process ends.
fn outcome(reason: &Term, request: &Reference) -> Result<Term, CallError> {
    let exception = |class, reason: &Term, stack: Option<&Term>| {
        let (reason, stack) = (reason.clone(), stack.cloned());
        Err(CallError::Exception(Box::new(Exception {
            class,
            reason,
            stack,
        })))
    };
    match reason.as_tuple() {
        Some([of, how, rest @ ..]) if of.as_reference() == Some(request) => {
            match (how.as_atom().map(Atom::as_str), rest) {
                (Some("return"), [value]) => Ok(value.clone()),
                (Some("throw"), [value]) => exception(Class::Throw, value, None),
                (Some("exit"), [value]) => exception(Class::Exit, value, None),
                (Some("error"), [value]) => exception(Class::Error, value, None),
                (Some("error"), [value, stack]) => exception(Class::Error, value, Some(stack)),
                _ => Err(CallError::Exit(reason.clone())),
            }
        }
        _ => Err(CallError::Exit(reason.clone())),
    }
}

/// Why a call has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// No answer came in time. The call may still be under way.
    TimedOut,
    /// The connection ended.
    NoConnection(LinkError),
    /// The call could not be sent, or its answer not be kept; the connection lives.
    Link(LinkError),
    /// `rpc` says `{badrpc, Reason}`.
    BadRpc(Term),
    /// The function did not catch this.
    Exception(Box<Exception>),
    /// The peer made no process for the call: `notsup` from a node that serves none, `system_limit`.
    Refused(Atom),
    /// The called process ended, or does not exist (`noproc`).
    Exit(Term),
    /// The name of a server, module or function is too long for an atom.
    BadName,
}

/// An exception that reached us from another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// How it was raised.
    pub class: Class,
    /// What was raised.
    pub reason: Term,
    /// Where, for those of class `error`.
    pub stack: Option<Term>,
}

/// The class of an exception (OTP, *Reference Manual*, "Errors and Error Handling").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A run-time error, or `error/1`.
    Error,
    /// `exit/1`.
    Exit,
    /// `throw/1`.
    Throw,
}

impl From<LinkError> for CallError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::TimedOut => Self::TimedOut,
            LinkError::Encode(_) | LinkError::Backlog => Self::Link(error),
            _ => Self::NoConnection(error),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::NoConnection(error) => write!(f, "the connection ended: {error}"),
            Self::Link(error) => error.fmt(f),
            Self::BadRpc(reason) => write!(f, "badrpc: {reason}"),
            Self::Exception(exception) => exception.fmt(f),
            Self::Refused(reason) => write!(f, "the peer refused to make a process: {reason}"),
            Self::Exit(reason) => write!(f, "the called process ended: {reason}"),
            Self::BadName => f.write_str("a name of more than 255 characters"),
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoConnection(error) | Self::Link(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            class,
            reason,
            stack,
        } = self;
        write!(f, "{class}: {reason}")?;
        match stack.as_ref().and_then(Term::as_list) {
            Some(stack) => stack
                .iter()
                .try_for_each(|frame| write!(f, "\n  in {frame}")),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Exit => "exit",
            Self::Throw => "throw",
        })
    }
}
