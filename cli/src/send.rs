use einode::Destination;

use crate::args::Send;
use crate::exit::Failure;

/// Sends a message, and sees to it that the node has read it.
pub(crate) fn run(args: &Send) -> Result<(), Failure> {
    let mut link = args.peer.connect(args.peer.limit.start())?;
    link.send(Destination::Name(args.process.clone()), &args.message)?;
    link.close()
        .map_err(|error| Failure::Connection(format!("the message may not have arrived: {error}")))
}
