//! Messages with an Erlang node: einode's links and nodes, beside OTP's libei, another Erlang node, bare frames and
//! another crate.

mod beam;
mod crates;
mod frames;
mod libei;
mod link;
mod node;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use einode_testkit::{Beam, Epmd};

use crate::Options;
use crate::measure::Contest;

const PEER: &str = include_str!("../../erl/message_peer.erl");

const COOKIE: &str = "benchmark";

/// How long anything may take.
const WAIT: Duration = Duration::from_secs(60);

/// Who the others are compared with.
const LIBEI: &str = "libei";

/// A piece of work, of which a peer does any number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    /// A message of so many bytes to `echo`, which sends it back before the next one leaves.
    Ping(usize),
    /// Messages to `sink` by its name, which says at last that all have come.
    ToName(usize),
    /// The same by its pid.
    ToPid(usize),
    /// Messages from `source` to a pid.
    FromPid(usize),
    /// The same to a name.
    FromName(usize),
    /// 100 bytes to `echo` and back, so many of them under way at a time.
    Callers(usize),
    /// A connection that is made and closed.
    Connect,
}

/// One that does the work.
trait Peer {
    /// Does it, and says how long that took; `None` if it cannot.
    fn work(&mut self, work: Work, count: u32) -> io::Result<Option<Duration>>;
}

const MIB: usize = 1 << 20;

const ROWS: [(&str, Work); 13] = [
    ("there and back, 100 B", Work::Ping(100)),
    ("to a name, 100 B", Work::ToName(100)),
    ("to a pid, 100 B", Work::ToPid(100)),
    ("from the node to a pid, 100 B", Work::FromPid(100)),
    ("from the node to a name, 100 B", Work::FromName(100)),
    ("to the node, 1 MiB", Work::ToPid(MIB)),
    ("from the node, 1 MiB", Work::FromPid(MIB)),
    ("to the node, 64 MiB", Work::ToPid(64 * MIB)),
    ("from the node, 64 MiB", Work::FromPid(64 * MIB)),
    ("100 callers", Work::Callers(100)),
    ("1,000 callers", Work::Callers(1000)),
    ("connect and close", Work::Connect),
    ("there and back, 64 KiB", Work::Ping(64 << 10)),
];

/// Measures, and prints a table.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let home = tempfile::tempdir()?;
    let epmd = Arc::new(Epmd::start());
    let node = || {
        let node = Beam::builder().epmd(&epmd).cookie(COOKIE).start();
        node.load(PEER);
        node
    };
    let there = node();
    there.eval("message_peer:start()");

    let peers: Vec<(&'static str, Box<dyn Peer>)> = vec![
        (LIBEI, Box::new(libei::Libei::start(&there, home.path())?)),
        ("BEAM", Box::new(beam::Erlang::new(node(), &there))),
        ("frames", Box::new(frames::Frames::connect(&there)?)),
        ("erl_dist", Box::new(crates::ErlDist::connect(&there)?)),
        ("Link", Box::new(link::OfLink::connect(&there, false)?)),
        (
            "Link::queue",
            Box::new(link::OfLink::connect(&there, true)?),
        ),
        ("Node", Box::new(node::OfNode::start(&there)?)),
    ];
    let names: Vec<_> = peers.iter().map(|(name, _)| *name).collect();
    let peers: Vec<_> = peers
        .into_iter()
        .map(|(name, peer)| (name, Rc::new(RefCell::new(peer))))
        .collect();

    let mut contests = Vec::new();
    for (name, work) in ROWS {
        if !options.names.is_empty() && !options.names.iter().any(|part| name.contains(part)) {
            continue;
        }
        let mut contest = Contest::new(name, 1);
        for (name, peer) in &peers {
            // The first time buffers grow, and it shows who takes part.
            let (peer, what) = (Rc::clone(peer), format!("{name}, {}", contest.payload));
            let mut timed = move |count| {
                let took = peer.borrow_mut().work(work, count);
                took.map_err(|error| io::Error::other(format!("{what}: {error}")))
            };
            if timed(1)?.is_none() {
                continue;
            }
            let timed = move |count| Ok(timed(count)?.unwrap_or_default());
            contest.enter(name, Box::new(timed));
        }
        let slice = options.slice * LONGER;
        contest.calibrate(slice)?;
        contest.calibrate(slice)?;
        contests.push(contest);
    }
    for round in 0..options.rounds {
        for contest in &mut contests {
            contest.run(round)?;
        }
    }
    print(there.release(), &names, &contests);
    Ok(())
}

/// How much longer a peer works in a round than elsewhere: messages take longer here.
const LONGER: u32 = 4;

fn print(release: u32, names: &[&str], contests: &[Contest<'_>]) {
    println!("OTP {release}\n\n### µs for each, fastest round\n");
    println!("| work | {} |", names.join(" | "));
    println!("| :-- |{}", " --: |".repeat(names.len()));
    for contest in contests {
        print!("| {} |", contest.payload);
        for name in names {
            match contest.ns_per_term(name) {
                Some(ns) if ns < 1e6 => print!(" {:.2} |", ns / 1e3),
                Some(ns) => print!(" {:.0} |", ns / 1e3),
                None => print!(" – |"),
            }
        }
        println!();
    }
    println!(
        "\n### How many times as fast as {LIBEI}: fastest rounds (median of in-round ratios ± half their range)\n"
    );
    println!("| work | {} |", names[1..].join(" | "));
    println!("| :-- |{}", " --: |".repeat(names.len() - 1));
    for contest in contests {
        print!("| {} |", contest.payload);
        for name in &names[1..] {
            match contest.ratio(name, LIBEI) {
                Some(ratio) => print!(" {ratio} |"),
                None => print!(" – |"),
            }
        }
        println!();
    }
}

fn require(right: bool) -> io::Result<()> {
    match right {
        true => Ok(()),
        false => Err(io::Error::other("another message than was expected")),
    }
}
