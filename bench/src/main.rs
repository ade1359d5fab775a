//! Compares the codec, the C library and the transports with their peers in one interleaved run and prints Markdown tables.
//!
//! ```text
//! einode-bench codec [--rounds N] [--quick] [PAYLOAD…]
//! einode-bench dist|libei [--rounds N] [--quick] [NAME…]
//! einode-bench transport|tls|epmd [--rounds N] [--quick]
//! ```
//!
//! It says what it measured and judges none of it: only a wrong result of a peer, or a peer that cannot be started,
//! makes it fail. The methods are described in docs/codec-benchmark.md, docs/libei-benchmark.md and
//! docs/transport-benchmark.md.

mod beam;
mod codec;
mod dist;
mod einode;
mod epmd;
mod libei;
mod libraries;
mod measure;
mod payload;
mod tls;
mod transport;

use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: einode-bench codec [--rounds N] [--quick] [PAYLOAD…]
       einode-bench dist|libei [--rounds N] [--quick] [NAME…]
       einode-bench transport|tls|epmd [--rounds N] [--quick]";

/// What is to be measured, and how long.
struct Options {
    subject: Subject,
    rounds: usize,
    /// How long a peer works in a round.
    slice: Duration,
    /// Payloads of the codec, or parts of the names of functions, that alone are to be measured; all if there are none.
    names: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Codec,
    Dist,
    Epmd,
    Libei,
    Tls,
    Transport,
}

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    keep_freed_memory();
    let done = match options.subject {
        Subject::Codec => codec::run(&options),
        Subject::Dist => dist::run(&options),
        Subject::Epmd => epmd::run(&options),
        Subject::Libei => libraries::run(&options),
        Subject::Tls => tls::run(&options),
        Subject::Transport => transport::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("einode-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let subject = match args.next()?.as_str() {
        "codec" => Subject::Codec,
        "dist" => Subject::Dist,
        "epmd" => Subject::Epmd,
        "libei" => Subject::Libei,
        "tls" => Subject::Tls,
        "transport" => Subject::Transport,
        _ => return None,
    };
    let mut options = Options {
        subject,
        rounds: 21,
        slice: Duration::from_millis(25),
        names: Vec::new(),
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--rounds" => {
                options.rounds = args.next()?.parse().ok().filter(|rounds| *rounds > 0)?
            }
            "--quick" => (options.rounds, options.slice) = (5, Duration::from_millis(5)),
            name if name.starts_with('-') => return None,
            _ if !matches!(subject, Subject::Codec | Subject::Dist | Subject::Libei) => {
                return None;
            }
            name => options.names.push(name.to_owned()),
        }
    }
    Some(options)
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
