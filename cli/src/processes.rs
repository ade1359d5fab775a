use clap::{Args, ValueEnum};
use einode::Term;

use crate::args::Peer;
use crate::exit::{self, Failure};
use crate::fields::Fields;
use crate::json::Json;
use crate::output;
use crate::remote::{self, How};
use crate::table::{Table, bytes, grouped};

const EXAMPLES: &str = "\
Examples:
  einode processes shop@db.example
  einode processes --sort mailbox --limit 5 shop@db.example
  einode processes --json shop@db.example

Reductions are those of the whole life of a process; `einode top` tells those of a moment. The node sorts, and sends
only what is printed.";

#[derive(Debug, Args)]
#[command(after_help = [EXAMPLES, exit::CODES].join("\n\n"))]
pub(crate) struct Processes {
    #[command(flatten)]
    peer: Peer,
    /// Which come first
    #[arg(long, short, value_name = "BY", default_value = "reductions")]
    sort: Sort,
    /// How many to print
    #[arg(long, short, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What makes a process a busy one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    Reductions,
    Memory,
    Mailbox,
}

impl Sort {
    /// As the scripts name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reductions => "reductions",
            Self::Memory => "memory",
            Self::Mailbox => "mailbox",
        }
    }

    /// Where the scripts have it.
    const fn position(self) -> u32 {
        match self {
            Self::Reductions => 1,
            Self::Memory => 2,
            Self::Mailbox => 3,
        }
    }
}

/// Prints the busiest processes of a node.
pub(crate) fn run(args: &Processes) -> Result<(), Failure> {
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    let script = concat!(
        include_str!("erlang/describe.erl"),
        include_str!("erlang/processes.erl")
    );
    let variables = [
        ("Position", Term::from(args.sort.position())),
        ("Limit", Term::from(args.limit)),
    ];
    let answer = remote::evaluate(&mut link, How::Erpc, script, &variables, deadline)?;
    if args.json {
        return output::line(Json(&answer));
    }
    output::line(table(answer.field("processes")?, " reductions")?)
}

/// Processes as the scripts describe them, as a table.
pub(crate) fn table(processes: &Term, reductions: &'static str) -> Result<Table<7>, Failure> {
    Ok(Table::new(
        [
            "pid",
            reductions,
            " memory",
            " mailbox",
            "status",
            "name",
            "current function",
        ],
        rows(processes)?,
    ))
}

/// A row for each process.
pub(crate) fn rows(processes: &Term) -> Result<Vec<[String; 7]>, Failure> {
    let row = |process: &Term| {
        let text = |name| process.field(name)?.text().map(str::to_owned);
        Ok([
            text("pid")?,
            grouped(process.field("reductions")?.number()?),
            bytes(process.field("memory")?.number()?),
            grouped(process.field("mailbox")?.number()?),
            text("status")?,
            text("name")?,
            text("current")?,
        ])
    };
    processes
        .items()?
        .iter()
        .map(|process| row(process))
        .collect()
}
