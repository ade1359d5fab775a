use std::str::FromStr;

use einode::{Atom, Term};

use crate::args::Call;
use crate::exit::Failure;
use crate::json::Json;
use crate::output;

/// Prints what a function returns.
pub(crate) fn run(args: &Call) -> Result<(), Failure> {
    let Function {
        module,
        name,
        arguments,
    } = &args.function;
    let (module, name) = (module.as_str(), name.as_str());
    let deadline = args.peer.limit.start();
    let mut link = args.peer.connect(deadline)?;
    let value = if args.rpc {
        link.rpc(module, name, arguments, deadline.left())?
    } else {
        link.erpc(module, name, arguments, deadline.left())?
    };
    if args.json {
        output::line(Json(&value))
    } else {
        output::line(value)
    }
}

/// A call in Erlang syntax: `lists:sum([1, 2])`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    module: Atom,
    name: Atom,
    arguments: Vec<Term>,
}

impl FromStr for Function {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const SHAPE: &str = "expected module:function(Arguments)";
        let text = text.trim();
        let (module, rest) = atom(text)?;
        let (name, rest) = atom(rest.strip_prefix(':').ok_or(SHAPE)?)?;
        let arguments = rest
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'));
        // What is between parentheses is what is between the braces of a tuple. With spaces for what
        // comes before it, errors have the right position.
        let before = text[..text.len() - rest.len()].chars().map(|_| ' ');
        let tuple = format!(
            "{}{{{}}}",
            before.collect::<String>(),
            arguments.ok_or(SHAPE)?
        );
        let tuple: Term = tuple.parse().map_err(|error| format!("{error}"))?;
        let arguments = tuple.as_tuple().ok_or(SHAPE)?.to_vec();
        Ok(Self {
            module,
            name,
            arguments,
        })
    }
}

/// The atom at the beginning of a text, and what follows.
fn atom(text: &str) -> Result<(Atom, &str), String> {
    let (atom, rest) = text.split_at(end_of_atom(text));
    let term: Term = atom
        .parse()
        .map_err(|error| format!("in place of an atom: {error}"))?;
    let atom = term.as_atom().ok_or("expected an atom")?;
    Ok((atom.clone(), rest))
}

fn end_of_atom(text: &str) -> usize {
    let Some(quoted) = text.strip_prefix('\'') else {
        let part_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '@';
        return text.find(|c| !part_of_name(c)).unwrap_or(text.len());
    };
    let mut escaped = false;
    let end = quoted.find(|c| {
        let ends = c == '\'' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use einode::term;

    fn parse(text: &str) -> Result<(String, String, Vec<Term>), String> {
        let Function {
            module,
            name,
            arguments,
        } = text.parse()?;
        Ok((module.as_str().into(), name.as_str().into(), arguments))
    }

    #[test]
    fn reads_calls() {
        let call = |module: &str, name: &str, arguments: &[Term]| {
            Ok((module.into(), name.into(), arguments.to_vec()))
        };
        assert_eq!(parse("erlang:node()"), call("erlang", "node", &[]));
        assert_eq!(parse(" a:b( {c, [1|2]} , \"x)\" ) "), {
            call(
                "a",
                "b",
                &["{c,[1|2]}".parse().unwrap(), Term::string("x)")],
            )
        });
        assert_eq!(
            parse("'Elixir.A':'it\\'s:('(1)"),
            call("Elixir.A", "it's:(", &[term!(1)])
        );
    }

    #[test]
    fn refuses_what_is_no_call() {
        for bad in [
            "",
            "erlang",
            "erlang:node",
            "erlang:node(",
            "erlang:node)",
            "erlang:node(1",
            "a:b(1|2)",
            "a:b(1) + 1",
            "A:b()",
            "1:b()",
            "'a:b()",
            ":b()",
            "a:()",
            "a : b()",
            "a:b(1,)",
            "a:b(,)",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
