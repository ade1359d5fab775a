//! How a node is started.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::beam::{LOG, output};
use crate::{Beam, DEADLINE, Epmd, Otp};

/// How a [`Beam`] is started.
#[derive(Debug)]
pub struct Builder {
    otp: Otp,
    epmd: Option<Arc<Epmd>>,
    epmd_port: Option<u16>,
    home: TempDir,
    name: String,
    cookie: String,
    names: Names,
    interface: String,
    arguments: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Names {
    Long,
    Short,
    /// No distribution at all.
    None,
}

const AGENT: &str = include_str!("../erl/agent.erl");

impl Builder {
    /// A visible node of the given OTP with a fresh name at 127.0.0.1, until changed.
    ///
    /// # Panics
    /// If no home directory can be made for it.
    pub fn of(otp: Otp) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = format!(
            "{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let home = tempfile::Builder::new()
            .prefix("einode-")
            .tempdir_in(otp.temporary());
        Self {
            epmd: None,
            epmd_port: None,
            home: home.expect("a temporary directory"),
            name: format!("beam_{unique}@127.0.0.1"),
            cookie: format!("cookie_{unique}"),
            names: Names::Long,
            interface: "{127,0,0,1}".to_owned(),
            arguments: Vec::new(),
            otp,
        }
    }

    /// The full name, `alive@host`.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Starts it with `-sname`: its name's host part becomes `localhost`, unless it is named later.
    pub fn short_name(mut self) -> Self {
        self.names = Names::Short;
        self.name = self.name.replace("@127.0.0.1", "@localhost");
        self
    }

    /// Starts it without distribution.
    pub fn alone(mut self) -> Self {
        self.names = Names::None;
        self.name = "nonode@nohost".to_owned();
        self
    }

    /// The cookie, which otherwise is a fresh one.
    pub fn cookie(mut self, cookie: &str) -> Self {
        self.cookie = cookie.to_owned();
        self
    }

    /// The port mapper to register with, which otherwise is a fresh one: nodes that shall find each
    /// other share one.
    pub fn epmd(mut self, epmd: &Arc<Epmd>) -> Self {
        self.epmd = Some(Arc::clone(epmd));
        self
    }

    /// The port of a port mapper that is none of OTP's, to register with.
    pub fn epmd_port(mut self, port: u16) -> Self {
        self.epmd_port = Some(port);
        self
    }

    /// Starts it with `-hidden`.
    pub fn hidden(self) -> Self {
        self.arguments(["-hidden"])
    }

    /// The address it accepts distribution connections on, as an Erlang term: `{127,0,0,1}` until
    /// changed.
    pub fn interface(mut self, address: &str) -> Self {
        self.interface = address.to_owned();
        self
    }

    /// More arguments for `erl`.
    pub fn arguments<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(str::to_owned));
        self
    }

    /// Writes a file to the node's home directory, which is its current directory: arguments and
    /// expressions can name it by `name` alone.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn file(self, name: &str, contents: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.home.path().join(name), contents)
            .expect("a file in the node's home directory");
        self
    }

    /// Starts the node and waits until it is up.
    ///
    /// # Panics
    /// If it is not up within [`DEADLINE`].
    pub fn start(mut self) -> Beam {
        if self.names != Names::None && self.epmd.is_none() && self.epmd_port.is_none() {
            self.epmd = Some(Arc::new(Epmd::of(&self.otp)));
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on 127.0.0.1");
        let port = listener
            .local_addr()
            .expect("the port of a bound socket")
            .port();
        let mut child = self.command(port).spawn().expect("sh, to run erl");
        let agent = match accept(&listener, &mut child) {
            Ok(agent) => agent,
            Err(why) => {
                let _ = child.kill();
                let _ = child.wait();
                panic!(
                    "{} did not start: {why}; it printed:\n{}",
                    self.name,
                    output(&self.home)
                );
            }
        };
        let mut beam = Beam {
            child,
            agent: Mutex::new(agent),
            home: self.home,
            otp: self.otp,
            epmd: self.epmd,
            name: self.name,
            cookie: self.cookie,
            release: 0,
        };
        let release = beam.binary("list_to_binary(erlang:system_info(otp_release))", &[]);
        beam.release = String::from_utf8_lossy(&release)
            .parse()
            .expect("a release number");
        beam
    }

    fn command(&self, agent: u16) -> Command {
        let home = self.otp.inside(self.home.path());
        let log = File::create(self.home.path().join(LOG))
            .expect("a log file in the node's home directory");
        let mut command = self.otp.command("sh");
        command
            .args(["-c", r#"cd "$HOME" && exec erl "$@""#, "erl", "-noinput"])
            .args(["-einode_agent", &agent.to_string(), "-eval", AGENT])
            .env("HOME", home)
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle on the log file"))
            .stderr(log);
        let of_otp = self.epmd.as_ref().map(|epmd| epmd.port());
        if let Some(port) = self.epmd_port.or(of_otp) {
            command
                .env("ERL_EPMD_PORT", port.to_string())
                .args([
                    if self.names == Names::Short {
                        "-sname"
                    } else {
                        "-name"
                    },
                    &self.name,
                ])
                .args(["-setcookie", &self.cookie, "-start_epmd", "false"])
                .args(["-kernel", "inet_dist_use_interface", &self.interface]);
        }
        command.args(&self.arguments);
        command
    }
}

/// The agent's connection, once the node has come up.
fn accept(listener: &TcpListener, child: &mut Child) -> Result<TcpStream, String> {
    let end = Instant::now() + DEADLINE;
    let text = |error: std::io::Error| error.to_string();
    listener.set_nonblocking(true).map_err(text)?;
    loop {
        match listener.accept() {
            Ok((agent, _)) => {
                agent.set_nonblocking(false).map_err(text)?;
                agent.set_nodelay(true).map_err(text)?;
                agent.set_read_timeout(Some(DEADLINE)).map_err(text)?;
                agent.set_write_timeout(Some(DEADLINE)).map_err(text)?;
                return Ok(agent);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(text(error)),
        }
        if let Some(status) = child.try_wait().map_err(text)? {
            return Err(format!("it ended with {status}"));
        }
        if Instant::now() > end {
            return Err(format!("it was not up within {DEADLINE:?}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
