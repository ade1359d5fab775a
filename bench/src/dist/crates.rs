//! `erl_dist`, the crate: one connection, the protocol's messages as values. What its users do as well: one task, and
//! TCP_NODELAY, without which every answer waits for 40 ms.

use std::io;
use std::time::{Duration, Instant};

use einode_testkit::Beam;
use erl_dist::handshake::ClientSideHandshake;
use erl_dist::message::{Message, Receiver, Sender, channel};
use erl_dist::node::{Creation, LocalNode};
use erl_dist::term::{Atom, Binary, FixInteger, Pid, Term, Tuple};
use smol::net::TcpStream;

use super::{Peer, Work, require};

pub(super) struct ErlDist {
    sender: Sender<TcpStream>,
    receiver: Receiver<TcpStream>,
    me: Pid,
    epmd_port: u16,
    name: String,
    cookie: String,
}

type Ends = (Sender<TcpStream>, Receiver<TcpStream>, Pid);

impl ErlDist {
    pub(super) fn connect(there: &Beam) -> io::Result<Self> {
        let name = there
            .name()
            .split('@')
            .next()
            .unwrap_or_default()
            .to_owned();
        let (epmd_port, cookie) = (there.epmd_port(), there.cookie().to_owned());
        let (sender, receiver, me) = smol::block_on(dial(epmd_port, &name, &cookie))?;
        Ok(Self {
            sender,
            receiver,
            me,
            epmd_port,
            name,
            cookie,
        })
    }

    async fn send(&mut self, to: &'static str, message: Term) -> io::Result<()> {
        let message = Message::reg_send(self.me.clone(), Atom::from(to), message);
        self.sender.send(message).await.map_err(io::Error::other)
    }

    /// The next message of a process.
    async fn receive(&mut self) -> io::Result<Term> {
        loop {
            match self.receiver.recv().await.map_err(io::Error::other)? {
                Message::Send(message) => return Ok(message.message),
                Message::RegSend(message) => return Ok(message.message),
                Message::SendSender(message) => return Ok(message.message),
                Message::Tick => self
                    .sender
                    .send(Message::Tick)
                    .await
                    .map_err(io::Error::other)?,
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }

    async fn settle(&mut self) -> io::Result<Pid> {
        let wish = tuple([self.me.clone().into(), Atom::from("done").into()]);
        self.send("sink", wish).await?;
        self.done().await
    }

    /// Waits for `{Sink, done}`.
    async fn done(&mut self) -> io::Result<Pid> {
        match self.receive().await? {
            Term::Tuple(tuple) => match tuple.elements.as_slice() {
                [Term::Pid(sink), Term::Atom(done)] if done.name == "done" => Ok(sink.clone()),
                _ => Err(io::ErrorKind::InvalidData.into()),
            },
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn take(&mut self, wish: &'static str, size: usize, count: u32) -> io::Result<()> {
        let wish = tuple([
            self.me.clone().into(),
            Atom::from(wish).into(),
            FixInteger::from(count as i32).into(),
            FixInteger::from(size as i32).into(),
        ]);
        self.send("source", wish).await?;
        for _ in 0..count {
            require(matches!(self.receive().await?, Term::Tuple(_)))?;
        }
        self.done().await.map(drop)
    }
}

impl Peer for ErlDist {
    fn work(&mut self, work: Work, count: u32) -> io::Result<Option<Duration>> {
        smol::block_on(async {
            let sink = match work {
                Work::ToPid(_) => Some(self.settle().await?),
                _ => None,
            };
            let start = Instant::now();
            match work {
                Work::Ping(size) => {
                    let message = tuple([self.me.clone().into(), binary(size)]);
                    for _ in 0..count {
                        self.send("echo", message.clone()).await?;
                        self.receive().await?;
                    }
                }
                Work::ToName(size) | Work::ToPid(size) => {
                    let message = tuple([Atom::from("data").into(), binary(size)]);
                    for _ in 0..count {
                        match &sink {
                            Some(sink) => {
                                let message = Message::send(sink.clone(), message.clone());
                                self.sender.send(message).await.map_err(io::Error::other)?;
                            }
                            None => self.send("sink", message.clone()).await?,
                        }
                    }
                    self.settle().await?;
                }
                Work::FromPid(size) => self.take("send", size, count).await?,
                Work::FromName(size) => self.take("send_name", size, count).await?,
                Work::Callers(_) => return Ok(None),
                Work::Connect => {
                    for _ in 0..count {
                        dial(self.epmd_port, &self.name, &self.cookie).await?;
                    }
                }
            }
            Ok(Some(start.elapsed()))
        })
    }
}

/// Asks EPMD where the node is, and connects with it.
async fn dial(epmd_port: u16, name: &str, cookie: &str) -> io::Result<Ends> {
    let epmd = TcpStream::connect(("127.0.0.1", epmd_port)).await?;
    epmd.set_nodelay(true)?;
    let epmd = erl_dist::epmd::EpmdClient::new(epmd);
    let found = epmd.get_node(name).await.map_err(io::Error::other)?;
    let found = found.ok_or(io::ErrorKind::NotFound)?;
    let stream = TcpStream::connect(("127.0.0.1", found.port)).await?;
    stream.set_nodelay(true)?;
    static MADE: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let made = MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    // A peer may take a while to see that the node before has gone, so each connection is of a new one.
    let own = format!("erl_dist{made}@127.0.0.1");
    let own = own.parse().map_err(io::Error::other)?;
    let creation = Creation::random();
    let local = LocalNode::new(own, creation);
    let mut handshake = ClientSideHandshake::new(stream, local.clone(), cookie);
    let version = erl_dist::LOWEST_DISTRIBUTION_PROTOCOL_VERSION;
    handshake
        .execute_send_name(version)
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = handshake
        .execute_rest(true)
        .await
        .map_err(io::Error::other)?;
    let (sender, receiver) = channel(stream, local.flags & peer.flags);
    let me = Pid::new(local.name.to_string(), 1, 0, creation.get());
    Ok((sender, receiver, me))
}

fn tuple<const N: usize>(elements: [Term; N]) -> Term {
    Tuple::from(elements.to_vec()).into()
}

fn binary(size: usize) -> Term {
    Binary::from(vec![7; size]).into()
}
