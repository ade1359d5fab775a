//! The two shells that a node may have.

use std::cell::RefCell;
use std::time::Duration;

use einode::blocking::Mailbox;
use einode::{Atom, CallError, NodeName, Pid, Term, term};

use super::editor::Completion;
use crate::connect::Deadline;
use crate::exit::Failure;

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Language {
    Erlang,
    Elixir,
}

/// How long the node may take to complete what is typed.
const COMPLETION: Duration = Duration::from_secs(2);

const SERVER: &str = "Elixir.IEx.Server";

impl Language {
    /// That of a node: Elixir if it has IEx.
    pub(super) fn of(
        me: &mut Mailbox,
        node: &NodeName,
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let server = Atom::from_static(SERVER);
        let mut code = me.erpc(node).within(deadline.left());
        let loaded: Term = code.call("code", "ensure_loaded", (server,))?;
        let is_there = matches!(loaded.as_tuple(), Some([tag, _]) if tag.is_atom("module"));
        Ok(if is_there { Self::Elixir } else { Self::Erlang })
    }

    /// Starts the shell, which prints and reads by the group leader of this process and is linked with it.
    pub(super) fn start(
        self,
        me: &mut Mailbox,
        node: &NodeName,
        deadline: Deadline,
    ) -> Result<Pid, Failure> {
        match self {
            Self::Erlang => {
                let mut erlang = me.erpc(node).within(deadline.left());
                let shell: Pid = erlang.call("shell", "start", ())?;
                me.link(&shell);
                Ok(shell)
            }
            Self::Elixir => {
                if Self::of(me, node, deadline)? != Self::Elixir {
                    return Err(Failure::Call(format!("{node} has no IEx")));
                }
                let iex = Atom::from_static("iex");
                let mut elixir = me.erpc(node).within(deadline.left());
                let _: Term = elixir.call("application", "ensure_all_started", (iex,))?;
                Ok(me.spawn_link(node, SERVER, "run", (Term::nil(),), deadline.left())?)
            }
        }
    }

    /// How the node completes what is typed.
    pub(super) fn completion(
        self,
        me: Mailbox,
        node: &NodeName,
        shell: &Pid,
    ) -> Box<dyn Fn(&str) -> Completion> {
        let (me, node, shell) = (RefCell::new(me), node.clone(), shell.clone());
        Box::new(move |before| {
            let before = Term::string(&before.chars().rev().collect::<String>());
            let mut me = me.borrow_mut();
            let mut remote = me.erpc(&node).within(COMPLETION);
            let expanded: Result<Term, CallError> = match self {
                Self::Erlang => remote.call("edlin_expand", "expand", (before,)),
                Self::Elixir => {
                    remote.call("Elixir.IEx.Autocomplete", "expand", (before, shell.clone()))
                }
            };
            // Who gets no answer types on.
            expanded.ok().as_ref().and_then(read).unwrap_or_default()
        })
    }
}

/// `{yes | no, Expansion, Matches}`.
fn read(expanded: &Term) -> Option<Completion> {
    let [_, text, matches] = expanded.as_tuple()? else {
        return None;
    };
    let mut choices = Vec::new();
    let mut rest = vec![matches.clone()];
    // Matches are texts, with something about them or not; since OTP 26, in groups.
    while let Some(found) = rest.pop() {
        if let Some(text) = text_of(&found) {
            choices.push(text);
        } else if let Some(list) = found.as_list() {
            rest.extend(list.iter().map(|element| element.into_owned()));
        } else if let Some([first, ..]) = found.as_tuple() {
            rest.push(first.clone());
        } else if let Some(map) = found.as_map() {
            rest.extend(map.get(&term!(elems)).cloned());
        }
    }
    choices.sort();
    Some(Completion {
        text: text_of(text).unwrap_or_default(),
        choices,
    })
}

fn text_of(term: &Term) -> Option<String> {
    let text = match term.as_list() {
        Some(list) => list.to_text()?,
        None => term.as_str()?.to_owned(),
    };
    (!text.is_empty()).then_some(text)
}
