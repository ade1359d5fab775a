use std::fmt::Write;
use std::path::PathBuf;
use std::{fs, io};

use clap::Args;
use einode::Term;
use einode::etf;

use crate::args;
use crate::exit::Failure;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  einode encode '{ok, 42}'
  einode encode --output session.etf < session.term
  einode encode --raw '#{a => 1}' | xxd";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Encode {
    /// The term, in Erlang syntax; by default it is read from standard input
    #[arg(value_name = "TERM", value_parser = args::term, allow_negative_numbers = true)]
    term: Option<Term>,
    /// Write the bytes as they are, not as hexadecimal digits
    #[arg(long)]
    raw: bool,
    /// Write the bytes as they are, to a file
    #[arg(long, short, value_name = "FILE", conflicts_with = "raw")]
    output: Option<PathBuf>,
}

/// Writes a term as `term_to_binary/1` does: as hexadecimal digits, or as it is.
pub(crate) fn run(args: &Encode) -> Result<(), Failure> {
    let term = match &args.term {
        Some(term) => term.clone(),
        None => read()?,
    };
    let bytes = etf::to_vec(&term).map_err(|error| Failure::Usage(error.to_string()))?;
    match &args.output {
        Some(file) => fs::write(file, bytes)
            .map_err(|error| Failure::Io(format!("{}: {error}", file.display()))),
        None if args.raw => output::raw(&bytes),
        None => output::line(hex(&bytes)),
    }
}

fn read() -> Result<Term, Failure> {
    let text = io::read_to_string(io::stdin())
        .map_err(|error| Failure::Io(format!("standard input: {error}")))?;
    text.trim_end()
        .parse()
        .map_err(|error| Failure::Usage(format!("standard input: {error}")))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
