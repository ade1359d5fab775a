//! Lines from a terminal, edited, or from a file.

use std::env;
use std::fs;
use std::io::{self, StdinLock, Write};
use std::path::PathBuf;
use std::sync::Arc;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Helper};

use super::screen::Screen;
use crate::exit::Failure;

/// Where lines come from.
pub(super) trait Lines {
    /// The next line, without its end.
    fn read(&mut self, prompt: &str, secret: bool) -> Result<Line, Failure>;

    /// What the user chooses.
    fn choose(&mut self, prompt: &str) -> Result<Line, Failure>;
}

pub(super) enum Line {
    Typed(String),
    /// By ctrl-c.
    Interrupted,
    /// There is no more: a file ends, or the user has pressed ctrl-d.
    End,
}

/// What completes a line.
#[derive(Debug, Default)]
pub(super) struct Completion {
    /// What all that fits has in common, beyond what was typed.
    pub(super) text: String,
    /// All that fits.
    pub(super) choices: Vec<String>,
}

/// Lines as they are, of which nobody sees a prompt.
impl Lines for io::Lines<StdinLock<'static>> {
    fn read(&mut self, _: &str, _: bool) -> Result<Line, Failure> {
        match self.next() {
            Some(Ok(line)) => Ok(Line::Typed(line)),
            Some(Err(error)) => Err(failed(error)),
            None => Ok(Line::End),
        }
    }

    fn choose(&mut self, _: &str) -> Result<Line, Failure> {
        Ok(Line::End)
    }
}

/// Lines that are edited on a terminal.
pub(super) struct Editor {
    editor: rustyline::Editor<Node, FileHistory>,
    screen: Arc<Screen>,
    history: Option<PathBuf>,
    _quiet: Quiet,
}

/// How many lines the history has.
const HISTORY: usize = 10_000;

impl Editor {
    pub(super) fn new(
        complete: Box<dyn Fn(&str) -> Completion>,
        screen: Arc<Screen>,
    ) -> Result<Self, Failure> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .max_history_size(HISTORY)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(wrong)?
            .build();
        let mut editor = rustyline::Editor::with_config(config).map_err(wrong)?;
        editor.set_helper(Some(Node(complete)));
        let history = history();
        if let Some(history) = &history {
            // There is none the first time.
            let _ = editor.load_history(history);
        }
        screen.print_above_by(editor.create_external_printer().map_err(wrong)?);
        Ok(Self {
            editor,
            screen,
            history,
            _quiet: Quiet::start().map_err(failed)?,
        })
    }

    fn edit(&mut self, prompt: &str) -> Result<Line, Failure> {
        let started = self.screen.begin_editing();
        let line = self.editor.readline(&format!("{started}{prompt}"));
        self.screen.end_editing();
        match line {
            Ok(line) => Ok(Line::Typed(line)),
            Err(ReadlineError::Interrupted) => Ok(Line::Interrupted),
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(error) => Err(wrong(error)),
        }
    }
}

impl Lines for Editor {
    fn read(&mut self, prompt: &str, secret: bool) -> Result<Line, Failure> {
        if secret {
            return unseen(prompt);
        }
        let line = self.edit(prompt)?;
        if let Line::Typed(line) = &line
            && !line.trim().is_empty()
        {
            self.editor.add_history_entry(line).map_err(wrong)?;
        }
        Ok(line)
    }

    fn choose(&mut self, prompt: &str) -> Result<Line, Failure> {
        self.edit(prompt)
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        if let Some(history) = &self.history {
            let kept = history.parent().map_or(Ok(()), fs::create_dir_all);
            // A history that cannot be kept is no reason to fail.
            let _ = kept.map(|()| self.editor.append_history(history));
        }
    }
}

/// A line that is not shown while it is typed.
fn unseen(prompt: &str) -> Result<Line, Failure> {
    let mut out = io::stdout();
    write!(out, "{prompt}")
        .and_then(|()| out.flush())
        .map_err(failed)?;
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line).map_err(failed)?;
    writeln!(out).map_err(failed)?;
    match read {
        0 => Ok(Line::End),
        _ => Ok(Line::Typed(line.trim_end_matches('\n').into())),
    }
}

/// A terminal that shows nothing of what is typed unless a line is edited: what is typed ahead appears there,
/// and once.
struct Quiet(Termios);

impl Quiet {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSANOW, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0);
    }
}

/// Where the history is kept (XDG Base Directory Specification).
fn history() -> Option<PathBuf> {
    let directory = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state =
        directory("XDG_STATE_HOME").or_else(|| Some(directory("HOME")?.join(".local/state")));
    Some(state?.join("einode/shell_history"))
}

/// What asks the node.
struct Node(Box<dyn Fn(&str) -> Completion>);

impl Completer for Node {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let Completion { text, choices } = self.0(line.get(..at).unwrap_or(line));
        let pairs = if text.is_empty() {
            let choice = |display| Pair {
                display,
                replacement: String::new(),
            };
            choices.into_iter().map(choice).collect()
        } else {
            vec![Pair {
                display: text.clone(),
                replacement: text,
            }]
        };
        Ok((at, pairs))
    }
}

impl Hinter for Node {
    type Hint = String;
}
impl Highlighter for Node {}
impl Validator for Node {}
impl Helper for Node {}

fn wrong(error: ReadlineError) -> Failure {
    Failure::Io(format!("the terminal: {error}"))
}

fn failed(error: io::Error) -> Failure {
    Failure::Io(format!("the terminal: {error}"))
}
