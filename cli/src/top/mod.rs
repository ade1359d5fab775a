//! What a node does, as it does it.

mod screen;
mod text;

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use einode::Term;

use crate::args::{self, Peer};
use crate::exit::{self, Failure};
use crate::json::Json;
use crate::output;
use crate::processes::Sort;
use crate::remote::{self, Feed, How};

const EXAMPLES: &str = "\
Examples:
  einode top shop@db.example
  einode top --once shop@db.example
  einode top --once --json shop@db.example | jq .busiest.memory
  einode top --interval 60 --json shop@db.example >> shop.jsonl

On a terminal: r, m and b sort by reductions, memory and mailbox, p pauses, q ends.

Reductions are those of a second; processes that began or ended in the interval are left out. A process of the node
collects all this: two times in an interval it asks for what each process has done, which takes some 30 ms for 20,000
processes, and tells what it took itself. It is linked with us and ends with us, and leaves nothing behind.";

#[derive(Debug, Args)]
#[command(after_help = [EXAMPLES, exit::CODES].join("\n\n"))]
pub(crate) struct Top {
    #[command(flatten)]
    peer: Peer,
    /// Which processes come first
    #[arg(long, short, value_name = "BY", default_value = "reductions")]
    sort: Sort,
    /// How many processes of each kind
    #[arg(long, short, value_name = "N", default_value = "20",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// How long the node is watched for each picture; 2 seconds by default, 0.2 with --once
    #[arg(long, short, value_name = "SECONDS", value_parser = args::seconds)]
    interval: Option<Duration>,
    /// Print once, and end
    #[arg(long)]
    once: bool,
    /// Print JSON, a line for each interval
    #[arg(long)]
    json: bool,
}

/// How long a node is watched for one picture, and for one of many.
const ONCE: Duration = Duration::from_millis(200);
const AGAIN: Duration = Duration::from_secs(2);

/// Shows what a node does.
pub(crate) fn run(args: &Top) -> Result<(), Failure> {
    if !args.once && !args.json && !io::stdout().is_terminal() {
        let wrong = "standard output is no terminal; --once and --json do without one";
        return Err(Failure::Usage(wrong.into()));
    }
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    let usual = if args.once { ONCE } else { AGAIN };
    let interval = args.interval.unwrap_or(usual).max(Duration::from_millis(1));
    let window = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    let variables = [
        ("Window", Term::from(window)),
        ("Limit", Term::from(args.limit)),
    ];
    if args.once {
        let script = concat!(
            include_str!("../erlang/describe.erl"),
            include_str!("../erlang/sample.erl"),
            "Sample()."
        );
        let sample = remote::evaluate(&mut link, How::Erpc, script, &variables, deadline)?;
        return if args.json {
            output::line(Json(&sample))
        } else {
            output::line(text::of(&sample, args.sort)?)
        };
    }
    let script = concat!(
        include_str!("../erlang/describe.erl"),
        include_str!("../erlang/sample.erl"),
        include_str!("../erlang/top.erl")
    );
    let mut samples = Feed::start(link, script, &variables, deadline)?;
    if args.json {
        loop {
            output::line(Json(&samples.next()?))?;
        }
    }
    screen::run(samples, args.sort)
}
