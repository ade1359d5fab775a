use std::str::FromStr;

use einode::etf::ParseError;
use einode::etf::text::parse_call;
use einode::{Atom, Term};

use crate::args::Call;
use crate::exit::Failure;
use crate::json::Json;
use crate::output;

/// Prints what a function returns.
pub(crate) fn run(args: &Call) -> Result<(), Failure> {
    let Function {
        module,
        name,
        arguments,
    } = &args.function;
    let (module, name) = (module.as_str(), name.as_str());
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    let value = if args.rpc {
        link.rpc(module, name, arguments, deadline.left())?
    } else {
        link.erpc(module, name, arguments, deadline.left())?
    };
    if args.json {
        output::line(Json(&value))
    } else {
        output::line(value)
    }
}

/// A call in Erlang syntax: `lists:sum([1, 2])`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    module: Atom,
    name: Atom,
    arguments: Vec<Term>,
}

impl FromStr for Function {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (module, name, arguments) = parse_call(text)?;
        Ok(Self {
            module,
            name,
            arguments,
        })
    }
}
