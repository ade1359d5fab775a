use clap::Args;
use einode::{Atom, Term, term};

use crate::args::{self, Peer};
use crate::exit::{self, Failure};
use crate::process::Process;

const NOTE: &str = "\
Examples:
  einode send shop@db.example logger '{info, <<\"deployed\">>}'
  einode send shop@db.example '<0.93.0>' stop
  einode send shop@db.example '{global, {cart, 17}}' empty
  einode send --cast shop@db.example shop_cache flush     # gen_server:cast/2

Of a name of the node Erlang does not tell whether there is such a process. Success means that the node has read
the message.";

#[derive(Debug, Args)]
#[command(after_help = [NOTE, exit::CODES].join("\n\n"))]
pub(crate) struct Send {
    #[command(flatten)]
    peer: Peer,
    /// Whom to send to: a registered name, {global, NAME}, or <0.1.0> as the node itself prints it
    #[arg(value_name = "PROCESS")]
    process: Process,
    /// The message, in Erlang syntax
    #[arg(value_name = "TERM", value_parser = args::term, allow_negative_numbers = true)]
    message: Term,
    /// Send it as a cast to a gen_server
    #[arg(long)]
    cast: bool,
}

/// Sends a message, and sees to it that the node has read it.
pub(crate) fn run(args: &Send) -> Result<(), Failure> {
    const GEN_CAST: Atom = Atom::from_static("$gen_cast");
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    let to = args.process.find(&mut link, deadline)?;
    let message = if args.cast {
        term!({(GEN_CAST), (args.message.clone())})
    } else {
        args.message.clone()
    };
    link.send(to, &message)?;
    link.close(deadline.left())
        .map_err(|error| Failure::Connection(format!("the message may not have arrived: {error}")))
}
