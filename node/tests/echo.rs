//! Terms that cross a connection come back as they went, whoever made them and whoever connected.

mod common;

use common::{WAIT, connect, name, publish};
use einode::Term;
use einode::blocking::Link;
use einode_testkit::{Beam, GEN_TERMS, terms};

const TERMS: usize = 10_000;

/// How many terms are under way at once. Both sides write without reading meanwhile, and more could
/// fill what lies between them.
const BATCH: usize = 50;

/// Sends our terms to a process of the node, which sends them back.
fn our_terms_come_back(link: &mut Link, beam: &Beam) {
    beam.eval(
        "register(echo, spawn(fun() -> \
             F = fun F() -> receive {From, Term} -> From ! Term, F() end end, F() end))",
    );
    let terms = terms::sample(&terms::term_of(beam.release()), TERMS);
    for batch in terms.chunks(BATCH) {
        for term in batch {
            let message = (link.pid().clone(), term);
            link.send(name("echo"), &message).unwrap();
        }
        for term in batch {
            let back = link.receive(WAIT).unwrap();
            assert_eq!(back.message().unwrap().term().unwrap(), *term);
        }
    }
}

/// Sends back the terms that a process of the node makes, and asks it what became of them.
fn its_terms_come_back(link: &mut Link, beam: &Beam) {
    beam.load(GEN_TERMS);
    let different = std::thread::scope(|scope| {
        let answer = scope.spawn(|| {
            beam.text(&format!(
                "rand:seed(exsss, {{1, 2, 3}}), \
                 Batch = fun() -> \
                     Terms = gen_terms:terms({BATCH}), \
                     [{{echo, 'us@127.0.0.1'}} ! {{self(), Term}} || Term <- Terms], \
                     [Term || Term <- Terms, receive {{back, Back}} -> Back =/= Term end] end, \
                 lists:append([Batch() || _ <- lists:seq(1, {TERMS} div {BATCH})])"
            ))
        });
        for _ in 0..TERMS {
            let signal = link.receive(WAIT).unwrap();
            let (from, term): (einode::Pid, Term) = signal.message().unwrap().decode().unwrap();
            link.send(from, &(einode::Atom::from_static("back"), term))
                .unwrap();
        }
        answer.join().unwrap()
    });
    assert_eq!(different, "[]");
}

#[test]
fn over_a_connection_that_we_made() {
    let beam = Beam::start();
    let mut link = connect(&beam);
    our_terms_come_back(&mut link, &beam);
    its_terms_come_back(&mut link, &beam);
}

#[test]
fn over_a_connection_that_the_node_made() {
    let beam = Beam::start();
    let listener = publish(&beam);
    beam.eval("spawn(fun() -> net_kernel:connect_node('us@127.0.0.1') end)");
    let mut link = listener.accept(WAIT).unwrap();
    our_terms_come_back(&mut link, &beam);
    its_terms_come_back(&mut link, &beam);
}
