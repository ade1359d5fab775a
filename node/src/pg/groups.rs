use std::collections::{BTreeMap, HashMap};

use einode_etf::{Pid, Reference, Term};

/// How many memberships of processes of other nodes a scope keeps, and scopes of other nodes: 2^20. A
/// node that tells of more is forgotten, until there is another connection with it. OTP's `pg` has no limit.
pub const MEMBERS: usize = 1 << 20;

/// Who is in which group, as each node has told. A process is in a group as often as it has joined it.
#[derive(Debug)]
pub(super) struct Groups {
    local: Members,
    peers: HashMap<Pid, Peer>,
    /// How many peers there are, and memberships that they have told of.
    kept: usize,
    /// [`MEMBERS`].
    limit: usize,
    /// The monitors of our own members.
    pub(super) monitors: HashMap<Pid, Reference>,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            local: Members::new(),
            peers: HashMap::new(),
            kept: 0,
            limit: MEMBERS,
            monitors: HashMap::new(),
        }
    }
}

/// The members of groups. A group without any is none.
pub(super) type Members = BTreeMap<Term, Vec<Pid>>;

/// The scope's process on another node.
#[derive(Debug)]
struct Peer {
    monitor: Reference,
    /// Which form of the protocol it speaks.
    version: u64,
    groups: Members,
}

/// What changes in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) group: Term,
    pub(super) joined: Vec<Pid>,
    pub(super) left: Vec<Pid>,
}

impl Groups {
    /// The members of a group, those of this node first.
    pub(super) fn members(&self, group: &Term) -> Vec<Pid> {
        let all = self.everybody().filter_map(|groups| groups.get(group));
        all.flatten().cloned().collect()
    }

    pub(super) fn local_members(&self, group: &Term) -> Vec<Pid> {
        self.local.get(group).cloned().unwrap_or_default()
    }

    /// All groups with their members.
    pub(super) fn all(&self) -> Members {
        let mut all = Members::new();
        for (group, pids) in self.everybody().flatten() {
            all.entry(group.clone())
                .or_default()
                .extend_from_slice(pids);
        }
        all
    }

    fn everybody(&self) -> impl Iterator<Item = &Members> {
        let peers = self.peers.values().map(|peer| &peer.groups);
        std::iter::once(&self.local).chain(peers)
    }

    pub(super) const fn local(&self) -> &Members {
        &self.local
    }

    /// The peers, and which form of the protocol each speaks.
    pub(super) fn peers(&self) -> impl Iterator<Item = (&Pid, u64)> {
        self.peers.iter().map(|(pid, peer)| (pid, peer.version))
    }

    pub(super) fn knows(&self, peer: &Pid) -> bool {
        self.peers.contains_key(peer)
    }

    pub(super) fn add_peer(&mut self, peer: Pid, version: u64, monitor: Reference) {
        let groups = Members::new();
        let new = Peer {
            monitor,
            version,
            groups,
        };
        self.kept += usize::from(self.peers.insert(peer, new).is_none());
    }

    /// Whether more may be kept of other nodes.
    pub(super) const fn has_room(&self) -> bool {
        self.kept < self.limit
    }

    /// Gives the monitor of a peer that has told of too much.
    pub(super) fn too_large(&self, peer: &Pid) -> Option<Reference> {
        let peer = self.peers.get(peer).filter(|_| self.kept > self.limit);
        peer.map(|peer| peer.monitor.clone())
    }

    /// A peer is gone, and with it all members of its node. Nothing if it was none.
    pub(super) fn remove_peer(&mut self, monitor: &Reference) -> Vec<Change> {
        let peer = self.peers.iter().find(|(_, peer)| peer.monitor == *monitor);
        let peer = peer.map(|(pid, _)| pid.clone());
        let Some(Peer { groups, .. }) = peer.and_then(|peer| self.peers.remove(&peer)) else {
            return Vec::new();
        };
        self.kept -= 1 + memberships(&groups);
        let left = |(group, left)| Change {
            group,
            joined: Vec::new(),
            left,
        };
        groups.into_iter().map(left).collect()
    }

    /// A peer has told all groups of its node. Gives what is new.
    pub(super) fn replace(&mut self, peer: &Pid, version: u64, groups: Members) -> Vec<Change> {
        let Some(peer) = self.peers.get_mut(peer) else {
            return Vec::new();
        };
        peer.version = version;
        self.kept = self.kept - memberships(&peer.groups) + memberships(&groups);
        let mut changes = Vec::new();
        for (group, pids) in &groups {
            let before = peer.groups.remove(group).unwrap_or_default();
            let (joined, left) = (without(pids, &before), without(&before, pids));
            if !(joined.is_empty() && left.is_empty()) {
                let group = group.clone();
                changes.push(Change {
                    group,
                    joined,
                    left,
                });
            }
        }
        for (group, left) in std::mem::replace(&mut peer.groups, groups) {
            let joined = Vec::new();
            changes.push(Change {
                group,
                joined,
                left,
            });
        }
        changes
    }

    /// A peer has told what has changed on its node. False if it is none.
    pub(super) fn update(&mut self, peer: &Pid, changes: &[Change]) -> bool {
        let Some(peer) = self.peers.get_mut(peer) else {
            return false;
        };
        for change in changes {
            let (before, after) = apply(&mut peer.groups, change);
            self.kept = self.kept - before + after;
        }
        true
    }

    /// Processes of this node join a group.
    pub(super) fn join(&mut self, group: Term, joined: Vec<Pid>) -> Change {
        let change = Change {
            group,
            joined,
            left: Vec::new(),
        };
        apply(&mut self.local, &change);
        change
    }

    /// Processes of this node leave a group, each once. Gives those that were in it.
    pub(super) fn leave(&mut self, group: Term, pids: &[Pid]) -> Option<Change> {
        let mut before = self.local_members(&group);
        let mut left = Vec::new();
        for pid in pids {
            if let Some(place) = before.iter().position(|member| member == pid) {
                left.push(before.remove(place));
            }
        }
        if left.is_empty() {
            return None;
        }
        let joined = Vec::new();
        let change = Change {
            group,
            joined,
            left,
        };
        apply(&mut self.local, &change);
        Some(change)
    }

    /// A process of this node has ended, and leaves all its groups.
    pub(super) fn leave_all(&mut self, pid: &Pid) -> Vec<Change> {
        let times = |pids: &Vec<Pid>| pids.iter().filter(|member| *member == pid).count();
        let groups: Vec<_> = self
            .local
            .iter()
            .map(|(group, pids)| (group.clone(), times(pids)))
            .collect();
        let left = groups.into_iter().filter(|(_, times)| *times > 0);
        left.filter_map(|(group, times)| self.leave(group, &vec![pid.clone(); times]))
            .collect()
    }

    /// Whether a process of this node is in any group.
    pub(super) fn is_member(&self, pid: &Pid) -> bool {
        self.local.values().any(|pids| pids.contains(pid))
    }
}

/// Gives how many members the group had before, and has now.
fn apply(groups: &mut Members, change: &Change) -> (usize, usize) {
    let members = groups.entry(change.group.clone()).or_default();
    let before = members.len();
    members.extend_from_slice(&change.joined);
    *members = without(members, &change.left);
    let after = members.len();
    if after == 0 {
        groups.remove(&change.group);
    }
    (before, after)
}

fn memberships(groups: &Members) -> usize {
    groups.values().map(Vec::len).sum()
}

/// What is left of `pids` when each of the others is taken away once.
fn without(pids: &[Pid], others: &[Pid]) -> Vec<Pid> {
    let mut others: Vec<_> = others.iter().collect();
    let mut left = pids.to_vec();
    left.retain(|pid| match others.iter().position(|other| *other == pid) {
        Some(place) => {
            others.swap_remove(place);
            false
        }
        None => true,
    });
    left
}

#[cfg(test)]
mod tests {
    use einode_etf::Atom;

    use super::*;

    fn pid(id: u32) -> Pid {
        Pid::new(Atom::from_static("a@b"), id, 0, 4)
    }

    fn reference(word: u32) -> Reference {
        Reference::new(Atom::from_static("a@b"), 4, &[word, 0, 0]).unwrap()
    }

    fn change(group: &str, joined: &[u32], left: &[u32]) -> Change {
        let pids = |ids: &[u32]| ids.iter().map(|id| pid(*id)).collect();
        Change {
            group: group.into(),
            joined: pids(joined),
            left: pids(left),
        }
    }

    #[test]
    fn a_process_is_in_a_group_as_often_as_it_has_joined() {
        let mut groups = Groups::default();
        groups.join("g".into(), vec![pid(1), pid(1), pid(2)]);
        assert_eq!(
            groups.leave("g".into(), &[pid(1), pid(3)]),
            Some(change("g", &[], &[1]))
        );
        assert_eq!(groups.members(&"g".into()), [pid(1), pid(2)]);
        assert_eq!(groups.leave("g".into(), &[pid(3)]), None);
        groups.join("h".into(), vec![pid(1)]);
        let left = [change("g", &[], &[1]), change("h", &[], &[1])];
        assert_eq!(groups.leave_all(&pid(1)), left);
        assert_eq!(
            groups.all().into_keys().collect::<Vec<_>>(),
            [Term::from("g")]
        );
    }

    #[test]
    fn tells_what_is_new_of_a_peer() {
        let mut groups = Groups::default();
        let peer = pid(100);
        assert!(!groups.update(&peer, &[change("g", &[7], &[])]));
        groups.add_peer(peer.clone(), 0, reference(1));
        let members = |pairs: &[(&str, &[u32])]| -> Members {
            let pids = |ids: &[u32]| ids.iter().map(|id| pid(*id)).collect();
            pairs
                .iter()
                .map(|(group, ids)| (Term::from(*group), pids(ids)))
                .collect()
        };
        let first = members(&[("g", &[1, 2]), ("h", &[1])]);
        let new = groups.replace(&peer, 1, first);
        assert_eq!(new, [change("g", &[1, 2], &[]), change("h", &[1], &[])]);
        let second = members(&[("g", &[2, 3]), ("i", &[4])]);
        let new = groups.replace(&peer, 1, second);
        let expected = [
            change("g", &[3], &[1]),
            change("i", &[4], &[]),
            change("h", &[], &[1]),
        ];
        assert_eq!(new, expected);
        assert!(groups.update(&peer, &[change("i", &[5], &[4])]));
        assert_eq!(groups.members(&"i".into()), [pid(5)]);
        assert_eq!(groups.remove_peer(&reference(2)), []);
        let gone = groups.remove_peer(&reference(1));
        assert_eq!(gone, [change("g", &[], &[2, 3]), change("i", &[], &[5])]);
        assert_eq!(groups.all(), Members::new());
        assert_eq!(groups.kept, 0);
    }

    #[test]
    fn a_peer_that_tells_of_too_much_is_known_by_its_monitor() {
        let mut groups = Groups {
            limit: 6,
            ..Groups::default()
        };
        let (peer, other) = (pid(100), pid(200));
        groups.add_peer(peer.clone(), 0, reference(1));
        groups.add_peer(other.clone(), 0, reference(2));
        groups.replace(&other, 0, Members::from([("g".into(), vec![pid(9)])]));
        assert!(groups.update(&peer, &[change("g", &[1, 2, 3], &[])]));
        assert!(!groups.has_room());
        assert_eq!(groups.too_large(&peer), None);
        assert!(groups.update(&peer, &[change("h", &[4, 5], &[4]), change("g", &[], &[7])]));
        assert_eq!(groups.too_large(&peer), Some(reference(1)));
        // It takes with it all that it told of.
        groups.remove_peer(&reference(1));
        assert!(groups.has_room());
        assert_eq!((groups.too_large(&other), groups.kept), (None, 2));
        assert_eq!(groups.members(&"g".into()), [pid(9)]);
    }
}
