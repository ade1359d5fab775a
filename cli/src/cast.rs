use clap::Args;
use einode::{Atom, term};

use crate::args::Peer;
use crate::call::Function;
use crate::exit::{self, Failure};

const NOTE: &str = "\
Examples:
  einode cast shop@db.example 'shop_cache:flush()'
  einode send --cast shop@db.example shop_cache flush     # gen_server:cast/2

Nobody tells what becomes of it, as with rpc:cast/4. Success means that the node has read the request.";

#[derive(Debug, Args)]
#[command(after_help = [NOTE, exit::CODES].join("\n\n"))]
pub(crate) struct Cast {
    #[command(flatten)]
    peer: Peer,
    /// What to call, in Erlang syntax
    #[arg(value_name = "MODULE:FUNCTION(ARGUMENTS)")]
    function: Function,
}

/// Has a function called, and does not wait for what it returns.
pub(crate) fn run(args: &Cast) -> Result<(), Failure> {
    const REX: Atom = Atom::from_static("rex");
    const GEN_CAST: Atom = Atom::from_static("$gen_cast");
    let Function {
        module,
        name,
        arguments,
    } = &args.function;
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    // What it prints appears where the output of the node does.
    let cast = term!({cast, (module.clone()), (name.clone()), (arguments.clone()), user});
    link.send(REX, &term!({(GEN_CAST), (cast)}))?;
    link.close(deadline.left())
        .map_err(|error| Failure::Connection(format!("the request may not have arrived: {error}")))
}
