//! On tasks, what waits is awaited.

pub(crate) use einode::tokio::{Builder, Node};

macro_rules! run {
    ({ $($scenario:tt)* }) => { crate::common::in_runtime(async { $($scenario)* }) };
}

macro_rules! wait {
    ($me:ident.recv()) => { tokio::time::timeout(WAIT, $me.recv()).await.unwrap() };
    ($($call:tt)*) => { $($call)*.await };
}

#[allow(clippy::duplicate_mod, reason = "the same scenarios")]
#[path = "calls.rs"]
mod calls;
#[allow(clippy::duplicate_mod, reason = "the same scenarios")]
#[path = "global.rs"]
mod global;
#[allow(clippy::duplicate_mod, reason = "the same scenarios")]
#[path = "meeting.rs"]
mod meeting;
use std::time::Duration;

use einode::{CallError, Term, term};
use einode_testkit::Beam;
use tokio::time::timeout;

use crate::common::{WAIT, anywhere, in_runtime};

#[test]
fn takes_cancelled_calls_back() {
    let beam = Beam::start();
    beam.eval("register(server, self())");
    in_runtime(async {
        let node = Node::builder("us@127.0.0.1").cookie(beam.cookie());
        let node = node.epmd_port(beam.epmd_port()).listen(anywhere());
        let node = node.start().await.unwrap();
        let mut me = node.mailbox();
        let request = term!(hello);
        let call = me.call::<Term>(("server", beam.name()), &request, WAIT);
        let soon = Duration::from_millis(100);
        assert!(timeout(soon, call).await.is_err());
        beam.eval("receive {'$gen_call', {_, [alias | A] = T}, hello} -> A ! {T, late} end");
        beam.wait_until(
            "[us || P <- element(2, process_info(self(), monitored_by)), node(P) =/= node()] =:= []",
        );
        // What was sent late would have come before the answer to this.
        let gone = me
            .erpc(beam.name())
            .call::<Term>("erlang", "exit", (1,))
            .await;
        assert!(matches!(gone, Err(CallError::Exception(_))), "{gone:?}");
        assert_eq!(me.message_count(), 0);
    });
}
