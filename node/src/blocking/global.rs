use einode_dist::NodeName;
use einode_etf::{Atom, Encode, Pid, Term};

use super::{Mailbox, Node};
use crate::call::{CallError, Global};
use crate::process::Process;
use crate::recipient::InvalidRecipient;

impl Node {
    /// The names of a cluster, as `global` of this node of it has them.
    ///
    /// ```no_run
    /// # fn example(node: einode::blocking::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use einode::Atom;
    ///
    /// let (mut global, me) = (node.global("app@127.0.0.1"), node.mailbox());
    /// if let Some(leader) = global.whereis(&Atom::from_static("leader"))? {
    ///     me.send(&leader, "hello", Duration::from_secs(5))?;
    /// }
    /// assert!(global.register(&Atom::from_static("painter"), &me)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn global(
        &self,
        node: impl TryInto<NodeName, Error: Into<InvalidRecipient>>,
    ) -> Global<Mailbox> {
        Global(self.erpc(node))
    }
}

impl Global<Mailbox> {
    /// The process of this name, as `global:whereis_name/1`.
    ///
    /// # Errors
    /// As those of [`Remote::call`](crate::Remote::call).
    pub fn whereis(&mut self, name: &(impl Encode + ?Sized)) -> Result<Option<Pid>, CallError> {
        self.0.call(Self::MODULE, "whereis_name", (name,))
    }

    /// All names, as `global:registered_names/0`.
    ///
    /// # Errors
    /// As [`whereis`](Self::whereis).
    pub fn names(&mut self) -> Result<Vec<Term>, CallError> {
        self.0.call(Self::MODULE, "registered_names", ())
    }

    /// Gives a process of our node a name in the whole cluster. False if the name is taken.
    ///
    /// It has the name until it ends or its node is disconnected from that of this `global`. If two parts of
    /// a cluster that meet have the name each, a process that loses it gets the message
    /// `{global_name_conflict, Name}`.
    ///
    /// # Errors
    /// As [`whereis`](Self::whereis).
    pub fn register(
        &mut self,
        name: &(impl Encode + ?Sized),
        process: &Process,
    ) -> Result<bool, CallError> {
        let arguments = (name, process.pid(), Self::RESOLVE);
        let register = "register_name_external";
        let answer: Atom = self.0.call(Self::MODULE, register, arguments)?;
        Ok(answer == "yes")
    }

    /// Takes a name that a process of our node has from it. Nothing happens if there is no such name.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn unregister(&mut self, name: &(impl Encode + ?Sized)) -> Result<(), CallError> {
        let unregister = "unregister_name_external";
        let _: Term = self.0.call(Self::MODULE, unregister, (name,))?;
        Ok(())
    }
}
