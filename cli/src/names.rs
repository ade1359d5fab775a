use std::fmt::Write;

use clap::Args;
use einode::blocking::Epmd;

use crate::args::{self, Limit};
use crate::exit::{self, Failure};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  einode names
  einode names db.example
  einode names --epmd-port 4370 db.example";

#[derive(Debug, Args)]
#[command(after_help = [EXAMPLES, exit::CODES].join("\n\n"))]
pub(crate) struct Names {
    /// The host
    #[arg(value_name = "HOST", default_value = "localhost")]
    host: String,
    #[command(flatten)]
    epmd: args::Epmd,
    #[command(flatten)]
    limit: Limit,
}

/// Prints a line for each node: its name and its port.
pub(crate) fn run(args: &Names) -> Result<(), Failure> {
    let epmd = match args.epmd.epmd_port {
        Some(port) => Epmd::at(&args.host, port),
        None => Epmd::on(&args.host),
    };
    let names = epmd.names(args.limit.start().instant())?;
    let mut lines = String::new();
    for (name, port) in names.nodes() {
        let _ = writeln!(lines, "{name} {port}");
    }
    output::raw(lines.as_bytes())
}
