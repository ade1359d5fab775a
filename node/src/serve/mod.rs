//! What a node does for others: servers and functions.
//!
//! Each server and each call of a function has a process, and a thread for it, in both styles: a callback
//! may compute or wait as long as it likes, as an Erlang process may, and delays neither a connection nor
//! another process. What has to wait in a task keeps its [`From`] and replies from there.

mod body;
mod function;
mod server;

use std::fmt;
use std::sync::Arc;

use einode_dist::Payload;
use einode_etf::{Atom, Encode, Pid, Term};

use crate::call::Exception;
use crate::core::{Core, Inbox, Message, Rejected, Urgency};
use crate::process::{NameError, Process, SendError};
use crate::status::Status;

pub use body::Body;
pub(crate) use function::{Function, Job, Report, Rex, alias, answer, count, spawn_reply};
pub use function::{Parameters, SERVED};

/// A server that others call and send to, as `gen_server` of OTP has it. It is run by
/// [`serve`](Status::serve).
///
/// A panic ends the process of the server with the reason `{{panic, Text}, []}`, and nothing else.
///
/// ```no_run
/// use einode::{Body, From, GenServer, Process, Stop};
///
/// #[derive(Default)]
/// struct Calculator(i64);
///
/// impl GenServer for Calculator {
///     fn handle_call(&mut self, _: &Process, request: Body, from: From) -> Result<(), Stop> {
///         let (_add, n): (einode::Atom, i64) = request.decode()?;
///         self.0 += n;
///         Ok(from.reply(&self.0)?)
///     }
/// }
///
/// # async fn example(node: einode::tokio::Node) -> Result<(), einode::NameError> {
/// node.serve("calculator", Calculator::default())?;
/// # Ok(())
/// # }
/// ```
pub trait GenServer: Send + 'static {
    /// Runs first, in the process of the server.
    ///
    /// # Errors
    /// Ends the server.
    fn init(&mut self, me: &Process) -> Result<(), Stop> {
        let _ = me;
        Ok(())
    }

    /// A request has come in. It is answered by [`From::reply`]: now, or later, from any thread.
    ///
    /// # Errors
    /// Ends the server, and the caller is told why by its monitor.
    fn handle_call(&mut self, me: &Process, request: Body, from: From) -> Result<(), Stop>;

    /// A message by `gen_server:cast/2` has come in. Without this, it is ignored.
    ///
    /// # Errors
    /// Ends the server.
    fn handle_cast(&mut self, me: &Process, message: Body) -> Result<(), Stop> {
        let _ = (me, message);
        Ok(())
    }

    /// Something else has come in. Without this, it is ignored.
    ///
    /// # Errors
    /// Ends the server.
    fn handle_info(&mut self, me: &Process, message: Message) -> Result<(), Stop> {
        let _ = (me, message);
        Ok(())
    }

    /// Runs last, unless an exit signal has ended the process.
    fn terminate(&mut self, me: &Process, reason: &Payload) {
        let _ = (me, reason);
    }

    /// What `sys:get_state/1` and `sys:get_status/1` show of it; `undefined` by default.
    fn state(&self) -> Term {
        Atom::from_static("undefined").into()
    }
}

/// Who has called a server, and waits for its reply.
#[derive(Clone)]
pub struct From {
    core: Arc<Core>,
    server: Arc<Inbox>,
    to: Pid,
    tag: Term,
}

impl From {
    /// The process that waits.
    pub const fn pid(&self) -> &Pid {
        &self.to
    }

    /// Answers, as `gen_server:reply/2`. Can be done once, from any thread; a second answer is one that
    /// nobody waits for.
    ///
    /// # Errors
    /// When the reply is no term.
    pub fn reply<T: Encode + ?Sized>(&self, reply: &T) -> Result<(), SendError> {
        let reply = Payload::encode(&(&self.tag, reply))?;
        answer(&self.core, &self.server, &self.to, &self.tag, reply);
        Ok(())
    }
}

impl fmt::Debug for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("From").field(&self.to).finish()
    }
}

/// Why a server ends. Errors become one whose reason is their text, so that `?` can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop(Payload);

impl Stop {
    /// With this reason. One that is no term becomes `badarg`.
    pub fn new<T: Encode + ?Sized>(reason: &T) -> Self {
        Self(Payload::encode(reason).unwrap_or_else(|_| crate::core::reason("badarg")))
    }

    /// With the reason `normal`.
    pub fn normal() -> Self {
        Self(crate::core::reason("normal"))
    }
}

impl<E: std::error::Error> std::convert::From<E> for Stop {
    fn from(error: E) -> Self {
        Self::new(&error.to_string())
    }
}

/// A server that a node runs. Dropping this does not end it.
#[derive(Clone)]
pub struct Served {
    core: Arc<Core>,
    inbox: Arc<Inbox>,
}

impl Served {
    /// Its process.
    pub fn pid(&self) -> &Pid {
        &self.inbox.pid
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        self.inbox.exited().is_none()
    }

    /// Asks it to end with a reason, after what it has got already, as `gen_server:stop/3` does. A
    /// [monitor](Process::monitor) tells when it has.
    ///
    /// # Errors
    /// When the reason is no term.
    pub fn stop<T: Encode + ?Sized>(&self, reason: &T) -> Result<(), SendError> {
        const SYSTEM: Atom = Atom::from_static("system");
        const TERMINATE: Atom = Atom::from_static("terminate");
        let from = (self.pid(), Term::nil());
        let message = Payload::encode(&(SYSTEM, from, (TERMINATE, reason)))?;
        let to = self.pid().clone().into();
        let sent = self.core.send(
            &self.inbox,
            &to,
            self.pid().node(),
            message,
            false,
            Urgency::Owed,
        );
        sent.map_err(|error: Rejected| error.into())
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Served").field(self.pid()).finish()
    }
}

/// What a node does for others.
impl Status {
    /// Runs a server under a name, in a process of its own.
    ///
    /// # Errors
    /// [`NameError`] when the name is not to be had; the server is dropped then.
    pub fn serve(&self, name: &str, server: impl GenServer) -> Result<Served, NameError> {
        let process = Process::spawn(self.core());
        if let Err(error) = process.register(name) {
            process.end("normal");
            return Err(error);
        }
        Ok(server::start(process, server))
    }

    /// Lets others call a function, by `erpc`, by `rpc` and as what a process begins with. What is not
    /// exported is `undef` for them, and arguments of other types are a `function_clause`.
    ///
    /// The parameters are a tuple of up to eight. Another function of the same name and arity is replaced.
    /// A panic is raised at the caller as the error `{panic, Text}`.
    ///
    /// ```no_run
    /// # async fn example(node: einode::tokio::Node) -> Result<(), einode::NameError> {
    /// // erpc:call('rusty@127.0.0.1', calc, add, [1, 2])
    /// node.export("calc", "add", |(a, b): (i64, i64)| a + b)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When a name is too long for an atom.
    pub fn export<P: Parameters, R: Encode>(
        &self,
        module: &str,
        name: &str,
        function: impl Fn(P) -> R + Send + Sync + 'static,
    ) -> Result<(), NameError> {
        self.try_export(module, name, move |parameters| Ok(function(parameters)))
    }

    /// The same for a function that may raise an [exception](Exception) at its caller.
    ///
    /// # Errors
    /// As [`export`](Self::export).
    pub fn try_export<P: Parameters, R: Encode>(
        &self,
        module: &str,
        name: &str,
        function: impl Fn(P) -> Result<R, Exception> + Send + Sync + 'static,
    ) -> Result<(), NameError> {
        let atom = |name| Atom::new(name).map_err(|_| NameError::TooLong);
        let called = (atom(module)?, atom(name)?, P::ARITY);
        self.core().export(called, function::function(function));
        Ok(())
    }
}
