use crate::Atom;

/// Where a [`Writer`](crate::Writer) puts bytes.
///
/// Most sinks only [`put`](Self::put) them. One that belongs to a packet with a distribution header may
/// have a shorter form for atoms, ATOM_CACHE_REF: [`refer`](Self::refer) and
/// [`counted`](Self::counted) are for such a sink.
pub trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);

    /// The same for a run of bytes of any length: a name, a string, a binary. What else is put has a
    /// length that the compiler knows, so a sink may have a faster way for each.
    #[inline]
    fn put_run(&mut self, bytes: &[u8]) {
        self.put(bytes);
    }

    /// Puts a reference to an atom in place of its name, and returns whether it did.
    #[inline]
    fn refer(&mut self, _atom: &Atom) -> bool {
        false
    }

    /// The length of the next `bytes` bytes has been written already, so atoms in them have to be
    /// put by their names.
    #[inline]
    fn counted(&mut self, _bytes: usize) {}
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl<K: Sink + ?Sized> Sink for &mut K {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        (**self).put(bytes);
    }

    #[inline]
    fn put_run(&mut self, bytes: &[u8]) {
        (**self).put_run(bytes);
    }

    #[inline]
    fn refer(&mut self, atom: &Atom) -> bool {
        (**self).refer(atom)
    }

    #[inline]
    fn counted(&mut self, bytes: usize) {
        (**self).counted(bytes);
    }
}

/// Counts bytes and keeps none: what a term will take, before there is room for it.
///
/// ```
/// use einode_etf::{Count, Writer};
///
/// let mut writer = Writer::new(Count::default());
/// writer.tuple(2)?;
/// writer.i64(1)?;
/// writer.i64(1000)?;
/// assert_eq!(writer.into_inner().bytes(), 2 + 2 + 5);
/// # Ok::<(), einode_etf::EncodeError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Count(usize);

impl Count {
    /// The number of bytes put so far.
    pub const fn bytes(&self) -> usize {
        self.0
    }
}

impl Sink for Count {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}
