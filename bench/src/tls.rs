//! Messages over TLS: einode and an Erlang node, beside two Erlang nodes.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::einode::blocking::{Endpoint, Link, TcpSocket, TlsSocket};
use ::einode::tls::Tls;
use ::einode::{Atom, Config, Cookie, NodeName, Term, term};
use einode_testkit::{Beam, Epmd};
use rcgen::{CertificateParams, KeyPair};

use crate::Options;
use crate::measure::{Contest, Timed};

const PEER: &str = include_str!("../erl/tls_peer.erl");

const SIZES: [(&str, usize); 3] = [("64 B", 64), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)];

/// How much longer a peer works in a round than elsewhere: messages take longer here.
const LONGER: u32 = 4;

/// How long anything may take.
const WAIT: Duration = Duration::from_secs(60);

const EINODE: &str = "einode";
const OTP: &str = "OTP";

type TlsLink = Rc<RefCell<Link<TlsSocket<TcpSocket>>>>;

/// Measures, and prints a table.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let home = tempfile::tempdir()?;
    let (optfile, pem) = identity(home.path())?;
    let epmd = Arc::new(Epmd::start());
    let node = || {
        Beam::builder()
            .epmd(&epmd)
            .cookie("benchmark")
            .file("node.pem", &pem)
            .file("tls.conf", conf("node.pem"))
            .arguments(["-proto_dist", "inet_tls", "-ssl_dist_optfile", "./tls.conf"])
            .start()
    };
    let (there, here) = (node(), Rc::new(node()));
    for beam in [&there, &*here] {
        beam.load(PEER);
    }
    there.eval("tls_peer:start()");

    let name = NodeName::new("einode@127.0.0.1").map_err(io::Error::other)?;
    let config = Config::new(name, Cookie::new("benchmark").map_err(io::Error::other)?);
    let config = config.epmd_port(epmd.port());
    let endpoint =
        Endpoint::new(config).transport(Tls::from_optfile(optfile).map_err(io::Error::other)?);
    let peer = there.name().parse().map_err(io::Error::other)?;
    let link = Rc::new(RefCell::new(
        endpoint.connect(&peer).map_err(io::Error::other)?,
    ));

    let mut contests = Vec::new();
    for way in Way::ALL {
        for (_, size) in SIZES {
            let mut contest = Contest::new(way.name(), 1);
            contest.enter(EINODE, ours(&link, way, size));
            contest.enter(OTP, theirs(&here, there.name(), way, size));
            // The first time connects, and is no measure.
            contest.calibrate(options.slice * LONGER)?;
            contest.calibrate(options.slice * LONGER)?;
            contests.push(contest);
        }
    }
    for round in 0..options.rounds {
        for contest in &mut contests {
            contest.run(round)?;
        }
    }
    print(there.release(), &contests);
    Ok(())
}

/// What messages do.
#[derive(Clone, Copy)]
enum Way {
    /// They go to the Erlang node, which says at last that all have come.
    Push,
    /// They come from it.
    Pull,
    /// Each goes there, and comes back before the next.
    Ping,
}

impl Way {
    const ALL: [Self; 3] = [Self::Push, Self::Pull, Self::Ping];

    fn name(self) -> &'static str {
        match self {
            Self::Push => "to an Erlang node",
            Self::Pull => "from an Erlang node",
            Self::Ping => "there and back",
        }
    }

    fn function(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Ping => "ping",
        }
    }
}

/// The same options for all: one cipher suite, so that nobody has an easier one.
fn conf(pem: &str) -> String {
    let suite = r#"{versions, ['tlsv1.3']}, {ciphers, ["TLS_AES_256_GCM_SHA384"]}"#;
    format!(
        "[{{server, [{{certfile, {pem:?}}}, {suite}]}}, {{client, [{{verify, verify_none}}, {suite}]}}]."
    )
}

/// The option file for our side, and a certificate with its key for the others.
fn identity(home: &std::path::Path) -> io::Result<(std::path::PathBuf, String)> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).map_err(io::Error::other)?;
    let certificate = params.self_signed(&key).map_err(io::Error::other)?;
    let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
    let (file, optfile) = (home.join("node.pem"), home.join("tls.conf"));
    std::fs::write(&file, &pem)?;
    std::fs::write(&optfile, conf(&file.to_string_lossy()))?;
    Ok((optfile, pem))
}

fn ours(link: &TlsLink, way: Way, size: usize) -> Timed<'static> {
    let link = Rc::clone(link);
    let data = Term::binary(&vec![7; size]);
    let name = Atom::from_static;
    Box::new(move |count| {
        let link = &mut *link.borrow_mut();
        let start = Instant::now();
        match way {
            Way::Push => {
                let message = term!({data, (data.clone())});
                for _ in 0..count {
                    link.send(name("sink"), &message)
                        .map_err(io::Error::other)?;
                }
                link.send(name("sink"), &term!({done, (link.pid().clone())}))
                    .map_err(io::Error::other)?;
                require(receive(link)?.is_atom("done"))?;
            }
            Way::Pull => {
                let wish = term!({send, (link.pid().clone()), (size as u64), (count)});
                link.send(name("source"), &wish).map_err(io::Error::other)?;
                for _ in 0..count {
                    let message = receive(link)?;
                    let got = message
                        .as_tuple()
                        .and_then(|message| message.get(1)?.as_binary());
                    require(got.is_some_and(|got| got.len() == size))?;
                }
                require(receive(link)?.is_atom("done"))?;
            }
            Way::Ping => {
                let message = term!({(link.pid().clone()), (data.clone())});
                for _ in 0..count {
                    link.send(name("echo"), &message)
                        .map_err(io::Error::other)?;
                    require(receive(link)?.as_binary().map(<[u8]>::len) == Some(size))?;
                }
            }
        }
        Ok(start.elapsed())
    })
}

fn receive(link: &mut Link<TlsSocket<TcpSocket>>) -> io::Result<Term> {
    let signal = link.receive(WAIT).map_err(io::Error::other)?;
    let message = signal
        .message()
        .ok_or_else(|| io::Error::other("no message"))?;
    message.term().map_err(io::Error::other)
}

fn require(right: bool) -> io::Result<()> {
    match right {
        true => Ok(()),
        false => Err(io::Error::other("another message than was sent")),
    }
}

fn theirs(here: &Rc<Beam>, there: &str, way: Way, size: usize) -> Timed<'static> {
    let (here, there) = (Rc::clone(here), there.to_owned());
    Box::new(move |count| {
        let function = way.function();
        let nanos = here.text(&format!("tls_peer:{function}('{there}', {size}, {count})"));
        nanos
            .parse()
            .map(Duration::from_nanos)
            .map_err(io::Error::other)
    })
}

fn print(release: u32, contests: &[Contest<'_>]) {
    println!("OTP {release}, TLS 1.3, TLS_AES_256_GCM_SHA384\n");
    println!(
        "| messages | {OTP} and {OTP}: µs each | {EINODE} and {OTP}: µs each | MB/s | {EINODE}, how many times as fast |"
    );
    println!("| :-- | --: | --: | --: | --: |");
    for (contest, (text, size)) in contests.iter().zip(SIZES.iter().cycle()) {
        let micros = |peer| contest.ns_per_term(peer).unwrap_or_default() / 1e3;
        let (theirs, ours) = (micros(OTP), micros(EINODE));
        let (slow, fast) = (*size as f64 / theirs, *size as f64 / ours);
        print!(
            "| {}: {text} | {theirs:.1} | {ours:.1} | {slow:.1}, {fast:.1} |",
            contest.payload
        );
        if let Some(ratio) = contest.ratio(EINODE, OTP) {
            let (fastest, median, spread) = (ratio.fastest, ratio.median, ratio.spread * 100.0);
            println!(" {fastest:.2}× ({median:.2}× ±{spread:.0}%) |");
        }
    }
}
