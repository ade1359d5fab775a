//! Connections that go silent, stall or carry too much.

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::{WAIT, anywhere, config, endpoint, name};
use einode::blocking::Endpoint;
use einode::dist::{Error, TickTime};
use einode::{Config, Cookie, LinkError, NodeName, Term};
use einode_testkit::Beam;

fn short_ticks() -> TickTime {
    TickTime::new(Duration::from_secs(1), 4).unwrap()
}

#[test]
fn ticks_keep_an_idle_connection_alive() {
    // This node gives up a peer that is silent for four seconds.
    let beam = Beam::builder()
        .arguments(["-kernel", "net_ticktime", "4"])
        .start();
    let peer = beam.name().parse().unwrap();
    let mut link = endpoint(&beam, "us").connect(&peer).unwrap();
    let error = link.receive(Duration::from_secs(7)).unwrap_err();
    assert!(matches!(error, LinkError::TimedOut), "{error:?}");
    assert!(link.ping(WAIT).is_ok());
}

#[test]
fn a_tick_is_answered_in_time_for_a_peer_with_a_shorter_tick_time() {
    let cookie = Cookie::new("secret").unwrap();
    let patient = Config::new(NodeName::new("patient@127.0.0.1").unwrap(), cookie.clone());
    let hasty = Config::new(NodeName::new("hasty@127.0.0.1").unwrap(), cookie);
    let listener = Endpoint::new(patient).listen(&anywhere()).unwrap();
    let port = listener.port().unwrap();
    // By itself, the patient one would send its first tick after 15 seconds.
    let hasty = thread::spawn(move || {
        let link =
            Endpoint::new(hasty.tick_time(short_ticks())).connect_at("127.0.0.1", port, None);
        link.unwrap().receive(Duration::from_secs(3)).unwrap_err()
    });
    let mut patient = listener.accept(WAIT).unwrap();
    let ended = patient.receive(WAIT).unwrap_err();
    assert!(matches!(ended, LinkError::Closed), "{ended:?}");
    let error = hasty.join().unwrap();
    assert!(matches!(error, LinkError::TimedOut), "{error:?}");
}

#[test]
fn a_silent_peer_is_given_up() {
    let beam = Beam::start();
    let peer = beam.name().parse().unwrap();
    let mut link = Endpoint::new(config(&beam, "us").tick_time(short_ticks()))
        .connect(&peer)
        .unwrap();
    beam.pause();
    let start = Instant::now();
    let error = link.receive(WAIT).unwrap_err();
    let silence = start.elapsed();
    beam.resume();
    assert!(matches!(error, LinkError::Silent), "{error:?}");
    assert!(silence > Duration::from_millis(700), "{silence:?}");
}

#[test]
fn a_peer_that_does_not_read_holds_us_up_until_the_deadline_only() {
    let beam = Beam::start();
    beam.eval("register(agent, self())");
    let peer = beam.name().parse().unwrap();
    let mut link = Endpoint::new(config(&beam, "us").tick_time(short_ticks()))
        .connect(&peer)
        .unwrap();
    beam.pause();
    let block = Term::binary(&vec![0; 1 << 20]);
    let mut sent = 0;
    let error = loop {
        match link.send(name("agent"), &block) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 1000, "the system takes everything");
    };
    assert!(matches!(error, LinkError::TimedOut), "{error:?}");
    beam.resume();
    // What was begun is finished, and nothing is lost.
    link.send(name("agent"), &Term::from(true)).unwrap();
    let count = "F = fun F(N) -> receive true -> N; B when byte_size(B) =:= 1048576 -> F(N + 1) end end, F(0)";
    assert_eq!(beam.text(count), (sent + 1).to_string());
}

#[test]
fn a_packet_above_the_limit_ends_the_connection() {
    let beam = Beam::start();
    let peer = beam.name().parse().unwrap();
    let mut link = Endpoint::new(config(&beam, "us").max_packet(1000))
        .connect(&peer)
        .unwrap();
    beam.eval("{any, 'us@127.0.0.1'} ! binary:copy(<<0>>, 900)");
    assert!(link.receive(WAIT).is_ok());
    beam.eval("{any, 'us@127.0.0.1'} ! binary:copy(<<0>>, 2000)");
    let error = link.receive(WAIT).unwrap_err();
    assert!(
        matches!(
            error,
            LinkError::Protocol(Error::TooLong { limit: 1000, .. })
        ),
        "{error:?}"
    );
}
