//! Processes of other nodes, begun by processes.

use std::time::Duration;

use einode_dist::NodeName;
use einode_etf::{Atom, Pid, Reference};

use super::Mailbox;
use crate::arguments::Arguments;
use crate::call::{Asked, CallError};
use crate::deadline;
use crate::process::RecvError;
use crate::recipient::InvalidRecipient;

impl Mailbox {
    /// Begins a process of another node that calls a function, as `spawn/4`.
    ///
    /// # Errors
    /// [`CallError::Refused`] when the node makes no process; [`CallError::NoConnection`];
    /// [`CallError::TimedOut`], after which it may begin yet; [`CallError::Send`].
    pub fn spawn(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        function: &str,
        arguments: impl Arguments,
        within: Duration,
    ) -> Result<Pid, CallError> {
        let begun = self.begin(node, module, function, &arguments, None, within);
        Ok(begun?.0)
    }

    /// Begins a process of another node, and links it with this one, as `spawn_link/4`.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); one that begins after the deadline ends with the reason `abandoned`.
    pub fn spawn_link(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        function: &str,
        arguments: impl Arguments,
        within: Duration,
    ) -> Result<Pid, CallError> {
        let begun = self.begin(node, module, function, &arguments, Asked::LINK, within);
        Ok(begun?.0)
    }

    /// Begins a process of another node, and monitors it, as `spawn_monitor/4`: its end arrives as a
    /// [`Down`](crate::Down) with the reference that this gives.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn spawn_monitor(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        function: &str,
        arguments: impl Arguments,
        within: Duration,
    ) -> Result<(Pid, Reference), CallError> {
        self.begin(node, module, function, &arguments, Asked::MONITOR, within)
    }

    fn begin(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        function: &str,
        arguments: &impl Arguments,
        option: Option<Atom>,
        within: Duration,
    ) -> Result<(Pid, Reference), CallError> {
        let node = node.try_into().map_err(Into::into)?;
        let until = deadline::after(within);
        if !self.room(node.as_atom(), Some(until)) {
            return Err(CallError::TimedOut);
        }
        let asked = Asked::new(self, &node, module, function, arguments, option)?;
        match self.select(Some(until), |message| asked.look(message)) {
            Ok((_, answer)) => asked.answered(answer),
            Err(RecvError::TimedOut) => Err(CallError::TimedOut),
            Err(RecvError::Exited(exited)) => Err(exited.into()),
        }
    }
}
