use std::collections::VecDeque;
use std::sync::Mutex;

use einode_dist::Payload;
use einode_etf::{Atom, Pid};

use super::bell::{Bell, lock};
use super::message::{Exit, Message};
use crate::trace;

/// What of a process others can reach: its identifier, its messages, and whether it still lives.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) pid: Pid,
    queue: Mutex<Queue>,
    arrived: Bell,
}

#[derive(Debug)]
struct Queue {
    messages: VecDeque<Message>,
    /// How many of them, at the front, have priority.
    priority: usize,
    /// About how many bytes they take, and how many they may.
    bytes: usize,
    limit: usize,
    trap_exit: bool,
    /// Why the process ended. It has no messages then, and gets none.
    exited: Option<Payload>,
    group_leader: Option<Pid>,
}

/// How an exit signal came about, which decides on what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A linked process ended.
    Link,
    /// A process sent it with `exit/2`: `kill` cannot be trapped.
    Sent,
}

/// What became of something that was sent to a process.
#[derive(Debug, PartialEq)]
pub(crate) enum Fate {
    /// It has arrived, or there was no one to get it.
    Taken,
    /// The process has to end for it, with this reason.
    Ends(Payload),
}

impl Inbox {
    pub(crate) fn new(pid: Pid, limit: usize) -> Self {
        Self {
            pid,
            queue: Mutex::new(Queue {
                messages: VecDeque::new(),
                priority: 0,
                bytes: 0,
                limit,
                trap_exit: false,
                exited: None,
                group_leader: None,
            }),
            arrived: Bell::default(),
        }
    }

    /// Puts a message at the end, or, with priority, before all that have none. A process that has more
    /// than it may have ends, as one does in Erlang that outgrows its `max_heap_size`.
    pub(crate) fn push(&self, message: Message, priority: bool) -> Fate {
        let mut queue = lock(&self.queue);
        if queue.exited.is_some() {
            return Fate::Taken;
        }
        let weight = message.weight();
        if !queue.messages.is_empty() && queue.bytes.saturating_add(weight) > queue.limit {
            let limit = queue.limit;
            drop(queue);
            trace::overflown(&self.pid, limit);
            return Fate::Ends(reason("killed"));
        }
        queue.bytes += weight;
        if priority {
            let place = queue.priority;
            queue.messages.insert(place, message);
            queue.priority += 1;
        } else {
            queue.messages.push_back(message);
        }
        drop(queue);
        self.arrived.ring();
        Fate::Taken
    }

    /// What an exit signal does, as `erlang:exit/2` says it.
    pub(crate) fn exit(&self, from: &Pid, why: &Payload, cause: Cause, priority: bool) -> Fate {
        let is = |name: &str| why.decode::<Atom>().is_ok_and(|reason| reason == name);
        let trap_exit = {
            let queue = lock(&self.queue);
            if queue.exited.is_some() {
                return Fate::Taken;
            }
            queue.trap_exit
        };
        if cause == Cause::Sent && is("kill") {
            return Fate::Ends(reason("killed"));
        }
        if trap_exit {
            let (from, reason) = (from.clone(), why.clone());
            return self.push(Message::Exit(Exit { from, reason }), priority);
        }
        // A normal end is no reason to end, unless one sends it to oneself.
        if is("normal") && !(cause == Cause::Sent && *from == self.pid) {
            return Fate::Taken;
        }
        Fate::Ends(why.clone())
    }

    /// Notes why the process ended, if it has not ended before, and drops its messages.
    pub(crate) fn end(&self, why: Payload) -> bool {
        let mut queue = lock(&self.queue);
        if queue.exited.is_some() {
            return false;
        }
        queue.exited = Some(why);
        let messages = std::mem::take(&mut queue.messages);
        (queue.priority, queue.bytes) = (0, 0);
        drop(queue);
        drop(messages);
        self.arrived.ring();
        true
    }

    /// Why the process ended, if it has.
    pub(crate) fn exited(&self) -> Option<Payload> {
        lock(&self.queue).exited.clone()
    }

    pub(crate) fn trap_exit(&self, trap: bool) -> bool {
        std::mem::replace(&mut lock(&self.queue).trap_exit, trap)
    }

    pub(crate) fn set_group_leader(&self, leader: Pid) {
        lock(&self.queue).group_leader = Some(leader);
    }

    pub(crate) fn group_leader(&self) -> Option<Pid> {
        lock(&self.queue).group_leader.clone()
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        lock(&self.queue).messages.len()
    }

    /// Removes the messages that this says are to go.
    pub(crate) fn discard(&self, mut goes: impl FnMut(&Message) -> bool) {
        let mut guard = lock(&self.queue);
        let queue = &mut *guard;
        let (mut place, mut priority, mut bytes) = (0, queue.priority, queue.bytes);
        queue.messages.retain(|message| {
            let goes = goes(message);
            if goes {
                bytes -= message.weight();
                priority -= usize::from(place < queue.priority);
            }
            place += 1;
            !goes
        });
        (queue.priority, queue.bytes) = (priority, bytes);
    }

    /// The first message that `select` finds something in, if there is one.
    pub(crate) fn take<R>(
        &self,
        mut select: impl FnMut(&Message) -> Option<R>,
    ) -> Option<Result<(Message, R), Payload>> {
        lock(&self.queue).look(&mut Scan::default(), &mut select)
    }

    /// The bell and what it is rung for, to wait for messages: [`Scan::look`] looks.
    pub(crate) fn waiting(&self) -> (&Bell, &Mutex<impl Look>) {
        (&self.arrived, &self.queue)
    }
}

/// What a scan looks through.
pub(crate) trait Look {
    fn look<R>(
        &mut self,
        scan: &mut Scan,
        select: &mut impl FnMut(&Message) -> Option<R>,
    ) -> Option<Result<(Message, R), Payload>>;
}

/// How far a process has looked through its messages, in vain, for one that it wants.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    seen: usize,
    priority: usize,
}

impl Look for Queue {
    /// The first message that `select` finds something in, which leaves the queue, or why the process has
    /// ended. What was looked at before is not looked at again.
    fn look<R>(
        &mut self,
        scan: &mut Scan,
        select: &mut impl FnMut(&Message) -> Option<R>,
    ) -> Option<Result<(Message, R), Payload>> {
        if let Some(why) = &self.exited {
            return Some(Err(why.clone()));
        }
        // A message with priority has come in before what was seen: begin anew.
        if scan.priority != self.priority {
            (scan.seen, scan.priority) = (0, self.priority);
        }
        while let Some(message) = self.messages.get(scan.seen) {
            if let Some(found) = select(message) {
                let place = scan.seen;
                self.priority -= usize::from(place < self.priority);
                let message = self.messages.remove(place)?;
                self.bytes -= message.weight();
                return Some(Ok((message, found)));
            }
            scan.seen += 1;
        }
        None
    }
}

/// A reason that is an atom.
pub(crate) fn reason(name: &'static str) -> Payload {
    Payload::encode(&Atom::from_static(name)).expect("an atom is a term")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox() -> Inbox {
        Inbox::new(Pid::new(Atom::from_static("a@b"), 1, 0, 4), 1 << 20)
    }

    fn other() -> Pid {
        Pid::new(Atom::from_static("a@b"), 2, 0, 4)
    }

    fn number(n: u8) -> Message {
        Message::User(Payload::encode(&n).unwrap())
    }

    fn numbers(inbox: &Inbox) -> Vec<u8> {
        let mut scan = Scan::default();
        let mut all = |message: &Message| message.decode::<u8>().ok();
        let mut queue = lock(&inbox.queue);
        std::iter::from_fn(|| match queue.look(&mut scan, &mut all)? {
            Ok((_, number)) => Some(number),
            Err(_) => None,
        })
        .collect()
    }

    #[test]
    fn keeps_order_and_lets_priority_go_first() {
        let inbox = inbox();
        for (n, priority) in [(1, false), (2, true), (3, false), (4, true)] {
            assert_eq!(inbox.push(number(n), priority), Fate::Taken);
        }
        assert_eq!(numbers(&inbox), [2, 4, 1, 3]);
        assert_eq!(lock(&inbox.queue).bytes, 0);
    }

    #[test]
    fn gives_what_is_selected_and_keeps_the_rest() {
        let inbox = inbox();
        for n in 0..6 {
            inbox.push(number(n), false);
        }
        let mut scan = Scan::default();
        let mut four = |message: &Message| (message.decode::<u8>() == Ok(4)).then_some(());
        assert!(lock(&inbox.queue).look(&mut scan, &mut four).is_some());
        assert!(lock(&inbox.queue).look(&mut scan, &mut four).is_none());
        inbox.push(number(4), true);
        assert!(lock(&inbox.queue).look(&mut scan, &mut four).is_some());
        inbox.discard(|message| message.decode::<u8>() == Ok(2));
        assert_eq!(numbers(&inbox), [0, 1, 3, 5]);
    }

    #[test]
    fn exit_signals_do_what_erlang_says() {
        let (other, boom) = (other(), reason("boom"));
        for (why, cause, trap, fate, arrives) in [
            ("boom", Cause::Link, false, Fate::Ends(boom.clone()), false),
            ("boom", Cause::Link, true, Fate::Taken, true),
            ("normal", Cause::Link, false, Fate::Taken, false),
            ("normal", Cause::Link, true, Fate::Taken, true),
            ("normal", Cause::Sent, false, Fate::Taken, false),
            (
                "kill",
                Cause::Sent,
                true,
                Fate::Ends(reason("killed")),
                false,
            ),
            ("kill", Cause::Link, true, Fate::Taken, true),
            (
                "kill",
                Cause::Link,
                false,
                Fate::Ends(reason("kill")),
                false,
            ),
        ] {
            let inbox = inbox();
            inbox.trap_exit(trap);
            let case = format!("{why} {cause:?} {trap}");
            assert_eq!(
                inbox.exit(&other, &reason(why), cause, false),
                fate,
                "{case}"
            );
            assert_eq!(inbox.len(), usize::from(arrives), "{case}");
        }
        let inbox = inbox();
        let myself = inbox.pid.clone();
        let normal = reason("normal");
        assert_eq!(
            inbox.exit(&myself, &normal, Cause::Sent, false),
            Fate::Ends(normal)
        );
    }

    #[test]
    fn a_process_that_ended_gets_nothing() {
        let inbox = inbox();
        inbox.push(number(1), false);
        assert!(inbox.end(reason("boom")));
        assert!(!inbox.end(reason("late")));
        inbox.push(number(2), false);
        assert_eq!(inbox.len(), 0);
        assert_eq!(inbox.exited(), Some(reason("boom")));
    }

    #[test]
    fn a_process_ends_that_has_too_much_to_read() {
        let inbox = Inbox::new(other(), 1000);
        let big = || Message::User(Payload::encode(&vec![0_u8; 800]).unwrap());
        assert_eq!(inbox.push(big(), false), Fate::Taken);
        assert_eq!(inbox.push(big(), false), Fate::Ends(reason("killed")));
    }
}
