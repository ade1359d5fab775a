//! A real Erlang node as a child process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use einode_etf::Term;
use tempfile::TempDir;

use crate::{Builder, DEADLINE, Epmd, Otp};

/// A running Erlang node, with a name, a cookie, an [`Epmd`] and a home directory of its own.
///
/// The test drives it over a private TCP connection, not over the distribution protocol:
/// [`eval`](Self::eval) evaluates Erlang expressions on it and waits for the value. All expressions
/// are evaluated by the same Erlang process, one at a time; it traps exits, and keeps its links,
/// its dictionary and its mailbox from one call to the next, so `self()` is a process that a test
/// can send to and ask later what arrived.
///
/// The node ends when this is dropped, and also when the test's process is killed.
///
/// ```
/// let node = einode_testkit::Beam::start();
/// assert_eq!(node.text("lists:sum([1, 2, 3])"), "6");
/// ```
#[derive(Debug)]
pub struct Beam {
    pub(crate) child: Child,
    pub(crate) agent: Mutex<TcpStream>,
    pub(crate) home: TempDir,
    pub(crate) otp: Otp,
    pub(crate) epmd: Option<Arc<Epmd>>,
    pub(crate) name: String,
    pub(crate) cookie: String,
    pub(crate) release: u32,
}

/// The file in the home directory that receives what the node prints.
pub(crate) const LOG: &str = "erl.log";

impl Beam {
    /// Starts a visible node with a fresh name at 127.0.0.1.
    ///
    /// # Panics
    /// If there is no Erlang, or if the node does not start.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts an Erlang runtime that is not a node: no name, no port mapper.
    ///
    /// # Panics
    /// If there is no Erlang, or if the runtime does not start.
    pub fn alone() -> Self {
        Self::builder().alone().start()
    }

    /// Chooses how to start a node.
    ///
    /// # Panics
    /// If there is no Erlang.
    pub fn builder() -> Builder {
        Builder::of(Otp::chosen())
    }

    /// The node's full name, `nonode@nohost` if it is [alone](Self::alone).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cookie it was started with.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The port mapper it registered with.
    ///
    /// # Panics
    /// If the node is [alone](Self::alone), or its port mapper is none of OTP's.
    pub fn epmd(&self) -> &Arc<Epmd> {
        self.epmd
            .as_ref()
            .expect("a node with a port mapper of OTP's")
    }

    /// The port of [`epmd`](Self::epmd).
    pub fn epmd_port(&self) -> u16 {
        self.epmd().port()
    }

    /// The OTP release, for instance 27.
    pub fn release(&self) -> u32 {
        self.release
    }

    /// The OTP it is of, for starting another node of the same release.
    pub fn otp(&self) -> &Otp {
        &self.otp
    }

    /// The TCP port on which it accepts distribution connections.
    pub fn port(&self) -> u16 {
        let alive = self.name.split_once('@').map_or("", |(alive, _)| alive);
        let answer =
            format!("{{port, Port, _}} = erl_epmd:port_please({alive:?}, {{127,0,0,1}}), Port");
        self.text(&answer).parse().expect("a port number")
    }

    /// Evaluates Erlang expressions (`A = 1, A + 1`, no dot at the end) and returns the last one's
    /// value.
    ///
    /// # Panics
    /// If the evaluation raises an exception or takes longer than [`DEADLINE`].
    #[track_caller]
    pub fn eval(&self, expressions: &str) -> Term {
        einode_etf::from_slice(&self.eval_bytes(expressions, &[]))
            .expect("a term of term_to_binary/1")
    }

    /// Evaluates Erlang expressions and returns the last one's value as `io:format("~0tp")` prints
    /// it.
    ///
    /// # Panics
    /// If the evaluation raises an exception or takes longer than [`DEADLINE`].
    #[track_caller]
    pub fn text(&self, expressions: &str) -> String {
        let bytes = self.binary(
            &format!(
                "unicode:characters_to_binary(io_lib:format(\"~0tp\", [begin {expressions}\n end]))"
            ),
            &[],
        );
        String::from_utf8(bytes).expect("UTF-8 from unicode:characters_to_binary/1")
    }

    /// Evaluates Erlang expressions, in which `Input` is the given binary, to a binary, and returns
    /// its bytes.
    ///
    /// # Panics
    /// If the value is no binary, the evaluation raises an exception or takes longer than
    /// [`DEADLINE`].
    #[track_caller]
    pub fn binary(&self, expressions: &str, input: &[u8]) -> Vec<u8> {
        let mut encoded = self.eval_bytes(expressions, input);
        // 131, BINARY_EXT, four bytes of length.
        assert!(
            encoded.starts_with(&[131, 109]),
            "not a binary: the value of `{expressions}`"
        );
        encoded.split_off(6)
    }

    /// Evaluates Erlang expressions, in which `Input` is the given binary, and returns what
    /// `term_to_binary/1` makes of the last one's value.
    ///
    /// # Panics
    /// If the evaluation raises an exception or takes longer than [`DEADLINE`].
    #[track_caller]
    pub fn eval_bytes(&self, expressions: &str, input: &[u8]) -> Vec<u8> {
        match self.try_eval_bytes(expressions, input) {
            Ok(bytes) => bytes,
            Err(exception) => panic!("{} raised on `{expressions}`:\n{exception}", self.name),
        }
    }

    /// Like [`eval_bytes`](Self::eval_bytes), but gives the text of an exception.
    ///
    /// # Panics
    /// If the evaluation takes longer than [`DEADLINE`].
    #[track_caller]
    pub fn try_eval_bytes(&self, expressions: &str, input: &[u8]) -> Result<Vec<u8>, String> {
        match self.ask(expressions, input) {
            Ok((b'o', value)) => Ok(value),
            Ok((_, exception)) => Err(String::from_utf8_lossy(&exception).into_owned()),
            Err(error) => panic!(
                "{} gave no answer to `{expressions}`: {error}; it printed:\n{}",
                self.name,
                self.output()
            ),
        }
    }

    /// Compiles a module from its source and loads it.
    ///
    /// # Panics
    /// If it does not compile.
    #[track_caller]
    pub fn load(&self, source: &str) {
        let path = self.home.path().join("module.erl");
        std::fs::write(&path, source).expect("a file in the node's home directory");
        self.eval_bytes(
            "{ok, Module, Code} = compile:file(\"module.erl\", [binary, return_errors]), \
             {module, Module} = code:load_binary(Module, \"module.erl\", Code)",
            &[],
        );
    }

    /// Waits until the expressions evaluate to `true`.
    ///
    /// # Panics
    /// If they do not within [`DEADLINE`].
    #[track_caller]
    pub fn wait_until(&self, expressions: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            let value = self.text(expressions);
            if value == "true" {
                return;
            }
            assert!(
                Instant::now() < end,
                "`{expressions}` is still {value} after {DEADLINE:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the node as a crash of its machine would: no goodbye to anyone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops the whole process in its tracks: connections stay up and silent until
    /// [`resume`](Self::resume).
    ///
    /// # Panics
    /// If the process is gone.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets a [paused](Self::pause) node go on.
    ///
    /// # Panics
    /// If the process is gone.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// What the node has printed so far.
    pub fn output(&self) -> String {
        output(&self.home)
    }

    fn ask(&self, expressions: &str, input: &[u8]) -> std::io::Result<(u8, Vec<u8>)> {
        let source = expressions.as_bytes();
        let length = u32::try_from(4 + source.len() + input.len()).expect("a request below 4 GiB");
        let mut agent = self.agent.lock().unwrap_or_else(PoisonError::into_inner);

        let mut request = Vec::with_capacity(8 + source.len() + input.len());
        request.extend_from_slice(&length.to_be_bytes());
        request.extend_from_slice(&(source.len() as u32).to_be_bytes());
        request.extend_from_slice(source);
        request.extend_from_slice(input);
        agent.write_all(&request)?;

        let mut head = [0; 5];
        agent.read_exact(&mut head)?;
        let [a, b, c, d, kind] = head;
        let mut answer = vec![0; (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(1)];
        agent.read_exact(&mut answer)?;
        Ok((kind, answer))
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .arg(signal)
            .arg(self.child.id().to_string())
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "kill {signal} of {}",
            self.name
        );
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.output();
            if !output.is_empty() {
                eprintln!("{} of OTP {} printed:\n{output}", self.name, self.release);
            }
        }
        self.kill();
    }
}

pub(crate) fn output(home: &TempDir) -> String {
    let path = home.path().join(LOG);
    std::fs::read(path)
        .map(|log| String::from_utf8_lossy(&log).into_owned())
        .unwrap_or_default()
}
