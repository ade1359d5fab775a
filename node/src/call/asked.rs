use einode_dist::NodeName;
use einode_etf::{Atom, Pid, Reference, Term};

use super::{CallError, refused};
use crate::arguments::Arguments;
use crate::core::{Message, Spawned};
use crate::process::Process;

/// A process of another node that was asked for. Dropping this gives it up, unless it was announced.
pub(crate) struct Asked<'p> {
    process: &'p Process,
    request: Reference,
    answered: bool,
}

impl<'p> Asked<'p> {
    /// Has it linked with the one who asks, as `spawn_link/4`.
    pub(crate) const LINK: Option<Atom> = Some(Atom::from_static("link"));

    /// Has it monitored, as `spawn_monitor/4`.
    pub(crate) const MONITOR: Option<Atom> = Some(Atom::from_static("monitor"));

    pub(crate) fn new(
        process: &'p Process,
        node: &NodeName,
        module: &str,
        function: &str,
        arguments: &impl Arguments,
        option: Option<Atom>,
    ) -> Result<Self, CallError> {
        let options: Vec<Term> = option.into_iter().map(Term::from).collect();
        let request = process.spawn_request(node, module, function, arguments, &options)?;
        Ok(Self {
            process,
            request,
            answered: false,
        })
    }

    /// The answer, if this is it.
    pub(crate) fn look(&self, message: &Message) -> Option<Result<Pid, Atom>> {
        match message {
            Message::Spawned(Spawned { request, result }) if *request == self.request => {
                Some(result.clone())
            }
            _ => None,
        }
    }

    /// The process, and the reference of its monitor, if it has one.
    pub(crate) fn answered(
        mut self,
        answer: Result<Pid, Atom>,
    ) -> Result<(Pid, Reference), CallError> {
        self.answered = true;
        let process = answer.map_err(|reason| refused(&reason))?;
        Ok((process, self.request.clone()))
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.process.forget_request(&self.request);
        }
    }
}
