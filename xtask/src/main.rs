//! The chores of the workspace: `cargo xtask COMMAND`.

mod bench;
mod demo;
mod install;
mod libei;
mod process;
mod standalone;
mod test;
mod transcript;
mod vectors;

use std::process::ExitCode;

/// What a command came to: nothing more to say, or the exit code and the reason.
type Outcome = Result<(), Failure>;

/// Why a command ended early.
struct Failure {
    code: u8,
    reason: String,
}

impl Failure {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            code: 1,
            reason: reason.into(),
        }
    }
}

struct Command {
    name: &'static str,
    arguments: &'static str,
    purpose: &'static str,
    run: fn(&[String]) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "demo",
        arguments: "",
        purpose: "show what a Rust node and a real Erlang node do for each other, in some seconds",
        run: demo::run,
    },
    Command {
        name: "test",
        arguments: "[--otp 27,29] [--otp-dir DIR]",
        purpose: "install what the tests need, then format, lint, document and test everything;\n\
                  with --otp, real-node tests against these releases too, which are in\n\
                  DIR/RELEASE (by default target/otp) or else are put there by debootstrap",
        run: test::run,
    },
    Command {
        name: "vectors",
        arguments: "[--otp-dir DIR]...",
        purpose: "write etf/tests/vectors/otpRELEASE.txt by the OTP on PATH and that in each DIR",
        run: vectors::run,
    },
    Command {
        name: "transcript",
        arguments: "",
        purpose: "run the sessions in README.md with real nodes, and write there what has changed; that they are\n\
                  true is one of the tests",
        run: transcript::run,
    },
    Command {
        name: "libei",
        arguments: "[--prefix DIR]",
        purpose: "build the C library and put it, its headers and its pkg-config file into DIR (by\n\
                  default target/libei)",
        run: libei::run,
    },
    Command {
        name: "static",
        arguments: "",
        purpose: "build the program as one file without shared libraries, target/static/einode, with links\n\
                  to it by the names of OTP's epmd and erl_call",
        run: standalone::run,
    },
    Command {
        name: "bench",
        arguments: "codec|dist|epmd|libei|tls|transport [--rounds N] [--quick] [NAME]...",
        purpose: "time the codec beside libei, the BEAM, eetf and erltf, links and nodes beside libei, the\n\
                  BEAM and erl_dist, the C library, TLS or the port mapper daemon beside those of OTP, or\n\
                  transports beside bare sockets, and print tables; fails only if a result is wrong",
        run: bench::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = arguments.split_first().and_then(|(name, rest)| {
        Some((COMMANDS.iter().find(|command| command.name == name)?, rest))
    });
    let Some((command, rest)) = command else {
        eprintln!("usage: cargo xtask COMMAND\n");
        for Command {
            name,
            arguments,
            purpose,
            ..
        } in COMMANDS
        {
            eprintln!(
                "  {name} {arguments}\n      {}",
                purpose.replace('\n', "\n      ")
            );
        }
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, reason }) => {
            eprintln!("cargo xtask {}: {reason}", command.name);
            ExitCode::from(code)
        }
    }
}
