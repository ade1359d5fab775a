//! What is told of something that was sent, before it is a line or an object.

use std::fmt::Display;

use einode::Identity;
use einode::dist::handshake::message::Status;
use einode::dist::{
    CachedAtom, Control, Destination, Flags, Observation, Observed, Payload, Signal, Target,
};

/// What was sent, in words.
pub(super) struct Entry<'o> {
    /// What it is, for those who sort by it.
    pub(super) event: &'static str,
    /// What it is called: an operation, or a step of the handshake.
    pub(super) operation: String,
    pub(super) size: u64,
    /// The process that it is from.
    pub(super) sender: Option<String>,
    /// The process, name or alias that it is for.
    pub(super) receiver: Option<String>,
    pub(super) details: Vec<(&'static str, Value<'o>)>,
    /// The message, or the reason.
    pub(super) payload: Option<&'o Payload>,
    /// The atoms of the header.
    pub(super) atoms: &'o [CachedAtom],
}

/// One thing about it.
pub(super) enum Value<'o> {
    Number(u64),
    Text(String),
    List(Vec<String>),
    Term(&'o Payload),
}

impl<'o> Entry<'o> {
    pub(super) fn of(observation: &'o Observation) -> Self {
        let mut entry = Self {
            event: "handshake",
            operation: String::new(),
            size: observation.size,
            sender: None,
            receiver: None,
            details: Vec::new(),
            payload: None,
            atoms: &[],
        };
        match &observation.observed {
            Observed::Hello(hello) => {
                entry.operation = "send_name".into();
                match &hello.identity {
                    Identity::Node(name) => entry.text("name", name),
                    Identity::Dynamic(host) => entry.text("host", host),
                }
                if let Some(creation) = hello.creation {
                    entry.number("creation", creation.into());
                }
                entry.flags(hello.flags);
            }
            Observed::Status(status) => {
                entry.operation = "status".into();
                if let Status::Named { name, creation } = status {
                    entry.text("status", "named");
                    entry.text("name", name);
                    entry.number("creation", (*creation).into());
                } else {
                    let text = status.encode();
                    entry.text(
                        "status",
                        String::from_utf8_lossy(text.get(1..).unwrap_or_default()),
                    );
                }
            }
            Observed::Challenge(challenge) => {
                entry.operation = "challenge".into();
                entry.text("name", &challenge.name);
                entry.number("creation", challenge.creation.into());
                entry.flags(challenge.flags);
            }
            Observed::Complement(more) => {
                entry.operation = "complement".into();
                entry.number("creation", more.creation.into());
                entry.flags(more.flags);
            }
            Observed::ChallengeReply(_) => {
                entry.operation = "challenge_reply".into();
                entry.text("proof", "a digest");
            }
            Observed::ChallengeAck(_) => {
                entry.operation = "challenge_ack".into();
                entry.text("proof", "a digest");
            }
            Observed::Tick => (entry.event, entry.operation) = ("tick", "tick".into()),
            Observed::Fragment(fragment) => {
                (entry.event, entry.operation) = ("fragment", "fragment".into());
                entry.number("sequence", fragment.sequence);
                entry.number("number", fragment.number);
                entry.atoms = &fragment.atoms;
            }
            Observed::Signal(signal) => entry.signal(signal),
            Observed::Malformed(error) => {
                (entry.event, entry.operation) = ("malformed", "malformed".into());
                entry.text("problem", error);
            }
            Observed::Midway => {
                entry.notice("midway", "begins in the middle: looking for a packet")
            }
            Observed::Skipped(bytes) => {
                entry.notice(
                    "skipped",
                    &format!("{bytes} bytes are missing or make no packet"),
                );
            }
            Observed::Encrypted => entry.notice("tls", "this is TLS: nothing of it can be shown"),
            _ => entry.notice("unknown", "something that cannot be shown"),
        }
        entry
    }

    fn signal(&mut self, signal: &'o Signal) {
        self.event = "signal";
        self.operation = signal.operation.to_string();
        self.payload = signal.payload.as_ref();
        self.atoms = &signal.atoms;
        match &signal.control {
            Control::Send {
                from,
                to,
                priority,
                token,
            } => {
                self.sender = from.as_ref().map(ToString::to_string);
                self.receiver = Some(destination(to));
                self.priority(*priority);
                self.token(token.as_ref());
            }
            Control::Exit2 {
                from,
                to,
                priority,
                token,
            } => {
                self.between(from, destination(to));
                self.priority(*priority);
                self.token(token.as_ref());
            }
            Control::Exit { from, to, token } => {
                self.between(from, to);
                self.token(token.as_ref());
            }
            Control::Link { from, to }
            | Control::Unlink { from, to }
            | Control::GroupLeader { from, to } => self.between(from, to),
            Control::UnlinkId { id, from, to } | Control::UnlinkIdAck { id, from, to } => {
                self.between(from, to);
                self.number("id", id.get());
            }
            Control::MonitorP {
                from,
                to,
                reference,
            }
            | Control::DemonitorP {
                from,
                to,
                reference,
            } => {
                self.between(from, target(to));
                self.text("reference", reference);
            }
            Control::MonitorPExit {
                from,
                to,
                reference,
            } => {
                self.between(target(from), to);
                self.text("reference", reference);
            }
            Control::SpawnRequest {
                request,
                from,
                group_leader,
                call,
                options,
                token,
            } => {
                self.sender = Some(from.to_string());
                let (module, function) = (&call.module, &call.function);
                let (module, function) = (
                    einode::Term::from(module.clone()),
                    einode::Term::from(function.clone()),
                );
                self.text("call", format!("{module}:{function}/{}", call.arity));
                self.text("reference", request);
                self.text("group_leader", group_leader);
                self.details.push(("options", Value::Term(options)));
                self.token(token.as_ref());
            }
            Control::SpawnReply {
                request,
                to,
                link,
                monitor,
                result,
                token,
            } => {
                self.receiver = Some(to.to_string());
                match result {
                    Ok(pid) => self.text("spawned", pid),
                    Err(reason) => self.text("error", reason),
                }
                self.text("reference", request);
                let ties = [(*link, "link"), (*monitor, "monitor")];
                let ties: Vec<_> = ties
                    .iter()
                    .filter(|tie| tie.0)
                    .map(|tie| tie.1.to_owned())
                    .collect();
                if !ties.is_empty() {
                    self.details.push(("ties", Value::List(ties)));
                }
                self.token(token.as_ref());
            }
            Control::Unknown { tuple, .. } => self.details.push(("control", Value::Term(tuple))),
            _ => {}
        }
        if signal.fragments > 0 {
            self.number("fragments", signal.fragments);
        }
    }

    fn between(&mut self, from: impl Display, to: impl Display) {
        self.sender = Some(from.to_string());
        self.receiver = Some(to.to_string());
    }

    fn notice(&mut self, event: &'static str, text: &str) {
        self.event = event;
        self.operation = event.into();
        self.text("note", text);
    }

    fn priority(&mut self, priority: bool) {
        if priority {
            self.text("priority", "high");
        }
    }

    fn token(&mut self, token: Option<&'o Payload>) {
        self.details
            .extend(token.map(|token| ("token", Value::Term(token))));
    }

    fn flags(&mut self, flags: Flags) {
        // The names as `{A, B}`.
        let names = format!("{flags:?}");
        let names = names.trim_matches(['{', '}']).split(", ");
        let names = names.filter(|name| !name.is_empty()).map(str::to_owned);
        self.details.push(("flags", Value::List(names.collect())));
    }

    fn text(&mut self, key: &'static str, text: impl Display) {
        self.details.push((key, Value::Text(text.to_string())));
    }

    fn number(&mut self, key: &'static str, number: u64) {
        self.details.push((key, Value::Number(number)));
    }
}

fn destination(to: &Destination) -> String {
    match to {
        Destination::Pid(pid) => pid.to_string(),
        Destination::Name(name) => name.to_string(),
        Destination::Alias(alias) => alias.to_string(),
    }
}

fn target(to: &Target) -> String {
    match to {
        Target::Pid(pid) => pid.to_string(),
        Target::Name(name) => name.to_string(),
    }
}
