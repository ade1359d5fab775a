use std::fmt;

use crate::tag;

/// The type of a term, declared in Erlang's order of types.
///
/// `number < atom < reference < fun < port < pid < tuple < record < map < list < bit string`
/// (OTP, *Reference Manual*, "Term Comparisons"). Strings and the empty list are lists, binaries are
/// bit strings of whole bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// An integer of any size.
    Integer,
    /// A finite double.
    Float,
    /// An atom; `true` and `false` are atoms.
    Atom,
    /// A reference or alias.
    Reference,
    /// A local or external fun.
    Fun,
    /// A port.
    Port,
    /// A process identifier.
    Pid,
    /// A tuple.
    Tuple,
    /// A native record (OTP 29).
    Record,
    /// A map.
    Map,
    /// A list, proper or not; `[]` and strings too.
    List,
    /// A binary or a bit string.
    Bits,
}

impl Kind {
    /// The kind of term that starts with this tag; `None` for a tag that starts no term.
    #[inline(always)]
    pub const fn of_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            tag::SMALL_INTEGER_EXT | tag::INTEGER_EXT | tag::SMALL_BIG_EXT | tag::LARGE_BIG_EXT => {
                Self::Integer
            }
            tag::NEW_FLOAT_EXT | tag::FLOAT_EXT => Self::Float,
            tag::ATOM_EXT
            | tag::SMALL_ATOM_EXT
            | tag::ATOM_UTF8_EXT
            | tag::SMALL_ATOM_UTF8_EXT
            | tag::ATOM_CACHE_REF => Self::Atom,
            tag::REFERENCE_EXT | tag::NEW_REFERENCE_EXT | tag::NEWER_REFERENCE_EXT => {
                Self::Reference
            }
            tag::NEW_FUN_EXT | tag::EXPORT_EXT | tag::FUN_EXT => Self::Fun,
            tag::PORT_EXT | tag::NEW_PORT_EXT | tag::V4_PORT_EXT => Self::Port,
            tag::PID_EXT | tag::NEW_PID_EXT => Self::Pid,
            tag::SMALL_TUPLE_EXT | tag::LARGE_TUPLE_EXT => Self::Tuple,
            tag::RECORD_EXT => Self::Record,
            tag::MAP_EXT => Self::Map,
            tag::NIL_EXT | tag::STRING_EXT | tag::LIST_EXT => Self::List,
            tag::BINARY_EXT | tag::BIT_BINARY_EXT => Self::Bits,
            _ => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "an integer",
            Self::Float => "a float",
            Self::Atom => "an atom",
            Self::Reference => "a reference",
            Self::Fun => "a fun",
            Self::Port => "a port",
            Self::Pid => "a pid",
            Self::Tuple => "a tuple",
            Self::Record => "a record",
            Self::Map => "a map",
            Self::List => "a list",
            Self::Bits => "a bit string",
        })
    }
}
