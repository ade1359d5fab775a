//! What is compared with the peers: einode's own ways through a term.

use einode_etf::{DecodeError, Kind, Reader, Term, Writer};

/// Steps over the term; the offset behind it.
pub fn skip(bytes: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(bytes);
    let whole = reader.version().is_ok() && reader.skip().is_ok();
    whole.then(|| reader.position() as u64)
}

/// Reads every scalar and keeps none; the number of terms.
pub fn scan(bytes: &[u8]) -> Result<u64, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.version()?;
    let mut terms = 0;
    let mut left: usize = 1;
    while left > 0 {
        left -= 1;
        terms += 1;
        match reader.kind()? {
            Kind::Integer => drop(reader.integer()?),
            Kind::Float => drop(reader.float()?),
            Kind::Atom => drop(reader.atom()?),
            Kind::Bits => drop(reader.bits()?),
            Kind::Tuple => left += reader.tuple()?,
            Kind::Map => left += 2 * reader.map()?,
            Kind::List => {
                if reader.string()?.is_none() {
                    let length = reader.list()?;
                    if length > 0 {
                        // The tail is to be read, too, but is no term of its own.
                        left += length + 1;
                        terms -= 1;
                    }
                }
            }
            Kind::Pid => drop(reader.pid()?),
            Kind::Port => drop(reader.port()?),
            Kind::Reference => drop(reader.reference()?),
            _ => reader.skip()?,
        }
    }
    reader.finish()?;
    Ok(terms)
}

/// Decodes into an owned tree.
pub fn tree(bytes: &[u8]) -> Result<Term, DecodeError> {
    einode_etf::from_slice(bytes)
}

/// Replaces the contents of `out` with the encoded tree.
pub fn encode(term: &Term, out: &mut Vec<u8>) -> Result<(), einode_etf::EncodeError> {
    out.clear();
    let mut writer = Writer::new(out);
    writer.version()?;
    writer.term(term)
}
