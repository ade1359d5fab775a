mod error;

use std::fmt;
use std::sync::Arc;

use einode_dist::{Destination, Mfa, NodeName, Payload};
use einode_etf::{Atom, Encode, Pid, Reference, Term};

use crate::arguments::{Arguments, List};
use crate::call::{self, CallError, Caller, Spawn};
use crate::core::{AliasKind, Core, Inbox, Message, Rejected, Urgency, Wanted, reason};
use crate::recipient::{InvalidRecipient, Recipient};

pub use error::{Exited, NameError, RecvError, SendError};

/// A process of a node: what others send to, link with and monitor, whatever it is that runs for it.
///
/// Nothing here waits. Signals are queued, as in Erlang, and a connection is made where there is none; that it
/// fails is told by what is told of lost connections: `noconnection`. What waits are the methods of the
/// mailbox, which has a form in each style.
pub struct Process {
    pub(crate) core: Arc<Core>,
    pub(crate) inbox: Arc<Inbox>,
}

impl Process {
    pub(crate) fn spawn(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::clone(core),
            inbox: core.spawn(),
        }
    }

    /// The same process, for what has another part in it.
    pub(crate) fn share(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            inbox: Arc::clone(&self.inbox),
        }
    }

    /// Its identifier.
    pub fn pid(&self) -> &Pid {
        &self.inbox.pid
    }

    /// A reference that nobody else has.
    pub fn reference(&self) -> Reference {
        self.core.reference()
    }

    /// Why it has ended, if it has: an exit signal did it.
    pub fn exited(&self) -> Option<Exited> {
        self.inbox.exited().map(|reason| Exited { reason })
    }

    /// How many messages wait to be received.
    pub fn message_count(&self) -> usize {
        self.inbox.len()
    }

    /// Gives it a name on its node, as `erlang:register/2`. It may have several.
    ///
    /// # Errors
    /// [`NameError`] when the name is taken, is not to be had, or is too long for an atom.
    pub fn register(&self, name: &str) -> Result<(), NameError> {
        let name = Atom::new(name).map_err(|_| NameError::TooLong)?;
        if self.core.register(name, &self.inbox) {
            Ok(())
        } else {
            Err(NameError::Taken)
        }
    }

    /// Takes a name from it. False if it has no such name.
    pub fn unregister(&self, name: &str) -> bool {
        let Ok(name) = Atom::new(name) else {
            return false;
        };
        let is_ours = self
            .core
            .named(&name)
            .is_some_and(|inbox| Arc::ptr_eq(&inbox, &self.inbox));
        is_ours && self.core.unregister(&name)
    }

    /// Sends a message, unless so much waits for its node that a `send` would wait.
    ///
    /// Nobody being there to receive it is no error, as in Erlang.
    ///
    /// # Errors
    /// [`SendError::Busy`]: nothing was sent. Others as those of `send`.
    pub fn try_send<T: Encode + ?Sized>(
        &self,
        to: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        message: &T,
    ) -> Result<(), SendError> {
        self.outgoing(to, message)?.send(self)
    }

    /// Sends a message with priority, as `erlang:send(Alias, Message, [priority])` of OTP 28, unless so much
    /// waits for its node that a `send_priority` would wait: it is received before others, if the alias is
    /// a [priority alias](Self::priority_alias). To nodes before OTP 28 it is a message like others.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn try_send_priority<T: Encode + ?Sized>(
        &self,
        to: &Reference,
        message: &T,
    ) -> Result<(), SendError> {
        self.outgoing_priority(to, message)?.send(self)
    }

    pub(crate) fn outgoing_priority<T: Encode + ?Sized>(
        &self,
        to: &Reference,
        message: &T,
    ) -> Result<Outgoing, SendError> {
        let priority = true;
        let message = self.outgoing(to, message)?;
        Ok(Outgoing {
            priority,
            ..message
        })
    }

    /// A message that can be sent several times, until it is sent.
    pub(crate) fn outgoing<T: Encode + ?Sized>(
        &self,
        to: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        message: &T,
    ) -> Result<Outgoing, SendError> {
        let to = to.try_into().map_err(Into::into)?;
        Ok(Outgoing::new(self, to, Payload::encode(message)?))
    }

    /// Links it with another process, as `link/1`: when one ends, so does the other, unless it
    /// [traps exits](Self::trap_exit). If there is no such process, that counts as its end.
    pub fn link(&self, other: &Pid) {
        self.core.link(&self.inbox, other);
    }

    /// Removes a link, as `unlink/1`. The end of the other process does nothing to this one from now on.
    pub fn unlink(&self, other: &Pid) {
        self.core.unlink(&self.inbox, other);
    }

    /// Monitors a process, as `monitor/2`: its end arrives as a [`Down`](crate::Down), also if it is not
    /// there or cannot be reached.
    ///
    /// # Errors
    /// When the recipient has no valid name, or is an alias, which cannot be monitored.
    pub fn monitor(
        &self,
        process: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
    ) -> Result<Reference, SendError> {
        self.watch(process, None)
    }

    /// Monitors a process, and makes the monitor an alias of this one, as `monitor/3` with `{alias, Kind}`.
    ///
    /// # Errors
    /// As [`monitor`](Self::monitor).
    pub fn monitor_with_alias(
        &self,
        process: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        kind: AliasKind,
    ) -> Result<Reference, SendError> {
        self.watch(process, Some(kind))
    }

    fn watch(
        &self,
        process: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        alias: Option<AliasKind>,
    ) -> Result<Reference, SendError> {
        let process = process.try_into().map_err(Into::into)?;
        let here = self.core.name().as_atom();
        let target = process.monitored(here).ok_or(SendError::Alias)?;
        Ok(self.core.monitor(&self.inbox, target, alias))
    }

    /// Ends a monitor, as `demonitor(Monitor, [flush])`: nothing of it arrives from now on. False if it has
    /// fired already.
    pub fn demonitor(&self, monitor: &Reference) -> bool {
        let was_there = self.core.demonitor(&self.inbox, monitor);
        if !was_there {
            self.inbox.discard(
                |message| matches!(message, Message::Down(down) if down.monitor == *monitor),
            );
        }
        was_there
    }

    /// Makes an alias, as `alias/1`: a reference by which it can be sent to until it is removed.
    pub fn alias(&self, kind: AliasKind) -> Reference {
        self.core.add_alias(&self.inbox, kind, false)
    }

    /// Makes an alias for messages with priority, as `alias([priority])` of OTP 28: they are received before
    /// others.
    pub fn priority_alias(&self, kind: AliasKind) -> Reference {
        self.core.add_alias(&self.inbox, kind, true)
    }

    /// Removes an alias, as `unalias/1`. False if it is no alias of this process.
    pub fn unalias(&self, alias: &Reference) -> bool {
        self.core.remove_alias(&self.inbox, alias)
    }

    /// Whether exit signals arrive as [messages](crate::Exit) instead of ending this process, as
    /// `process_flag(trap_exit, Trap)`. Gives what it was before.
    pub fn trap_exit(&self, trap: bool) -> bool {
        self.inbox.trap_exit(trap)
    }

    /// Sends an exit signal, as `exit/2`. The reason `kill` ends any process.
    ///
    /// # Errors
    /// When the recipient has no valid name, or the reason is no term.
    pub fn exit<T: Encode + ?Sized>(
        &self,
        to: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        reason: &T,
    ) -> Result<(), SendError> {
        self.signal_exit(to.try_into().map_err(Into::into)?, reason, false)
    }

    /// Sends an exit signal with priority, as `exit(Alias, Reason, [priority])` of OTP 28: where it is
    /// trapped, it is received before others, if the alias is a [priority alias](Self::priority_alias).
    ///
    /// # Errors
    /// As [`exit`](Self::exit).
    pub fn exit_priority<T: Encode + ?Sized>(
        &self,
        to: &Reference,
        reason: &T,
    ) -> Result<(), SendError> {
        self.signal_exit(to.into(), reason, true)
    }

    fn signal_exit<T: Encode + ?Sized>(
        &self,
        to: Recipient,
        reason: &T,
        priority: bool,
    ) -> Result<(), SendError> {
        let (to, node) = to.split(self.core.name().as_atom());
        let reason = Payload::encode(reason)?;
        let sent = self
            .core
            .send_exit(&self.inbox.pid, &to, &node, &reason, priority);
        match sent {
            // As in Erlang, that nobody can be reached is no error.
            Ok(()) | Err(Rejected::Unreachable | Rejected::NotDialed(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Has [`NodeUp`](Message::NodeUp) and [`NodeDown`](Message::NodeDown) arrive, or not any more, as
    /// `net_kernel:monitor_nodes/1`: hidden nodes are not told apart.
    pub fn monitor_nodes(&self, monitor: bool) {
        self.core.watch_nodes(&self.inbox, monitor);
    }

    /// The process by which those print and read that this one begins, at other nodes too: the one that it
    /// was given, if any.
    pub fn group_leader(&self) -> Option<Pid> {
        self.inbox.group_leader()
    }

    /// Gives it a group leader, as `erlang:group_leader/2`: a [`GroupLeader`](crate::io) of ours, or a
    /// process of any node.
    pub fn set_group_leader(&self, leader: &Pid) {
        self.inbox.set_group_leader(leader.clone());
    }

    /// Asks a node for a process that calls a function, as `erlang:spawn_request/5`. The answer arrives as
    /// [`Spawned`](crate::Spawned), and with it begins what was asked for by `options`: `link`, `monitor`,
    /// and whatever else the node knows.
    ///
    /// # Errors
    /// When the node, the function or an argument cannot be sent.
    pub fn spawn_request(
        &self,
        node: &NodeName,
        module: &str,
        function: &str,
        arguments: &(impl Arguments + ?Sized),
        options: &[Term],
    ) -> Result<Reference, SendError> {
        let name = |name| Atom::new(name).map_err(|error| SendError::Recipient(error.into()));
        let call = Mfa {
            module: name(module)?,
            function: name(function)?,
            arity: u8::try_from(arguments.count()).map_err(|_| SendError::Arguments)?,
        };
        Ok(self.request(Spawn {
            node: Some(node.clone()),
            group_leader: None,
            call,
            arguments: Payload::encode(&List(arguments))?,
            options: Payload::encode(options)?,
        }))
    }

    fn request(&self, wanted: Spawn) -> Reference {
        let here = self.core.name();
        let node = wanted.node.as_ref().unwrap_or(here).as_atom().clone();
        let group_leader = wanted.group_leader.or_else(|| self.inbox.group_leader());
        let wanted = Wanted {
            node,
            group_leader: group_leader.unwrap_or_else(|| self.core.group_leader()),
            call: wanted.call,
            arguments: wanted.arguments,
            options: wanted.options,
        };
        self.core.request(&self.inbox, wanted)
    }

    /// Gives up a request for a process: its answer does not arrive, and a process that has begun is told
    /// `abandoned` by its link, as `erlang:spawn_request_abandon/1` has it. False if it was answered.
    pub fn abandon(&self, request: &Reference) -> bool {
        self.core.abandon(&self.inbox, request)
    }

    /// Gives up a request whose answer nobody will look for. A process that was announced in this moment goes
    /// on.
    pub(crate) fn forget_request(&self, request: &Reference) {
        if !self.abandon(request) {
            self.inbox.discard(
                |message| matches!(message, Message::Spawned(spawned) if spawned.request == *request),
            );
        }
    }

    /// Has a node call a function, as `erpc:cast/4`.
    pub(crate) fn cast_function(
        &self,
        node: &NodeName,
        module: &str,
        function: &str,
        arguments: &impl Arguments,
        group_leader: Option<&Pid>,
    ) -> Result<(), CallError> {
        let arguments = (call::atom(module)?, call::atom(function)?, List(arguments));
        let request = self.request(Spawn {
            node: Some(node.clone()),
            group_leader: group_leader.cloned(),
            call: call::erpc("execute_cast", 3),
            arguments: Payload::encode(&List(&arguments))?,
            options: Payload::encode::<[Term]>(&[])?,
        });
        self.forget_request(&request);
        Ok(())
    }

    /// Ends it, with a reason that is an atom.
    pub(crate) fn end(&self, why: &'static str) {
        self.core.end(&self.inbox, reason(why));
    }

    /// Ends it.
    pub(crate) fn end_with(&self, why: Payload) {
        self.core.end(&self.inbox, why);
    }
}

impl Caller for &Process {
    const HAS_ALIASES: bool = true;

    fn pid(&self) -> &Pid {
        Process::pid(self)
    }

    fn reference(&mut self) -> Reference {
        Process::reference(self)
    }

    fn monitor(&mut self, server: &Recipient) -> Result<Reference, CallError> {
        Ok(self.monitor_with_alias(server, AliasKind::ReplyDemonitor)?)
    }

    fn send(&mut self, server: &Recipient, message: Payload) -> Result<(), CallError> {
        let outgoing = Outgoing::new(self, server.clone(), message);
        match outgoing.dispatch(self, Urgency::Owed) {
            // Its monitor says so.
            Err(SendError::NotRegistered(_)) => Ok(()),
            sent => Ok(sent?),
        }
    }

    fn spawn(&mut self, wanted: Spawn) -> Result<Reference, CallError> {
        if let Some(exited) = self.exited() {
            return Err(exited.into());
        }
        Ok(self.request(wanted))
    }

    fn demonitor(&mut self, _process: Recipient, monitor: &Reference) -> Result<(), CallError> {
        Process::demonitor(self, monitor);
        Ok(())
    }

    fn abandon(&mut self, request: &Reference) -> bool {
        Process::abandon(self, request) || self.exited().is_some()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Process").field(&self.inbox.pid).finish()
    }
}

/// A message on its way, which waits for room.
#[derive(Debug)]
pub(crate) struct Outgoing {
    to: Destination,
    /// The node that it goes to.
    pub(crate) node: Atom,
    /// Whether only a name was given, which a process of our own node has to have.
    by_name_alone: bool,
    message: Payload,
    priority: bool,
}

impl Outgoing {
    fn new(from: &Process, to: Recipient, message: Payload) -> Self {
        let by_name_alone = matches!(to, Recipient::Name(_));
        let (to, node) = to.split(from.core.name().as_atom());
        Self {
            to,
            node,
            by_name_alone,
            message,
            priority: false,
        }
    }

    /// Sends it, or says [`SendError::Busy`].
    pub(crate) fn send(&self, from: &Process) -> Result<(), SendError> {
        self.dispatch(from, Urgency::Patient)
    }

    fn dispatch(&self, from: &Process, urgency: Urgency) -> Result<(), SendError> {
        if let Some(exited) = from.exited() {
            return Err(SendError::Exited(exited));
        }
        if let Destination::Name(name) = &self.to
            && self.by_name_alone
            && from.core.named(name).is_none()
        {
            return Err(SendError::NotRegistered(name.clone()));
        }
        let (to, node) = (&self.to, &self.node);
        let (message, priority) = (self.message.clone(), self.priority);
        let sent = from
            .core
            .send(&from.inbox, to, node, message, priority, urgency);
        match sent {
            // As in Erlang, that nobody can be reached is no error.
            Ok(()) | Err(Rejected::Unreachable | Rejected::NotDialed(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
