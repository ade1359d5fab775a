use std::ops::Deref;
use std::time::Duration;

use einode_dist::{NodeName, Payload};
use einode_etf::{Atom, Pid};

use super::{Call, CallError, Caller, cast, rex};
use crate::arguments::Arguments;
use crate::process::Process;
use crate::recipient::InvalidRecipient;

/// The functions of another node, or of several, as what they are called through: [`call`](Self::call) waits for
/// what a function returns, [`cast`](Self::cast) does not.
///
/// By `erpc` (OTP 23), a function runs in a process of its own, and whatever it raises arrives. By `rpc` it
/// runs for the server `rex`, which all releases and some nodes that are not of Erlang have.
///
/// ```no_run
/// # async fn example(node: einode::tokio::Node) -> Result<(), Box<dyn std::error::Error>> {
/// let total: i64 = node.erpc("app@127.0.0.1").call("lists", "sum", (vec![1, 2, 39],)).await?;
/// # Ok(())
/// # }
/// ```
///
/// On threads it is the same without `await`: who calls, `M`, is the mailbox of a style.
#[derive(Debug)]
pub struct Remote<'m, M, N = NodeName> {
    caller: Held<'m, M>,
    nodes: Result<N, InvalidRecipient>,
    via: Via,
    pub(crate) within: Option<Duration>,
    group_leader: Option<Pid>,
}

/// What each of several nodes has answered, in the order in which they were given.
pub type PerNode<T> = Vec<(NodeName, Result<T, CallError>)>;

/// Who calls: a process for these calls, or one of the program's.
#[derive(Debug)]
enum Held<'m, M> {
    Own(M),
    Lent(&'m mut M),
}

/// By what functions are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Erpc,
    Rpc,
}

impl<M, N> Remote<'static, M, N> {
    /// For a process of its own.
    pub(crate) const fn of(caller: M, nodes: Result<N, InvalidRecipient>, via: Via) -> Self {
        Self::new(Held::Own(caller), nodes, via)
    }
}

impl<'m, M, N> Remote<'m, M, N> {
    /// For a process that goes on afterwards.
    pub(crate) const fn by(
        caller: &'m mut M,
        nodes: Result<N, InvalidRecipient>,
        via: Via,
    ) -> Self {
        Self::new(Held::Lent(caller), nodes, via)
    }

    const fn new(caller: Held<'m, M>, nodes: Result<N, InvalidRecipient>, via: Via) -> Self {
        Self {
            caller,
            nodes,
            via,
            within: None,
            group_leader: None,
        }
    }

    /// How long an answer may take; as in OTP for ever by default, which a lost connection ends.
    #[must_use]
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Who writes what the functions print, and reads for them: a [`GroupLeader`](crate::io), or a process of
    /// any node. By default it is that of the calling process. Without one, what they print by `erpc` goes
    /// nowhere, and by `rpc` where the output of their node goes.
    #[must_use]
    pub fn group_leader(mut self, process: &Pid) -> Self {
        self.group_leader = Some(process.clone());
        self
    }

    pub(crate) fn caller(&self) -> &M {
        &self.caller
    }

    pub(crate) fn nodes(&self) -> Result<&N, CallError> {
        Ok(self.nodes.as_ref().map_err(Clone::clone)?)
    }

    /// What is to be called there.
    pub(crate) const fn function<'a, A>(
        &'a self,
        module: &'a str,
        function: &'a str,
        arguments: &'a A,
    ) -> Function<'a, A> {
        Function {
            module,
            function,
            arguments,
            via: self.via,
            leader: self.group_leader.as_ref(),
        }
    }
}

impl<M> Deref for Held<'_, M> {
    type Target = M;

    fn deref(&self) -> &M {
        match self {
            Self::Own(caller) => caller,
            Self::Lent(caller) => caller,
        }
    }
}

/// A function of other nodes, and how it is called.
#[derive(Debug)]
pub(crate) struct Function<'a, A> {
    module: &'a str,
    function: &'a str,
    arguments: &'a A,
    via: Via,
    leader: Option<&'a Pid>,
}

const REX: Atom = Atom::from_static("rex");

impl<A: Arguments> Function<'_, A> {
    /// Its calls: with which node there has to be room for each, and how it begins.
    pub(crate) fn calls<'f>(
        &'f self,
        nodes: &'f [NodeName],
    ) -> impl Iterator<Item = (&'f Atom, impl FnOnce(&Process) -> Result<Call, CallError>)> {
        let call = move |node| {
            (NodeName::as_atom(node), move |me: &Process| {
                self.call(me, node)
            })
        };
        nodes.iter().map(call)
    }

    /// The same without answers.
    pub(crate) fn casts<'f>(
        &'f self,
        nodes: &'f [NodeName],
    ) -> impl Iterator<Item = (&'f Atom, impl FnOnce(&Process) -> Result<(), CallError>)> {
        let cast = move |node| {
            (NodeName::as_atom(node), move |me: &Process| {
                self.cast(me, node)
            })
        };
        nodes.iter().map(cast)
    }

    fn call(&self, mut me: &Process, node: &NodeName) -> Result<Call, CallError> {
        let (module, function) = (self.module, self.function);
        match self.via {
            Via::Erpc => {
                let (node, leader) = (Some(node.clone()), self.leader.cloned());
                Call::erpc(&mut me, node, module, function, self.arguments, leader)
            }
            Via::Rpc => {
                let (rex, leader) = ((REX, node.clone()).into(), self.leader_for(me));
                Call::rpc(
                    &mut me,
                    rex,
                    module,
                    function,
                    self.arguments,
                    leader.as_ref(),
                )
            }
        }
    }

    fn cast(&self, mut me: &Process, node: &NodeName) -> Result<(), CallError> {
        let (module, function) = (self.module, self.function);
        match self.via {
            Via::Erpc => me.cast_function(node, module, function, self.arguments, self.leader),
            Via::Rpc => {
                let leader = self.leader_for(me);
                let request = rex("cast", module, function, self.arguments, leader.as_ref())?;
                let message = Payload::encode(&cast(&request))?;
                me.send(&(REX, node.clone()).into(), message)
            }
        }
    }

    fn leader_for(&self, me: &Process) -> Option<Pid> {
        self.leader.cloned().or_else(|| me.group_leader())
    }
}

/// The answer of the only call.
pub(crate) fn one<T>(mut answers: Vec<Result<T, CallError>>) -> Result<T, CallError> {
    answers.pop().unwrap_or(Err(CallError::TimedOut))
}

pub(crate) fn names<N: TryInto<NodeName, Error: Into<InvalidRecipient>>>(
    nodes: impl IntoIterator<Item = N>,
) -> Result<Vec<NodeName>, InvalidRecipient> {
    let nodes = nodes.into_iter();
    nodes
        .map(|node| node.try_into().map_err(Into::into))
        .collect()
}
