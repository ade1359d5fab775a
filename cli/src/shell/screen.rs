//! Where output goes while a line is edited, and while none is.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustyline::ExternalPrinter;

/// The terminal as two threads see it: one prints, and one edits lines.
#[derive(Default)]
pub(super) struct Screen(Mutex<State>);

#[derive(Default)]
struct State {
    /// What prints above the line that is edited.
    above: Option<Box<dyn ExternalPrinter + Send>>,
    editing: bool,
    /// What was printed on the last line, which the next prompt continues.
    started: String,
}

/// The longest beginning of a line that a prompt continues, in bytes.
const STARTED: usize = 1000;

impl Screen {
    pub(super) fn print_above_by(&self, printer: impl ExternalPrinter + Send + 'static) {
        self.state().above = Some(Box::new(printer));
    }

    pub(super) fn print(&self, text: &str) {
        let mut state = self.state();
        let state = &mut *state;
        if let (true, Some(above)) = (state.editing, &mut state.above) {
            let _ = above.print(text.into());
            return;
        }
        // Without standard output there is nobody to tell.
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match text.rsplit_once('\n') {
            Some((_, last)) => state.started = last.into(),
            None => state.started.push_str(text),
        }
        if state.started.len() > STARTED {
            state.started.clear();
        }
    }

    /// A line is going to be edited. Gives what stands before the prompt.
    pub(super) fn begin_editing(&self) -> String {
        let mut state = self.state();
        state.editing = true;
        std::mem::take(&mut state.started)
    }

    pub(super) fn end_editing(&self) {
        self.state().editing = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The columns and rows of the terminal, if there is one.
pub(super) fn size() -> Option<(u16, u16)> {
    ratatui::crossterm::terminal::size().ok()
}
