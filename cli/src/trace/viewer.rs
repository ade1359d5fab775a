//! What comes of both directions of connections, told line by line.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::time::Duration;

use einode::dist::{Observation, Observed, Observer, Payload, Settings, Side};

use super::entry::{Entry, Value};
use super::{
    Show,
    feed::{Feed, What},
};
use crate::exit::Failure;
use crate::json::{self, Json};
use crate::style::Style;

/// How much of a term is shown on a terminal, in characters.
const SHORT: usize = 160;

/// Tells what connections carry.
pub(super) struct Viewer<'s> {
    show: &'s Show,
    /// How many characters of a term are shown.
    width: usize,
    connections: HashMap<u64, Connection>,
    /// When the first thing came.
    start: Option<Duration>,
    /// Messages and bytes, by operation.
    counts: BTreeMap<String, (u64, u64)>,
    out: BufWriter<Stdout>,
}

struct Connection {
    observer: Observer,
    /// Where the two sides are, which stands for their names until these are known.
    places: (String, String),
    /// Whether anything of it has been understood.
    understood: bool,
    /// Whether it is told of even if nothing of it is understood.
    certain: bool,
}

impl Connection {
    fn name(&self, side: Side) -> &str {
        let place = match side {
            Side::Initiator => &self.places.0,
            Side::Acceptor => &self.places.1,
        };
        self.observer.name(side).unwrap_or(place)
    }
}

impl<'s> Viewer<'s> {
    pub(super) fn new(show: &'s Show) -> Self {
        let cut = !show.full && io::stdout().is_terminal();
        Self {
            show,
            width: if cut { SHORT } else { usize::MAX },
            connections: HashMap::new(),
            start: None,
            counts: BTreeMap::new(),
            out: BufWriter::new(io::stdout()),
        }
    }

    /// Takes what has come, and tells what there is to tell; false when nobody wants to hear more.
    pub(super) fn take(&mut self, feed: Feed) -> Result<bool, Failure> {
        let Feed {
            time,
            connection: id,
            what,
        } = feed;
        let since = time.saturating_sub(*self.start.get_or_insert(time));
        let mut connection = match (what, self.connections.remove(&id)) {
            (What::Opened { from, to, certain }, _) => {
                let connection = Connection {
                    observer: Observer::new(&Settings::default()),
                    places: (from, to),
                    understood: false,
                    certain,
                };
                if certain {
                    self.note(id, time, since, &connection, "opened", "connected");
                }
                connection
            }
            (_, None) => return Ok(true),
            (What::Bytes(side, bytes), Some(mut connection)) => {
                connection.observer.receive(side, &bytes);
                connection
            }
            (What::Lost(side, bytes), Some(mut connection)) => {
                connection.observer.lost(side, bytes);
                connection
            }
            (What::Ended(side), Some(mut connection)) => {
                connection.observer.eof(side);
                connection
            }
            (What::Failed(problem), Some(connection)) => {
                self.note(id, time, since, &connection, "failed", &problem);
                connection
            }
            (What::Closed, Some(mut connection)) => {
                connection.observer.eof(Side::Initiator);
                connection.observer.eof(Side::Acceptor);
                self.drain(id, time, since, &mut connection);
                if connection.understood || connection.certain {
                    self.note(id, time, since, &connection, "closed", "closed");
                }
                return self.flush();
            }
        };
        self.drain(id, time, since, &mut connection);
        self.connections.insert(id, connection);
        self.flush()
    }

    /// The end of it all: how much there was of what.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if self.show.summary {
            let counts = std::mem::take(&mut self.counts);
            let mut rows: Vec<_> = counts.into_iter().collect();
            rows.sort_by_key(|(_, (_, bytes))| std::cmp::Reverse(*bytes));
            for (operation, (count, bytes)) in rows {
                let mut line = String::new();
                if self.show.json {
                    line.push_str("{\"event\":\"summary\",\"operation\":");
                    let _ = json::string(&operation, &mut line);
                    let _ = write!(line, ",\"count\":{count},\"bytes\":{bytes}}}");
                } else {
                    let _ = write!(line, "{operation:<24} {count:>10} {bytes:>14} B");
                }
                let _ = writeln!(self.out, "{line}");
            }
        }
        self.flush().map(drop)
    }

    fn drain(&mut self, id: u64, time: Duration, since: Duration, connection: &mut Connection) {
        while let Some((from, observation)) = connection.observer.poll() {
            let understood = !matches!(
                observation.observed,
                Observed::Midway | Observed::Skipped(_) | Observed::Malformed(_)
            );
            if understood && !connection.understood && !connection.certain {
                self.note(id, time, since, connection, "opened", "connected");
            }
            connection.understood |= understood;
            if connection.understood || connection.certain {
                self.tell(id, time, since, connection, from, &observation);
            }
        }
    }

    fn tell(
        &mut self,
        id: u64,
        time: Duration,
        since: Duration,
        connection: &Connection,
        from: Side,
        observation: &Observation,
    ) {
        let entry = Entry::of(observation);
        if entry.event == "fragment" && !self.show.verbose || !self.show.filter.shows(&entry) {
            return;
        }
        let count = self.counts.entry(entry.operation.clone()).or_default();
        *count = (count.0 + 1, count.1 + entry.size);
        let names = (connection.name(from), connection.name(from.other()));
        let line = if self.show.json {
            let mut line = start(id, time, entry.event, names);
            let _ = self.object(&entry, &mut line);
            line
        } else {
            self.line(id, since, from, names, &entry)
        };
        let _ = writeln!(self.out, "{line}");
    }

    /// Tells what is no message.
    fn note(
        &mut self,
        id: u64,
        time: Duration,
        since: Duration,
        connection: &Connection,
        event: &str,
        text: &str,
    ) {
        let names = (
            connection.name(Side::Initiator),
            connection.name(Side::Acceptor),
        );
        let line = if self.show.json {
            let mut line = start(id, time, event, names);
            line.push_str(",\"note\":");
            let _ = json::string(text, &mut line);
            line + "}"
        } else {
            let seconds = since.as_secs_f64();
            let text = Style::Dim.paint(text);
            format!("{seconds:>11.6} #{id} {} → {} {text}", names.0, names.1)
        };
        let _ = writeln!(self.out, "{line}");
    }

    fn line(
        &self,
        id: u64,
        since: Duration,
        from: Side,
        names: (&str, &str),
        entry: &Entry<'_>,
    ) -> String {
        let direction = if from == Side::Initiator {
            Style::Green
        } else {
            Style::Yellow
        };
        let style = match entry.event {
            "signal" => Style::Bold,
            "malformed" | "skipped" | "midway" | "tls" => Style::Red,
            _ => Style::Dim,
        };
        let mut line = format!(
            "{} #{id} {} {}",
            Style::Dim.paint(format_args!("{:>11.6}", since.as_secs_f64())),
            direction.paint(format_args!("{} → {}", names.0, names.1)),
            style.paint(&entry.operation),
        );
        match (&entry.sender, &entry.receiver) {
            (Some(from), Some(to)) => _ = write!(line, " {from} → {to}"),
            (Some(from), None) => _ = write!(line, " {from}"),
            (None, Some(to)) => _ = write!(line, " → {to}"),
            (None, None) => {}
        }
        for (key, value) in &entry.details {
            let text = match value {
                Value::Number(number) => number.to_string(),
                Value::Text(text) => text.clone(),
                Value::List(list) => list.join(","),
                Value::Term(term) => short(term, self.width),
            };
            let _ = write!(line, " {}{text}", Style::Dim.paint(format_args!("{key}=")));
        }
        if let Some(payload) = entry.payload {
            let _ = write!(line, " {}", short(payload, self.width));
        }
        if self.show.verbose && !entry.atoms.is_empty() {
            let atoms = entry.atoms.iter().map(|atom| {
                let new = if atom.new { "+" } else { "" };
                format!("{new}{}:{}", atom.slot, atom.atom)
            });
            let atoms: Vec<_> = atoms.collect();
            let _ = write!(
                line,
                " {}",
                Style::Dim.paint(format_args!("atoms={}", atoms.join(",")))
            );
        }
        let _ = write!(
            line,
            " {}",
            Style::Dim.paint(format_args!("{} B", entry.size))
        );
        line
    }

    fn object(&self, entry: &Entry<'_>, line: &mut String) -> fmt::Result {
        line.push_str(",\"operation\":");
        json::string(&entry.operation, line)?;
        write!(line, ",\"size\":{}", entry.size)?;
        for (key, end) in [("sender", &entry.sender), ("receiver", &entry.receiver)] {
            if let Some(end) = end {
                write!(line, ",\"{key}\":")?;
                json::string(end, line)?;
            }
        }
        for (key, value) in &entry.details {
            write!(line, ",\"{key}\":")?;
            match value {
                Value::Number(number) => write!(line, "{number}")?,
                Value::Text(text) => json::string(text, line)?,
                Value::List(list) => {
                    for (at, item) in list.iter().enumerate() {
                        line.push(if at == 0 { '[' } else { ',' });
                        json::string(item, line)?;
                    }
                    line.push_str(if list.is_empty() { "[]" } else { "]" });
                }
                Value::Term(term) => object_of(term, line)?,
            }
        }
        if let Some(payload) = entry.payload {
            line.push_str(",\"term\":");
            object_of(payload, line)?;
        }
        if self.show.verbose && !entry.atoms.is_empty() {
            for (at, atom) in entry.atoms.iter().enumerate() {
                line.push_str(if at == 0 { ",\"atoms\":[" } else { "," });
                write!(
                    line,
                    "{{\"slot\":{},\"new\":{},\"atom\":",
                    atom.slot, atom.new
                )?;
                json::string(atom.atom.as_str(), line)?;
                line.push('}');
            }
            line.push(']');
        }
        line.push('}');
        Ok(())
    }

    fn flush(&mut self) -> Result<bool, Failure> {
        match self.out.flush() {
            Ok(()) => Ok(true),
            // Whoever closed the pipe has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::Io(format!("standard output: {error}"))),
        }
    }
}

/// What all objects begin with.
fn start(id: u64, time: Duration, event: &str, (from, to): (&str, &str)) -> String {
    let mut line = format!(
        "{{\"time\":{:.6},\"connection\":{id},\"event\":\"{event}\",\"from\":",
        time.as_secs_f64()
    );
    let _ = json::string(from, &mut line);
    line.push_str(",\"to\":");
    let _ = json::string(to, &mut line);
    line
}

fn object_of(payload: &Payload, line: &mut String) -> fmt::Result {
    match payload.term() {
        Ok(term) => write!(line, "{}", Json(&term)),
        Err(error) => json::string(&format!("no term: {error}"), line),
    }
}

/// A term in Erlang syntax, cut to a length.
fn short(payload: &Payload, width: usize) -> String {
    let mut cut = Cut {
        text: String::new(),
        left: width,
    };
    match payload.term() {
        Ok(term) if write!(cut, "{term}").is_err() => cut.text + "…",
        Ok(_) => cut.text,
        Err(error) => format!("<no term: {error}>"),
    }
}

/// Takes so many characters, and fails at the next.
struct Cut {
    text: String,
    left: usize,
}

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(char);
        }
        Ok(())
    }
}
