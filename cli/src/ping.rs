use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use clap::Args;
use einode::{CallError, Term, term};

use crate::args::{self, Peer};
use crate::connect::Link;
use crate::exit::{self, Failure};
use crate::interrupt;
use crate::json::Json;
use crate::latency::{Latencies, milliseconds};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  einode ping shop@db.example
  einode ping --count 100 --interval 0.1 shop@db.example
  einode ping --interval 5 shop@db.example               # until ctrl-c
  einode ping --count 10 --json shop@db.example

It is net_adm:ping/1, without the time to connect. What gets no answer in --timeout counts as lost, and a connection
that broke is made again. Percentiles are those of the last 100,000 answers.";

#[derive(Debug, Args)]
#[command(after_help = [EXAMPLES, exit::CODES].join("\n\n"))]
pub(crate) struct Ping {
    #[command(flatten)]
    peer: Peer,
    /// Ask this often; with --interval alone, until ctrl-c
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// From one question to the next; a second by default
    #[arg(long, short, value_name = "SECONDS", value_parser = args::seconds)]
    interval: Option<Duration>,
    /// Print JSON, once it is over
    #[arg(long)]
    json: bool,
}

/// Prints `pong` and the time that the answer took, once there is a connection; and statistics, if it asks
/// more than once.
pub(crate) fn run(args: &Ping) -> Result<(), Failure> {
    let deadline = args.peer.limit.start();
    let link = args.peer.connect(deadline)?;
    let once = args.interval.is_none() && args.count.unwrap_or(1) == 1;
    let mut pings = Pings {
        args,
        link: Some(link),
        sent: 0,
        answers: Latencies::default(),
    };
    let outcome = if once {
        pings.ask().and_then(|time| pings.answered(time))
    } else {
        pings.repeat()
    };
    // Also that there was no answer is told.
    if args.json {
        output::line(Json(&pings.summary()?))?;
    } else if !once {
        output::line(&pings)?;
    }
    outcome
}

struct Pings<'a> {
    args: &'a Ping,
    /// None while there is no connection.
    link: Option<Link>,
    sent: u64,
    answers: Latencies,
}

impl Pings<'_> {
    /// Asks as often as is wanted, or until ctrl-c.
    fn repeat(&mut self) -> Result<(), Failure> {
        let interrupted = interrupt::catch()?;
        let interval = self.args.interval.unwrap_or(Duration::from_secs(1));
        let mut last = None;
        loop {
            let next = Instant::now() + interval;
            match self.ask() {
                Ok(time) => self.answered(time)?,
                Err(failure) => {
                    if !self.args.json {
                        output::line(&failure)?;
                    }
                    last = Some(failure);
                }
            }
            if self.args.count.is_some_and(|count| self.sent >= count) {
                break;
            }
            let pause = next.saturating_duration_since(Instant::now());
            if interrupted.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        match last {
            Some(failure) if self.answers.count() == 0 => Err(failure),
            _ => Ok(()),
        }
    }

    fn ask(&mut self) -> Result<Duration, Failure> {
        self.sent += 1;
        let deadline = self.args.peer.limit.start();
        let link = match &mut self.link {
            Some(link) => link,
            None => self.link.insert(self.args.peer.connect(deadline)?),
        };
        let answer = link.ping(deadline.left());
        if matches!(answer, Err(CallError::NoConnection(_))) {
            self.link = None;
        }
        Ok(answer?)
    }

    fn answered(&mut self, time: Duration) -> Result<(), Failure> {
        self.answers.add(time);
        if self.args.json {
            return Ok(());
        }
        output::line(format_args!("pong in {:.3} ms", milliseconds(time)))
    }

    fn summary(&self) -> Result<Term, Failure> {
        let mut pairs = self.answers.pairs();
        pairs.extend([
            (term!(node), self.args.peer.node.as_atom().clone().into()),
            (term!(sent), self.sent.into()),
            (term!(answered), self.answers.count().into()),
        ]);
        Term::map(pairs).map_err(|error| Failure::Call(error.to_string()))
    }
}

impl std::fmt::Display for Pings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (node, sent, answered) = (&self.args.peer.node, self.sent, self.answers.count());
        let lost = (sent - answered) as f64 * 100.0 / sent as f64;
        write!(
            f,
            "{node}: {sent} sent, {answered} answered, {lost:.1} % lost"
        )?;
        if answered == 0 {
            return Ok(());
        }
        write!(f, "\n{}", self.answers)
    }
}
