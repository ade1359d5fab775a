//! Processes that are asked for: by ours at other nodes, and by others here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use einode_dist::{Control, Mfa, Payload};
use einode_etf::{Atom, DecodeError, Pid, Reader, Reference, Term};

use super::Core;
use super::exits::Ending;
use super::inbox::{Inbox, reason};
use super::message::{Message, Monitored, Spawned};
use super::peer::Peer;
use super::registry::Key;
use super::relations::Request;
use super::signals::{is_of, owe};
use crate::serve::{Body, Job, Report, SERVED, count, spawn_reply};

/// A process that one of ours asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) node: Atom,
    pub(crate) group_leader: Pid,
    pub(crate) call: Mfa,
    /// The list of arguments.
    pub(crate) arguments: Payload,
    /// The list of options.
    pub(crate) options: Payload,
}

impl Core {
    /// Asks another node for a process. The answer is a message to `inbox`.
    pub(crate) fn request(self: &Arc<Self>, inbox: &Arc<Inbox>, wanted: Wanted) -> Reference {
        let request = self.reference();
        let control = Control::SpawnRequest {
            request: request.clone(),
            from: inbox.pid.clone(),
            group_leader: wanted.group_leader,
            call: wanted.call,
            options: wanted.options,
            token: None,
        };
        let refused = {
            let mut relations = self.relations();
            if let Some(ties) = relations.of(Key::from(&inbox.pid)) {
                let pending = Request {
                    node: wanted.node.clone(),
                    abandoned: false,
                };
                ties.requests.insert(request.clone(), pending);
            }
            let arguments = Some(&wanted.arguments);
            let sent = self.signal_with(&mut relations, &wanted.node, &control, arguments);
            if sent.is_err()
                && let Some(ties) = relations.of(Key::from(&inbox.pid))
            {
                ties.requests.remove(&request);
            }
            sent.is_err()
        };
        if refused {
            let spawned = Spawned {
                request: request.clone(),
                result: Err(Atom::from_static("noconnection")),
            };
            let fate = inbox.push(Message::Spawned(spawned), false);
            self.meet(inbox, fate);
        }
        request
    }

    /// The answer to a request is of no interest any more. False if it has been answered.
    pub(crate) fn abandon(&self, inbox: &Inbox, request: &Reference) -> bool {
        let mut relations = self.relations();
        let ties = relations.of(Key::from(&inbox.pid));
        match ties.and_then(|ties| ties.requests.get_mut(request)) {
            Some(request) => {
                request.abandoned = true;
                true
            }
            None => false,
        }
    }

    /// A request of ours is answered: the process is linked and monitored from now on, if it was to be.
    pub(super) fn spawn_replied(&self, reply: Control) {
        let Control::SpawnReply {
            request,
            to,
            link,
            monitor,
            result,
            ..
        } = reply
        else {
            return;
        };
        let inbox = self.process(&to);
        let mut relations = self.relations();
        let process = Key::from(&to);
        let ties = inbox.as_ref().and_then(|_| relations.of(process));
        let asked = ties.and_then(|ties| ties.requests.remove(&request));
        match (inbox, asked, result) {
            (Some(inbox), Some(asked), result) if !asked.abandoned => {
                if let Ok(pid) = &result {
                    if link {
                        relations.link(process, pid, true);
                    }
                    if monitor && let Some(ties) = relations.of(process) {
                        let target = Monitored::Pid(pid.clone());
                        ties.monitors.insert(request.clone(), target);
                    }
                }
                // Told while nothing else can be, such as that the connection is lost.
                let spawned = Message::Spawned(Spawned { request, result });
                let mut ending = Ending::default();
                ending.note(&inbox, inbox.push(spawned, false));
                self.end_all(&mut relations, ending);
            }
            // Nobody waits for it. What it has with us ends as if we had.
            (_, asked, Ok(pid)) => {
                let why = if asked.is_some() {
                    "abandoned"
                } else {
                    "noproc"
                };
                self.disown(to, &pid, request, link, monitor, why);
            }
            (_, _, Err(_)) => {}
        }
    }

    fn disown(
        &self,
        from: Pid,
        pid: &Pid,
        request: Reference,
        link: bool,
        monitor: bool,
        why: &'static str,
    ) {
        if monitor {
            let target = Monitored::Pid(pid.clone());
            let control = super::exits::demonitor(&from, &target, request);
            self.tell(pid.node(), &control, None);
        }
        if link {
            let (to, token) = (pid.clone(), None);
            let control = Control::Exit { from, to, token };
            self.tell(pid.node(), &control, Some(&reason(why)));
        }
    }

    /// A peer asks for a process.
    pub(super) fn spawn_requested(
        self: &Arc<Self>,
        peer: &Peer,
        asked: &Control,
        arguments: Payload,
    ) {
        let Control::SpawnRequest {
            request,
            from,
            group_leader,
            call,
            options,
            ..
        } = asked
        else {
            return;
        };
        let refuse = |why| {
            if let Some(reply) = spawn_reply(asked, false, false, Err(Atom::from_static(why))) {
                owe(peer, &reply, None);
            }
        };
        let Some(options) = options.term().ok().as_ref().and_then(Options::of) else {
            return refuse("badopt");
        };
        let Some(job) = job(call, arguments).filter(|_| is_of(from, peer)) else {
            return refuse("badarg");
        };
        if !self.job_begins() {
            return refuse("system_limit");
        }
        let inbox = self.spawn();
        inbox.set_group_leader(group_leader.clone());
        {
            let mut relations = self.relations();
            let process = Key::from(&inbox.pid);
            if options.link {
                relations.link(process, from, false);
            }
            if options.monitor {
                let _ = relations.watch(process, request, from, inbox.pid.clone().into());
            }
            let pid = Ok(inbox.pid.clone());
            if let Some(reply) = spawn_reply(asked, options.link, options.monitor, pid) {
                owe(peer, &reply, None);
            }
        }
        job.start(self, inbox);
    }

    /// Runs a function in a process that nobody has asked for by a request.
    pub(crate) fn run_job(self: &Arc<Self>, job: Job, group_leader: Option<Pid>) {
        if self.job_begins() {
            let inbox = self.spawn();
            if let Some(leader) = group_leader {
                inbox.set_group_leader(leader);
            }
            job.start(self, inbox);
        }
    }

    /// One more process for a function, unless there are as many as there may be.
    fn job_begins(&self) -> bool {
        let one_more = |jobs| (jobs < SERVED).then_some(jobs + 1);
        let (set, get) = (Ordering::AcqRel, Ordering::Acquire);
        self.jobs.fetch_update(set, get, one_more).is_ok()
    }

    pub(crate) fn job_over(&self) {
        self.jobs.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a process is asked for with, as far as it means something here.
struct Options {
    link: bool,
    monitor: bool,
}

impl Options {
    /// Nothing if there is one that `erlang:spawn_opt/5` does not know.
    fn of(options: &Term) -> Option<Self> {
        let (mut link, mut monitor) = (false, false);
        for option in options.as_list()?.iter() {
            if let Some(name) = option.as_atom() {
                match name.as_str() {
                    "link" => link = true,
                    "monitor" => monitor = true,
                    _ => return None,
                }
            } else {
                let [name, value] = option.as_tuple()? else {
                    return None;
                };
                let count = value.as_i64().is_some_and(|value| value >= 0);
                let is_known = match name.as_atom()?.as_str() {
                    "link" => {
                        link = true;
                        value.as_list().is_some()
                    }
                    "monitor" => {
                        monitor = true;
                        value.as_list().is_some()
                    }
                    "priority" => ["low", "normal", "high", "max"]
                        .iter()
                        .any(|level| value.is_atom(level)),
                    "message_queue_data" => value.is_atom("on_heap") || value.is_atom("off_heap"),
                    "async_dist" => value.as_bool().is_some(),
                    "max_heap_size" => is_max_heap_size(value),
                    "fullsweep_after" | "min_heap_size" | "min_bin_vheap_size" | "scheduler" => {
                        count
                    }
                    _ => false,
                };
                if !is_known {
                    return None;
                }
            }
        }
        Some(Self { link, monitor })
    }
}

/// Whether a heap may have this for its greatest size (`erlang:process_flag/2`): none, or one that is no less
/// than the smallest that a heap begins with.
fn is_max_heap_size(value: &Term) -> bool {
    const SMALLEST: i64 = 233;
    let is_size = |size: &Term| {
        size.as_i64()
            .is_some_and(|size| size == 0 || size >= SMALLEST)
    };
    let Some(map) = value.as_map() else {
        return is_size(value);
    };
    let mut flags = ["kill", "error_logger", "include_shared_binaries"].into_iter();
    map.get_atom("size").is_some_and(is_size)
        && flags.all(|flag| map.get_atom(flag).is_none_or(|it| it.as_bool().is_some()))
}

/// What a process is to do: to call a function, or to call one for `erpc:call/5` or `erpc:cast/4`.
fn job(call: &Mfa, arguments: Payload) -> Option<Job> {
    let is =
        |name: &str, arity| call.module == "erpc" && call.function == name && call.arity == arity;
    if is("execute_call", 4) || is("execute_cast", 3) {
        let mut reader = arguments.reader();
        let elements = reader.list().ok()?;
        let report = match elements {
            4 => Report::Reason(reader.term().ok()?),
            _ => Report::Nobody,
        };
        let (module, function) = (reader.atom().ok()?, reader.atom().ok()?);
        let arguments = match elements {
            4 => Body::new(arguments, |reader| skip(reader, 3)),
            3 => Body::new(arguments, |reader| skip(reader, 2)),
            _ => return None,
        };
        count(&arguments).ok()?;
        return Some(Job {
            module,
            function,
            arguments,
            report,
        });
    }
    Some(Job {
        module: call.module.clone(),
        function: call.function.clone(),
        arguments: Body::new(arguments, |_| Ok(())),
        report: Report::Exit,
    })
}

/// To the element of a list after this many.
fn skip(reader: &mut Reader<'_>, elements: usize) -> Result<(), DecodeError> {
    reader.list()?;
    (0..elements).try_for_each(|_| reader.skip())
}

#[cfg(test)]
mod tests {
    use std::io;

    use std::thread;

    use einode_dist::NodeName;

    use super::super::{Behaviour, Choices, Driver};
    use super::*;
    use crate::process::Process;

    /// Connects with nobody.
    struct Alone;

    impl Driver for Alone {
        fn dial(&self, _: &Arc<Core>, _: Arc<Peer>) -> io::Result<()> {
            Ok(())
        }

        fn keep(&self, _: &Arc<Core>) -> io::Result<()> {
            Ok(())
        }

        fn run(&self, _: Process, _: Box<dyn Behaviour>) {}
    }

    #[test]
    fn a_process_is_not_lost_before_it_is_announced() {
        let choices = Choices {
            name: NodeName::new("us@here").unwrap(),
            creation: 1,
            mailbox_limit: usize::MAX,
            allows: Box::new(|_| false),
        };
        let core = Core::new(choices, Alone);
        let there = Atom::from_static("them@there");
        for n in 0..200 {
            let (inbox, request) = (core.spawn(), core.reference());
            let pending = Request {
                node: there.clone(),
                abandoned: false,
            };
            let process = Key::from(&inbox.pid);
            let mut relations = core.relations();
            let ties = relations.of(process).unwrap();
            ties.requests.insert(request.clone(), pending);
            drop(relations);
            let reply = Control::SpawnReply {
                request,
                to: inbox.pid.clone(),
                link: false,
                monitor: true,
                result: Ok(Pid::new(there.clone(), n, 0, 1)),
                token: None,
            };
            // Lost as soon as there is something to lose.
            thread::scope(|scope| {
                scope.spawn(|| core.spawn_replied(reply));
                loop {
                    let mut relations = core.relations();
                    if relations.of(process).unwrap().requests.is_empty() {
                        break core.lose(&mut relations, &there);
                    }
                    drop(relations);
                    thread::yield_now();
                }
            });
            let next = || {
                inbox
                    .take(|message| Some(message.clone()))
                    .unwrap()
                    .unwrap()
                    .1
            };
            let (first, second) = (next(), next());
            assert!(
                matches!((&first, &second), (Message::Spawned(_), Message::Down(_))),
                "{first:?} {second:?}"
            );
        }
    }
}
