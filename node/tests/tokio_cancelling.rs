//! What is left of futures that are dropped before their end: nothing, or all that is needed to go on.
#![cfg(feature = "tokio")]

mod common;

use std::future::poll_fn;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::task::Poll;

use common::{WAIT, anywhere, config, in_runtime, name, node, term};
use einode::tokio::{Endpoint, Link, Memory};
use einode::{Address, NodeName, Signal, Table, Term};
use einode_testkit::Beam;
use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::timeout;

/// What a future says at once. If that is nothing, it is dropped.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// The next connection on a plain socket, on which a node says something.
fn accept(listener: &TcpListener) -> TcpStream {
    let mut stream = listener.accept().unwrap().0;
    stream.set_read_timeout(Some(WAIT)).unwrap();
    assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
    stream
}

fn assert_closed(mut stream: &TcpStream) {
    assert_eq!(stream.read(&mut [0; 1024]).unwrap(), 0);
}

#[test]
fn an_attempt_to_connect_leaves_no_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let found: NodeName = "found@127.0.0.1".parse().unwrap();
    in_runtime(async {
        // In the middle of the handshake,
        let table = Table::from_iter([(found.clone(), listener.local_addr().unwrap().into())]);
        let endpoint = Endpoint::new(node("us")).resolver(table);
        let peer = found.clone();
        let connecting = tokio::spawn(async move { endpoint.connect(&peer).await });
        let stream = accept(&listener);
        assert!(!connecting.is_finished());
        connecting.abort();
        assert_closed(&stream);

        // in the middle of a question to EPMD,
        let endpoint = Endpoint::new(node("us").epmd_port(port));
        let connecting = tokio::spawn(async move { endpoint.connect(&found).await });
        let stream = accept(&listener);
        connecting.abort();
        assert_closed(&stream);

        // and of a registration.
        let endpoint = Endpoint::new(node("us").epmd_port(port));
        let mut place = endpoint.listen(&anywhere()).await.unwrap();
        let publishing = tokio::spawn(async move { place.publish().await });
        let stream = accept(&listener);
        publishing.abort();
        assert_closed(&stream);
    });
}

#[test]
fn a_listener_leaves_no_task_socket_or_registration() {
    let beam = Beam::start();
    let names = "{ok, Names} = erl_epmd:names({127,0,0,1}), lists:keymember(\"us\", 1, Names)";
    in_runtime(async {
        let endpoint = Endpoint::new(config(&beam, "us"));
        let mut listener = endpoint.listen(&anywhere()).await.unwrap();
        listener.publish().await.unwrap();
        assert_eq!(beam.text(names), "true");
        let place = ("127.0.0.1", listener.port().unwrap());
        let stalled = TcpStream::connect(place).unwrap();
        stalled.set_read_timeout(Some(WAIT)).unwrap();
        // The one that takes peers, and one for the handshake.
        while Handle::current().metrics().num_alive_tasks() < 2 {
            yield_now().await;
        }

        drop(listener);
        beam.wait_until(&format!("begin {names} end =:= false"));
        assert_closed(&stalled);
        let gone = async {
            while Handle::current().metrics().num_alive_tasks() > 0
                || TcpStream::connect(place).is_ok()
            {
                yield_now().await;
            }
        };
        timeout(WAIT, gone).await.unwrap();
    });
}

#[test]
fn a_connection_that_nobody_waits_for_is_there_later() {
    in_runtime(async {
        let mut listener = Endpoint::new(node("us")).listen(&anywhere()).await.unwrap();
        assert!(at_once(listener.accept(WAIT)).await.is_none());
        let friend = Endpoint::new(node("friend"));
        let _link = friend.connect_to(&listener.address(), None).await.unwrap();
        assert!(listener.accept(WAIT).await.is_ok());
    });
}

/// The two ends of a connection within the process.
async fn pair() -> (Link<DuplexStream>, Link<DuplexStream>) {
    let place = Address::Other("here".into());
    let here = Endpoint::new(node("here")).transport(Memory::default());
    let mut listener = here.listen(&place).await.unwrap();
    let connecting = tokio::spawn(async move { here.connect_to(&place, None).await.unwrap() });
    let accepted = listener.accept(WAIT).await.unwrap();
    (connecting.await.unwrap(), accepted)
}

fn message(signal: &Signal) -> Term {
    signal.message().unwrap().term().unwrap()
}

#[test]
fn receiving_loses_nothing() {
    in_runtime(async {
        let (mut from, mut to) = pair().await;
        let block = |number: u32| Term::binary(&vec![number as u8; number as usize * 10]);
        let sending = tokio::spawn(async move {
            for number in 0..5000 {
                from.send(name("any"), &(number, block(number)))
                    .await
                    .unwrap();
            }
            from.close(WAIT).await
        });
        // What we send ourselves is stuck meanwhile, since the other does not read.
        assert!(
            at_once(to.send(name("any"), &block(30_000)))
                .await
                .is_none()
        );
        let mut dropped = 0;
        for number in 0..5000 {
            let signal = loop {
                match at_once(to.receive(WAIT)).await {
                    Some(signal) => break signal.unwrap(),
                    None => dropped += 1,
                }
                yield_now().await;
            };
            let received: (u32, Term) = signal.message().unwrap().decode().unwrap();
            assert!(received == (number, block(number)), "message {number}");
        }
        assert!(dropped > 1000, "only {dropped}");
        drop(to);
        sending.await.unwrap().unwrap();
    });
}

#[test]
fn what_is_sent_leaves_whole_and_once() {
    in_runtime(async {
        let (mut from, mut to) = pair().await;
        // Each is more than the pipe takes, so each is cut off in the middle.
        let blocks = [1, 2, 3].map(|number| Term::binary(&vec![number; 300_000]));
        for block in &blocks {
            assert!(at_once(from.send(name("any"), block)).await.is_none());
        }
        let last = tokio::spawn(async move {
            from.send(name("any"), &term("last")).await.unwrap();
            from.close(WAIT).await
        });
        for block in &blocks {
            assert!(message(&to.receive(WAIT).await.unwrap()) == *block);
        }
        assert_eq!(message(&to.receive(WAIT).await.unwrap()), term("last"));
        assert!(to.receive(WAIT).await.is_err());
        drop(to);
        last.await.unwrap().unwrap();
    });
}

#[test]
fn sends_that_are_dropped_while_the_peer_is_busy_take_no_memory() {
    in_runtime(async {
        let (mut from, mut to) = pair().await;
        let block = Term::binary(&vec![1; 600_000]);
        for _ in 0..100 {
            assert!(at_once(from.send(name("any"), &block)).await.is_none());
        }
        let flushing = tokio::spawn(async move { from.close(WAIT).await });
        let mut arrived = 0;
        while to.receive(WAIT).await.is_ok() {
            arrived += 1;
        }
        // What is above 1 MiB is not taken.
        assert_eq!(arrived, 2);
        drop(to);
        flushing.await.unwrap().unwrap();
    });
}

#[test]
fn a_call_is_taken_back() {
    let beam = Beam::start();
    beam.eval(
        "register(slow, spawn(fun() -> \
             receive {'$gen_call', {From, Tag}, _} -> receive go -> From ! {Tag, late} end end, \
             receive stop -> ok end end)), \
         Monitors = fun() -> element(2, process_info(whereis(slow), monitored_by)) end, \
         put(monitors, Monitors)",
    );
    in_runtime(async {
        let endpoint = Endpoint::new(config(&beam, "us"));
        let mut link = endpoint
            .connect(&beam.name().parse().unwrap())
            .await
            .unwrap();
        let hello = term("hello");
        let mut call = Box::pin(link.call("slow", &hello, WAIT));
        assert!(at_once(call.as_mut()).await.is_none());
        beam.wait_until("length((get(monitors))()) =:= 1");
        drop(call);
        link.ping(WAIT).await.unwrap();
        beam.wait_until("(get(monitors))() =:= []");

        // Its answer is one message among others.
        beam.eval("slow ! go");
        let late = message(&link.receive(WAIT).await.unwrap());
        assert!(late.as_tuple().unwrap()[1].is_atom("late"), "{late}");
    });
}
