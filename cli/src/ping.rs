use clap::Args;

use crate::args::Peer;
use crate::exit::{self, Failure};
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = exit::CODES)]
pub(crate) struct Ping {
    #[command(flatten)]
    peer: Peer,
}

/// Prints `pong` and the time that the answer took, once there is a connection.
pub(crate) fn run(args: &Ping) -> Result<(), Failure> {
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    let time = link.ping(deadline.left())?;
    output::line(format_args!("pong in {:.3} ms", time.as_secs_f64() * 1e3))
}
