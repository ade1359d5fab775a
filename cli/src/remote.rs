//! Erlang that is evaluated on a node: what would take many calls is done there, and one answer comes back.

use std::time::Duration;

use einode::{Atom, Control, LinkError, Pid, Term, term};

use crate::connect::{Deadline, Link};
use crate::exit::Failure;
use crate::progress::Progress;

/// How a node is called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// In a process of its own, as `erpc:call/4`.
    Erpc,
    /// Through the server `rex`, as `rpc:call/4`.
    Rpc,
}

impl How {
    pub(crate) const fn rpc(is_rpc: bool) -> Self {
        if is_rpc { Self::Rpc } else { Self::Erpc }
    }
}

/// Calls a function of the node.
pub(crate) fn call(
    link: &mut Link,
    how: How,
    module: &str,
    function: &str,
    arguments: &[Term],
    deadline: Deadline,
) -> Result<Term, Failure> {
    let _progress = Progress::start(|| format!("waiting for {}", link.peer()));
    let left = deadline.left();
    Ok(match how {
        How::Erpc => link.erpc(module, function, arguments, left)?,
        How::Rpc => link.rpc(module, function, arguments, left)?,
    })
}

/// Evaluates a script in which the variables have these values, and gives what it comes to. A script is
/// expressions with a dot at the end, in ASCII.
pub(crate) fn evaluate(
    link: &mut Link,
    how: How,
    script: &str,
    variables: &[(&str, Term)],
    deadline: Deadline,
) -> Result<Term, Failure> {
    let arguments = evaluation(script, variables)?;
    let answer = call(link, how, "erl_eval", "exprs", &arguments, deadline)?;
    value(&answer)
}

/// What a call of `erl_eval:exprs/2` came to.
pub(crate) fn value(answer: &Term) -> Result<Term, Failure> {
    match answer.as_tuple() {
        // What the script came to, and what was bound around it.
        Some([value, result, _]) if value.is_atom("value") => Ok(result.clone()),
        _ => Err(unexpected(answer)),
    }
}

/// The node did not answer what it should.
pub(crate) fn unexpected(answer: &Term) -> Failure {
    let mut text = answer.to_string();
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
        text.push('…');
    }
    Failure::Call(format!("an answer that makes no sense: {text}"))
}

/// The arguments of `erl_eval:exprs/2` that evaluate a script: the abstract form of
/// `element(2, erl_eval:exprs(element(2, erl_parse:parse_exprs(element(2, erl_scan:string(Script)))), Variables))`.
/// So one call does it all, and what the script binds is not sent back.
pub(crate) fn evaluation(script: &str, variables: &[(&str, Term)]) -> Result<[Term; 2], Failure> {
    let script = term!({string, 1, (Term::string(script))});
    let tokens = apply(term!(erl_scan), term!(string), vec![script]);
    let forms = apply(term!(erl_parse), term!(parse_exprs), vec![second(tokens)]);
    let arguments = vec![second(forms), term!({var, 1, (VARIABLES)})];
    let evaluated = second(apply(term!(erl_eval), term!(exprs), arguments));
    let variables = term!([{ (VARIABLES), (bindings(variables)?) }]);
    Ok([term!([(evaluated)]), variables])
}

const VARIABLES: Atom = Atom::from_static("Variables");

fn second(of: Term) -> Term {
    apply(
        term!(erlang),
        term!(element),
        vec![term!({integer, 1, 2}), of],
    )
}

fn apply(module: Term, function: Term, arguments: Vec<Term>) -> Term {
    let function = term!({remote, 1, {atom, 1, (module)}, {atom, 1, (function)}});
    term!({call, 1, (function), (Term::list(arguments))})
}

/// Variables as `erl_eval` of all releases takes them: an orddict.
fn bindings(variables: &[(&str, Term)]) -> Result<Term, Failure> {
    let mut variables: Vec<_> = variables.iter().collect();
    variables.sort_by_key(|(name, _)| *name);
    let binding = |(name, value): &(&str, Term)| {
        let name = Atom::new(name).map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(term!({(name), (value.clone())}))
    };
    let bindings = variables
        .into_iter()
        .map(binding)
        .collect::<Result<_, Failure>>()?;
    Ok(Term::list(bindings))
}

/// A process of the node that evaluates a script and sends us terms, for as long as we are connected.
///
/// It is linked with us before it does anything, so it cannot outlive us.
pub(crate) struct Feed {
    link: Link,
    process: Pid,
}

impl Feed {
    /// Starts a script in which `Us` is whom to send to.
    pub(crate) fn start(
        mut link: Link,
        script: &str,
        variables: &[(&str, Term)],
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let script = script.trim_end();
        let script = script.strip_suffix('.').unwrap_or(script);
        let script = format!("spawn(fun() -> link(Us),\n{script}\nend).");
        let us = ("Us", Term::from(link.pid().clone()));
        let variables: Vec<_> = variables.iter().cloned().chain([us]).collect();
        let started = evaluate(&mut link, How::Erpc, &script, &variables, deadline)?;
        match started.as_pid().cloned() {
            Some(process) => Ok(Self { link, process }),
            None => Err(unexpected(&started)),
        }
    }

    pub(crate) const fn process(&self) -> &Pid {
        &self.process
    }

    /// The connection, to ask for something else meanwhile.
    pub(crate) const fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// The next term that it sends.
    pub(crate) fn next(&mut self) -> Result<Term, Failure> {
        loop {
            if let Some(term) = self.wait(Duration::MAX)? {
                return Ok(term);
            }
        }
    }

    /// The next term that it sends, if one comes in this time.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<Option<Term>, Failure> {
        let until = Deadline::after(time);
        loop {
            let signal = match self.link.receive(until.left()) {
                Err(LinkError::TimedOut) => return Ok(None),
                received => received?,
            };
            let payload = signal.payload.as_ref().map(|payload| payload.term());
            let term = payload.unwrap_or_else(|| Ok(Term::nil()));
            let term = term.map_err(|error| Failure::Call(error.to_string()))?;
            match signal.control {
                Control::Send { .. } => return Ok(Some(term)),
                Control::Exit { from, .. } if from == self.process => {
                    return Err(Failure::Call(format!(
                        "the process that collects on the node has ended: {term}"
                    )));
                }
                // Of others.
                _ => {}
            }
        }
    }
}
