use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use einode_dist::Payload;
use einode_etf::{Atom, DecodeError, Encode, Pid, Reader, Term};

use super::{Body, From, GenServer, Served, Stop, alias, answer, function};
use crate::core::{Look, Message, Scan, reason};
use crate::process::Process;

/// Runs a server on a thread.
pub(super) fn start(process: Process, server: impl GenServer) -> Served {
    let served = Served {
        core: Arc::clone(&process.core),
        inbox: Arc::clone(&process.inbox),
    };
    let server = Server {
        process,
        server,
        suspended: false,
    };
    let name = format!("{}", served.inbox.pid);
    // Where there is no thread, the process ends with `system_limit`, as the server is dropped.
    let _ = thread::Builder::new().name(name).spawn(|| server.run());
    served
}

struct Server<S> {
    process: Process,
    server: S,
    suspended: bool,
}

impl<S> Drop for Server<S> {
    fn drop(&mut self) {
        self.process.end("system_limit");
    }
}

/// A message to a server.
enum Incoming {
    Call(Pid, Term, Body),
    Cast(Body),
    System(Pid, Term, Body),
    Info(Message),
}

impl<S: GenServer> Server<S> {
    fn run(mut self) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.live()));
        let why = match ended {
            // An exit signal has ended it, and nothing more is to be done.
            Ok(None) => return,
            Ok(Some(Stop(why))) => why,
            Err(panic) => {
                let why = (function::panicked(self.process.pid(), &*panic), Term::nil());
                Payload::encode(&why).unwrap_or_else(|_| reason("panic"))
            }
        };
        let Self {
            process, server, ..
        } = &mut self;
        let last = catch_unwind(AssertUnwindSafe(|| server.terminate(process, &why)));
        let why = match last {
            Ok(()) => why,
            Err(panic) => {
                let panicked = (function::panicked(process.pid(), &*panic), Term::nil());
                Payload::encode(&panicked).unwrap_or(why)
            }
        };
        self.process.end_with(why);
    }

    /// Does what it is asked for until it is to stop.
    fn live(&mut self) -> Option<Stop> {
        if let Err(stop) = self.server.init(&self.process) {
            return Some(stop);
        }
        loop {
            let message = self.next()?;
            let me = &self.process;
            let done = match incoming(message) {
                Incoming::Call(to, tag, request) => {
                    let from = From {
                        core: Arc::clone(&me.core),
                        server: Arc::clone(&me.inbox),
                        to,
                        tag,
                    };
                    self.server.handle_call(me, request, from)
                }
                Incoming::Cast(message) => self.server.handle_cast(me, message),
                Incoming::Info(message) => self.server.handle_info(me, message),
                Incoming::System(to, tag, request) => self.system(&to, &tag, &request),
            };
            if let Err(stop) = done {
                return Some(stop);
            }
        }
    }

    /// The next message, which is one of the system while the server is suspended.
    fn next(&self) -> Option<Message> {
        let suspended = self.suspended;
        let mut select = |message: &Message| (!suspended || is_system(message)).then_some(());
        let mut scan = Scan::default();
        let (arrived, queue) = self.process.inbox.waiting();
        let next = arrived.wait(queue, None, |queue| queue.look(&mut scan, &mut select))?;
        Some(next.ok()?.0)
    }

    /// What OTP's `sys` asks of every process.
    fn system(&mut self, to: &Pid, tag: &Term, request: &Body) -> Result<(), Stop> {
        const OK: Atom = Atom::from_static("ok");
        let asked = request.term()?;
        match asked.as_atom().map(Atom::as_str) {
            // OTP 25 expects the state itself. Later releases, whose aliases have more words, can tell it from
            // an error.
            Some("get_state") => match alias(tag) {
                Some(alias) if alias.words().len() > 3 => {
                    self.reply(to, tag, &(OK, self.server.state()));
                }
                _ => self.reply(to, tag, &self.server.state()),
            },
            Some("get_status") => self.reply(to, tag, &self.status()),
            Some("suspend") => {
                self.suspended = true;
                self.reply(to, tag, &OK);
            }
            Some("resume") => {
                self.suspended = false;
                self.reply(to, tag, &OK);
            }
            _ => {
                if let Some([what, why]) = asked.as_tuple()
                    && what.is_atom("terminate")
                {
                    self.reply(to, tag, &OK);
                    return Err(Stop::new(why));
                }
                const ERROR: Atom = Atom::from_static("error");
                const UNKNOWN: Atom = Atom::from_static("unknown_system_msg");
                self.reply(to, tag, &(ERROR, (UNKNOWN, asked)));
            }
        }
        Ok(())
    }

    /// `{status, Pid, {module, Module}, [Dictionary, SysState, Parent, Debug, Misc]}`.
    fn status(&self) -> impl Encode + use<S> {
        const STATUS: Atom = Atom::from_static("status");
        const MODULE: Atom = Atom::from_static("module");
        const EINODE: Atom = Atom::from_static("einode");
        let pid = self.process.pid();
        let now = if self.suspended {
            "suspended"
        } else {
            "running"
        };
        let items: [Term; 5] = [
            Term::nil(),
            Atom::from_static(now).into(),
            pid.clone().into(),
            Term::nil(),
            self.server.state(),
        ];
        (STATUS, pid.clone(), (MODULE, EINODE), items)
    }

    fn reply(&self, to: &Pid, tag: &Term, reply: &impl Encode) {
        if let Ok(reply) = Payload::encode(&(tag, reply)) {
            let Process { core, inbox } = &self.process;
            answer(core, inbox, to, tag, reply);
        }
    }
}

fn is_system(message: &Message) -> bool {
    message
        .user()
        .is_some_and(|message| label(message).is_some_and(|label| label == "system"))
}

/// The first element of a tuple, if it is an atom.
fn label(message: &Payload) -> Option<Atom> {
    let mut reader = message.reader();
    reader.tuple().ok()?;
    reader.atom().ok()
}

/// What a message is to a server: `{'$gen_call', {Pid, Tag}, Request}`, `{'$gen_cast', Message}`,
/// `{system, {Pid, Tag}, Request}` or something else.
fn incoming(message: Message) -> Incoming {
    let of_otp = message.user().and_then(|payload| {
        let mut reader = payload.reader();
        match (reader.tuple().ok()?, reader.atom().ok()?.as_str()) {
            (3, label @ ("$gen_call" | "system")) => {
                let (pid, tag): (Pid, Term) = reader.decode().ok()?;
                let body = Body::new(payload.clone(), |reader| skip(reader, 2));
                Some(if label == "system" {
                    Incoming::System(pid, tag, body)
                } else {
                    Incoming::Call(pid, tag, body)
                })
            }
            (2, "$gen_cast") => {
                let body = Body::new(payload.clone(), |reader| skip(reader, 1));
                Some(Incoming::Cast(body))
            }
            _ => None,
        }
    });
    of_otp.unwrap_or(Incoming::Info(message))
}

/// To the element of a tuple after this many.
fn skip(reader: &mut Reader<'_>, elements: usize) -> Result<(), DecodeError> {
    reader.tuple()?;
    (0..elements).try_for_each(|_| reader.skip())
}
