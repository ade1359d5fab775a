//! Nodes that are reached through the standard input and output of a command.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use einode::blocking::{Incoming, Socket, Transport, UnixSocket};
use einode::dist::handshake::Session;
use einode::{Address, Carrier, NodeName, Side};

/// How long a command may go on after the end of its input.
const LAST: Duration = Duration::from_secs(1);

/// Runs commands. Addresses are what a shell makes commands of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Via;

impl Transport for Via {
    type Socket = ViaSocket;
    type Incoming = Nothing;

    fn connect(
        &self,
        address: &Address,
        _: Option<&NodeName>,
        _: Instant,
    ) -> io::Result<ViaSocket> {
        match address {
            Address::Other(command) => ViaSocket::run(command),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn listen(&self, _: &Address) -> io::Result<Nothing> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A command that runs. It ends with this at the latest.
#[derive(Debug)]
pub(crate) struct ViaSocket {
    child: Mutex<Child>,
    // Sockets, because pipes know no deadlines. Two, so that each has an end of its own.
    input: UnixSocket,
    output: UnixSocket,
    /// There is a node behind it.
    connected: bool,
}

impl ViaSocket {
    fn run(command: &str) -> io::Result<Self> {
        let (input, child_input) = UnixStream::pair()?;
        let (output, child_output) = UnixStream::pair()?;
        let (input, output) = (input.try_into()?, output.try_into()?);
        // The shell gives its place to the command, as with ssh's ProxyCommand: so it is the command that
        // we wait for. Our copies of its ends are closed with the temporary that holds them.
        let child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(OwnedFd::from(child_input))
            .stdout(OwnedFd::from(child_output))
            .spawn()?;
        Ok(Self {
            child: Mutex::new(child),
            input,
            output,
            connected: false,
        })
    }

    /// Tells a command that has failed from a peer that has closed: it may have said why by that.
    fn failure(&self) -> Option<io::Error> {
        if self.connected {
            return None;
        }
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let status = ended(&mut child, LAST).ok().flatten()?;
        let failed = !status.success();
        failed.then(|| io::Error::other(format!("the command ended with {status}")))
    }
}

impl Socket for ViaSocket {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        match self.output.read(buffer, until)? {
            0 => self.failure().map_or(Ok(0), Err),
            read => Ok(read),
        }
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        match self.input.write(slices, until) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(self.failure().unwrap_or(error))
            }
            written => written,
        }
    }

    fn shutdown(&self, until: Option<Instant>) -> io::Result<()> {
        self.input.shutdown(until)
    }

    fn close(&self) {
        self.input.close();
        self.output.close();
    }
}

impl Carrier for ViaSocket {
    fn handshake_complete(&mut self, _: Side, _: &Session) -> io::Result<()> {
        self.connected = true;
        Ok(())
    }
}

impl Drop for ViaSocket {
    /// The command sees the end of its input, and has time to end by itself.
    fn drop(&mut self) {
        self.close();
        let child = self.child.get_mut();
        let child = child.unwrap_or_else(PoisonError::into_inner);
        if !matches!(ended(child, LAST), Ok(Some(_))) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits for the end of a process, but not for longer than this.
fn ended(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    const LONGEST: Duration = Duration::from_millis(50);
    let end = Instant::now() + time;
    let mut pause = Duration::from_millis(1);
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= end {
            return Ok(status);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST);
    }
}

/// Nobody comes in through a command.
#[derive(Debug)]
pub(crate) enum Nothing {}

impl Incoming for Nothing {
    type Socket = ViaSocket;

    fn accept(&self) -> io::Result<(ViaSocket, Address)> {
        match *self {}
    }

    fn address(&self) -> Address {
        match *self {}
    }

    fn close(&self) {
        match *self {}
    }
}
