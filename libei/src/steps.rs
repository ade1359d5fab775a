//! Tells those who watch how a handshake goes: what is heard and said, and what goes wrong.

use std::fmt::{self, Display};

use einode_dist::handshake::Hello;
use einode_dist::handshake::message::{Challenge, ChallengeReply};
use einode_dist::{Identity, Prefix};

use crate::errno::Errno;
use crate::trace;

/// A packet as it is told: by which function, under which name, and whether also if it is well.
type Step = (&'static str, &'static str, bool);

/// What both sides of a conversation say, packet by packet.
pub(crate) struct Steps {
    heard: Packets,
    said: Packets,
}

/// The packets of one side.
struct Packets {
    /// Those that are to come.
    steps: &'static [Step],
    prefix: Prefix,
    /// As much of the next as there is.
    bytes: Vec<u8>,
}

impl Steps {
    /// Of a conversation that is told of in other ways.
    pub(crate) const fn none() -> Self {
        Self::new(Prefix::Two, &[], &[])
    }

    /// Of a node that connects.
    pub(crate) const fn initiator(prefix: Prefix) -> Self {
        Self::new(
            prefix,
            &[
                ("recv_status", "RECV_STATUS", true),
                ("recv_challenge", "RECV_CHALLENGE", true),
                ("recv_challenge_ack", "RECV_CHALLENGE_ACK", true),
            ],
            &[
                ("send_name", "SEND_NAME", false),
                ("send_challenge_reply", "SEND_CHALLENGE_REPLY", true),
            ],
        )
    }

    /// Of a node that accepts.
    pub(crate) const fn acceptor(prefix: Prefix) -> Self {
        Self::new(
            prefix,
            &[
                ("recv_name", "RECV_NAME", true),
                ("recv_challenge_reply", "RECV_CHALLENGE_REPLY", true),
            ],
            &[
                ("send_status", "SEND_STATUS", true),
                ("send_challenge", "SEND_CHALLENGE", false),
                ("recv_challenge_reply", "SEND_CHALLENGE_ACK", true),
            ],
        )
    }

    const fn new(prefix: Prefix, heard: &'static [Step], said: &'static [Step]) -> Self {
        Self {
            heard: Packets::new(prefix, heard),
            said: Packets::new(prefix, said),
        }
    }

    /// These bytes have come, and were understood.
    pub(crate) fn heard(&mut self, bytes: &[u8]) {
        self.heard.pass("<-", bytes);
    }

    /// These bytes have gone.
    pub(crate) fn said(&mut self, bytes: &[u8]) {
        self.said.pass("->", bytes);
    }

    /// What was to come has not, or was wrong.
    pub(crate) fn misheard(&self, why: impl Display) {
        self.heard.fail("<-", why);
    }

    /// What was to go could not.
    pub(crate) fn unsaid(&self, why: Errno) {
        self.said.fail("->", why);
    }
}

impl Packets {
    const fn new(prefix: Prefix, steps: &'static [Step]) -> Self {
        Self {
            steps,
            prefix,
            bytes: Vec::new(),
        }
    }

    fn pass(&mut self, arrow: &str, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while let Some((length, packet)) = self.next() {
            if let Some((&(function, name, told), rest)) = self.steps.split_first() {
                if told {
                    trace::progress(function, format_args!("{arrow} {name} {}", Shown(packet)));
                }
                self.steps = rest;
            }
            self.bytes.drain(..length);
        }
    }

    /// The first packet, and how many bytes it has with its length.
    fn next(&self) -> Option<(usize, &[u8])> {
        let (start, length) = match self.prefix {
            Prefix::Two => (2, u16::from_be_bytes(*self.bytes.first_chunk()?).into()),
            Prefix::Four => (4, u32::from_be_bytes(*self.bytes.first_chunk()?) as usize),
        };
        let end = length.checked_add(start)?;
        Some((end, self.bytes.get(start..end)?))
    }

    fn fail(&self, arrow: &str, why: impl Display) {
        if let Some((function, name, _)) = self.steps.first() {
            trace::error(function, format_args!("{arrow} {name}: {why}"));
        }
    }
}

/// A packet without its digest, which whoever guesses cookies would like to have.
struct Shown<'a>(&'a [u8]);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((b's', text)) = self.0.split_first() {
            let word = text.split(|&byte| byte == b':').next().unwrap_or_default();
            return write!(f, "({})", word.escape_ascii());
        }
        f.write_str("(ok)")?;
        if let Ok(Challenge {
            name,
            flags,
            challenge,
            ..
        }) = Challenge::decode(self.0)
        {
            let flags = flags.bits();
            write!(
                f,
                " node = {name}, flags = {flags}, challenge = {challenge}"
            )?;
        } else if let Ok(Hello {
            identity, flags, ..
        }) = Hello::decode(self.0)
        {
            let name = match &identity {
                Identity::Node(name) => name.as_str(),
                Identity::Dynamic(host) => host.as_str(),
            };
            write!(f, " node = {name}, flags = {}", flags.bits())?;
        } else if let Ok(ChallengeReply { challenge, .. }) = ChallengeReply::decode(self.0) {
            write!(f, " challenge = {challenge}")?;
        }
        Ok(())
    }
}
