//! OTP's port mapper daemon as a child process.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use crate::Otp;

/// An `epmd` of its own, on a port of its own, bound to the loopback address. It ends when this is
/// dropped, and also when the test's process is killed.
#[derive(Debug)]
pub struct Epmd {
    guard: Child,
    port: u16,
}

/// Runs `epmd -port $1` with the other arguments until standard input closes. Its log, which `-d -d` makes it write to
/// standard error, tells when it listens; the shell lets go of that stream, so that its end is the
/// end of the daemon.
const GUARD: &str = r#"
    epmd -port "$@" -address 127.0.0.1 -d -d 2>&1 &
    exec 1>&- 2>&-
    read -r _
    kill $!
    wait $!
"#;

/// The daemon's last line before it takes connections.
const LISTENING: &str = "entering the main select() loop";

impl Epmd {
    /// Starts the daemon of the [chosen](Otp::chosen) OTP.
    ///
    /// # Panics
    /// If it does not come to listen.
    pub fn start() -> Self {
        Self::of(&Otp::chosen())
    }

    /// Starts the daemon of the given OTP.
    ///
    /// # Panics
    /// If it does not come to listen.
    pub fn of(otp: &Otp) -> Self {
        Self::with(otp, &[])
    }

    /// Starts the daemon of the given OTP with more arguments.
    ///
    /// # Panics
    /// If it does not come to listen.
    pub fn with(otp: &Otp, arguments: &[&str]) -> Self {
        // Between the moment a free port is seen and the moment the daemon binds it, another
        // process may take it: then this daemon says so and ends, and the next port is tried.
        let mut said = String::new();
        for _ in 0..20 {
            match Self::try_start(otp, free_port(), arguments) {
                Ok(epmd) => return epmd,
                Err(log) => said = log,
            }
        }
        panic!("epmd did not start on any of 20 free ports; it said:\n{said}");
    }

    /// Starts a daemon at the port of one that has ended, in its place.
    ///
    /// # Panics
    /// If it does not come to listen.
    pub fn start_at(port: u16) -> Self {
        Self::try_start(&Otp::chosen(), port, &[]).expect("the port is free again")
    }

    /// The port it listens on, for `ERL_EPMD_PORT`.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn try_start(otp: &Otp, port: u16, arguments: &[&str]) -> Result<Self, String> {
        let mut guard = otp
            .command("sh")
            .args(["-c", GUARD, "epmd", &port.to_string()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh, to run epmd");
        let mut log = BufReader::new(guard.stdout.take().expect("the log is piped"));
        let epmd = Self { guard, port };

        let mut said = String::new();
        loop {
            let before = said.len();
            match log.read_line(&mut said) {
                Ok(0) | Err(_) => return Err(said),
                Ok(_) if said[before..].contains(LISTENING) => break,
                Ok(_) => {}
            }
        }
        // It goes on logging every request; a full pipe would stop it.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while log.read(&mut buffer).is_ok_and(|read| read > 0) {}
        });
        Ok(epmd)
    }
}

impl Drop for Epmd {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // The shell cannot outlive its closed standard input, and it waits for the daemon.
        let _ = self.guard.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on 127.0.0.1");
    listener
        .local_addr()
        .expect("the port of a bound socket")
        .port()
}
