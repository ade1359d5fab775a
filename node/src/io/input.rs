use std::fmt;
use std::sync::{Arc, Mutex};

use crate::core::{Message, lock, reason};
use crate::process::Process;

/// Gives input to the processes of a group leader, from any thread or task.
///
/// They get it in the order in which they have asked. What nobody has asked for yet is kept.
#[derive(Clone)]
pub struct Input {
    typed: Arc<Mutex<Typed>>,
    /// The group leader, which a message wakes.
    leader: Arc<Process>,
}

/// Input that nobody has read.
#[derive(Debug, Default)]
pub(super) struct Typed {
    text: String,
    ended: bool,
    /// How often there was something new.
    count: u64,
}

impl Input {
    pub(super) fn of(leader: &Process) -> Self {
        Self {
            typed: Arc::default(),
            leader: Arc::new(leader.share()),
        }
    }

    /// Text, of which a line ends with a newline character.
    pub fn feed(&self, text: &str) {
        self.change(|typed| typed.text.push_str(text));
    }

    /// There is no more after what was fed: who reads beyond that is told `eof`.
    ///
    /// The Erlang shell takes the end of its input as the end of its node, and halts it.
    pub fn end(&self) {
        self.change(|typed| typed.ended = true);
    }

    /// How much text was fed and not read yet, in bytes.
    pub fn unread(&self) -> usize {
        lock(&self.typed).text.len()
    }

    fn change(&self, change: impl FnOnce(&mut Typed)) {
        {
            let mut typed = lock(&self.typed);
            change(&mut typed);
            typed.count += 1;
        }
        // Not what it says is looked at, but that something has changed.
        self.leader
            .inbox
            .push(Message::User(reason("input")), false);
    }

    pub(super) fn typed<R>(&self, read: impl FnOnce(&mut Typed) -> R) -> R {
        read(&mut lock(&self.typed))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Input").field(self.leader.pid()).finish()
    }
}

impl Typed {
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Whether nothing was fed of a line that is not whole.
    pub(super) fn is_between_lines(&self) -> bool {
        self.text.is_empty() || self.text.ends_with('\n')
    }

    /// A line with its end. At the end of the input, what is left of it, which is empty at last.
    pub(super) fn line(&mut self) -> Option<String> {
        match self.text.find('\n') {
            Some(end) => Some(self.take(end + 1)),
            None => self.rest(),
        }
    }

    /// So many characters; fewer only at the end of the input.
    pub(super) fn chars(&mut self, count: usize) -> Option<String> {
        match self.text.char_indices().nth(count) {
            Some((end, _)) => Some(self.take(end)),
            None if self.text.chars().count() == count => Some(std::mem::take(&mut self.text)),
            None => self.rest(),
        }
    }

    fn rest(&mut self) -> Option<String> {
        self.ended.then(|| std::mem::take(&mut self.text))
    }

    fn take(&mut self, end: usize) -> String {
        let rest = self.text.split_off(end);
        std::mem::replace(&mut self.text, rest)
    }

    /// Gives back what was read too much.
    pub(super) fn unread(&mut self, text: &str) {
        self.text.insert_str(0, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_by_line_and_by_character() {
        let mut typed = Typed::default();
        assert_eq!(typed.line(), None);
        typed.text = "héllo\nab\ncd".into();
        assert_eq!(typed.chars(2).unwrap(), "hé");
        assert_eq!(typed.line().unwrap(), "llo\n");
        assert_eq!(typed.line().unwrap(), "ab\n");
        assert_eq!(typed.line(), None);
        assert_eq!(typed.chars(3), None);
        typed.unread("x");
        assert_eq!(typed.chars(3).unwrap(), "xcd");
        assert_eq!(typed.chars(0).unwrap(), "");
        typed.text = "end".into();
        typed.ended = true;
        assert_eq!(typed.chars(9).unwrap(), "end");
        assert_eq!(typed.line().unwrap(), "");
    }
}
