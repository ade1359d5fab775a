//! einode's blocking `Link`, on the thread that measures.

use std::io;
use std::time::{Duration, Instant};

use einode::blocking::{Endpoint, Link};
use einode::dist::Destination;
use einode::{Atom, Config, Cookie, NodeName, Pid, Term, term};
use einode_testkit::Beam;

use super::{Peer, WAIT, Work, require};

pub(super) struct OfLink {
    /// Another node, which only connects.
    dialer: Endpoint,
    peer: NodeName,
    link: Link,
    /// Whether messages that go one way are queued and not sent.
    queues: bool,
}

impl OfLink {
    pub(super) fn connect(there: &Beam, queues: bool) -> io::Result<Self> {
        let endpoint = |name: &str| {
            let name = NodeName::new(name).map_err(io::Error::other)?;
            let cookie = Cookie::new(there.cookie()).map_err(io::Error::other)?;
            let config = Config::new(name, cookie).epmd_port(there.epmd_port());
            io::Result::Ok(Endpoint::new(config))
        };
        let peer = there.name().parse().map_err(io::Error::other)?;
        let link = endpoint(if queues {
            "queue@127.0.0.1"
        } else {
            "link@127.0.0.1"
        })?;
        let link = link.connect(&peer).map_err(io::Error::other)?;
        Ok(Self {
            dialer: endpoint("link_again@127.0.0.1")?,
            peer,
            link,
            queues,
        })
    }

    fn send(&mut self, to: &'static str, message: &Term) -> io::Result<()> {
        let to = Atom::from_static(to);
        self.link.send(to, message).map_err(io::Error::other)
    }

    /// The next message, and its length.
    fn receive(&mut self) -> io::Result<usize> {
        let signal = self.link.receive(WAIT).map_err(io::Error::other)?;
        Ok(signal.payload.map_or(0, |message| message.bytes().len()))
    }

    /// Waits for `{Sink, done}`.
    fn done(&mut self) -> io::Result<Pid> {
        let signal = self.link.receive(WAIT).map_err(io::Error::other)?;
        let message = signal.payload.ok_or(io::ErrorKind::InvalidData)?;
        let (sink, done): (Pid, Atom) = message.decode().map_err(io::Error::other)?;
        require(done == "done")?;
        Ok(sink)
    }

    /// Waits until `sink` has seen all that was sent to it.
    fn settle(&mut self) -> io::Result<Pid> {
        let wish = term!({(self.link.pid().clone()), done});
        self.send("sink", &wish)?;
        self.done()
    }

    fn echoes(&mut self, size: usize, under_way: usize, count: usize) -> io::Result<()> {
        let message = term!({(self.link.pid().clone()), (Term::binary(&vec![7; size]))});
        for _ in 0..under_way {
            self.send("echo", &message)?;
        }
        for received in 0..count.max(under_way) {
            require(self.receive()? > size)?;
            if received + under_way < count {
                self.send("echo", &message)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, wish: &'static str, size: usize, count: u32) -> io::Result<()> {
        let me = self.link.pid().clone();
        let wish = term!({(me), (Atom::from_static(wish)), (count), (size as u64)});
        self.send("source", &wish)?;
        for _ in 0..count {
            require(self.receive()? > size)?;
        }
        self.done().map(drop)
    }
}

impl Peer for OfLink {
    fn work(&mut self, work: Work, count: u32) -> io::Result<Option<Duration>> {
        if self.queues && !matches!(work, Work::ToName(100) | Work::ToPid(100)) {
            return Ok(None);
        }
        let sink = match work {
            Work::ToPid(_) => Some(self.settle()?),
            _ => None,
        };
        let start = Instant::now();
        match work {
            Work::Ping(size) => self.echoes(size, 1, count as usize)?,
            Work::Callers(callers) => self.echoes(100, callers, count as usize)?,
            Work::ToName(size) | Work::ToPid(size) => {
                let message = term!({data, (Term::binary(&vec![7; size]))});
                let link = &mut self.link;
                for _ in 0..count {
                    let to = sink
                        .clone()
                        .map_or(Atom::from_static("sink").into(), Destination::from);
                    let sent = if self.queues {
                        link.queue(to, &message)
                    } else {
                        link.send(to, &message)
                    };
                    sent.map_err(io::Error::other)?;
                }
                self.settle()?;
            }
            Work::FromPid(size) => self.take("send", size, count)?,
            Work::FromName(size) => self.take("send_name", size, count)?,
            Work::Connect => {
                for _ in 0..count {
                    let link = self.dialer.connect(&self.peer).map_err(io::Error::other)?;
                    drop(link);
                }
            }
        }
        Ok(Some(start.elapsed()))
    }
}
