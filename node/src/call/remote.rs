use std::time::Duration;

use einode_dist::NodeName;
use einode_etf::{Atom, Pid};

use super::{Call, CallError};
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
#[derive(Debug)]
pub struct Remote<C, N = NodeName> {
    /// Who calls.
    pub(crate) caller: C,
    pub(crate) nodes: Result<N, InvalidRecipient>,
    pub(crate) via: Via,
    pub(crate) within: Option<Duration>,
    pub(crate) group_leader: Option<Pid>,
}

/// By what functions are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Erpc,
    Rpc,
}

impl<C, N> Remote<C, N> {
    pub(crate) const fn new(caller: C, nodes: Result<N, InvalidRecipient>, via: Via) -> Self {
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
}

/// Begins to call a function.
pub(crate) fn begin(
    via: Via,
    mut me: &Process,
    node: &NodeName,
    module: &str,
    function: &str,
    arguments: &impl Arguments,
    leader: &Option<Pid>,
) -> Result<Call, CallError> {
    const REX: Atom = Atom::from_static("rex");
    match via {
        Via::Erpc => {
            let (node, leader) = (Some(node.clone()), leader.clone());
            Call::erpc(&mut me, node, module, function, arguments, leader)
        }
        Via::Rpc => {
            let rex = (REX, node.clone()).into();
            let leader = leader.clone().or_else(|| me.group_leader());
            Call::rpc(&mut me, rex, module, function, arguments, leader.as_ref())
        }
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
