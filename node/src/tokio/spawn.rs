//! Processes of other nodes, begun by processes.

use einode_dist::NodeName;
use einode_etf::{Atom, Pid, Reference};

use super::Mailbox;
use crate::arguments::Arguments;
use crate::call::{Asked, CallError};
use crate::recipient::InvalidRecipient;

impl Mailbox {
    /// Begins a process of another node that calls a function, as `spawn/4`.
    ///
    /// # Errors
    /// [`CallError::Refused`] when the node makes no process; [`CallError::NoConnection`];
    /// [`CallError::BadName`]; [`CallError::Send`].
    ///
    /// # Cancelling
    /// The process may have begun.
    pub async fn spawn(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        function: &str,
        arguments: impl Arguments,
    ) -> Result<Pid, CallError> {
        let begun = self.begin(node, module, function, &arguments, None);
        Ok(begun.await?.0)
    }

    /// Begins a process of another node, and links it with this one, as `spawn_link/4`.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn), and so is cancelling: a process that has begun ends then, with the reason
    /// `abandoned`.
    pub async fn spawn_link(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        function: &str,
        arguments: impl Arguments,
    ) -> Result<Pid, CallError> {
        let begun = self.begin(node, module, function, &arguments, Asked::LINK);
        Ok(begun.await?.0)
    }

    /// Begins a process of another node, and monitors it, as `spawn_monitor/4`: its end arrives as a
    /// [`Down`](crate::Down) with the reference that this gives.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn), and so is cancelling.
    pub async fn spawn_monitor(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        function: &str,
        arguments: impl Arguments,
    ) -> Result<(Pid, Reference), CallError> {
        self.begin(node, module, function, &arguments, Asked::MONITOR)
            .await
    }

    async fn begin(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        function: &str,
        arguments: &impl Arguments,
        option: Option<Atom>,
    ) -> Result<(Pid, Reference), CallError> {
        let node = node.try_into().map_err(Into::into)?;
        self.room(node.as_atom()).await;
        let asked = Asked::new(self, &node, module, function, arguments, option)?;
        let (_, answer) = self.select(|message| asked.look(message)).await?;
        asked.answered(answer)
    }
}
