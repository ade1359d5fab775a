//! What processes print and read, for programs that are their group leader.
//!
//! A process of Erlang prints by asking its group leader, another process, to write, and reads by asking it
//! for input. Whoever begins a process decides who that is: a call with
//! [`group_leader`](crate::Remote::group_leader) makes it a `GroupLeader` of ours, which there is in both
//! styles, and which gives the program what is printed as [`Event`]s.
//!
//! Two things are asked for that only Erlang can do: output may come as a function that makes it, as
//! `io:format/2` has it, and input may be read by a function that says when it has enough, as `io:read/1` and
//! the shell have it. The node of the process that asks evaluates them.
//!
//! OTP: *STDLIB User's Guide*, "The Erlang I/O Protocol".

mod chars;
mod dialogue;
mod input;
mod request;

pub(crate) use dialogue::Dialogue;
pub use input::Input;
pub(crate) use request::{Request, Requested, error, is_error};

/// How many requests a group leader has in hand at a time. More wait in its mailbox, and have their bytes
/// counted there; in Erlang, all do.
pub const REQUESTS: usize = 1024;

/// What becomes of a group leader that the program has to do something about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A process prints this. It goes on when the program asks for the next event.
    Output(String),
    /// A process waits for input, which [`Input`] is for.
    Input {
        /// What is to be shown before the input.
        prompt: String,
        /// Whether the input is not to be seen while it is typed.
        secret: bool,
    },
}
