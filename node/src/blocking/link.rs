use std::fmt;
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::thread;
use std::time::{Duration, Instant};

use einode_dist::handshake::Session;
use einode_dist::{Connection, Control, Destination, NodeName, Payload, Statistics, Target};
use einode_etf::{Atom, Decode, Encode, Pid, Reference, Term};

use super::{Socket, TcpSocket};
use crate::call::{Call, CallError, Step, atom};
use crate::carrier::{Closing, Ending};
use crate::deadline;
use crate::engine::{Engine, Signal, message, ping, rpc, user};
use crate::error::LinkError;
use crate::pace::Pace;

/// How many bytes a read asks for, where fewer are known to come.
const LEAST_READ: usize = 8 * 1024;

/// How many bytes a read asks for at the most: what it asks for is zeroed before.
const MOST_READ: usize = 256 * 1024;

/// One connection with one node, on the thread of the caller.
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
pub struct Link<S: Socket = TcpSocket> {
    socket: Closing<S>,
    engine: Engine,
    next_tick: Instant,
    pace: Pace,
}

/// How many bytes [`Link::queue`] lets wait.
const QUEUED: usize = 64 * 1024;

impl<S: Socket> Link<S> {
    pub(super) fn new(socket: Closing<S>, engine: Engine) -> Self {
        let next_tick = Instant::now() + engine.interval();
        socket.note(Ending::Done);
        Self {
            socket,
            engine,
            next_tick,
            pace: Pace::default(),
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
    /// [`LinkError::TimedOut`] when the peer takes nothing for its whole `net_ticktime`. The message is
    /// queued then and leaves with the next, unless more than 1 MiB ([`BUSY`](einode_dist::limits::BUSY)) was queued before.
    pub fn send<T: Encode + ?Sized>(
        &mut self,
        to: impl Into<Destination>,
        term: &T,
    ) -> Result<(), LinkError> {
        let control = message(&self.engine.pid, to);
        self.signal(&control, Some(Payload::encode(term)?))
    }

    /// Sends a message that may wait for others: it leaves with the next that is [sent](Link::send), before
    /// anything is waited for, by [`Link::flush`], or when 64 KiB wait. Many small messages reach an
    /// Erlang node in less time that way.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn queue<T: Encode + ?Sized>(
        &mut self,
        to: impl Into<Destination>,
        term: &T,
    ) -> Result<(), LinkError> {
        self.room(self.send_deadline())?;
        let control = message(&self.engine.pid, to);
        self.engine.signal(&control, Some(Payload::encode(term)?))?;
        self.pace.sent();
        if self.engine.connection.outbound.queued() < QUEUED {
            return Ok(());
        }
        self.write(self.send_deadline())
    }

    /// Writes what waits to be sent.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn flush(&mut self) -> Result<(), LinkError> {
        self.write(self.send_deadline())
    }

    /// Links the peer's process with this one.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn link(&mut self, to: Pid) -> Result<(), LinkError> {
        let control = self.engine.link(to);
        self.signal(&control, None)
    }

    /// Removes the link with the peer's process. The peer answers with [`Control::UnlinkIdAck`] and the
    /// number that this gives; an exit signal that arrives before it may be of the old link.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn unlink(&mut self, to: Pid) -> Result<NonZeroU64, LinkError> {
        let (id, control) = self.engine.unlink(to);
        self.signal(&control, None)?;
        Ok(id)
    }

    /// Monitors a process of the peer. Its end arrives as [`Control::MonitorPExit`] with this reference.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn monitor(&mut self, to: impl Into<Target>) -> Result<Reference, LinkError> {
        let (reference, control) = self.engine.monitor(to.into());
        self.signal(&control, None)?;
        Ok(reference)
    }

    /// Ends a monitor.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn demonitor(
        &mut self,
        to: impl Into<Target>,
        reference: Reference,
    ) -> Result<(), LinkError> {
        let control = self.engine.demonitor(to.into(), reference);
        self.signal(&control, None)
    }

    /// Sends an exit signal, as `exit/2`.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn exit<T: Encode + ?Sized>(&mut self, to: Pid, reason: &T) -> Result<(), LinkError> {
        let control = self.engine.exit(to);
        self.signal(&control, Some(Payload::encode(reason)?))
    }

    /// Sends any signal.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn signal(&mut self, control: &Control, payload: Option<Payload>) -> Result<(), LinkError> {
        self.room(self.send_deadline())?;
        self.engine.signal(control, payload)?;
        self.pace.sent();
        self.write(self.send_deadline())
    }

    /// The next signal that is not taken care of already.
    ///
    /// # Errors
    /// [`LinkError::TimedOut`] when none comes in time.
    pub fn receive(&mut self, timeout: Duration) -> Result<Signal, LinkError> {
        match self.engine.kept() {
            Some(signal) => Ok(signal),
            None => self.next(deadline::after(timeout)),
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
    pub fn call<T: Encode + ?Sized>(
        &mut self,
        server: &str,
        request: &T,
        timeout: Duration,
    ) -> Result<Term, CallError> {
        let server = atom(server)?.into();
        let start = |engine: &mut Engine| Call::server(engine, server, request);
        self.ask(start, deadline::after(timeout))
    }

    /// Asks `net_kernel` whether we are known to it, as `net_adm:ping/1` does, and gives the time that
    /// the answer took.
    ///
    /// # Errors
    /// As [`Link::call`].
    pub fn ping(&mut self, timeout: Duration) -> Result<Duration, CallError> {
        let start = Instant::now();
        self.ask::<Term>(ping, deadline::after(timeout))?;
        Ok(start.elapsed())
    }

    /// Calls a function through the server `rex`, as `rpc:call/5` of all releases can.
    ///
    /// What the function prints appears where the peer's own output does.
    ///
    /// # Errors
    /// [`CallError::BadRpc`] when the function fails or does not exist; see [`Link::call`] for others.
    pub fn rpc(
        &mut self,
        module: &str,
        function: &str,
        arguments: &[Term],
        timeout: Duration,
    ) -> Result<Term, CallError> {
        let start = |engine: &mut Engine| rpc(engine, module, function, arguments);
        self.ask(start, deadline::after(timeout))
    }

    /// Calls a function in a process of its own, as `erpc:call/5` does. Needs OTP 23 at the peer.
    ///
    /// What the function prints appears where the peer's own output does.
    ///
    /// # Errors
    /// [`CallError::Exception`] is what the function did not catch; [`CallError::Refused`] when no process
    /// was made for it; see [`Link::call`] for others.
    pub fn erpc(
        &mut self,
        module: &str,
        function: &str,
        arguments: &[Term],
        timeout: Duration,
    ) -> Result<Term, CallError> {
        let until = deadline::after(timeout);
        if self.engine.user.is_none() {
            let user = self.ask(user, until)?;
            self.engine.take_user(&user);
        }
        let start =
            |engine: &mut Engine| Call::erpc(engine, None, module, function, arguments, None);
        self.ask(start, until)
    }

    /// Sees to it that the peer has read all that was sent, then closes. The peer says so by closing too.
    ///
    /// # Errors
    /// What was sent may not have arrived.
    pub fn close(mut self, timeout: Duration) -> Result<(), LinkError> {
        let until = deadline::after(timeout);
        self.write(until)?;
        self.socket.shutdown(Some(until))?;
        let mut rest = [0; 4096];
        // Closing while the peer still sends would reset the connection and could take from it
        // what it has not read yet.
        loop {
            match self
                .socket
                .read(&mut rest, Some(until))
                .map_err(LinkError::from)
            {
                Ok(0) | Err(LinkError::Closed) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins a call, waits for its answer, and keeps what else arrives.
    fn ask<T: for<'a> Decode<'a>>(
        &mut self,
        start: impl FnOnce(&mut Engine) -> Result<Call, CallError>,
        until: Instant,
    ) -> Result<T, CallError> {
        self.room(until)?;
        let mut call = start(&mut self.engine)?;
        self.pace.sent();
        let answer = loop {
            let signal = match self
                .write(self.send_deadline())
                .and_then(|()| self.next(until))
            {
                Ok(signal) => signal,
                Err(error) => break Err(error.into()),
            };
            match signal.arrived().and_then(|arrived| call.look(arrived)) {
                Some(Step::Over(answer)) => break answer,
                Some(Step::Begun) => {}
                None => {
                    if let Err(error) = self.engine.keep(signal) {
                        break Err(error.into());
                    }
                }
            }
        };
        call.finish(&mut self.engine, &answer)?;
        self.write(self.send_deadline())?;
        answer
    }

    /// The next signal from the socket for the program.
    fn next(&mut self, until: Instant) -> Result<Signal, LinkError> {
        loop {
            let polled = self.engine.poll();
            let signal = self.noting(polled)?;
            let flushed = self.write(self.send_deadline());
            // What arrived is of use also where the connection has failed; the next call says so.
            if let Some(signal) = signal {
                return Ok(signal);
            }
            flushed?;
            let filled = self.fill(until);
            self.noting(filled)?;
        }
    }

    /// Reads what there is, and ticks while there is nothing.
    fn fill(&mut self, until: Instant) -> Result<(), LinkError> {
        let now = Instant::now();
        if let Some(pause) = self.pace.pause(now) {
            thread::sleep(pause.min(until.saturating_duration_since(now)));
        }
        loop {
            let now = Instant::now();
            if now >= self.next_tick {
                self.next_tick = now + self.engine.interval();
                self.engine.beat()?;
                self.write(self.send_deadline())?;
            }
            let want = self.engine.connection.inbound.want();
            let inbox = self.engine.connection.inbound.inbox();
            let filled = inbox.len();
            let least = if self.pace.is_gathering() {
                MOST_READ
            } else {
                LEAST_READ
            };
            let room = want.clamp(least, MOST_READ).min(inbox.capacity() - filled);
            inbox.resize(filled + room, 0);
            let read = self
                .socket
                .read(&mut inbox[filled..], Some(until.min(self.next_tick)));
            inbox.truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(LinkError::Closed),
                Ok(read) => {
                    self.pace.read(read, room);
                    self.engine.received(read);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    if Instant::now() >= until {
                        return Err(LinkError::TimedOut);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until so little waits to be written that more may be added, and memory stays bounded.
    fn room(&mut self, until: Instant) -> Result<(), LinkError> {
        if self.engine.is_busy() {
            self.write(until)?;
        }
        Ok(())
    }

    fn write(&mut self, until: Instant) -> Result<(), LinkError> {
        let outbound = &mut self.engine.connection.outbound;
        while outbound.queued() > 0 {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = outbound.outgoing(&mut slices);
            let written = match self.socket.write(&slices[..filled], Some(until)) {
                Ok(0) => Err(LinkError::Closed),
                written => written.map_err(Into::into),
            };
            match written {
                Ok(written) => outbound.sent(written),
                Err(error) => return self.noting(Err(error)),
            }
        }
        Ok(())
    }

    /// Notes how the connection ends, if this ends it.
    fn noting<T>(&mut self, result: Result<T, LinkError>) -> Result<T, LinkError> {
        if let Some(ending) = result.as_ref().err().and_then(LinkError::ending) {
            self.socket.note(ending);
        }
        result
    }

    /// Until when what is sent now has to be taken.
    fn send_deadline(&self) -> Instant {
        deadline::after(self.engine.send_time())
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
