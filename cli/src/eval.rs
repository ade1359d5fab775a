use std::fs;
use std::io;

use clap::Args;
use einode::Term;

use crate::args::Peer;
use crate::exit::{self, Failure};
use crate::json::{self, Json};
use crate::leader::{self, Output, Terminal};
use crate::output;
use crate::remote::{self, How};

const EXAMPLES: &str = "\
Examples:
  einode eval shop@db.example 'X = 20, X * 2 + 2'
  einode eval shop@db.example '[N || {N, _} <- ets:tab2list(orders), N > 100]. length(v).'
  einode eval --json shop@db.example 'maps:from_list(erlang:memory())'
  einode eval --elixir shop@db.example 'Enum.map(1..3, & &1 * 2)'
  einode eval shop@db.example < maintenance.erls

Several expressions are separated by commas or dots; the last one's value is printed. All of them are evaluated by
one process of the node, which ends with the program: processes that it is linked with end too, and so do its
tables. What they print appears here (with --json, on standard error), and what they read is our standard input.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, json::RULES, exit::CODES].join("\n\n"))]
pub(crate) struct Eval {
    #[command(flatten)]
    peer: Peer,
    /// What to evaluate; by default it is read from standard input
    #[arg(value_name = "EXPRESSIONS", allow_hyphen_values = true)]
    expressions: Option<String>,
    /// Read what to evaluate from a file
    #[arg(long, short, value_name = "FILE", conflicts_with = "expressions")]
    file: Option<std::path::PathBuf>,
    /// Evaluate Elixir, and print the value as Elixir does; the node has to run Elixir
    #[arg(long)]
    elixir: bool,
    /// Call the node through its server `rex`, as rpc:call/4 does, not in a new process as erpc:call/3 does
    #[arg(long)]
    rpc: bool,
    /// Print the value as JSON; --help says how a term becomes JSON
    #[arg(long)]
    json: bool,
}

/// Prints the value of expressions.
pub(crate) fn run(args: &Eval) -> Result<(), Failure> {
    let source = match (&args.expressions, &args.file) {
        (Some(expressions), _) => expressions.clone(),
        (None, Some(file)) => fs::read_to_string(file)
            .map_err(|error| Failure::Io(format!("{}: {error}", file.display())))?,
        (None, None) => io::read_to_string(io::stdin())
            .map_err(|error| Failure::Io(format!("standard input: {error}")))?,
    };
    if source.trim().is_empty() {
        return Err(Failure::Usage("there is nothing to evaluate".into()));
    }
    let deadline = args.peer.limit.start();
    let how = How::rpc(args.rpc);
    // JSON is to be read by programs, and so has standard output to itself.
    let output = if args.json {
        Output::Stderr
    } else {
        Output::Stdout
    };
    let terminal = Terminal {
        output,
        binaries: args.elixir,
    };
    let evaluate = |script: &str, variables: &[(&str, Term)]| {
        leader::evaluate(&args.peer, how, script, variables, terminal, deadline)
    };
    let value = if args.elixir {
        elixir(evaluate, &source, Elixir::Any, args.json)?
    } else {
        erlang(evaluate, &source)?
    };
    value.print(args.json)
}

/// What an evaluation came to.
pub(crate) enum Value {
    Term(Term),
    /// Printed by the node.
    Text(String),
}

impl Value {
    pub(crate) fn print(&self, as_json: bool) -> Result<(), Failure> {
        match self {
            Self::Term(term) if as_json => output::line(Json(term)),
            Self::Term(term) => output::line(term),
            Self::Text(text) => output::line(text),
        }
    }
}

/// Evaluates Erlang, by what evaluates scripts.
fn erlang(
    evaluate: impl FnOnce(&str, &[(&str, Term)]) -> Result<Term, Failure>,
    source: &str,
) -> Result<Value, Failure> {
    let script = include_str!("erlang/eval.erl");
    let source = ("Source", Term::binary(source.as_bytes()));
    value(evaluate(script, &[source])?)
}

/// Which Elixir is evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Elixir {
    Any,
    /// A call of a function.
    Call,
}

/// Evaluates Elixir, to a text or to a term.
pub(crate) fn elixir(
    evaluate: impl FnOnce(&str, &[(&str, Term)]) -> Result<Term, Failure>,
    source: &str,
    which: Elixir,
    to_term: bool,
) -> Result<Value, Failure> {
    let script = include_str!("erlang/elixir.erl");
    let variables = [
        ("Source", Term::binary(source.as_bytes())),
        ("Call", Term::from(which == Elixir::Call)),
        ("Term", Term::from(to_term)),
    ];
    value(evaluate(script, &variables)?)
}

/// What the scripts answer.
fn value(answer: Term) -> Result<Value, Failure> {
    let text = |term: &Term| term.as_str().map(str::to_owned);
    if answer.is_atom("no_elixir") {
        return Err(Failure::Call("the node does not run Elixir".into()));
    }
    let [tag, rest @ ..] = answer.as_tuple().unwrap_or_default() else {
        return Err(remote::unexpected(&answer));
    };
    let outcome = match (tag.as_atom().map(|tag| tag.as_str()), rest) {
        (Some("value"), [value]) => Some(Ok(Value::Term(value.clone()))),
        (Some("text"), [value]) => text(value).map(|value| Ok(Value::Text(value))),
        (Some("exception"), [what]) => {
            text(what).map(|what| Err(Failure::Call(what.trim_end().into())))
        }
        (Some("wrong"), [what]) => text(what).map(|what| Err(Failure::Usage(what))),
        (Some("wrong"), [line, column, what]) => text(what).map(|what| {
            let wrong = format!("line {line}, column {column}: {what}");
            Err(Failure::Usage(wrong))
        }),
        _ => None,
    };
    outcome.unwrap_or_else(|| Err(remote::unexpected(&answer)))
}
