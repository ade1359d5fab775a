//! Nodes that are started because they are not there.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a node has to call back, in OTP's erl_call.
const START_TIME: Duration = Duration::from_secs(10);

/// How to start a node.
pub(super) struct Start<'a> {
    pub(super) alive: &'a str,
    /// Whether its host has its full name.
    pub(super) long: bool,
    /// The address of its host, and ours.
    pub(super) there: IpAddr,
    pub(super) here: IpAddr,
    pub(super) script: &'a str,
    pub(super) cookie: Option<&'a str>,
    pub(super) debug: bool,
    pub(super) verbose: bool,
}

impl Start<'_> {
    /// Starts the node, which stays when we end, and waits until it calls back.
    pub(super) fn run(&self) -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let magic = process::id();
        let line = self.line(listener.local_addr()?.port(), magic);
        let mut command = if self.there == self.here {
            let mut command = Command::new("sh");
            command.arg("-c");
            command
        } else {
            let mut command = Command::new("/usr/bin/ssh");
            command.arg(self.there.to_string());
            command
        };
        command.arg(&line).stdin(Stdio::null());
        if self.verbose {
            let _ = writeln!(io::stderr(), "erl_call: {command:?}");
        }
        match self.log() {
            Some(log) => {
                let mut log = log?;
                writeln!(log, "\n\nerl_call: {command:?}")?;
                command.stdout(log.try_clone()?).stderr(log);
            }
            None => {
                command.stdout(Stdio::null()).stderr(Stdio::null());
            }
        }
        let mut child = command.spawn()?;
        let called = called(&listener, magic, &mut child);
        if called.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        called
    }

    /// The command for the shell there. It goes through a shell as in OTP's erl_call: a script may have
    /// arguments.
    fn line(&self, port: u16, magic: u32) -> String {
        let Self {
            alive,
            here,
            script,
            ..
        } = self;
        let name = if self.long { "-name" } else { "-sname" };
        let mut line = format!(
            "exec {script} -noinput {name} {alive} -s erl_reply reply {here} {port} {magic}"
        );
        if let Some(cookie) = self.cookie {
            line.push_str(" -setcookie ");
            line.push_str(cookie);
        }
        line
    }

    fn log(&self) -> Option<io::Result<std::fs::File>> {
        let home = self.debug.then(|| env::var_os("HOME")).flatten()?;
        let file = format!(".erl_start.out.{}", self.alive);
        let mut options = OpenOptions::new();
        Some(
            options
                .append(true)
                .create(true)
                .open(Path::new(&home).join(file)),
        )
    }
}

/// Waits until somebody says the magic number.
fn called(listener: &TcpListener, magic: u32, child: &mut Child) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(2);
    let until = Instant::now() + START_TIME;
    listener.set_nonblocking(true)?;
    while Instant::now() < until {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                let mut said = [0; 16];
                let length = stream.read(&mut said).unwrap_or(0);
                let said = String::from_utf8_lossy(&said[..length]);
                if said.trim_matches(|char: char| !char.is_ascii_digit()) == magic.to_string() {
                    return Ok(());
                }
            }
            Err(_) => {
                // A script may leave the node to itself.
                if let Some(status) = child.try_wait()?.filter(|status| !status.success()) {
                    return Err(io::Error::other(format!("its command ended with {status}")));
                }
                thread::sleep(PAUSE);
            }
        }
    }
    let late = "it has not called back within 10 s";
    Err(io::Error::new(io::ErrorKind::TimedOut, late))
}
