//! `einode`: calls, sends to and pings Erlang nodes from the command line.
#![forbid(unsafe_code)]

mod args;
mod call;
mod connect;
mod decode;
mod encode;
mod exit;
mod host;
mod json;
mod names;
mod output;
mod ping;
mod relay;
mod send;
mod via;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(answer) => return exit::of_clap(&answer),
    };
    let outcome = match &args.command {
        Command::Ping(args) => ping::run(args),
        Command::Call(args) => call::run(args),
        Command::Send(args) => send::run(args),
        Command::Relay(args) => relay::run(args),
        Command::Names(args) => names::run(args),
        Command::Decode(args) => decode::run(args),
        Command::Encode(args) => encode::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
