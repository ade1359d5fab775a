//! The port mapper daemon beside OTP's: how many look-ups it answers in a second, what each costs its processor, and
//! what a registered node costs its memory.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Options;
use crate::measure::{Contest, Timed};

const OURS: &str = "einode epmd";
const THEIRS: &str = "epmd";

/// What OTP's epmd can have of connections is below 1,024.
const SOME: usize = 1000;
const MANY: usize = 10_000;

/// A daemon, and the nodes that are registered with it.
struct Daemon {
    child: Child,
    port: u16,
    nodes: Vec<TcpStream>,
}

/// Measures, and prints tables.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    raise_limit()?;
    let mut theirs = Daemon::start(&mut Command::new("epmd"))?;
    let program = std::env::var("EINODE_PROGRAM").map_err(io::Error::other)?;
    let mut ours = Daemon::start(Command::new(program).arg("epmd"))?;
    println!(
        "### Look-ups\n\n| nodes | clients | {OURS} | {THEIRS} | ratio of rates | ratio of processor time |"
    );
    println!("| --: | --: | --: | --: | --: | --: |");
    let mut memory = Vec::new();
    for (names, both) in [(1, true), (SOME, true), (MANY, false)] {
        let before = (ours.memory()?, theirs.memory()?);
        let added = names - ours.nodes.len();
        ours.register(names)?;
        if both {
            theirs.register(names)?;
        }
        let after = (ours.memory()?, theirs.memory()?);
        memory.push((names, after, both));
        if added > 1 {
            let per_name = |before: u64, after: u64| (after - before) * 1024 / added as u64;
            let theirs = both.then(|| per_name(before.1, after.1));
            memory.push((0, (per_name(before.0, after.0), theirs.unwrap_or(0)), both));
        }
        for clients in [1, 4] {
            look_up(options, (&ours, both.then_some(&theirs)), names, clients)?;
        }
    }
    println!("\n### Memory\n\n| | {OURS} | {THEIRS} |\n| :-- | --: | --: |");
    for (names, (ours, theirs), both) in memory {
        let (label, unit) = match names {
            0 => ("for each more".to_owned(), "bytes"),
            1 => ("resident, 1 node".to_owned(), "KiB"),
            _ => (format!("resident, {names} nodes"), "KiB"),
        };
        let theirs = if both {
            format!("{theirs} {unit}")
        } else {
            "–".to_owned()
        };
        println!("| {label} | {ours} {unit} | {theirs} |");
    }
    Ok(())
}

fn look_up(
    options: &Options,
    (ours, theirs): (&Daemon, Option<&Daemon>),
    names: usize,
    clients: usize,
) -> io::Result<()> {
    let mut contest = Contest::new("lookup", 1);
    contest.enter(OURS, ours.lookups(clients));
    if let Some(theirs) = theirs {
        contest.enter(THEIRS, theirs.lookups(clients));
    }
    contest.calibrate(options.slice)?;
    for round in 0..options.rounds {
        contest.run(round)?;
    }
    let rate = |peer| {
        contest
            .ns_per_term(peer)
            .map_or("–".to_owned(), |ns| format!("{:.0}/s", 1e9 / ns))
    };
    let ratio = contest.ratio(OURS, THEIRS);
    let ratio = ratio.map_or("–".to_owned(), |ratio| {
        format!("{:.2}× (±{:.0}%)", ratio.median, ratio.spread * 100.0)
    });
    let cost = match theirs {
        Some(theirs) => format!("{:.2}×", theirs.cost(clients)? / ours.cost(clients)?),
        None => "–".to_owned(),
    };
    println!(
        "| {names} | {clients} | {} | {} | {ratio} | {cost} |",
        rate(OURS),
        rate(THEIRS)
    );
    Ok(())
}

impl Daemon {
    fn start(command: &mut Command) -> io::Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        command.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
        let child = command.stderr(Stdio::null()).spawn()?;
        let mut daemon = Self {
            child,
            port,
            nodes: Vec::new(),
        };
        let end = Instant::now() + Duration::from_secs(10);
        while ask(port, b"n").is_err() {
            if daemon.child.try_wait()?.is_some() || Instant::now() > end {
                return Err(io::Error::other("the daemon did not start"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(daemon)
    }

    /// Registers nodes until there are so many.
    fn register(&mut self, names: usize) -> io::Result<()> {
        for n in self.nodes.len()..names {
            let name = name(n);
            let mut body = b"x\x10\0M\0\0\x06\0\x05".to_vec();
            body.extend_from_slice(&(name.len() as u16).to_be_bytes());
            body.extend_from_slice(name.as_bytes());
            body.extend_from_slice(b"\0\0");
            let mut node = TcpStream::connect(("127.0.0.1", self.port))?;
            node.write_all(&packet(&body))?;
            let mut answer = [0; 6];
            node.read_exact(&mut answer)?;
            if answer[..2] != *b"v\0" {
                return Err(io::Error::other("a node was not registered"));
            }
            self.nodes.push(node);
        }
        Ok(())
    }

    /// Look-ups of all nodes in turn by so many clients.
    fn lookups(&self, clients: usize) -> Timed<'static> {
        let (port, names) = (self.port, self.nodes.len());
        Box::new(move |count| {
            let start = Instant::now();
            let client = |client: usize| {
                for n in (client..count as usize).step_by(clients) {
                    let request = [b"z", name(n % names).as_bytes()].concat();
                    if !ask(port, &request)?.starts_with(b"w\0") {
                        return Err(io::Error::other("a node was not found"));
                    }
                }
                Ok(())
            };
            thread::scope(|scope| {
                let clients: Vec<_> = (1..clients)
                    .map(|n| scope.spawn(move || client(n)))
                    .collect();
                client(0)?;
                clients
                    .into_iter()
                    .try_for_each(|client| client.join().expect("a client"))
            })?;
            Ok(start.elapsed())
        })
    }

    /// The processor time of look-ups in the daemon, in ticks.
    fn cost(&self, clients: usize) -> io::Result<f64> {
        const LOOKUPS: u32 = 10_000;
        let before = self.ticks()?;
        self.lookups(clients)(LOOKUPS)?;
        Ok((self.ticks()? - before).max(1) as f64)
    }

    /// How much time it has had, in ticks of the kernel.
    fn ticks(&self) -> io::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let times = after_name.split_whitespace().skip(11).take(2);
        Ok(times.filter_map(|time| time.parse::<u64>().ok()).sum())
    }

    /// How much of its memory is resident, in KiB.
    fn memory(&self) -> io::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        number.ok_or_else(|| io::Error::other("no VmRSS"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn name(n: usize) -> String {
    format!("a_usual_node_{n:05}")
}

fn packet(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes(), body].concat()
}

fn ask(port: u16, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(&packet(request))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Allows a descriptor for every node, here and in the daemons.
fn raise_limit() -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit is there to be read and written.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max;
        if libc::setrlimit(libc::RLIMIT_NOFILE, &limit) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    if limit.rlim_max < MANY as u64 + 100 {
        return Err(io::Error::other("too few descriptors: see `ulimit -Hn`"));
    }
    Ok(())
}
