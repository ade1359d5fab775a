//! An EPMD server on tasks.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use einode_dist::epmd::{NodeId, Then};
use einode_dist::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::config::ACCEPT_PAUSE;
use crate::core::lock;
use crate::epmd::{Desk, Event, Server, Settings};

/// Serves until somebody tells the daemon to end. Dropping this closes all sockets.
pub(crate) async fn serve(server: Server) -> io::Result<()> {
    let desk = Mutex::new(Desk::new(&server));
    let shared = Arc::new(Shared {
        desk,
        settings: server.settings,
        ends: Mutex::default(),
    });
    let mut listening = JoinSet::new();
    for listener in server.listeners {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        listening.spawn(listen(listener, Arc::clone(&shared)));
    }
    // The others end with it.
    listening.join_next().await;
    Ok(())
}

struct Shared {
    desk: Mutex<Desk>,
    settings: Settings,
    /// What closes the connections of nodes.
    ends: Mutex<HashMap<NodeId, AbortHandle>>,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }
}

/// A node is registered as long as this lives.
struct Registered {
    node: NodeId,
    shared: Arc<Shared>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.shared.ends).remove(&self.node);
        self.shared.desk().left(self.node);
    }
}

/// How a call ended.
enum Called {
    Over,
    Registered(TcpStream, Registered),
    Terminate,
}

/// Takes connections until the daemon is told to end.
async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let (mut calls, mut nodes) = (JoinSet::new(), JoinSet::new());
    // Those of all calls that are not over, the oldest first, and of some that are.
    let mut oldest: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let happened = poll_fn(|context| {
            if let Poll::Ready(Some(Ok(called))) = calls.poll_join_next(context) {
                return Poll::Ready(Happened::Called(called));
            }
            while let Poll::Ready(Some(_)) = nodes.poll_join_next(context) {}
            listener.poll_accept(context).map(Happened::Accepted)
        });
        match happened.await {
            Happened::Called(Called::Over) => {}
            Happened::Called(Called::Terminate) => return,
            Happened::Called(Called::Registered(stream, registered)) => {
                let mut ends = lock(&shared.ends);
                let node = registered.node;
                // It may have been told to go already.
                if shared.desk().is_registered(node) {
                    ends.insert(node, nodes.spawn(keep(stream, registered)));
                }
            }
            Happened::Accepted(Ok((stream, peer))) => {
                pause(shared.settings.delay_accept).await;
                while oldest.front().is_some_and(AbortHandle::is_finished) {
                    oldest.pop_front();
                }
                if calls.len() >= limits::EPMD_CALLERS {
                    make_way(&mut oldest);
                }
                oldest.push_back(calls.spawn(call(stream, peer, Arc::clone(&shared))));
            }
            Happened::Accepted(Err(error)) => {
                shared.settings.tell(&Event::AcceptFailed { error: &error });
                make_way(&mut oldest);
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

enum Happened {
    Accepted(io::Result<(TcpStream, SocketAddr)>),
    Called(Called),
}

/// Drops the oldest call, if there is one.
fn make_way(oldest: &mut VecDeque<AbortHandle>) {
    while let Some(call) = oldest.pop_front() {
        if !call.is_finished() {
            return call.abort();
        }
    }
}

/// Serves a connection that has not registered a node.
async fn call(mut stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) -> Called {
    let packet_timeout = shared.settings.packet_timeout;
    let answered = timeout(packet_timeout, answer(&mut stream, peer, &shared));
    match answered.await {
        Ok(Ok(Answered::Registered(registered))) => Called::Registered(stream, registered),
        Ok(Ok(Answered::Terminate)) => Called::Terminate,
        Ok(Ok(Answered::Over) | Err(_)) => Called::Over,
        Err(_) => {
            shared.settings.tell(&Event::Dropped { peer });
            Called::Over
        }
    }
}

enum Answered {
    Over,
    Registered(Registered),
    Terminate,
}

async fn answer(
    stream: &mut TcpStream,
    peer: SocketAddr,
    shared: &Arc<Shared>,
) -> io::Result<Answered> {
    let here = || stream.local_addr();
    let mut caller = shared.desk().connected(peer, here, descriptor(stream));
    // One byte more than the longest request, so that what is too long is seen to be.
    let mut buffer = [0; limits::EPMD_REQUEST + 3];
    let reply = loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(Answered::Over);
        }
        let bytes = buffer.get(..read).unwrap_or_default();
        if let Some(reply) = shared.desk().receive(peer, &mut caller, bytes) {
            break reply;
        }
    };
    // Nobody is registered who does not know.
    let registered = match reply.then {
        Then::Keep(Some(node)) => Some(Registered {
            node,
            shared: Arc::clone(shared),
        }),
        _ => None,
    };
    if let Then::End(Some(node)) = reply.then {
        let end = lock(&shared.ends).remove(&node);
        end.inspect(AbortHandle::abort);
    }
    pause(shared.settings.delay_write).await;
    let written = stream.write_all(&reply.answer).await;
    if reply.then == Then::Terminate {
        return Ok(Answered::Terminate);
    }
    written?;
    if let Some(registered) = registered {
        return Ok(Answered::Registered(registered));
    }
    if reply.then == Then::Keep(None) {
        hear(stream).await;
    }
    Ok(Answered::Over)
}

/// Keeps a node registered as long as its connection lasts.
async fn keep(mut stream: TcpStream, registered: Registered) {
    hear(&mut stream).await;
    drop(registered);
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// Waits for the end of a connection: anything that comes from it.
async fn hear(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0]).await;
}

#[cfg(unix)]
fn descriptor(stream: &TcpStream) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(stream)
}

#[cfg(not(unix))]
fn descriptor(_: &TcpStream) -> i32 {
    -1
}
