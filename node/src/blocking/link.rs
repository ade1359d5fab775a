use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use einode_dist::handshake::Session;
use einode_dist::{
    Beat, Connection, Control, Destination, Event, NodeName, Payload, Settings, Target, TickTime,
    limits,
};
use einode_etf::{Atom, Encode, Pid, Reference};

use super::{Socket, Tcp};
use crate::error::LinkError;

/// How many bytes of signals a [`Link`] keeps for later while it awaits an answer: 128 MiB, as much as
/// the largest packet.
pub const BACKLOG: usize = limits::PACKET as usize;

/// The process of every node that answers pings.
const NET_KERNEL: &str = "net_kernel";

/// How many bytes a read asks for, where fewer are known to come.
const LEAST_READ: usize = 8 * 1024;

/// How long [`Link::close`] waits for the peer to close too.
const CLOSE_TIME: Duration = Duration::from_secs(5);

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
pub struct Link<S = Tcp> {
    socket: S,
    connection: Connection,
    session: Session,
    tick_time: TickTime,
    next_tick: Instant,
    /// Bytes read since the handshake.
    read: u64,
    /// Bytes that had been written when the last tick was read.
    written_at_tick: u64,
    pid: Pid,
    names: Vec<Atom>,
    references: u64,
    unlinks: NonZeroU64,
    backlog: VecDeque<Signal>,
    backlog_bytes: usize,
    /// The peer's `user` process, once it was asked for.
    pub(super) user: Option<Pid>,
}

/// What a peer sent: a control message, and the message or reason that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// What it is, from whom and to whom.
    pub control: Control,
    /// The message of a send, the reason of an exit, the arguments of a spawn.
    pub payload: Option<Payload>,
}

impl Signal {
    /// The message, if this is one.
    pub fn message(&self) -> Option<&Payload> {
        match self.control {
            Control::Send { .. } => self.payload.as_ref(),
            _ => None,
        }
    }
}

impl<S: Socket> Link<S> {
    pub(super) fn new(
        socket: S,
        session: Session,
        settings: &Settings,
    ) -> Result<Self, einode_dist::Error> {
        /// Links of this process have different pids, also where their nodes have one name.
        static LAST_PID: AtomicU32 = AtomicU32::new(0);
        let id = LAST_PID.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let node = Atom::new(session.local.as_str()).expect("a node name fits an atom");
        Ok(Self {
            connection: Connection::new(session.flags, settings)?,
            next_tick: Instant::now() + settings.tick_time.interval(),
            tick_time: settings.tick_time,
            read: 0,
            written_at_tick: 0,
            pid: Pid::new(node, id, 0, session.local_creation),
            names: Vec::new(),
            references: 0,
            unlinks: NonZeroU64::MIN,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            user: None,
            socket,
            session,
        })
    }

    /// What the handshake found out.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The node at the other end.
    pub const fn peer(&self) -> &NodeName {
        &self.session.peer
    }

    /// The process identifier by which the peer knows this link.
    pub const fn pid(&self) -> &Pid {
        &self.pid
    }

    /// A reference that nobody else has.
    pub fn reference(&mut self) -> Reference {
        self.references += 1;
        let count = self.references;
        // ERTS takes no more than 18 bits in the first word.
        let words = [count as u32 & 0x3_ffff, (count >> 18) as u32, self.pid.id()];
        Reference::new(self.pid.node().clone(), self.pid.creation(), &words)
            .expect("a reference may have three words")
    }

    /// Answers to this registered name from now on, so that it can be monitored. Messages arrive
    /// whatever the name.
    pub fn register(&mut self, name: Atom) {
        self.names.push(name);
    }

    /// Sends a message to a process, a registered name or an alias of the peer.
    ///
    /// # Errors
    /// When the peer takes nothing for its whole `net_ticktime`, that is [`LinkError::TimedOut`]; the
    /// message is still queued then and leaves with the next.
    pub fn send<T: Encode + ?Sized>(
        &mut self,
        to: impl Into<Destination>,
        message: &T,
    ) -> Result<(), LinkError> {
        let from = Some(self.pid.clone());
        let control = Control::Send {
            from,
            to: to.into(),
            priority: false,
            token: None,
        };
        self.signal(&control, Some(Payload::encode(message)?))
    }

    /// Links the peer's process with this one.
    pub fn link(&mut self, to: Pid) -> Result<(), LinkError> {
        self.signal(
            &Control::Link {
                from: self.pid.clone(),
                to,
            },
            None,
        )
    }

    /// Removes the link with the peer's process. The peer answers with [`Control::UnlinkIdAck`] and the
    /// number that this gives; an exit signal that arrives before it may be of the old link.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn unlink(&mut self, to: Pid) -> Result<NonZeroU64, LinkError> {
        self.unlinks = self.unlinks.checked_add(1).unwrap_or(NonZeroU64::MIN);
        let (id, from) = (self.unlinks, self.pid.clone());
        self.signal(&Control::UnlinkId { id, from, to }, None)?;
        Ok(id)
    }

    /// Monitors a process of the peer. Its end arrives as [`Control::MonitorPExit`] with this reference.
    pub fn monitor(&mut self, to: impl Into<Target>) -> Result<Reference, LinkError> {
        let reference = self.reference();
        let (from, to) = (self.pid.clone(), to.into());
        self.signal(
            &Control::MonitorP {
                from,
                to,
                reference: reference.clone(),
            },
            None,
        )?;
        Ok(reference)
    }

    /// Ends a monitor.
    pub fn demonitor(
        &mut self,
        to: impl Into<Target>,
        reference: Reference,
    ) -> Result<(), LinkError> {
        let (from, to) = (self.pid.clone(), to.into());
        self.signal(
            &Control::DemonitorP {
                from,
                to,
                reference,
            },
            None,
        )
    }

    /// Sends an exit signal, as `exit/2`.
    pub fn exit<T: Encode + ?Sized>(&mut self, to: Pid, reason: &T) -> Result<(), LinkError> {
        let (from, to) = (self.pid.clone(), to.into());
        let control = Control::Exit2 {
            from,
            to,
            priority: false,
            token: None,
        };
        self.signal(&control, Some(Payload::encode(reason)?))
    }

    /// Sends any signal.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn signal(&mut self, control: &Control, payload: Option<Payload>) -> Result<(), LinkError> {
        let until = Instant::now() + self.tick_time.interval() * limits::TICK_INTENSITY;
        // What an earlier call could not get rid of goes first, so no more than one is ever queued.
        if self.connection.outbound.queued() > limits::BUSY {
            self.flush(until)?;
        }
        self.connection.outbound.send(control, payload)?;
        self.flush(until)
    }

    /// The next signal that is not taken care of already.
    ///
    /// # Errors
    /// [`LinkError::TimedOut`] when none comes in time.
    pub fn receive(&mut self, timeout: Duration) -> Result<Signal, LinkError> {
        if let Some(signal) = self.backlog.pop_front() {
            self.backlog_bytes -= signal.weight();
            return Ok(signal);
        }
        self.next(Instant::now() + timeout)
    }

    /// Waits for a signal for which `answer` has a value, and keeps all others for later.
    pub(super) fn wait<T>(
        &mut self,
        until: Instant,
        mut answer: impl FnMut(&Signal) -> Option<T>,
    ) -> Result<T, LinkError> {
        loop {
            if self.backlog_bytes > BACKLOG {
                return Err(LinkError::Backlog);
            }
            let signal = self.next(until)?;
            match answer(&signal) {
                Some(value) => return Ok(value),
                None => {
                    self.backlog_bytes += signal.weight();
                    self.backlog.push_back(signal);
                }
            }
        }
    }

    /// Sees to it that the peer has read all that was sent, then closes.
    ///
    /// # Errors
    /// What was sent may not have arrived.
    pub fn close(mut self) -> Result<(), LinkError> {
        let until = Instant::now() + CLOSE_TIME;
        self.flush(until)?;
        self.socket.shutdown()?;
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

    /// The next signal from the socket that is not taken care of here.
    fn next(&mut self, until: Instant) -> Result<Signal, LinkError> {
        loop {
            match self.connection.inbound.poll()? {
                Some(Event::Signal(control, payload)) => {
                    if let Some(signal) = self.serve(Signal { control, payload })? {
                        return Ok(signal);
                    }
                }
                Some(Event::Tick) => self.answer_tick()?,
                // A message that makes no sense is lost; the next is as good as any.
                Some(_) => {}
                None => self.fill(until)?,
            }
        }
    }

    /// Reads what there is, and ticks while there is nothing.
    fn fill(&mut self, until: Instant) -> Result<(), LinkError> {
        loop {
            let now = Instant::now();
            if now >= self.next_tick {
                self.beat(now)?;
            }
            let want = self.connection.inbound.want();
            let inbox = self.connection.inbound.inbox();
            let filled = inbox.len();
            inbox.resize(
                filled + want.max(LEAST_READ).min(inbox.capacity() - filled),
                0,
            );
            let read = self
                .socket
                .read(&mut inbox[filled..], Some(until.min(self.next_tick)));
            inbox.truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(LinkError::Closed),
                Ok(read) => {
                    self.read += read as u64;
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

    /// An interval of the tick time is over.
    fn beat(&mut self, now: Instant) -> Result<(), LinkError> {
        self.next_tick = now + self.tick_time.interval();
        let Connection {
            outbound, ticker, ..
        } = &mut self.connection;
        match ticker.tick(self.read, outbound.written(), outbound.queued()) {
            Beat::Quiet => Ok(()),
            Beat::SendTick => self.tick(),
            Beat::PeerDown => Err(LinkError::Silent),
        }
    }

    /// Answers a tick as libei does, so that also a peer with a shorter tick time than ours hears from
    /// us in time. Something else that was written since its last tick is answer enough; if it were
    /// not, two links would answer each other for ever.
    fn answer_tick(&mut self) -> Result<(), LinkError> {
        if self.connection.outbound.written() == self.written_at_tick {
            self.tick()?;
        }
        self.written_at_tick = self.connection.outbound.written();
        Ok(())
    }

    fn tick(&mut self) -> Result<(), LinkError> {
        self.connection.outbound.tick();
        self.flush(self.next_tick)
    }

    fn flush(&mut self, until: Instant) -> Result<(), LinkError> {
        while self.connection.outbound.queued() > 0 {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = self.connection.outbound.outgoing(&mut slices);
            let written = self.socket.write(&slices[..filled], Some(until))?;
            if written == 0 {
                return Err(LinkError::Closed);
            }
            self.connection.outbound.sent(written);
        }
        Ok(())
    }

    /// Does what the peer expects of any node; gives the signal back if it is for the program.
    fn serve(&mut self, signal: Signal) -> Result<Option<Signal>, LinkError> {
        const NOPROC: Atom = Atom::from_static("noproc");
        const NOTSUP: Atom = Atom::from_static("notsup");
        match &signal.control {
            Control::Send {
                to: Destination::Name(name),
                ..
            } if name == NET_KERNEL => {
                let ping = signal.payload.as_ref().and_then(ping);
                let Some((to, tag)) = ping else {
                    return Ok(Some(signal));
                };
                let yes = (tag, Atom::from_static("yes"));
                self.send(to, &yes)?;
            }
            Control::SpawnRequest { request, from, .. } => {
                let reply = Control::SpawnReply {
                    request: request.clone(),
                    to: from.clone(),
                    link: false,
                    monitor: false,
                    result: Err(NOTSUP),
                    token: None,
                };
                self.signal(&reply, None)?;
            }
            Control::MonitorP {
                from,
                to,
                reference,
            } if !self.is_here(to) => {
                let down = Control::MonitorPExit {
                    from: to.clone(),
                    to: from.clone(),
                    reference: reference.clone(),
                };
                self.signal(&down, Some(Payload::encode(&NOPROC)?))?;
            }
            Control::Link { from, to } if *to != self.pid => {
                let exit = Control::Exit {
                    from: to.clone(),
                    to: from.clone(),
                    token: None,
                };
                self.signal(&exit, Some(Payload::encode(&NOPROC)?))?;
            }
            Control::UnlinkId { id, from, to } => {
                let (from, to) = (to.clone(), from.clone());
                self.signal(&Control::UnlinkIdAck { id: *id, from, to }, None)?;
                return Ok(Some(signal));
            }
            _ => return Ok(Some(signal)),
        }
        Ok(None)
    }

    fn is_here(&self, target: &Target) -> bool {
        match target {
            Target::Pid(pid) => *pid == self.pid,
            Target::Name(name) => name == NET_KERNEL || self.names.contains(name),
        }
    }
}

/// Whom to answer `yes`, and with which tag, if this is what `net_adm:ping/1` sends:
/// `{'$gen_call', {Pid, Tag}, {is_auth, Node}}`.
fn ping(message: &Payload) -> Option<(Pid, einode_etf::Term)> {
    let (gen_call, from, (request, _)): (Atom, _, (Atom, Atom)) = message.decode().ok()?;
    (gen_call == "$gen_call" && request == "is_auth").then_some(from)
}

impl Signal {
    /// About how many bytes it takes.
    fn weight(&self) -> usize {
        size_of::<Self>()
            + self
                .payload
                .as_ref()
                .map_or(0, |payload| payload.bytes().len())
    }
}

impl<S> fmt::Debug for Link<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, pid, .. } = self;
        f.debug_struct("Link")
            .field("session", session)
            .field("pid", pid)
            .finish_non_exhaustive()
    }
}
