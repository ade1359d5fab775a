//! Two connections back to back: what one sends the other receives, however the bytes are cut.

mod batches;
mod fragments;
mod header;
mod pass_through;
mod signals;

use std::io::IoSlice;

use einode_dist::{Control, Destination, Event, Flags, Inbound, Outbound, Payload};
use einode_etf::{Atom, Pid};
use einode_testkit::Chunks;

/// Packets without a header, as libei's.
const PASS_THROUGH: Flags = Flags::from_bits(
    Flags::HIDDEN.bits() & !(Flags::DIST_HDR_ATOM_CACHE.bits() | Flags::FRAGMENTS.bits()),
);

fn pid(id: u32) -> Pid {
    Pid::new(Atom::from_static("a@b"), id, 0, 9)
}

fn message(from: u32, to: impl Into<Destination>) -> Control {
    Control::Send {
        from: Some(pid(from)),
        to: to.into(),
        priority: false,
        token: None,
    }
}

fn to_pid(id: u32) -> Control {
    message(1, pid(id))
}

fn binary(bytes: &[u8]) -> Payload {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    Payload::from_etf([b"\x83m", &length[..], bytes].concat()).unwrap()
}

/// A packet with its length.
fn framed(packet: &[u8]) -> Vec<u8> {
    [&u32::try_from(packet.len()).unwrap().to_be_bytes(), packet].concat()
}

/// The packets of a stream of bytes.
fn packets(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (packet, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        packets.push(packet);
        bytes = rest;
    }
    packets
}

/// What of `n` bytes waits to be written first, which is then written.
fn write(outbound: &mut Outbound, n: usize) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 3];
    let filled = outbound.outgoing(&mut slices);
    let mut bytes = slices[..filled]
        .iter()
        .flat_map(|slice| slice.to_vec())
        .collect::<Vec<u8>>();
    bytes.truncate(n);
    let before = (outbound.written(), outbound.queued());
    outbound.sent(bytes.len());
    assert_eq!(outbound.written(), before.0 + bytes.len() as u64);
    bytes
}

/// All that waits to be written, a chunk at a time.
fn drain(outbound: &mut Outbound, chunks: &mut Chunks) -> Vec<u8> {
    let mut written = Vec::new();
    loop {
        let bytes = write(outbound, chunks.next(usize::MAX));
        if bytes.is_empty() {
            assert_eq!(outbound.queued(), 0);
            return written;
        }
        written.extend_from_slice(&bytes);
    }
}

/// All events of a stream of bytes.
fn events(inbound: &mut Inbound, mut bytes: &[u8], chunks: &mut Chunks) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        while let Some(event) = inbound.poll().unwrap() {
            events.push(event);
        }
        let n = chunks.next(bytes.len());
        if n == 0 {
            return events;
        }
        inbound.inbox().extend_from_slice(&bytes[..n]);
        bytes = &bytes[n..];
    }
}

/// The same events by a driver that never reads further than it is told to.
fn events_of_exact_reads(inbound: &mut Inbound, bytes: &[u8]) -> Vec<Event> {
    let (mut events, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let want = inbound.want();
        assert_ne!(want, 0, "an event is due");
        inbound.inbox().extend_from_slice(&bytes[at..at + want]);
        at += want;
        while let Some(event) = inbound.poll().unwrap() {
            events.push(event);
            assert_eq!(
                inbound.want(),
                4,
                "bytes past the end of an event were read"
            );
        }
    }
    events
}
