//! What the traits cost: the same bytes over a bare `TcpStream`, over a `TcpSocket` through the trait `Socket`, over
//! one in a box, as `Any` makes them, and with deadlines.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use ::einode::blocking::{Socket, TcpSocket};

use crate::Options;
use crate::measure::{Contest, Timed};

/// How many bytes are written or read at once at most.
const BUFFER: usize = 64 * 1024;

/// How many bytes the system may keep at each end. Left to itself it finds another size for each connection, and that
/// is what would be compared.
const SYSTEM_BUFFER: libc::c_int = 200 * 1024;

/// How far away deadlines are: those of a link are as far as its tick.
const DEADLINE: Duration = Duration::from_secs(15);

const SIZES: [(&str, usize); 3] = [("64 B", 64), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)];

const BARE: &str = "TcpStream";
const SOCKET: &str = "Socket";
const ANY: &str = "Any";
const DEADLINES: &str = "Socket with deadlines";

/// Measures, and prints a table.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let mut contests = Vec::new();
    for way in [Way::Alternating, Way::ThereAndBack, Way::There] {
        for (_, size) in SIZES {
            let mut contest = Contest::new(way.name(), 1);
            contest.enter(BARE, timed(|stream| stream, way, size)?);
            contest.enter(
                SOCKET,
                timed(|stream| Through(socket(stream), None), way, size)?,
            );
            contest.enter(
                ANY,
                timed(|stream| Through(boxed(stream), None), way, size)?,
            );
            let through = |stream| Through(socket(stream), Some(DEADLINE));
            contest.enter(DEADLINES, timed(through, way, size)?);
            contest.calibrate(options.slice)?;
            contests.push(contest);
        }
    }
    for round in 0..options.rounds {
        for contest in &mut contests {
            contest.run(round)?;
        }
    }
    print(&contests);
    Ok(())
}

/// How bytes go.
#[derive(Clone, Copy)]
enum Way {
    /// There and back, and both ends are served by one thread: nobody waits for the scheduler.
    Alternating,
    /// There and back, between two threads.
    ThereAndBack,
    /// There only, between two threads; at last a byte comes back that says that all have come.
    There,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Alternating => "there and back, one thread",
            Self::ThereAndBack => "there and back, two threads",
            Self::There => "one way, two threads",
        }
    }
}

/// Bytes in both directions.
trait Wire: Send + 'static {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    fn read_exact(&mut self, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read(buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => buffer = &mut buffer[read..],
            }
        }
        Ok(())
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.write(bytes)?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

/// Without deadlines, as the shortest program would have it.
impl Wire for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }
}

/// The trait, with a new deadline for each operation as a link has it, or with none.
struct Through<S>(S, Option<Duration>);

impl<S> Through<S> {
    fn until(&self) -> Option<Instant> {
        self.1.map(|time| Instant::now() + time)
    }
}

impl<S: Socket + 'static> Wire for Through<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let until = self.until();
        self.0.read(buffer, until)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let until = self.until();
        self.0.write(&[IoSlice::new(bytes)], until)
    }
}

fn socket(stream: TcpStream) -> TcpSocket {
    stream.try_into().expect("options of a connected socket")
}

fn boxed(stream: TcpStream) -> Box<dyn Socket> {
    Box::new(socket(stream))
}

/// The two ends of a connection.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let ours = TcpStream::connect(listener.local_addr()?)?;
    let (theirs, _) = listener.accept()?;
    for stream in [&ours, &theirs] {
        stream.set_nodelay(true)?;
        for option in [libc::SO_SNDBUF, libc::SO_RCVBUF] {
            let bytes = SYSTEM_BUFFER;
            let (level, size) = (libc::SOL_SOCKET, size_of_val(&bytes) as libc::socklen_t);
            let value = (&raw const bytes).cast();
            // SAFETY: reads one int, which is there.
            if unsafe { libc::setsockopt(stream.as_raw_fd(), level, option, value, size) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok((ours, theirs))
}

/// Passes messages of one size over a new connection.
fn timed<W: Wire>(
    wire: impl Fn(TcpStream) -> W,
    way: Way,
    size: usize,
) -> io::Result<Timed<'static>> {
    let (ours, theirs) = pair()?;
    let (mut ours, mut theirs) = (wire(ours), wire(theirs));
    let message: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
    let mut buffer = vec![0; size];
    let mut back = vec![0; size];
    if let Way::Alternating = way {
        return Ok(Box::new(move |count| {
            let start = Instant::now();
            for _ in 0..count {
                pass(&mut ours, &mut theirs, &message, &mut buffer)?;
                pass(&mut theirs, &mut ours, &buffer, &mut back)?;
            }
            same(&back, &message)?;
            Ok(start.elapsed())
        }));
    }
    // The thread ends with the connection.
    thread::Builder::new().spawn(move || serve(theirs, way, size))?;
    Ok(Box::new(move |count| {
        let start = Instant::now();
        ours.write_all(&count.to_be_bytes())?;
        for _ in 0..count {
            ours.write_all(&message)?;
            if let Way::ThereAndBack = way {
                ours.read_exact(&mut back)?;
            }
        }
        match way {
            Way::There => ours.read_exact(&mut [0])?,
            _ => same(&back, &message)?,
        }
        Ok(start.elapsed())
    }))
}

/// Writes and reads in turns, so that what is under way always fits.
fn pass(
    from: &mut impl Wire,
    to: &mut impl Wire,
    message: &[u8],
    into: &mut [u8],
) -> io::Result<()> {
    for (part, into) in message.chunks(BUFFER).zip(into.chunks_mut(BUFFER)) {
        from.write_all(part)?;
        to.read_exact(into)?;
    }
    Ok(())
}

fn same(back: &[u8], message: &[u8]) -> io::Result<()> {
    match back == message {
        true => Ok(()),
        false => Err(io::Error::other("other bytes came back")),
    }
}

/// The other end: as many messages as are announced, again and again.
fn serve(mut wire: impl Wire, way: Way, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size.max(BUFFER)];
    loop {
        let mut count = [0; 4];
        wire.read_exact(&mut count)?;
        let count = u32::from_be_bytes(count);
        if let Way::ThereAndBack = way {
            let message = &mut buffer[..size];
            for _ in 0..count {
                wire.read_exact(message)?;
                wire.write_all(message)?;
            }
            continue;
        }
        let mut left = u64::from(count) * size as u64;
        while left > 0 {
            let most = BUFFER.min(usize::try_from(left).unwrap_or(BUFFER));
            match wire.read(&mut buffer[..most])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => left -= read as u64,
            }
        }
        wire.write_all(&[1])?;
    }
}

fn print(contests: &[Contest<'_>]) {
    println!(
        "| messages | {BARE}, µs each | {SOCKET} | {ANY} | {DEADLINES} |\n| :-- | --: | --: | --: | --: |"
    );
    for (contest, (size, _)) in contests.iter().zip(SIZES.iter().cycle()) {
        let micros = contest.ns_per_term(BARE).unwrap_or_default() / 1e3;
        print!("| {}: {size} | {micros:.2} |", contest.payload);
        for peer in [SOCKET, ANY, DEADLINES] {
            // How many times as fast bare sockets are is how many times as long the other takes.
            if let Some(ratio) = contest.ratio(BARE, peer) {
                let percent = |times: f64| (times - 1.0) * 100.0;
                let (fastest, median) = (percent(ratio.fastest), percent(ratio.median));
                print!(" {fastest:+.1} % ({median:+.1} %) |");
            }
        }
        println!();
    }
}
