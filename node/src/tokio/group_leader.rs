use std::fmt;

use einode_etf::{Pid, Term};

use super::{Mailbox, Node};
use crate::io::{Dialogue, Event, Input};
use crate::process::Exited;

/// A process that others print by and read from: see [`io`](crate::io).
///
/// Dropping it ends it. Those whose group leader it was go on; what they print is lost.
///
/// ```no_run
/// use einode::io::Event;
/// use einode::tokio::{GroupLeader, Node};
///
/// # async fn example(node: Node) -> Result<(), Box<dyn std::error::Error>> {
/// let mut leader = GroupLeader::new(&node);
/// let pid = leader.pid().clone();
/// tokio::spawn(async move {
///     while let Ok(event) = leader.recv().await {
///         match event {
///             Event::Output(text) => print!("{text}"),
///             Event::Input { .. } => leader.input().feed("yes\n"),
///             _ => {}
///         }
///     }
/// });
/// let mut app = node.erpc("app@127.0.0.1").group_leader(&pid);
/// let total: u64 = app.call("shop", "print_report", ()).await?;
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
    /// [`Exited`] when an exit signal has ended the process.
    ///
    /// # Cancelling
    /// Nothing is lost.
    pub async fn recv(&mut self) -> Result<Event, Exited> {
        loop {
            if let Some(event) = self.dialogue.next(&self.mailbox) {
                return Ok(event);
            }
            let wanted = |message: &_| self.dialogue.wants(message).then_some(());
            let (message, ()) = self.mailbox.select(wanted).await?;
            self.dialogue.take(&self.mailbox, &message);
        }
    }
}

impl fmt::Debug for GroupLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GroupLeader").field(self.pid()).finish()
    }
}
