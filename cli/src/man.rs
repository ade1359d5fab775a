use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use crate::exit::Failure;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  einode man | man -l -
  einode man top | man -l -
  einode man --dir /usr/local/share/man/man1";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Man {
    /// The command whose page is printed; by default it is that of the program
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    /// Write all pages into this directory, which is made if it is not there
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

/// Prints a manual page, or writes all of them.
pub(crate) fn run(args: &Man) -> Result<(), Failure> {
    let mut program = crate::args::Args::command().disable_help_subcommand(true);
    // So that each knows its full name.
    program.build();
    if let Some(dir) = &args.dir {
        let failed = |error: io::Error| Failure::Io(format!("{}: {error}", dir.display()));
        fs::create_dir_all(dir).map_err(failed)?;
        return clap_mangen::generate_to(program, dir).map_err(failed);
    }
    let command = match &args.command {
        Some(name) => program
            .find_subcommand(name)
            .ok_or_else(|| Failure::Usage(format!("there is no command {name}")))?
            .clone(),
        None => program,
    };
    let mut page = Vec::new();
    Page::new(command)
        .render(&mut page)
        .map_err(|error| Failure::Io(error.to_string()))?;
    output::raw(&page)
}
