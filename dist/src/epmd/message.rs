//! EPMD's requests, without the two bytes of length that precede them, and its answers.

use crate::epmd::client::{Answer, Progress};
use crate::error::{Error, Refusal};
use crate::fields::{Fields, put_counted};
use crate::limits;
use crate::name::{InvalidName, check_part};

/// What kind of node is registered: 77 `'M'` is a visible Erlang node, 72 `'H'` a hidden one.
/// libei writes 104 `'h'`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeType(pub u8);

impl NodeType {
    /// A visible node.
    pub const NORMAL: Self = Self(b'M');
    /// A hidden node.
    pub const HIDDEN: Self = Self(b'H');
}

/// What EPMD knows of a node, the same bytes in `ALIVE2_REQ` and in `PORT2_RESP`.
///
/// ```text
/// port:u16 type:u8 protocol:u8 highest:u16 lowest:u16 nlen:u16 name:nlen elen:u16 extra:elen
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registration {
    /// The part of the node's name before the `@`.
    pub name: String,
    /// The TCP port it listens on.
    pub port: u16,
    /// What kind of node it is.
    pub node_type: NodeType,
    /// 0 for TCP, which is what TLS and IPv6 nodes register as well.
    pub protocol: u8,
    /// The highest version of the protocol it speaks: 6 since OTP 23.
    pub highest: u16,
    /// The lowest version it speaks.
    pub lowest: u16,
    /// Bytes of no agreed meaning, at most 1020 ([`limits::EPMD_EXTRA`]).
    pub extra: Vec<u8>,
}

impl Registration {
    /// A node that listens on a TCP port and, like ERTS 25 to 29, says that it speaks versions 5 and
    /// 6.
    pub fn new(name: impl Into<String>, port: u16, node_type: NodeType) -> Self {
        let name = name.into();
        Self {
            name,
            port,
            node_type,
            protocol: 0,
            highest: 6,
            lowest: 5,
            extra: Vec::new(),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.port.to_be_bytes());
        out.extend_from_slice(&[self.node_type.0, self.protocol]);
        out.extend_from_slice(&self.highest.to_be_bytes());
        out.extend_from_slice(&self.lowest.to_be_bytes());
        put_counted(out, self.name.as_bytes());
        put_counted(
            out,
            self.extra.get(..limits::EPMD_EXTRA).unwrap_or(&self.extra),
        );
    }

    /// The registration, but for its name, which is given as it is.
    fn take<'a>(fields: &mut Fields<'a>) -> Option<(Self, &'a [u8])> {
        let mut taken = Self::new("", fields.u16()?, NodeType(fields.u8()?));
        taken.protocol = fields.u8()?;
        taken.highest = fields.u16()?;
        taken.lowest = fields.u16()?;
        let name = fields.counted()?;
        taken.extra = fields.counted()?.to_vec();
        Some((taken, name))
    }
}

/// A request.
///
/// ```text
/// ALIVE2_REQ         120 'x' registration
/// PORT_PLEASE2_REQ   122 'z' name
/// NAMES_REQ          110 'n'
/// DUMP_REQ           100 'd'
/// KILL_REQ           107 'k'
/// STOP_REQ           115 's' name
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Registers a node for as long as the connection lasts.
    Alive(Registration),
    /// Asks for a node's registration.
    Port(String),
    /// Asks for all names and ports.
    Names,
    /// Asks for all that the daemon remembers.
    Dump,
    /// Asks the daemon to terminate.
    Kill,
    /// Asks the daemon to forget a node.
    Stop(String),
}

impl Request {
    /// Registers a node.
    ///
    /// # Errors
    /// [`InvalidName`]: no node can have that name.
    pub fn alive(registration: Registration) -> Result<Self, InvalidName> {
        checked(&registration.name)?;
        Ok(Self::Alive(registration))
    }

    /// Asks for a node's registration.
    ///
    /// # Errors
    /// [`InvalidName`]: no node can have that name.
    pub fn port(name: &str) -> Result<Self, InvalidName> {
        checked(name).map(Self::Port)
    }

    /// Asks the daemon to forget a node.
    ///
    /// # Errors
    /// [`InvalidName`]: no node can have that name.
    pub fn stop(name: &str) -> Result<Self, InvalidName> {
        checked(name).map(Self::Stop)
    }

    /// The bytes of the request, its length first.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        match self {
            Self::Alive(registration) => {
                body.push(b'x');
                registration.put(&mut body);
            }
            Self::Port(name) => {
                body.push(b'z');
                body.extend_from_slice(name.as_bytes());
            }
            Self::Names => body.push(b'n'),
            Self::Dump => body.push(b'd'),
            Self::Kill => body.push(b'k'),
            Self::Stop(name) => {
                body.push(b's');
                body.extend_from_slice(name.as_bytes());
            }
        }
        let mut out = Vec::new();
        put_counted(&mut out, &body);
        out
    }

    /// Reads a request without its length. As with epmd, bytes after its end do not matter, and a name is
    /// any text of 1 to 255 characters without NUL.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::PeerName`], [`Error::TooLong`].
    pub fn decode(body: &[u8]) -> Result<Self, Error> {
        const NAME: &str = "EPMD request";
        let (opcode, rest) = body
            .split_first()
            .ok_or_else(|| Error::malformed(NAME, "it is empty"))?;
        match opcode {
            b'x' => {
                let (mut registration, name) = Registration::take(&mut Fields::new(rest))
                    .ok_or_else(|| Error::malformed(NAME, "the registration ends too early"))?;
                registration.name = name_in(name)?;
                if registration.extra.len() > limits::EPMD_EXTRA {
                    let (length, limit) = (registration.extra.len(), limits::EPMD_EXTRA);
                    let (length, limit) = (length as u64, limit as u64);
                    return Err(Error::TooLong {
                        what: "EPMD extra field",
                        length,
                        limit,
                    });
                }
                Ok(Self::Alive(registration))
            }
            b'z' => name_in(without_nul(rest)).map(Self::Port),
            b's' => name_in(without_nul(rest)).map(Self::Stop),
            b'n' => Ok(Self::Names),
            b'd' => Ok(Self::Dump),
            b'k' => Ok(Self::Kill),
            other => Err(Error::malformed(NAME, format!("unknown opcode {other}"))),
        }
    }
}

/// A name at the end of a request, where epmd tolerates a NUL after it.
fn without_nul(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\0").unwrap_or(bytes)
}

/// A name in a request of somebody else.
fn name_in(bytes: &[u8]) -> Result<String, Error> {
    if bytes.is_empty() {
        return Err(Error::PeerName(InvalidName::Empty));
    }
    if bytes.contains(&0) {
        return Err(Error::PeerName(InvalidName::Character('\0')));
    }
    let name = std::str::from_utf8(bytes).map_err(|_| InvalidName::NotUtf8);
    name.and_then(not_too_long)
        .map(str::to_owned)
        .map_err(Error::PeerName)
}

/// A name in a request of our own.
fn checked(name: &str) -> Result<String, InvalidName> {
    check_part(not_too_long(name)?)?;
    Ok(name.to_owned())
}

fn not_too_long(name: &str) -> Result<&str, InvalidName> {
    if name.chars().count() > limits::NODE_NAME {
        return Err(InvalidName::TooLong);
    }
    Ok(name)
}

/// The answer to `PORT_PLEASE2_REQ`: `PORT2_RESP`.
///
/// ```text
/// known:    119 'w' 0 registration
/// unknown:  119 'w' 1
/// ```
impl Answer for Option<Registration> {
    const NAME: &'static str = "PORT2_RESP";

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![b'w', self.is_none().into()];
        if let Some(registration) = self {
            registration.put(&mut out);
        }
        out
    }

    fn decode(asked: &str, bytes: &[u8], _eof: bool) -> Result<Progress<Self>, Error> {
        /// Up to and with the length of the name.
        const FIXED: usize = 12;
        let mut fields = Fields::new(bytes);
        match (fields.u8(), fields.u8()) {
            (Some(b'w'), None) | (None, _) => return Ok(Progress::Length(2)),
            (Some(b'w'), Some(0)) => {}
            (Some(b'w'), Some(_)) => return Ok(Progress::Done(None)),
            (Some(tag), _) => return Err(tag_error(Self::NAME, tag)),
        }
        if let Some((mut registration, name)) = Registration::take(&mut fields) {
            registration.name = String::from_utf8_lossy(name).into_owned();
            if registration.name != asked {
                let problem = format!("asked for {asked:?}, it is about {:?}", registration.name);
                return Err(Error::malformed(Self::NAME, problem));
            }
            return Ok(Progress::Done(Some(registration)));
        }
        let length_at = |at: usize| Fields::new(bytes.get(at..)?).u16().map(usize::from);
        let name = length_at(FIXED - 2);
        let extra = name.and_then(|name| length_at(FIXED + name));
        Ok(Progress::Length(match (name, extra) {
            (None, _) => FIXED,
            (Some(name), extra) => FIXED + name + 2 + extra.unwrap_or(0),
        }))
    }
}

/// The answer to `ALIVE2_REQ`: the node is registered.
///
/// ```text
/// ALIVE2_X_RESP  118 'v' result:u8 creation:u32
/// ALIVE2_RESP    121 'y' result:u8 creation:u16     (to a `highest` version below 6)
/// ```
/// A result other than 0 is [`Refusal::Registration`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// The creation for this incarnation of the node.
    pub creation: u32,
}

impl Answer for Registered {
    const NAME: &'static str = "ALIVE2_RESP";

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![b'v', 0];
        out.extend_from_slice(&self.creation.to_be_bytes());
        out
    }

    fn decode(_asked: &str, bytes: &[u8], _eof: bool) -> Result<Progress<Self>, Error> {
        let mut fields = Fields::new(bytes);
        let tag = fields.u8();
        let result = fields.u8();
        let (creation, length) = match tag {
            None => return Ok(Progress::Length(1)),
            Some(b'v') => (fields.u32(), 6),
            Some(b'y') => (fields.u16().map(u32::from), 4),
            Some(tag) => return Err(tag_error(Self::NAME, tag)),
        };
        match (result, creation) {
            (Some(0), Some(creation)) => Ok(Progress::Done(Self { creation })),
            (Some(_), Some(_)) => Err(Error::Refused(Refusal::Registration)),
            _ => Ok(Progress::Length(length)),
        }
    }
}

/// The answer to `NAMES_REQ`.
///
/// ```text
/// port:u32 ( "name " name " at port " port "\n" )*
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesAnswer {
    /// The port of EPMD itself.
    pub epmd_port: u32,
    /// The lines, newest first.
    pub text: String,
}

impl NamesAnswer {
    /// The names and ports. A line that does not say both is left out: EPMD accepts names with
    /// line breaks, and nobody is to be kept from seeing the other nodes by one of those.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, u16)> {
        self.text.lines().filter_map(|line| {
            let (name, port) = line.strip_prefix("name ")?.rsplit_once(" at port ")?;
            Some((name, port.parse().ok()?))
        })
    }
}

impl Answer for NamesAnswer {
    const NAME: &'static str = "NAMES_RESP";

    fn encode(&self) -> Vec<u8> {
        [&self.epmd_port.to_be_bytes(), self.text.as_bytes()].concat()
    }

    fn decode(_asked: &str, bytes: &[u8], eof: bool) -> Result<Progress<Self>, Error> {
        Ok(text_answer(bytes, eof, |epmd_port, text| Self {
            epmd_port,
            text,
        }))
    }
}

/// The answer to `DUMP_REQ`.
///
/// ```text
/// port:u32 ( "active name     <" name "> at port " port ", fd = " fd "\n" 0 )*
///          ( "old/unused name <" name ">, port = " port ", fd = " fd " \n" 0 )*
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpAnswer {
    /// The port of EPMD itself.
    pub epmd_port: u32,
    /// The lines, without the NUL that follows each.
    pub text: String,
}

impl Answer for DumpAnswer {
    const NAME: &'static str = "DUMP_RESP";

    fn encode(&self) -> Vec<u8> {
        let text = self.text.replace('\n', "\n\0");
        [&self.epmd_port.to_be_bytes(), text.as_bytes()].concat()
    }

    fn decode(_asked: &str, bytes: &[u8], eof: bool) -> Result<Progress<Self>, Error> {
        Ok(text_answer(bytes, eof, |epmd_port, text| Self {
            epmd_port,
            text: text.replace('\0', ""),
        }))
    }
}

/// An answer that consists of EPMD's port and a text.
fn text_answer<A>(bytes: &[u8], eof: bool, make: fn(u32, String) -> A) -> Progress<A> {
    let mut fields = Fields::new(bytes);
    match fields.u32() {
        Some(port) if eof => Progress::Done(make(
            port,
            String::from_utf8_lossy(fields.rest()).into_owned(),
        )),
        _ => Progress::UntilEof(limits::EPMD_TEXT),
    }
}

/// The answer to `KILL_REQ`, as text: `OK` or `NO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillAnswer {
    /// `OK`: the daemon terminates.
    Ok,
    /// `NO`: there are registered nodes.
    No,
}

impl Answer for KillAnswer {
    const NAME: &'static str = "KILL_RESP";

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ok => b"OK".to_vec(),
            Self::No => b"NO".to_vec(),
        }
    }

    fn decode(_asked: &str, bytes: &[u8], eof: bool) -> Result<Progress<Self>, Error> {
        match bytes {
            b"OK" => Ok(Progress::Done(Self::Ok)),
            b"NO" => Ok(Progress::Done(Self::No)),
            _ if bytes.len() < 2 && !eof => Ok(Progress::Length(2)),
            _ => Err(text_error(Self::NAME, bytes)),
        }
    }
}

/// The answer to `STOP_REQ`, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopAnswer {
    /// `STOPPED`: the node is forgotten.
    Stopped,
    /// `NOEXIST`: there is no such node. epmd writes `STOPPED` after it all the same.
    NoExist,
    /// Nothing at all: the daemon does not run with relaxed command checks.
    NotAllowed,
}

impl Answer for StopAnswer {
    const NAME: &'static str = "STOP_RESP";

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Stopped => b"STOPPED".to_vec(),
            Self::NoExist => b"NOEXISTSTOPPED".to_vec(),
            Self::NotAllowed => Vec::new(),
        }
    }

    fn decode(_asked: &str, bytes: &[u8], eof: bool) -> Result<Progress<Self>, Error> {
        match bytes {
            b"STOPPED" => Ok(Progress::Done(Self::Stopped)),
            b"NOEXIST" => Ok(Progress::Done(Self::NoExist)),
            b"" if eof => Ok(Progress::Done(Self::NotAllowed)),
            _ if bytes.len() < 7 && !eof => Ok(Progress::Length(7)),
            _ => Err(text_error(Self::NAME, bytes)),
        }
    }
}

fn tag_error(message: &'static str, tag: u8) -> Error {
    Error::malformed(message, format!("it starts with {tag}"))
}

fn text_error(message: &'static str, text: &[u8]) -> Error {
    Error::malformed(message, format!("found \"{}\"", text.escape_ascii()))
}
