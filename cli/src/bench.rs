use std::fmt;
use std::time::{Duration, Instant};

use clap::Args;
use einode::{Pid, Term, term};

use crate::args::{self, Peer};
use crate::connect::Deadline;
use crate::exit::{self, Failure};
use crate::json::Json;
use crate::latency::{Latencies, milliseconds};
use crate::output;
use crate::progress::Progress;
use crate::remote::{Feed, unexpected};
use crate::table::{bytes, grouped};

const EXAMPLES: &str = "\
Examples:
  einode bench shop@db.example
  einode bench --seconds 10 --size 65536 --json shop@db.example

What is measured, one after the other: the time to connect; net_adm:ping/1; erpc calls of erlang:node/0; messages to a
process of the node, until it has taken the last one; and messages from a process of the node. All of it goes over one
connection, and loads the node.";

#[derive(Debug, Args)]
#[command(after_help = [EXAMPLES, exit::CODES].join("\n\n"))]
pub(crate) struct Bench {
    #[command(flatten)]
    peer: Peer,
    /// How long each part takes, about
    #[arg(long, short, value_name = "SECONDS", default_value = "1", value_parser = args::seconds)]
    seconds: Duration,
    /// The bytes of a message: those of a binary in it
    #[arg(long, value_name = "BYTES", default_value = "64",
          value_parser = clap::value_parser!(u32).range(..=16 << 20))]
    size: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Measures round trips and messages.
pub(crate) fn run(args: &Bench) -> Result<(), Failure> {
    let begin = Instant::now();
    let deadline = args.peer.limit.start();
    let link = args.peer.connect(deadline)?;
    let connected = begin.elapsed();
    let script = include_str!("erlang/bench.erl");
    let mut feed = Feed::start(link, script, &[], deadline)?;
    let sink = feed.next()?;
    let sink = match sink.as_tuple() {
        Some([_, pid]) => pid.as_pid().cloned().ok_or_else(|| unexpected(&sink))?,
        _ => return Err(unexpected(&sink)),
    };
    let _progress = Progress::start(|| format!("measuring {}", args.peer.node));
    let mut bench = Measuring { args, feed };
    let figures = Figures {
        connected,
        ping: bench.pings()?,
        call: bench.calls()?,
        to_node: bench.messages_to(&sink)?,
        from_node: bench.messages_from()?,
        size: args.size,
    };
    if args.json {
        output::line(Json(&figures.term()?))
    } else {
        output::line(figures)
    }
}

struct Measuring<'a> {
    args: &'a Bench,
    feed: Feed,
}

/// How many messages in what time.
struct Throughput {
    messages: u64,
    time: Duration,
}

/// With how many messages a measurement begins; each step is twice the one before.
const FIRST: u64 = 1000;

impl Measuring<'_> {
    fn pings(&mut self) -> Result<Latencies, Failure> {
        self.round_trips(|feed, deadline| Ok(feed.link().ping(deadline.left())?))
    }

    fn calls(&mut self) -> Result<Latencies, Failure> {
        self.round_trips(|feed, deadline| {
            let begin = Instant::now();
            feed.link().erpc("erlang", "node", &[], deadline.left())?;
            Ok(begin.elapsed())
        })
    }

    fn round_trips(
        &mut self,
        ask: impl Fn(&mut Feed, Deadline) -> Result<Duration, Failure>,
    ) -> Result<Latencies, Failure> {
        // The first one may find much that is not there yet, on both sides.
        ask(&mut self.feed, self.args.peer.limit.start())?;
        let end = Instant::now() + self.args.seconds;
        let mut times = Latencies::default();
        while Instant::now() < end {
            times.add(ask(&mut self.feed, self.args.peer.limit.start())?);
        }
        Ok(times)
    }

    /// Until the process has taken them all: it answers in turn.
    fn messages_to(&mut self, sink: &Pid) -> Result<Throughput, Failure> {
        let message = Term::binary(&vec![0; self.args.size as usize]);
        self.growing(|bench, count| {
            let link = bench.feed.link();
            for _ in 0..count {
                link.queue(sink.clone(), &message)?;
            }
            link.flush()?;
            let taken = bench.args.peer.limit.start().left() + bench.args.seconds;
            let reference = link.reference();
            let us = link.pid().clone();
            // As gen_event:which_handlers/1.
            let tag = term!({(us.clone()), (reference.clone())});
            link.send(sink.clone(), &term!({(us), (tag), which_handlers}))?;
            let answer = bench.feed.wait(taken)?;
            let answer = answer.ok_or_else(|| Failure::Call("no answer in time".into()))?;
            match answer.as_tuple() {
                Some([tag, _]) if tag.as_reference() == Some(&reference) => Ok(()),
                _ => Err(unexpected(&answer)),
            }
        })
    }

    fn messages_from(&mut self) -> Result<Throughput, Failure> {
        let size = self.args.size;
        self.growing(|bench, count| {
            let process = bench.feed.process().clone();
            bench
                .feed
                .link()
                .send(process, &term!({send, (count), (size)}))?;
            for _ in 0..count {
                let message = bench.feed.wait(bench.args.peer.limit.timeout)?;
                message.ok_or_else(|| Failure::Call("no message in time".into()))?;
            }
            Ok(())
        })
    }

    /// Does more and more until the time is over; the last step counts, which takes half of it.
    fn growing(
        &mut self,
        mut step: impl FnMut(&mut Self, u64) -> Result<(), Failure>,
    ) -> Result<Throughput, Failure> {
        let end = Instant::now() + self.args.seconds;
        let mut messages = FIRST;
        loop {
            let begin = Instant::now();
            step(self, messages)?;
            let time = begin.elapsed();
            if Instant::now() + 2 * time > end {
                return Ok(Throughput { messages, time });
            }
            messages *= 2;
        }
    }
}

impl Throughput {
    fn per_second(&self) -> f64 {
        self.messages as f64 / self.time.as_secs_f64()
    }

    fn term(&self, size: u32) -> Result<Term, Failure> {
        let per_second = self.per_second();
        let float = |value: f64| Term::float(value.round()).unwrap_or_else(Term::nil);
        let pairs = vec![
            (term!(messages), self.messages.into()),
            (term!(messages_per_s), float(per_second)),
            (term!(bytes_per_s), float(per_second * f64::from(size))),
        ];
        map(pairs)
    }
}

struct Figures {
    connected: Duration,
    ping: Latencies,
    call: Latencies,
    to_node: Throughput,
    from_node: Throughput,
    size: u32,
}

impl Figures {
    fn term(&self) -> Result<Term, Failure> {
        let connected = Term::float(milliseconds(self.connected)).unwrap_or_else(Term::nil);
        map(vec![
            (term!(connect_ms), connected),
            (term!(ping), map(self.ping.pairs())?),
            (term!(call), map(self.call.pairs())?),
            (term!(size), self.size.into()),
            (term!(to_node), self.to_node.term(self.size)?),
            (term!(from_node), self.from_node.term(self.size)?),
        ])
    }
}

fn map(pairs: Vec<(Term, Term)>) -> Result<Term, Failure> {
    Term::map(pairs).map_err(|error| Failure::Call(error.to_string()))
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "connect    {:.3} ms", milliseconds(self.connected))?;
        for (name, times) in [("ping", &self.ping), ("erpc call", &self.call)] {
            let lines = times.to_string().replace('\n', "\n           ");
            writeln!(f, "{name:10} {lines}")?;
        }
        let size = bytes(self.size.into());
        let line = |throughput: &Throughput| {
            let per_second = throughput.per_second();
            let rate = bytes((per_second * f64::from(self.size)) as i64);
            format!(
                "{} messages/s of {size}, {rate}/s",
                grouped(per_second as i64)
            )
        };
        writeln!(f, "to node    {}", line(&self.to_node))?;
        write!(f, "from node  {}", line(&self.from_node))
    }
}
