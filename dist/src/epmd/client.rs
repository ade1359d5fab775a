use crate::epmd::message::{
    DumpAnswer, KillAnswer, NamesAnswer, Registered, Registration, Request, StopAnswer,
};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::name::InvalidName;

/// Asks for the registration of a node: `PORT_PLEASE2_REQ`. The outcome is `None` when EPMD knows
/// no such node.
pub type Lookup = Query<Option<Registration>>;

/// Registers a node: `ALIVE2_REQ`. The connection must stay open as long as the registration is to
/// last, and nothing more may be written to it: epmd takes any byte as the end.
pub type Register = Query<Registered>;

/// Asks for the names and ports of all nodes: `NAMES_REQ`.
pub type Names = Query<NamesAnswer>;

/// Asks for all that EPMD remembers: `DUMP_REQ`.
pub type Dump = Query<DumpAnswer>;

/// Asks EPMD to terminate: `KILL_REQ`.
pub type Kill = Query<KillAnswer>;

/// Asks EPMD to forget a node: `STOP_REQ`. Only a daemon that runs with relaxed command checks does
/// so.
pub type Stop = Query<StopAnswer>;

/// One request to EPMD and its answer `A`, which is the outcome.
#[derive(Debug)]
pub struct Query<A> {
    request: Vec<u8>,
    sent: usize,
    answer: Vec<u8>,
    asked: String,
    state: State<A>,
}

#[derive(Debug)]
enum State<A> {
    /// This many bytes more have to be read.
    Need(usize),
    /// The answer ends with the connection and may have this many bytes more.
    UntilEof(usize),
    Done(A),
    Failed,
}

/// An answer of EPMD.
pub trait Answer: Sized {
    /// What the answer is called in errors.
    const NAME: &'static str;

    /// The bytes of the answer.
    fn encode(&self) -> Vec<u8>;

    /// Makes sense of what has been read so far of the answer to a question about `asked`; `eof`
    /// when there will be no more.
    ///
    /// # Errors
    /// [`Error::Malformed`] and whatever a well-formed answer reports.
    fn decode(asked: &str, bytes: &[u8], eof: bool) -> Result<Progress<Self>, Error>;
}

/// How much of an answer is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<A> {
    /// The answer has at least this many bytes in all.
    Length(usize),
    /// The answer ends with the connection, and may have this many bytes at most.
    UntilEof(usize),
    /// This is the answer.
    Done(A),
}

impl Lookup {
    /// Asks for the node `alive`, the part of its name before the `@`.
    ///
    /// # Errors
    /// [`InvalidName`]: no node can have that name.
    pub fn new(alive: &str) -> Result<Self, InvalidName> {
        Ok(Self::ask(&Request::port(alive)?, alive))
    }
}

impl Register {
    /// Registers a node.
    ///
    /// # Errors
    /// [`InvalidName`]: no node can have that name.
    pub fn new(registration: Registration) -> Result<Self, InvalidName> {
        let asked = registration.name.clone();
        Ok(Self::ask(&Request::alive(registration)?, &asked))
    }
}

impl Stop {
    /// Asks EPMD to forget the node `alive`, the part of its name before the `@`.
    ///
    /// # Errors
    /// [`InvalidName`]: no node can have that name.
    pub fn new(alive: &str) -> Result<Self, InvalidName> {
        Ok(Self::ask(&Request::stop(alive)?, alive))
    }
}

macro_rules! without_argument {
    ($($query:ident => $request:expr;)*) => {
        $(impl $query {
            /// The question.
            pub fn new() -> Self {
                Self::ask(&$request, "")
            }
        }

        impl Default for $query {
            fn default() -> Self {
                Self::new()
            }
        })*
    };
}

without_argument! {
    Names => Request::Names;
    Dump => Request::Dump;
    Kill => Request::Kill;
}

impl<A: Answer> Query<A> {
    fn ask(request: &Request, asked: &str) -> Self {
        Self {
            request: request.encode(),
            sent: 0,
            answer: Vec::new(),
            asked: asked.to_owned(),
            // What comes after the first byte depends on it.
            state: State::Need(1),
        }
    }

    fn advance(&mut self, eof: bool) -> Result<(), Error> {
        let have = self.answer.len();
        let progress = A::decode(&self.asked, &self.answer, eof);
        self.state = State::Failed;
        self.state = match progress? {
            Progress::Done(answer) => State::Done(answer),
            _ if eof => return Err(Error::Closed { awaiting: A::NAME }),
            Progress::Length(length) => State::Need(length.saturating_sub(have)),
            Progress::UntilEof(limit) if have > limit => {
                let (length, limit) = (have as u64, limit as u64);
                return Err(Error::TooLong {
                    what: A::NAME,
                    length,
                    limit,
                });
            }
            // One more than there may be, so that one too many is noticed.
            Progress::UntilEof(limit) => {
                State::UntilEof(limit.saturating_sub(have).saturating_add(1))
            }
        };
        Ok(())
    }
}

impl<A: Answer> Exchange for Query<A> {
    type Outcome = A;

    fn outgoing(&self) -> &[u8] {
        self.request.get(self.sent..).unwrap_or_default()
    }

    fn sent(&mut self, n: usize) {
        self.sent = self.sent.saturating_add(n);
    }

    fn want(&self) -> usize {
        match self.state {
            State::Need(n) | State::UntilEof(n) => n,
            State::Done(_) | State::Failed => 0,
        }
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let left = self.want().checked_sub(bytes.len());
        let left = left.ok_or(Error::Misuse("more bytes were received than wanted"))?;
        self.answer.extend_from_slice(bytes);
        match &mut self.state {
            State::Need(n) | State::UntilEof(n) if left > 0 => *n = left,
            State::Need(_) | State::UntilEof(_) => self.advance(false)?,
            State::Done(_) | State::Failed => {}
        }
        Ok(())
    }

    fn eof(&mut self) -> Result<(), Error> {
        match self.state {
            State::Need(_) | State::UntilEof(_) => self.advance(true),
            State::Done(_) | State::Failed => Ok(()),
        }
    }

    fn outcome(self) -> Option<A> {
        match self.state {
            State::Done(answer) => Some(answer),
            _ => None,
        }
    }
}
