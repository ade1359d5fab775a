//! How a process is named on the command line.

use std::str::FromStr;

use einode::{Atom, Destination, Term, term};

use crate::args;
use crate::connect::{Deadline, Link};
use crate::exit::Failure;
use crate::remote::{self, How};

/// A process of a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Process {
    Name(Atom),
    Global(Term),
    /// As the node prints it: with 0 for itself.
    Pid(String),
}

impl FromStr for Process {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected a name, {global, NAME} or a pid like <0.1.0>";
        let numbers = text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'));
        if let Some(numbers) = numbers {
            let count = numbers.split('.').map(str::parse::<u32>);
            let numbers: Result<Vec<_>, _> = count.collect();
            return match numbers.as_deref() {
                Ok([_, _, _]) => Ok(Self::Pid(text.into())),
                _ => Err(EXPECTED.into()),
            };
        }
        let term = args::term(text)?;
        match (term.as_atom(), term.as_tuple()) {
            (Some(name), _) => Ok(Self::Name(name.clone())),
            (_, Some([global, name])) if global.is_atom("global") => Ok(Self::Global(name.clone())),
            _ => Err(EXPECTED.into()),
        }
    }
}

impl Process {
    /// As the scripts have it.
    pub(crate) fn term(&self) -> Term {
        match self {
            Self::Name(name) => term!({name, (name.clone())}),
            Self::Global(name) => term!({global, (name.clone())}),
            Self::Pid(text) => term!({pid, (Term::string(text))}),
        }
    }

    /// What messages are sent to; the node is asked, unless it is a name.
    pub(crate) fn find(&self, link: &mut Link, deadline: Deadline) -> Result<Destination, Failure> {
        if let Self::Name(name) = self {
            return Ok(name.clone().into());
        }
        let script = concat!(include_str!("erlang/find.erl"), "Find(Target).");
        let variables = [("Target", self.term())];
        let found = remote::evaluate(link, How::Erpc, script, &variables, deadline)?;
        match found.as_pid() {
            // The connection leads to one node only.
            Some(pid) if pid.node() == link.peer().as_atom() => Ok(pid.clone().into()),
            Some(pid) => {
                let elsewhere = format!("the process is on {}, not on {}", pid.node(), link.peer());
                Err(Failure::Call(elsewhere))
            }
            None => Err(Failure::Call("there is no such process".into())),
        }
    }
}
