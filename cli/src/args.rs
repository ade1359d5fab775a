//! What can be said on the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};
use einode::{Atom, NodeName, Term};

use crate::call::Function;
use crate::{exit, host, json};

/// Calls, sends to and pings Erlang nodes
#[derive(Debug, Parser)]
#[command(name = "einode", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  einode ping shop@db.example
  einode call shop@db.example 'lists:sum([1, 2, 39])'
  einode call --json shop@db.example 'application:loaded_applications()'
  einode send shop@db.example logger '{info, <<\"deployed\">>}'
  einode names db.example
  einode encode '{ok, 42}' | einode decode

`einode COMMAND --help` says more about each.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a node whether it is there
    #[command(after_help = exit::CODES)]
    Ping(Ping),
    /// Call a function on a node and print what it returns
    #[command(after_help = CALL_EXAMPLES, after_long_help = [CALL_EXAMPLES, json::RULES, exit::CODES].join("\n\n"))]
    Call(Call),
    /// Send a message to a registered process of a node
    #[command(after_help = [SEND_NOTE, exit::CODES].join("\n\n"))]
    Send(Send),
    /// Connect standard input and output with the port of a node, for `--via` on another machine
    #[command(after_help = [RELAY_NOTE, exit::CODES].join("\n\n"))]
    Relay(Relay),
    /// List the nodes that the EPMD of a host knows, with their ports
    #[command(after_help = exit::CODES)]
    Names(Names),
    /// Turn a term of the external format into Erlang syntax
    #[command(after_long_help = json::RULES)]
    Decode(Decode),
    /// Turn a term of Erlang syntax into the external format
    Encode(Encode),
    /// Be the port mapper daemon of this host, or ask it, with the options of OTP's epmd
    #[command(disable_help_flag = true)]
    Epmd(Verbatim),
    /// Call, start and halt nodes, with the options and the output of OTP's erl_call
    #[command(name = "erl_call", disable_help_flag = true)]
    ErlCall(Verbatim),
}

const CALL_EXAMPLES: &str = "\
Examples:
  einode call shop@db.example 'erlang:node()'
  einode call shop@db.example \"'Elixir.String':upcase(<<\\\"straße\\\"/utf8>>)\"
  einode call --address 10.0.0.5:9100 --cookie-file shop.cookie shop@db.example 'maps:new()'
  einode call --via 'ssh db.example einode relay shop' shop@db.example 'erlang:node()'";

const SEND_NOTE: &str = "\
Erlang does not tell whether there is such a process. Success means that the node has read the message.";

#[derive(Debug, Group)]
pub(crate) struct Ping {
    #[command(flatten)]
    pub(crate) peer: Peer,
}

#[derive(Debug, Group)]
pub(crate) struct Call {
    #[command(flatten)]
    pub(crate) peer: Peer,
    /// What to call, in Erlang syntax
    #[arg(value_name = "MODULE:FUNCTION(ARGUMENTS)")]
    pub(crate) function: Function,
    /// Call through the server `rex` as rpc:call/4 does, not in a new process as erpc:call/3 does
    #[arg(long)]
    pub(crate) rpc: bool,
    /// Print the result as JSON; --help says how a term becomes JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) peer: Peer,
    /// The name of the process, in Erlang syntax
    #[arg(value_name = "PROCESS", value_parser = atom)]
    pub(crate) process: Atom,
    /// The message, in Erlang syntax
    #[arg(value_name = "TERM", value_parser = term, allow_negative_numbers = true)]
    pub(crate) message: Term,
}

const RELAY_NOTE: &str = "\
The bytes pass as they are, also those of TLS. The end of the input is passed on, and the relay ends when the
node closes the connection. No cookie is needed here:
  einode call --via 'ssh db.example einode relay shop' shop@db.example 'erlang:node()'";

#[derive(Debug, Group)]
pub(crate) struct Relay {
    /// The node: name@host, or name for one on this host; EPMD says where it listens
    #[arg(value_name = "NODE", value_parser = node,
          conflicts_with_all = ["address", "unix"], required_unless_present_any = ["address", "unix"])]
    pub(crate) node: Option<NodeName>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Give up after this time, on connecting and on a node that does not close after the end of the input
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Group)]
pub(crate) struct Names {
    /// The host
    #[arg(value_name = "HOST", default_value = "localhost")]
    pub(crate) host: String,
    #[command(flatten)]
    pub(crate) epmd: Epmd,
    #[command(flatten)]
    pub(crate) limit: Limit,
}

#[derive(Debug, Group)]
pub(crate) struct Decode {
    /// The bytes of the term as hexadecimal digits; by default they are read from standard input
    #[arg(value_name = "HEX")]
    pub(crate) hex: Option<String>,
    /// Read the bytes from a file, in which they may be as they are or as hexadecimal digits
    #[arg(long, short, value_name = "FILE", conflicts_with = "hex")]
    pub(crate) file: Option<PathBuf>,
    /// Print JSON; --help says how a term becomes JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Encode {
    /// The term, in Erlang syntax; by default it is read from standard input
    #[arg(value_name = "TERM", value_parser = term, allow_negative_numbers = true)]
    pub(crate) term: Option<Term>,
    /// Write the bytes as they are, not as hexadecimal digits
    #[arg(long)]
    pub(crate) raw: bool,
    /// Write the bytes as they are, to a file
    #[arg(long, short, value_name = "FILE", conflicts_with = "raw")]
    pub(crate) output: Option<PathBuf>,
}

/// Arguments for a program that has a syntax of its own.
#[derive(Debug, Group)]
pub(crate) struct Verbatim {
    #[arg(
        value_name = "OPTIONS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) arguments: Vec<OsString>,
}

/// The node at the other end, and how to get there.
#[derive(Debug, Group)]
pub(crate) struct Peer {
    /// The node: name@host, or name for one on this host
    #[arg(value_name = "NODE", value_parser = node)]
    pub(crate) node: NodeName,
    /// The cookie; other users can see it while the program runs, a file is safer
    #[arg(long, conflicts_with = "cookie_file")]
    pub(crate) cookie: Option<String>,
    /// The file with the cookie; by default $EINODE_COOKIE is the cookie, or else it is read from
    /// ~/.erlang.cookie
    #[arg(long, value_name = "FILE")]
    pub(crate) cookie_file: Option<PathBuf>,
    /// Our own name; by default the node gives us one, which nodes since OTP 23 can
    #[arg(long, value_name = "NAME@HOST")]
    pub(crate) name: Option<NodeName>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// The command whose standard input and output lead to the node, instead of a connection of our own;
    /// it takes the place of a shell, as with ssh's ProxyCommand
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["address", "unix", "epmd_port"])]
    pub(crate) via: Option<String>,
    #[command(flatten)]
    pub(crate) carrier: Carrier,
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// Where a node listens, unless its name says it.
#[derive(Debug, Group)]
pub(crate) struct Place {
    /// Where the node listens, to connect without asking EPMD; `[::1]:PORT` for IPv6
    #[arg(long, value_name = "HOST:PORT", value_parser = address, conflicts_with = "epmd_port")]
    pub(crate) address: Option<(String, u16)>,
    /// The Unix domain socket on which the node listens; @NAME is one in Linux's abstract namespace
    #[arg(long, value_name = "PATH", conflicts_with_all = ["address", "epmd_port"])]
    pub(crate) unix: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) epmd: Epmd,
}

/// What carries the bytes.
#[derive(Debug, Group)]
pub(crate) struct Carrier {
    /// The protocol below that of the nodes; by default it follows from the other options
    #[arg(long, value_name = "PROTOCOL", requires_if("unix", "unix"))]
    #[cfg_attr(feature = "tls", arg(requires_if("tls", "tls_optfile")))]
    pub(crate) proto: Option<Proto>,
    /// Connect over TLS with the client options of this file, which is as for erl -ssl_dist_optfile
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_optfile: Option<PathBuf>,
}

/// What can be below the protocol of the nodes.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Proto {
    /// A TCP connection
    Tcp,
    /// A Unix domain socket: --unix says which
    Unix,
    /// TLS over TCP, or over what --unix or --via lead to: --tls-optfile says how
    #[cfg(feature = "tls")]
    Tls,
}

/// Where EPMD listens.
#[derive(Debug, Group)]
pub(crate) struct Epmd {
    /// The port of EPMD; by default $ERL_EPMD_PORT, or else 4369
    #[arg(long, value_name = "PORT")]
    pub(crate) epmd_port: Option<u16>,
}

/// How long it all may take.
#[derive(Debug, Group)]
pub(crate) struct Limit {
    /// Give up after this time, from the look-up of names to the answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

fn node(text: &str) -> Result<NodeName, String> {
    let name = if text.contains('@') {
        text.parse()
    } else {
        host::node(text).parse()
    };
    name.map_err(|error: einode::dist::InvalidName| error.to_string())
}

fn address(text: &str) -> Result<(String, u16), &'static str> {
    let (host, port) = text
        .rsplit_once(':')
        .ok_or("expected HOST:PORT, there is no port")?;
    let port = port
        .parse()
        .map_err(|_| "expected HOST:PORT, and a port from 1 to 65535")?;
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bracketed.unwrap_or(host) {
        "" => Err("expected HOST:PORT, there is no host"),
        _ if port == 0 => Err("expected HOST:PORT, and a port from 1 to 65535"),
        host => Ok((host.into(), port)),
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    const DAY: f64 = 86_400.0;
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= DAY => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected a number of seconds above 0, and a day at most"),
    }
}

fn term(text: &str) -> Result<Term, String> {
    text.parse()
        .map_err(|error: einode::etf::ParseError| error.to_string())
}

fn atom(text: &str) -> Result<Atom, String> {
    term(text)?
        .as_atom()
        .cloned()
        .ok_or_else(|| "expected an atom".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn reads_addresses() {
        assert_eq!(address("db.example:9100"), Ok(("db.example".into(), 9100)));
        assert_eq!(address("[::1]:9100"), Ok(("::1".into(), 9100)));
        for bad in ["db.example", "db:", "db:0", "db:65536", ":9100", ""] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_times() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for bad in ["0", "-1", "nan", "inf", "86401", "x", ""] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_node_without_host_is_on_this_one() {
        assert_eq!(node("shop@db").unwrap().as_str(), "shop@db");
        let here = node("shop").unwrap();
        assert_eq!(here.alive(), "shop");
        assert!(!here.host().contains('.'));
        assert!(node("a@b@c").is_err());
    }
}
