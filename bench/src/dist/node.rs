//! einode's `Node` on tokio: mailboxes on tasks, one connection.

use std::io;
use std::time::{Duration, Instant};

use einode::tokio::{Mailbox, Node};
use einode::{Atom, NodeName, Pid, Recipient, Term, term};
use einode_testkit::Beam;
use tokio::runtime::Runtime;

use super::{Peer, Work, require};

pub(super) struct OfNode {
    runtime: Runtime,
    node: Node,
    /// There while nothing is measured.
    mailbox: Option<Mailbox>,
    peer: NodeName,
}

impl OfNode {
    pub(super) fn start(there: &Beam) -> io::Result<Self> {
        let runtime = Runtime::new()?;
        let builder = Node::builder("node@127.0.0.1")
            .cookie(there.cookie())
            .epmd_port(there.epmd_port());
        let node = runtime
            .block_on(builder.start())
            .map_err(io::Error::other)?;
        let mailbox = node.mailbox();
        mailbox.register("puller").map_err(io::Error::other)?;
        let peer = there.name().parse().map_err(io::Error::other)?;
        Ok(Self {
            runtime,
            node,
            mailbox: Some(mailbox),
            peer,
        })
    }
}

impl Peer for OfNode {
    fn work(&mut self, work: Work, count: u32) -> io::Result<Option<Duration>> {
        let mut mailbox = self.mailbox.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (node, peer) = (self.node.clone(), self.peer.clone());
        // On a task, as programs are.
        let task = self.runtime.spawn(async move {
            let took = measure(&node, &peer, &mut mailbox, work, count).await;
            (mailbox, took)
        });
        let (mailbox, took) = self.runtime.block_on(task).map_err(io::Error::other)?;
        self.mailbox = Some(mailbox);
        took
    }
}

async fn measure(
    node: &Node,
    peer: &NodeName,
    mailbox: &mut Mailbox,
    work: Work,
    count: u32,
) -> io::Result<Option<Duration>> {
    let to = |name| Recipient::Remote(Atom::from_static(name), peer.clone());
    let sink = match work {
        Work::ToPid(_) => Some(settle(mailbox, to("sink")).await?),
        _ => None,
    };
    let start = Instant::now();
    match work {
        Work::Ping(size) => echoes(mailbox, to("echo"), size, count).await?,
        Work::Callers(callers) => {
            let each = (count / callers as u32).max(1);
            let mut tasks = Vec::new();
            for _ in 0..callers {
                let (mut mailbox, echo) = (node.mailbox(), to("echo"));
                tasks.push(tokio::spawn(async move {
                    echoes(&mut mailbox, echo, 100, each).await
                }));
            }
            for task in tasks {
                task.await.map_err(io::Error::other)??;
            }
            // As many as were asked for.
            let done = each * callers as u32;
            let took = start.elapsed().mul_f64(f64::from(count) / f64::from(done));
            return Ok(Some(took));
        }
        Work::ToName(size) | Work::ToPid(size) => {
            let message = term!({data, (Term::binary(&vec![7; size]))});
            let to_sink = sink.map_or_else(|| to("sink"), Recipient::from);
            for _ in 0..count {
                send(mailbox, &to_sink, &message).await?;
            }
            settle(mailbox, to("sink")).await?;
        }
        Work::FromPid(size) => take(mailbox, to("source"), "send", size, count).await?,
        Work::FromName(size) => take(mailbox, to("source"), "send_name", size, count).await?,
        // It keeps its connections.
        Work::Connect => return Ok(None),
    }
    Ok(Some(start.elapsed()))
}

async fn send(mailbox: &Mailbox, to: &Recipient, message: &Term) -> io::Result<()> {
    mailbox
        .send(to.clone(), message)
        .await
        .map_err(io::Error::other)
}

/// The length of the next message.
async fn receive(mailbox: &mut Mailbox) -> io::Result<usize> {
    let message = mailbox.recv().await.map_err(io::Error::other)?;
    Ok(message.user().map_or(0, |payload| payload.bytes().len()))
}

/// Waits for `{Sink, done}`.
async fn done(mailbox: &mut Mailbox) -> io::Result<Pid> {
    let message = mailbox.recv().await.map_err(io::Error::other)?;
    let (sink, done): (Pid, Atom) = message.decode().map_err(io::Error::other)?;
    require(done == "done")?;
    Ok(sink)
}

/// Waits until `sink` has seen all that was sent to it.
async fn settle(mailbox: &mut Mailbox, sink: Recipient) -> io::Result<Pid> {
    let wish = term!({(mailbox.pid().clone()), done});
    send(mailbox, &sink, &wish).await?;
    done(mailbox).await
}

async fn echoes(mailbox: &mut Mailbox, echo: Recipient, size: usize, count: u32) -> io::Result<()> {
    let message = term!({(mailbox.pid().clone()), (Term::binary(&vec![7; size]))});
    for _ in 0..count {
        send(mailbox, &echo, &message).await?;
        require(receive(mailbox).await? > size)?;
    }
    Ok(())
}

async fn take(
    mailbox: &mut Mailbox,
    source: Recipient,
    wish: &'static str,
    size: usize,
    count: u32,
) -> io::Result<()> {
    let me = mailbox.pid().clone();
    let wish = term!({(me), (Atom::from_static(wish)), (count), (size as u64)});
    send(mailbox, &source, &wish).await?;
    for _ in 0..count {
        require(receive(mailbox).await? > size)?;
    }
    done(mailbox).await.map(drop)
}
