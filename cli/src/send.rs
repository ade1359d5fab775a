use clap::Args;
use einode::{Atom, Destination, Term};

use crate::args::{self, Peer};
use crate::exit::{self, Failure};

const NOTE: &str = "\
Erlang does not tell whether there is such a process. Success means that the node has read the message.";

#[derive(Debug, Args)]
#[command(after_help = [NOTE, exit::CODES].join("\n\n"))]
pub(crate) struct Send {
    #[command(flatten)]
    peer: Peer,
    /// The name of the process, in Erlang syntax
    #[arg(value_name = "PROCESS", value_parser = args::atom)]
    process: Atom,
    /// The message, in Erlang syntax
    #[arg(value_name = "TERM", value_parser = args::term, allow_negative_numbers = true)]
    message: Term,
}

/// Sends a message, and sees to it that the node has read it.
pub(crate) fn run(args: &Send) -> Result<(), Failure> {
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    link.send(Destination::Name(args.process.clone()), &args.message)?;
    link.close(deadline.left())
        .map_err(|error| Failure::Connection(format!("the message may not have arrived: {error}")))
}
