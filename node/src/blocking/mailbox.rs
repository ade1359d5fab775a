use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use einode_dist::Payload;
use einode_etf::{Atom, Encode, EncodeError, Reference};

use crate::core::{Core, Look, Message, Scan};
use crate::deadline;
use crate::process::{Exited, Outgoing, Process, RecvError, SendError};
use crate::recipient::{InvalidRecipient, Recipient};

/// A [`Process`] that the program runs: it receives what is sent to it.
///
/// Dropping it ends the process, with the reason `normal`.
///
/// ```no_run
/// use std::time::Duration;
///
/// use einode::blocking::Node;
/// use einode::{Atom, term};
///
/// let wait = Duration::from_secs(5);
/// let node = Node::builder("rusty@127.0.0.1").cookie("secret").start()?;
/// let mut me = node.mailbox();
/// me.send(("worker", "app@127.0.0.1"), &term!({hello, me.pid().clone()}), wait)?;
/// let (tag, count): (Atom, u64) = me.recv(wait)?.decode()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Mailbox(Process);

impl Mailbox {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        Self(Process::spawn(core))
    }

    pub(super) const fn of(process: Process) -> Self {
        Self(process)
    }

    /// Sends a message. While more than 1 MiB of earlier ones waits for its node, this waits too, but not
    /// longer than `within`.
    ///
    /// Nobody being there to receive it is no error, as in Erlang.
    ///
    /// # Errors
    /// [`SendError::Busy`] when there was no room in time; others when it cannot be sent. In all cases it
    /// was not.
    pub fn send<T: Encode + ?Sized>(
        &self,
        to: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        message: &T,
        within: Duration,
    ) -> Result<(), SendError> {
        self.deliver(&self.0.outgoing(to, message)?, within)
    }

    /// Sends a message with priority, as `erlang:send(Alias, Message, [priority])` of OTP 28: it is received
    /// before others, if the alias is a [priority alias](Process::priority_alias). To nodes before OTP 28 it
    /// is a message like others.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_priority<T: Encode + ?Sized>(
        &self,
        to: &Reference,
        message: &T,
        within: Duration,
    ) -> Result<(), SendError> {
        self.deliver(&self.0.outgoing_priority(to, message)?, within)
    }

    fn deliver(&self, outgoing: &Outgoing, within: Duration) -> Result<(), SendError> {
        let until = deadline::after(within);
        loop {
            match outgoing.send(&self.0) {
                Err(SendError::Busy) => {}
                sent => return sent,
            }
            if !self.room(&outgoing.node, Some(until)) {
                return Err(SendError::Busy);
            }
        }
    }

    /// Waits until less than 1 MiB waits for a node. Without a connection there is room. False if the
    /// deadline came first.
    pub(super) fn room(&self, node: &Atom, until: Option<Instant>) -> bool {
        let peer = self.0.core.peer(node);
        peer.map_or(true, |peer| peer.wait_room(until))
    }

    /// The next message.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`] when none comes in time; [`RecvError::Exited`] when an exit signal has ended
    /// the process.
    pub fn recv(&mut self, within: Duration) -> Result<Message, RecvError> {
        self.select(Some(deadline::after(within)), |_| Some(()))
            .map(|(message, ())| message)
    }

    /// The first message in which `select` finds something, and what it found. Those before it stay, in
    /// their order.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_match<R>(
        &mut self,
        within: Duration,
        select: impl FnMut(&Message) -> Option<R>,
    ) -> Result<R, RecvError> {
        self.select(Some(deadline::after(within)), select)
            .map(|(_, found)| found)
    }

    /// The next message, however long it takes.
    pub(super) fn next(&mut self) -> Result<Message, RecvError> {
        self.select(None, |_| Some(())).map(|(message, ())| message)
    }

    pub(super) fn select<R>(
        &self,
        until: Option<Instant>,
        mut select: impl FnMut(&Message) -> Option<R>,
    ) -> Result<(Message, R), RecvError> {
        let mut scan = Scan::default();
        let (arrived, queue) = self.0.inbox.waiting();
        match arrived.wait(queue, until, |queue| queue.look(&mut scan, &mut select)) {
            Some(Ok(found)) => Ok(found),
            Some(Err(reason)) => Err(RecvError::Exited(Exited { reason })),
            None => Err(RecvError::TimedOut),
        }
    }

    /// The next message, if it is there already.
    ///
    /// # Errors
    /// [`Exited`] when an exit signal has ended the process.
    pub fn try_recv(&mut self) -> Result<Option<Message>, Exited> {
        let received = self.0.inbox.take(|_| Some(()));
        let received = received.map(|received| received.map(|(message, ())| message));
        received.transpose().map_err(|reason| Exited { reason })
    }

    /// Ends the process. Those that are linked with it or monitor it are told the reason.
    ///
    /// # Errors
    /// When the reason is no term; the process has ended as normal then.
    pub fn close<T: Encode + ?Sized>(self, reason: &T) -> Result<(), EncodeError> {
        self.0.end_with(Payload::encode(reason)?);
        Ok(())
    }
}

impl Deref for Mailbox {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.0
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.0.end("normal");
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mailbox").field(self.pid()).finish()
    }
}
