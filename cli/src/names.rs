use std::fmt::Write;

use einode::blocking::Epmd;

use crate::args::Names;
use crate::exit::Failure;
use crate::output;

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
