use std::io;

use einode_dist::{Error, Exchange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Socket;
use crate::error::ExchangeError;

/// Carries a conversation out over a socket: a handshake, or a question to EPMD.
///
/// A peer may trickle for ever: the caller puts a deadline around the whole of it. Nothing is read past
/// the end of the conversation.
///
/// # Errors
/// [`ExchangeError`]. The socket is of no more use then. What the exchange still has to tell the
/// peer, such as that it is not allowed to connect, has been sent as far as the socket took it.
///
/// # Cancelling
/// The conversation has broken off, and the socket is of no more use.
pub async fn run<E: Exchange, S: Socket + ?Sized>(
    mut exchange: E,
    socket: &mut S,
) -> Result<E::Outcome, ExchangeError> {
    let mut buffer = [0; 1024];
    loop {
        flush(&mut exchange, socket).await?;
        let want = exchange.want().min(buffer.len());
        if want == 0 {
            let misuse = Error::Misuse("an exchange ended without an outcome");
            return exchange.outcome().ok_or(ExchangeError::Protocol(misuse));
        }
        let read = socket.read(&mut buffer[..want]).await?;
        let step = match read {
            0 => exchange.eof(),
            read => exchange.receive(&buffer[..read]),
        };
        if let Err(error) = step {
            // The peer deserves the last word, but the error is what matters.
            let _ = flush(&mut exchange, socket).await;
            return Err(error.into());
        }
    }
}

async fn flush<E: Exchange, S: Socket + ?Sized>(
    exchange: &mut E,
    socket: &mut S,
) -> io::Result<()> {
    while !exchange.outgoing().is_empty() {
        let written = socket.write(exchange.outgoing()).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        exchange.sent(written);
    }
    socket.flush().await
}
