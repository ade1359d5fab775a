use std::fmt;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use clap::Args;
use einode::{Term, term};

use crate::args::Peer;
use crate::clock::Moment;
use crate::exit::{self, Failure};
use crate::fields::Fields;
use crate::interrupt;
use crate::json::Json;
use crate::output;
use crate::remote::{Feed, unexpected};
use crate::style::Style;

const EXAMPLES: &str = "\
Examples:
  einode watch shop@db.example
  einode watch --json shop@db.example >> cluster.jsonl

First come the nodes that the node is connected with, then a line for each that comes or goes, as its net_kernel tells
(hidden ones too), until ctrl-c. When the node itself goes, that is told by us, and we connect again as soon as that
is possible. On the node, one process waits for what net_kernel tells; it is linked with us and ends with us.";

#[derive(Debug, Args)]
#[command(after_help = [EXAMPLES, exit::CODES].join("\n\n"))]
pub(crate) struct Watch {
    #[command(flatten)]
    peer: Peer,
    /// Print JSON, an object for each event
    #[arg(long)]
    json: bool,
}

/// How long it takes until we try again to connect with the node.
const AGAIN: Duration = Duration::from_secs(1);

/// Prints which nodes come and go.
pub(crate) fn run(args: &Watch) -> Result<(), Failure> {
    let interrupted = interrupt::catch()?;
    let mut feed = Some(start(args)?);
    let mut why = None;
    loop {
        let seen = match &mut feed {
            Some(feed) => feed.wait(GLANCE),
            None => match start(args) {
                Ok(again) => {
                    feed = Some(again);
                    Ok(None)
                }
                Err(failure @ Failure::Connection(_)) => Err(failure),
                Err(failure) => return Err(failure),
            },
        };
        let pause = match seen {
            Ok(seen) => {
                why = None;
                for event in seen.iter().map(Event::read) {
                    for event in event? {
                        event.print(args.json)?;
                    }
                }
                Duration::ZERO
            }
            Err(failure) => {
                feed = None;
                // Only once, and not each time that there is no connection again.
                if why.is_none() {
                    let event = Event {
                        what: What::Down,
                        node: args.peer.node.as_str().into(),
                        kind: "watched".into(),
                        reason: Some(failure.to_string()),
                    };
                    event.print(args.json)?;
                }
                why = Some(failure);
                AGAIN
            }
        };
        if interrupted.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return Ok(());
        }
    }
}

/// How often we look whether we are interrupted.
const GLANCE: Duration = Duration::from_millis(100);

/// Connects with the node and has it tell.
fn start(args: &Watch) -> Result<Feed, Failure> {
    let deadline = args.peer.limit.start();
    let link = args.peer.connect(deadline)?;
    let feed = Feed::start(link, include_str!("erlang/watch.erl"), &[], deadline)?;
    let event = Event {
        what: What::Up,
        node: args.peer.node.as_str().into(),
        kind: "watched".into(),
        reason: None,
    };
    event.print(args.json)?;
    Ok(feed)
}

/// A node has come or gone, or was there from the beginning.
struct Event {
    what: What,
    node: String,
    /// `visible`, `hidden`, or `watched` for the node that tells.
    kind: String,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Connected,
    Up,
    Down,
}

impl Event {
    /// What the script sends: one event, or the nodes that are there.
    fn read(told: &Term) -> Result<Vec<Self>, Failure> {
        let known = |nodes: &Term, kind: &str| -> Result<Vec<Self>, Failure> {
            let event = |node: &Term| {
                Ok(Self {
                    what: What::Connected,
                    node: node.text()?.into(),
                    kind: kind.into(),
                    reason: None,
                })
            };
            nodes.items()?.iter().map(|node| event(node)).collect()
        };
        match told.as_tuple() {
            Some([_, visible, hidden]) => {
                let mut all = known(visible, "visible")?;
                all.extend(known(hidden, "hidden")?);
                Ok(all)
            }
            Some([what, node, kind, reason]) => Ok(vec![Self {
                what: if what.is_atom("up") {
                    What::Up
                } else {
                    What::Down
                },
                node: node.text()?.into(),
                kind: kind.text()?.into(),
                reason: (!reason.is_atom("undefined")).then(|| reason.to_string()),
            }]),
            _ => Err(unexpected(told)),
        }
    }

    fn print(&self, as_json: bool) -> Result<(), Failure> {
        let time = Moment::now();
        if !as_json {
            let time = Style::Dim.paint(time);
            return output::line(format_args!("{time} {self}"));
        }
        let text = |text: &str| Term::binary(text.as_bytes());
        let reason = self.reason.as_deref();
        output::line(Json(&term!(#{
            time => (text(&time.to_string())),
            event => (text(self.what.name())),
            node => (text(&self.node)),
            type => (text(&self.kind)),
            reason => (reason.map_or_else(|| term!(undefined), text)),
        })))
    }
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let style = match self.what {
            What::Connected => Style::Plain,
            What::Up => Style::Green,
            What::Down => Style::Red,
        };
        let what = format!("{:9}", self.what.name());
        write!(f, "{} {} ({})", style.paint(what), self.node, self.kind)?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}
