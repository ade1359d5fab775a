//! Processes of einode that do what `signals.erl` tells them, and note what else arrives.

use std::time::Duration;

use einode::tokio::{Mailbox, Node};
use einode::{AliasKind, Atom, Exited, Message, NodeName, Pid, Recipient, Reference, Term, term};
use tokio::time::{sleep, timeout};

/// Serves requests for puppets of this node, until it ends.
pub(crate) async fn puppets(node: Node) {
    let mut me = node.mailbox();
    me.register("puppets").unwrap();
    while let Ok(message) = me.recv().await {
        let request = message.term().unwrap();
        match request.as_tuple().unwrap() {
            [_, from, tag] => {
                let puppet = node.mailbox();
                let spawned = term!({spawned, (tag.clone()), (puppet.pid().clone())});
                me.send(pid(from), &spawned).await.unwrap();
                tokio::spawn(run(puppet));
            }
            [_, from, tag, other] => {
                let other = NodeName::new(other.as_atom().unwrap().as_str()).unwrap();
                node.disconnect(&other);
                let disconnected = term!({disconnected, (tag.clone())});
                me.send(pid(from), &disconnected).await.unwrap();
            }
            _ => panic!("{request}"),
        }
    }
}

async fn run(mut me: Mailbox) {
    let mut log = Vec::new();
    loop {
        let Ok(message) = me.recv().await else {
            return;
        };
        let term = message.term().unwrap();
        match (&message, term.as_tuple()) {
            (Message::User(_), Some([what, from, tag, command])) if what.is_atom("do") => {
                if let Some([verb, reason]) = command.as_tuple()
                    && verb.is_atom("stop")
                {
                    me.send(pid(from), &did(tag, term!(ok))).await.unwrap();
                    me.close(reason).unwrap();
                    return;
                }
                if let Some([verb, ..]) = command.as_tuple()
                    && verb.is_atom("when_waiting")
                {
                    let waiting = term!({waiting, (tag.clone())});
                    me.send(pid(from), &waiting).await.unwrap();
                }
                // A process that has ended itself has nothing more to say.
                let Ok(result) = obey(&mut me, &mut log, command).await else {
                    return;
                };
                let _ = me.send(pid(from), &did(tag, result)).await;
            }
            (Message::User(_), Some([what, from, tag])) if what.is_atom("sync") => {
                let synced = term!({synced, (tag.clone())});
                me.send(pid(from), &synced).await.unwrap();
            }
            _ => log.push(term),
        }
    }
}

fn did(tag: &Term, result: Term) -> Term {
    term!({did, (tag.clone()), (result)})
}

async fn obey(me: &mut Mailbox, log: &mut Vec<Term>, command: &Term) -> Result<Term, Exited> {
    let ok = term!(ok);
    if command.is_atom("log") {
        return Ok(Term::list(std::mem::take(log)));
    }
    if command.is_atom("nothing") {
        return Ok(ok);
    }
    let [verb, arguments @ ..] = command.as_tuple().unwrap() else {
        panic!("{command}")
    };
    Ok(match (verb.as_atom().unwrap().as_str(), arguments) {
        ("unlink_and_forget", [other]) => {
            let other = pid(other);
            me.unlink(&other);
            let of_it = |message: &Message| {
                matches!(message, Message::Exit(exit) if exit.from == other).then_some(())
            };
            if let Ok(ended) = timeout(Duration::ZERO, me.recv_match(of_it)).await {
                ended?;
            }
            log.push(term!(unlinked));
            ok
        }
        ("when_waiting", [count, then]) => {
            while (me.message_count() as i64) < count.as_i64().unwrap() {
                sleep(Duration::from_millis(1)).await;
            }
            return Box::pin(obey(me, log, then)).await;
        }
        ("link", [other]) => {
            me.link(&pid(other));
            ok
        }
        ("unlink", [other]) => {
            me.unlink(&pid(other));
            ok
        }
        ("monitor", [target]) => me.monitor(recipient(target)).unwrap().into(),
        ("monitor", [target, kind]) => {
            let kind = match kind.as_atom().unwrap().as_str() {
                "explicit_unalias" => AliasKind::Explicit,
                "demonitor" => AliasKind::Demonitor,
                _ => AliasKind::ReplyDemonitor,
            };
            let monitor = me.monitor_with_alias(recipient(target), kind);
            monitor.unwrap().into()
        }
        ("demonitor", [monitor]) => me.demonitor(&reference(monitor)).into(),
        ("alias", [kind]) => match kind.as_atom().unwrap().as_str() {
            "priority" => me.priority_alias(AliasKind::Explicit).into(),
            "reply" => me.alias(AliasKind::Reply).into(),
            _ => me.alias(AliasKind::Explicit).into(),
        },
        ("unalias", [alias]) => me.unalias(&reference(alias)).into(),
        ("trap_exit", [trap]) => {
            me.trap_exit(trap.as_bool().unwrap());
            ok
        }
        ("register", [name]) => {
            me.register(name.as_atom().unwrap().as_str()).unwrap();
            ok
        }
        ("unregister", [name]) => {
            assert!(me.unregister(name.as_atom().unwrap().as_str()));
            ok
        }
        ("exit", [to, reason]) => {
            me.exit(recipient(to), reason).unwrap();
            ok
        }
        ("exit_priority", [to, reason]) => {
            me.exit_priority(&reference(to), reason).unwrap();
            ok
        }
        ("send", [to, message]) => {
            me.send(recipient(to), message).await.unwrap();
            ok
        }
        ("send_priority", [to, message]) => {
            let alias = reference(to);
            me.send_priority(&alias, message).await.unwrap();
            ok
        }
        ("count", [everyone, count]) => {
            let everyone: Vec<_> = everyone.as_list().unwrap().iter().collect();
            for n in 1..=count.as_i64().unwrap() {
                let to = &everyone[(n as usize - 1) % everyone.len()];
                me.send(recipient(to), &n).await.unwrap();
            }
            ok
        }
        _ => panic!("{command}"),
    })
}

fn pid(term: &Term) -> Pid {
    term.as_pid().unwrap().clone()
}

fn reference(term: &Term) -> Reference {
    term.as_reference().unwrap().clone()
}

fn recipient(term: &Term) -> Recipient {
    if let Some(pid) = term.as_pid() {
        return pid.into();
    }
    if let Some(alias) = term.as_reference() {
        return alias.into();
    }
    let [name, node] = term.as_tuple().unwrap() else {
        panic!("{term}")
    };
    let atom = |term: &Term| -> Atom { term.as_atom().unwrap().clone() };
    let node = NodeName::new(atom(node).as_str()).unwrap();
    (atom(name), node).into()
}
