//! The messages of the handshake, one type each, without the length that precedes them.

use crate::error::Error;
use crate::fields::{Fields, put_counted};
use crate::flags::Flags;
use crate::handshake::Digest;
use crate::name::{HostName, Identity, NodeName};

/// `send_name`: the initiator introduces itself.
///
/// ```text
/// new form: 'N' flags:u64 creation:u32 nlen:u16 name:nlen …      (what follows is ignored)
/// old form: 'n' 5:u16 flags:u32 name                             (no creation yet)
/// ```
///
/// The name is a bare host exactly when the flags contain [`NAME_ME`](Flags::NAME_ME). The old
/// form is sent by OTP 23 and 24 to nodes of which EPMD told them nothing; a [`Complement`] follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Who connects.
    pub identity: Identity,
    /// What the node handles. In the old form only the lower 32 bits are known.
    pub flags: Flags,
    /// Which incarnation of the node it is; `None` makes the old form.
    pub creation: Option<u32>,
}

impl Hello {
    const NAME: &str = "send_name";

    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let (name, flags) = match &self.identity {
            Identity::Node(name) => (name.as_str(), self.flags - Flags::NAME_ME),
            Identity::Dynamic(host) => (host.as_str(), self.flags | Flags::NAME_ME),
        };
        let mut out = Vec::new();
        if let Some(creation) = self.creation {
            out.push(b'N');
            out.extend_from_slice(&flags.bits().to_be_bytes());
            out.extend_from_slice(&creation.to_be_bytes());
            put_counted(&mut out, name.as_bytes());
        } else {
            out.extend_from_slice(b"n\0\x05");
            let [_, _, _, _, low @ ..] = flags.bits().to_be_bytes();
            out.extend_from_slice(&low);
            out.extend_from_slice(name.as_bytes());
        }
        out
    }

    /// Reads either form.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::PeerName`].
    pub fn decode(packet: &[u8]) -> Result<Self, Error> {
        let (flags, creation, name) = match packet.split_first() {
            Some((b'N', rest)) => new_hello(rest),
            Some((b'n', rest)) => old_hello(rest),
            _ => return Err(unexpected(Self::NAME, packet)),
        }
        .ok_or_else(|| short(Self::NAME))?;
        let identity = if flags.contains(Flags::NAME_ME) {
            HostName::try_from(name).map(Identity::Dynamic)
        } else {
            NodeName::try_from(name).map(Identity::Node)
        };
        Ok(Self {
            identity: identity.map_err(Error::PeerName)?,
            flags,
            creation,
        })
    }
}

fn new_hello(rest: &[u8]) -> Option<(Flags, Option<u32>, &[u8])> {
    let mut fields = Fields::new(rest);
    let flags = Flags::from_bits(fields.u64()?);
    Some((flags, Some(fields.u32()?), fields.counted()?))
}

fn old_hello(rest: &[u8]) -> Option<(Flags, Option<u32>, &[u8])> {
    let mut fields = Fields::new(rest);
    // The version: always 5, and never looked at by anybody since the flags say it all.
    fields.u16()?;
    let flags = Flags::from_bits(fields.u32()?.into());
    Some((flags, None, fields.rest()))
}

/// `status`: the acceptor's first answer, and the initiator's answer to `alive`.
///
/// ```text
/// 's' text                                   (exactly one of the texts below)
/// 's' "named:" nlen:u16 name:nlen creation:u32 …
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// `ok`: go on.
    Ok,
    /// `ok_simultaneous`: go on; the acceptor gives up its own attempt to connect.
    OkSimultaneous,
    /// `nok`: the acceptor's own attempt to connect goes on.
    Nok,
    /// `not_allowed`: the acceptor does not want this node.
    NotAllowed,
    /// `alive`: the acceptor has a connection with a node of this name.
    Alive,
    /// `true`, from the initiator: then replace that connection.
    True,
    /// `false`, from the initiator: then keep it.
    False,
    /// `named:`: go on, under this name.
    Named {
        /// The name the node gets.
        name: NodeName,
        /// The creation it gets.
        creation: u32,
    },
}

impl Status {
    const NAME: &str = "status";

    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let text: &[u8] = match self {
            Self::Ok => b"sok",
            Self::OkSimultaneous => b"sok_simultaneous",
            Self::Nok => b"snok",
            Self::NotAllowed => b"snot_allowed",
            Self::Alive => b"salive",
            Self::True => b"strue",
            Self::False => b"sfalse",
            Self::Named { .. } => b"snamed:",
        };
        let mut out = text.to_vec();
        if let Self::Named { name, creation } = self {
            put_counted(&mut out, name.as_str().as_bytes());
            out.extend_from_slice(&creation.to_be_bytes());
        }
        out
    }

    /// Reads the message; a text that only starts like one of the known ones is none of them.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::PeerName`].
    pub fn decode(packet: &[u8]) -> Result<Self, Error> {
        Ok(match packet {
            b"sok" => Self::Ok,
            b"sok_simultaneous" => Self::OkSimultaneous,
            b"snok" => Self::Nok,
            b"snot_allowed" => Self::NotAllowed,
            b"salive" => Self::Alive,
            b"strue" => Self::True,
            b"sfalse" => Self::False,
            _ => {
                let named = packet.strip_prefix(b"snamed:");
                let mut fields = Fields::new(named.ok_or_else(|| unexpected(Self::NAME, packet))?);
                let name = fields.counted().ok_or_else(|| short(Self::NAME))?;
                let creation = fields.u32().ok_or_else(|| short(Self::NAME))?;
                Self::Named {
                    name: NodeName::try_from(name).map_err(Error::PeerName)?,
                    creation,
                }
            }
        })
    }
}

/// `challenge`: the acceptor introduces itself and asks for a proof.
///
/// ```text
/// 'N' flags:u64 challenge:u32 creation:u32 nlen:u16 name:nlen …   (what follows is ignored)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What the acceptor handles.
    pub flags: Flags,
    /// The number to be digested with the cookie.
    pub challenge: u32,
    /// Which incarnation of the acceptor this is.
    pub creation: u32,
    /// The acceptor's name.
    pub name: NodeName,
}

impl Challenge {
    const NAME: &str = "challenge";

    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![b'N'];
        out.extend_from_slice(&self.flags.bits().to_be_bytes());
        out.extend_from_slice(&self.challenge.to_be_bytes());
        out.extend_from_slice(&self.creation.to_be_bytes());
        put_counted(&mut out, self.name.as_str().as_bytes());
        out
    }

    /// Reads the message.
    ///
    /// # Errors
    /// [`Error::Malformed`], also for the form before OTP 23, and [`Error::PeerName`].
    pub fn decode(packet: &[u8]) -> Result<Self, Error> {
        match packet.split_first() {
            Some((b'N', rest)) => Self::fields(rest).unwrap_or_else(|| Err(short(Self::NAME))),
            Some((b'n', _)) => Err(Error::malformed(
                Self::NAME,
                "it has the form used before OTP 23",
            )),
            _ => Err(unexpected(Self::NAME, packet)),
        }
    }

    fn fields(rest: &[u8]) -> Option<Result<Self, Error>> {
        let mut fields = Fields::new(rest);
        let flags = Flags::from_bits(fields.u64()?);
        let challenge = fields.u32()?;
        let creation = fields.u32()?;
        let name = NodeName::try_from(fields.counted()?).map_err(Error::PeerName);
        Some(name.map(|name| Self {
            flags,
            challenge,
            creation,
            name,
        }))
    }
}

/// `complement`: what a `send_name` of the old form had no room for.
///
/// ```text
/// 'c' flags_high:u32 creation:u32
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complement {
    /// The flags above the lower 32 bits; lower ones are not sent.
    pub flags: Flags,
    /// Which incarnation of the initiator this is.
    pub creation: u32,
}

impl Complement {
    const NAME: &str = "complement";

    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let [high @ .., _, _, _, _] = self.flags.bits().to_be_bytes();
        let mut out = vec![b'c'];
        out.extend_from_slice(&high);
        out.extend_from_slice(&self.creation.to_be_bytes());
        out
    }

    /// Reads the message.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(packet: &[u8]) -> Result<Self, Error> {
        let mut fields = exactly(Self::NAME, b'c', 8, packet)?;
        let (high, creation) = fields.u32().zip(fields.u32()).unwrap_or_default();
        Ok(Self {
            flags: Flags::from_bits(u64::from(high) << 32),
            creation,
        })
    }
}

/// `challenge_reply`: the initiator proves that it knows the cookie and asks for a proof.
///
/// ```text
/// 'r' challenge:u32 digest:16
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChallengeReply {
    /// The initiator's own challenge.
    pub challenge: u32,
    /// The answer to the acceptor's challenge.
    pub digest: Digest,
}

impl ChallengeReply {
    pub(super) const NAME: &str = "challenge_reply";

    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![b'r'];
        out.extend_from_slice(&self.challenge.to_be_bytes());
        out.extend_from_slice(self.digest.as_bytes());
        out
    }

    /// Reads the message.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(packet: &[u8]) -> Result<Self, Error> {
        let mut fields = exactly(Self::NAME, b'r', 20, packet)?;
        let (challenge, digest) = fields.u32().zip(fields.array()).unwrap_or_default();
        Ok(Self {
            challenge,
            digest: Digest::from(digest),
        })
    }
}

/// `challenge_ack`: the acceptor proves that it knows the cookie.
///
/// ```text
/// 'a' digest:16
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChallengeAck {
    /// The answer to the initiator's challenge.
    pub digest: Digest,
}

impl ChallengeAck {
    const NAME: &str = "challenge_ack";

    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![b'a'];
        out.extend_from_slice(self.digest.as_bytes());
        out
    }

    /// Reads the message.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(packet: &[u8]) -> Result<Self, Error> {
        let mut fields = exactly(Self::NAME, b'a', 16, packet)?;
        Ok(Self {
            digest: Digest::from(fields.array().unwrap_or_default()),
        })
    }
}

/// The fields of a message that has one form and one length.
fn exactly<'a>(
    message: &'static str,
    tag: u8,
    length: usize,
    packet: &'a [u8],
) -> Result<Fields<'a>, Error> {
    match packet.split_first() {
        Some((first, rest)) if *first == tag && rest.len() == length => Ok(Fields::new(rest)),
        Some((first, rest)) if *first == tag => Err(Error::malformed(
            message,
            format!(
                "expected {length} bytes after the tag, there are {}",
                rest.len()
            ),
        )),
        _ => Err(unexpected(message, packet)),
    }
}

fn short(message: &'static str) -> Error {
    Error::malformed(message, "it ends too early")
}

/// The error for something else altogether. Shows how it starts, not all that a stranger sent.
fn unexpected(message: &'static str, packet: &[u8]) -> Error {
    let (start, more) = packet
        .split_at_checked(32)
        .map_or((packet, ""), |(s, _)| (s, "…"));
    Error::malformed(message, format!("found \"{}\"{more}", start.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeName {
        NodeName::new(name).unwrap()
    }

    /// The bytes mean the message, the message makes the bytes, and no part of them will do.
    fn check<T: PartialEq + std::fmt::Debug>(
        message: &T,
        encode: fn(&T) -> Vec<u8>,
        decode: fn(&[u8]) -> Result<T, Error>,
        bytes: &[u8],
    ) {
        assert_eq!(encode(message), bytes);
        assert_eq!(decode(bytes).as_ref(), Ok(message));
        for n in 0..bytes.len() {
            assert_ne!(
                decode(&bytes[..n]).as_ref(),
                Ok(message),
                "cut to {n} bytes"
            );
        }
    }

    #[test]
    fn send_name_new_form() {
        let hello = Hello {
            identity: node("a@b").into(),
            flags: Flags::MANDATORY_26,
            creation: Some(0x6543_2101),
        };
        let bytes = b"N\0\0\0\x04\x03\x07\x0f\x94\x65\x43\x21\x01\0\x03a@b";
        check(&hello, Hello::encode, Hello::decode, bytes);
        let longer = [&bytes[..], b"future"].concat();
        assert_eq!(Hello::decode(&longer), Ok(hello));
    }

    #[test]
    fn send_name_old_form() {
        let hello = Hello {
            identity: node("a@b").into(),
            flags: Flags::MANDATORY_25,
            creation: None,
        };
        check(
            &hello,
            Hello::encode,
            Hello::decode,
            b"n\0\x05\x01\x07\x0f\x94a@b",
        );
    }

    #[test]
    fn send_name_of_a_node_without_a_name() {
        let hello = Hello {
            identity: HostName::new("vm").unwrap().into(),
            flags: Flags::NAME_ME,
            creation: Some(0),
        };
        let bytes = b"N\0\0\0\x02\0\0\0\0\0\0\0\0\0\x02vm";
        check(&hello, Hello::encode, Hello::decode, bytes);
    }

    #[test]
    fn status_texts() {
        for (status, text) in [
            (Status::Ok, &b"sok"[..]),
            (Status::OkSimultaneous, b"sok_simultaneous"),
            (Status::Nok, b"snok"),
            (Status::NotAllowed, b"snot_allowed"),
            (Status::Alive, b"salive"),
            (Status::True, b"strue"),
            (Status::False, b"sfalse"),
        ] {
            check(&status, Status::encode, Status::decode, text);
        }
    }

    #[test]
    fn status_named() {
        let status = Status::Named {
            name: node("X1@vm"),
            creation: 7,
        };
        let bytes = b"snamed:\0\x05X1@vm\0\0\0\x07";
        check(&status, Status::encode, Status::decode, bytes);
        let longer = [&bytes[..], b"future"].concat();
        assert_eq!(Status::decode(&longer), Ok(status));
    }

    #[test]
    fn challenge() {
        let challenge = Challenge {
            flags: Flags::from_bits(0xd_07df_7fbd),
            challenge: 0xdead_beef,
            creation: 5,
            name: node("n25@vm"),
        };
        let bytes = b"N\0\0\0\x0d\x07\xdf\x7f\xbd\xde\xad\xbe\xef\0\0\0\x05\0\x06n25@vm";
        check(&challenge, Challenge::encode, Challenge::decode, bytes);
    }

    #[test]
    fn complement() {
        let complement = Complement {
            flags: Flags::V4_NC | Flags::SPAWN,
            creation: 9,
        };
        check(
            &complement,
            Complement::encode,
            Complement::decode,
            b"c\0\0\0\x05\0\0\0\x09",
        );
    }

    #[test]
    fn challenge_reply_and_ack() {
        let digest = Digest::from(*b"0123456789abcdef");
        let reply = ChallengeReply {
            challenge: 1,
            digest,
        };
        let bytes = b"r\0\0\0\x010123456789abcdef";
        check(
            &reply,
            ChallengeReply::encode,
            ChallengeReply::decode,
            bytes,
        );
        let ack = ChallengeAck { digest };
        check(
            &ack,
            ChallengeAck::encode,
            ChallengeAck::decode,
            b"a0123456789abcdef",
        );
    }

    #[test]
    fn errors_quote_what_came_but_not_all_of_it() {
        let error = Status::decode(b"sokay").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"the peer sent a malformed status: found "sokay""#
        );
        let error = Status::decode(&[b'x'; 4000]).unwrap_err().to_string();
        assert!(error.len() < 100, "{error}");
        let error = ChallengeAck::decode(b"a012").unwrap_err().to_string();
        assert!(
            error.ends_with("expected 16 bytes after the tag, there are 3"),
            "{error}"
        );
    }
}
