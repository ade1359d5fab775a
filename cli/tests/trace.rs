//! `einode trace` between real nodes, and over captures of the same bytes.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use common::{einode, program};
use einode_testkit::{Beam, Epmd};
use serde_json::Value;

/// The program as a proxy, which ends with its test.
struct Trace {
    child: Child,
    /// Where it listens.
    address: String,
}

impl Trace {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program()
            .arg("trace")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        errors.read_line(&mut line).unwrap();
        let address = line.strip_prefix("einode: listening on ");
        let address = address
            .unwrap_or_else(|| panic!("{line}"))
            .trim()
            .to_owned();
        Self { child, address }
    }

    /// Interrupts it, and gives all that it has printed.
    fn end(mut self) -> String {
        let kill = std::process::Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let mut out = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        out
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What has passed in which order: whether from the one who connected, and the bytes.
type Record = Arc<Mutex<Vec<(bool, Vec<u8>)>>>;

/// Passes one connection on to a port, and keeps what it carries.
fn recorder(port: u16) -> (u16, Record) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (ours, record) = (listener.local_addr().unwrap().port(), Record::default());
    let kept = Arc::clone(&record);
    thread::spawn(move || {
        let (here, _) = listener.accept().unwrap();
        let there = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let back = (
            there.try_clone().unwrap(),
            here.try_clone().unwrap(),
            Arc::clone(&kept),
        );
        thread::spawn(move || copy(false, back.0, back.1, &back.2));
        copy(true, here, there, &kept);
    });
    (ours, record)
}

fn copy(first: bool, mut from: TcpStream, mut to: TcpStream, record: &Record) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        record
            .lock()
            .unwrap()
            .push((first, buffer[..read].to_vec()));
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn lines(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// What does not depend on when things were seen, of what each node has said.
fn said(lines: &[Value], by: &str) -> Vec<Value> {
    let by = lines.iter().filter(|line| {
        line["from"] == by && !["opened", "closed"].contains(&line["event"].as_str().unwrap())
    });
    by.cloned()
        .map(|mut line| {
            for key in ["time", "to", "connection"] {
                line.as_object_mut().unwrap().remove(key);
            }
            line
        })
        .collect()
}

/// Two nodes, of which the first finds the proxy where it looks for the second.
struct Nodes {
    a: Beam,
    b: Beam,
}

impl Nodes {
    fn start() -> Self {
        let a = Beam::builder().start();
        let b = Beam::builder()
            .cookie(a.cookie())
            .epmd(&Arc::new(Epmd::start()))
            .start();
        Self { a, b }
    }

    /// Has the first do something with `B`, the second.
    #[track_caller]
    fn act(&self, expressions: &str) -> String {
        self.a
            .text(&format!("B = '{}', {expressions}", self.b.name()))
    }

    /// Some of everything that nodes have to say to each other.
    fn talk(&self) {
        self.b.load(
            "-module(echo). -export([start/0, init/1, handle_call/3, handle_cast/2]).
             start() -> gen_server:start({local, echo}, ?MODULE, [], []).
             init(_) -> {ok, 0}.
             handle_call(Term, _, State) -> {reply, {echoed, Term}, State}.
             handle_cast(_, State) -> {noreply, State}.",
        );
        self.b.eval("unlink(element(2, echo:start()))");
        assert_eq!(self.act("net_kernel:connect_node(B)"), "true");
        assert_eq!(
            self.act("gen_server:call({echo, B}, {say, 'größe', [1, 2]})"),
            "{echoed,{say,größe,[1,2]}}"
        );
        assert_eq!(self.act("{Pid, Ref} = spawn_monitor(B, erlang, exit, [over]), receive {'DOWN', Ref, _, Pid, Why} -> Why end"), "over");
        assert_eq!(
            self.act(
                "process_flag(trap_exit, true), Pid = spawn(B, timer, sleep, [infinity]), link(Pid), \
                 unlink(Pid), link(Pid), exit(Pid, enough), receive {'EXIT', Pid, Why} -> Why end"
            ),
            "enough"
        );
        assert_eq!(
            self.act("Ref = monitor(process, {echo, B}), demonitor(Ref), {echo, B} ! note, gen_server:call({echo, B}, again)"),
            "{echoed,again}"
        );
        // Fragments, there and back.
        assert_eq!(
            self.act("{echoed, Back} = gen_server:call({echo, B}, binary:copy(<<7>>, 10 * 1024 * 1024)), byte_size(Back)"),
            "10485760"
        );
    }
}

/// All that two nodes of OTP do is told live; and the same of captures of the same bytes, whatever became of the
/// segments on their way.
#[test]
fn tells_the_same_live_and_from_captures() {
    let nodes = Nodes::start();
    let (port, record) = recorder(nodes.b.port());
    let (a_epmd, to) = (nodes.a.epmd_port().to_string(), format!("127.0.0.1:{port}"));
    let trace = Trace::start(&[
        "--json",
        "--verbose",
        "--epmd-port",
        &a_epmd,
        nodes.b.name(),
        &to,
    ]);
    nodes.talk();
    let (a, b) = (nodes.a.name().to_owned(), nodes.b.name().to_owned());
    nodes.act("erlang:disconnect_node(B)");
    nodes.b.wait_until("nodes() =:= []");
    let out = trace.end();
    let live = lines(&out);

    let operations = |by: &str| -> Vec<String> {
        let lines = said(&live, by);
        lines
            .iter()
            .map(|line| line["operation"].as_str().unwrap().to_owned())
            .collect()
    };
    let (of_a, of_b) = (operations(&a), operations(&b));
    assert_eq!(of_a[..2], ["send_name", "challenge_reply"]);
    // Who answers is not known by name until the challenge tells it.
    assert_eq!(of_b[..2], ["challenge", "challenge_ack"]);
    assert!(live.iter().any(|line| line["operation"] == "status"
        && line["from"] == *to
        && line["status"] == "ok"));
    for operation in [
        "REG_SEND",
        "MONITOR_P",
        "DEMONITOR_P",
        "SPAWN_REQUEST",
        "LINK",
        "UNLINK_ID",
        "PAYLOAD_EXIT2",
        "fragment",
    ] {
        assert!(
            of_a.iter().any(|of_a| of_a == operation),
            "{operation}: {of_a:?}"
        );
    }
    for operation in [
        "SPAWN_REPLY",
        "PAYLOAD_MONITOR_P_EXIT",
        "UNLINK_ID_ACK",
        "PAYLOAD_EXIT",
        "ALIAS_SEND",
        "fragment",
    ] {
        assert!(
            of_b.iter().any(|of_b| of_b == operation),
            "{operation}: {of_b:?}"
        );
    }
    let wrong = live.iter().filter(|line| {
        ["malformed", "skipped", "midway"].contains(&line["event"].as_str().unwrap())
    });
    assert_eq!(wrong.count(), 0);
    let asked = live
        .iter()
        .find(|line| line["receiver"] == "echo" && line["term"][2][0] == "say");
    let asked = asked.unwrap_or_else(|| panic!("{out}"));
    assert_eq!(
        asked["term"][2],
        serde_json::json!(["say", "größe", [1, 2]])
    );
    assert!(
        live.iter()
            .any(|line| line["operation"] == "PAYLOAD_EXIT2" && line["term"] == "enough")
    );
    assert!(live.iter().any(
        |line| line["fragments"].as_u64() > Some(100) && line["size"].as_u64() > Some(10 << 20)
    ));
    assert!(!out.contains(nodes.a.cookie()));
    let flags = live
        .iter()
        .find(|line| line["operation"] == "challenge")
        .unwrap();
    assert!(
        flags["flags"]
            .as_array()
            .unwrap()
            .contains(&"DIST_HDR_ATOM_CACHE".into())
    );

    let record = record.lock().unwrap();
    let directory = tempfile::tempdir().unwrap();
    for (link, ng, disorder) in [
        (Link::Ethernet, false, false),
        (Link::Cooked2, true, true),
        (Link::Raw6, false, true),
        (Link::Loopback, true, false),
        (Link::Cooked, false, true),
    ] {
        let file = directory.path().join("capture");
        fs::write(&file, capture(&record, link, ng, disorder)).unwrap();
        let run = einode(&[
            "trace",
            "--json",
            "--verbose",
            "--pcap",
            file.to_str().unwrap(),
        ]);
        let captured = lines(run.printed());
        for by in [&a, &b] {
            assert!(
                said(&captured, by) == said(&live, by),
                "{link:?} {ng} {disorder} {by}"
            );
        }
    }

    // From the middle on, both say what is whole from there on.
    let file = directory.path().join("capture");
    let middle = &record[record.len() / 2..];
    fs::write(&file, capture(middle, Link::Middle, false, true)).unwrap();
    let run = einode(&["trace", "--json", "--pcap", file.to_str().unwrap()]);
    let captured = lines(run.printed());
    assert!(
        captured.iter().any(|line| line["event"] == "signal"),
        "{captured:?}"
    );
    assert!(captured.iter().all(|line| line["event"] != "handshake"));
}

#[test]
fn shows_what_is_asked_for() {
    let nodes = Nodes::start();
    let to = format!("127.0.0.1:{}", nodes.b.port());
    let epmd = nodes.a.epmd_port().to_string();
    let shows = |options: &[&str]| {
        let (register, _) = nodes.b.name().split_once('@').unwrap();
        let mut arguments = vec![
            "--epmd-port",
            &epmd,
            "--register",
            register,
            "127.0.0.1:0",
            &to,
        ];
        arguments.extend(options);
        let trace = Trace::start(&arguments);
        assert!(trace.address.starts_with("127.0.0.1:"));
        assert_eq!(nodes.act("net_adm:ping(B)"), "pong");
        assert_eq!(nodes.act("P = spawn(B, timer, sleep, [1]), {shell, B} ! {small, 1}, {other, B} ! binary:copy(<<1>>, 2000), is_pid(P)"), "true");
        assert_eq!(nodes.act("rpc:call(B, erlang, node, []) =:= B"), "true");
        nodes.act("erlang:disconnect_node(B)");
        nodes.b.wait_until("nodes() =:= []");
        let out = trace.end();
        let shown = out
            .lines()
            .filter(|line| !line.ends_with("connected") && !line.ends_with("closed"));
        shown.map(str::to_owned).collect::<Vec<_>>()
    };
    let direction = format!("{} → {}", nodes.a.name(), nodes.b.name());
    let all = shows(&["--summary"]);
    assert!(
        all.iter()
            .any(|line| line.contains(&format!("#1 {direction} REG_SEND"))
                && line.contains("→ shell {small,1}")),
        "{all:?}"
    );
    assert!(
        all.iter().any(|line| line.starts_with("REG_SEND  ")),
        "{all:?}"
    );
    let named = shows(&["--process", "shell"]);
    assert!(
        named.len() == 1 && named[0].contains("{small,1}"),
        "{named:?}"
    );
    let spawns = shows(&["--operation", "spawn_req"]);
    assert!(
        !spawns.is_empty() && spawns.iter().all(|line| line.contains("SPAWN_REQUEST")),
        "{spawns:?}"
    );
    let large = shows(&[
        "--min-size",
        "1K",
        "--max-size",
        "4K",
        "--operation",
        "reg_send",
    ]);
    assert!(
        large.len() == 1 && large[0].contains("→ other"),
        "{large:?}"
    );
}

/// What passes is not changed, whatever it is, and both ends pass on by themselves.
#[test]
fn passes_everything_on_as_it_is() {
    let target = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let to = target.local_addr().unwrap().to_string();
    let trace = Trace::start(&["127.0.0.1:0", &to]);
    let mut here = TcpStream::connect(&trace.address).unwrap();
    let (mut there, _) = target.accept().unwrap();
    // A TLS record, for once.
    let sent: Vec<u8> = b"\x16\x03\x01"
        .iter()
        .copied()
        .chain((0..200_000u32).map(|n| n as u8))
        .collect();
    let bytes = sent.clone();
    let writes = thread::spawn(move || {
        here.write_all(&bytes).unwrap();
        here.shutdown(Shutdown::Write).unwrap();
        here
    });
    let mut got = Vec::new();
    there.read_to_end(&mut got).unwrap();
    assert!(got == sent);
    // The other direction is still open.
    let mut here = writes.join().unwrap();
    there.write_all(b"and back").unwrap();
    drop(there);
    let mut back = String::new();
    here.read_to_string(&mut back).unwrap();
    assert_eq!(back, "and back");
    let out = trace.end();
    assert!(
        out.contains("this is TLS: nothing of it can be shown"),
        "{out}"
    );
}

#[test]
fn says_what_is_wrong() {
    let nobody = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let trace = Trace::start(&["127.0.0.1:0", &nobody]);
    let mut here = TcpStream::connect(&trace.address).unwrap();
    assert_eq!(here.read(&mut [0]).unwrap(), 0);
    let out = trace.end();
    assert!(out.contains("refused"), "{out}");

    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let run = einode(&["trace", &taken.local_addr().unwrap().to_string(), &nobody]);
    assert!(run.complaint(74).contains("in use"));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, "no capture, but long enough to be one").unwrap();
    let run = einode(&["trace", "--pcap", file.path().to_str().unwrap()]);
    assert!(run.complaint(64).contains("neither pcap nor pcapng"));
    assert!(
        einode(&["trace", "--pcap", "/nonexistent/x"])
            .complaint(74)
            .contains("No such file")
    );
    assert_eq!(einode(&["trace"]).code, 64);
}

/// How a packet is wrapped.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Link {
    Ethernet,
    Cooked,
    Cooked2,
    Loopback,
    Raw6,
    /// Ethernet, and no SYN.
    Middle,
}

/// A capture of two directions, as tcpdump writes it. In disorder, segments change places, come twice, and in other
/// pieces.
fn capture(record: &[(bool, Vec<u8>)], link: Link, ng: bool, disorder: bool) -> Vec<u8> {
    // So that the numbers pass their end.
    let mut sequences = [u32::MAX - 1000, 77];
    let mut segments = Vec::new();
    if link != Link::Middle {
        segments.push((true, sequences[0], 2, Vec::new()));
        segments.push((false, sequences[1], 0x12, Vec::new()));
    }
    sequences = sequences.map(|sequence| sequence.wrapping_add(1));
    for (first, bytes) in record {
        for part in bytes.chunks(1448) {
            let sequence = &mut sequences[usize::from(!first)];
            segments.push((*first, *sequence, 0x18, part.to_vec()));
            *sequence = sequence.wrapping_add(part.len() as u32);
        }
    }
    if disorder {
        for at in (4..segments.len().saturating_sub(8)).step_by(5) {
            segments.swap(at, at + 1 + at % 3);
        }
        for at in (6..segments.len()).step_by(7).rev() {
            let (first, sequence, flags, bytes) = segments[at].clone();
            let half = bytes.len() / 2;
            segments.insert(
                at,
                (
                    first,
                    sequence.wrapping_add(half as u32),
                    flags,
                    bytes[half..].to_vec(),
                ),
            );
        }
    }
    for (first, sequence) in [(true, sequences[0]), (false, sequences[1])] {
        segments.push((first, sequence, 0x11, Vec::new()));
    }

    let number = match link {
        Link::Ethernet | Link::Middle => 1u16,
        Link::Cooked => 113,
        Link::Cooked2 => 276,
        Link::Loopback => 0,
        Link::Raw6 => 101,
    };
    let mut file = Vec::new();
    if ng {
        // Section header and interface description.
        for word in [0x0a0d_0d0au32, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28] {
            file.extend(word.to_le_bytes());
        }
        for word in [1u32, 20, number.into(), 0, 20] {
            file.extend(word.to_le_bytes());
        }
    } else {
        for word in [0xa1b2_c3d4u32, 4 << 16 | 2, 0, 0, 262_144, number.into()] {
            file.extend(word.to_le_bytes());
        }
    }
    for (at, (first, sequence, flags, bytes)) in segments.iter().enumerate() {
        let packet = packet(link, *first, *sequence, *flags, bytes);
        let length = packet.len() as u32;
        let time = 1_700_000_000_000_000 + at as u64;
        if ng {
            let padded = length.next_multiple_of(4);
            for word in [
                6,
                32 + padded,
                0,
                (time >> 32) as u32,
                time as u32,
                length,
                length,
            ] {
                file.extend(word.to_le_bytes());
            }
            file.extend(&packet);
            file.extend(vec![0; (padded - length) as usize]);
            file.extend((32 + padded).to_le_bytes());
        } else {
            for word in [
                (time / 1_000_000) as u32,
                (time % 1_000_000) as u32,
                length,
                length,
            ] {
                file.extend(word.to_le_bytes());
            }
            file.extend(&packet);
        }
    }
    file
}

fn packet(link: Link, first: bool, sequence: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    let (from, to) = if first {
        (40_000u16, 9_100u16)
    } else {
        (9_100, 40_000)
    };
    let mut tcp = [from.to_be_bytes(), to.to_be_bytes()].concat();
    tcp.extend(sequence.to_be_bytes());
    tcp.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend(bytes);
    let mut ip = Vec::new();
    let hosts = if first { [1, 2] } else { [2, 1] };
    if link == Link::Raw6 {
        ip.extend([0x60, 0, 0, 0]);
        ip.extend((tcp.len() as u16).to_be_bytes());
        ip.extend([6, 64]);
        for host in hosts {
            ip.extend([[0; 15].as_slice(), &[host]].concat());
        }
    } else {
        ip.extend([0x45, 0]);
        ip.extend((20 + tcp.len() as u16).to_be_bytes());
        ip.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        for host in hosts {
            ip.extend([10, 0, 0, host]);
        }
    }
    ip.extend(tcp);
    let mut packet = match link {
        Link::Ethernet | Link::Middle => [[2; 12].as_slice(), &[8, 0]].concat(),
        Link::Cooked => [[0; 14].as_slice(), &[8, 0]].concat(),
        Link::Cooked2 => [[8, 0].as_slice(), &[0; 18]].concat(),
        Link::Loopback => vec![2, 0, 0, 0],
        Link::Raw6 => Vec::new(),
    };
    packet.extend(ip);
    if matches!(link, Link::Ethernet | Link::Middle) {
        // Short frames are filled up.
        packet.resize(packet.len().max(60), 0xee);
    }
    packet
}
