//! Processes of other nodes, begun by processes.

use einode_dist::NodeName;
use einode_etf::{Atom, Pid, Reference, Term};

use super::Mailbox;
use crate::arguments::Arguments;
use crate::call::{self, CallError};
use crate::core::{Message, Spawned};
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
        let begun = self.begin(node, module, function, &arguments, &[]);
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
        const LINK: Atom = Atom::from_static("link");
        let options = [LINK.into()];
        let begun = self.begin(node, module, function, &arguments, &options);
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
        const MONITOR: Atom = Atom::from_static("monitor");
        self.begin(node, module, function, &arguments, &[MONITOR.into()])
            .await
    }

    async fn begin(
        &mut self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
        module: &str,
        function: &str,
        arguments: &impl Arguments,
        options: &[Term],
    ) -> Result<(Pid, Reference), CallError> {
        let node = node.try_into().map_err(Into::into)?;
        self.room(node.as_atom()).await;
        let request = self.spawn_request(&node, module, function, arguments, options)?;
        let mut asked = Asked {
            me: &*self,
            request: Some(&request),
        };
        let answer = |message: &Message| match message {
            Message::Spawned(Spawned {
                request: of,
                result,
            }) if *of == request => Some(result.clone()),
            _ => None,
        };
        let (_, spawned) = asked.me.select(answer).await?;
        asked.request = None;
        match spawned {
            Ok(pid) => Ok((pid, request.clone())),
            Err(reason) => Err(call::refused(&reason)),
        }
    }
}

/// Gives up a process that was asked for, unless it was announced.
struct Asked<'m> {
    me: &'m Mailbox,
    request: Option<&'m Reference>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request {
            self.me.forget_request(request);
        }
    }
}
