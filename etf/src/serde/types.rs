//! The types of this crate in values of serde, and names with a meaning.

use std::fmt;

use ::serde::de::{self, Visitor};
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Atom, Binary, Integer, Pid, Port, Reference, Term};

/// The newtype struct whose text is the name of an atom.
pub(super) const ATOM: &str = "$einode_etf::Atom";

/// The newtype struct whose bytes are a stand-alone term.
pub(super) const TERM: &str = "$einode_etf::Term";

/// The key under which a struct of Elixir has its module.
pub(super) const STRUCT: Atom = Atom::from_static("__struct__");

/// Whether a struct of this name is one of Elixir.
pub(super) fn is_elixir(name: &str) -> bool {
    name.starts_with("Elixir.")
}

/// The variants of Rust's own `Result`, whose names in Erlang everybody knows.
const RESULT: [(&str, &str); 2] = [("Ok", "ok"), ("Err", "error")];

/// The atom of a variant.
pub(super) fn tag_of<'a>(name: &str, variant: &'a str) -> &'a str {
    let known = RESULT.iter().find(|(rust, _)| *rust == variant);
    match known {
        Some((_, erlang)) if name == "Result" => erlang,
        _ => variant,
    }
}

/// The variant of an atom, for an enum that has these.
pub(super) fn variant_of<'a>(name: &str, variants: &[&str], tag: &'a str) -> &'a str {
    let known = RESULT.iter().find(|(_, erlang)| *erlang == tag);
    match known {
        Some((rust, _)) if name == "Result" && variants.contains(rust) => rust,
        _ => tag,
    }
}

impl Serialize for Atom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(ATOM, self.as_str())
    }
}

impl<'de> Deserialize<'de> for Atom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl<'de> Visitor<'de> for Name {
            type Value = Atom;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an atom")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Atom, E> {
                Atom::new(name).map_err(E::custom)
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, name: D) -> Result<Atom, D::Error> {
                name.deserialize_str(self)
            }
        }

        deserializer.deserialize_newtype_struct(ATOM, Name)
    }
}

impl Serialize for Term {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Bytes(Vec<u8>);

        impl Serialize for Bytes {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }

        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        let bytes = self.to_bytes().map_err(::serde::ser::Error::custom)?;
        serializer.serialize_newtype_struct(TERM, &Bytes(bytes))
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Term;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a term")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Term, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Term, E> {
                Term::from_bytes(bytes).map_err(E::custom)
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, term: D) -> Result<Term, D::Error> {
                term.deserialize_bytes(self)
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Any)
        } else {
            deserializer.deserialize_newtype_struct(TERM, Any)
        }
    }
}

/// Types that are serialized as the terms that they are.
macro_rules! as_terms {
    ($($type:ty: $as:ident, $what:literal;)*) => { $(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Term::from(self.clone()).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let term = Term::deserialize(deserializer)?;
                term.$as().cloned().ok_or_else(|| {
                    let kind = term.kind();
                    de::Error::custom(format_args!(concat!("expected ", $what, ", found {}"), kind))
                })
            }
        }
    )* };
}

as_terms! {
    Pid: as_pid, "a pid";
    Port: as_port, "a port";
    Reference: as_reference, "a reference";
    Integer: as_integer, "an integer";
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl<'de> Visitor<'de> for Bytes {
            type Value = Binary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Binary, E> {
                Ok(Binary(bytes.into()))
            }

            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Binary, E> {
                Ok(Binary(bytes))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Binary, E> {
                self.visit_bytes(text.as_bytes())
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut bytes: A) -> Result<Binary, A::Error> {
                // Grows as bytes come.
                let mut binary = Binary::default();
                while let Some(byte) = bytes.next_element()? {
                    binary.0.push(byte);
                }
                Ok(binary)
            }
        }

        deserializer.deserialize_byte_buf(Bytes)
    }
}
