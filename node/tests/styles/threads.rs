//! On threads, what waits blocks, and some of it is told how long it may.

pub(crate) use einode::blocking::{Builder, Node};

macro_rules! run {
    ({ $($scenario:tt)* }) => { $($scenario)* };
}

macro_rules! wait {
    ($me:ident.recv()) => { $me.recv(WAIT) };
    ($me:ident.send($($arguments:tt)*)) => { $me.send($($arguments)*, WAIT) };
    ($me:ident.cast($($arguments:tt)*)) => { $me.cast($($arguments)*, WAIT) };
    ($me:ident.spawn($($arguments:tt)*)) => { $me.spawn($($arguments)*, WAIT) };
    ($me:ident.spawn_link($($arguments:tt)*)) => { $me.spawn_link($($arguments)*, WAIT) };
    ($me:ident.spawn_monitor($($arguments:tt)*)) => { $me.spawn_monitor($($arguments)*, WAIT) };
    ($($call:tt)*) => { $($call)* };
}

#[path = "calls.rs"]
mod calls;
#[path = "global.rs"]
mod global;
#[path = "meeting.rs"]
mod meeting;

use std::time::Duration;

use einode::CallError;
use einode_testkit::Beam;

use crate::common::{WAIT, anywhere};

/// What has no deadline of its own on tasks.
#[test]
fn gives_up_processes_that_do_not_begin_in_time() {
    let beam = Beam::start();
    let node = Node::builder("us@127.0.0.1").cookie(beam.cookie());
    let node = node.epmd_port(beam.epmd_port()).listen(anywhere());
    let node = node.start().unwrap();
    let mut me = node.mailbox();
    let forever = (60_000,);
    let late = me.spawn_link(beam.name(), "timer", "sleep", forever, Duration::ZERO);
    assert!(matches!(late, Err(CallError::TimedOut)), "{late:?}");
    // What comes later is given up as well: nothing arrives of it, and it ends.
    let (pid, _) = me
        .spawn_monitor(beam.name(), "timer", "sleep", forever, WAIT)
        .unwrap();
    assert_eq!(pid.node(), beam.name());
    assert_eq!(me.message_count(), 0);
    let sleeping = "length([P || P <- processes(),
        erlang:process_info(P, current_function) =:= {current_function, {timer, sleep, 1}}]) =:= 1";
    beam.wait_until(sleeping);
}
