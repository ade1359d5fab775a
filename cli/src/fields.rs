//! What scripts answer: maps whose keys are atoms.

use std::borrow::Cow;

use einode::Term;

use crate::exit::Failure;
use crate::remote::unexpected;

/// The parts of an answer, or the failure that it is another one than was expected.
pub(crate) trait Fields {
    fn field(&self, name: &str) -> Result<&Term, Failure>;
    fn items(&self) -> Result<Vec<Cow<'_, Term>>, Failure>;
    /// The text of an atom or a binary.
    fn text(&self) -> Result<&str, Failure>;
    fn number(&self) -> Result<i64, Failure>;
    fn truth(&self) -> Result<bool, Failure>;
}

impl Fields for Term {
    fn field(&self, name: &str) -> Result<&Term, Failure> {
        let field = self.as_map().and_then(|map| map.get_atom(name));
        field.ok_or_else(|| unexpected(self))
    }

    fn items(&self) -> Result<Vec<Cow<'_, Term>>, Failure> {
        let list = self.as_list().filter(|list| list.tail().is_none());
        Ok(list.ok_or_else(|| unexpected(self))?.iter().collect())
    }

    fn text(&self) -> Result<&str, Failure> {
        let text = self.as_atom().map(|atom| atom.as_str());
        text.or_else(|| self.as_str())
            .ok_or_else(|| unexpected(self))
    }

    fn number(&self) -> Result<i64, Failure> {
        self.as_i64().ok_or_else(|| unexpected(self))
    }

    fn truth(&self) -> Result<bool, Failure> {
        self.as_bool().ok_or_else(|| unexpected(self))
    }
}
