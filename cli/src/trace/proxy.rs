//! Between two nodes: the bytes pass as they come, and a copy of them is looked at.

use std::io::{self, IoSlice, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use einode::blocking::{Incoming, Registration, Socket};
use einode::dist::Side;
use einode::dist::epmd::message::NodeType;
use einode::{Address, dist};

use super::Trace;
use super::feed::{Feed, What};
use super::place::{self, Entrance, Place};
use super::viewer::Viewer;
use crate::exit::Failure;
use crate::interrupt;

/// How many bytes may wait to be looked at, of all connections together: 64 MiB. Beyond that they pass unseen,
/// for nodes never wait for who watches them.
const BACKLOG: usize = 64 * 1024 * 1024;

/// After an error of accepting, such as too many open files, the next try waits for this long.
const PAUSE: Duration = Duration::from_millis(100);

/// What the viewer gets; `None` ends it.
type Line = Sender<Option<Feed>>;

/// Proxies until ctrl-c.
pub(super) fn run(args: &Trace, listen: &Place, target: &Place) -> Result<(), Failure> {
    let interrupted = interrupt::catch()?;
    let until = Instant::now() + args.timeout;
    let entrance = listen.listen(until)?;
    let _registration = register(args, listen, &entrance, until)?;
    // Where the system has chosen the port, this is how one learns it.
    let _ = writeln!(io::stderr(), "einode: listening on {}", entrance.address());

    let (line, feeds) = mpsc::channel();
    let stop = line.clone();
    spawn("interrupt", move || {
        let _ = interrupted.recv();
        let _ = stop.send(None);
    })?;
    let waiting = Arc::new(AtomicUsize::new(0));
    let target = Target {
        place: target.clone(),
        epmd_port: args.target_epmd_port.or(args.epmd.epmd_port),
        timeout: args.timeout,
    };
    let counted = Arc::clone(&waiting);
    spawn("accept", move || {
        accept(&entrance, &target, &line, &counted)
    })?;

    let mut viewer = Viewer::new(&args.show);
    while let Ok(Some(feed)) = feeds.recv() {
        let looked_at = match &feed.what {
            What::Bytes(_, bytes) => bytes.len(),
            _ => 0,
        };
        let goes_on = viewer.take(feed)?;
        waiting.fetch_sub(looked_at, Ordering::Relaxed);
        if !goes_on {
            return Ok(());
        }
    }
    viewer.finish()
}

/// Has EPMD know the proxy by the name of a node.
fn register(
    args: &Trace,
    listen: &Place,
    entrance: &Entrance,
    until: Instant,
) -> Result<Option<Registration>, Failure> {
    let (name, host) = match (&args.register, listen) {
        (Some(name), Place::Inet(host, _)) => (name.as_str(), host.as_str()),
        (Some(name), Place::Node(node)) => (name.as_str(), node.host()),
        (None, Place::Node(node)) => (node.alive(), node.host()),
        (Some(_), Place::Unix(_)) => {
            let wrong =
                "EPMD knows ports: --register does not go together with a Unix domain socket";
            return Err(Failure::Usage(wrong.into()));
        }
        (None, _) => return Ok(None),
    };
    // EPMD registers those of its own machine.
    let host = if host == "0.0.0.0" || host == "::" {
        "localhost"
    } else {
        host
    };
    let Address::Inet(address) = entrance.address() else {
        return Ok(None);
    };
    let registration =
        dist::epmd::message::Registration::new(name, address.port(), NodeType::NORMAL);
    let epmd = place::epmd(host, args.epmd.epmd_port);
    Ok(Some(epmd.register(registration, until)?))
}

/// Where connections lead.
struct Target {
    place: Place,
    epmd_port: Option<u16>,
    timeout: Duration,
}

fn accept(entrance: &Entrance, target: &Target, line: &Line, waiting: &Arc<AtomicUsize>) {
    let target = &target;
    for id in 1.. {
        let (socket, address) = loop {
            match entrance.accept() {
                Ok(accepted) => break accepted,
                Err(_) => thread::sleep(PAUSE),
            }
        };
        let tap = |from| Tap {
            connection: id,
            from,
            line: line.clone(),
            waiting: Arc::clone(waiting),
            unseen: 0,
        };
        let taps = (tap(Side::Initiator), tap(Side::Acceptor));
        let (place, epmd_port, timeout) = (target.place.clone(), target.epmd_port, target.timeout);
        let line = line.clone();
        // If there is no thread, the caller is turned away: its socket is dropped.
        let _ = spawn("connection", move || {
            let tell = |what| drop(line.send(Some(Feed::now(id, what))));
            tell(What::Opened {
                from: address.to_string(),
                to: place.to_string(),
                certain: true,
            });
            match place.connect(epmd_port, Instant::now() + timeout) {
                Ok(other) => carry(Arc::from(socket), other, taps),
                Err(error) => tell(What::Failed(error.to_string())),
            }
            tell(What::Closed);
        });
    }
}

/// Carries bytes in both directions until both have ended.
fn carry(here: Arc<dyn Socket>, there: Arc<dyn Socket>, (mut to, mut from): (Tap, Tap)) {
    let back = (Arc::clone(&there), Arc::clone(&here));
    let returning = thread::Builder::new()
        .name("connection".into())
        .spawn(move || from.copy(&*back.0, &*back.1));
    match returning {
        Ok(returning) => {
            to.copy(&*here, &*there);
            let _ = returning.join();
        }
        // Without a thread for the way back, there is no connection.
        Err(_) => here.close(),
    }
}

/// Looks at the bytes of one direction as they pass.
struct Tap {
    connection: u64,
    from: Side,
    line: Line,
    waiting: Arc<AtomicUsize>,
    /// Bytes that have passed unseen since the last that were seen.
    unseen: u64,
}

impl Tap {
    /// Carries bytes to the end, and passes the end on. What fails in one direction ends both.
    fn copy(&mut self, from: &dyn Socket, to: &dyn Socket) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = match from.read(&mut buffer, None) {
                Ok(0) => {
                    let _ = to.shutdown(None);
                    break;
                }
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => {
                    to.close();
                    break;
                }
            };
            let bytes = &buffer[..read];
            self.see(bytes);
            if write_all(to, bytes).is_err() {
                from.close();
                break;
            }
        }
        self.tell_unseen();
        self.tell(What::Ended(self.from));
    }

    fn see(&mut self, bytes: &[u8]) {
        if self.waiting.load(Ordering::Relaxed) > BACKLOG {
            self.unseen += bytes.len() as u64;
            return;
        }
        self.tell_unseen();
        self.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        self.tell(What::Bytes(self.from, bytes.to_vec()));
    }

    fn tell_unseen(&mut self) {
        let unseen = std::mem::take(&mut self.unseen);
        if unseen > 0 {
            self.tell(What::Lost(self.from, unseen));
        }
    }

    fn tell(&self, what: What) {
        // Nobody looks any more when the program ends.
        let _ = self.line.send(Some(Feed::now(self.connection, what)));
    }
}

fn write_all(to: &dyn Socket, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(&[IoSlice::new(bytes)], None) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let spawned = thread::Builder::new().name(name.into()).spawn(work);
    spawned
        .map(drop)
        .map_err(|error| Failure::Io(format!("no thread: {error}")))
}
