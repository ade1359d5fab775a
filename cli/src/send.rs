use std::str::FromStr;

use clap::Args;
use einode::{Atom, Destination, Term, term};

use crate::args::{self, Peer};
use crate::connect::{Deadline, Link};
use crate::exit::{self, Failure};
use crate::remote::{self, How};

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
    process: Recipient,
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

/// A process of a node, as it can be named on the command line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Recipient {
    Name(Atom),
    Global(Term),
    /// As the node prints it: with 0 for itself.
    Pid(String),
}

impl FromStr for Recipient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected a name, {global, NAME} or a pid like <0.1.0>";
        let numbers = text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'));
        if let Some(numbers) = numbers {
            let count = numbers.split('.').map(str::parse::<u32>);
            let numbers: Result<Vec<_>, _> = count.collect();
            return match numbers.as_deref() {
                Ok([_, _, _]) => Ok(Self::Pid(text.into())),
                _ => Err(EXPECTED.into()),
            };
        }
        let term = args::term(text)?;
        match (term.as_atom(), term.as_tuple()) {
            (Some(name), _) => Ok(Self::Name(name.clone())),
            (_, Some([global, name])) if global.is_atom("global") => Ok(Self::Global(name.clone())),
            _ => Err(EXPECTED.into()),
        }
    }
}

impl Recipient {
    /// What messages are sent to; the node is asked, unless it is a name.
    fn find(&self, link: &mut Link, deadline: Deadline) -> Result<Destination, Failure> {
        let (module, function, argument) = match self {
            Self::Name(name) => return Ok(name.clone().into()),
            Self::Global(name) => ("global", "whereis_name", name.clone()),
            Self::Pid(text) => ("erlang", "list_to_pid", Term::string(text)),
        };
        let found = remote::call(link, How::Erpc, module, function, &[argument], deadline)?;
        match found.as_pid() {
            // The connection leads to one node only.
            Some(pid) if pid.node() == link.peer().as_atom() => Ok(pid.clone().into()),
            Some(pid) => {
                let elsewhere = format!("the process is on {}, not on {}", pid.node(), link.peer());
                Err(Failure::Call(elsewhere))
            }
            None => Err(Failure::Call("there is no such process".into())),
        }
    }
}
