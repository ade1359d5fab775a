use crate::{DecodeError, Kind, Reader, Source, integer, tag};

impl<'a, S: Source<'a>> Reader<'a, S> {
    /// Passes over one term and checks on the way that it is one, but for the text of atoms, the
    /// values of floats and the keys of maps.
    ///
    /// Takes no memory, whatever the depth: what is left to pass over is only a number.
    #[inline]
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        // With a count of terms below what is ahead, a peer's counts can never add up to more.
        let mut pending: usize = 1;
        while pending > 0 {
            pending -= 1;
            let children = match self.tag()? {
                tag::SMALL_INTEGER_EXT => {
                    self.tag()?;
                    continue;
                }
                tag::INTEGER_EXT => {
                    self.source_mut().array::<4>()?;
                    continue;
                }
                found @ (tag::SMALL_ATOM_UTF8_EXT
                | tag::SMALL_ATOM_EXT
                | tag::ATOM_UTF8_EXT
                | tag::ATOM_EXT
                | tag::ATOM_CACHE_REF) => {
                    self.skip_atom_body(found)?;
                    continue;
                }
                tag::BINARY_EXT => {
                    let length = u32::from_be_bytes(self.source_mut().array()?);
                    self.source_mut().take(length as usize)?;
                    continue;
                }
                tag::NIL_EXT => continue,
                tag::SMALL_TUPLE_EXT => usize::from(self.tag()?),
                tag::LIST_EXT => self.count(1)?.saturating_add(1),
                tag::MAP_EXT => self.count(2)?.saturating_mul(2),
                tag::NEW_FLOAT_EXT => {
                    self.source_mut().array::<8>()?;
                    continue;
                }
                tag::STRING_EXT => {
                    let length = u16::from_be_bytes(self.source_mut().array()?);
                    self.source_mut().take(length.into())?;
                    continue;
                }
                found @ (tag::SMALL_BIG_EXT | tag::LARGE_BIG_EXT) => {
                    integer::magnitude(found, self.source_mut())?;
                    continue;
                }
                rare => self.skip_rare(rare)?,
            };
            pending = pending.saturating_add(children);
            if pending > self.source().remaining() {
                return Err(DecodeError::Truncated);
            }
        }
        Ok(())
    }

    /// What [`Reader::skip`] rarely meets; the number of terms that follow as its children.
    fn skip_rare(&mut self, found: u8) -> Result<usize, DecodeError> {
        match found {
            tag::LARGE_TUPLE_EXT => return self.arity(found),
            tag::NEW_FUN_EXT => {
                self.source_mut().array::<{ 4 + 1 + 16 + 4 }>()?;
                let free = self.count(1)?;
                self.skip_fun_identity()?;
                self.skip_of(Kind::Pid)?;
                return Ok(free);
            }
            tag::FUN_EXT => {
                let free = self.count(1)?;
                self.skip_of(Kind::Pid)?;
                self.skip_fun_identity()?;
                return Ok(free);
            }
            tag::RECORD_EXT => {
                let fields = self.count(2)?;
                self.tag()?;
                for _ in 0..fields.saturating_add(2) {
                    self.skip_atom()?;
                }
                return Ok(fields);
            }
            tag::FLOAT_EXT => drop(self.source_mut().array::<31>()?),
            tag::BIT_BINARY_EXT => drop(crate::bits::bits_body(found, self.source_mut())?),
            tag::EXPORT_EXT => {
                self.skip_atom()?;
                self.skip_atom()?;
                self.skip_of(Kind::Integer)?;
            }
            tag::NEW_PID_EXT => self.skip_id(12)?,
            tag::PID_EXT => self.skip_id(9)?,
            tag::NEW_PORT_EXT => self.skip_id(8)?,
            tag::V4_PORT_EXT => self.skip_id(12)?,
            tag::PORT_EXT | tag::REFERENCE_EXT => self.skip_id(5)?,
            tag::NEWER_REFERENCE_EXT | tag::NEW_REFERENCE_EXT => {
                let words = u16::from_be_bytes(self.source_mut().array()?);
                if !(1..=crate::MAX_REFERENCE_WORDS).contains(&usize::from(words)) {
                    return Err(DecodeError::BadReference(words));
                }
                let creation = if found == tag::NEWER_REFERENCE_EXT {
                    4
                } else {
                    1
                };
                self.skip_id(creation + 4 * usize::from(words))?;
            }
            unknown => return Err(DecodeError::UnknownTag(unknown)),
        }
        Ok(0)
    }

    fn skip_atom(&mut self) -> Result<(), DecodeError> {
        let found = self.tag_of(Kind::Atom)?;
        self.skip_atom_body(found)
    }

    #[inline]
    fn skip_atom_body(&mut self, found: u8) -> Result<(), DecodeError> {
        let length = match found {
            tag::SMALL_ATOM_UTF8_EXT | tag::SMALL_ATOM_EXT => self.tag()?.into(),
            tag::ATOM_CACHE_REF => {
                let index = self.tag()?;
                let known = usize::from(index) < self.atoms().len();
                return if known {
                    Ok(())
                } else {
                    Err(DecodeError::NoSuchAtom(index))
                };
            }
            _ => u16::from_be_bytes(self.source_mut().array()?),
        };
        self.source_mut().take(length.into())?;
        Ok(())
    }

    /// A node and as many bytes of numbers.
    fn skip_id(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.skip_atom()?;
        self.source_mut().take(bytes)?;
        Ok(())
    }

    fn skip_fun_identity(&mut self) -> Result<(), DecodeError> {
        self.skip_atom()?;
        self.skip_of(Kind::Integer)?;
        self.skip_of(Kind::Integer)
    }

    /// A term of a kind that has no children, so the call below goes no deeper.
    fn skip_of(&mut self, kind: Kind) -> Result<(), DecodeError> {
        match self.kind()? {
            found if found == kind => self.skip(),
            _ => self.tag_of(kind).map(drop),
        }
    }
}
