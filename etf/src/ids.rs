//! Identifiers of processes, ports and references: which node made them, in which of its lives
//! (*creation*), and numbers that mean something only there.

use std::cmp::Ordering;

use crate::{Atom, DecodeError, EncodeError, Kind, Reader, Sink, Source, Writer, tag};

/// A process identifier.
///
/// ```
/// use einode_etf::{Atom, Pid};
///
/// let pid = Pid::new(Atom::from_static("app@host"), 84, 0, 1);
/// assert_eq!(pid.to_string(), "<app@host.84.0>");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pid {
    node: Atom,
    id: u32,
    serial: u32,
    creation: u32,
}

impl Pid {
    /// The process of this number on this node.
    pub const fn new(node: Atom, id: u32, serial: u32, creation: u32) -> Self {
        Self {
            node,
            id,
            serial,
            creation,
        }
    }

    /// The node on which it runs.
    pub const fn node(&self) -> &Atom {
        &self.node
    }

    /// Its number.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The upper part of its number.
    pub const fn serial(&self) -> u32 {
        self.serial
    }

    /// Which of the node's lives it belongs to.
    pub const fn creation(&self) -> u32 {
        self.creation
    }

    pub(crate) fn decode_body<'a, S: Source<'a>>(
        found: u8,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        let node = reader.atom()?;
        let id = u32::from_be_bytes(reader.source_mut().array()?);
        let serial = u32::from_be_bytes(reader.source_mut().array()?);
        let creation = creation(found == tag::NEW_PID_EXT, reader.source_mut())?;
        Ok(Self {
            node,
            id,
            serial,
            creation,
        })
    }
}

impl Ord for Pid {
    /// By number, then node, then creation, as ERTS does.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.serial, self.id, &self.node, self.creation).cmp(&(
            other.serial,
            other.id,
            &other.node,
            other.creation,
        ))
    }
}

impl PartialOrd for Pid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A port identifier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    node: Atom,
    creation: u32,
    id: u64,
}

impl Port {
    /// The port of this number on this node.
    pub const fn new(node: Atom, id: u64, creation: u32) -> Self {
        Self { node, creation, id }
    }

    /// The node that owns it.
    pub const fn node(&self) -> &Atom {
        &self.node
    }

    /// Its number.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Which of the node's lives it belongs to.
    pub const fn creation(&self) -> u32 {
        self.creation
    }

    pub(crate) fn decode_body<'a, S: Source<'a>>(
        found: u8,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        let node = reader.atom()?;
        let id = if found == tag::V4_PORT_EXT {
            u64::from_be_bytes(reader.source_mut().array()?)
        } else {
            u32::from_be_bytes(reader.source_mut().array()?).into()
        };
        let creation = creation(found != tag::PORT_EXT, reader.source_mut())?;
        Ok(Self { node, creation, id })
    }
}

/// The most 32-bit words that a reference may have.
pub const MAX_REFERENCE_WORDS: usize = 5;

/// A reference, or a process alias.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    node: Atom,
    creation: u32,
    length: u8,
    /// Words past the length are zero.
    words: [u32; MAX_REFERENCE_WORDS],
}

impl Reference {
    /// The reference of these words, at least one and at most [`MAX_REFERENCE_WORDS`].
    ///
    /// # Errors
    /// [`DecodeError::BadReference`] for another number of words.
    pub fn new(node: Atom, creation: u32, words: &[u32]) -> Result<Self, DecodeError> {
        let length = words.len();
        if !(1..=MAX_REFERENCE_WORDS).contains(&length) {
            return Err(DecodeError::BadReference(
                length.try_into().unwrap_or(u16::MAX),
            ));
        }
        let mut own = [0; MAX_REFERENCE_WORDS];
        own.iter_mut().zip(words).for_each(|(to, from)| *to = *from);
        Ok(Self {
            node,
            creation,
            length: length as u8,
            words: own,
        })
    }

    /// The node that made it.
    pub const fn node(&self) -> &Atom {
        &self.node
    }

    /// Which of the node's lives it belongs to.
    pub const fn creation(&self) -> u32 {
        self.creation
    }

    /// Its words, least significant first.
    pub fn words(&self) -> &[u32] {
        self.words
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    pub(crate) fn decode_body<'a, S: Source<'a>>(
        found: u8,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        let length = match found {
            tag::REFERENCE_EXT => 1,
            _ => u16::from_be_bytes(reader.source_mut().array()?),
        };
        if !(1..=MAX_REFERENCE_WORDS).contains(&usize::from(length)) {
            return Err(DecodeError::BadReference(length));
        }
        let node = reader.atom()?;
        let mut words = [0; MAX_REFERENCE_WORDS];
        let source = reader.source_mut();
        let creation = match found {
            tag::REFERENCE_EXT => {
                words[0] = u32::from_be_bytes(source.array()?);
                return Ok(Self {
                    node,
                    creation: creation(false, source)?,
                    length: 1,
                    words,
                });
            }
            _ => creation(found == tag::NEWER_REFERENCE_EXT, source)?,
        };
        for word in words.iter_mut().take(length.into()) {
            *word = u32::from_be_bytes(source.array()?);
        }
        Ok(Self {
            node,
            creation,
            length: length as u8,
            words,
        })
    }
}

impl Ord for Reference {
    /// By node and creation, then by number; missing words count as zero, as ERTS does.
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.node, self.creation)
            .cmp(&(&other.node, other.creation))
            .then_with(|| self.words.iter().rev().cmp(other.words.iter().rev()))
            .then_with(|| self.length.cmp(&other.length))
    }
}

impl PartialOrd for Reference {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A creation: four bytes today, one byte of which two bits count in the forms before OTP 23.
fn creation<'a, S: Source<'a>>(wide: bool, source: &mut S) -> Result<u32, DecodeError> {
    if wide {
        Ok(u32::from_be_bytes(source.array()?))
    } else {
        let [creation] = source.array()?;
        Ok(u32::from(creation & 0b11))
    }
}

impl<'a, S: Source<'a>> Reader<'a, S> {
    /// A process identifier.
    pub fn pid(&mut self) -> Result<Pid, DecodeError> {
        let found = self.tag_of(Kind::Pid)?;
        Pid::decode_body(found, self)
    }

    /// A port identifier.
    pub fn port(&mut self) -> Result<Port, DecodeError> {
        let found = self.tag_of(Kind::Port)?;
        Port::decode_body(found, self)
    }

    /// A reference.
    pub fn reference(&mut self) -> Result<Reference, DecodeError> {
        let found = self.tag_of(Kind::Reference)?;
        Reference::decode_body(found, self)
    }
}

impl<K: Sink> Writer<K> {
    /// A process identifier, as NEW_PID_EXT.
    pub fn pid(&mut self, pid: &Pid) -> Result<(), EncodeError> {
        self.put(&[tag::NEW_PID_EXT]);
        self.atom(&pid.node)?;
        let numbers = [pid.id, pid.serial, pid.creation].map(u32::to_be_bytes);
        self.put(numbers.as_flattened());
        Ok(())
    }

    /// A port identifier, as V4_PORT_EXT.
    pub fn port(&mut self, port: &Port) -> Result<(), EncodeError> {
        self.put(&[tag::V4_PORT_EXT]);
        self.atom(&port.node)?;
        self.put(&port.id.to_be_bytes());
        self.put(&port.creation.to_be_bytes());
        Ok(())
    }

    /// A reference, as NEWER_REFERENCE_EXT.
    pub fn reference(&mut self, reference: &Reference) -> Result<(), EncodeError> {
        self.put(&[tag::NEWER_REFERENCE_EXT, 0, reference.length]);
        self.atom(&reference.node)?;
        self.put(&reference.creation.to_be_bytes());
        for word in reference.words() {
            self.put(&word.to_be_bytes());
        }
        Ok(())
    }
}
