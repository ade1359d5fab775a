use std::fmt::{self, Display, Formatter, Write};
use std::slice;

use super::number::print_float;
use super::scan::{RESERVED, begins_atom, begins_label, continues_atom, continues_node};
use crate::term::Repr;
use crate::{
    Atom, BitStr, Bits, Export, Fun, Integer, List, Map, Pid, Port, Record, Reference, Term,
};

impl Display for Term {
    /// As `io:format("~0tp", [Term])` on a node with its defaults (`+pc latin1`).
    ///
    /// Some things differ. Maps of more than 32 keys print in the order of the keys, not of a BEAM's
    /// hashes. `maybe` and `else` are quoted, as from OTP 27 on. Pids, ports and references say the
    /// name of their node, where a BEAM says a number that means something only to itself. The names in
    /// an external fun print as atoms do, where a BEAM quotes by other rules: `fun if:f/1` is none of
    /// its syntax. Binaries of Latin-1 text print as text, where OTP 29 prints numbers if they start
    /// like UTF-8.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match begin(self, f)? {
            Some(open) => open.print(f),
            None => Ok(()),
        }
    }
}

/// A container of which some elements are still to be printed.
struct Open<'t> {
    shape: Shape<'t>,
    left: slice::Iter<'t, Term>,
    /// Whether an element was printed.
    begun: bool,
}

enum Shape<'t> {
    Tuple,
    List { tail: Option<&'t Term> },
    Map { value_next: bool },
    Record { fields: slice::Iter<'t, Atom> },
}

impl<'t> Open<'t> {
    /// Prints the elements and all that is within them. What is open is kept in a list, so terms may
    /// be as deep as memory allows.
    fn print(self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut outer = Vec::new();
        let mut here = self;
        loop {
            if let Some(term) = here.next(f)? {
                if let Some(open) = begin(term, f)? {
                    outer.push(std::mem::replace(&mut here, open));
                }
            } else {
                match outer.pop() {
                    Some(above) => here = above,
                    None => return Ok(()),
                }
            }
        }
    }

    /// Prints what comes before the next element and gives it; after the last one, prints the end.
    fn next(&mut self, f: &mut Formatter<'_>) -> Result<Option<&'t Term>, fmt::Error> {
        let next = self.left.next();
        let separator = if self.begun { "," } else { "" };
        self.begun = true;
        match (&mut self.shape, next) {
            (Shape::Tuple | Shape::List { .. }, Some(_)) => f.write_str(separator)?,
            (Shape::Map { value_next }, Some(_)) => {
                f.write_str(if *value_next { " => " } else { separator })?;
                *value_next = !*value_next;
            }
            (Shape::Record { fields }, Some(_)) => {
                f.write_str(separator)?;
                if let Some(field) = fields.next() {
                    write!(f, "{field} = ")?;
                }
            }
            (Shape::List { tail }, None) => {
                if let Some(tail) = tail.take() {
                    f.write_char('|')?;
                    return Ok(Some(tail));
                }
                f.write_char(']')?;
            }
            (Shape::Tuple | Shape::Map { .. } | Shape::Record { .. }, None) => f.write_char('}')?,
        }
        Ok(next)
    }

    fn new(shape: Shape<'t>, elements: &'t [Term]) -> Self {
        Self {
            shape,
            left: elements.iter(),
            begun: false,
        }
    }

    fn list(
        elements: &'t [Term],
        tail: Option<&'t Term>,
        f: &mut Formatter<'_>,
    ) -> Result<Self, fmt::Error> {
        f.write_char('[')?;
        Ok(Self::new(Shape::List { tail }, elements))
    }

    fn map(elements: &'t [Term], f: &mut Formatter<'_>) -> Result<Self, fmt::Error> {
        f.write_str("#{")?;
        Ok(Self::new(Shape::Map { value_next: false }, elements))
    }

    fn record(record: &'t Record, f: &mut Formatter<'_>) -> Result<Self, fmt::Error> {
        write!(f, "#{}:{}{{", record.module, record.name)?;
        let fields = record.fields.iter();
        Ok(Self::new(Shape::Record { fields }, &record.values))
    }
}

/// Prints a term up to its first element.
fn begin<'t>(term: &'t Term, f: &mut Formatter<'_>) -> Result<Option<Open<'t>>, fmt::Error> {
    match &term.0 {
        Repr::Tuple(elements) => {
            f.write_char('{')?;
            return Ok(Some(Open::new(Shape::Tuple, elements)));
        }
        // Never a string: at least one element is no byte.
        Repr::List(elements) => return Open::list(elements, None, f).map(Some),
        Repr::Improper(elements) => {
            if let Some((tail, elements)) = elements.split_last() {
                return Open::list(elements, Some(tail), f).map(Some);
            }
        }
        Repr::Map(elements) => return Open::map(elements, f).map(Some),
        Repr::Record(record) => return Open::record(record, f).map(Some),
        Repr::String(bytes) => print_byte_list(bytes, f)?,
        Repr::Short(_) | Repr::Binary(_) => print_binary(term.as_binary().unwrap_or_default(), f)?,
        Repr::Bits(bits) => Display::fmt(&bits.as_bit_str(), f)?,
        Repr::Integer(value) => Display::fmt(value, f)?,
        Repr::Float(value) => print_float(*value, f)?,
        Repr::Atom(atom) => Display::fmt(atom, f)?,
        Repr::Pid(pid) => Display::fmt(pid, f)?,
        Repr::Port(port) => Display::fmt(port, f)?,
        Repr::Reference(reference) => Display::fmt(reference, f)?,
        Repr::Fun(fun) => Display::fmt(fun, f)?,
        Repr::Export(export) => Display::fmt(export, f)?,
    }
    Ok(None)
}

impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Open::record(self, f)?.print(f)
    }
}

impl Display for Map<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Open::map(self.pairs().as_flattened(), f)?.print(f)
    }
}

impl Display for List<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.as_bytes(), self.as_terms()) {
            (None, Some(elements)) => Open::list(elements, self.tail(), f)?.print(f),
            (bytes, _) => print_byte_list(bytes.unwrap_or_default(), f),
        }
    }
}

/// A list of bytes, as a string where they all are printable characters.
fn print_byte_list(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    if !bytes.is_empty() && bytes.iter().all(|&byte| is_printable(byte.into())) {
        return print_quoted(bytes.iter().map(|&byte| byte.into()), '"', f);
    }
    f.write_char('[')?;
    print_bytes(bytes, f)?;
    f.write_char(']')
}

/// A binary, as a string where its bytes are printable characters of UTF-8, or of Latin-1 where they
/// are no UTF-8.
fn print_binary(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("<<")?;
    match std::str::from_utf8(bytes) {
        Ok("") => {}
        Ok(text) if text.chars().all(is_printable) => {
            print_quoted(text.chars(), '"', f)?;
            if !text.is_ascii() {
                f.write_str("/utf8")?;
            }
        }
        Err(_) if bytes.iter().all(|&byte| is_printable(byte.into())) => {
            print_quoted(bytes.iter().map(|&byte| byte.into()), '"', f)?;
        }
        _ => print_bytes(bytes, f)?,
    }
    f.write_str(">>")
}

impl Display for BitStr<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(bytes) = self.as_binary() {
            return print_binary(bytes, f);
        }
        f.write_str("<<")?;
        if let [whole @ .., last] = self.bytes() {
            print_bytes(whole, f)?;
            let separator = if whole.is_empty() { "" } else { "," };
            let bits = self.last_bits();
            write!(f, "{separator}{}:{bits}", last >> (8 - bits))?;
        }
        f.write_str(">>")
    }
}

impl Display for Bits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.as_bit_str(), f)
    }
}

fn print_bytes(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    let mut separator = "";
    for byte in bytes {
        write!(f, "{separator}{byte}")?;
        separator = ",";
    }
    Ok(())
}

/// What a node shows as characters unless told otherwise: the graphic ones of Latin-1 and those
/// controls that have a letter to escape them with.
fn is_printable(char: char) -> bool {
    matches!(char, ' '..='~' | '\u{a0}'..='\u{ff}' | '\u{8}'..='\r' | '\u{1b}')
}

fn print_quoted(
    text: impl Iterator<Item = char>,
    quote: char,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    f.write_char(quote)?;
    for char in text {
        match char {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{b}' => f.write_str("\\v")?,
            '\u{c}' => f.write_str("\\f")?,
            '\u{1b}' => f.write_str("\\e")?,
            '\u{7f}' => f.write_str("\\d")?,
            '\\' => f.write_str("\\\\")?,
            '\0'..='\u{1f}' | '\u{80}'..='\u{9f}' => write!(f, "\\{:03o}", u32::from(char))?,
            _ if char == quote => write!(f, "\\{quote}")?,
            _ => f.write_char(char)?,
        }
    }
    f.write_char(quote)
}

impl Display for Atom {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.as_str();
        let mut chars = name.chars();
        let is_bare = chars.next().is_some_and(begins_atom)
            && chars.all(continues_atom)
            && !RESERVED.contains(&name);
        if is_bare {
            f.write_str(name)
        } else {
            print_quoted(name.chars(), '\'', f)
        }
    }
}

impl Display for Export {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "fun {}:{}/{}", self.module, self.function, self.arity)
    }
}

impl Display for Fun {
    /// `#Fun<module.index.uniq>`, as ERTS has it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "#Fun<{}.{}.{}>",
            self.module, self.old_index, self.old_uniq
        )
    }
}

/// `<node@host.id.serial>`
impl Display for Pid {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}.{}>", Node(self.node()), self.id(), self.serial())
    }
}

/// `#Port<node@host.id>`
impl Display for Port {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "#Port<{}.{}>", Node(self.node()), self.id())
    }
}

/// `#Ref<node@host.w2.w1.w0>`: the most significant word first, as ERTS has it.
impl Display for Reference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "#Ref<{}", Node(self.node()))?;
        let mut words = self.words().iter().rev();
        words.try_for_each(|word| write!(f, ".{word}"))?;
        f.write_char('>')
    }
}

/// The node of an identifier: quoted unless it looks like a node's name and cannot be confused with
/// the numbers that follow it.
struct Node<'a>(&'a Atom);

impl Display for Node<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.0.as_str();
        let is_bare = name.starts_with(|char: char| char.is_ascii_alphabetic())
            && name.chars().all(|char| continues_node(char) || char == '.')
            && name.split('.').skip(1).all(begins_label);
        if is_bare {
            f.write_str(name)
        } else {
            print_quoted(name.chars(), '\'', f)
        }
    }
}

/// Terms and their parts are debugged as they are printed, since that says all there is to say.
macro_rules! debug_as_display {
    ($($type:ty),* $(,)?) => { $(
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    )* };
}

debug_as_display!(
    Term,
    Atom,
    Integer,
    Pid,
    Port,
    Reference,
    Export,
    Fun,
    Record,
    List<'_>,
    Map<'_>,
    BitStr<'_>,
    Bits,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reader;

    fn atom(name: &str) -> Atom {
        Atom::new(name).unwrap()
    }

    #[test]
    fn identifiers_say_their_node() {
        for (node, printed) in [
            ("app@host", "app@host"),
            ("a-b_C@h1.example.com", "a-b_C@h1.example.com"),
            // Numbers of an address are not to be taken for those of the identifier.
            ("app@127.0.0.1", "'app@127.0.0.1'"),
            ("app@host.", "'app@host.'"),
            ("0", "'0'"),
            ("", "''"),
            ("a>\n", "'a>\\n'"),
        ] {
            let node = atom(node);
            let pid = Pid::new(node.clone(), 84, 1, 7);
            assert_eq!(pid.to_string(), format!("<{printed}.84.1>"));
            let port = Port::new(node.clone(), u64::MAX, 7);
            assert_eq!(
                port.to_string(),
                format!("#Port<{printed}.18446744073709551615>")
            );
            let reference = Reference::new(node, 7, &[1, 2, 3]).unwrap();
            assert_eq!(reference.to_string(), format!("#Ref<{printed}.3.2.1>"));
        }
    }

    #[test]
    fn words_that_some_releases_reserve_are_quoted() {
        assert_eq!(atom("maybe").to_string(), "'maybe'");
        assert_eq!(atom("else").to_string(), "'else'");
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn records_print_as_otp_29_prints_them() {
        // #rec:p{x = #rec:'Q z'{}, 'Y' = "abc"}, but for the name of its module.
        let bytes = b"C\0\0\0\x02\0w\x03recw\x01pw\x01xw\x01Y\
            C\0\0\0\0\x01w\x03recw\x03Q zk\0\x03abc";
        let term = Reader::new(bytes).term().unwrap();
        let text = "#rec:p{x = #rec:'Q z'{},'Y' = \"abc\"}";
        assert_eq!(term.to_string(), text);
        assert_eq!(term.as_record().unwrap().to_string(), text);
    }

    #[test]
    fn funs_and_looks_into_containers_print_too() {
        let fun = b"p\0\0\0\x40\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\x01\
            w\x01Ma\x05a\x07Xw\x01n\0\0\0\x01\0\0\0\0\0\0\0\x01a\x01";
        let term = Reader::new(fun).term().unwrap();
        assert_eq!(term.to_string(), "#Fun<'M'.5.7>");
        let term = Term::improper(vec![Term::from(1), Term::nil()], true.into());
        assert_eq!(term.as_list().unwrap().to_string(), "[1,[]|true]");
        assert_eq!(Term::string("hi").as_list().unwrap().to_string(), "\"hi\"");
        let term = Term::map(vec![(1.into(), 2.into())]).unwrap();
        assert_eq!(term.as_map().unwrap().to_string(), "#{1 => 2}");
    }
}
