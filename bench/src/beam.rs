//! The BEAM as a peer: a process that runs `erl/codec_peer.erl` and does one measurement per request.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/erl/codec_peer.erl");

/// A running BEAM. Payloads are known to it by the order in which they were loaded.
pub struct Beam {
    process: Child,
    requests: ChildStdin,
    answers: ChildStdout,
    compiled: PathBuf,
}

impl Beam {
    /// Compiles the Erlang side with the `erlc` in PATH and starts it.
    pub fn start() -> io::Result<Self> {
        let compiled = std::env::temp_dir().join(format!("einode-bench-{}", std::process::id()));
        std::fs::create_dir_all(&compiled)?;
        let erlc = Command::new("erlc")
            .arg("-o")
            .arg(&compiled)
            .arg(SOURCE)
            .status()?;
        if !erlc.success() {
            return Err(io::Error::other("erlc failed"));
        }
        let mut process = Command::new("erl")
            .args([
                "-noinput",
                "-start_epmd",
                "false",
                "-s",
                "codec_peer",
                "main",
                "-pa",
            ])
            .arg(&compiled)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let requests = process
            .stdin
            .take()
            .ok_or_else(|| io::Error::other("no pipe to erl"))?;
        let answers = process
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no pipe from erl"))?;
        Ok(Self {
            process,
            requests,
            answers,
            compiled,
        })
    }

    /// Loads the next payload; its number of terms, and the length of what the BEAM encodes it to.
    pub fn load(&mut self, payload: &[u8]) -> io::Result<(u64, u64)> {
        let answer = self.ask(&[b"L", payload])?;
        let (terms, len) = answer
            .split_first_chunk()
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok((u64::from_be_bytes(*terms), number(len)?))
    }

    /// Whether `bytes` are the same term as payload `index`, by `=:=`.
    pub fn same(&mut self, index: u32, bytes: &[u8]) -> io::Result<bool> {
        Ok(number(&self.ask(&[b"S", &index.to_be_bytes(), bytes])?)? == 1)
    }

    /// The time `binary_to_term/1` takes for payload `index`, `count` times, garbage collection included.
    pub fn decode(&mut self, index: u32, count: u32) -> io::Result<Duration> {
        let answer = self.ask(&[b"D", &index.to_be_bytes(), &count.to_be_bytes()])?;
        number(&answer).map(Duration::from_nanos)
    }

    /// The same for `term_to_binary/2`.
    pub fn encode(&mut self, index: u32, count: u32) -> io::Result<Duration> {
        let answer = self.ask(&[b"E", &index.to_be_bytes(), &count.to_be_bytes()])?;
        number(&answer).map(Duration::from_nanos)
    }

    fn ask(&mut self, parts: &[&[u8]]) -> io::Result<Vec<u8>> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        self.requests.write_all(&(len as u32).to_be_bytes())?;
        for part in parts {
            self.requests.write_all(part)?;
        }
        self.requests.flush()?;
        let mut len = [0; 4];
        self.answers.read_exact(&mut len)?;
        let mut answer = vec![0; u32::from_be_bytes(len) as usize];
        self.answers.read_exact(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        // What cannot be cleaned up while leaving is left to the system.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.compiled);
    }
}

fn number(answer: &[u8]) -> io::Result<u64> {
    let bytes = answer
        .try_into()
        .map_err(|_| io::Error::other("an answer of the wrong size"))?;
    Ok(u64::from_be_bytes(bytes))
}
