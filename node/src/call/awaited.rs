use einode_etf::Decode;

use super::{Call, CallError, Step};
use crate::core::Message;
use crate::process::Process;

/// Calls of a process whose answers it awaits. Dropping this gives them up.
pub(crate) struct Awaited<'p, T: for<'a> Decode<'a>> {
    process: &'p Process,
    calls: Vec<(Call, Option<Result<T, CallError>>)>,
    /// How many are not answered yet.
    left: usize,
}

impl<'p, T: for<'a> Decode<'a>> Awaited<'p, T> {
    pub(crate) const fn new(process: &'p Process) -> Self {
        Self {
            process,
            calls: Vec::new(),
            left: 0,
        }
    }

    pub(crate) const fn process(&self) -> &'p Process {
        self.process
    }

    pub(crate) fn add(&mut self, call: Call) {
        self.calls.push((call, None));
        self.left += 1;
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.left == 0
    }

    /// Takes a message that is of one of them.
    pub(crate) fn look(&mut self, message: &Message) -> Option<()> {
        let arrived = message.arrived()?;
        self.calls.iter_mut().find_map(|(call, answer)| {
            if answer.is_some() {
                return None;
            }
            if let Step::Over(over) = call.look(arrived)? {
                *answer = Some(over);
                self.left -= 1;
            }
            Some(())
        })
    }

    /// The answers, in the order of the calls; those that have not arrived are given up.
    pub(crate) fn finish(mut self) -> Vec<Result<T, CallError>> {
        self.give_up();
        let answers = self.calls.drain(..).map(|(_, answer)| answer);
        answers
            .map(|answer| answer.unwrap_or(Err(CallError::TimedOut)))
            .collect()
    }

    fn take(&mut self) {
        let process = self.process;
        while let Some(Ok(_)) = process.inbox.take(|message| self.look(message)) {}
    }

    /// Ends what is left of the calls. What arrived meanwhile counts yet, as it does for
    /// `gen_server:call/3`.
    fn give_up(&mut self) {
        let mut caller = self.process;
        if !self.is_over() {
            self.take();
        }
        for index in 0..self.calls.len() {
            let (call, answer) = &self.calls[index];
            let mut is_over = match answer {
                Some(answer) => call.finish(&mut caller, answer),
                None => call.withdraw(&mut caller),
            };
            // A process that was asked for has been announced in this moment.
            while matches!(is_over, Ok(false)) {
                self.take();
                is_over = self.calls[index].0.withdraw(&mut caller);
            }
        }
        if !self.is_over() {
            self.take();
        }
    }
}

impl<T: for<'a> Decode<'a>> Drop for Awaited<'_, T> {
    fn drop(&mut self) {
        if !self.calls.is_empty() {
            self.give_up();
        }
    }
}
