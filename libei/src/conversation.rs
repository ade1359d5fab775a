//! Conversations that end, over a socket: the handshake, and questions to the port mapper.

use std::ffi::c_char;
use std::io::IoSlice;

use einode_dist::handshake::{Acceptor, Hello, Initiator, Local, Session, Verdict};
use einode_dist::{Cookie, Exchange, Flags, HostName, Identity, NodeName, Prefix};

use crate::callbacks::{Port, Timeout};
use crate::errno::Errno;
use crate::node::{bytes, is_set};
use crate::note;
use crate::steps::Steps;
use crate::types::ei_cnode;

/// What nodes of this library handle: the flags of OTP's. They have no distribution header, and take
/// no fragments.
const FLAGS: Flags = Flags::from_bits(0x4_0707_4f9c);

/// Carries a conversation out, and tells its steps. Nothing is read beyond its end.
pub(crate) fn run<E: Exchange>(
    mut exchange: E,
    port: &mut Port,
    timeout: Timeout,
    mut steps: Steps,
) -> Result<E::Outcome, Errno> {
    let mut buffer = [0; 1024];
    loop {
        flush(&mut exchange, port, timeout, &mut steps)?;
        let want = exchange.want().min(buffer.len());
        if want == 0 {
            return exchange.outcome().ok_or(Errno::IO);
        }
        let room = buffer.get_mut(..want).unwrap_or_default();
        let read = port
            .read(room, timeout)
            .inspect_err(|errno| steps.misheard(errno))?;
        let bytes = room.get(..read).unwrap_or_default();
        let step = match read {
            0 => exchange.eof(),
            _ => exchange.receive(bytes),
        };
        if let Err(error) = step {
            steps.misheard(&error);
            // The peer deserves the last word, but the error is what matters.
            let _ = flush(&mut exchange, port, timeout, &mut steps);
            return Err(note::because(Errno::IO, error));
        }
        steps.heard(bytes);
    }
}

fn flush<E: Exchange>(
    exchange: &mut E,
    port: &mut Port,
    timeout: Timeout,
    steps: &mut Steps,
) -> Result<(), Errno> {
    let outgoing = exchange.outgoing();
    let length = outgoing.len();
    if length > 0 {
        port.write_all(&mut [IoSlice::new(outgoing)], timeout)
            .inspect_err(|&errno| steps.unsaid(errno))?;
        steps.said(outgoing);
        exchange.sent(length);
    }
    Ok(())
}

/// Introduces a node to the peer that it has connected to.
pub(crate) fn initiate(ec: &ei_cnode, port: &mut Port, timeout: Timeout) -> Result<Session, Errno> {
    let prefix = prefix(port)?;
    let local = local(ec)?;
    // Who answers is not compared with who was asked for, and a connection that the peer still has
    // with a node of our name stays.
    let initiator = Initiator::new(&local, None, prefix, challenge()?).replace(|| false);
    run(initiator, port, timeout, Steps::initiator(prefix))
}

/// Has a peer that has connected introduce itself.
pub(crate) fn accept(ec: &ei_cnode, port: &mut Port, timeout: Timeout) -> Result<Session, Errno> {
    let prefix = prefix(port)?;
    let local = local(ec)?;
    // A node without a name finds none here.
    let admit = |hello: &Hello| match hello.identity {
        Identity::Node(_) => Verdict::Ok,
        Identity::Dynamic(_) => Verdict::NotAllowed,
    };
    run(
        Acceptor::new(&local, prefix, challenge()?, admit),
        port,
        timeout,
        Steps::acceptor(prefix),
    )
}

fn prefix(port: &Port) -> Result<Prefix, Errno> {
    match port.header_size()? {
        2 => Ok(Prefix::Two),
        4 => Ok(Prefix::Four),
        _ => Err(Errno::IO),
    }
}

fn local(ec: &ei_cnode) -> Result<Local, Errno> {
    let cookie = Cookie::new(bytes(&ec.ei_connect_cookie)).map_err(|_| Errno::IO)?;
    let (identity, flags): (Identity, _) = if is_set(&ec.thisnodename) {
        let name = NodeName::new(&text(&ec.thisnodename)?);
        (name.map_err(|_| Errno::IO)?.into(), FLAGS)
    } else {
        let host = HostName::new(&text(&ec.thishostname)?);
        (host.map_err(|_| Errno::IO)?.into(), FLAGS | Flags::NAME_ME)
    };
    let mut local = Local::new(identity, ec.creation, cookie);
    local.flags = flags;
    Ok(local)
}

fn text(name: &[c_char]) -> Result<String, Errno> {
    String::from_utf8(bytes(name)).map_err(|_| Errno::IO)
}

/// A number that nobody can guess.
fn challenge() -> Result<u32, Errno> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|_| Errno::IO)?;
    Ok(u32::from_ne_bytes(bytes))
}
