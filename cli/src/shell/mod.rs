//! A shell of a node: Erlang's, or IEx.

mod editor;
mod language;
mod screen;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use clap::Args;
use einode::blocking::{GroupLeader, Mailbox};
use einode::io::{Event, Input};
use einode::{Atom, Message, NodeName, Pid, RecvError, SendError, Term};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::args::Peer;
use crate::exit::{self, Failure};
use editor::{Editor, Line, Lines};
use language::Language;
use screen::Screen;

const EXAMPLES: &str = "\
Examples:
  einode shell shop@db.example
  einode shell --erlang shop@db.example             # also where there is IEx
  echo 'ets:info(orders, size).' | einode shell shop@db.example

It is the shell of the node, as with erl -remsh or iex --remsh: IEx where the node has it, and Erlang's otherwise.
What it evaluates runs on the node, and its help is that of the node: q() and System.halt() end the node, not this
program.

Keys: the arrow keys edit the line and walk through the history, ctrl-r searches it, tab completes as the node does.
ctrl-c asks whether to leave, or to interrupt what is being evaluated; a second ctrl-c leaves, as does ctrl-d.
The history is in $XDG_STATE_HOME/einode, by default ~/.local/state/einode.

Without a terminal, lines are read from standard input, and no prompts are printed.";

#[derive(Debug, Args)]
#[command(after_help = [EXAMPLES, exit::CODES].join("\n\n"))]
pub(crate) struct Shell {
    #[command(flatten)]
    peer: Peer,
    /// Start Erlang's shell
    #[arg(long, conflicts_with = "iex")]
    erlang: bool,
    /// Start IEx, the shell of Elixir
    #[arg(long)]
    iex: bool,
}

/// Starts a shell on the node, and is its terminal.
pub(crate) fn run(args: &Shell) -> Result<(), Failure> {
    let deadline = args.peer.limit.start();
    let peer = &args.peer.node;
    let node = args.peer.node(deadline)?;
    let mut leader = GroupLeader::new(&node);
    let mut me = node.mailbox();
    // That the shell ends is told by the monitor; that we end, by the link.
    me.trap_exit(true);
    me.set_group_leader(leader.pid());
    let language = match (args.erlang, args.iex) {
        (true, _) => Language::Erlang,
        (_, true) => Language::Elixir,
        _ => Language::of(&mut me, peer, deadline)?,
    };
    if language == Language::Elixir {
        leader.read_binaries();
    }
    let screen = Arc::new(Screen::default());
    let input = leader.input();
    let (tell, told) = mpsc::channel();
    let output = Output {
        leader,
        screen: Arc::clone(&screen),
        tell: tell.clone(),
    };
    begin("output", move || output.run())?;
    let shell = language.start(&mut me, peer, deadline)?;
    let watcher = node.mailbox();
    let failed = |error: SendError| Failure::Call(error.to_string());
    watcher.monitor(&shell).map_err(failed)?;
    let ends = tell.clone();
    begin("end", move || watch(watcher, &ends))?;
    let mut lines: Box<dyn Lines> = if io::stdin().is_terminal() {
        begin_interrupts(tell)?;
        let complete = language.completion(node.mailbox(), peer, &shell);
        Box::new(Editor::new(complete, screen)?)
    } else {
        Box::new(io::stdin().lines())
    };
    let session = Session {
        peer,
        me,
        shell,
        input,
        told,
    };
    let outcome = session.run(&mut *lines);
    // Whatever it does, it has nobody to talk to any more.
    let _ = session.me.exit(&session.shell, &KILL);
    node.shutdown(LAST);
    outcome
}

/// What interrupts an evaluation, for either shell.
const INTERRUPT: Atom = Atom::from_static("interrupt");
const KILL: Atom = Atom::from_static("kill");

/// How long what is under way at the end may take.
const LAST: Duration = Duration::from_secs(2);

/// What the terminal has to do something about.
enum Told {
    /// A process of the node wants a line.
    Wanted { prompt: String, secret: bool },
    /// The user has pressed ctrl-c while no line was read.
    Interrupted,
    /// The shell has ended, with this reason.
    Ended(Term),
}

/// The terminal, and the shell that it is of.
struct Session<'a> {
    peer: &'a NodeName,
    me: Mailbox,
    shell: Pid,
    input: Input,
    told: Receiver<Told>,
}

impl Session<'_> {
    /// Gives the shell lines, until the user leaves or the shell ends.
    fn run(&self, lines: &mut dyn Lines) -> Result<(), Failure> {
        for told in &self.told {
            let goes_on = match told {
                Told::Wanted { prompt, secret } => self.line(lines, &prompt, secret)?,
                Told::Interrupted => self.interrupt(lines)?,
                Told::Ended(reason) => return self.ended(&reason),
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// False if the user leaves.
    fn line(&self, lines: &mut dyn Lines, prompt: &str, secret: bool) -> Result<bool, Failure> {
        loop {
            match lines.read(prompt, secret)? {
                Line::Typed(line) => {
                    self.input.feed(&format!("{line}\n"));
                    return Ok(true);
                }
                // Told that there is no more, Erlang's shell would halt its node.
                Line::End => return Ok(false),
                Line::Interrupted if !self.interrupt(lines)? => return Ok(false),
                Line::Interrupted => {}
            }
        }
    }

    /// Asks what to do. False if the user leaves.
    fn interrupt(&self, lines: &mut dyn Lines) -> Result<bool, Failure> {
        match lines.choose("BREAK: (a)bort (i)nterrupt (c)ontinue ")? {
            Line::Typed(choice) if choice.starts_with('a') => Ok(false),
            Line::Typed(choice) => {
                if choice.starts_with('i') {
                    let failed = |error: SendError| Failure::Call(error.to_string());
                    self.me.exit(&self.shell, &INTERRUPT).map_err(failed)?;
                }
                Ok(true)
            }
            Line::End | Line::Interrupted => Ok(false),
        }
    }

    fn ended(&self, reason: &Term) -> Result<(), Failure> {
        if reason.is_atom("normal") {
            Ok(())
        } else if reason.is_atom("noconnection") {
            let lost = format!("the connection with {} is lost", self.peer);
            Err(Failure::Connection(lost))
        } else {
            Err(Failure::Call(format!("the shell has ended: {reason}")))
        }
    }
}

/// Shows what the processes of the shell print, and tells when they want a line.
struct Output {
    leader: GroupLeader,
    screen: Arc<Screen>,
    tell: Sender<Told>,
}

impl Output {
    fn run(mut self) {
        loop {
            if let Some((columns, rows)) = screen::size() {
                self.leader.resize(columns, rows);
            }
            match self.leader.recv(Duration::MAX) {
                Ok(Event::Output(text)) => self.screen.print(&text),
                Ok(Event::Input { prompt, secret }) => {
                    if self.tell.send(Told::Wanted { prompt, secret }).is_err() {
                        return;
                    }
                }
                Ok(_) | Err(RecvError::TimedOut) => {}
                Err(_) => return,
            }
        }
    }
}

/// Tells when the shell has ended.
fn watch(mut watcher: Mailbox, tell: &Sender<Told>) {
    while let Ok(message) = watcher.recv(Duration::MAX) {
        if let Message::Down(down) = message {
            let reason = down.reason.term().unwrap_or_else(|_| Term::nil());
            let _ = tell.send(Told::Ended(reason));
            return;
        }
    }
}

/// Tells when the user presses ctrl-c while no line is read.
fn begin_interrupts(tell: Sender<Told>) -> Result<(), Failure> {
    let failed = |error| Failure::Io(format!("catching ctrl-c: {error}"));
    let mut signals = Signals::new([SIGINT]).map_err(failed)?;
    begin("interrupts", move || {
        for _ in &mut signals {
            if tell.send(Told::Interrupted).is_err() {
                return;
            }
        }
    })
}

fn begin(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let thread = thread::Builder::new().name(name.into()).spawn(work);
    thread
        .map(drop)
        .map_err(|error| Failure::Io(format!("a thread: {error}")))
}
