//! What can be said on the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};
use einode::{NodeName, Term};

use crate::bench::Bench;
use crate::call::Call;
use crate::cast::Cast;
use crate::completions::Completions;
use crate::decode::Decode;
use crate::encode::Encode;
use crate::eval::Eval;
use crate::host;
use crate::info::Info;
use crate::listen::Listen;
use crate::log::Log;
use crate::man::Man;
use crate::names::Names;
use crate::nodes::Nodes;
use crate::ping::Ping;
use crate::processes::Processes;
use crate::relay::Relay;
use crate::send::Send;
use crate::shell::Shell;
use crate::top::Top;
use crate::trace::Trace;
use crate::watch::Watch;

/// Calls, watches and talks to Erlang and Elixir nodes
#[derive(Debug, Parser)]
#[command(name = "einode", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  einode names db.example                                  which nodes a host has
  einode ping shop@db.example
  einode call shop@db.example 'lists:sum([1, 2, 39])'
  einode eval shop@db.example '[X || {X, _} <- ets:tab2list(orders)]'
  einode top shop@db.example                               what keeps it busy
  einode log --level error shop@db.example                 what goes wrong there
  einode nodes shop@db.example                             who is connected with whom
  einode send shop@db.example logger '{info, <<\"deployed\">>}'
  einode encode '{ok, 42}' | einode decode

The cookie is $EINODE_COOKIE, or else that of ~/.erlang.cookie. `einode COMMAND --help` says more about each command.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a node whether it is there
    Ping(Ping),
    /// Call a function on a node and print what it returns
    Call(Call),
    /// Evaluate Erlang or Elixir on a node and print the value
    Eval(Eval),
    /// Have a function called on a node, without waiting for what it returns
    Cast(Cast),
    /// Send a message to a process of a node
    Send(Send),
    /// Connect standard input and output with the port of a node, for `--via` on another machine
    Relay(Relay),
    /// List the nodes that the EPMD of a host knows, with their ports
    Names(Names),
    /// Start a shell on a node: Erlang's, or IEx where the node has it
    Shell(Shell),
    /// Show the cluster as seen from a node: who is connected with whom
    Nodes(Nodes),
    /// List the busiest processes of a node
    Processes(Processes),
    /// Watch what a node does: memory, schedulers, and its busiest processes
    Top(Top),
    /// Tell what there is to know about a process of a node
    Info(Info),
    /// Tell which nodes come and go, as seen from a node
    Watch(Watch),
    /// Follow what a node logs
    Log(Log),
    /// Be a node, and print what others send
    Listen(Listen),
    /// Measure round trips and messages to and from a node
    Bench(Bench),
    /// Show what two nodes say to each other, live or from a capture
    Trace(Trace),
    /// Turn a term of the external format into Erlang syntax
    Decode(Decode),
    /// Turn a term of Erlang syntax into the external format
    Encode(Encode),
    /// Print what makes a shell complete commands and options
    Completions(Completions),
    /// Print manual pages, or write them into a directory
    Man(Man),
    /// Be the port mapper daemon of this host, or ask it, with the options of OTP's epmd
    #[command(disable_help_flag = true)]
    Epmd(Verbatim),
    /// Call, start and halt nodes, with the options and the output of OTP's erl_call
    #[command(name = "erl_call", disable_help_flag = true)]
    ErlCall(Verbatim),
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

/// Under what `--help` has the options that most commands share, after their own.
const CONNECTION: &str = "Connection";

/// The node at the other end, and how to get there.
#[derive(Debug, Group)]
pub(crate) struct Peer {
    /// The node: name@host, or name for one on this host
    #[arg(value_name = "NODE", value_parser = node)]
    pub(crate) node: NodeName,
    #[command(flatten)]
    pub(crate) secret: Secret,
    /// Our own name; by default the node gives us one, which nodes since OTP 23 can
    #[arg(long, help_heading = CONNECTION, value_name = "NAME@HOST")]
    pub(crate) name: Option<NodeName>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// The command whose standard input and output lead to the node, instead of a connection of our own;
    /// it takes the place of a shell, as with ssh's ProxyCommand
    #[arg(long, help_heading = CONNECTION, value_name = "COMMAND", conflicts_with_all = ["address", "unix", "epmd_port"])]
    pub(crate) via: Option<String>,
    #[command(flatten)]
    pub(crate) carrier: Carrier,
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// What the nodes of a cluster have in common.
#[derive(Debug, Group)]
pub(crate) struct Secret {
    /// The cookie; other users can see it while the program runs, a file is safer
    #[arg(long, help_heading = CONNECTION, conflicts_with = "cookie_file")]
    pub(crate) cookie: Option<String>,
    /// The file with the cookie; by default $EINODE_COOKIE is the cookie, or else it is read from
    /// ~/.erlang.cookie
    #[arg(long, help_heading = CONNECTION, value_name = "FILE")]
    pub(crate) cookie_file: Option<PathBuf>,
}

/// Where a node listens, unless its name says it.
#[derive(Debug, Group)]
pub(crate) struct Place {
    /// Where the node listens, to connect without asking EPMD; `[::1]:PORT` for IPv6
    #[arg(long, help_heading = CONNECTION, value_name = "HOST:PORT", value_parser = address, conflicts_with = "epmd_port")]
    pub(crate) address: Option<(String, u16)>,
    /// The Unix domain socket on which the node listens; @NAME is one in Linux's abstract namespace
    #[arg(long, help_heading = CONNECTION, value_name = "PATH", conflicts_with_all = ["address", "epmd_port"])]
    pub(crate) unix: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) epmd: Epmd,
}

/// What carries the bytes.
#[derive(Debug, Group)]
pub(crate) struct Carrier {
    /// The protocol below that of the nodes; by default it follows from the other options
    #[arg(long, help_heading = CONNECTION, value_name = "PROTOCOL", requires_if("unix", "unix"))]
    #[cfg_attr(feature = "tls", arg(requires_if("tls", "tls_optfile")))]
    pub(crate) proto: Option<Proto>,
    /// Connect over TLS with the client options of this file, which is as for erl -ssl_dist_optfile
    #[cfg(feature = "tls")]
    #[arg(long, help_heading = CONNECTION, value_name = "FILE")]
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
    #[arg(long, help_heading = CONNECTION, value_name = "PORT")]
    pub(crate) epmd_port: Option<u16>,
}

/// How long it all may take.
#[derive(Debug, Group)]
pub(crate) struct Limit {
    /// Give up after this time, from the look-up of names to the answer
    #[arg(long, help_heading = CONNECTION, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

pub(crate) fn node(text: &str) -> Result<NodeName, String> {
    let name = if text.contains('@') {
        text.parse()
    } else {
        host::node(text).parse()
    };
    name.map_err(|error: einode::dist::InvalidName| error.to_string())
}

pub(crate) fn address(text: &str) -> Result<(String, u16), &'static str> {
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

pub(crate) fn seconds(text: &str) -> Result<Duration, &'static str> {
    const DAY: f64 = 86_400.0;
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= DAY => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected a number of seconds above 0, and a day at most"),
    }
}

pub(crate) fn term(text: &str) -> Result<Term, String> {
    text.parse()
        .map_err(|error: einode::etf::ParseError| error.to_string())
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
