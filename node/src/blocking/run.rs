use std::io::{self, IoSlice};
use std::time::Instant;

use einode_dist::{Error, Exchange};

use super::Socket;
use crate::error::ExchangeError;

/// Carries a conversation out over a socket: a handshake, or a question to EPMD.
///
/// The deadline covers the whole of it, however slowly the peer trickles. Nothing is read past the
/// end of the conversation.
///
/// # Errors
/// [`ExchangeError`]. The socket is of no more use then. What the exchange still has to tell the
/// peer, such as that it is not allowed to connect, has been sent as far as the socket took it.
pub fn run<E: Exchange, S: Socket + ?Sized>(
    exchange: E,
    socket: &mut S,
    until: Option<Instant>,
) -> Result<E::Outcome, ExchangeError> {
    run_while(|| true, exchange, socket, until)
}

/// The same as long as it is wanted, which is asked before anything is said: a conversation that is not ends
/// with [`ConnectionAborted`](io::ErrorKind::ConnectionAborted).
pub(super) fn run_while<E: Exchange, S: Socket + ?Sized>(
    is_wanted: impl Fn() -> bool,
    mut exchange: E,
    socket: &mut S,
    until: Option<Instant>,
) -> Result<E::Outcome, ExchangeError> {
    let mut buffer = [0; 1024];
    loop {
        if !exchange.outgoing().is_empty() && !is_wanted() {
            return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into());
        }
        flush(&mut exchange, socket, until)?;
        let want = exchange.want().min(buffer.len());
        if want == 0 {
            let misuse = Error::Misuse("an exchange ended without an outcome");
            return exchange.outcome().ok_or(ExchangeError::Protocol(misuse));
        }
        let read = socket.read(&mut buffer[..want], until)?;
        let step = match read {
            0 => exchange.eof(),
            read => exchange.receive(&buffer[..read]),
        };
        if let Err(error) = step {
            // The peer deserves the last word, but the error is what matters.
            let _ = flush(&mut exchange, socket, until);
            return Err(error.into());
        }
    }
}

fn flush<E: Exchange, S: Socket + ?Sized>(
    exchange: &mut E,
    socket: &mut S,
    until: Option<Instant>,
) -> io::Result<()> {
    while !exchange.outgoing().is_empty() {
        let written = socket.write(&[IoSlice::new(exchange.outgoing())], until)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        exchange.sent(written);
    }
    Ok(())
}
