//! Any bytes as the stream of a connected peer, read in any pieces; what is understood is sent back
//! and understood again.

#![no_main]

use bytes::BufMut;
use einode_dist::{Connection, Event, Flags, Settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (pieces, stream) = input;
    let events = read(&pieces, &stream);
    assert_eq!(
        events,
        read(&[255], &stream),
        "how the stream is cut changes what it says"
    );

    let mut connection = connection();
    for event in &events {
        let Ok(Event::Signal(control, payload)) = event else {
            continue;
        };
        if let Some(payload) = payload {
            let term = payload.term();
            assert_eq!(payload.to_etf().is_ok(), payload.check().is_ok());
            if term.is_err() {
                continue;
            }
        }
        if connection.outbound.send(control, payload.clone()).is_err() {
            continue;
        }
        let written = written(&mut connection);
        let mut again = read(&[255], &written).into_iter();
        let Some(Ok(Event::Signal(same, carried))) = again.next() else {
            panic!("{control:?} was sent and not understood");
        };
        assert_eq!(same, *control);
        let term = |payload: &Option<_>| payload.as_ref().map(einode_dist::Payload::term);
        assert_eq!(term(&carried), term(payload));
        assert_eq!(again.next(), None);
    }
});

fn connection() -> Connection {
    Connection::new(Flags::HIDDEN, &Settings::default()).expect("flags of this crate")
}

/// All events of a stream that comes in pieces of these sizes.
fn read(pieces: &[u8], mut stream: &[u8]) -> Vec<Result<Event, einode_dist::Error>> {
    let mut inbound = connection().inbound;
    let mut pieces = pieces.iter().cycle();
    let mut events = Vec::new();
    while !stream.is_empty() {
        let piece = pieces
            .next()
            .map_or(1, |&size| usize::from(size).max(1))
            .min(stream.len());
        let (now, later) = stream.split_at(piece);
        stream = later;
        inbound.inbox().put_slice(now);
        loop {
            match inbound.poll() {
                Ok(Some(event)) => events.push(Ok(event)),
                Ok(None) => break,
                Err(error) => {
                    events.push(Err(error));
                    return events;
                }
            }
        }
        assert!(inbound.want() > 0, "an event is due that does not come");
    }
    events
}

fn written(connection: &mut Connection) -> Vec<u8> {
    let mut slices = [std::io::IoSlice::new(&[]); 8];
    let filled = connection.outbound.outgoing(&mut slices);
    let written: Vec<u8> = slices[..filled]
        .iter()
        .flat_map(|slice| slice.iter().copied())
        .collect();
    assert_eq!(written.len(), connection.outbound.queued());
    connection.outbound.sent(written.len());
    written
}
