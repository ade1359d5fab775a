use std::fmt;
use std::future::poll_fn;
use std::io::IoSlice;
use std::num::NonZeroU64;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use einode_dist::handshake::Session;
use einode_dist::{
    Connection, Control, Destination, NodeName, Payload, Statistics, Target, limits,
};
use einode_etf::{Atom, Decode, Encode, Pid, Reference, Term};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout, timeout_at};

use super::{Socket, after};
use crate::call::{Call, CallError, Step, atom};
use crate::carrier::{Closing, Ending};
use crate::engine::{Engine, Signal, message, ping, rpc, user};
use crate::error::LinkError;

/// One connection with one node, on the task of the caller.
///
/// A link has one process identifier of its own, with which it sends, links, monitors and calls. It
/// does what a connection owes its peer by itself, but only while one of its methods runs: it answers
/// ticks and sends them, answers `net_adm:ping`, acknowledges the removal of links, and refuses what it
/// has not: processes to spawn (`notsup`), and links and monitors to other processes than itself
/// (`noproc`). A program that stays away for longer than the peer's `net_ticktime` loses the
/// connection.
///
/// Dropping a link closes it at once; the peer sees `noconnection`. [`Link::close`] sees to it first that
/// all that was sent arrives.
///
/// # Cancelling
/// Futures of its methods may be dropped. What is not written yet leaves with the next method, and
/// nothing that arrived is lost.
pub struct Link<S: Socket = TcpStream> {
    socket: Closing<S>,
    engine: Engine,
    ticks: Interval,
    /// The socket may hold back something that was written.
    unflushed: bool,
    /// While more than this waits to be written, nothing is read.
    read_limit: usize,
}

impl<S: Socket> Link<S> {
    pub(super) fn new(socket: Closing<S>, engine: Engine) -> Self {
        let interval = engine.interval();
        let mut ticks = interval_at(after(interval), interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        socket.note(Ending::Done);
        Self {
            socket,
            engine,
            ticks,
            unflushed: false,
            read_limit: limits::BUSY,
        }
    }

    /// What a node makes a connection of.
    pub(super) fn into_parts(self) -> (Closing<S>, Session, Connection) {
        let Engine {
            connection,
            session,
            ..
        } = self.engine;
        (self.socket, session, connection)
    }

    /// What the handshake found out.
    pub const fn session(&self) -> &Session {
        &self.engine.session
    }

    /// The node at the other end.
    pub const fn peer(&self) -> &NodeName {
        &self.engine.session.peer
    }

    /// The socket, to ask what only it knows: an address, a certificate.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// The process identifier by which the peer knows this link.
    pub const fn pid(&self) -> &Pid {
        &self.engine.pid
    }

    /// What has passed over the connection so far.
    pub fn statistics(&self) -> Statistics {
        self.engine.connection.statistics()
    }

    /// A reference that nobody else has.
    pub fn reference(&mut self) -> Reference {
        self.engine.reference()
    }

    /// Answers to this registered name from now on, so that it can be monitored. Messages arrive
    /// whatever the name.
    pub fn register(&mut self, name: Atom) {
        self.engine.register(name);
    }

    /// Sends a message to a process, a registered name or an alias of the peer.
    ///
    /// # Errors
    /// When the peer takes nothing for its whole `net_ticktime`, that is [`LinkError::TimedOut`]; what is
    /// queued then leaves with the next.
    ///
    /// # Cancelling
    /// The message is queued and leaves with the next method. Only if more than 1 MiB of earlier ones
    /// still waited for the peer, it may not have been taken; it is never sent in part.
    pub async fn send<T: Encode + ?Sized>(
        &mut self,
        to: impl Into<Destination>,
        term: &T,
    ) -> Result<(), LinkError> {
        let control = message(&self.engine.pid, to);
        self.signal(&control, Some(Payload::encode(term)?)).await
    }

    /// Links the peer's process with this one.
    ///
    /// # Errors
    /// As [`Link::send`], and so is cancelling.
    pub async fn link(&mut self, to: Pid) -> Result<(), LinkError> {
        let control = self.engine.link(to);
        self.signal(&control, None).await
    }

    /// Removes the link with the peer's process. The peer answers with [`Control::UnlinkIdAck`] and the
    /// number that this gives; an exit signal that arrives before it may be of the old link.
    ///
    /// # Errors
    /// As [`Link::send`], and so is cancelling.
    pub async fn unlink(&mut self, to: Pid) -> Result<NonZeroU64, LinkError> {
        let (id, control) = self.engine.unlink(to);
        self.signal(&control, None).await?;
        Ok(id)
    }

    /// Monitors a process of the peer. Its end arrives as [`Control::MonitorPExit`] with this reference.
    ///
    /// # Errors
    /// As [`Link::send`], and so is cancelling.
    pub async fn monitor(&mut self, to: impl Into<Target>) -> Result<Reference, LinkError> {
        let (reference, control) = self.engine.monitor(to.into());
        self.signal(&control, None).await?;
        Ok(reference)
    }

    /// Ends a monitor.
    ///
    /// # Errors
    /// As [`Link::send`], and so is cancelling.
    pub async fn demonitor(
        &mut self,
        to: impl Into<Target>,
        reference: Reference,
    ) -> Result<(), LinkError> {
        let control = self.engine.demonitor(to.into(), reference);
        self.signal(&control, None).await
    }

    /// Sends an exit signal, as `exit/2`.
    ///
    /// # Errors
    /// As [`Link::send`], and so is cancelling.
    pub async fn exit<T: Encode + ?Sized>(&mut self, to: Pid, reason: &T) -> Result<(), LinkError> {
        let control = self.engine.exit(to);
        self.signal(&control, Some(Payload::encode(reason)?)).await
    }

    /// Sends any signal.
    ///
    /// # Errors
    /// As [`Link::send`], and so is cancelling.
    pub async fn signal(
        &mut self,
        control: &Control,
        payload: Option<Payload>,
    ) -> Result<(), LinkError> {
        self.room().await?;
        self.engine.signal(control, payload)?;
        self.expect_answers();
        self.flush().await
    }

    /// The next signal that is not taken care of already.
    ///
    /// # Errors
    /// [`LinkError::TimedOut`] when none comes in time.
    ///
    /// # Cancelling
    /// The signal is there for the next call.
    pub async fn receive(&mut self, within: Duration) -> Result<Signal, LinkError> {
        match self.engine.kept() {
            Some(signal) => Ok(signal),
            None => timeout(within, self.next())
                .await
                .unwrap_or(Err(LinkError::TimedOut)),
        }
    }

    /// Calls a registered server, as `gen_server:call/3` does.
    ///
    /// While this and other calls wait for their answer, all else that arrives is kept for
    /// [`Link::receive`].
    ///
    /// # Errors
    /// [`CallError::Exit`] with `noproc` when there is no such server, or with the reason for which it
    /// ended; [`CallError::TimedOut`]; [`CallError::NoConnection`].
    ///
    /// # Cancelling
    /// As after a time-out: the server is not monitored any more, and an answer that comes yet is for
    /// [`Link::receive`].
    pub async fn call<T: Encode + ?Sized>(
        &mut self,
        server: &str,
        request: &T,
        within: Duration,
    ) -> Result<Term, CallError> {
        let server = atom(server)?.into();
        let start = |engine: &mut Engine| Call::server(engine, server, request);
        self.ask(start, after(within)).await
    }

    /// Asks `net_kernel` whether we are known to it, as `net_adm:ping/1` does, and gives the time that
    /// the answer took.
    ///
    /// # Errors
    /// As [`Link::call`], and so is cancelling.
    pub async fn ping(&mut self, within: Duration) -> Result<Duration, CallError> {
        let start = Instant::now();
        self.ask::<Term>(ping, after(within)).await?;
        Ok(start.elapsed())
    }

    /// Calls a function through the server `rex`, as `rpc:call/5` of all releases can.
    ///
    /// What the function prints appears where the peer's own output does.
    ///
    /// # Errors
    /// [`CallError::BadRpc`] when the function fails or does not exist; see [`Link::call`] for others, and
    /// for cancelling.
    pub async fn rpc(
        &mut self,
        module: &str,
        function: &str,
        arguments: &[Term],
        within: Duration,
    ) -> Result<Term, CallError> {
        let start = |engine: &mut Engine| rpc(engine, module, function, arguments);
        self.ask(start, after(within)).await
    }

    /// Calls a function in a process of its own, as `erpc:call/5` does. Needs OTP 23 at the peer.
    ///
    /// What the function prints appears where the peer's own output does.
    ///
    /// # Errors
    /// [`CallError::Exception`] is what the function did not catch; [`CallError::Refused`] when no process
    /// was made for it; see [`Link::call`] for others, and for cancelling.
    pub async fn erpc(
        &mut self,
        module: &str,
        function: &str,
        arguments: &[Term],
        within: Duration,
    ) -> Result<Term, CallError> {
        let until = after(within);
        if self.engine.user.is_none() {
            let user = self.ask(user, until).await?;
            self.engine.take_user(&user);
        }
        let start =
            |engine: &mut Engine| Call::erpc(engine, None, module, function, arguments, None);
        self.ask(start, until).await
    }

    /// Sees to it that the peer has read all that was sent, then closes. The peer says so by closing too.
    ///
    /// # Errors
    /// What was sent may not have arrived.
    ///
    /// # Cancelling
    /// As dropping the link.
    pub async fn close(mut self, within: Duration) -> Result<(), LinkError> {
        let closed = async {
            poll_fn(|cx| self.poll_flush(cx)).await?;
            self.socket.shutdown().await?;
            let mut rest = [0; 4096];
            // Closing while the peer still sends would reset the connection and could take from it
            // what it has not read yet.
            loop {
                match self.socket.read(&mut rest).await.map_err(LinkError::from) {
                    Ok(0) | Err(LinkError::Closed) => return Ok(()),
                    Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
        };
        let closed = timeout(within, closed).await;
        self.noting(closed.unwrap_or(Err(LinkError::TimedOut)))
    }

    /// Begins a call and waits for its answer.
    async fn ask<T: for<'a> Decode<'a>>(
        &mut self,
        start: impl FnOnce(&mut Engine) -> Result<Call, CallError>,
        until: Instant,
    ) -> Result<T, CallError> {
        timeout_at(until, self.room())
            .await
            .unwrap_or(Err(LinkError::TimedOut))?;
        let mut waiting = Waiting {
            call: Some(start(&mut self.engine)?),
            link: self,
        };
        waiting.link.expect_answers();
        let answer = timeout_at(until, waiting.answer()).await;
        let answer = answer.unwrap_or(Err(CallError::TimedOut));
        waiting.finish(&answer)?;
        // From here on nothing may wait: the answer would be lost with the future.
        waiting.link.nudge().await;
        answer
    }

    /// The next signal from the socket for the program.
    async fn next(&mut self) -> Result<Signal, LinkError> {
        loop {
            let polled = self.engine.poll();
            if let Some(signal) = self.noting(polled)? {
                // From here on nothing may wait: the signal would be lost with the future.
                self.nudge().await;
                return Ok(signal);
            }
            let filled = self.fill().await;
            self.noting(filled)?;
        }
    }

    /// Reads what there is, and ticks while there is nothing.
    async fn fill(&mut self) -> Result<(), LinkError> {
        loop {
            match poll_fn(|cx| self.poll_fill(cx)).await? {
                Some(0) => return Err(LinkError::Closed),
                Some(read) => {
                    self.engine.received(read);
                    return Ok(());
                }
                None => self.engine.beat()?,
            }
        }
    }

    /// Reads, and writes meanwhile what still waits. `None` when a tick is due.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<usize>, LinkError>> {
        if self.ticks.poll_tick(cx).is_ready() {
            return Poll::Ready(Ok(None));
        }
        let flushed = self.poll_flush(cx);
        if flushed.is_pending() && self.engine.connection.outbound.queued() > self.read_limit {
            return Poll::Pending;
        }
        let Self { socket, engine, .. } = self;
        let inbox = engine.connection.inbound.inbox();
        match (pin!(socket.read_buf(inbox)).poll(cx), flushed) {
            // What arrived before the connection failed is of use.
            (Poll::Ready(Ok(read @ 1..)), _) => Poll::Ready(Ok(Some(read))),
            (_, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (read, _) => read.map_ok(Some).map_err(Into::into),
        }
    }

    /// Makes room for what we owe the peer beside what the program has it wait for. Beyond that, a peer
    /// that makes us answer and does not read the answers is not read from.
    fn expect_answers(&mut self) {
        self.read_limit = self.engine.connection.outbound.queued() + limits::BUSY;
    }

    /// Waits until so little waits to be written that more may be added, and memory stays bounded.
    async fn room(&mut self) -> Result<(), LinkError> {
        if self.engine.is_busy() {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes all there is, and waits for the peer as long as `net_ticktime`.
    async fn flush(&mut self) -> Result<(), LinkError> {
        let within = self.engine.send_time();
        let flushed = timeout(within, poll_fn(|cx| self.poll_flush(cx))).await;
        self.noting(flushed.unwrap_or(Err(LinkError::TimedOut)))
    }

    /// Writes what the socket takes now. What fails here fails again.
    async fn nudge(&mut self) {
        poll_fn(|cx| {
            let _ = self.poll_flush(cx);
            Poll::Ready(())
        })
        .await;
    }

    /// Writes all there is.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let socket: &mut S = &mut self.socket;
        let mut socket = Pin::new(socket);
        let outbound = &mut self.engine.connection.outbound;
        while outbound.queued() > 0 {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = outbound.outgoing(&mut slices);
            let written = socket.as_mut().poll_write_vectored(cx, &slices[..filled]);
            match ready!(written)? {
                0 => return Poll::Ready(Err(LinkError::Closed)),
                written => outbound.sent(written),
            }
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(socket.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Notes how the connection ends, if this ends it.
    fn noting<T>(&mut self, result: Result<T, LinkError>) -> Result<T, LinkError> {
        if let Some(ending) = result.as_ref().err().and_then(LinkError::ending) {
            self.socket.note(ending);
        }
        result
    }
}

/// A call that is under way. It is taken back when it is dropped before its end.
struct Waiting<'l, S: Socket> {
    link: &'l mut Link<S>,
    call: Option<Call>,
}

impl<S: Socket> Waiting<'_, S> {
    /// Waits for the answer, and keeps what else arrives.
    async fn answer<T: for<'a> Decode<'a>>(&mut self) -> Result<T, CallError> {
        loop {
            let signal = self.link.next().await?;
            let arrived = signal.arrived();
            match arrived.and_then(|arrived| self.call.as_mut()?.look(arrived)) {
                Some(Step::Over(answer)) => return answer,
                Some(Step::Begun) => {}
                None => self.link.engine.keep(signal)?,
            }
        }
    }

    fn finish<T>(&mut self, answer: &Result<T, CallError>) -> Result<(), CallError> {
        match self.call.take() {
            Some(call) => call.finish(&mut self.link.engine, answer).map(drop),
            None => Ok(()),
        }
    }
}

impl<S: Socket> Drop for Waiting<'_, S> {
    fn drop(&mut self) {
        let _ = self.finish::<Term>(&Err(CallError::TimedOut));
    }
}

impl<S: Socket> fmt::Debug for Link<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Engine { session, pid, .. } = &self.engine;
        f.debug_struct("Link")
            .field("session", session)
            .field("pid", pid)
            .finish_non_exhaustive()
    }
}
