//! Standard input and output as the two directions of a connection.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use einode::blocking::{Epmd, Resolver, Socket, Tcp, Transport, Unix};
use einode::{Address, ConnectError, FixedPort, NodeName};

use crate::args::{self, Place};
use crate::exit::{self, Failure};

const NOTE: &str = "\
The bytes pass as they are, also those of TLS. The end of the input is passed on, and the relay ends when the
node closes the connection. No cookie is needed here.

Examples:
  einode call --via 'ssh db.example einode relay shop' shop@db.example 'erlang:node()'
  einode call --via 'ssh db.example einode relay --unix /run/shop/node' shop@db.example 'erlang:node()'";

#[derive(Debug, Args)]
#[command(after_help = [NOTE, exit::CODES].join("\n\n"))]
pub(crate) struct Relay {
    /// The node: name@host, or name for one on this host; EPMD says where it listens
    #[arg(value_name = "NODE", value_parser = args::node,
          conflicts_with_all = ["address", "unix"], required_unless_present_any = ["address", "unix"])]
    node: Option<NodeName>,
    #[command(flatten)]
    place: Place,
    /// Give up after this time, on connecting and on a node that does not close after the end of the input
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = args::seconds)]
    timeout: Duration,
}

/// The socket to the node, which two threads share: one reads, and one writes.
#[derive(Clone)]
struct Handle(Arc<dyn Socket>);

impl Read for Handle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer, None)
    }
}

impl Write for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&[IoSlice::new(bytes)], None)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush(None)
    }
}

/// What is over.
enum Over {
    Input(Result<(), Failure>),
    Output(Result<(), Failure>),
}

/// Copies in both directions until the node closes.
pub(crate) fn run(args: &Relay) -> Result<(), Failure> {
    let mut to_node = connect(args)?;
    let mut from_node = to_node.clone();
    let mut input = unbuffered(io::stdin().as_fd(), "standard input")?;
    let mut output = unbuffered(io::stdout().as_fd(), "standard output")?;
    let passed = Arc::new(AtomicU64::new(0));
    let (sender, over) = mpsc::channel();

    let (count, done) = (Arc::clone(&passed), sender.clone());
    spawn("input", move || {
        let copied = copy(&mut input, &mut to_node, &count);
        // If this fails, the node is gone, and that is seen where it is read from.
        let _ = to_node.0.shutdown(None);
        let _ = done.send(Over::Input(match copied {
            Err(Broken::From(error)) => Err(Failure::Io(format!("standard input: {error}"))),
            Ok(()) | Err(Broken::To(_)) => Ok(()),
        }));
    })?;
    let count = Arc::clone(&passed);
    spawn("output", move || {
        let copied = copy(&mut from_node, &mut output, &count);
        let _ = sender.send(Over::Output(match copied {
            Err(Broken::From(error)) => Err(Failure::Connection(format!(
                "the connection broke: {error}"
            ))),
            // Whoever closed the pipe has read enough.
            Err(Broken::To(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(Broken::To(error)) => Err(Failure::Io(format!("standard output: {error}"))),
            Ok(()) => Ok(()),
        }));
    })?;

    if let Ok(Over::Output(result) | Over::Input(result @ Err(_))) = over.recv() {
        return result;
    }
    // The input has ended. The node may have much to say still, but not nothing for long.
    loop {
        let before = passed.load(Ordering::Relaxed);
        match over.recv_timeout(args.timeout) {
            Ok(Over::Output(result) | Over::Input(result)) => return result,
            Err(RecvTimeoutError::Timeout) if passed.load(Ordering::Relaxed) > before => {}
            Err(_) => return Err(Failure::Connection("the node does not close".into())),
        }
    }
}

fn connect(args: &Relay) -> Result<Handle, Failure> {
    let until = Instant::now() + args.timeout;
    let place = &args.place;
    let addresses = if let Some(path) = &place.unix {
        vec![Address::Unix(path.clone())]
    } else if let Some((host, port)) = &place.address {
        let somebody = NodeName::new(&format!("somebody@{host}"));
        let somebody = somebody.map_err(|error| Failure::Usage(error.to_string()))?;
        FixedPort(*port).resolve(&somebody, until)?
    } else if let Some(node) = &args.node {
        let epmd = match place.epmd.epmd_port {
            Some(port) => Epmd::at(node.host(), port),
            None => Epmd::on(node.host()),
        };
        epmd.resolve(node, until)?
    } else {
        Vec::new()
    };
    let mut failure = Failure::Connection("there is no address to connect to".into());
    for (tried, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let left = (addresses.len() - tried).try_into().unwrap_or(u32::MAX);
        let until = now + until.saturating_duration_since(now) / left;
        let connected: io::Result<Arc<dyn Socket>> = match address {
            Address::Unix(_) => {
                let connected = Unix::default().connect(address, None, until);
                connected.map(|socket| Arc::new(socket) as _)
            }
            _ => {
                let connected = Tcp.connect(address, None, until);
                connected.map(|socket| Arc::new(socket) as _)
            }
        };
        match connected {
            Ok(socket) => return Ok(Handle(socket)),
            Err(error) => {
                let at = address.to_string();
                failure = ConnectError::Connect { at, error }.into();
            }
        }
    }
    Err(failure)
}

/// A standard stream without the buffer that std puts before it.
fn unbuffered(stream: BorrowedFd<'_>, name: &str) -> Result<File, Failure> {
    match stream.try_clone_to_owned() {
        Ok(stream) => Ok(stream.into()),
        Err(error) => Err(Failure::Io(format!("{name}: {error}"))),
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let spawned = thread::Builder::new().name(name.into()).spawn(work);
    spawned
        .map(drop)
        .map_err(|error| Failure::Io(format!("no thread: {error}")))
}

/// Where copying failed.
enum Broken {
    From(io::Error),
    To(io::Error),
}

/// Copies to the end. What is read is written at once.
fn copy(from: &mut impl Read, to: &mut impl Write, passed: &AtomicU64) -> Result<(), Broken> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::From(error)),
        };
        to.write_all(&buffer[..read]).map_err(Broken::To)?;
        passed.fetch_add(read as u64, Ordering::Relaxed);
    }
}
