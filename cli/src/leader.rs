//! Evaluation that prints and reads here.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use einode::Term;
use einode::blocking::GroupLeader;
use einode::io::Event;
use einode::{CallError, RecvError};

use crate::args::Peer;
use crate::connect::Deadline;
use crate::exit::Failure;
use crate::progress::Progress;
use crate::remote::{self, How};

/// How it prints and reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    pub(crate) output: Output,
    /// What is read are binaries, as Elixir wants them.
    pub(crate) binaries: bool,
}

/// Where what is printed goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

/// How long what is under way at the end may take.
const LAST: Duration = Duration::from_secs(2);

/// Evaluates a script on the node, as [`remote::evaluate`], with us as its group leader: what it prints appears
/// here, and when it reads, it is given lines of our standard input.
pub(crate) fn evaluate(
    peer: &Peer,
    how: How,
    script: &str,
    variables: &[(&str, Term)],
    terminal: Terminal,
    deadline: Deadline,
) -> Result<Term, Failure> {
    let node = peer.node(deadline)?;
    let mut leader = GroupLeader::new(&node);
    if terminal.binaries {
        leader.read_binaries();
    }
    let pid = leader.pid().clone();
    let failed = |error| Failure::Io(format!("a thread: {error}"));
    thread::Builder::new()
        .spawn(move || lead(leader, terminal.output))
        .map_err(failed)?;
    let mut me = node.mailbox();
    let functions = match how {
        How::Erpc => me.erpc(peer.node.clone()),
        How::Rpc => me.rpc(peer.node.clone()),
    };
    let progress = Progress::start(|| format!("waiting for {}", peer.node));
    let mut functions = functions.group_leader(&pid).within(deadline.left());
    let arguments = remote::evaluation(script, variables)?;
    let answer: Result<Term, CallError> = functions.call("erl_eval", "exprs", arguments);
    drop(progress);
    node.shutdown(LAST);
    remote::value(&answer?)
}

/// Prints and reads for processes of the node. They wait until it is done.
fn lead(mut leader: GroupLeader, output: Output) {
    let input = leader.input();
    loop {
        match leader.recv(Duration::MAX) {
            // With nobody to read it there is nothing to be done about it.
            Ok(Event::Output(text)) => {
                let _ = match output {
                    Output::Stdout => print(&mut io::stdout(), &text),
                    Output::Stderr => print(&mut io::stderr(), &text),
                };
            }
            Ok(Event::Input { prompt, .. }) => {
                // Not among what is printed.
                let _ = print(&mut io::stderr(), &prompt);
                let mut line = String::new();
                // Also what is no text ends it.
                let _ = io::stdin().read_line(&mut line);
                input.feed(&line);
                if !line.ends_with('\n') {
                    input.end();
                }
            }
            Ok(_) | Err(RecvError::TimedOut) => {}
            Err(_) => return,
        }
    }
}

fn print(to: &mut impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}
