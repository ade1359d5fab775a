use std::str::FromStr;

use clap::Args;
use einode::etf::ParseError;
use einode::etf::text::parse_call;
use einode::{Atom, Term};

use crate::args::Peer;
use crate::eval::{self, Elixir, Value};
use crate::exit::{self, Failure};
use crate::json;
use crate::remote::{self, How};

const EXAMPLES: &str = "\
Examples:
  einode call shop@db.example 'erlang:node()'
  einode call shop@db.example 'lists:sum([1, 2, 39])'
  einode call --elixir shop@db.example 'String.upcase(\"straße\")'
  einode call --address 10.0.0.5:9100 --cookie-file shop.cookie shop@db.example 'maps:new()'
  einode call --via 'ssh db.example einode relay shop' shop@db.example 'erlang:node()'";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, json::RULES, exit::CODES].join("\n\n"))]
pub(crate) struct Call {
    #[command(flatten)]
    peer: Peer,
    /// What to call, in Erlang syntax; in Elixir's, MODULE.FUNCTION(ARGUMENTS), with --elixir
    #[arg(value_name = "MODULE:FUNCTION(ARGUMENTS)")]
    function: String,
    /// The node reads the call as Elixir and prints the result as Elixir; it has to run Elixir
    #[arg(long)]
    elixir: bool,
    /// Call through the server `rex` as rpc:call/4 does, not in a new process as erpc:call/3 does
    #[arg(long)]
    rpc: bool,
    /// Print the result as JSON; --help says how a term becomes JSON
    #[arg(long)]
    json: bool,
}

/// Prints what a function returns.
pub(crate) fn run(args: &Call) -> Result<(), Failure> {
    // What is no call of Erlang is refused before there is a connection.
    let wrong = |error: ParseError| Failure::Usage(format!("the call: {error}"));
    let function = (!args.elixir).then(|| args.function.parse::<Function>().map_err(wrong));
    let function = function.transpose()?;
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    let how = How::rpc(args.rpc);
    let value = match function {
        Some(Function {
            module,
            name,
            arguments,
        }) => {
            let (module, name) = (module.as_str(), name.as_str());
            Value::Term(remote::call(
                &mut link, how, module, name, &arguments, deadline,
            )?)
        }
        None => {
            let source = &args.function;
            let evaluate = |script: &str, variables: &[(&str, Term)]| {
                remote::evaluate(&mut link, how, script, variables, deadline)
            };
            eval::elixir(evaluate, source, Elixir::Call, args.json)?
        }
    };
    value.print(args.json)
}

/// A call in Erlang syntax: `lists:sum([1, 2])`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    pub(crate) module: Atom,
    pub(crate) name: Atom,
    pub(crate) arguments: Vec<Term>,
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
