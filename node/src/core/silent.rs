use std::sync::Arc;

use einode_dist::{Control, Destination, Payload};
use einode_etf::{Atom, Pid, Term, term};

use super::{Behaviour, Core, Message};
use crate::process::Process;

/// A group leader for processes of other nodes that were begun from here and given no other: it takes what
/// they print, which goes nowhere, and has nothing for them to read. Without one, they would wait for an
/// answer.
///
/// OTP: *STDLIB User's Guide*, "The Erlang I/O Protocol".
struct Silent;

impl Core {
    /// The node's own group leader, which begins when it is needed first.
    pub(crate) fn group_leader(self: &Arc<Self>) -> Pid {
        let leader = self.leader.get_or_init(|| {
            let process = Process::spawn(self);
            let pid = process.pid().clone();
            self.run(process, Silent);
            pid
        });
        leader.clone()
    }
}

impl Behaviour for Silent {
    fn handle(&mut self, process: &Process, message: Message) {
        // `{io_request, From, ReplyAs, Request}`
        let Some(asked) = message.user().and_then(|message| message.term().ok()) else {
            return;
        };
        let Some([label, from, reply_as, request]) = asked.as_tuple() else {
            return;
        };
        if !label.is_atom("io_request") {
            return;
        }
        let Some(from) = from.as_pid() else { return };
        let reply = term!({io_reply, (reply_as.clone()), (answer(request))});
        if let Ok(reply) = Payload::encode(&reply) {
            let control = Control::Send {
                from: Some(process.pid().clone()),
                to: Destination::Pid(from.clone()),
                priority: false,
                token: None,
            };
            process.core.tell(from.node(), &control, Some(&reply));
        }
    }
}

/// What a request is answered. Of several in one, the last counts, or the first that is refused.
fn answer(request: &Term) -> Term {
    const OK: Atom = Atom::from_static("ok");
    const EOF: Atom = Atom::from_static("eof");
    let label = match request.as_tuple().and_then(<[Term]>::first) {
        Some(label) => label.as_atom(),
        None => request.as_atom(),
    };
    match label.map(Atom::as_str) {
        Some("put_chars" | "setopts") => OK.into(),
        Some("get_chars" | "get_line" | "get_until" | "get_password") => EOF.into(),
        Some("getopts") => Term::nil(),
        Some("get_geometry") => term!({error, enotsup}),
        Some("requests") => {
            let requests = request.as_tuple().and_then(|tuple| tuple.get(1)?.as_list());
            let mut answered = Term::from(OK);
            // Requests within requests are none: nothing here calls itself for its parts.
            for request in requests.iter().flat_map(|requests| requests.iter()) {
                let is_several =
                    matches!(request.as_tuple(), Some([label, _]) if label.is_atom("requests"));
                answered = if is_several {
                    term!({error, request})
                } else {
                    answer(&request)
                };
                if matches!(answered.as_tuple(), Some([error, _]) if error.is_atom("error")) {
                    break;
                }
            }
            answered
        }
        _ => term!({error, request}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_goes_nowhere_and_there_is_no_input() {
        for (request, expected) in [
            ("{put_chars, unicode, <<\"hi\">>}", "ok"),
            ("{put_chars, unicode, io_lib, format, [\"~p\", [1]]}", "ok"),
            ("{get_line, unicode, \"> \"}", "eof"),
            ("getopts", "[]"),
            (
                "{requests, [{put_chars, latin1, \"a\"}, {get_line, \"\"}]}",
                "eof",
            ),
            (
                "{requests, [{dance}, {put_chars, latin1, \"a\"}]}",
                "{error,request}",
            ),
            ("{requests, [{requests, []}]}", "{error,request}"),
            ("dance", "{error,request}"),
        ] {
            let request: Term = request.parse().unwrap();
            assert_eq!(answer(&request).to_string(), expected, "{request}");
        }
    }
}
