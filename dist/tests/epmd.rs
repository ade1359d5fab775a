//! Questions to EPMD in memory: literal bytes, every cut, every truncation.

use einode_dist::epmd::message::{
    DumpAnswer, KillAnswer, NamesAnswer, Registered, Request, StopAnswer,
};
use einode_dist::epmd::{
    Answer, Dump, Kill, Lookup, Names, NodeType, Query, Register, Registration, Stop,
};
use einode_dist::{Culprit, Error, InvalidName, Refusal, limits};
use einode_testkit::{Chunks, scripted};
use proptest::prelude::*;

fn shop() -> Registration {
    Registration::new("shop", 0x1234, NodeType::HIDDEN)
}

/// The fields of [`shop`], the same in both directions.
const SHOP: &[u8] = b"\x12\x34H\0\0\x06\0\x05\0\x04shop\0\0";

fn lookup() -> Lookup {
    Lookup::new("shop").unwrap()
}

/// What a question makes of an answer that ends with the connection, and what it asked.
fn ask<A: Answer>(
    query: Query<A>,
    answer: &[u8],
    mut chunks: Chunks,
) -> (Result<A, Error>, Vec<u8>) {
    let (ended, _) = scripted(query, answer, &mut chunks);
    (ended.result, ended.said)
}

/// Checks that a question has these bytes, that this answer means this in any cut, and that no
/// part of the answer means anything.
fn check<A: Answer + PartialEq + std::fmt::Debug>(
    query: impl Fn() -> Query<A>,
    question: &[u8],
    answer: &[u8],
    meaning: &A,
) {
    for chunks in [Chunks::whole(), Chunks::bytes(), Chunks::new(vec![3, 1, 7])] {
        let (result, said) = ask(query(), answer, chunks);
        assert_eq!(result.as_ref(), Ok(meaning));
        assert_eq!(said, question);
    }
    for n in 0..answer.len() {
        let (result, _) = ask(query(), &answer[..n], Chunks::whole());
        assert_ne!(result.as_ref(), Ok(meaning), "cut to {n} bytes");
    }
}

#[test]
fn lookup_of_a_node() {
    let answer = [b"w\0", SHOP].concat();
    check(lookup, b"\0\x05zshop", &answer, &Some(shop()));
    assert_eq!(Some(shop()).encode(), answer);
    check(lookup, b"\0\x05zshop", b"w\x01", &None);
    assert_eq!(None::<Registration>.encode(), b"w\x01");
}

#[test]
fn lookup_reads_nothing_past_the_answer() {
    let answer = [b"w\0", SHOP].concat();
    for answer in [&answer[..], b"w\x01"] {
        let more = [answer, b"more"].concat();
        let (ended, left) = scripted(lookup(), &more, &mut Chunks::whole());
        assert_eq!((ended.result.is_ok(), &left[..]), (true, &b"more"[..]));
    }
}

#[test]
fn lookup_with_an_extra_field() {
    let mut shop = shop();
    shop.extra = b"extra".to_vec();
    check(
        lookup,
        b"\0\x05zshop",
        &Some(shop.clone()).encode(),
        &Some(shop),
    );
}

#[test]
fn an_answer_about_another_node() {
    let other = Registration::new("shoe", 1, NodeType::NORMAL);
    let (result, _) = ask(lookup(), &Some(other).encode(), Chunks::whole());
    let error = result.unwrap_err();
    assert!(
        error
            .to_string()
            .contains(r#"asked for "shop", it is about "shoe""#),
        "{error}"
    );
}

#[test]
fn register() {
    let question = [b"\0\x11x", SHOP].concat();
    let register = || Register::new(shop()).unwrap();
    let registered = Registered {
        creation: 0x6543_2101,
    };
    check(register, &question, b"v\0\x65\x43\x21\x01", &registered);
    assert_eq!(registered.encode(), b"v\0\x65\x43\x21\x01");
    check(
        register,
        &question,
        b"y\0\0\x03",
        &Registered { creation: 3 },
    );
    // The connection lasts as long as the registration: nothing more may be read from it.
    let (_, left) = scripted(register(), b"v\0\0\0\0\x01more", &mut Chunks::whole());
    assert_eq!(left, b"more");
}

#[test]
fn register_a_name_that_is_taken() {
    for answer in [&b"v\x01\0\0\0\x63"[..], b"y\x01\0\x63"] {
        let (result, _) = ask(Register::new(shop()).unwrap(), answer, Chunks::bytes());
        assert_eq!(result, Err(Error::Refused(Refusal::Registration)));
    }
}

#[test]
fn names() {
    let text = "name shop at port 4711\nname a b at port 1\n";
    let answer = [&b"\0\0\x11\x11"[..], text.as_bytes()].concat();
    let meaning = NamesAnswer {
        epmd_port: 4369,
        text: text.into(),
    };
    let (result, said) = ask(Names::new(), &answer, Chunks::new(vec![5, 2]));
    assert_eq!(
        (result.as_ref(), &said[..]),
        (Ok(&meaning), &b"\0\x01n"[..])
    );
    assert_eq!(meaning.encode(), answer);
    let nodes: Vec<_> = meaning.nodes().collect();
    assert_eq!(nodes, [("shop", 4711), ("a b", 1)]);
    for n in 0..4 {
        let (result, _) = ask(Names::new(), &answer[..n], Chunks::whole());
        assert!(matches!(result, Err(Error::Closed { .. })));
    }
}

#[test]
fn names_that_are_no_lines() {
    let text = "name x\nname y at port 70000\nname shop at port 1\nat port 2";
    let names = NamesAnswer {
        epmd_port: 4369,
        text: text.into(),
    };
    assert_eq!(names.nodes().collect::<Vec<_>>(), [("shop", 1)]);
}

#[test]
fn dump() {
    let answer = b"\0\0\x11\x11active name     <a> at port 1, fd = 5\n\0";
    let text = "active name     <a> at port 1, fd = 5\n".into();
    let meaning = DumpAnswer {
        epmd_port: 4369,
        text,
    };
    let (result, said) = ask(Dump::new(), answer, Chunks::bytes());
    assert_eq!(
        (result.as_ref(), &said[..]),
        (Ok(&meaning), &b"\0\x01d"[..])
    );
    assert_eq!(meaning.encode(), answer);
}

#[test]
fn kill() {
    check(Kill::new, b"\0\x01k", b"OK", &KillAnswer::Ok);
    check(Kill::new, b"\0\x01k", b"NO", &KillAnswer::No);
    assert_eq!(
        [KillAnswer::Ok.encode(), KillAnswer::No.encode()].concat(),
        b"OKNO"
    );
}

#[test]
fn stop() {
    let stop = || Stop::new("shop").unwrap();
    check(stop, b"\0\x05sshop", b"STOPPED", &StopAnswer::Stopped);
    check(stop, b"\0\x05sshop", b"NOEXIST", &StopAnswer::NoExist);
    check(stop, b"\0\x05sshop", b"", &StopAnswer::NotAllowed);
    // As epmd writes it.
    let (result, _) = ask(stop(), b"NOEXISTSTOPPED", Chunks::whole());
    assert_eq!(result, Ok(StopAnswer::NoExist));
    for answer in [
        StopAnswer::Stopped,
        StopAnswer::NoExist,
        StopAnswer::NotAllowed,
    ] {
        assert_eq!(ask(stop(), &answer.encode(), Chunks::whole()).0, Ok(answer));
    }
}

#[test]
fn silent_close() {
    for result in [
        ask(lookup(), b"", Chunks::whole()).0.map(|_| ()),
        ask(Register::new(shop()).unwrap(), b"", Chunks::whole())
            .0
            .map(|_| ()),
        ask(Names::new(), b"", Chunks::whole()).0.map(|_| ()),
        ask(Dump::new(), b"", Chunks::whole()).0.map(|_| ()),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Closed { .. }), "{error}");
        assert_eq!(error.culprit(), Culprit::Peer);
    }
}

#[test]
fn names_that_no_node_can_have() {
    let long = "a".repeat(limits::NODE_NAME + 1);
    for (name, invalid) in [
        ("", InvalidName::Empty),
        ("a\0b", InvalidName::Character('\0')),
        ("a@b", InvalidName::SeveralAt),
        (&long[..], InvalidName::TooLong),
    ] {
        assert_eq!(Lookup::new(name).err(), Some(invalid));
        assert_eq!(Stop::new(name).err(), Some(invalid));
        let registration = Registration::new(name, 1, NodeType::NORMAL);
        assert_eq!(Register::new(registration).err(), Some(invalid));
    }
}

#[test]
fn an_answer_without_end() {
    let mut query = Names::new();
    let mut bytes = vec![b'x'; limits::EPMD_TEXT];
    use einode_dist::Exchange;
    query.receive(b"\0").unwrap();
    query.receive(&bytes[..limits::EPMD_TEXT - 1]).unwrap();
    assert_eq!(query.want(), 1);
    bytes.truncate(1);
    let error = query.receive(&bytes).unwrap_err();
    let (length, limit) = (limits::EPMD_TEXT as u64 + 1, limits::EPMD_TEXT as u64);
    assert_eq!(
        error,
        Error::TooLong {
            what: "NAMES_RESP",
            length,
            limit
        }
    );
}

#[test]
fn requests_are_read_as_they_were_written() {
    let mut shop = shop();
    shop.extra = vec![7; limits::EPMD_EXTRA];
    for request in [
        Request::alive(shop).unwrap(),
        Request::port("shop").unwrap(),
        Request::stop("shop").unwrap(),
        Request::Names,
        Request::Dump,
        Request::Kill,
    ] {
        let bytes = request.encode();
        assert_eq!(Request::decode(&bytes[2..]), Ok(request));
        assert_eq!(
            usize::from(bytes[0]) << 8 | usize::from(bytes[1]),
            bytes.len() - 2
        );
    }
    assert_eq!(
        Request::decode(b"zshop\0"),
        Ok(Request::port("shop").unwrap())
    );
}

#[test]
fn requests_that_are_none() {
    for bytes in [
        &b""[..],
        b"q",
        b"x",
        b"z",
        b"s",
        b"x\x12\x34H\0\0\x06\0\x05\0\x05shop",
    ] {
        assert!(Request::decode(bytes).is_err(), "{bytes:?}");
    }
    let mut shop = shop();
    shop.name = "shop\0".into();
    assert_eq!(
        Request::decode(&[b"x", &SHOP[..9], b"\x05shop\0\0\0"].concat()),
        Err(Error::PeerName(InvalidName::Character('\0')))
    );
    let question = [b"x", &SHOP[..SHOP.len() - 2], b"\x03\xfd", &[0; 1021]].concat();
    assert!(matches!(
        Request::decode(&question),
        Err(Error::TooLong { .. })
    ));
}

proptest! {
    #[test]
    fn any_answer_is_survived_and_the_same_in_any_cut(
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
        tag in prop_oneof![Just(b'w'), Just(b'v'), Just(b'y'), Just(b'O'), Just(b'S')],
        sizes in proptest::collection::vec(1..20usize, 1..8),
    ) {
        let answer = [&[tag, 0], &bytes[..]].concat();
        let cut = || Chunks::new(sizes.clone());
        let whole = Chunks::whole;
        prop_assert_eq!(ask(lookup(), &answer, cut()).0, ask(lookup(), &answer, whole()).0);
        let register = || Register::new(shop()).unwrap();
        prop_assert_eq!(ask(register(), &answer, cut()).0, ask(register(), &answer, whole()).0);
        prop_assert_eq!(ask(Names::new(), &answer, cut()).0, ask(Names::new(), &answer, whole()).0);
        prop_assert_eq!(ask(Dump::new(), &answer, cut()).0, ask(Dump::new(), &answer, whole()).0);
        prop_assert_eq!(ask(Kill::new(), &answer, cut()).0, ask(Kill::new(), &answer, whole()).0);
        let stop = || Stop::new("shop").unwrap();
        prop_assert_eq!(ask(stop(), &answer, cut()).0, ask(stop(), &answer, whole()).0);
    }
}

/// OTP's own daemon.
mod real {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use einode_dist::Exchange;
    use einode_testkit::{DEADLINE, Epmd};

    use super::*;

    fn connect(epmd: &Epmd) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", epmd.port())).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    fn run<A: Answer>(mut query: Query<A>, stream: &mut TcpStream) -> Result<A, Error> {
        stream.write_all(query.outgoing()).unwrap();
        query.sent(query.outgoing().len());
        while query.want() > 0 {
            let mut bytes = vec![0; query.want()];
            match stream.read(&mut bytes).unwrap() {
                0 => query.eof()?,
                n => query.receive(&bytes[..n])?,
            }
        }
        Ok(query.outcome().unwrap())
    }

    #[test]
    fn answers_every_request() {
        let epmd = Epmd::start();
        let ask_epmd = || connect(&epmd);
        assert_eq!(run(lookup(), &mut ask_epmd()), Ok(None));

        let mut shop = shop();
        shop.extra = b"extra".to_vec();
        let mut registered = ask_epmd();
        let creation = run(Register::new(shop.clone()).unwrap(), &mut registered)
            .unwrap()
            .creation;
        assert!(creation > 3, "{creation}");
        let again = run(Register::new(shop.clone()).unwrap(), &mut ask_epmd());
        assert_eq!(again, Err(Error::Refused(Refusal::Registration)));
        assert_eq!(run(lookup(), &mut ask_epmd()), Ok(Some(shop)));

        let names = run(Names::new(), &mut ask_epmd()).unwrap();
        assert_eq!(names.epmd_port, u32::from(epmd.port()));
        assert_eq!(names.nodes().collect::<Vec<_>>(), [("shop", 0x1234)]);
        let dump = run(Dump::new(), &mut ask_epmd()).unwrap();
        assert!(
            dump.text
                .starts_with("active name     <shop> at port 4660, fd = "),
            "{dump:?}"
        );

        let stop = Stop::new("shop").unwrap();
        assert_eq!(run(stop, &mut ask_epmd()), Ok(StopAnswer::NotAllowed));
        assert_eq!(run(Kill::new(), &mut ask_epmd()), Ok(KillAnswer::No));
        drop(registered);
        while run(lookup(), &mut ask_epmd()).unwrap().is_some() {}
        assert_eq!(run(Kill::new(), &mut ask_epmd()), Ok(KillAnswer::Ok));
    }
}
