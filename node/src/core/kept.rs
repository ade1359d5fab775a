use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use einode_dist::NodeName;

use super::Core;
use super::bell::lock;
use super::peer::Rejected;
use crate::backoff::Backoff;
use crate::entropy;
use crate::error::Disconnected;

/// The nodes that a connection is to be kept with, and how far that has come.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    nodes: BTreeMap<NodeName, Keeping>,
    /// Whether there is somebody who attends to it.
    attended: bool,
    /// Something has changed since it was attended to.
    changed: bool,
    stopped: bool,
}

#[derive(Debug)]
struct Keeping {
    backoff: Backoff,
    /// Attempts that failed, and connections that did not last, since the last one that did.
    failures: u32,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// There has been no attempt yet.
    New,
    /// An attempt is under way.
    Dialing,
    /// There is a connection, since this time if it has been attended to.
    Up(Option<Instant>),
    /// There is none any more, or no attempt.
    Lost(Option<Instant>),
    /// The next attempt is due then.
    Waiting(Instant),
}

impl Kept {
    fn add(&mut self, node: NodeName, backoff: Backoff) {
        let new = Keeping {
            backoff,
            failures: 0,
            stage: Stage::New,
        };
        self.nodes.entry(node).or_insert(new).backoff = backoff;
        self.changed = true;
    }

    /// There is a connection.
    fn joined(&mut self, node: &NodeName) {
        self.change(node, |_| Stage::Up(None));
    }

    /// What was there, a connection or an attempt, has ended.
    fn lost(&mut self, node: &NodeName) {
        self.change(node, |stage| match stage {
            Stage::Up(since) => Stage::Lost(since),
            Stage::Waiting(due) => Stage::Waiting(due),
            _ => Stage::Lost(None),
        });
    }

    fn change(&mut self, node: &NodeName, to: impl FnOnce(Stage) -> Stage) {
        if let Some(keeping) = self.nodes.get_mut(node) {
            keeping.stage = to(keeping.stage);
            self.changed = true;
        }
    }

    /// Whom it is time to connect with, and when to ask again at the latest.
    fn due(
        &mut self,
        now: Instant,
        mut random: impl FnMut() -> u64,
    ) -> (Vec<NodeName>, Option<Instant>) {
        self.changed = false;
        let (mut due, mut next) = (Vec::new(), None::<Instant>);
        for (node, keeping) in &mut self.nodes {
            match keeping.stage {
                Stage::Up(None) => keeping.stage = Stage::Up(Some(now)),
                Stage::Lost(since) => keeping.fail(since, now, random()),
                _ => {}
            }
            match keeping.stage {
                Stage::Waiting(at) if at > now => next = Some(next.map_or(at, |next| next.min(at))),
                Stage::New | Stage::Waiting(_) => {
                    keeping.stage = Stage::Dialing;
                    due.push(node.clone());
                }
                _ => {}
            }
        }
        (due, next)
    }
}

impl Keeping {
    fn fail(&mut self, since: Option<Instant>, now: Instant, random: u64) {
        let lasted = since.map_or(Duration::ZERO, |since| now - since);
        if lasted >= self.backoff.longest() {
            self.failures = 0;
        }
        let delay = self.backoff.delay(self.failures, random);
        self.failures = self.failures.saturating_add(1);
        self.stage = Stage::Waiting(now + delay);
    }
}

impl Core {
    /// Keeps a connection with a node from now on.
    pub(crate) fn keep(
        self: &Arc<Self>,
        node: NodeName,
        backoff: Backoff,
    ) -> Result<(), Disconnected> {
        if node == self.name || !(self.allows)(&node) {
            return Err(Disconnected::NotAllowed);
        }
        {
            let mut kept = lock(&self.kept);
            if kept.stopped {
                return Err(Disconnected::Stopped);
            }
            if !kept.attended {
                let attended = self.driver.keep(self);
                attended.map_err(|error| Disconnected::Link(error.into()))?;
                kept.attended = true;
            }
            kept.add(node, backoff);
        }
        self.kept_changed.ring();
        Ok(())
    }

    /// Leaves a connection as it is. False if it was not kept.
    pub(crate) fn let_go(&self, node: &NodeName) -> bool {
        lock(&self.kept).nodes.remove(node).is_some()
    }

    /// Begins the attempts that are due. Gives when to come back, if nothing changes before that.
    pub(crate) fn attend_kept(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let (due, next) = lock(&self.kept).due(now, entropy::random);
        for node in due {
            let outcome = self.peer(node.as_atom());
            let mut kept = lock(&self.kept);
            match outcome {
                // It was there before it was to be kept.
                Ok(peer) if peer.is_up() => kept.change(&node, |stage| match stage {
                    Stage::Dialing => Stage::Up(None),
                    since => since,
                }),
                Ok(_) => {}
                Err(Rejected::Unreachable) => _ = kept.nodes.remove(&node),
                Err(_) => kept.lost(&node),
            }
        }
        next
    }

    /// Waits until something has changed. False if there is nothing to attend to any more.
    pub(crate) fn poll_kept(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.kept_changed.poll(&self.kept, cx, has_changed)
    }

    /// The same on a thread, but not past the deadline.
    pub(crate) fn wait_kept(&self, until: Option<Instant>) -> bool {
        let changed = self.kept_changed.wait(&self.kept, until, has_changed);
        changed.unwrap_or(true)
    }

    pub(super) fn kept_joined(&self, node: &NodeName) {
        lock(&self.kept).joined(node);
        self.kept_changed.ring();
    }

    pub(super) fn kept_lost(&self, node: &NodeName) {
        lock(&self.kept).lost(node);
        self.kept_changed.ring();
    }

    pub(super) fn stop_keeping(&self) {
        let mut kept = lock(&self.kept);
        (kept.stopped, kept.nodes) = (true, BTreeMap::new());
        drop(kept);
        self.kept_changed.ring();
    }
}

fn has_changed(kept: &mut Kept) -> Option<bool> {
    (kept.stopped || kept.changed).then_some(!kept.stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn half() -> u64 {
        1 << 63
    }

    fn kept() -> (Kept, NodeName) {
        let node = NodeName::new("db@127.0.0.1").unwrap();
        let mut kept = Kept::default();
        kept.add(node.clone(), Backoff::new(2 * SECOND, 6 * SECOND));
        (kept, node)
    }

    #[test]
    fn attempts_come_later_and_later() {
        let (mut kept, node) = kept();
        let mut now = Instant::now();
        assert_eq!(kept.due(now, half), (vec![node.clone()], None));
        // Half of 2, 4, 6 and 6 seconds.
        for delay in [1, 2, 3, 3] {
            kept.lost(&node);
            assert!(has_changed(&mut kept).unwrap());
            let next = now + delay * SECOND;
            assert_eq!(kept.due(now, half), (vec![], Some(next)));
            let early = next - SECOND / 2;
            assert_eq!(kept.due(early, half), (vec![], Some(next)));
            assert_eq!(has_changed(&mut kept), None);
            assert_eq!(kept.due(next, half), (vec![node.clone()], None));
            now = next;
        }
    }

    #[test]
    fn only_connections_that_last_count() {
        let (mut kept, node) = kept();
        let mut now = Instant::now();
        kept.due(now, half);
        for (lasts, delay) in [(1, 1), (1, 2), (6, 1), (1, 2)] {
            kept.joined(&node);
            assert_eq!(kept.due(now, half), (vec![], None));
            now += lasts * SECOND;
            kept.lost(&node);
            let next = now + delay * SECOND;
            assert_eq!(kept.due(now, half), (vec![], Some(next)));
            now = next;
            assert_eq!(kept.due(now, half), (vec![node.clone()], None));
        }
    }

    #[test]
    fn peers_may_be_faster() {
        let (mut kept, node) = kept();
        let now = Instant::now();
        kept.due(now, half);
        kept.lost(&node);
        kept.due(now, half);
        kept.joined(&node);
        assert_eq!(kept.due(now + 9 * SECOND, half), (vec![], None));
        // What is lost while an attempt waits is no attempt.
        kept.lost(&node);
        kept.due(now + 9 * SECOND, half);
        let waiting = kept.nodes[&node].stage;
        kept.lost(&node);
        assert_eq!(kept.nodes[&node].stage, waiting);
    }
}
