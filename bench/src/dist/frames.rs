//! Bare frames: after the handshake the bytes of messages that were encoded before, in writes of 64 KiB; what comes is
//! counted and not looked at. While many small messages come, it waits for 32 KiB or 2 ms, which lets the Erlang node
//! gather. This is no library, but what one could reach.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use einode::dist::handshake::{Initiator, Local, Session};
use einode::dist::{
    Connection, Control, Destination, Event, Exchange, Flags, Payload, Prefix, Settings,
};
use einode::{Atom, Cookie, NodeName, Pid, Term, term};
use einode_testkit::Beam;

use super::{Peer, Work, require};

/// How much is written, and read, at once.
const BATCH: usize = 64 << 10;

/// What libei says that it handles: neither headers nor fragments.
const FLAGS: Flags = Flags::from_bits(0x4_0707_4f9c);

pub(super) struct Frames {
    socket: TcpStream,
    session: Session,
    me: Pid,
    buffer: Vec<u8>,
    /// What of the buffer was read and belongs to no message yet.
    ahead: std::ops::Range<usize>,
}

impl Frames {
    pub(super) fn connect(there: &Beam) -> io::Result<Self> {
        let name = NodeName::new("frames@127.0.0.1").map_err(io::Error::other)?;
        let cookie = Cookie::new(there.cookie()).map_err(io::Error::other)?;
        let mut local = Local::new(name.clone(), 4711, cookie);
        local.flags = FLAGS;
        let mut socket = TcpStream::connect(("127.0.0.1", there.port()))?;
        socket.set_nodelay(true)?;
        let session = handshake(Initiator::new(&local, None, Prefix::Two, 1), &mut socket)?;
        Ok(Self {
            socket,
            session,
            me: Pid::new(name.as_atom().clone(), 1, 0, 4711),
            buffer: vec![0; 4 * BATCH],
            ahead: 0..0,
        })
    }

    fn connection(&self) -> Connection {
        Connection::new(self.session.flags, &Settings::default())
    }

    /// The bytes of a message.
    fn frame(&self, to: impl Into<Destination>, message: &Term) -> io::Result<Vec<u8>> {
        let mut connection = self.connection();
        let control = Control::Send {
            from: Some(self.me.clone()),
            to: to.into(),
            token: None,
            priority: false,
        };
        let payload = Payload::encode(message).map_err(io::Error::other)?;
        let outbound = &mut connection.outbound;
        outbound
            .send(&control, Some(payload))
            .map_err(io::Error::other)?;
        let mut slices = [IoSlice::new(&[]); 16];
        let filled = outbound.outgoing(&mut slices);
        Ok(slices[..filled]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect())
    }

    fn write(&mut self, frame: &[u8], count: usize) -> io::Result<()> {
        let together = (BATCH / frame.len()).clamp(1, count.max(1));
        let batch = frame.repeat(together);
        for _ in 0..count / together {
            self.socket.write_all(&batch)?;
        }
        self.socket.write_all(&frame.repeat(count % together))
    }

    /// Reads what there is.
    fn fill(&mut self, gather: bool) -> io::Result<()> {
        self.buffer.copy_within(self.ahead.clone(), 0);
        self.ahead = 0..self.ahead.len();
        let room = &mut self.buffer[self.ahead.end..];
        let read = if gather {
            let mut asked = libc::pollfd {
                fd: self.socket.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            // SAFETY: one descriptor is asked about. What it says does not matter: then is when to read.
            unsafe { libc::poll(&mut asked, 1, 2) };
            // A read would wait for the threshold.
            self.socket.set_nonblocking(true)?;
            let read = self.socket.read(room);
            self.socket.set_nonblocking(false)?;
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                read => read?,
            }
        } else {
            self.socket.read(room)?
        };
        require(read > 0)?;
        self.ahead.end += read;
        Ok(())
    }

    /// Gathering is a threshold of the socket, which `poll` heeds.
    fn gather(&self, bytes: libc::c_int) -> io::Result<()> {
        let length = size_of_val(&bytes) as libc::socklen_t;
        let (fd, level, name) = (self.socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVLOWAT);
        // SAFETY: the option is a number.
        match unsafe { libc::setsockopt(fd, level, name, (&raw const bytes).cast(), length) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Passes over the next message; its length.
    fn skip(&mut self, gather: bool) -> io::Result<usize> {
        loop {
            if let Some(prefix) = self.buffer[self.ahead.clone()].first_chunk() {
                let length = u32::from_be_bytes(*prefix) as usize;
                let mut left = 4 + length;
                while left > self.ahead.len() {
                    left -= self.ahead.len();
                    self.ahead = 0..0;
                    self.fill(gather)?;
                }
                self.ahead.start += left;
                if length > 0 {
                    return Ok(length);
                }
            } else {
                self.fill(gather)?;
            }
        }
    }

    /// Waits for `{Sink, done}`.
    fn done(&mut self) -> io::Result<Pid> {
        let mut connection = self.connection();
        loop {
            connection
                .inbound
                .inbox()
                .extend_from_slice(&self.buffer[self.ahead.clone()]);
            self.ahead = 0..0;
            match connection.inbound.poll().map_err(io::Error::other)? {
                Some(Event::Signal(_, Some(payload))) => {
                    let (sink, _): (Pid, Atom) = payload.decode().map_err(io::Error::other)?;
                    return Ok(sink);
                }
                Some(_) => {}
                None => self.fill(false)?,
            }
        }
    }

    fn settle(&mut self) -> io::Result<Pid> {
        let wish = self.frame(Atom::from_static("sink"), &term!({(self.me.clone()), done}))?;
        self.write(&wish, 1)?;
        self.done()
    }

    fn take(&mut self, size: usize, wish: &'static str, count: u32) -> io::Result<()> {
        let wish = term!({(self.me.clone()), (Atom::from_static(wish)), (count), (size as u64)});
        let wish = self.frame(Atom::from_static("source"), &wish)?;
        self.write(&wish, 1)?;
        let gather = size <= 100;
        if gather {
            self.gather(BATCH as libc::c_int / 2)?;
        }
        for _ in 0..count {
            require(self.skip(gather)? > size)?;
        }
        self.gather(1)?;
        self.done().map(drop)
    }

    fn echoes(&mut self, size: usize, under_way: usize, count: usize) -> io::Result<()> {
        let message = term!({(self.me.clone()), (Term::binary(&vec![7; size]))});
        let frame = self.frame(Atom::from_static("echo"), &message)?;
        let (mut left, mut sent) = (count.max(under_way), under_way);
        self.write(&frame, under_way)?;
        while left > 0 {
            require(self.skip(false)? > size)?;
            left -= 1;
            let mut received = 1;
            // What else is there is answered together.
            while self.ahead.len() > 4 + size && left > 0 {
                self.skip(false)?;
                left -= 1;
                received += 1;
            }
            let more = received.min(count.saturating_sub(sent));
            sent += more;
            self.write(&frame, more)?;
        }
        Ok(())
    }
}

impl Peer for Frames {
    fn work(&mut self, work: Work, count: u32) -> io::Result<Option<Duration>> {
        let data = |size| term!({data, (Term::binary(&vec![7; size]))});
        let frame = match work {
            Work::ToName(size) => self.frame(Atom::from_static("sink"), &data(size))?,
            Work::ToPid(size) => {
                let sink = self.settle()?;
                self.frame(sink, &data(size))?
            }
            _ => Vec::new(),
        };
        let start = Instant::now();
        match work {
            Work::Ping(size) => self.echoes(size, 1, count as usize)?,
            Work::Callers(callers) => self.echoes(100, callers, count as usize)?,
            Work::ToName(_) | Work::ToPid(_) => {
                self.write(&frame, count as usize)?;
                self.settle()?;
            }
            Work::FromPid(size) => self.take(size, "send", count)?,
            Work::FromName(size) => self.take(size, "send_name", count)?,
            Work::Connect => return Ok(None),
        }
        Ok(Some(start.elapsed()))
    }
}

fn handshake<E: Exchange<Outcome = Session>>(
    mut exchange: E,
    socket: &mut TcpStream,
) -> io::Result<Session> {
    loop {
        let outgoing = exchange.outgoing();
        socket.write_all(outgoing)?;
        let sent = outgoing.len();
        exchange.sent(sent);
        match exchange.want() {
            0 => {
                return exchange
                    .outcome()
                    .ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
            want => {
                let mut buffer = vec![0; want];
                socket.read_exact(&mut buffer)?;
                exchange.receive(&buffer).map_err(io::Error::other)?;
            }
        }
    }
}
