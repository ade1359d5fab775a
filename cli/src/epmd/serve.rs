//! The daemon.

use std::io::{self, Write};
use std::process::{self, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};

use einode::epmd::{Event, Server};
use listenfd::ListenFd;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::daemon;
use sd_notify::NotifyState;

use super::fail;
use super::options::Serve;

/// How many names of nodes that left are remembered with `-debug`.
const REMEMBERED_IN_DEBUG: usize = 5;

pub(super) fn run(port: u16, options: Serve) -> ExitCode {
    let opened = if options.systemd {
        inherited()
    } else {
        Server::bind_list(&options.addresses, port)
    };
    let server = match opened {
        Ok(server) => server,
        // Whoever starts a daemon wants that there is one.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let _ = writeln!(
                io::stderr(),
                "epmd: there is a daemon on port {port} already"
            );
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&format!("cannot listen on port {port}: {error}")),
    };
    raise_limit();
    if options.daemon
        && let Err(error) = daemon(false, false)
    {
        return fail(&format!("cannot go to the background: {error}"));
    }
    ready();
    match configured(server, &options).run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

/// The sockets that systemd has opened.
fn inherited() -> io::Result<Server> {
    let mut passed = ListenFd::from_env();
    let mut listeners = Vec::new();
    for at in 0..passed.len() {
        listeners.extend(passed.take_tcp_listener(at)?);
    }
    if listeners.is_empty() {
        return Err(io::Error::other("systemd provides no sockets"));
    }
    Ok(Server::listening_on(listeners))
}

/// Every node takes a descriptor, so as many are allowed as may be.
fn raise_limit() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

/// Tells systemd, if it is there, that the sockets are open.
fn ready() {
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::MainPid(process::id())]);
}

fn configured(server: Server, options: &Serve) -> Server {
    let level = options.debug;
    let mut server = server
        .relaxed(options.relaxed)
        .delay_accept(options.delay_accept)
        .delay_write(options.delay_write);
    if let Some(time) = options.packet_timeout {
        server = server.packet_timeout(time);
    }
    if level > 0 {
        server = server.remembered(REMEMBERED_IN_DEBUG);
    }
    // There is nobody to read what is said in the background.
    if options.daemon {
        return server;
    }
    let failing = AtomicBool::new(false);
    server.observe(move |event| {
        let from = match event {
            Event::Refused { .. } | Event::AcceptFailed { .. } => 0,
            Event::Registered { .. } | Event::Left { .. } | Event::Killed => 1,
            Event::Received { .. } | Event::Answered { .. } => 3,
            _ => 2,
        };
        // Without descriptors every attempt fails: it is said once.
        let repeated = match event {
            Event::AcceptFailed { .. } => failing.swap(true, Ordering::Relaxed),
            Event::Connected { .. } => {
                failing.store(false, Ordering::Relaxed);
                false
            }
            _ => false,
        };
        if level >= from && !repeated {
            let _ = writeln!(io::stderr(), "epmd: {event}");
        }
    })
}
