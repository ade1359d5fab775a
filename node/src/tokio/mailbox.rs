use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::Arc;

use einode_dist::Payload;
use einode_etf::{Atom, Encode, EncodeError, Reference};

use crate::core::{Core, Look, Message, Scan};
use crate::process::{Exited, Outgoing, Process, SendError};
use crate::recipient::{InvalidRecipient, Recipient};

/// A [`Process`] that the program runs: it receives what is sent to it.
///
/// Dropping it ends the process, with the reason `normal`.
///
/// ```no_run
/// use einode::tokio::Node;
/// use einode::{Atom, term};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::builder("rusty@127.0.0.1").cookie("secret").start().await?;
/// let mut me = node.mailbox();
/// me.send(("worker", "app@127.0.0.1"), &term!({hello, me.pid().clone()})).await?;
/// let (tag, count): (Atom, u64) = me.recv().await?.decode()?;
/// # Ok(())
/// # }
/// ```
pub struct Mailbox(Process);

impl Mailbox {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        Self(Process::spawn(core))
    }

    pub(super) const fn of(process: Process) -> Self {
        Self(process)
    }

    /// Sends a message. While more than 1 MiB of earlier ones waits for its node, this waits too.
    ///
    /// Nobody being there to receive it is no error, as in Erlang.
    ///
    /// # Errors
    /// [`SendError`] when it cannot be sent.
    ///
    /// # Cancelling
    /// The message was not sent.
    pub async fn send<T: Encode + ?Sized>(
        &self,
        to: impl TryInto<Recipient, Error: Into<InvalidRecipient>>,
        message: &T,
    ) -> Result<(), SendError> {
        self.deliver(self.0.outgoing(to, message)?).await
    }

    /// Sends a message with priority, as `erlang:send(Alias, Message, [priority])` of OTP 28: it is received
    /// before others, if the alias is a [priority alias](Process::priority_alias). To nodes before OTP 28 it
    /// is a message like others.
    ///
    /// # Errors
    /// As [`send`](Self::send), and so is cancelling.
    pub async fn send_priority<T: Encode + ?Sized>(
        &self,
        to: &Reference,
        message: &T,
    ) -> Result<(), SendError> {
        self.deliver(self.0.outgoing_priority(to, message)?).await
    }

    async fn deliver(&self, outgoing: Outgoing) -> Result<(), SendError> {
        loop {
            match outgoing.send(&self.0) {
                Err(SendError::Busy) => {}
                sent => return sent,
            }
            self.room(&outgoing.node).await;
        }
    }

    /// Waits until less than 1 MiB waits for a node. Without a connection there is room.
    pub(super) async fn room(&self, node: &Atom) {
        if let Ok(peer) = self.0.core.peer(node) {
            poll_fn(|cx| peer.poll_room(cx)).await;
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// [`Exited`] when an exit signal has ended the process.
    ///
    /// # Cancelling
    /// The message is there for the next call.
    pub async fn recv(&mut self) -> Result<Message, Exited> {
        Ok(self.select(|_| Some(())).await?.0)
    }

    /// The first message in which `select` finds something, and what it found. Those before it stay, in
    /// their order.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and so is cancelling.
    pub async fn recv_match<R>(
        &mut self,
        select: impl FnMut(&Message) -> Option<R>,
    ) -> Result<R, Exited> {
        Ok(self.select(select).await?.1)
    }

    pub(super) async fn select<R>(
        &self,
        mut select: impl FnMut(&Message) -> Option<R>,
    ) -> Result<(Message, R), Exited> {
        let mut scan = Scan::default();
        let (arrived, queue) = self.0.inbox.waiting();
        poll_fn(|cx| arrived.poll(queue, cx, |queue| queue.look(&mut scan, &mut select)))
            .await
            .map_err(|reason| Exited { reason })
    }

    /// The next message, if it is there already.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
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
