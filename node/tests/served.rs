//! Nodes that serve, in both styles, driven by an Erlang module: `served.erl` says what has to happen, and
//! an Erlang node shows that it does.
#![cfg(feature = "tokio")]

mod common;

use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use common::in_runtime;
use einode::{
    Atom, Body, Class, Exception, From, GenServer, NameError, Process, Recipient, Status, Stop,
    Term, term,
};
use einode_testkit::Beam;
use tokio::task::block_in_place;

const SERVED: &str = include_str!("erl/served.erl");

/// The server that `served.erl` is itself on an Erlang node.
struct Server(i64);

impl GenServer for Server {
    fn handle_call(&mut self, me: &Process, request: Body, from: From) -> Result<(), Stop> {
        let request = request.term()?;
        match request.as_tuple() {
            _ if request.is_atom("sum") => from.reply(&self.0)?,
            _ if request.is_atom("never") => {}
            Some([what, to, message]) if what.is_atom("tell") => {
                let to = to.as_pid().map(Recipient::from);
                let alias = request.as_tuple().and_then(|it| it[1].as_reference());
                if let Some(to) = to.or_else(|| alias.map(Recipient::from)) {
                    me.try_send(to, message)?;
                }
                from.reply(&term!(ok))?;
            }
            Some([what, reply]) if what.is_atom("later") => {
                let reply = reply.clone();
                thread::spawn(move || from.reply(&reply));
            }
            _ => from.reply(&request)?,
        }
        Ok(())
    }

    fn handle_cast(&mut self, _: &Process, message: Body) -> Result<(), Stop> {
        let (_add, n): (Atom, i64) = message.decode()?;
        self.0 += n;
        Ok(())
    }
}

/// What calls of `wait/0` wait for.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn wait(&self) {
        let (open, opened) = &*self.0;
        let _open = opened.wait_while(open.lock().unwrap(), |open| !*open);
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

fn serve(node: &Status) -> Result<Gate, NameError> {
    let gate = Gate::default();
    node.serve("server", Server(0))?;
    node.serve("other", Server(0))?;
    node.export("served", "add", |(a, b): (i64, i64)| a + b)?;
    let waiting = gate.clone();
    node.export("served", "wait", move |()| waiting.wait())?;
    node.try_export("served", "fail", |(class, reason): (Atom, Term)| {
        let mut exception = Exception::error(reason, Term::nil());
        exception.class = match class.as_str() {
            "exit" => Class::Exit,
            "throw" => Class::Throw,
            _ => Class::Error,
        };
        Err::<(), _>(exception)
    })?;
    Ok(gate)
}

/// Both styles serve what an Erlang node does.
fn drive(beam: &Beam, node: &str) {
    let ran = beam.text(&format!("served:run('{node}')"));
    assert!(ran.ends_with(",[]}"), "{node}: {ran}");
}

fn start() -> Beam {
    let beam = Beam::start();
    beam.load(SERVED);
    beam.eval("served:start()");
    beam
}

#[test]
fn an_erlang_node_does_what_the_module_expects() {
    let beam = start();
    let other = Beam::builder()
        .epmd(beam.epmd())
        .cookie(beam.cookie())
        .start();
    other.load(SERVED);
    other.eval("served:start()");
    drive(&beam, other.name());
}

#[test]
fn a_node_on_tasks_does_what_an_erlang_node_does() {
    let beam = start();
    in_runtime(async {
        let node = einode::tokio::Node::builder("us@127.0.0.1")
            .cookie(beam.cookie())
            .epmd_port(beam.epmd_port())
            .listen(common::anywhere());
        let node = node.start().await.unwrap();
        let gate = serve(&node).unwrap();
        block_in_place(|| drive(&beam, "us@127.0.0.1"));
        gate.open();
    });
}

#[test]
fn a_node_on_threads_does_what_an_erlang_node_does() {
    let beam = start();
    let node = einode::blocking::Node::builder("us@127.0.0.1")
        .cookie(beam.cookie())
        .epmd_port(beam.epmd_port())
        .listen(common::anywhere());
    let node = node.start().unwrap();
    let gate = serve(&node).unwrap();
    drive(&beam, "us@127.0.0.1");
    gate.open();
}
