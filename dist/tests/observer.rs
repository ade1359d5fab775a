//! Whoever reads along with two nodes learns what they say, however the bytes are cut.

use std::io::IoSlice;

use einode_dist::handshake::{Acceptor, Initiator, Local, Verdict};
use einode_dist::{
    Connection, Control, Cookie, Exchange, Flags, NodeName, Observation, Observed, Observer,
    Payload, Prefix, Settings, Side,
};
use einode_etf::{Atom, Pid, Term, term};
use proptest::prelude::*;

use Side::{Acceptor as Accepts, Initiator as Connects};

/// What both sides of a connection say, in the order in which they do.
struct Script(Vec<(Side, Vec<u8>)>);

impl Script {
    /// A handshake between nodes that handle these.
    fn handshake(prefix: Prefix, flags: [Flags; 2]) -> Self {
        let mut script = Self(Vec::new());
        let [mut a, mut b] = ["a@here", "b@there"]
            .map(|name| Local::new(node(name), 5, Cookie::new("secret").unwrap()));
        [a.flags, b.flags] = flags;
        let mut initiator = Initiator::new(&a, Some(node("b@there")), prefix, 1);
        let mut acceptor = Acceptor::new(&b, prefix, 2, |_| Verdict::Ok);
        while initiator.want() > 0 {
            script.carry(Connects, &mut initiator, &mut acceptor);
            script.carry(Accepts, &mut acceptor, &mut initiator);
        }
        script
    }

    fn carry(&mut self, from: Side, teller: &mut impl Exchange, listener: &mut impl Exchange) {
        while !teller.outgoing().is_empty() {
            let n = teller.outgoing().len().min(listener.want());
            let bytes = teller.outgoing()[..n].to_vec();
            listener.receive(&bytes).unwrap();
            teller.sent(n);
            self.0.push((from, bytes));
        }
    }

    /// Adds what a side of a connection has to write.
    fn write(&mut self, from: Side, connection: &mut Connection) {
        let mut bytes = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 16];
            let n = connection.outbound.outgoing(&mut slices);
            let some: Vec<u8> = slices[..n]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            if some.is_empty() {
                break;
            }
            connection.outbound.sent(some.len());
            bytes.extend(some);
        }
        self.0.push((from, bytes));
    }

    /// Everything that one side says.
    fn of(&self, side: Side) -> Vec<u8> {
        let parts = self.0.iter().filter(|(from, _)| *from == side);
        parts.flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    fn observe(&self) -> Vec<(Side, Observation)> {
        self.observe_within(&Settings::default())
    }

    fn observe_within(&self, settings: &Settings) -> Vec<(Side, Observation)> {
        let mut observer = Observer::new(settings);
        let mut seen = Vec::new();
        for (from, bytes) in &self.0 {
            observer.receive(*from, bytes);
            seen.extend(std::iter::from_fn(|| observer.poll()));
        }
        seen
    }
}

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

fn pid(id: u32) -> Pid {
    Pid::new(Atom::from_static("a@here"), id, 0, 5)
}

fn send(id: u32) -> Control {
    Control::Send {
        from: Some(pid(id)),
        to: pid(100).into(),
        priority: false,
        token: None,
    }
}

/// A conversation with some of everything.
fn conversation(flags: [Flags; 2]) -> Script {
    let mut script = Script::handshake(Prefix::Two, flags);
    let common = flags[0].negotiate(flags[1]);
    let [mut a, mut b] = [(); 2].map(|()| Connection::new(common, &Settings::default()));
    let payload = |term: &Term| Some(Payload::encode(term).unwrap());
    let link = Control::Link {
        from: pid(1),
        to: pid(100),
    };
    a.outbound.send(&link, None).unwrap();
    a.outbound
        .send(&send(1), payload(&term!({hello, [1, 2, 3]})))
        .unwrap();
    script.write(Connects, &mut a);
    let large = Term::from(einode_etf::Binary(vec![7; 70_000]));
    b.outbound.send(&send(2), payload(&large)).unwrap();
    b.outbound.send(&send(3), payload(&term!(hello))).unwrap();
    script.write(Accepts, &mut b);
    script.0.push((Accepts, vec![0; 4]));
    a.outbound
        .send(&send(1), payload(&term!({ hello })))
        .unwrap();
    script.write(Connects, &mut a);
    script
}

/// What is said after the handshake, for short.
fn signals(seen: &[(Side, Observation)]) -> Vec<String> {
    let signals = seen.iter().filter_map(|(from, seen)| match &seen.observed {
        Observed::Signal(signal) => {
            let term = signal.payload.as_ref().map(|term| term.term().unwrap());
            let term = term.map_or(String::new(), |term| term.to_string());
            let side = if *from == Connects { "a" } else { "b" };
            let short: String = term.chars().take(16).collect();
            Some(format!("{side} {} {short}", signal.operation))
        }
        _ => None,
    });
    signals.collect()
}

#[test]
fn tells_every_step() {
    let seen = conversation([Flags::HIDDEN; 2]).observe();
    let steps: Vec<_> = seen
        .iter()
        .map(|(from, seen)| match &seen.observed {
            Observed::Signal(_) => (*from, "signal"),
            Observed::Fragment(_) => (*from, "fragment"),
            Observed::Tick => (*from, "tick"),
            Observed::Hello(hello) => {
                assert_eq!((hello.flags, hello.creation), (Flags::HIDDEN, Some(5)));
                (*from, "hello")
            }
            Observed::Status(_) => (*from, "status"),
            Observed::Challenge(_) => (*from, "challenge"),
            Observed::ChallengeReply(_) => (*from, "reply"),
            Observed::ChallengeAck(_) => (*from, "ack"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        steps,
        [
            (Connects, "hello"),
            (Accepts, "status"),
            (Accepts, "challenge"),
            (Connects, "reply"),
            (Accepts, "ack"),
            (Connects, "signal"),
            (Connects, "signal"),
            (Accepts, "fragment"),
            (Accepts, "fragment"),
            (Accepts, "signal"),
            (Accepts, "signal"),
            (Accepts, "tick"),
            (Connects, "signal"),
        ]
    );
    let large = seen.iter().find_map(|(_, seen)| match &seen.observed {
        Observed::Signal(signal) if signal.fragments > 0 => Some((signal, seen.size)),
        _ => None,
    });
    let (large, size) = large.unwrap();
    assert_eq!(large.fragments, 2);
    let parts = seen
        .iter()
        .filter(|(_, seen)| matches!(seen.observed, Observed::Fragment(_)));
    assert_eq!(size, parts.map(|(_, seen)| seen.size).sum::<u64>());
}

#[test]
fn tells_which_atoms_are_new() {
    let seen = conversation([Flags::HIDDEN; 2]).observe();
    let atoms: Vec<Vec<(String, bool)>> = seen
        .iter()
        .filter_map(|(from, seen)| match &seen.observed {
            Observed::Signal(signal) if *from == Connects => Some(&signal.atoms),
            _ => None,
        })
        .map(|atoms| atoms.iter().map(|a| (a.atom.to_string(), a.new)).collect())
        .collect();
    let told = |hello, new| {
        let mut atoms = vec![("a@here".to_owned(), new)];
        atoms.extend(hello);
        atoms.sort();
        atoms
    };
    let mut sorted = atoms.clone();
    sorted.iter_mut().for_each(|atoms| atoms.sort());
    assert_eq!(
        sorted,
        [
            told(None, true),
            told(Some(("hello".to_owned(), true)), false),
            told(Some(("hello".to_owned(), false)), false),
        ]
    );
}

/// Each byte as it comes from a socket, the flags decide: nodes without an atom cache are understood as well.
#[test]
fn understands_packets_without_a_header() {
    let libei = Flags::HIDDEN - Flags::DIST_HDR_ATOM_CACHE;
    let seen = conversation([Flags::HIDDEN, libei]).observe();
    assert_eq!(
        signals(&seen),
        [
            "a LINK ",
            "a SEND_SENDER {hello,[1,2,3]}",
            "b SEND_SENDER <<7,7,7,7,7,7,7,",
            "b SEND_SENDER hello",
            "a SEND_SENDER {hello}",
        ]
    );
}

#[test]
fn understands_lengths_of_four_bytes() {
    let script = Script::handshake(Prefix::Four, [Flags::HIDDEN; 2]);
    let mut observer = Observer::new(&Settings::default());
    for (from, bytes) in &script.0 {
        observer.receive(*from, bytes);
    }
    let seen: Vec<_> = std::iter::from_fn(|| observer.poll()).collect();
    assert_eq!(seen.len(), 5);
    assert_eq!(observer.name(Connects), Some("a@here"));
    assert_eq!(observer.name(Accepts), Some("b@there"));
    assert_eq!(observer.flags(), Some(Flags::HIDDEN.expand()));
}

#[test]
fn says_that_tls_cannot_be_looked_into() {
    let mut observer = Observer::new(&Settings::default());
    observer.receive(Connects, b"\x16\x03\x01\x02\0\x01");
    observer.receive(Connects, &[0; 600]);
    assert_eq!(observer.poll().unwrap().1.observed, Observed::Encrypted);
    observer.eof(Connects);
    assert_eq!(observer.poll(), None);
}

/// Wherever the observer begins, it understands everything from the next message on.
#[test]
fn begins_in_the_middle() {
    let bytes = conversation([Flags::HIDDEN; 2]).of(Accepts);
    let whole = conversation([Flags::HIDDEN; 2]).observe();
    let all: Vec<_> = signals(&whole)
        .into_iter()
        .filter(|line| line.starts_with('b'))
        .collect();
    assert_eq!(all.len(), 2);
    let handshake: u64 = whole
        .iter()
        .take_while(|(_, seen)| !matches!(seen.observed, Observed::Signal(_)))
        .filter(|(from, _)| *from == Accepts)
        .map(|(_, seen)| seen.size)
        .sum();
    for start in [0, 1, 3, 40, 1000] {
        let mut observer = Observer::new(&Settings::default());
        observer.receive(Accepts, &bytes[handshake as usize + start..]);
        observer.eof(Accepts);
        observer.eof(Connects);
        let seen: Vec<_> = std::iter::from_fn(|| observer.poll()).collect();
        assert_eq!(seen[0].1.observed, Observed::Midway);
        let found = signals(&seen);
        let expected: &[_] = if start == 0 { &all } else { &all[..1] };
        assert_eq!(found.len(), expected.len(), "{start}: {found:?}");
        // What was named before is not known by its name.
        assert!(found[0].starts_with("b SEND_SENDER"), "{start}: {found:?}");
    }
}

#[test]
fn goes_on_after_what_is_lost() {
    let script = conversation([Flags::HIDDEN; 2]);
    let bytes = script.of(Accepts);
    let mut observer = Observer::new(&Settings::default());
    observer.receive(Connects, &script.of(Connects));
    let mut seen = Vec::new();
    for (at, bytes) in bytes.chunks(1000).enumerate() {
        if at == 30 {
            observer.lost(Accepts, 1000);
        } else {
            observer.receive(Accepts, bytes);
        }
        seen.extend(std::iter::from_fn(|| observer.poll()));
    }
    let skipped = seen
        .iter()
        .any(|(_, seen)| matches!(seen.observed, Observed::Skipped(1000..)));
    assert!(skipped);
    // The large message has a hole; the fragments after it make none.
    let from_b: Vec<_> = signals(&seen)
        .into_iter()
        .filter(|s| s.starts_with('b'))
        .collect();
    assert_eq!(from_b, ["b SEND_SENDER hello"]);
    assert!(matches!(seen.last().unwrap().1.observed, Observed::Tick));
}

#[test]
fn goes_on_after_what_makes_no_sense() {
    let mut script = conversation([Flags::HIDDEN; 2]);
    let at = script.0.len() - 1;
    // A packet that is none, one above the limit, and one whose control message is none.
    let mut bad = b"\0\0\0\x03abc".to_vec();
    bad.extend(200_001_u32.to_be_bytes());
    bad.extend(vec![0; 200_001]);
    bad.extend(b"\0\0\0\x04\x83D\0j");
    script.0.insert(at, (Connects, bad));
    let mut settings = Settings::default();
    settings.max_packet = 200_000;
    let seen = script.observe_within(&settings);
    let malformed: Vec<_> = seen
        .iter()
        .filter_map(|(_, seen)| match &seen.observed {
            Observed::Malformed(error) => Some(error.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(malformed.len(), 3, "{malformed:?}");
    assert_eq!(signals(&seen).last().unwrap(), "a SEND_SENDER {hello}");
}

/// The events of one side.
fn of(seen: &[(Side, Observation)], side: Side) -> Vec<&Observation> {
    let seen = seen.iter().filter(|(from, _)| *from == side);
    seen.map(|(_, seen)| seen).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any cuts and any order of the two directions give the same events of each.
    #[test]
    fn however_it_is_cut(
        turns in proptest::collection::vec((any::<bool>(), 1..5000usize), 1..40),
        damage in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 0..4),
        header in any::<bool>(),
        start in prop_oneof![Just(0), 1..400usize],
    ) {
        let flags = if header { Flags::HIDDEN } else { Flags::HIDDEN - Flags::DIST_HDR_ATOM_CACHE };
        let script = conversation([Flags::HIDDEN, flags]);
        let mut bytes = [script.of(Connects), script.of(Accepts)];
        for (first, index, byte) in damage {
            let bytes = &mut bytes[usize::from(first)];
            let at = index.index(bytes.len().min(600));
            bytes[at] = byte;
        }
        let [a, b] = bytes.map(|bytes| bytes[start.min(bytes.len())..].to_vec());

        let mut observer = Observer::new(&Settings::default());
        observer.receive(Connects, &a);
        observer.receive(Accepts, &b);
        observer.eof(Connects);
        observer.eof(Accepts);
        let whole: Vec<_> = std::iter::from_fn(|| observer.poll()).collect();

        let mut observer = Observer::new(&Settings::default());
        let mut cut = Vec::new();
        let mut rest = [(Connects, &a[..]), (Accepts, &b[..])];
        for (second, size) in turns.iter().cycle() {
            let turn = usize::from(*second);
            let turn = if rest[turn].1.is_empty() { 1 - turn } else { turn };
            let (from, left) = &mut rest[turn];
            let (now, later) = left.split_at((*size).min(left.len()));
            observer.receive(*from, now);
            *left = later;
            if later.is_empty() {
                observer.eof(*from);
            }
            cut.extend(std::iter::from_fn(|| observer.poll()));
            if rest.iter().all(|(_, left)| left.is_empty()) {
                break;
            }
        }
        observer.eof(Connects);
        observer.eof(Accepts);
        cut.extend(std::iter::from_fn(|| observer.poll()));
        for side in [Connects, Accepts] {
            prop_assert_eq!(of(&whole, side), of(&cut, side));
        }
    }

    /// No bytes bring it down, and all of them are accounted for.
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400), from_start in any::<bool>()) {
        let mut observer = Observer::new(&Settings::default());
        let mut fed = 0;
        if !from_start {
            let script = Script::handshake(Prefix::Two, [Flags::HIDDEN; 2]);
            for (from, bytes) in &script.0 {
                observer.receive(*from, bytes);
                fed += bytes.len() as u64;
            }
        }
        observer.receive(Connects, &bytes);
        fed += bytes.len() as u64;
        observer.eof(Connects);
        observer.eof(Accepts);
        let seen: Vec<_> = std::iter::from_fn(|| observer.poll()).collect();
        let told = |seen: &(Side, Observation)| match &seen.1.observed {
            Observed::Signal(signal) if signal.fragments > 0 => 0,
            _ => seen.1.size,
        };
        let told: u64 = seen.iter().map(told).sum();
        let encrypted = seen.iter().any(|(_, seen)| seen.observed == Observed::Encrypted);
        prop_assert!(encrypted || told >= fed, "{} of {}: {:?}", told, fed, seen);
    }
}
