use std::sync::Arc;

use einode_etf::{Atom, Pid, Term};

use super::{Behaviour, Core, Message};
use crate::io::{self, Request, Requested};
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
        if let Some(asked) = message.user().and_then(Requested::read) {
            asked.reply(process, &answer(&asked));
        }
    }
}

/// What a request is answered. Of several in one, the last counts, or the first that is refused.
fn answer(asked: &Requested) -> Term {
    const OK: Atom = Atom::from_static("ok");
    const EOF: Atom = Atom::from_static("eof");
    let mut answer = OK.into();
    for part in &asked.parts {
        answer = match part {
            Request::Put(_) | Request::SetOptions(_) => OK.into(),
            Request::Get(_) => EOF.into(),
            Request::Options => Term::nil(),
            Request::Geometry(_) => io::error("enotsup"),
            Request::Unknown => io::error("request"),
        };
        if io::is_error(&answer) {
            break;
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use einode_dist::Payload;
    use einode_etf::term;

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
            let from = Pid::new(Atom::from_static("a@b"), 1, 0, 4);
            let request: Term = request.parse().unwrap();
            let message = term!({io_request, (from), 1, (request)});
            let asked = Requested::read(&Payload::encode(&message).unwrap()).unwrap();
            assert_eq!(answer(&asked).to_string(), expected, "{message}");
        }
    }
}
