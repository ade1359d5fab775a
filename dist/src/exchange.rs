use crate::error::Error;

/// A conversation that ends: a handshake in either role, or one question to EPMD.
///
/// An exchange owns no socket and no clock. A driver moves bytes between it and a peer:
///
/// ```text
/// loop {
///     while !exchange.outgoing().is_empty() { n = write(exchange.outgoing()); exchange.sent(n) }
///     if exchange.want() == 0 { return exchange.outcome() }
///     n = read(at most exchange.want() bytes)
///     if n == 0 { exchange.eof()? } else { exchange.receive(bytes)? }
/// }
/// ```
///
/// A driver enforces a deadline for the whole conversation ([`limits::SETUP_TIME`] for
/// handshakes), since a peer may send one byte a second for ever.
///
/// [`limits::SETUP_TIME`]: crate::limits::SETUP_TIME
pub trait Exchange {
    /// What the conversation was for.
    type Outcome;

    /// The bytes to be written now, and before any reading.
    ///
    /// After an error these are the last word to the peer, such as the status `not_allowed`: to
    /// be written as far as possible without waiting, before the connection is closed.
    fn outgoing(&self) -> &[u8];

    /// The first `n` bytes of [`outgoing`](Self::outgoing) have been written.
    fn sent(&mut self, n: usize);

    /// How many bytes may be read now without reading past the end of the conversation; 0 when
    /// it is over.
    fn want(&self) -> usize;

    /// Takes bytes from the peer, at most [`want`](Self::want) of them.
    ///
    /// # Errors
    /// The conversation has failed and is over. [`Error::Misuse`] when there are too many bytes.
    fn receive(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// The peer has closed its side.
    ///
    /// Some of EPMD's answers have no other end; elsewhere this is an error, and what it means
    /// depends on the moment: a wrong cookie shows in no other way to the initiator.
    ///
    /// # Errors
    /// [`Error::Closed`] or [`Error::Refused`] when more was due.
    fn eof(&mut self) -> Result<(), Error>;

    /// The outcome, once [`want`](Self::want) is 0 and everything is sent; `None` before that and
    /// after an error.
    fn outcome(self) -> Option<Self::Outcome>;
}
