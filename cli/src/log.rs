use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use clap::{Args, ValueEnum};
use einode::{Atom, Term};

use crate::args::Peer;
use crate::clock::Moment;
use crate::exit::{self, Failure};
use crate::fields::Fields;
use crate::interrupt;
use crate::json::Json;
use crate::output;
use crate::remote::Feed;
use crate::style::Style;

const EXAMPLES: &str = "\
Examples:
  einode log shop@db.example
  einode log --level error shop@db.example
  einode log --json shop@db.example | jq 'select(.level == \"error\").text'

What it does to the node: it adds a primary filter, einode_log_1 or the next that is free, to its logger. The filter
sees each event that passes the level of the node's logger (--level can only ask for less) and lets it pass as if it
were not there, after it has sent a copy to a process of that name, which formats it and sends it here. That takes the
process that logs 15 to 40 microseconds an event. If more than 1,000 events wait for that process, further ones are
not copied, and we tell how many. The process is linked with us: when we end, are killed or lose the connection, it
removes the filter and ends. If it is killed itself, the filter fails at the next event, and the logger removes it.";

#[derive(Debug, Args)]
#[command(after_help = [EXAMPLES, exit::CODES].join("\n\n"))]
pub(crate) struct Log {
    #[command(flatten)]
    peer: Peer,
    /// Print events of this level and those that are more severe
    #[arg(long, short, value_name = "LEVEL", default_value = "debug")]
    level: Level,
    /// End after so many events
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print JSON, an object for each event
    #[arg(long)]
    json: bool,
}

/// The levels of `logger`, as RFC 5424 has them.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Level {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Info,
    Debug,
}

/// How often we look whether we are interrupted.
const GLANCE: Duration = Duration::from_millis(100);

/// Prints what a node logs.
pub(crate) fn run(args: &Log) -> Result<(), Failure> {
    let interrupted = interrupt::catch()?;
    let deadline = args.peer.limit.start();
    let link = args.peer.connect(deadline)?;
    let level = args.level.to_possible_value();
    let level = level.and_then(|level| Atom::new(level.get_name()).ok());
    let filter = include_str!("erlang/log_filter.erl");
    let variables = [
        ("Level", level.map_or_else(Term::nil, Term::from)),
        ("Filtering", Term::string(filter)),
    ];
    let script = include_str!("erlang/log.erl");
    let mut feed = Feed::start(link, script, &variables, deadline)?;
    let mut count = 0;
    while args.count.is_none_or(|wanted| count < wanted) {
        if interrupted.recv_timeout(Duration::ZERO) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        let Some(told) = feed.wait(GLANCE)? else {
            continue;
        };
        match told.as_tuple() {
            Some([what, lost]) if what.is_atom("lost") => {
                output::complain(format_args!(
                    "{lost} events were too many at once and are left out"
                ));
            }
            Some(_) => {}
            None if args.json => {
                count += 1;
                output::line(Json(&told))?;
            }
            None => {
                count += 1;
                output::line(line(&told)?)?;
            }
        }
    }
    Ok(())
}

/// An event as text.
fn line(event: &Term) -> Result<String, Failure> {
    let level = event.field("level")?.text()?;
    let style = match level {
        "emergency" | "alert" | "critical" | "error" => Style::Red,
        "warning" => Style::Yellow,
        "debug" => Style::Dim,
        _ => Style::Plain,
    };
    let time = event.field("time")?.as_i64().map(Moment::from_micros);
    let time = time.unwrap_or_else(Moment::now);
    let origin = ["pid", "mfa"].map(|name| event.field(name).and_then(|origin| origin.text()));
    let origin: Vec<&str> = origin
        .into_iter()
        .flatten()
        .filter(|origin| *origin != "undefined")
        .collect();
    let level = format!("{level:7}");
    let text = event
        .field("text")?
        .text()?
        .trim_end()
        .replace('\n', "\n    ");
    let origin = origin.join(" ");
    Ok(format!(
        "{} {} {} {text}",
        Style::Dim.paint(time),
        style.paint(level),
        Style::Dim.paint(origin)
    ))
}
