use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use einode::blocking::{Node, Tcp};
use einode::{Address, Message, NodeName, RecvError, Term};

use crate::args::{self, Carrier, Epmd, Secret};
use crate::exit::{self, Failure};
use crate::interrupt;
use crate::json::{self, Json};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  einode listen printer                                   # {printer, printer@HOST} ! Term.
  einode listen --as inbox --json printer@db.example
  einode listen --count 1 printer                         # waits for one message
  einode listen --json --exec 'curl -sd @- https://hooks.example/erlang' printer

It is a hidden node, registered with the EPMD of this host, with one process that has a name. Each message that it
is sent is printed on a line. With --exec, PROGRAM is run by a shell for each message instead, one after the other,
and reads it from its standard input; what the program prints appears here, and that one fails is told. It goes on
until ctrl-c.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, json::RULES, exit::CODES].join("\n\n"))]
pub(crate) struct Listen {
    /// The node to be: name@host, or name for one on this host
    #[arg(value_name = "NODE", value_parser = args::node)]
    node: NodeName,
    /// The registered name of the process; by default the part of the node's name before the @
    #[arg(long = "as", value_name = "PROCESS")]
    process: Option<String>,
    /// End after so many messages
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Run this for each message, with the message as its standard input
    #[arg(long, short, value_name = "PROGRAM")]
    exec: Option<String>,
    /// The messages as JSON; --help says how a term becomes JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    secret: Secret,
    /// Where to listen for other nodes; by default at a free port of all addresses
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<std::net::SocketAddr>,
    /// Do not register with EPMD; other nodes have to know where
    #[arg(long, requires = "address")]
    unpublished: bool,
    #[command(flatten)]
    epmd: Epmd,
    /// Accept and make connections over TLS with the options of this file, which is as for erl -ssl_dist_optfile
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE")]
    tls_optfile: Option<std::path::PathBuf>,
}

/// How often we look whether we are interrupted.
const GLANCE: Duration = Duration::from_millis(100);

/// How long what is under way at the end may take.
const LAST: Duration = Duration::from_secs(2);

/// Prints what other nodes send.
pub(crate) fn run(args: &Listen) -> Result<(), Failure> {
    let interrupted = interrupt::catch()?;
    let node = start(args)?;
    let mut inbox = node.mailbox();
    let name = args.process.as_deref().unwrap_or_else(|| args.node.alive());
    inbox
        .register(name)
        .map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
    let mut count = 0;
    while interrupted.try_recv().is_err() && args.count.is_none_or(|wanted| count < wanted) {
        let message = match inbox.recv(GLANCE) {
            Ok(message) => message,
            Err(RecvError::TimedOut) => continue,
            Err(error) => return Err(Failure::Call(error.to_string())),
        };
        // Only terms are sent to a process that watches nothing.
        let Message::User(payload) = &message else {
            continue;
        };
        count += 1;
        match payload.term() {
            Ok(term) => args.take(&term)?,
            Err(error) => output::complain(format_args!("a message that is no term: {error}")),
        }
    }
    node.shutdown(LAST);
    Ok(())
}

fn start(args: &Listen) -> Result<Node, Failure> {
    let mut node = Node::builder(args.node.as_str()).cookie(args.secret.cookie()?.reveal());
    if let Some(address) = args.address {
        node = node.listen(Address::Inet(address));
    }
    if args.unpublished {
        node = node.unpublished();
    }
    if let Some(port) = args.epmd.epmd_port {
        node = node.epmd_port(port);
    }
    let carrier = Carrier {
        proto: None,
        #[cfg(feature = "tls")]
        tls_optfile: args.tls_optfile.clone(),
    };
    let started = node.transport(carrier.over(Tcp)?).start();
    started.map_err(|error| Failure::Connection(error.to_string()))
}

impl Listen {
    /// Prints a message, or has the program take it.
    fn take(&self, message: &Term) -> Result<(), Failure> {
        let text = if self.json {
            Json(message).to_string()
        } else {
            message.to_string()
        };
        let Some(program) = &self.exec else {
            return output::line(text);
        };
        let failed = |error| Failure::Io(format!("{program}: {error}"));
        let mut child = Command::new("sh")
            .args(["-c", program])
            .stdin(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            // A program need not read it all.
            let _ = writeln!(input, "{text}");
        }
        let status = child.wait().map_err(failed)?;
        if !status.success() {
            output::complain(format_args!("{program} ended with {status}"));
        }
        Ok(())
    }
}
