use std::fmt;
use std::time::Duration;

use einode_etf::{Pid, Term};

use super::{Mailbox, Node};
use crate::deadline;
use crate::io::{Dialogue, Event, Input};
use crate::process::RecvError;

/// A process that others print by and read from: see [`io`](crate::io).
///
/// Dropping it ends it. Those whose group leader it was go on; what they print is lost.
///
/// ```no_run
/// use std::time::Duration;
///
/// use einode::blocking::{GroupLeader, Node};
/// use einode::io::Event;
///
/// # fn example(node: Node) -> Result<(), Box<dyn std::error::Error>> {
/// let mut leader = GroupLeader::new(&node);
/// // Processes that are begun with `leader.pid()` as their group leader print and read here.
/// match leader.recv(Duration::from_secs(5))? {
///     Event::Output(text) => print!("{text}"),
///     Event::Input { prompt, .. } => leader.input().feed("yes\n"),
///     _ => {}
/// }
/// # Ok(())
/// # }
/// ```
pub struct GroupLeader {
    mailbox: Mailbox,
    dialogue: Dialogue,
}

impl GroupLeader {
    /// A new one on a node.
    pub fn new(node: &Node) -> Self {
        let mailbox = node.mailbox();
        let dialogue = Dialogue::new(&mailbox);
        Self { mailbox, dialogue }
    }

    /// Its process, for [`Remote::group_leader`](crate::Remote::group_leader).
    pub fn pid(&self) -> &Pid {
        self.mailbox.pid()
    }

    /// What gives its processes input.
    pub fn input(&self) -> Input {
        self.dialogue.input().clone()
    }

    /// Says how many characters there are room for, which `io:columns/0` and `io:rows/0` ask for. Otherwise
    /// they are told `{error, enotsup}`.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.dialogue.resize(columns, rows);
    }

    /// Gives what is read as binaries, as `io:setopts([binary])` does, and Elixir wants; lists by default.
    pub fn read_binaries(&mut self) {
        self.dialogue.read_binaries();
    }

    /// The function that a process has set by `io:setopts/2` to complete what is typed.
    pub fn expand_fun(&self) -> Option<&Term> {
        self.dialogue.expand_fun()
    }

    /// What there is next. What came before it is done then: a process that prints goes on.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`] when there is nothing in time; [`RecvError::Exited`] when an exit signal has
    /// ended the process.
    pub fn recv(&mut self, within: Duration) -> Result<Event, RecvError> {
        let until = deadline::after(within);
        loop {
            if let Some(event) = self.dialogue.next(&self.mailbox) {
                return Ok(event);
            }
            let wanted = |message: &_| self.dialogue.wants(message).then_some(());
            let (message, ()) = self.mailbox.select(Some(until), wanted)?;
            self.dialogue.take(&self.mailbox, &message);
        }
    }
}

impl fmt::Debug for GroupLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GroupLeader").field(self.pid()).finish()
    }
}
