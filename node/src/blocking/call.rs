//! Calls of functions and servers by processes.

use std::slice;
use std::time::{Duration, Instant};

use einode_dist::{NodeName, Payload};
use einode_etf::{Atom, Decode, Encode, Pid};

use super::{Mailbox, Node};
use crate::arguments::Arguments;
use crate::call::{self, Awaited, Call, CallError, PerNode, Remote, Via, names, one};
use crate::deadline;
use crate::process::{Process, RecvError, SendError};
use crate::recipient::{InvalidRecipient, Recipient};

impl Mailbox {
    /// Calls a server of any node, as `gen_server:call/3`: an Erlang `gen_server`, an Elixir `GenServer`, or
    /// whatever answers like one. Other messages stay where they are, in their order.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn example(me: &mut einode::blocking::Mailbox) -> Result<(), einode::CallError> {
    /// let server = ("Elixir.Shop.Cart", "app@127.0.0.1");
    /// let items: Vec<String> = me.call(server, "items", Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`CallError::Exit`] with `noproc` if there is no such server, or with the reason for which it
    /// ended; [`CallError::TimedOut`]; [`CallError::NoConnection`]; [`CallError::Decode`].
    pub fn call<T: for<'a> Decode<'a>>(
        &mut self,
        server: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        request: &(impl Encode + ?Sized),
        within: Duration,
    ) -> Result<T, CallError> {
        let server = server.try_into().map_err(Into::into)?;
        let node = server.clone().split(self.pid().node()).1;
        let begin = |mut me: &Process| Call::server(&mut me, server, request);
        one(self.ask([(&node, begin)], Some(within))?)
    }

    /// Sends a server something that it does not answer, as `gen_server:cast/2`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn cast(
        &self,
        server: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        message: &(impl Encode + ?Sized),
        within: Duration,
    ) -> Result<(), SendError> {
        self.send(server, &call::cast(message), within)
    }

    /// Calls the servers of one name on several nodes at once, as `gen_server:multi_call/4`. Gives what each
    /// has answered, in the order of the nodes.
    ///
    /// # Errors
    /// When the name, a node or the request makes no sense, or this process has ended. What became of
    /// each call is with its node.
    pub fn multi_call<T: for<'a> Decode<'a>>(
        &mut self,
        nodes: impl IntoIterator<Item: TryInto<NodeName, Error: Into<InvalidRecipient>>>,
        name: &str,
        request: &(impl Encode + ?Sized),
        within: Duration,
    ) -> Result<PerNode<T>, CallError> {
        let (name, nodes) = (call::atom(name)?, names(nodes)?);
        let request = Payload::encode(request)?;
        let calls = call::servers(&nodes, &name, &request);
        let answers = self.ask(calls, Some(within))?;
        Ok(nodes.into_iter().zip(answers).collect())
    }

    /// Finds a process that another registry knows, as `{via, Module, Name}` does: asks `node` for
    /// `Module:whereis_name(Name)`. The registry of all nodes of a cluster is `global`; those of Elixir are
    /// `Elixir.Registry`, with `{Registry, Key}` as name.
    ///
    /// # Errors
    /// As [`Remote::call`].
    pub fn whereis_via(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        name: &(impl Encode + ?Sized),
        within: Duration,
    ) -> Result<Option<Pid>, CallError> {
        let mut node = self.erpc(node).within(within);
        node.call(module, "whereis_name", (name,))
    }

    /// Calls a server that another registry knows, `{via, Module, Name}`, or `{global, Name}` with the module
    /// `global`: see [`whereis_via`](Self::whereis_via). The time limit is that of each of both calls.
    ///
    /// # Errors
    /// [`CallError::Exit`] with `noproc` if `node` knows of no such server; others as [`call`](Self::call).
    pub fn call_via<T: for<'a> Decode<'a>>(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        name: &(impl Encode + ?Sized),
        request: &(impl Encode + ?Sized),
        within: Duration,
    ) -> Result<T, CallError> {
        let server = self.whereis_via(node, module, name, within)?;
        self.call(call::registered(server)?, request, within)
    }

    /// The functions of a node, called as by `erpc`, for this process.
    pub fn erpc(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
    ) -> Remote<'_, Self> {
        Remote::by(self, node.try_into().map_err(Into::into), Via::Erpc)
    }

    /// The functions of a node, called as by `rpc` through its server `rex`, for this process.
    pub fn rpc(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
    ) -> Remote<'_, Self> {
        Remote::by(self, node.try_into().map_err(Into::into), Via::Rpc)
    }

    /// The functions of several nodes, called at once as by `erpc:multicall/5`, for this process.
    pub fn multicall(
        &mut self,
        nodes: impl IntoIterator<Item: TryInto<NodeName, Error: Into<InvalidRecipient>>>,
    ) -> Remote<'_, Self, Vec<NodeName>> {
        Remote::by(self, names(nodes), Via::Erpc)
    }

    /// Begins calls, and waits for their answers. Other messages stay where they are.
    fn ask<'n, T: for<'a> Decode<'a>>(
        &self,
        calls: impl IntoIterator<Item = (&'n Atom, impl FnOnce(&Process) -> Result<Call, CallError>)>,
        within: Option<Duration>,
    ) -> Result<Vec<Result<T, CallError>>, CallError> {
        let until = within.map(deadline::after);
        let mut awaited = Awaited::new(self);
        for (node, begin) in calls {
            self.in_time(node, until)?;
            awaited.add(begin(awaited.process())?);
        }
        while !awaited.is_over() {
            match self.select(until, |message| awaited.look(message)) {
                Ok(_) => {}
                Err(RecvError::TimedOut) => break,
                Err(RecvError::Exited(exited)) => return Err(exited.into()),
            }
        }
        Ok(awaited.finish())
    }

    /// Does what nobody answers, for each node when there is room.
    fn tell<'n>(
        &self,
        casts: impl IntoIterator<Item = (&'n Atom, impl FnOnce(&Process) -> Result<(), CallError>)>,
        within: Option<Duration>,
    ) -> Result<(), CallError> {
        let until = within.map(deadline::after);
        for (node, cast) in casts {
            self.in_time(node, until)?;
            cast(self)?;
        }
        Ok(())
    }

    /// Waits until there is room for a node.
    fn in_time(&self, node: &Atom, until: Option<Instant>) -> Result<(), CallError> {
        let in_time = self.room(node, until);
        in_time.then_some(()).ok_or(CallError::TimedOut)
    }
}

impl Remote<'_, Mailbox> {
    /// Calls a function, and gives what it returns.
    ///
    /// # Errors
    /// [`CallError::Exception`] is what the function did not catch, [`CallError::BadRpc`] the same by `rpc`;
    /// [`CallError::Refused`] when no process was made for it; [`CallError::TimedOut`];
    /// [`CallError::NoConnection`]; [`CallError::Decode`] when it returns something of another type.
    pub fn call<T: for<'a> Decode<'a>>(
        &mut self,
        module: &str,
        function: &str,
        arguments: impl Arguments,
    ) -> Result<T, CallError> {
        let nodes = slice::from_ref(self.nodes()?);
        let function = self.function(module, function, &arguments);
        one(self.caller().ask(function.calls(nodes), self.within)?)
    }

    /// Calls a function, and does not wait for it: nothing tells how it went.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn cast(
        &mut self,
        module: &str,
        function: &str,
        arguments: impl Arguments,
    ) -> Result<(), CallError> {
        let nodes = slice::from_ref(self.nodes()?);
        let function = self.function(module, function, &arguments);
        self.caller().tell(function.casts(nodes), self.within)
    }
}

impl Remote<'_, Mailbox, Vec<NodeName>> {
    /// Calls a function on all of the nodes at once, and gives what it returns on each, in the order of the
    /// nodes.
    ///
    /// # Errors
    /// When the call makes no sense or cannot be sent. What became of it on each node is with the node, as
    /// [`Remote::call`] says it.
    pub fn call<T: for<'a> Decode<'a>>(
        &mut self,
        module: &str,
        function: &str,
        arguments: impl Arguments,
    ) -> Result<PerNode<T>, CallError> {
        let nodes = self.nodes()?;
        let function = self.function(module, function, &arguments);
        let answers = self.caller().ask(function.calls(nodes), self.within)?;
        Ok(nodes.iter().cloned().zip(answers).collect())
    }

    /// Calls a function on all of the nodes, and does not wait for it.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn cast(
        &mut self,
        module: &str,
        function: &str,
        arguments: impl Arguments,
    ) -> Result<(), CallError> {
        let nodes = self.nodes()?;
        let function = self.function(module, function, &arguments);
        self.caller().tell(function.casts(nodes), self.within)
    }
}

/// Calls by a process of their own, as [`Mailbox`] has them.
impl Node {
    /// Calls a server of any node: see [`Mailbox::call`].
    ///
    /// # Errors
    /// As there.
    pub fn call<T: for<'a> Decode<'a>>(
        &self,
        server: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        request: &(impl Encode + ?Sized),
        within: Duration,
    ) -> Result<T, CallError> {
        self.mailbox().call(server, request, within)
    }

    /// Sends a server something that it does not answer: see [`Mailbox::cast`].
    ///
    /// # Errors
    /// As there.
    pub fn cast(
        &self,
        server: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        message: &(impl Encode + ?Sized),
        within: Duration,
    ) -> Result<(), SendError> {
        self.mailbox().cast(server, message, within)
    }

    /// Calls the servers of one name on several nodes: see [`Mailbox::multi_call`].
    ///
    /// # Errors
    /// As there.
    pub fn multi_call<T: for<'a> Decode<'a>>(
        &self,
        nodes: impl IntoIterator<Item: TryInto<NodeName, Error: Into<InvalidRecipient>>>,
        name: &str,
        request: &(impl Encode + ?Sized),
        within: Duration,
    ) -> Result<PerNode<T>, CallError> {
        let mut me = self.mailbox();
        me.multi_call(nodes, name, request, within)
    }

    /// Finds a process that another registry knows: see [`Mailbox::whereis_via`].
    ///
    /// # Errors
    /// As there.
    pub fn whereis_via(
        &self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        name: &(impl Encode + ?Sized),
        within: Duration,
    ) -> Result<Option<Pid>, CallError> {
        let mut me = self.mailbox();
        me.whereis_via(node, module, name, within)
    }

    /// Calls a server that another registry knows: see [`Mailbox::call_via`].
    ///
    /// # Errors
    /// As there.
    pub fn call_via<T: for<'a> Decode<'a>>(
        &self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        name: &(impl Encode + ?Sized),
        request: &(impl Encode + ?Sized),
        within: Duration,
    ) -> Result<T, CallError> {
        let mut me = self.mailbox();
        me.call_via(node, module, name, request, within)
    }

    /// The functions of a node, called as by `erpc`.
    ///
    /// ```no_run
    /// # fn example(node: einode::blocking::Node) -> Result<(), einode::CallError> {
    /// let total: i64 = node.erpc("app@127.0.0.1").call("lists", "sum", (vec![1, 2, 39],))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn erpc(
        &self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
    ) -> Remote<'static, Mailbox> {
        let node = node.try_into().map_err(Into::into);
        Remote::of(self.mailbox(), node, Via::Erpc)
    }

    /// The functions of a node, called as by `rpc` through its server `rex`.
    pub fn rpc(
        &self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
    ) -> Remote<'static, Mailbox> {
        let node = node.try_into().map_err(Into::into);
        Remote::of(self.mailbox(), node, Via::Rpc)
    }

    /// The functions of several nodes, called at once as by `erpc:multicall/5`.
    ///
    /// ```no_run
    /// # fn example(node: einode::blocking::Node) -> Result<(), einode::CallError> {
    /// for (name, release) in node
    ///     .multicall(["a@127.0.0.1", "b@127.0.0.1"])
    ///     .call::<einode::Term>("erlang", "system_info", (einode::Atom::from_static("otp_release"),))?
    /// {
    ///     println!("{name}: {release:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn multicall(
        &self,
        nodes: impl IntoIterator<Item: TryInto<NodeName, Error: Into<InvalidRecipient>>>,
    ) -> Remote<'static, Mailbox, Vec<NodeName>> {
        Remote::of(self.mailbox(), names(nodes), Via::Erpc)
    }
}
