use std::fmt;
use std::time::{Duration, Instant};

use einode_dist::{Control, Destination, Mfa, Payload, Target};
use einode_etf::{Atom, Encode, Pid, Reference, Term};

use super::link::Signal;
use super::{Link, Socket};
use crate::error::LinkError;

/// Calls of functions and servers of the peer. While they wait for their answer, other signals that
/// arrive are kept for [`Link::receive`].
impl<S: Socket> Link<S> {
    /// Calls a registered server, as `gen_server:call/3` does.
    ///
    /// # Errors
    /// [`CallError::Exit`] with `noproc` when there is no such server, or with the reason for which it
    /// ended; [`CallError::TimedOut`]; [`CallError::NoConnection`].
    pub fn call<T: Encode + ?Sized>(
        &mut self,
        server: &str,
        request: &T,
        timeout: Duration,
    ) -> Result<Term, CallError> {
        const GEN_CALL: Atom = Atom::from_static("$gen_call");
        let until = Instant::now() + timeout;
        let server = Atom::new(server).map_err(|_| CallError::BadName)?;
        let reference = self.monitor(Target::Name(server.clone()))?;
        let message = (GEN_CALL, (self.pid().clone(), reference.clone()), request);
        self.send(Destination::Name(server.clone()), &message)?;
        let answer = self.wait(until, |signal| {
            reply(signal, &reference)
                .map(Ok)
                .or_else(|| down(signal, &reference).map(|reason| Err(CallError::Exit(reason))))
        });
        if !matches!(answer, Ok(Err(_))) {
            self.demonitor(Target::Name(server), reference)?;
        }
        answer?
    }

    /// Asks `net_kernel` whether we are known to it, as `net_adm:ping/1` does, and gives the time that
    /// the answer took.
    ///
    /// # Errors
    /// As [`Link::call`].
    pub fn ping(&mut self, timeout: Duration) -> Result<Duration, CallError> {
        const IS_AUTH: Atom = Atom::from_static("is_auth");
        let start = Instant::now();
        let node = self.pid().node().clone();
        self.call("net_kernel", &(IS_AUTH, node), timeout)?;
        Ok(start.elapsed())
    }

    /// Calls a function through the server `rex`, as `rpc:call/5` of all releases does.
    ///
    /// What the function prints appears where the peer's own output does.
    ///
    /// # Errors
    /// [`CallError::BadRpc`] when the function fails or does not exist; see [`Link::call`] for others.
    pub fn rpc(
        &mut self,
        module: &str,
        function: &str,
        arguments: &[Term],
        timeout: Duration,
    ) -> Result<Term, CallError> {
        const CALL: Atom = Atom::from_static("call");
        const USER: Atom = Atom::from_static("user");
        let (module, function) = names(module, function)?;
        let result = self.call("rex", &(CALL, module, function, arguments, USER), timeout)?;
        match result.as_tuple() {
            Some([tag, reason]) if tag.is_atom("badrpc") => Err(CallError::BadRpc(reason.clone())),
            _ => Ok(result),
        }
    }

    /// Calls a function in a process of its own, as `erpc:call/5` does. Needs OTP 23 at the peer.
    ///
    /// What the function prints appears where the peer's own output does.
    ///
    /// # Errors
    /// [`CallError::Exception`] is what the function did not catch; [`CallError::Refused`] when no process
    /// was made for it; see [`Link::call`] for others.
    pub fn erpc(
        &mut self,
        module: &str,
        function: &str,
        arguments: &[Term],
        timeout: Duration,
    ) -> Result<Term, CallError> {
        const MONITOR: Atom = Atom::from_static("monitor");
        let until = Instant::now() + timeout;
        let (module, function) = names(module, function)?;
        let group_leader = self.peers_user(timeout)?;
        let request = self.reference();
        let spawn = Control::SpawnRequest {
            request: request.clone(),
            from: self.pid().clone(),
            group_leader,
            call: Mfa {
                module: Atom::from_static("erpc"),
                function: Atom::from_static("execute_call"),
                arity: 4,
            },
            options: Payload::encode(&[MONITOR]).map_err(LinkError::from)?,
            token: None,
        };
        // As elements of a list they have to be of one type.
        let arguments = [
            request.clone().into(),
            module.into(),
            function.into(),
            Term::list(arguments.to_vec()),
        ];
        self.signal(
            &spawn,
            Some(Payload::encode::<[Term]>(&arguments).map_err(LinkError::from)?),
        )?;
        let mut process = None;
        let answer = self.wait(until, |signal| {
            match &signal.control {
                Control::SpawnReply {
                    request: of,
                    result,
                    ..
                } if *of == request => match result {
                    Ok(pid) => process = Some(pid.clone()),
                    Err(reason) => return Some(Err(CallError::Refused(reason.clone()))),
                },
                _ => {}
            }
            down(signal, &request).map(|reason| outcome(&reason, &request))
        });
        if let (Err(_), Some(pid)) = (&answer, process) {
            self.demonitor(Target::Pid(pid), request)?;
        }
        answer?
    }

    /// The process that writes to the terminal of the peer: the group leader for what we have it run.
    fn peers_user(&mut self, timeout: Duration) -> Result<Pid, CallError> {
        if let Some(user) = &self.user {
            return Ok(user.clone());
        }
        let name = Atom::from_static("user").into();
        let found = self.rpc("erlang", "whereis", &[name], timeout)?;
        // A node may run without; output then goes nowhere.
        let user = found.as_pid().unwrap_or_else(|| self.pid()).clone();
        self.user = Some(user.clone());
        Ok(user)
    }
}

fn names(module: &str, function: &str) -> Result<(Atom, Atom), CallError> {
    let atom = |name| Atom::new(name).map_err(|_| CallError::BadName);
    Ok((atom(module)?, atom(function)?))
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
