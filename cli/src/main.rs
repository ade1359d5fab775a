//! `einode`: calls, watches and talks to Erlang and Elixir nodes from the command line.
//!
//! Under the names `epmd` and `erl_call` it is those programs of OTP.
#![forbid(unsafe_code)]

mod args;
mod bench;
mod call;
mod cast;
mod clock;
mod completions;
mod connect;
mod decode;
mod encode;
mod epmd;
mod erl_call;
mod eval;
mod exit;
mod fields;
mod host;
mod info;
mod interrupt;
mod json;
mod latency;
mod leader;
mod listen;
mod log;
mod man;
mod names;
mod nodes;
mod output;
mod ping;
mod process;
mod processes;
mod progress;
mod relay;
mod remote;
mod send;
mod shell;
mod style;
mod table;
mod top;
mod trace;
mod via;
mod watch;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    match Path::new(&name).file_stem().and_then(|name| name.to_str()) {
        Some("epmd") => epmd::main(arguments),
        Some("erl_call") => erl_call::main(arguments),
        _ => einode(),
    }
}

fn einode() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(answer) => return exit::of_clap(&answer),
    };
    let outcome = match &args.command {
        Command::Ping(args) => ping::run(args),
        Command::Call(args) => call::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Cast(args) => cast::run(args),
        Command::Send(args) => send::run(args),
        Command::Shell(args) => shell::run(args),
        Command::Relay(args) => relay::run(args),
        Command::Names(args) => names::run(args),
        Command::Nodes(args) => nodes::run(args),
        Command::Processes(args) => processes::run(args),
        Command::Top(args) => top::run(args),
        Command::Info(args) => info::run(args),
        Command::Watch(args) => watch::run(args),
        Command::Log(args) => log::run(args),
        Command::Listen(args) => listen::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Trace(args) => trace::run(args),
        Command::Decode(args) => decode::run(args),
        Command::Encode(args) => encode::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
        Command::Epmd(args) => return epmd::main(args.arguments.iter().cloned()),
        Command::ErlCall(args) => return erl_call::main(args.arguments.iter().cloned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
