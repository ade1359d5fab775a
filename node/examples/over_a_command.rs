//! A transport of one's own: whatever a command makes of its standard input and output. So a node is
//! reached that no port leads to:
//!
//! ```text
//! cargo run -p einode --example over_a_command -- 'ssh db.example einode relay shop' shop@db secret
//! ```

use std::error::Error;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use einode::blocking::{Endpoint, Socket, UnixSocket};
use einode::dist::HostName;
use einode::{Carrier, Config, Cookie, NodeName, Term};

/// A running command.
#[derive(Debug)]
pub(crate) struct CommandSocket {
    child: Child,
    // Pipes know no deadlines, sockets do.
    input: UnixSocket,
    output: UnixSocket,
}

impl CommandSocket {
    /// Has the shell give its place to a command.
    pub(crate) fn run(command: &str) -> io::Result<Self> {
        let (input, child_input) = UnixStream::pair()?;
        let (output, child_output) = UnixStream::pair()?;
        let child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(OwnedFd::from(child_input))
            .stdout(OwnedFd::from(child_output))
            .spawn()?;
        Ok(Self {
            child,
            input: input.try_into()?,
            output: output.try_into()?,
        })
    }
}

impl Socket for CommandSocket {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        self.output.read(buffer, until)
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        self.input.write(slices, until)
    }

    fn shutdown(&self, until: Option<Instant>) -> io::Result<()> {
        self.input.shutdown(until)
    }

    fn close(&self) {
        self.input.close();
        self.output.close();
    }
}

impl Carrier for CommandSocket {}

impl Drop for CommandSocket {
    fn drop(&mut self) {
        // Those that the command has started see the end of its input.
        self.input.close();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks the node at the other end of a command for its name.
pub(crate) fn ask(command: &str, node: &NodeName, cookie: &str) -> Result<Term, Box<dyn Error>> {
    const WAIT: Duration = Duration::from_secs(5);
    let config = Config::new(HostName::new("localhost")?, Cookie::new(cookie)?);
    let socket = CommandSocket::run(command)?;
    let mut link = Endpoint::new(config).connect_over(socket, Some(node))?;
    let name = link.erpc("erlang", "node", &[], WAIT)?;
    link.close(WAIT)?;
    Ok(name)
}

/// Takes the command, the node and its cookie.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, node, cookie] = arguments.as_slice() else {
        return Err("usage: over_a_command COMMAND NODE COOKIE".into());
    };
    println!("{}", ask(command, &node.parse()?, cookie)?);
    Ok(())
}
