use std::str::FromStr;

use super::ParseError;
use super::scan::{Scanner, begins_atom};
use crate::{Atom, Export, Pid, Port, Reference, Term};

impl FromStr for Term {
    type Err = ParseError;

    /// Reads a term in Erlang syntax; a full stop may follow it.
    ///
    /// What [`Display`](std::fmt::Display) prints is read as the same term, but for local funs and
    /// native records, which are no literals, and for the creation of pids, ports and references,
    /// which is not printed. It becomes 0, which no running node has, so such an identifier is good to
    /// look at and to send on, but a node takes it for one of an earlier life.
    ///
    /// ```
    /// use einode_etf::{Term, term};
    ///
    /// let term: Term = r#"
    ///     #{name => 'Mike', langs => ["erlang" | []], mask => 16#ff,  % a comment
    ///       data => <<1, 2:3, "å"/utf8>>}.
    /// "#.parse()?;
    /// assert_eq!(term.as_map().unwrap().get_atom("mask"), Some(&term!(255)));
    /// # Ok::<(), einode_etf::ParseError>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut scanner = Scanner::new(text);
        let term = scanner.term()?;
        scanner.finish()?;
        Ok(term)
    }
}

/// Reads the term at the beginning of `text` and gives what follows it, too.
///
/// ```
/// use einode_etf::{term, text};
///
/// assert_eq!(text::parse_prefix("{a, 1}. b.")?, (term!({a, 1}), ". b."));
/// # Ok::<(), einode_etf::ParseError>(())
/// ```
///
/// # Errors
/// [`ParseError`] when no term begins there.
pub fn parse_prefix(text: &str) -> Result<(Term, &str), ParseError> {
    let mut scanner = Scanner::new(text);
    let term = scanner.term()?;
    Ok((term, scanner.ahead()))
}

/// Reads a call with its arguments: `module:function(Argument, …)`; a full stop may follow it.
///
/// ```
/// use einode_etf::{term, text};
///
/// let (module, function, arguments) = text::parse_call("lists:seq(1, 10)")?;
/// assert_eq!((module.as_str(), function.as_str()), ("lists", "seq"));
/// assert_eq!(arguments, [term!(1), term!(10)]);
/// # Ok::<(), einode_etf::ParseError>(())
/// ```
///
/// # Errors
/// [`ParseError`] when it is not exactly that.
pub fn parse_call(text: &str) -> Result<(Atom, Atom, Vec<Term>), ParseError> {
    let mut scanner = Scanner::new(text);
    let module = scanner.atom()?;
    scanner.need(":", "`:` and a function")?;
    let function = scanner.atom()?;
    scanner.need("(", "`(` and arguments")?;
    let mut arguments = Vec::new();
    if !scanner.eat(")") {
        arguments.push(scanner.term()?);
        while scanner.eat(",") {
            arguments.push(scanner.term()?);
        }
        scanner.need(")", "`,` or `)`")?;
    }
    scanner.finish()?;
    Ok((module, function, arguments))
}

/// A container whose end has not been read.
struct Open {
    shape: Shape,
    elements: Vec<Term>,
    /// How many lists it goes on for as their tail, as in `[a|[b|[c]]]`: so many `]` end them, too.
    continues: usize,
}

#[derive(Clone, Copy)]
enum Shape {
    Tuple,
    List,
    /// After `|`: one element is to come, and it is the tail.
    Tail,
    /// Keys and values take turns.
    Map,
}

/// What came of the beginning of a term.
enum Begun {
    Whole(Term),
    Open(Shape),
}

impl Scanner<'_> {
    /// A term. What is open is kept in a list, so terms may be as deep as memory allows.
    fn term(&mut self) -> Result<Term, ParseError> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut term = match self.begin()? {
                Begun::Whole(term) => term,
                Begun::Open(Shape::List) if open.last().is_some_and(Open::awaits_tail) => {
                    // To append each tail to what it is the tail of would be quadratic.
                    if let Some(here) = open.last_mut() {
                        here.shape = Shape::List;
                        here.continues += 1;
                    }
                    continue;
                }
                Begun::Open(shape) => {
                    open.push(Open::new(shape));
                    continue;
                }
            };
            // Puts the term into what is open around it, and that into the next, if it was the last.
            loop {
                let Some(mut here) = open.pop() else {
                    return Ok(term);
                };
                here.elements.push(term);
                if self.goes_on(&mut here)? {
                    open.push(here);
                    break;
                }
                term = here.close();
            }
        }
    }

    /// Reads what follows an element; false if that is the end of its container.
    fn goes_on(&mut self, open: &mut Open) -> Result<bool, ParseError> {
        match open.shape {
            Shape::Map if open.elements.len() % 2 == 1 => {
                self.need("=>", "`=>`")?;
                return Ok(true);
            }
            Shape::Tail => {
                self.end_list(open, "`]`")?;
                return Ok(false);
            }
            Shape::List if self.eat("|") => {
                open.shape = Shape::Tail;
                return Ok(true);
            }
            _ => {}
        }
        if self.eat(",") {
            return Ok(true);
        }
        match open.shape {
            Shape::List | Shape::Tail => self.end_list(open, "`,`, `|` or `]`")?,
            Shape::Tuple | Shape::Map => self.need("}", "`,` or `}`")?,
        }
        Ok(false)
    }

    fn end_list(&mut self, open: &Open, expected: &'static str) -> Result<(), ParseError> {
        self.need("]", expected)?;
        (0..open.continues).try_for_each(|_| self.need("]", "`]`"))
    }

    /// Reads a term up to its first element.
    fn begin(&mut self) -> Result<Begun, ParseError> {
        let first = self.skip_space();
        Ok(Begun::Whole(match first {
            Some('{') => return Ok(self.open("{", "}", Shape::Tuple)),
            Some('[') => return Ok(self.open("[", "]", Shape::List)),
            Some('#') => {
                self.eat("#");
                match self.skip_space() {
                    Some('{') => return Ok(self.open("{", "}", Shape::Map)),
                    _ if self.eat_here("Ref<") => self.reference()?.into(),
                    _ if self.eat_here("Port<") => self.port()?.into(),
                    _ => return Err(self.expected("`{`, `Ref<` or `Port<`")),
                }
            }
            Some('<') if self.eat("<<") => self.binary()?,
            Some('<') => self.pid()?.into(),
            Some('"') => Term::string(&self.string()?),
            Some('$') => {
                self.next_char();
                u32::from(self.char()?).into()
            }
            Some('0'..='9' | '+' | '-') => self.number()?,
            _ if self.eat_word("fun") => self.export()?.into(),
            Some(first) if first == '\'' || begins_atom(first) => self.atom()?.into(),
            _ => return Err(self.expected("a term")),
        }))
    }

    fn open(&mut self, begin: &str, end: &str, shape: Shape) -> Begun {
        self.eat(begin);
        if self.eat(end) {
            Begun::Whole(Open::new(shape).close())
        } else {
            Begun::Open(shape)
        }
    }

    /// `Module:Function/Arity`, after `fun`.
    fn export(&mut self) -> Result<Export, ParseError> {
        let module = self.atom()?;
        self.need(
            ":",
            "`:` (a fun is read only as `fun Module:Function/Arity`)",
        )?;
        let function = self.atom()?;
        self.need("/", "`/` and an arity")?;
        self.skip_space();
        let start = self.position();
        let arity = u8::try_from(&self.integer()?)
            .map_err(|_| self.error_at(start, "an arity from 0 to 255"))?;
        Ok(Export {
            module,
            function,
            arity,
        })
    }

    /// `<Node.Id.Serial>`
    fn pid(&mut self) -> Result<Pid, ParseError> {
        self.eat("<");
        let node = self.node()?;
        let id = self.id_number()?;
        let serial = self.id_number()?;
        self.need(">", "`>`")?;
        Ok(Pid::new(node, id, serial, 0))
    }

    /// `Node.Id>`, after `#Port<`.
    fn port(&mut self) -> Result<Port, ParseError> {
        let node = self.node()?;
        let id = self.id_number()?;
        self.need(">", "`>`")?;
        Ok(Port::new(node, id, 0))
    }

    /// `Node.Word…>`, after `#Ref<`: the most significant word comes first.
    fn reference(&mut self) -> Result<Reference, ParseError> {
        let start = self.position();
        let node = self.node()?;
        let mut words = Vec::new();
        while !self.eat(">") {
            words.push(self.id_number()?);
        }
        words.reverse();
        Reference::new(node, 0, &words)
            .map_err(|_| self.error_at(start, "a reference of 1 to 5 numbers"))
    }

    /// A number of an identifier, after the dot that separates it from what is before.
    fn id_number<N: FromStr>(&mut self) -> Result<N, ParseError> {
        let start = self.position();
        let dot = self.eat_here(".");
        let digits = self.take_while(|char| char.is_ascii_digit());
        match digits.parse() {
            Ok(number) if dot => Ok(number),
            _ => Err(self.error_at(start, "`.` and a number of this identifier")),
        }
    }
}

impl Open {
    const fn new(shape: Shape) -> Self {
        Self {
            shape,
            elements: Vec::new(),
            continues: 0,
        }
    }

    const fn awaits_tail(&self) -> bool {
        matches!(self.shape, Shape::Tail)
    }

    fn close(self) -> Term {
        let mut elements = self.elements;
        match self.shape {
            Shape::Tuple => Term::tuple(elements),
            Shape::List => Term::list(elements),
            Shape::Tail => match elements.pop() {
                Some(tail) => Term::improper(elements, tail),
                None => Term::nil(),
            },
            Shape::Map => Term::map_of_last(elements),
        }
    }
}
