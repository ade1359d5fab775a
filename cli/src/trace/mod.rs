//! Looking into the connection of two nodes.

mod capture;
mod entry;
mod feed;
mod filter;
mod place;
mod proxy;
mod tcp;
mod viewer;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args;
use crate::exit::{self, Failure};
use crate::json;
use filter::Filter;
use place::Place;

const EXAMPLES: &str = "\
Examples:
  einode trace 127.0.0.1:9100 shop@db.example          whoever connects to port 9100 talks to shop
  einode trace /run/trace.sock /run/shop.sock          the same with Unix domain sockets
  einode trace --process logger 127.0.0.1:9100 shop    what the process logger sends and gets
  einode trace --operation spawn --json 127.0.0.1:9100 shop | jq .term
  einode trace --pcap nodes.pcapng --summary           what tcpdump or Wireshark has recorded

To have nodes that look for shop find the proxy, let shop be known to an EPMD of its own, and the proxy by its name to
the one that the others ask:
  ERL_EPMD_PORT=4370 erl -sname shop
  einode trace --target-epmd-port 4370 shop shop
  erl -sname other                                     where net_adm:ping(shop@...) goes through the proxy now

A node takes only the node that it has asked for: TARGET goes by its own name, and both ends need the same cookie,
which the proxy does not know.";

const FIELDS: &str = "\
With --json, each line is an object:
  time        seconds since 1970
  connection  1 for the first, and so on
  event       opened, handshake, signal, fragment, tick, malformed, skipped, midway, tls, failed, closed
  from, to    the nodes, or where they are until their names are known
  operation   as OTP's manual calls it: send_name, status, SEND_SENDER, MONITOR_P and so on
  size        bytes on the wire; of a message in fragments, of all of them
  sender, receiver          pids, names and aliases
  reference, id, call, options, group_leader, spawned, error, ties, token, priority, fragments
                            what else the operation has
  name, host, creation, flags, status, proof
                            of the handshake; a proof is never shown
  term        the message, the reason, or the arguments
  atoms       with --verbose: the atom cache's entries, those with new are told here
  note, problem             in words";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, FIELDS, json::RULES, exit::CODES].join("\n\n"))]
pub(crate) struct Trace {
    /// Where to listen: HOST:PORT, the path of a Unix domain socket, or the name of a node, as which EPMD
    /// then knows the proxy
    #[arg(value_name = "LISTEN", required_unless_present = "pcap")]
    listen: Option<Place>,
    /// The node to connect to: HOST:PORT, the path of its Unix domain socket, or its name
    #[arg(value_name = "TARGET", required_unless_present = "pcap")]
    target: Option<Place>,
    /// Read this capture instead, of either format of tcpdump and Wireshark; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "target", "register", "epmd_port", "target_epmd_port"])]
    pcap: Option<PathBuf>,
    /// Look only at TCP connections of this port of a capture
    #[arg(long, value_name = "PORT", requires = "pcap")]
    port: Option<u16>,
    /// Register this name with EPMD, so that nodes that look for it find the proxy
    #[arg(long, value_name = "NAME")]
    register: Option<String>,
    #[command(flatten)]
    epmd: args::Epmd,
    /// The port of the EPMD that knows TARGET; by default that of --epmd-port
    #[arg(long, value_name = "PORT")]
    target_epmd_port: Option<u16>,
    /// Give up connecting to TARGET after this time
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = args::seconds)]
    timeout: Duration,
    #[command(flatten)]
    show: Show,
}

/// What is shown, and how.
#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    filter: Filter,
    /// Print a JSON object a line; --help says which
    #[arg(long)]
    json: bool,
    /// Show terms in full, on terminals too
    #[arg(long)]
    full: bool,
    /// Show fragments as well as the messages that they make, and what is said of the atom cache
    #[arg(long, short)]
    verbose: bool,
    /// At the end, show how many messages and bytes there were of each operation
    #[arg(long)]
    summary: bool,
}

/// Shows what two nodes say until ctrl-c, or what a capture has of it.
pub(crate) fn run(args: &Trace) -> Result<(), Failure> {
    match (&args.pcap, &args.listen, &args.target) {
        (Some(file), _, _) => capture::show(file, args.port, &args.show),
        (None, Some(listen), Some(target)) => proxy::run(args, listen, target),
        _ => Err(Failure::Usage(
            "expected LISTEN and TARGET, or --pcap".into(),
        )),
    }
}
