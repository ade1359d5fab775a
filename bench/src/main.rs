//! Compares the codec with its peers in one interleaved run and prints Markdown tables.
//!
//! ```text
//! einode-bench codec [--rounds N] [--quick] [PAYLOAD…]
//! ```
//!
//! It says what it measured and judges none of it: only a wrong result of a peer, or a peer that cannot be started,
//! makes it fail. The method is described in docs/codec-benchmark.md.

mod beam;
mod codec;
mod einode;
mod libei;
mod measure;
mod payload;

use std::cell::RefCell;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use beam::Beam;
use codec::Operation;
use measure::Contest;
use payload::Payload;

const USAGE: &str = "usage: einode-bench codec [--rounds N] [--quick] [PAYLOAD…]";

struct Options {
    rounds: usize,
    slice: Duration,
    payloads: Vec<String>,
}

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    keep_freed_memory();
    libei::init();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("einode-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Option<Options> {
    if args.next()? != "codec" {
        return None;
    }
    let mut options = Options {
        rounds: 21,
        slice: Duration::from_millis(25),
        payloads: Vec::new(),
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--rounds" => {
                options.rounds = args.next()?.parse().ok().filter(|rounds| *rounds > 0)?
            }
            "--quick" => (options.rounds, options.slice) = (5, Duration::from_millis(5)),
            name if name.starts_with('-') => return None,
            name => options.payloads.push(name.to_owned()),
        }
    }
    Some(options)
}

fn run(options: &Options) -> io::Result<()> {
    let mut payloads = Payload::all();
    payloads.retain(|payload| {
        options.payloads.is_empty() || options.payloads.iter().any(|name| name == payload.name)
    });
    let beam = Rc::new(RefCell::new(Beam::start()?));
    println!("| payload | bytes | terms |\n| :-- | --: | --: |");
    for payload in &payloads {
        let (terms, len) = beam.borrow_mut().load(&payload.bytes)?;
        if (terms, len) != (payload.terms, payload.bytes.len() as u64) {
            let name = payload.name;
            return Err(io::Error::other(format!(
                "the BEAM sees {terms} terms, {len} bytes in {name}"
            )));
        }
        println!("| {} | {len} | {terms} |", payload.name);
    }

    let mut tables = Vec::new();
    for operation in Operation::ALL {
        let mut contests = Vec::new();
        for (payload, index) in payloads.iter().zip(0..) {
            let mut contest = operation.contest(payload, index, &beam)?;
            contest.calibrate(options.slice)?;
            contests.push(contest);
        }
        tables.push((operation, contests));
    }
    for round in 0..options.rounds {
        for contest in tables.iter_mut().flat_map(|(_, contests)| contests) {
            contest.run(round)?;
        }
    }
    for (operation, contests) in &tables {
        print_table(*operation, contests);
    }
    Ok(())
}

fn print_table(operation: Operation, contests: &[Contest<'_>]) {
    measure::print(operation.title(), contests, "einode", operation.peers());
}

/// Tells glibc not to return freed memory to the system, for all native peers alike: otherwise a large result is
/// faulted in anew by every repetition, and that is what would be measured.
fn keep_freed_memory() {
    // SAFETY: sets parameters of malloc, before there is a second thread.
    unsafe {
        assert_eq!(
            libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20),
            1,
            "mallopt"
        );
        assert_eq!(libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30), 1, "mallopt");
    }
}
