//! Conversations in memory, with the bytes cut in any way.

use einode_dist::{Error, Exchange};

/// How a stream of bytes is cut into reads: sizes that are used in turn, again and again.
#[derive(Debug, Clone)]
pub struct Chunks {
    sizes: Vec<usize>,
    turn: usize,
}

impl Chunks {
    /// Reads of these sizes. A size of 0 counts as 1.
    pub fn new(sizes: Vec<usize>) -> Self {
        assert!(!sizes.is_empty(), "reads need at least one size");
        Self { sizes, turn: 0 }
    }

    /// As much as there is at once.
    pub fn whole() -> Self {
        Self::new(vec![usize::MAX])
    }

    /// One byte at a time.
    pub fn bytes() -> Self {
        Self::new(vec![1])
    }

    /// How many of `available` bytes the next read gets: none only if there are none.
    pub fn next(&mut self, available: usize) -> usize {
        let size = self.sizes[self.turn % self.sizes.len()].max(1);
        self.turn += 1;
        size.min(available)
    }
}

/// How a conversation ended for one side.
#[derive(Debug)]
pub struct Ended<O> {
    /// The outcome, or what went wrong.
    pub result: Result<O, Error>,
    /// All that this side wrote, last words after an error included.
    pub said: Vec<u8>,
}

/// Lets two exchanges talk to each other to the end.
///
/// A side that fails says its last words and closes, as the rules for drivers demand.
///
/// # Panics
/// When both wait for the other for ever, or one says something that the other does not want.
pub fn pair<A: Exchange, B: Exchange>(
    a: A,
    b: B,
    chunks: &mut Chunks,
) -> (Ended<A::Outcome>, Ended<B::Outcome>) {
    let (mut a, mut b) = (End::new(a), End::new(b));
    while !(a.is_over() && b.is_over()) {
        let moved = a.carry(&mut b, chunks) | b.carry(&mut a, chunks);
        assert!(moved, "both sides wait for the other");
    }
    assert!(
        a.exchange.outgoing().is_empty() || b.error.is_some(),
        "bytes nobody wants"
    );
    assert!(
        b.exchange.outgoing().is_empty() || a.error.is_some(),
        "bytes nobody wants"
    );
    (a.end(), b.end())
}

/// Lets an exchange talk to a peer that says `script`, whatever it hears, and then closes. Returns
/// also what was left of the script when the exchange wanted no more.
pub fn scripted<A: Exchange>(
    a: A,
    mut script: &[u8],
    chunks: &mut Chunks,
) -> (Ended<A::Outcome>, Vec<u8>) {
    let mut a = End::new(a);
    loop {
        a.speak(usize::MAX);
        if a.is_over() {
            return (a.end(), script.to_vec());
        }
        let n = chunks.next(script.len().min(a.exchange.want()));
        let (bytes, rest) = script.split_at(n);
        a.hear(bytes);
        script = rest;
    }
}

struct End<E> {
    exchange: E,
    said: Vec<u8>,
    error: Option<Error>,
}

impl<E: Exchange> End<E> {
    fn new(exchange: E) -> Self {
        Self {
            exchange,
            said: Vec::new(),
            error: None,
        }
    }

    fn is_over(&self) -> bool {
        self.error.is_some() || self.exchange.want() == 0
    }

    /// Writes up to `n` bytes.
    fn speak(&mut self, n: usize) -> Vec<u8> {
        let outgoing = self.exchange.outgoing();
        let bytes = outgoing[..n.min(outgoing.len())].to_vec();
        self.exchange.sent(bytes.len());
        self.said.extend_from_slice(&bytes);
        bytes
    }

    /// Reads bytes, or the end if there are none.
    fn hear(&mut self, bytes: &[u8]) {
        let heard = if bytes.is_empty() {
            self.exchange.eof()
        } else {
            self.exchange.receive(bytes)
        };
        self.error = heard.err();
    }

    /// Moves one read's worth of bytes to the other side; `false` if nothing happened.
    fn carry<F: Exchange>(&mut self, to: &mut End<F>, chunks: &mut Chunks) -> bool {
        let ready = self.exchange.outgoing().len();
        if to.is_over() {
            // The other side has closed; what is written to it is lost.
            let lost = to.error.is_some() && ready > 0;
            if lost {
                self.speak(usize::MAX);
            }
            return lost;
        }
        if ready == 0 {
            let closed = self.is_over();
            if closed {
                to.hear(&[]);
            }
            return closed;
        }
        let n = chunks.next(ready.min(to.exchange.want()));
        let bytes = self.speak(n);
        to.hear(&bytes);
        true
    }

    fn end(mut self) -> Ended<E::Outcome> {
        self.speak(usize::MAX);
        let result = match self.error {
            Some(error) => {
                assert_eq!(self.exchange.want(), 0, "a failed exchange wants more");
                Err(error)
            }
            None => Ok(self
                .exchange
                .outcome()
                .expect("an exchange that is over has an outcome")),
        };
        Ended {
            result,
            said: self.said,
        }
    }
}
