//! Our C library beside OTP's: one C program, linked with each of them.
//!
//! What is compared is what users get: a program that was compiled against OTP's header and linked with either static
//! library, and one that was compiled against our header, too, both without optimisation across the library. So there are
//! three programs, which are asked in turn what a piece of work takes.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use einode_testkit::Beam;

use crate::Options;
use crate::measure::{Contest, Timed};
use crate::payload::Payload;

const SOURCES: [&str; 3] = ["libei_bench.c", "libei_calls.c", "libei_peer.c"];

const PEER: &str = include_str!("../erl/message_peer.erl");

/// OTP's header and library.
pub(crate) const OTP: &str = "OTP";
/// OTP's header and our library.
const RELINKED: &str = "relinked";
/// Our header and our library.
const RECOMPILED: &str = "recompiled";

/// How much longer a peer works in a round with messages.
const LONGER: u32 = 4;

/// Measures, and prints tables.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let home = tempfile::tempdir()?;
    let (otp, einode) = (link(OTP, home.path())?, link(RELINKED, home.path())?);
    let programs = [
        (OTP, Program::start(&otp, 0)?),
        (RELINKED, Program::start(&einode, 0)?),
        (
            RECOMPILED,
            Program::start(&link(RECOMPILED, home.path())?, 0)?,
        ),
    ];
    let mut calls = calls(options, &programs)?;
    let mut payloads = if options.names.is_empty() {
        payloads(home.path(), &programs)?
    } else {
        Vec::new()
    };
    let beam = Beam::start();
    beam.load(PEER);
    beam.eval("message_peer:start()");
    let mut messages = if options.names.is_empty() {
        let mut messages = with_beam(&beam, &otp, &einode)?;
        messages.extend(with_each_other(&otp, &einode)?);
        messages
    } else {
        Vec::new()
    };

    for contest in calls
        .iter_mut()
        .chain(payloads.iter_mut().flat_map(|(_, of)| of))
    {
        contest.calibrate(options.slice)?;
    }
    for row in &mut messages {
        // The first time buffers grow, and is no measure.
        row.contest.calibrate(options.slice * LONGER)?;
        row.contest.calibrate(options.slice * LONGER)?;
    }
    for round in 0..options.rounds {
        for contest in calls
            .iter_mut()
            .chain(payloads.iter_mut().flat_map(|(_, of)| of))
        {
            contest.run(round)?;
        }
        for row in &mut messages {
            row.contest.run(round)?;
        }
    }
    print("One function at a time", "function", &calls);
    for (title, contests) in &payloads {
        print(title, "payload", contests);
    }
    if !messages.is_empty() {
        print_messages(&beam, &messages);
    }
    Ok(())
}

// ---- The programs ----

/// Compiles the program against a header and links it with a library.
pub(crate) fn link(library: &str, home: &Path) -> io::Result<PathBuf> {
    let otp = PathBuf::from(env!("OTP_ERL_INTERFACE"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ours = here.join("../target/libei");
    let (header, archive) = match library {
        OTP => (&otp, otp.join("lib/libei.a")),
        RELINKED => (&otp, ours.join("lib/libei.a")),
        _ => (&ours, ours.join("lib/libei.a")),
    };
    if !archive.is_file() {
        let missing = format!(
            "{} is missing; `cargo xtask libei` makes it",
            archive.display()
        );
        return Err(io::Error::other(missing));
    }
    let program = home.join(library);
    let linked = Command::new("cc")
        .args(["-O2", "-pthread", "-D_REENTRANT", "-o"])
        .arg(&program)
        .arg("-I")
        .arg(header.join("include"))
        .args(SOURCES.map(|source| here.join("c").join(source)))
        .arg(archive)
        .args(["-ldl", "-lm"])
        .status()?;
    match linked.success() {
        true => Ok(program),
        false => Err(io::Error::other("cc failed")),
    }
}

/// A running program, which does one thing after the other.
pub(crate) struct Program {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What a piece of work took and came to.
pub(crate) struct Answer {
    pub(crate) wall: Duration,
    cpu: Duration,
    result: u64,
}

impl Program {
    pub(crate) fn start(program: &Path, epmd_port: u16) -> io::Result<Rc<RefCell<Self>>> {
        let mut process = Command::new(program)
            .env("ERL_EPMD_PORT", epmd_port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (requests, answers) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Rc::new(RefCell::new(Self {
            process,
            requests,
            answers: BufReader::new(answers),
        })))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end_matches('\n').to_owned()),
        }
    }

    fn say(&mut self, request: &str) -> io::Result<()> {
        writeln!(self.requests, "{request}")
    }

    pub(crate) fn ask(&mut self, request: &str) -> io::Result<Answer> {
        self.say(request)?;
        let line = self.line()?;
        let mut numbers = line.split(' ').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(wall)), Some(Ok(cpu)), Some(Ok(result))) => Ok(Answer {
                wall: Duration::from_nanos(wall),
                cpu: Duration::from_nanos(cpu),
                result,
            }),
            _ => Err(io::Error::other(format!("{request}: {line}"))),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // What cannot be cleaned up while leaving is left to the system.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// ---- Functions and payloads ----

/// A contest for each function, in which all have to come to the same.
fn calls(options: &Options, programs: &Programs) -> io::Result<Vec<Contest<'static>>> {
    let [(_, otp), ..] = programs;
    let mut names = Vec::new();
    otp.borrow_mut().say("list")?;
    loop {
        let name = otp.borrow_mut().line()?;
        if name.is_empty() {
            break;
        }
        if options.names.is_empty() || options.names.iter().any(|part| name.contains(part)) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| contest(&name, 1, "call", &name, programs))
        .collect()
}

/// The tables about whole payloads.
fn payloads(
    home: &Path,
    programs: &Programs,
) -> io::Result<Vec<(&'static str, Vec<Contest<'static>>)>> {
    let payloads = Payload::all();
    for payload in &payloads {
        std::fs::write(home.join(payload.name), &payload.bytes)?;
    }
    let table = |(title, verb)| {
        // What a copy of megabytes takes depends on the memory that a process happens to have.
        let small = |payload: &&Payload| verb == "skip" || payload.bytes.len() < 4 << 20;
        let contests = payloads.iter().filter(small).map(|payload| {
            let file = home.join(payload.name);
            contest(
                payload.name,
                payload.terms,
                verb,
                &file.to_string_lossy(),
                programs,
            )
        });
        Ok((title, contests.collect::<io::Result<_>>()?))
    };
    let tables = [
        ("Skip a term: `ei_skip_term`", "skip"),
        ("Walk: read every scalar, copy strings and binaries", "walk"),
        ("Write a tree with `ei_encode_*`", "encode"),
        ("Write a tree with `ei_x_encode_*`", "x_encode"),
    ];
    tables.into_iter().map(table).collect()
}

type Shared = Rc<RefCell<Program>>;
type Programs = [(&'static str, Shared); 3];

fn contest(
    name: &str,
    terms: u64,
    verb: &str,
    what: &str,
    programs: &Programs,
) -> io::Result<Contest<'static>> {
    let mut contest = Contest::new(name, terms);
    let once = format!("{verb} 1 {what}");
    let mut results = Vec::new();
    for (_, program) in programs {
        results.push(program.borrow_mut().ask(&once)?.result);
    }
    if results.iter().any(|result| *result != results[0]) {
        return Err(io::Error::other(format!("{once}: the libraries differ")));
    }
    for (peer, program) in programs {
        let (program, verb, what) = (Rc::clone(program), verb.to_owned(), what.to_owned());
        let work: Timed<'_> = Box::new(move |count| {
            let answer = program
                .borrow_mut()
                .ask(&format!("{verb} {count} {what}"))?;
            Ok(answer.wall)
        });
        contest.enter(peer, work);
    }
    Ok(contest)
}

/// Prints what all programs take, and how many times as fast those with our library are.
fn print(title: &str, what: &str, contests: &[Contest<'_>]) {
    println!("\n### {title}\n");
    println!(
        "| {what} | {OTP}, ns | {RELINKED}, ns | {RECOMPILED}, ns | {RELINKED}: times as fast | {RECOMPILED} |"
    );
    println!("| :-- | --: | --: | --: | --: | --: |");
    for contest in contests {
        print!("| {} |", shown(&contest.payload));
        for peer in [OTP, RELINKED, RECOMPILED] {
            print!(" {:.2} |", contest.ns_per_term(peer).unwrap_or_default());
        }
        for peer in [RELINKED, RECOMPILED] {
            match contest.ratio(peer, OTP) {
                Some(ratio) => print!(" {ratio} |"),
                None => print!(" – |"),
            }
        }
        println!();
    }
}

/// The name of a payload, or that of a function and what of.
fn shown(name: &str) -> String {
    match name.split_once(' ') {
        None if name.starts_with("ei_") => format!("`{name}`"),
        None => name.to_owned(),
        Some((function, "")) => format!("`{function}`"),
        Some((function, of)) => format!("`{function}`: {}", of.replace('_', " ")),
    }
}

// ---- Messages ----

/// A contest with messages.
struct Row {
    contest: Contest<'static>,
    /// The least processor time of each peer for a message, in nanoseconds.
    cpu: Vec<(&'static str, Rc<Cell<f64>>)>,
    /// The programs at the other ends, if it is no Erlang node; they end with this.
    servers: Vec<Shared>,
}

const WITH_BEAM: [(&str, &str, usize); 8] = [
    ("there and back, 100 B", "ping", 100),
    ("to a name, 100 B", "name", 100),
    ("to a pid, 100 B", "pid", 100),
    ("to a pid, 64 KiB", "pid", 64 << 10),
    ("to a pid, 1 MiB", "pid", 1 << 20),
    ("from the node, 100 B", "pull", 100),
    ("from the node, 64 KiB", "pull", 64 << 10),
    ("from the node, 1 MiB", "pull", 1 << 20),
];

/// What is relinked: a message is hardly a matter of the header.
const EINODE: &str = "einode";

/// Messages between the programs and an Erlang node.
fn with_beam(beam: &Beam, otp: &Path, einode: &Path) -> io::Result<Vec<Row>> {
    let connect = format!("connect {} {}", beam.name(), beam.cookie());
    let mut peers = Vec::new();
    for (peer, program) in [(OTP, otp), (EINODE, einode)] {
        let program = Program::start(program, beam.epmd_port())?;
        program.borrow_mut().ask(&connect)?;
        peers.push((peer, program));
    }
    Ok(WITH_BEAM
        .map(|(name, verb, size)| row(name, verb, size, &peers))
        .into())
}

const WITH_EACH_OTHER: [(&str, &str, usize); 3] = [
    ("there and back, 100 B", "ping", 100),
    ("one way, 100 B", "pid", 100),
    ("one way, 1 MiB", "pid", 1 << 20),
];

/// Who connects, and who accepts.
const PAIRS: [&str; 4] = [
    "OTP → OTP",
    "einode → einode",
    "einode → OTP",
    "OTP → einode",
];

/// Messages between two programs.
fn with_each_other(otp: &Path, einode: &Path) -> io::Result<Vec<Row>> {
    let ends = [(otp, otp), (einode, einode), (einode, otp), (otp, einode)];
    let mut peers = Vec::new();
    for (pair, (client, server)) in PAIRS.into_iter().zip(ends) {
        let server = Program::start(server, 0)?;
        server.borrow_mut().say("serve cookie")?;
        let port = server.borrow_mut().line()?;
        let client = Program::start(client, 0)?;
        client
            .borrow_mut()
            .ask(&format!("connect_port {port} cookie"))?;
        peers.push((pair, client, server));
    }
    let rows = WITH_EACH_OTHER.map(|(name, verb, size)| {
        let clients: Vec<_> = peers
            .iter()
            .map(|(pair, client, _)| (*pair, Rc::clone(client)))
            .collect();
        let mut row = row(name, verb, size, &clients);
        row.servers = peers.iter().map(|(.., server)| Rc::clone(server)).collect();
        row
    });
    Ok(rows.into())
}

fn row(name: &str, verb: &str, size: usize, peers: &[(&'static str, Shared)]) -> Row {
    let mut contest = Contest::new(name, 1);
    let mut cpu = Vec::new();
    for (peer, program) in peers {
        let (program, verb) = (Rc::clone(program), verb.to_owned());
        let least = Rc::new(Cell::new(f64::INFINITY));
        cpu.push((*peer, Rc::clone(&least)));
        let work: Timed<'_> = Box::new(move |count| {
            let answer = program
                .borrow_mut()
                .ask(&format!("{verb} {count} {size}"))?;
            least.set(
                least
                    .get()
                    .min(answer.cpu.as_secs_f64() * 1e9 / f64::from(count)),
            );
            Ok(answer.wall)
        });
        contest.enter(peer, work);
    }
    Row {
        contest,
        cpu,
        servers: Vec::new(),
    }
}

fn print_messages(beam: &Beam, rows: &[Row]) {
    let micros = |row: &Row, peer| row.contest.ns_per_term(peer).unwrap_or_default() / 1e3;
    println!(
        "\n### Messages with an Erlang node of OTP {}\n",
        beam.release()
    );
    println!(
        "| message | {OTP}, µs | {EINODE}, µs | how many times as fast | processor: {OTP}, {EINODE}, µs |"
    );
    println!("| :-- | --: | --: | --: | --: |");
    for row in rows.iter().filter(|row| row.servers.is_empty()) {
        let name = &row.contest.payload;
        let cpu: Vec<_> = row
            .cpu
            .iter()
            .map(|(_, cpu)| format!("{:.2}", cpu.get() / 1e3))
            .collect();
        let ratio = row
            .contest
            .ratio(EINODE, OTP)
            .map(|ratio| ratio.to_string());
        println!(
            "| {name} | {:.2} | {:.2} | {} | {} |",
            micros(row, OTP),
            micros(row, EINODE),
            ratio.unwrap_or_default(),
            cpu.join(", ")
        );
    }
    println!(
        "\n### Messages between two C programs, µs (how many times as fast as {})\n",
        PAIRS[0]
    );
    println!(
        "| message | {} |\n| :-- |{}",
        PAIRS.join(" | "),
        " --: |".repeat(PAIRS.len())
    );
    for row in rows.iter().filter(|row| !row.servers.is_empty()) {
        print!("| {} | {:.2} |", row.contest.payload, micros(row, PAIRS[0]));
        for pair in &PAIRS[1..] {
            print!(" {:.2}", micros(row, pair));
            if let Some(ratio) = row.contest.ratio(pair, PAIRS[0]) {
                print!(" ({:.2}×, median {:.2}×) |", ratio.fastest, ratio.median);
            }
        }
        println!();
    }
}
