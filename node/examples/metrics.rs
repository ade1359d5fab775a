//! The numbers of a node as Prometheus reads them: text over HTTP, for which a socket is enough.
//!
//! ```text
//! cargo run -p einode --example metrics -- rust@127.0.0.1 secret 9464
//! curl http://127.0.0.1:9464/metrics
//! ```

use std::error::Error;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use einode::blocking::Node;
use einode::{Statistics, Status};

/// What Prometheus asks for.
pub(crate) fn exposition(node: &Status) -> String {
    let counted = node.statistics();
    let mut text = String::new();
    for (name, kind, value) in [
        ("einode_connections", "gauge", counted.connections),
        ("einode_processes", "gauge", counted.processes),
        (
            "einode_connections_initiated_total",
            "counter",
            counted.initiated,
        ),
        (
            "einode_connections_accepted_total",
            "counter",
            counted.accepted,
        ),
        ("einode_connections_failed_total", "counter", counted.failed),
        (
            "einode_connections_refused_total",
            "counter",
            counted.refused,
        ),
        ("einode_connections_lost_total", "counter", counted.lost),
        ("einode_messages_dropped_total", "counter", counted.dropped),
    ] {
        let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
    }
    // One family of numbers after the other, each with a line for every connection.
    let connections = node.connections();
    for (name, kind, of) in TRAFFIC {
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for connection in &connections {
            let (node, value) = (&connection.node, of(&connection.traffic));
            let _ = writeln!(text, "{name}{{node=\"{node}\"}} {value}");
        }
    }
    text
}

type Number = fn(&Statistics) -> u64;

const TRAFFIC: [(&str, &str, Number); 9] = [
    ("einode_received_bytes_total", "counter", |all| {
        all.received.bytes
    }),
    ("einode_received_signals_total", "counter", |all| {
        all.received.signals
    }),
    ("einode_received_atom_hits_total", "counter", |all| {
        all.received.atoms.hits
    }),
    ("einode_sent_bytes_total", "counter", |all| all.sent.bytes),
    ("einode_sent_signals_total", "counter", |all| {
        all.sent.signals
    }),
    ("einode_sent_fragments_total", "counter", |all| {
        all.sent.fragments
    }),
    ("einode_sent_atom_hits_total", "counter", |all| {
        all.sent.atoms.hits
    }),
    ("einode_queued_bytes", "gauge", |all| all.sent.queued),
    ("einode_ticks_missed_total", "counter", |all| {
        all.ticks_missed
    }),
];

#[allow(dead_code, reason = "a test uses the rest by itself")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, cookie, port] = &arguments[..] else {
        return Err("usage: metrics NAME COOKIE PORT".into());
    };
    let node = Node::builder(name).cookie(cookie).start()?;
    for asked in TcpListener::bind(("127.0.0.1", port.parse()?))?.incoming() {
        let mut asked = asked?;
        asked.set_read_timeout(Some(Duration::from_secs(5)))?;
        // Whatever is asked, there is one answer.
        let _ = asked.read(&mut [0; 4096])?;
        let text = exposition(&node);
        let length = text.len();
        write!(
            asked,
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\n\r\n{text}"
        )?;
    }
    Ok(())
}
