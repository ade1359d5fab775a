use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clap::Args;
use einode::{Term, term};

use crate::args::Peer;
use crate::exit::{self, Failure};
use crate::fields::Fields;
use crate::json::Json;
use crate::output;
use crate::remote::{self, How};
use crate::style::Style;

const EXAMPLES: &str = "\
Examples:
  einode nodes shop@db.example
  einode nodes --json shop@db.example

The node is asked whom it is connected with, and has those asked the same. In the picture, the nodes are numbered
and each has a row and a column:
  +  connected        -  not connected: this link is missing        ?  neither of the two has answered
Hidden nodes need no links with all others, and are listed below. This program is left out.";

#[derive(Debug, Args)]
#[command(after_help = [EXAMPLES, exit::CODES].join("\n\n"))]
pub(crate) struct Nodes {
    #[command(flatten)]
    peer: Peer,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints who is connected with whom.
pub(crate) fn run(args: &Nodes) -> Result<(), Failure> {
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    let script = include_str!("erlang/nodes.erl");
    // Two rounds of questions, one after the other, and then the answer.
    let timeout = u64::try_from(deadline.left().as_millis() / 3).unwrap_or(u64::MAX);
    let variables = [
        ("Us", Term::from(link.pid().clone())),
        ("Timeout", Term::from(timeout)),
    ];
    let answer = remote::evaluate(&mut link, How::Erpc, script, &variables, deadline)?;
    let mesh = Mesh::read(&answer)?;
    if !args.json {
        return output::line(mesh);
    }
    let missing = mesh.missing().into_iter();
    let missing: Vec<Term> = missing
        .map(|(a, b)| term!([(Term::binary(a.as_bytes())), (Term::binary(b.as_bytes()))]))
        .collect();
    output::line(Json(&term!(#{
        nodes => (answer),
        missing => (Term::list(missing)),
    })))
}

/// Who is connected with whom, by what each says.
struct Mesh {
    /// The node that was asked.
    node: String,
    /// All visible nodes that anyone knows, and whom each sees if it has answered.
    visible: BTreeMap<String, Option<BTreeSet<String>>>,
    /// All hidden nodes, and who sees them.
    hidden: BTreeMap<String, BTreeSet<String>>,
}

/// What is known of a pair of nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pair {
    Same,
    Connected,
    Missing,
    Unknown,
}

impl Mesh {
    fn read(answer: &Term) -> Result<Self, Failure> {
        let mut mesh = Self {
            node: String::new(),
            visible: BTreeMap::new(),
            hidden: BTreeMap::new(),
        };
        for (index, told) in answer.items()?.iter().enumerate() {
            let node = told.field("node")?.text()?;
            let is_hidden = told.field("hidden")?.truth()?;
            if index == 0 {
                mesh.node = node.into();
            }
            if is_hidden {
                mesh.hidden.entry(node.into()).or_default();
            } else {
                mesh.visible.entry(node.into()).or_default();
            }
            let sees = told.field("sees")?;
            if sees.is_atom("undefined") {
                continue;
            }
            let mut seen = BTreeSet::new();
            for visible in sees.field("visible")?.items()? {
                let visible = visible.text()?;
                mesh.visible.entry(visible.into()).or_default();
                if is_hidden {
                    mesh.hidden
                        .entry(node.into())
                        .or_default()
                        .insert(visible.into());
                }
                seen.insert(visible.to_owned());
            }
            for hidden in sees.field("hidden")?.items()? {
                let by = mesh.hidden.entry(hidden.text()?.into()).or_default();
                by.insert(node.into());
            }
            if !is_hidden {
                mesh.visible.insert(node.into(), Some(seen));
            }
        }
        Ok(mesh)
    }

    fn pair(&self, a: &str, b: &str) -> Pair {
        let sees = |a: &str, b: &str| Some(self.visible.get(a)?.as_ref()?.contains(b));
        match (sees(a, b), sees(b, a)) {
            _ if a == b => Pair::Same,
            (None, None) => Pair::Unknown,
            (Some(true), _) | (_, Some(true)) => Pair::Connected,
            _ => Pair::Missing,
        }
    }

    /// The pairs of visible nodes that are not connected.
    fn missing(&self) -> Vec<(&str, &str)> {
        let names: Vec<&str> = self.visible.keys().map(String::as_str).collect();
        let pairs = names.iter().enumerate().flat_map(|(index, a)| {
            let later = names.iter().skip(index + 1);
            later.map(move |b| (*a, *b))
        });
        pairs
            .filter(|(a, b)| self.pair(a, b) == Pair::Missing)
            .collect()
    }
}

impl fmt::Display for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.visible.keys().map(|name| name.chars().count());
        let width = width.max().unwrap_or(0);
        let digits = self.visible.len().to_string().len();
        write!(f, "{:width$} {:digits$}", "", "")?;
        for number in 1..=self.visible.len() {
            write!(f, " {number:>digits$}")?;
        }
        for (number, (name, told)) in (1..).zip(&self.visible) {
            let style = match told {
                _ if *name == self.node => Style::Bold,
                Some(_) => Style::Plain,
                None => Style::Dim,
            };
            let name = format!("{name:width$}");
            write!(f, "\n{number:>digits$} {}", style.paint(&name))?;
            let name = name.trim_end();
            for other in self.visible.keys() {
                let (style, mark) = match self.pair(name, other) {
                    Pair::Same => (Style::Dim, "."),
                    Pair::Connected => (Style::Green, "+"),
                    Pair::Missing => (Style::Red, "-"),
                    Pair::Unknown => (Style::Yellow, "?"),
                };
                write!(f, " {}", style.paint(format_args!("{mark:>digits$}")))?;
            }
        }
        for (a, b) in self.missing() {
            let missing = Style::Red.paint("missing");
            write!(f, "\n{missing}: {a} and {b} are not connected")?;
        }
        for (hidden, seen) in &self.hidden {
            let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
            let seen = seen.join(", ");
            write!(
                f,
                "\n{}: {hidden}, connected with {seen}",
                Style::Dim.paint("hidden")
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_shows_what_is_missing() {
        let answer: Term = "[#{node => 'a@x', hidden => false,
               sees => #{visible => ['b@x', 'long@x'], hidden => ['h@x']}},
             #{node => 'b@x', hidden => false, sees => #{visible => ['a@x', 'd@x'], hidden => []}},
             #{node => 'long@x', hidden => false, sees => undefined},
             #{node => 'h@x', hidden => true, sees => undefined}]"
            .parse()
            .unwrap();
        let mesh = Mesh::read(&answer).unwrap();
        assert_eq!(
            mesh.to_string(),
            "         1 2 3 4\n\
             1 a@x    . + - +\n\
             2 b@x    + . + -\n\
             3 d@x    - + . ?\n\
             4 long@x + - ? .\n\
             missing: a@x and d@x are not connected\n\
             missing: b@x and long@x are not connected\n\
             hidden: h@x, connected with a@x"
        );
    }
}
