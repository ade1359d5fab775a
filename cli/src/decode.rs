use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;
use einode_etf::{Term, tag};

use crate::exit::Failure;
use crate::json::{self, Json};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  einode decode '83 68 02 77 02 6f 6b 61 2a'
  einode decode --json --file session.etf
  einode encode '{ok, 42}' | einode decode";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, json::RULES].join("\n\n"))]
pub(crate) struct Decode {
    /// The bytes of the term as hexadecimal digits; by default they are read from standard input
    #[arg(value_name = "HEX")]
    hex: Option<String>,
    /// Read the bytes from a file, in which they may be as they are or as hexadecimal digits
    #[arg(long, short, value_name = "FILE", conflicts_with = "hex")]
    file: Option<PathBuf>,
    /// Print JSON; --help says how a term becomes JSON
    #[arg(long)]
    json: bool,
}

/// Prints the term that `binary_to_term/1` would make of the bytes, which may be compressed.
pub(crate) fn run(args: &Decode) -> Result<(), Failure> {
    let bytes = match (&args.hex, &args.file) {
        (Some(hex), _) => unhex(hex.as_bytes())?,
        (None, Some(file)) => {
            let read = fs::read(file);
            plain(read.map_err(|error| Failure::Io(format!("{}: {error}", file.display())))?)?
        }
        (None, None) => {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| Failure::Io(format!("standard input: {error}")))?;
            plain(bytes)?
        }
    };
    let term = Term::from_bytes(&bytes)
        .map_err(|error| Failure::Usage(format!("no term of the external format: {error}")))?;
    if args.json {
        output::line(Json(&term))
    } else {
        output::line(term)
    }
}

/// The bytes, also where they are written in hexadecimal digits: no digit is the first byte of a term.
fn plain(bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if bytes.first() == Some(&tag::VERSION) {
        Ok(bytes)
    } else {
        unhex(&bytes)
    }
}

fn unhex(digits: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut nibbles = Vec::with_capacity(digits.len());
    for (position, &byte) in digits.iter().enumerate() {
        if byte.is_ascii_whitespace() {
            continue;
        }
        let digit = char::from(byte).to_digit(16).ok_or_else(|| {
            let byte = byte.escape_ascii();
            Failure::Usage(format!(
                "no hexadecimal digit at position {position}: '{byte}'"
            ))
        })?;
        nibbles.push(digit as u8);
    }
    match nibbles.as_chunks() {
        (pairs, []) => Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect()),
        _ => Err(Failure::Usage("an odd number of hexadecimal digits".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::unhex;

    #[test]
    fn reads_digits_with_any_space_between_them() {
        assert_eq!(unhex(b"83 6A\n").unwrap(), [0x83, 0x6a]);
        assert_eq!(unhex(b" 8 3").unwrap(), [0x83]);
        assert_eq!(unhex(b"").unwrap(), []);
    }

    #[test]
    fn says_what_is_wrong_with_digits() {
        let message = |digits: &[u8]| unhex(digits).unwrap_err().to_string();
        assert_eq!(message(b"83x1"), "no hexadecimal digit at position 2: 'x'");
        assert_eq!(
            message(b"83\xff1"),
            "no hexadecimal digit at position 2: '\\xff'"
        );
        assert_eq!(message(b"836"), "an odd number of hexadecimal digits");
    }
}
