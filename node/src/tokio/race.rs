use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use einode_dist::NodeName;
use tokio::time::{Instant, timeout_at};

use super::{Boxed, Transport};
use crate::address::Address;
use crate::trace;

/// How long an attempt has before the next begins beside it (RFC 8305, section 5).
const DELAY: Duration = Duration::from_millis(250);

/// Connects to whichever address answers first ("Happy Eyeballs", RFC 8305).
///
/// They are tried in their order, each when one before has failed or the last had its [`DELAY`]. The
/// slower ones are closed, and so are all when the future is dropped.
///
/// # Errors
/// Where the last of the attempts failed, and why; after the deadline, the oldest that still waits.
pub(super) async fn race<T: Transport>(
    transport: &T,
    addresses: &[Address],
    node: Option<&NodeName>,
    until: Instant,
) -> Result<T::Socket, (String, io::Error)> {
    let mut waiting = addresses.iter();
    let mut attempts: Vec<Attempt<'_, T::Socket>> = Vec::new();
    let mut failure = ("no address".into(), io::ErrorKind::AddrNotAvailable.into());
    loop {
        if let Some(address) = waiting.next() {
            trace::dialing(address);
            attempts.push((address, Box::pin(transport.connect(address, node))));
        }
        let Some((oldest, _)) = attempts.first() else {
            return Err(failure);
        };
        let oldest = *oldest;
        let pause = match waiting.len() {
            0 => until,
            _ => until.min(Instant::now() + DELAY),
        };
        match timeout_at(pause, first(&mut attempts)).await {
            Ok((_, Ok(socket))) => return Ok(socket),
            Ok((address, Err(error))) => failure = (address.to_string(), error),
            Err(_) if Instant::now() >= until => {
                return Err((oldest.to_string(), io::ErrorKind::TimedOut.into()));
            }
            Err(_) => {}
        }
    }
}

/// An attempt that is under way.
type Attempt<'a, S> = (&'a Address, Boxed<'a, io::Result<S>>);

/// What becomes of the first attempt that ends.
async fn first<'a, S>(attempts: &mut Vec<Attempt<'a, S>>) -> (&'a Address, io::Result<S>) {
    poll_fn(|cx| {
        for (index, (address, attempt)) in attempts.iter_mut().enumerate() {
            if let Poll::Ready(result) = attempt.as_mut().poll(cx) {
                let address = *address;
                drop(attempts.remove(index));
                return Poll::Ready((address, result));
            }
        }
        Poll::Pending
    })
    .await
}
