use std::fmt::Write;

use clap::Args;
use einode::Term;

use crate::args::Peer;
use crate::exit::{self, Failure};
use crate::fields::Fields;
use crate::json::Json;
use crate::output;
use crate::process::Process;
use crate::remote::{self, How};
use crate::style::Style;
use crate::table::{bytes, grouped};

const EXAMPLES: &str = "\
Examples:
  einode info shop@db.example code_server
  einode info shop@db.example '<0.93.0>'
  einode info --json shop@db.example '{global, {cart, 17}}'

Large terms of the dictionary are cut. Messages are counted only.";

#[derive(Debug, Args)]
#[command(after_help = [EXAMPLES, exit::CODES].join("\n\n"))]
pub(crate) struct Info {
    #[command(flatten)]
    peer: Peer,
    /// The process: a registered name, {global, NAME}, or <0.1.0> as the node itself prints it
    #[arg(value_name = "PROCESS")]
    process: Process,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints what there is to know about a process.
pub(crate) fn run(args: &Info) -> Result<(), Failure> {
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    let script = concat!(
        include_str!("erlang/find.erl"),
        include_str!("erlang/describe.erl"),
        include_str!("erlang/info.erl")
    );
    let variables = [("Target", args.process.term())];
    let answer = remote::evaluate(&mut link, How::Erpc, script, &variables, deadline)?;
    match answer.as_tuple() {
        _ if answer.is_atom("noproc") => Err(Failure::Call("there is no such process".into())),
        Some([_, node]) => Err(Failure::Call(format!("the process is on {node}"))),
        _ if args.json => output::line(Json(&answer)),
        _ => output::line(text(&answer)?.trim_end()),
    }
}

fn text(process: &Term) -> Result<String, Failure> {
    let mut text = String::new();
    let mut line = |title: &str, value: &str| {
        let title = format!("{title:16}");
        let _ = writeln!(text, "{} {value}", Style::Bold.paint(title));
    };
    for (title, name) in [
        ("pid", "pid"),
        ("name", "name"),
        ("label", "label"),
        ("initial call", "initial_call"),
        ("status", "status"),
    ] {
        match process.field(name)?.text()? {
            "undefined" => {}
            value => line(title, value),
        }
    }
    let number = |name| process.field(name)?.number();
    line("mailbox", &grouped(number("mailbox")?));
    line("memory", &bytes(number("memory")?));
    line("reductions", &grouped(number("reductions")?));
    let words = ["heap_words", "total_heap_words", "stack_words"].map(number);
    if let [Ok(heap), Ok(total), Ok(stack)] = words {
        let [heap, total, stack] = [heap, total, stack].map(grouped);
        line(
            "words",
            &format!("{total} of heaps, {heap} of the youngest, {stack} of the stack"),
        );
    }
    line("priority", process.field("priority")?.text()?);
    line("trap_exit", process.field("trap_exit")?.text()?);
    line("group leader", process.field("group_leader")?.text()?);
    for (title, name) in [
        ("ancestors", "ancestors"),
        ("links", "links"),
        ("monitors", "monitors"),
        ("monitored by", "monitored_by"),
    ] {
        let items = process.field(name)?.items()?;
        let items: Result<Vec<&str>, _> = items.iter().map(|item| item.text()).collect();
        match items?.join(" ") {
            none if none.is_empty() => {}
            items => line(title, &items),
        }
    }
    for (index, frame) in process.field("stack")?.items()?.iter().enumerate() {
        line(if index == 0 { "stack" } else { "" }, frame.text()?);
    }
    for (index, entry) in process.field("dictionary")?.items()?.iter().enumerate() {
        let entry = entry.items()?;
        let entry: Result<Vec<&str>, _> = entry.iter().map(|part| part.text()).collect();
        let title = if index == 0 { "dictionary" } else { "" };
        line(title, &entry?.join(" => "));
    }
    Ok(text)
}
