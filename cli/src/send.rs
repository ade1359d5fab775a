use einode::Destination;

use crate::args::Send;
use crate::exit::Failure;

/// Sends a message, and sees to it that the node has read it.
pub(crate) fn run(args: &Send) -> Result<(), Failure> {
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    link.send(Destination::Name(args.process.clone()), &args.message)?;
    link.close(deadline.left())
        .map_err(|error| Failure::Connection(format!("the message may not have arrived: {error}")))
}
