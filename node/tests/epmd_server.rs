//! The EPMD server beside OTP's epmd, request by request, in both of its styles.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use einode::epmd::{Event, Running, Server};
use einode_testkit::{DEADLINE, Epmd, Otp};

/// A server of ours on tasks, until this is dropped.
struct Tasks {
    port: u16,
    _runtime: tokio::runtime::Runtime,
}

impl Tasks {
    fn start(server: Server) -> Self {
        let port = server.addresses()[0].port();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(server.serve());
        Self {
            port,
            _runtime: runtime,
        }
    }
}

fn loopback() -> Server {
    Server::bind(0).unwrap()
}

/// Runs a test against both of our styles.
fn in_both_styles(make: impl Fn() -> Server, test: impl Fn(u16)) {
    let running: Running = make().spawn().unwrap();
    test(running.port());
    let tasks = Tasks::start(make());
    test(tasks.port);
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A request with its length.
fn packet(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes(), body].concat()
}

/// All bytes up to the end, which may be a reset where the daemon has not read everything.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("no answer and no end: {error}"),
    }
    answer
}

fn ask(port: u16, body: &[u8]) -> Vec<u8> {
    let mut stream = connect(port);
    stream.write_all(&packet(body)).unwrap();
    rest(&mut stream)
}

/// `ALIVE2_REQ`.
#[derive(Clone, Copy)]
struct Alive<'a> {
    name: &'a [u8],
    port: u16,
    node_type: u8,
    protocol: u8,
    highest: u16,
    lowest: u16,
    extra: &'a [u8],
}

const fn alive(name: &[u8]) -> Alive<'_> {
    Alive {
        name,
        port: 1000,
        node_type: b'M',
        protocol: 0,
        highest: 6,
        lowest: 5,
        extra: b"",
    }
}

impl Alive<'_> {
    fn body(&self) -> Vec<u8> {
        let length = |bytes: &[u8]| (bytes.len() as u16).to_be_bytes();
        [
            b"x",
            &self.port.to_be_bytes()[..],
            &[self.node_type, self.protocol],
            &self.highest.to_be_bytes(),
            &self.lowest.to_be_bytes(),
            &length(self.name),
            self.name,
            &length(self.extra),
            self.extra,
        ]
        .concat()
    }

    /// Registers, and gives the answer and the connection.
    fn register(&self, port: u16) -> (Vec<u8>, TcpStream) {
        let mut stream = connect(port);
        stream.write_all(&packet(&self.body())).unwrap();
        let mut answer = vec![0; if self.highest < 6 { 4 } else { 6 }];
        stream.read_exact(&mut answer).unwrap();
        (answer, stream)
    }
}

/// A daemon under test: what it says, without what differs between two runs of the same daemon.
struct Session {
    port: u16,
    log: Vec<(String, String)>,
    held: HashMap<Vec<u8>, TcpStream>,
    creations: HashMap<Vec<u8>, u32>,
}

impl Session {
    fn new(port: u16) -> Self {
        Self {
            port,
            log: Vec::new(),
            held: HashMap::new(),
            creations: HashMap::new(),
        }
    }

    fn note(&mut self, label: &str, answer: &[u8]) {
        let port = u32::from(self.port).to_be_bytes();
        let answer = match answer.strip_prefix(&port) {
            Some(rest) => [b"PORT", rest].concat(),
            None if answer.starts_with(b"v\0") => answer[..2].to_vec(),
            None => answer.to_vec(),
        };
        let mut text = answer.escape_ascii().to_string();
        // Descriptors are those of the daemon.
        while let Some(at) = text.find("fd = ") {
            let end = text[at + 5..].find(|c: char| !c.is_ascii_digit()).unwrap();
            text.replace_range(at..at + 5 + end, "fd");
        }
        self.log.push((label.to_owned(), text));
    }

    fn ask(&mut self, label: &str, body: &[u8]) {
        self.raw(label, &packet(body));
    }

    fn raw(&mut self, label: &str, bytes: &[u8]) {
        let mut stream = connect(self.port);
        stream.write_all(bytes).unwrap();
        let answer = rest(&mut stream);
        self.note(label, &answer);
    }

    /// In pieces, and then the end.
    fn pieces(&mut self, label: &str, pieces: &[&[u8]]) {
        let mut stream = connect(self.port);
        for piece in pieces {
            stream.write_all(piece).unwrap();
            thread::sleep(Duration::from_millis(2));
        }
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = rest(&mut stream);
        self.note(label, &answer);
    }

    /// Registers a node and holds its connection.
    fn register(&mut self, label: &str, alive: Alive<'_>) {
        let (answer, stream) = alive.register(self.port);
        let (head, creation) = answer.split_at(2);
        let creation = creation
            .iter()
            .fold(0, |creation, &byte| creation << 8 | u32::from(byte));
        let creation = match head {
            [_, 0] => {
                self.held.insert(alive.name.to_vec(), stream);
                match (
                    alive.highest >= 6,
                    self.creations.insert(alive.name.to_vec(), creation),
                ) {
                    (true, None) => {
                        // The time in seconds.
                        assert!(creation > 1_735_689_600, "{creation}");
                        "new".to_owned()
                    }
                    (true, Some(before)) => format!("{:+}", creation.wrapping_sub(before) as i32),
                    (false, None) => {
                        assert!((1..=3).contains(&creation), "{creation}");
                        "new, short".to_owned()
                    }
                    (false, Some(before)) => format!("{:+}, short", (creation + 3 - before) % 3),
                }
            }
            _ => creation.to_string(),
        };
        let text = format!("{} {creation}", head.escape_ascii());
        self.log.push((label.to_owned(), text));
    }

    /// Ends a node and waits until that is known.
    fn end(&mut self, name: &[u8]) {
        drop(self.held.remove(name).expect("a node that is held"));
        self.wait_for_end(name);
    }

    fn wait_for_end(&self, name: &[u8]) {
        let line = [b"name ", name, b" at port "].concat();
        let end = Instant::now() + DEADLINE;
        loop {
            let names = ask(self.port, b"n");
            if !names.windows(line.len()).any(|part| part == line) {
                return;
            }
            assert!(Instant::now() < end, "{} stays", name.escape_ascii());
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// All that a daemon does without relaxed checks.
fn strict(port: u16) -> Vec<(String, String)> {
    let mut s = Session::new(port);
    s.ask("no names", b"n");
    s.ask("names with a tail", b"nxyz");
    s.ask("nothing to dump", b"d");
    s.ask("a stranger", b"za");
    s.register("a node", alive(b"a"));
    s.register("a name that is taken", alive(b"a"));
    s.register(
        "a node before OTP 23",
        Alive {
            highest: 5,
            ..alive(b"b")
        },
    );
    s.register(
        "taken, before OTP 23",
        Alive {
            highest: 5,
            ..alive(b"b")
        },
    );
    s.ask("dump of two", b"d");
    s.ask("names of two", b"n");
    s.ask("a lookup", b"za");
    s.ask("a lookup with a NUL", b"za\0");
    s.ask("a lookup with two NULs", b"za\0\0");
    s.ask("a lookup with a NUL inside", b"za\0b");
    s.ask("a lookup of nothing", b"z");
    s.ask("a lookup of a NUL", b"z\0");
    s.ask("a lookup in other case", b"zA");
    s.ask("a lookup that is no UTF-8", b"z\xff");
    s.ask(
        "a lookup of 254 characters",
        &[b"z", &[b'a'; 254][..]].concat(),
    );
    s.ask(
        "a lookup of 256 characters",
        &[b"z", &[b'a'; 256][..]].concat(),
    );
    s.ask("a lookup of a control character", b"z\x1b[2J");
    let longest = "\u{1f600}".repeat(254);
    for (label, name) in [
        ("255 characters", &[b'a'; 255][..]),
        ("256 characters", &[b'a'; 256]),
        ("254 characters of four bytes", longest.as_bytes()),
        ("256 characters of two bytes", "é".repeat(256).as_bytes()),
        ("a space", b"x y"),
        ("an @", b"x@y"),
        ("a slash", b"../x"),
        ("a quote", b"'x\""),
        ("a percent", b"%s%n"),
        ("Greek", "κόμβος".as_bytes()),
        ("Latin-1", b"\xe9"),
        ("an overlong form", b"\xc0\xaf"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("five bytes", b"\xf8\x88\x80\x80\x80"),
        ("half a character", b"a\xc3"),
    ] {
        s.register(&format!("a name of {label}"), alive(name));
    }
    s.ask(
        "a lookup of four bytes a character",
        &[b"z", longest.as_bytes()].concat(),
    );
    s.ask("a lookup of Greek", &[b"z", "κόμβος".as_bytes()].concat());
    s.register(
        "an extra field",
        Alive {
            extra: b"\0\x01\x02",
            ..alive(b"e1")
        },
    );
    s.register(
        "the longest extra field",
        Alive {
            extra: &[7; 1020],
            ..alive(b"e2")
        },
    );
    s.register(
        "too long an extra field",
        Alive {
            extra: &[7; 1021],
            ..alive(b"e3")
        },
    );
    s.ask("a lookup with an extra field", b"ze1");
    s.ask("a lookup with the longest extra field", b"ze2");
    let odd = Alive {
        port: 0,
        node_type: b'h',
        protocol: 3,
        highest: 7,
        lowest: 0,
        ..alive(b"odd")
    };
    s.register("odd numbers", odd);
    s.ask("a lookup of odd numbers", b"zodd");
    s.register(
        "version 0",
        Alive {
            highest: 0,
            lowest: 0,
            port: 65535,
            ..alive(b"v0")
        },
    );
    s.ask("names of many", b"n");
    s.ask("a registration without a name", &alive(b"").body());
    s.ask("a name with a NUL", &alive(b"a\0b").body());
    let body = alive(b"abc").body();
    s.ask(
        "a registration without its extra field",
        &body[..body.len() - 2],
    );
    s.ask("a registration of 12 bytes", &body[..12]);
    s.ask("a short registration", b"x123");
    s.ask(
        "a name that is not all there",
        &[&body[..9], b"\0\x32abc\0\0"].concat(),
    );
    s.ask(
        "an extra field that is not all there",
        &[&body[..14], b"\0\x09"].concat(),
    );
    let tail = [&alive(b"tail").body()[..], b"zzz"].concat();
    s.pieces(
        "a registration with a tail",
        &[&packet(&tail)[..5], &packet(&tail)[5..]],
    );
    s.wait_for_end(b"tail");
    s.ask("a kill among nodes", b"k");
    s.ask("a kill with a tail", b"kzz");
    s.ask("a stop", b"sa");
    s.ask("a stop of a stranger", b"sq");
    s.ask("a stop of nothing", b"s");
    for opcode in [b'?', b'X', 0, 255, b'A', b'Z'] {
        s.ask(&format!("opcode {opcode}"), &[opcode, b'a']);
    }
    s.ask("a request of no length", b"");
    s.raw("two requests at once", b"\0\x02za\0\x02za");
    s.raw("a request and a byte", b"\0\x02zab");
    s.ask("a request of 3,057 bytes", &[b'z'; 3057]);
    s.ask("a request of 3,058 bytes", &[b'z'; 3058]);
    s.ask("a request of 3,059 bytes", &[b'z'; 3059]);
    s.raw("a request of 65,535 bytes", b"\xff\xffz");
    s.pieces("no request", &[]);
    s.pieces("half a length", &[b"\0"]);
    s.pieces("a length", &[b"\0\x05"]);
    s.pieces("half a request", &[b"\0\x05za"]);
    s.pieces("byte by byte", &[b"\0", b"\x02", b"z", b"a"]);
    s.pieces(
        "a registration byte by byte",
        &[
            b"\0\x10",
            &alive(b"by").body()[..8],
            &alive(b"by").body()[8..],
        ],
    );
    s.wait_for_end(b"by");
    s.end(b"a");
    s.ask("dump after an end", b"d");
    s.register("a node again", alive(b"a"));
    s.end(b"b");
    s.register(
        "an old node again",
        Alive {
            highest: 5,
            ..alive(b"b")
        },
    );
    s.end(b"b");
    s.register(
        "and again",
        Alive {
            highest: 5,
            ..alive(b"b")
        },
    );
    s.held.get_mut(&b"a"[..]).unwrap().write_all(b"!").unwrap();
    s.wait_for_end(b"a");
    s.note("the end of a node that speaks", &[]);
    let mut spoken = s.held.remove(&b"a"[..]).unwrap();
    let end = rest(&mut spoken);
    s.note("its connection", &end);
    s.register("the third life of a node", alive(b"a"));
    s.ask("names at last", b"n");
    s.ask("dump at last", b"d");
    for name in s.held.keys().cloned().collect::<Vec<_>>() {
        s.end(&name);
    }
    s.ask("no names at last", b"n");
    s.ask("a kill among none", b"k");
    s.log
}

/// What a daemon does with relaxed checks.
fn relaxed(port: u16) -> Vec<(String, String)> {
    let mut s = Session::new(port);
    s.register("a node", alive(b"a"));
    s.register("another", alive(b"b"));
    s.ask("a stop", b"sa");
    let mut stopped = s.held.remove(&b"a"[..]).unwrap();
    let end = rest(&mut stopped);
    s.note("its connection", &end);
    s.ask("a lookup of it", b"za");
    s.ask("a second stop", b"sa");
    s.ask("a stop of a stranger", b"sq");
    s.ask("a stop with a NUL", b"sb\0");
    s.ask("a stop of nothing", b"s");
    s.ask("dump", b"d");
    s.register("a stopped node again", alive(b"a"));
    s.ask("a kill", b"k");
    s.log
}

#[track_caller]
fn same(ours: &[(String, String)], theirs: &[(String, String)]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn says_what_epmd_says() {
    let theirs = strict(Epmd::start().port());
    assert!(theirs.len() >= 90, "{}", theirs.len());
    in_both_styles(loopback, |port| same(&strict(port), &theirs));
}

#[test]
fn says_what_epmd_says_with_relaxed_checks() {
    let epmd = Epmd::with(&Otp::chosen(), &["-relaxed_command_check"]);
    let theirs = relaxed(epmd.port());
    in_both_styles(
        || loopback().relaxed(true),
        |port| same(&relaxed(port), &theirs),
    );
}

/// Where it differs from epmd on purpose.
#[test]
fn names_are_found_and_cannot_hurt() {
    in_both_styles(loopback, |port| {
        // epmd answers nothing when asked for names of 255 characters, which it registers.
        let longest = [b'a'; 255];
        let (_, _held) = alive(&longest).register(port);
        assert!(ask(port, &[b"z", &longest[..]].concat()).starts_with(b"w\0"));
        // epmd shows such names, line breaks and terminal controls and all.
        for name in [&b"x\ny"[..], b"\x1b[2J", b"\x7f", "a\u{85}".as_bytes()] {
            let (answer, _) = alive(name).register(port);
            assert_eq!(answer, b"v\x01\0\0\0\x63");
        }
        // epmd registers a node without a name if its registration is long enough.
        let nameless = Alive {
            extra: b"abcdef",
            ..alive(b"")
        };
        assert_eq!(ask(port, &nameless.body()), b"");
        let names = ask(port, b"n");
        assert!(names.ends_with(&[&longest[..], b" at port 1000\n"].concat()));
        assert_eq!(names.iter().filter(|&&byte| byte == b'\n').count(), 1);
    });
}

#[test]
fn a_name_that_is_refused_may_stay_until_its_time_is_over() {
    let make = || loopback().packet_timeout(Duration::from_millis(300));
    in_both_styles(make, |port| {
        let (_, _held) = alive(b"a").register(port);
        let (_, mut refused) = alive(b"a").register(port);
        assert_eq!(rest(&mut refused), b"");
        let (_, mut refused) = alive(b"a").register(port);
        refused.write_all(b"!").unwrap();
        assert_eq!(rest(&mut refused), b"");
        assert!(ask(port, b"za").starts_with(b"w\0"));
    });
}

#[test]
fn trickling_does_not_buy_time() {
    let make = || loopback().packet_timeout(Duration::from_millis(300));
    in_both_styles(make, |port| {
        let (_, _node) = alive(b"a").register(port);
        let mut silent = connect(port);
        let mut slow = connect(port);
        slow.write_all(&[1, 0]).unwrap();
        // The request would take more than a second.
        while slow.write_all(b"z").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(rest(&mut silent), b"");
        // A registration has no such limit.
        assert!(ask(port, b"za").starts_with(b"w\0"));
    });
}

#[test]
fn callers_that_read_nothing_keep_nobody_waiting() {
    in_both_styles(loopback, |port| {
        // A listing far above what sockets take.
        let name = |n: usize| format!("{}{n}", "n".repeat(200));
        let nodes: Vec<_> = (0..400)
            .map(|n| alive(name(n).as_bytes()).register(port))
            .collect();
        let slow: Vec<_> = (0..100)
            .map(|_| {
                let mut stream = connect(port);
                stream.write_all(&packet(b"n")).unwrap();
                stream
            })
            .collect();
        assert_eq!(ask(port, b"zx"), b"w\x01");
        let listing = ask(port, b"n");
        for mut stream in slow {
            assert_eq!(rest(&mut stream), listing);
        }
        drop(nodes);
    });
}

#[test]
fn tells_what_happens() {
    let (tell, told) = mpsc::channel();
    let make = || {
        let tell = tell.clone();
        loopback().observe(move |event| {
            let line = match event {
                Event::Connected { .. } | Event::Received { .. } | Event::Answered { .. } => return,
                Event::Refused { error, .. } => format!("refused: {error}"),
                event => event.to_string(),
            };
            let _ = tell.send(line);
        })
    };
    in_both_styles(make, |port| {
        let (_, node) = alive(b"shop").register(port);
        ask(port, b"?");
        drop(node);
        let refused = "refused: the peer sent a malformed EPMD request: unknown opcode 63";
        for line in [
            "node shop registered at port 1000",
            refused,
            "node shop left",
        ] {
            assert_eq!(told.recv_timeout(DEADLINE).unwrap(), line);
        }
        assert_eq!(ask(port, b"k"), b"OK");
        assert_eq!(told.recv_timeout(DEADLINE).unwrap(), "told to end");
    });
}

#[test]
fn ends_when_it_is_dropped_or_killed() {
    let running = loopback().spawn().unwrap();
    let port = running.port();
    let (_, mut node) = alive(b"a").register(port);
    assert!(running.is_running());
    drop(running);
    assert_eq!(rest(&mut node), b"");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());

    let running = loopback().spawn().unwrap();
    assert_eq!(ask(running.port(), b"k"), b"OK");
    while running.is_running() {
        thread::sleep(Duration::from_millis(1));
    }
    // The port is free again at once, though connections linger.
    drop(Server::bind(running.port()).unwrap());

    let tasks = Tasks::start(loopback());
    let (_, mut node) = alive(b"a").register(tasks.port);
    let port = tasks.port;
    drop(tasks);
    assert_eq!(rest(&mut node), b"");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn there_is_one_daemon_for_a_port() {
    let running = loopback().spawn().unwrap();
    let again = Server::bind(running.port()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AddrInUse);
    let everywhere = Server::bind_everywhere(running.port()).unwrap_err();
    assert_eq!(everywhere.kind(), ErrorKind::AddrInUse);
}

#[test]
fn listens_where_it_is_told() {
    let addresses = |server: Server| -> Vec<String> {
        let addresses = server.addresses();
        addresses.iter().map(|a| a.ip().to_string()).collect()
    };
    let here = |addresses: &[&str]| {
        addresses
            .iter()
            .map(|a| a.parse().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(addresses(loopback())[0], "127.0.0.1");
    let two = Server::bind_to(&here(&["127.0.0.2"]), 0).unwrap();
    let ports: Vec<u16> = two.addresses().iter().map(|a| a.port()).collect();
    assert!(ports.iter().all(|port| *port == ports[0]));
    let two = addresses(two);
    assert_eq!(
        (&two[0][..], &two[two.len() - 1][..]),
        ("127.0.0.1", "127.0.0.2")
    );
    // What is said twice is done once.
    let any = addresses(Server::bind_to(&here(&["0.0.0.0"]), 0).unwrap());
    assert!(any.contains(&"0.0.0.0".into()) && !any.contains(&"127.0.0.1".into()));
    let error = Server::bind_to(&here(&["192.0.2.1"]), 0).unwrap_err();
    assert!(error.to_string().starts_with("192.0.2.1: "), "{error}");
    assert_eq!(addresses(Server::bind_everywhere(0).unwrap())[0], "0.0.0.0");
    // As epmd's option has it.
    let two = addresses(Server::bind_list("127.0.0.2, 127.0.0.1,", 0).unwrap());
    assert_eq!(two[two.len() - 2..], ["127.0.0.2", "127.0.0.1"]);
    assert_eq!(addresses(Server::bind_list(" ,", 0).unwrap())[0], "0.0.0.0");
    let error = Server::bind_list("localhost", 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "cannot parse IP address \"localhost\"");
}
