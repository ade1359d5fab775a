use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use einode_dist::handshake::Session;
use einode_dist::{
    Connection, Control, Destination, Error, Event, Payload, Settings, Target, limits,
};
use einode_etf::{Atom, Pid, Reference, Term};

use crate::call::{Arrived, Call, CallError, Caller, Spawn};
use crate::error::LinkError;
use crate::process::SendError;
use crate::pulse::Pulse;
use crate::recipient::Recipient;

/// How many bytes of signals a link keeps for later while it awaits an answer: 512 MiB, as much as the
/// longest message.
pub const BACKLOG: usize = limits::MESSAGE;

/// The process of every node that answers pings.
const NET_KERNEL: &str = "net_kernel";

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

    /// What it is to a call.
    pub(crate) fn arrived(&self) -> Option<Arrived<'_>> {
        match (&self.control, &self.payload) {
            (Control::Send { .. }, Some(message)) => Some(Arrived::Message(message)),
            (Control::MonitorPExit { reference, .. }, Some(reason)) => {
                Some(Arrived::Down(reference, reason))
            }
            (
                Control::SpawnReply {
                    request, result, ..
                },
                _,
            ) => Some(Arrived::Spawned(request, result)),
            _ => None,
        }
    }

    /// About how many bytes it takes.
    fn weight(&self) -> usize {
        size_of::<Self>()
            + self
                .payload
                .as_ref()
                .map_or(0, |payload| payload.bytes().len())
    }
}

/// A link without its socket: all that it knows and decides, whatever the style in which it reads
/// and writes.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) connection: Connection,
    pub(crate) session: Session,
    pulse: Pulse,
    pub(crate) pid: Pid,
    names: Vec<Atom>,
    references: u64,
    unlinks: NonZeroU64,
    /// What arrived while something else was awaited.
    backlog: VecDeque<Signal>,
    backlog_bytes: usize,
    /// The peer's `user` process, once it was asked for.
    pub(crate) user: Option<Pid>,
}

impl Engine {
    pub(crate) fn new(session: Session, settings: &Settings) -> Result<Self, Error> {
        /// Links of this process have different pids, also where their nodes have one name.
        static LAST_PID: AtomicU32 = AtomicU32::new(0);
        let id = LAST_PID.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let node = session.local.as_atom().clone();
        Ok(Self {
            connection: Connection::new(session.flags, settings),
            pulse: Pulse::default(),
            pid: Pid::new(node, id, 0, session.local_creation),
            names: Vec::new(),
            references: 0,
            unlinks: NonZeroU64::MIN,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            user: None,
            session,
        })
    }

    /// How often [`Engine::beat`] is due.
    pub(crate) fn interval(&self) -> Duration {
        self.connection.ticker.interval()
    }

    /// How long a peer may take nothing of what is sent to it: its `net_ticktime`, as far as we know it.
    pub(crate) fn send_time(&self) -> Duration {
        self.interval() * limits::TICK_INTENSITY
    }

    /// A reference that nobody else has.
    pub(crate) fn reference(&mut self) -> Reference {
        self.references += 1;
        let count = self.references;
        // ERTS takes no more than 18 bits in the first word.
        let words = [count as u32 & 0x3_ffff, (count >> 18) as u32, self.pid.id()];
        Reference::new(self.pid.node().clone(), self.pid.creation(), &words)
            .expect("a reference may have three words")
    }

    pub(crate) fn register(&mut self, name: Atom) {
        self.names.push(name);
    }

    /// Queues a signal.
    pub(crate) fn signal(
        &mut self,
        control: &Control,
        payload: Option<Payload>,
    ) -> Result<(), Error> {
        self.connection.outbound.send(control, payload)
    }

    /// Whether so much waits to be written that nothing should be added.
    pub(crate) fn is_busy(&self) -> bool {
        self.connection.outbound.queued() > limits::BUSY
    }

    /// As many bytes were added to the inbox.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.pulse.received(bytes);
    }

    /// The next signal for the program, of those that are there. What we owe the peer is queued.
    pub(crate) fn poll(&mut self) -> Result<Option<Signal>, LinkError> {
        while let Some(event) = self.connection.inbound.poll()? {
            match event {
                Event::Signal(control, payload) => {
                    if let Some(signal) = self.serve(Signal { control, payload })? {
                        return Ok(Some(signal));
                    }
                }
                Event::Tick => self.pulse.answer(&mut self.connection.outbound),
                // A message that makes no sense is lost; the next is as good as any.
                _ => {}
            }
        }
        Ok(None)
    }

    /// An interval of the tick time is over.
    pub(crate) fn beat(&mut self) -> Result<(), LinkError> {
        let Connection {
            outbound, ticker, ..
        } = &mut self.connection;
        self.pulse.beat(ticker, outbound)
    }

    /// Keeps a signal for later.
    pub(crate) fn keep(&mut self, signal: Signal) -> Result<(), LinkError> {
        self.backlog_bytes += signal.weight();
        self.backlog.push_back(signal);
        if self.backlog_bytes > BACKLOG {
            Err(LinkError::Backlog)
        } else {
            Ok(())
        }
    }

    /// The first of the signals that were kept.
    pub(crate) fn kept(&mut self) -> Option<Signal> {
        let signal = self.backlog.pop_front()?;
        self.backlog_bytes -= signal.weight();
        Some(signal)
    }

    /// Does what the peer expects of any node; gives the signal back if it is for the program.
    fn serve(&mut self, signal: Signal) -> Result<Option<Signal>, LinkError> {
        const NOPROC: Atom = Atom::from_static("noproc");
        const NOTSUP: Atom = Atom::from_static("notsup");
        const YES: Atom = Atom::from_static("yes");
        let (answer, payload) = match &signal.control {
            Control::Send {
                to: Destination::Name(name),
                ..
            } if name == NET_KERNEL => {
                let ping = signal.payload.as_ref().and_then(asked_to_ping);
                let Some((to, tag)) = ping else {
                    return Ok(Some(signal));
                };
                (message(&self.pid, to), Some(Payload::encode(&(tag, YES))?))
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
                (reply, None)
            }
            Control::MonitorP {
                from,
                to,
                reference,
            } if !self.is_here(to) => {
                let (from, to, reference) = (to.clone(), from.clone(), reference.clone());
                (
                    Control::MonitorPExit {
                        from,
                        to,
                        reference,
                    },
                    Some(Payload::encode(&NOPROC)?),
                )
            }
            Control::Link { from, to } if *to != self.pid => {
                let (from, to) = (to.clone(), from.clone());
                (
                    Control::Exit {
                        from,
                        to,
                        token: None,
                    },
                    Some(Payload::encode(&NOPROC)?),
                )
            }
            Control::UnlinkId { id, from, to } => {
                let (from, to) = (to.clone(), from.clone());
                self.signal(&Control::UnlinkIdAck { id: *id, from, to }, None)?;
                return Ok(Some(signal));
            }
            _ => return Ok(Some(signal)),
        };
        self.signal(&answer, payload)?;
        Ok(None)
    }

    pub(crate) fn link(&self, to: Pid) -> Control {
        let from = self.pid.clone();
        Control::Link { from, to }
    }

    pub(crate) fn unlink(&mut self, to: Pid) -> (NonZeroU64, Control) {
        self.unlinks = self.unlinks.checked_add(1).unwrap_or(NonZeroU64::MIN);
        let (id, from) = (self.unlinks, self.pid.clone());
        (id, Control::UnlinkId { id, from, to })
    }

    pub(crate) fn monitor(&mut self, to: Target) -> (Reference, Control) {
        let (from, reference) = (self.pid.clone(), self.reference());
        let monitor = Control::MonitorP {
            from,
            to,
            reference: reference.clone(),
        };
        (reference, monitor)
    }

    pub(crate) fn demonitor(&self, to: Target, reference: Reference) -> Control {
        Control::DemonitorP {
            from: self.pid.clone(),
            to,
            reference,
        }
    }

    /// Notes the process that writes to the terminal of the peer: the group leader for what we have it
    /// run. A node may have none; what is printed goes nowhere then.
    pub(crate) fn take_user(&mut self, found: &Term) {
        self.user = Some(found.as_pid().unwrap_or(&self.pid).clone());
    }

    pub(crate) fn exit(&self, to: Pid) -> Control {
        Control::Exit2 {
            from: self.pid.clone(),
            to: to.into(),
            priority: false,
            token: None,
        }
    }

    fn is_here(&self, target: &Target) -> bool {
        match target {
            Target::Pid(pid) => *pid == self.pid,
            Target::Name(name) => name == NET_KERNEL || self.names.contains(name),
        }
    }
}

/// A link calls whom it has: the peer. What names another node is not looked at.
impl Caller for Engine {
    const HAS_ALIASES: bool = false;

    fn pid(&self) -> &Pid {
        &self.pid
    }

    fn reference(&mut self) -> Reference {
        Self::reference(self)
    }

    fn monitor(&mut self, server: &Recipient) -> Result<Reference, CallError> {
        let target = target(server).ok_or(SendError::Alias)?;
        let (reference, monitor) = Self::monitor(self, target);
        self.signal(&monitor, None).map_err(LinkError::from)?;
        Ok(reference)
    }

    fn send(&mut self, server: &Recipient, message: Payload) -> Result<(), CallError> {
        let to = match server.clone() {
            Recipient::Pid(pid) => pid.into(),
            Recipient::Alias(alias) => alias.into(),
            Recipient::Name(name) | Recipient::Remote(name, _) => Destination::Name(name),
        };
        let control = self::message(&self.pid, to);
        let sent = self.signal(&control, Some(message));
        sent.map_err(|error| LinkError::from(error).into())
    }

    fn spawn(&mut self, wanted: Spawn) -> Result<Reference, CallError> {
        let request = Self::reference(self);
        let group_leader = wanted.group_leader.or_else(|| self.user.clone());
        let control = Control::SpawnRequest {
            request: request.clone(),
            from: self.pid.clone(),
            group_leader: group_leader.unwrap_or_else(|| self.pid.clone()),
            call: wanted.call,
            options: wanted.options,
            token: None,
        };
        self.signal(&control, Some(wanted.arguments))
            .map_err(LinkError::from)?;
        Ok(request)
    }

    fn demonitor(&mut self, process: Recipient, monitor: &Reference) -> Result<(), CallError> {
        let Some(target) = target(&process) else {
            return Ok(());
        };
        let demonitor = Self::demonitor(self, target, monitor.clone());
        let sent = self.signal(&demonitor, None);
        sent.map_err(|error| LinkError::from(error).into())
    }

    /// The answer is kept for the program, which may look at it or not.
    fn abandon(&mut self, _request: &Reference) -> bool {
        true
    }
}

/// What a monitor of it watches; nothing for an alias.
fn target(process: &Recipient) -> Option<Target> {
    match process.clone() {
        Recipient::Pid(pid) => Some(pid.into()),
        Recipient::Alias(_) => None,
        Recipient::Name(name) | Recipient::Remote(name, _) => Some(name.into()),
    }
}

/// Calls a function of the peer through its server `rex`. What it prints appears where the peer's own output
/// does.
pub(crate) fn rpc(
    engine: &mut Engine,
    module: &str,
    function: &str,
    arguments: &[Term],
) -> Result<Call, CallError> {
    const REX: Atom = Atom::from_static("rex");
    Call::rpc(engine, REX.into(), module, function, arguments, None)
}

/// As `net_adm:ping/1`.
pub(crate) fn ping(engine: &mut Engine) -> Result<Call, CallError> {
    const IS_AUTH: Atom = Atom::from_static("is_auth");
    let node = engine.pid.node().clone();
    Call::server(
        engine,
        Atom::from_static(NET_KERNEL).into(),
        &(IS_AUTH, node),
    )
}

/// Asks for the group leader of what we have the peer run, which [`Engine::take_user`] takes.
pub(crate) fn user(engine: &mut Engine) -> Result<Call, CallError> {
    rpc(
        engine,
        "erlang",
        "whereis",
        &[Atom::from_static("user").into()],
    )
}

/// The control message of an ordinary message.
pub(crate) fn message(from: &Pid, to: impl Into<Destination>) -> Control {
    Control::Send {
        from: Some(from.clone()),
        to: to.into(),
        priority: false,
        token: None,
    }
}

/// Whom to answer `yes`, and with which tag, if this is what `net_adm:ping/1` sends:
/// `{'$gen_call', {Pid, Tag}, {is_auth, Node}}`.
pub(crate) fn asked_to_ping(message: &Payload) -> Option<(Pid, Term)> {
    let (gen_call, from, (request, _)): (Atom, _, (Atom, Atom)) = message.decode().ok()?;
    (gen_call == "$gen_call" && request == "is_auth").then_some(from)
}
