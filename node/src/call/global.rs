use std::time::Duration;

use einode_etf::Atom;

use super::Remote;

/// The names of a cluster, as `global` of one of its nodes has them: each belongs to one process, wherever
/// that is, and is known on all nodes.
///
/// A hidden node has no `global` of its own. It asks that of a node it is connected with, as programs with
/// `erl_interface` do, and the processes of our node are external ones to it.
///
/// OTP: *Kernel Reference Manual*, `global`; *Erl_Interface*, `ei_global`.
#[derive(Debug)]
pub struct Global<M: 'static>(pub(crate) Remote<'static, M>);

impl<M: 'static> Global<M> {
    pub(crate) const MODULE: &'static str = "global";

    /// Decides who keeps a name that two have: the function for processes that are not of Erlang.
    pub(crate) const RESOLVE: (Atom, Atom) =
        (Atom::from_static("global"), Atom::from_static("cnode"));

    /// How long an answer may take: for ever by default, which a lost connection ends.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self(self.0.within(time))
    }
}
