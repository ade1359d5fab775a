//! Questions to the daemon of this host. What is printed is what OTP's epmd prints, to the byte.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::options::Question;
use crate::output;

/// How long a daemon may keep us waiting. OTP's epmd has no limit here.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than any list of names that there is.
const LONGEST: u64 = 64 * 1024 * 1024;

pub(super) fn run(port: u16, question: &Question) -> ExitCode {
    if let Question::Stop(name) = question
        && name.len() > 1000
    {
        return end(b"epmd: Name too long!", ExitCode::FAILURE);
    }
    let Ok(stream) = connect(port) else {
        if matches!(question, Question::Started) {
            return ExitCode::FAILURE;
        }
        return super::fail("Cannot connect to local epmd");
    };
    let answer = match question {
        Question::Names | Question::Started => ask(stream, b"n"),
        Question::Dump => ask(stream, b"d"),
        Question::Kill => ask(stream, b"k"),
        Question::Stop(name) => ask(stream, &[b"s", bytes(name)].concat()),
    };
    match (question, answer) {
        (Question::Names | Question::Dump, Ok(answer)) => list(&answer),
        (Question::Started, Ok(answer)) if answer.len() >= 4 => ExitCode::SUCCESS,
        (Question::Kill, Ok(answer)) if answer.starts_with(b"OK") => {
            end(b"Killed\n", ExitCode::SUCCESS)
        }
        (Question::Kill, Ok(answer)) if answer.len() >= 2 => end(
            b"Killing not allowed - living nodes in database.\n",
            ExitCode::FAILURE,
        ),
        (Question::Stop(_), Ok(answer)) if answer.len() >= 7 => {
            end(&[&answer[..7], b"\n"].concat(), ExitCode::SUCCESS)
        }
        (Question::Kill | Question::Stop(_), Ok(_)) => {
            // Its end tells as much as what came before it.
            end(b"epmd: local epmd responded with <>\n", ExitCode::FAILURE)
        }
        (Question::Started, _) => ExitCode::FAILURE,
        (_, Err(error)) => {
            let _ = writeln!(io::stderr(), "epmd: {error}");
            let said: &[u8] = match question {
                Question::Names | Question::Dump => b"epmd: no response from local epmd\n",
                _ => b"epmd: failed to read answer from local epmd\n",
            };
            end(said, ExitCode::FAILURE)
        }
    }
}

/// Prints names after the port.
fn list(answer: &[u8]) -> ExitCode {
    let Some((port, names)) = answer.split_first_chunk() else {
        return end(b"epmd: no response from local epmd\n", ExitCode::FAILURE);
    };
    let port = i32::from_be_bytes(*port);
    let head = format!("epmd: up and running on port {port} with data:\n");
    end(&[head.as_bytes(), names].concat(), ExitCode::SUCCESS)
}

fn end(text: &[u8], code: ExitCode) -> ExitCode {
    match output::raw(text) {
        Ok(()) => code,
        Err(failure) => failure.report(),
    }
}

/// The daemon of this host, whatever else it listens on.
fn connect(port: u16) -> io::Result<TcpStream> {
    let to =
        |address: IpAddr| TcpStream::connect_timeout(&SocketAddr::new(address, port), PATIENCE);
    to(Ipv4Addr::LOCALHOST.into()).or_else(|_| to(Ipv6Addr::LOCALHOST.into()))
}

/// Sends a request, and gives all that comes before the end.
fn ask(mut stream: TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = u16::try_from(request.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), request].concat())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while (answer.len() as u64) < LONGEST {
        let left = until.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(answer),
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock || left.is_zero() => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("the answer has no end"))
}

#[cfg(unix)]
fn bytes(text: &OsStr) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(text)
}

#[cfg(not(unix))]
fn bytes(text: &OsStr) -> &[u8] {
    text.as_encoded_bytes()
}
