use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::exit::Failure;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  einode completions bash > /etc/bash_completion.d/einode
  einode completions zsh > \"${fpath[1]}/_einode\"
  einode completions fish > ~/.config/fish/completions/einode.fish";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints what makes a shell complete commands and options.
pub(crate) fn run(args: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    let mut command = crate::args::Args::command();
    clap_complete::generate(args.shell, &mut command, "einode", &mut script);
    output::raw(&script)
}
