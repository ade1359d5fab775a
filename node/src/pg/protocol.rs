use std::borrow::Cow;

use einode_dist::Payload;
use einode_etf::{Atom, Pid, Term, term};

use super::groups::{Change, Members};

/// What the process of a scope hears from those of other nodes, in either form of the protocol.
///
/// | form 0, to OTP 28 | form 1, since OTP 29 |
/// |---|---|
/// | `{discover, Peer}` | `{discover, Peer, 1}` |
/// | `{'$gen_cast', {sync, Peer, [{Group, [Pid]}]}}` | `{'$gen_cast', {local_data, Peer, 1, #{Group => [Pid]}}}` |
/// | `{join, Peer, Group, Pid \| [Pid]}`, `{leave, Peer, Pid \| [Pid], [Group]}` | `{update, Peer, [{Group, [Joined], [Left]}]}` |
///
/// Whoever is asked for its groups is asked in the form that all understand, and answers by telling, among other
/// things, the form that it speaks. Processes before OTP 29 end when they get something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// A peer is there, and wants to know our groups.
    Discover(Pid, u64),
    /// All groups of a peer's node.
    Groups(Pid, u64, Members),
    /// What has changed on a peer's node.
    Update(Pid, Vec<Change>),
}

/// The newest form of the protocol.
pub(super) const NEWEST: u64 = 1;

impl Heard {
    pub(super) fn decode(message: &Payload) -> Option<Self> {
        let message = message.term().ok()?;
        let (tag, rest) = message.as_tuple()?.split_first()?;
        Some(match (tag.as_atom()?.as_str(), rest) {
            ("discover", [peer]) => Self::Discover(peer.as_pid()?.clone(), 0),
            ("discover", [peer, version]) => {
                let version = u64::try_from(version.as_i64()?).ok()?;
                Self::Discover(peer.as_pid()?.clone(), version.min(NEWEST))
            }
            ("$gen_cast", [cast]) => match cast.as_tuple()? {
                [tag, peer, groups] if tag.is_atom("sync") => {
                    let pairs = groups.as_list()?;
                    let pair = |pair: Cow<'_, Term>| match pair.as_tuple()? {
                        [group, members] => Some((group.clone(), pids(members)?)),
                        _ => None,
                    };
                    let groups = pairs.iter().map(pair).collect::<Option<_>>()?;
                    Self::Groups(peer.as_pid()?.clone(), 0, groups)
                }
                [tag, peer, version, groups] if tag.is_atom("local_data") => {
                    let version = u64::try_from(version.as_i64()?).ok()?;
                    let pair =
                        |(group, members): (&Term, &Term)| Some((group.clone(), pids(members)?));
                    let groups = groups.as_map()?.iter().map(pair).collect::<Option<_>>()?;
                    Self::Groups(peer.as_pid()?.clone(), version.min(NEWEST), groups)
                }
                _ => return None,
            },
            ("join", [peer, group, joined]) => {
                let change = Change {
                    group: group.clone(),
                    joined: pids(joined)?,
                    left: Vec::new(),
                };
                Self::Update(peer.as_pid()?.clone(), vec![change])
            }
            ("leave", [peer, left, groups]) => {
                let left = pids(left)?;
                let change = |group: Cow<'_, Term>| Change {
                    group: group.into_owned(),
                    joined: Vec::new(),
                    left: left.clone(),
                };
                let changes = groups.as_list()?.iter().map(change).collect();
                Self::Update(peer.as_pid()?.clone(), changes)
            }
            ("update", [peer, changes]) => {
                let change = |change: Cow<'_, Term>| match change.as_tuple()? {
                    [group, joined, left] => Some(Change {
                        group: group.clone(),
                        joined: pids(joined)?,
                        left: pids(left)?,
                    }),
                    _ => None,
                };
                let changes = changes.as_list()?.iter().map(change);
                Self::Update(peer.as_pid()?.clone(), changes.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

/// Asks a peer for its groups, in the form that it understands.
pub(super) fn discover(us: &Pid, version: u64) -> Term {
    match version {
        0 => term!({discover, (us.clone())}),
        version => term!({discover, (us.clone()), (version)}),
    }
}

/// Tells a peer all groups of ours.
pub(super) fn groups(us: &Pid, version: u64, groups: &Members) -> Term {
    const GEN_CAST: Atom = Atom::from_static("$gen_cast");
    let us = us.clone();
    let told = match version {
        0 => {
            let pair =
                |(group, members): (&Term, &Vec<Pid>)| term!({(group.clone()), (list(members))});
            let pairs = Term::list(groups.iter().map(pair).collect());
            term!({sync, (us), (pairs)})
        }
        version => {
            let pairs = groups.iter();
            let pairs = pairs.map(|(group, members)| (group.clone(), list(members)));
            // Keys of a map are not twice in it.
            let pairs = Term::map(pairs.collect()).unwrap_or_else(|_| Term::nil());
            term!({local_data, (us), (version), (pairs)})
        }
    };
    term!({(GEN_CAST), (told)})
}

/// Tells a peer what has changed in groups of ours.
pub(super) fn update(us: &Pid, version: u64, changes: &[Change]) -> Vec<Term> {
    if version > 0 {
        let change = |change: &Change| {
            let Change {
                group,
                joined,
                left,
            } = change;
            term!({(group.clone()), (list(joined)), (list(left))})
        };
        let changes = Term::list(changes.iter().map(change).collect());
        return vec![term!({update, (us.clone()), (changes)})];
    }
    let mut told = Vec::new();
    for change in changes {
        let (us, group) = (us.clone(), change.group.clone());
        if !change.left.is_empty() {
            let groups = Term::list(vec![group.clone()]);
            told.push(term!({leave, (us.clone()), (list(&change.left)), (groups)}));
        }
        if !change.joined.is_empty() {
            told.push(term!({join, (us), (group), (list(&change.joined))}));
        }
    }
    told
}

pub(super) fn list(pids: &[Pid]) -> Term {
    Term::list(pids.iter().cloned().map(Term::from).collect())
}

/// One process, or a list of them.
fn pids(term: &Term) -> Option<Vec<Pid>> {
    match term.as_pid() {
        Some(pid) => Some(vec![pid.clone()]),
        None => {
            let list = term.as_list()?;
            list.iter().map(|pid| pid.as_pid().cloned()).collect()
        }
    }
}
