use crate::term::Elements;
use crate::{Atom, Count, EncodeError, Pid, Sink, Term, Writer, tag};

/// A local fun: code in a module of its node together with the values that it closed over.
///
/// It can be held, compared, printed and sent back, but only called by a node that has the module.
#[derive(Clone)]
pub struct Fun {
    pub(crate) module: Atom,
    pub(crate) old_index: i32,
    pub(crate) old_uniq: i32,
    pub(crate) pid: Pid,
    /// Absent in the form of OTP R7 and before.
    pub(crate) code: Option<Code>,
    pub(crate) free: Elements,
    /// How many bytes the free variables take when written. Kept, since a fun announces its size,
    /// and counting funs within funs again at every level would be quadratic.
    pub(crate) free_size: usize,
}

/// Where in its module a fun's code is found.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Code {
    pub(crate) arity: u8,
    pub(crate) uniq: [u8; 16],
    pub(crate) index: u32,
}

impl Fun {
    /// The module that holds its code.
    pub const fn module(&self) -> &Atom {
        &self.module
    }

    /// The number of arguments that it takes, where the form says it.
    pub fn arity(&self) -> Option<u8> {
        self.code.as_ref().map(|code| code.arity)
    }

    /// Its number among the funs of its module.
    pub fn index(&self) -> i64 {
        self.code
            .as_ref()
            .map_or_else(|| self.old_index.into(), |code| code.index.into())
    }

    /// A hash of its code.
    pub const fn uniq(&self) -> i32 {
        self.old_uniq
    }

    /// The process that made it.
    pub const fn pid(&self) -> &Pid {
        &self.pid
    }

    /// The values that it closed over.
    pub fn free_variables(&self) -> &[Term] {
        &self.free
    }

    pub(crate) fn clone_around(&self, free: Elements) -> Self {
        Self {
            module: self.module.clone(),
            pid: self.pid.clone(),
            code: self.code.clone(),
            free,
            ..*self
        }
    }
}

/// An external fun: `fun Module:Function/Arity`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Export {
    /// The module.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// The number of arguments.
    pub arity: u8,
}

/// A native record of OTP 29: named fields under a name that a module defines.
#[derive(Clone)]
pub struct Record {
    pub(crate) module: Atom,
    pub(crate) name: Atom,
    pub(crate) exported: bool,
    pub(crate) fields: Box<[Atom]>,
    pub(crate) values: Elements,
}

impl Record {
    /// The module that defines it.
    pub const fn module(&self) -> &Atom {
        &self.module
    }

    /// Its name.
    pub const fn name(&self) -> &Atom {
        &self.name
    }

    /// Whether modules other than its own may look into it.
    pub const fn is_exported(&self) -> bool {
        self.exported
    }

    /// The fields with their values, in the order of the definition.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&Atom, &Term)> {
        self.fields.iter().zip(self.values.iter())
    }

    /// The value of a field.
    pub fn get(&self, field: &str) -> Option<&Term> {
        self.fields()
            .find(|(name, _)| *name == field)
            .map(|(_, value)| value)
    }

    pub(crate) fn clone_around(&self, values: Elements) -> Self {
        Self {
            module: self.module.clone(),
            name: self.name.clone(),
            exported: self.exported,
            fields: self.fields.clone(),
            values,
        }
    }
}

impl<K: Sink> Writer<K> {
    /// `fun Module:Function/Arity`.
    pub fn export(&mut self, export: &Export) -> Result<(), EncodeError> {
        self.put(&[tag::EXPORT_EXT]);
        self.atom(&export.module)?;
        self.atom(&export.function)?;
        self.put(&[tag::SMALL_INTEGER_EXT, export.arity]);
        Ok(())
    }

    /// All of a record but the values, which follow.
    pub(crate) fn record_header(&mut self, record: &Record) -> Result<(), EncodeError> {
        self.tag_and_length(tag::RECORD_EXT, record.fields.len())?;
        self.put(&[record.exported.into()]);
        self.atom(&record.module)?;
        self.atom(&record.name)?;
        record.fields.iter().try_for_each(|field| self.atom(field))
    }

    /// All of a fun but the free variables, which follow.
    pub(crate) fn fun_header(&mut self, fun: &Fun) -> Result<(), EncodeError> {
        let Some(code) = &fun.code else {
            self.tag_and_length(tag::FUN_EXT, fun.free.len())?;
            self.pid(&fun.pid)?;
            return self.fun_identity(fun);
        };
        let mut identity = Writer::new(Count::default());
        identity.fun_identity(fun)?;
        identity.pid(&fun.pid)?;
        let fixed = 4 + 1 + 16 + 4 + 4;
        let size = fixed + identity.into_inner().bytes() + fun.free_size;
        self.tag_and_length(tag::NEW_FUN_EXT, size)?;
        self.counted(size - 4);
        self.put(&[code.arity]);
        self.put(&code.uniq);
        self.put(&code.index.to_be_bytes());
        self.length(fun.free.len())?;
        self.fun_identity(fun)?;
        self.pid(&fun.pid)
    }

    fn fun_identity(&mut self, fun: &Fun) -> Result<(), EncodeError> {
        self.atom(&fun.module)?;
        self.i64(fun.old_index.into())?;
        self.i64(fun.old_uniq.into())
    }
}
