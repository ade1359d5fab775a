use std::collections::HashMap;
use std::num::NonZeroU64;

use einode_dist::Target;
use einode_etf::{Atom, Pid, Reference};

use super::message::Monitored;
use super::registry::Key;

/// How many links a process may have, and how many others may monitor it, together: 2^20. What others ask for
/// beyond that is answered with `system_limit`. ERTS has no limit.
pub const TIES: usize = 1 << 20;

/// Who is linked with whom and watches whom: what the processes of a node have with others, on this node
/// and elsewhere. A link or monitor of two local processes is noted with both.
///
/// This is bookkeeping alone; what is to be told to whom follows from what it answers.
#[derive(Debug)]
pub(crate) struct Relations {
    ties: HashMap<Key, Ties>,
    /// Whom each monitor watches, of our processes: names may lead elsewhere meanwhile.
    watched: HashMap<Reference, Key>,
    unlinks: u64,
    /// [`TIES`].
    limit: usize,
}

/// What a process has with others.
#[derive(Debug, Default)]
pub(crate) struct Ties {
    links: HashMap<Pid, Link>,
    /// Its own monitors.
    pub(crate) monitors: HashMap<Reference, Monitored>,
    /// The monitors of others: who, and how it was named.
    pub(crate) watchers: HashMap<Reference, (Pid, Target)>,
    /// The processes it has asked for.
    pub(crate) requests: HashMap<Reference, Request>,
    /// Whether it is told which nodes come and go.
    pub(crate) watches_nodes: bool,
}

/// A link from the side of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Active,
    /// Removed here, which the other side has yet to confirm.
    Unlinking(NonZeroU64),
}

/// A process that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The node it is to run on.
    pub(crate) node: Atom,
    /// Whether the answer is of no interest any more.
    pub(crate) abandoned: bool,
}

/// What a lost connection took from a process.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    pub(crate) links: Vec<Pid>,
    pub(crate) monitors: Vec<(Reference, Monitored)>,
    pub(crate) requests: Vec<Reference>,
}

impl Ties {
    /// The processes linked with this one.
    pub(crate) fn linked(&self) -> Vec<Pid> {
        let active = self.links.iter().filter(|(_, link)| **link == Link::Active);
        active.map(|(pid, _)| pid.clone()).collect()
    }
}

impl Default for Relations {
    fn default() -> Self {
        Self {
            ties: HashMap::new(),
            watched: HashMap::new(),
            unlinks: 0,
            limit: TIES,
        }
    }
}

impl Relations {
    /// A process begins.
    pub(crate) fn begin(&mut self, process: Key) {
        self.ties.insert(process, Ties::default());
    }

    /// A process ends; gives what it had, to be told to the others.
    pub(crate) fn end(&mut self, process: Key) -> Ties {
        let ties = self.ties.remove(&process).unwrap_or_default();
        for monitor in ties.watchers.keys() {
            self.watched.remove(monitor);
        }
        ties
    }

    pub(crate) fn of(&mut self, process: Key) -> Option<&mut Ties> {
        self.ties.get_mut(&process)
    }

    /// Whether others may have no more links with a process, and monitors of it.
    pub(crate) fn is_full(&self, process: Key) -> bool {
        let ties = self.ties.get(&process);
        ties.is_some_and(|ties| ties.links.len() + ties.watchers.len() >= self.limit)
    }

    /// Links, from this side or at the other's request. False if there is a link already, or one whose
    /// removal is not confirmed yet and this is the other's request: it crossed ours, and is void.
    pub(crate) fn link(&mut self, process: Key, other: &Pid, by_us: bool) -> bool {
        let Some(ties) = self.ties.get_mut(&process) else {
            return false;
        };
        match ties.links.get_mut(other) {
            Some(link @ Link::Unlinking(_)) if by_us => {
                *link = Link::Active;
                true
            }
            Some(_) => false,
            None => {
                ties.links.insert(other.clone(), Link::Active);
                true
            }
        }
    }

    /// Removes a link from this side. Gives the number that the other side has to confirm, if there was
    /// an active link.
    pub(crate) fn unlink(&mut self, process: Key, other: &Pid) -> Option<NonZeroU64> {
        let link = self.ties.get_mut(&process)?.links.get_mut(other)?;
        if *link != Link::Active {
            return None;
        }
        self.unlinks += 1;
        let id = NonZeroU64::new(self.unlinks).unwrap_or(NonZeroU64::MIN);
        *link = Link::Unlinking(id);
        Some(id)
    }

    /// The other side has confirmed a removal.
    pub(crate) fn unlinked(&mut self, process: Key, other: &Pid, id: NonZeroU64) {
        if let Some(ties) = self.ties.get_mut(&process)
            && ties.links.get(other) == Some(&Link::Unlinking(id))
        {
            ties.links.remove(other);
        }
    }

    /// The other side has removed the link, or has ended. False if there was no active one.
    pub(crate) fn drop_link(&mut self, process: Key, other: &Pid) -> bool {
        let Some(ties) = self.ties.get_mut(&process) else {
            return false;
        };
        match ties.links.get(other) {
            Some(Link::Active) => ties.links.remove(other).is_some(),
            // Both sides remove it at once: ours stands until it is confirmed.
            _ => false,
        }
    }

    /// The other side has ended: nothing is left to be confirmed. True if the link was active.
    pub(crate) fn sever(&mut self, process: Key, other: &Pid) -> bool {
        let ties = self.ties.get_mut(&process);
        ties.and_then(|ties| ties.links.remove(other)) == Some(Link::Active)
    }

    /// A process is watched. `target` is how the watcher named it.
    ///
    /// # Errors
    /// What the watcher is told instead: the process does not live, or is watched by too many.
    pub(crate) fn watch(
        &mut self,
        process: Key,
        monitor: &Reference,
        watcher: &Pid,
        target: Target,
    ) -> Result<(), &'static str> {
        if self.is_full(process) {
            return Err("system_limit");
        }
        let ties = self.ties.get_mut(&process).ok_or("noproc")?;
        ties.watchers
            .insert(monitor.clone(), (watcher.clone(), target));
        self.watched.insert(monitor.clone(), process);
        Ok(())
    }

    /// A process of ours is not watched any more.
    pub(crate) fn unwatch(&mut self, monitor: &Reference, watcher: &Pid) {
        if let Some(process) = self.watched.get(monitor)
            && let Some(ties) = self.ties.get_mut(process)
            && ties
                .watchers
                .get(monitor)
                .is_some_and(|(known, _)| known == watcher)
        {
            ties.watchers.remove(monitor);
            self.watched.remove(monitor);
        }
    }

    /// Everything with a node is over; gives what each process has lost by it.
    pub(crate) fn lose(&mut self, node: &Atom) -> Vec<(Key, Lost)> {
        let mut losses = Vec::new();
        for (process, ties) in &mut self.ties {
            let mut lost = Lost::default();
            ties.links.retain(|other, link| {
                let stays = other.node() != node;
                if !stays && *link == Link::Active {
                    lost.links.push(other.clone());
                }
                stays
            });
            ties.monitors.retain(|reference, target| {
                let stays = target.node() != node;
                if !stays {
                    lost.monitors.push((reference.clone(), target.clone()));
                }
                stays
            });
            ties.watchers.retain(|monitor, (watcher, _)| {
                let stays = watcher.node() != node;
                if !stays {
                    self.watched.remove(monitor);
                }
                stays
            });
            ties.requests.retain(|reference, request| {
                let stays = request.node != *node;
                if !stays && !request.abandoned {
                    lost.requests.push(reference.clone());
                }
                stays
            });
            if !(lost.links.is_empty() && lost.monitors.is_empty() && lost.requests.is_empty()) {
                losses.push((*process, lost));
            }
        }
        losses
    }

    /// The processes that are told which nodes come and go.
    pub(crate) fn watching_nodes(&self) -> Vec<Key> {
        let ties = self.ties.iter();
        ties.filter_map(|(process, ties)| ties.watches_nodes.then_some(*process))
            .collect()
    }

    /// Lets processes have fewer ties than [`TIES`].
    #[cfg(test)]
    pub(crate) fn limit(&mut self, ties: usize) {
        self.limit = ties;
    }

    /// Whether no process has anything with any other.
    #[cfg(test)]
    pub(crate) fn is_clear(&self) -> bool {
        self.ties.values().all(|ties| {
            ties.links.is_empty()
                && ties.monitors.is_empty()
                && ties.watchers.is_empty()
                && ties.requests.is_empty()
        }) && self.watched.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Key = Key(1);

    fn them() -> Pid {
        Pid::new(Atom::from_static("them@b"), 7, 0, 4)
    }

    fn relations() -> Relations {
        let mut relations = Relations::default();
        relations.begin(US);
        relations
    }

    #[test]
    fn a_link_is_one_whoever_asked_for_it() {
        let mut relations = relations();
        assert!(relations.link(US, &them(), true));
        assert!(!relations.link(US, &them(), false));
        assert!(relations.sever(US, &them()));
        assert!(!relations.sever(US, &them()));
    }

    #[test]
    fn an_unlink_stands_until_it_is_confirmed() {
        let mut relations = relations();
        assert_eq!(relations.unlink(US, &them()), None);
        relations.link(US, &them(), true);
        let id = relations.unlink(US, &them()).unwrap();
        assert_eq!(relations.unlink(US, &them()), None);
        // A link that the other side asks for meanwhile is void, an exit signal is ignored.
        assert!(!relations.link(US, &them(), false));
        assert!(!relations.drop_link(US, &them()));
        let other = id.checked_add(1).unwrap();
        relations.unlinked(US, &them(), other);
        assert!(!relations.link(US, &them(), false));
        relations.unlinked(US, &them(), id);
        assert!(relations.link(US, &them(), false));
    }

    #[test]
    fn a_new_link_makes_an_old_confirmation_void() {
        let mut relations = relations();
        relations.link(US, &them(), true);
        let id = relations.unlink(US, &them()).unwrap();
        assert!(relations.link(US, &them(), true));
        relations.unlinked(US, &them(), id);
        assert!(relations.drop_link(US, &them()));
    }

    #[test]
    fn others_cannot_have_any_number_of_ties_with_a_process() {
        let mut relations = relations();
        relations.limit(3);
        let monitor = |n| Reference::new(Atom::from_static("them@b"), 4, &[n, 2, 3]).unwrap();
        let me = || Target::Name(Atom::from_static("me"));
        relations.link(US, &them(), false);
        for n in 0..2 {
            assert!(!relations.is_full(US));
            let watched = relations.watch(US, &monitor(n), &them(), me());
            assert_eq!(watched, Ok(()));
        }
        assert!(relations.is_full(US));
        let watched = relations.watch(US, &monitor(3), &them(), me());
        assert_eq!(watched, Err("system_limit"));
        relations.unwatch(&monitor(0), &them());
        let watched = relations.watch(US, &monitor(3), &them(), me());
        assert_eq!(watched, Ok(()));
        let nobody = relations.watch(Key(2), &monitor(4), &them(), me());
        assert_eq!(nobody, Err("noproc"));
    }

    #[test]
    fn a_lost_node_takes_all_with_it() {
        let mut relations = relations();
        let node = them().node().clone();
        relations.link(US, &them(), true);
        let reference = Reference::new(Atom::from_static("us@b"), 4, &[1, 2, 3]).unwrap();
        let ties = relations.of(US).unwrap();
        ties.monitors
            .insert(reference.clone(), Monitored::Pid(them()));
        let me = Target::Name(Atom::from_static("me"));
        assert_eq!(relations.watch(US, &reference, &them(), me), Ok(()));
        let [(process, lost)] = &relations.lose(&node)[..] else {
            panic!("one process has lost something")
        };
        assert_eq!(*process, US);
        assert_eq!((lost.links.len(), lost.monitors.len()), (1, 1));
        assert!(relations.is_clear());
        assert!(relations.lose(&node).is_empty());
    }
}
