//! `erl_call`: OTP's program that calls functions on nodes, starts and halts them.
//!
//! What it prints on standard output and its exit codes are OTP's, since scripts depend on them; on standard
//! error it says more.

mod options;
mod rpc;
mod start;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use dns_lookup::{AddrInfoHints, getaddrinfo};
use einode::blocking::{Any, Endpoint, Epmd, Tcp};
use einode::cookie::{self, CookieError};
use einode::dist::HostName;
use einode::dist::limits::SETUP_TIME;
use einode::{Config, ConnectError, Cookie, Identity, NodeName};

use crate::connect::Link;
use crate::host;
use options::{Options, Usage};
use rpc::{Answer, Args};
use start::Start;

/// Why it ends before it is done.
enum End {
    /// With this exit code, after saying so.
    Failed(u8, String),
    /// Everything is said already.
    Silent(u8),
}

/// Ends with exit code 1.
fn failed(what: impl Into<String>) -> End {
    End::Failed(1, what.into())
}

/// Runs as the program `erl_call` with these arguments.
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::read(arguments) {
        Ok(options) => options,
        Err(Usage(wrong)) => {
            let line = wrong.as_ref().map_or("", |_| "\n");
            let wrong = wrong.unwrap_or_default();
            let code = u8::from(!wrong.is_empty());
            let _ = write!(io::stderr(), "{wrong}{line}{}", options::USAGE);
            return ExitCode::from(code);
        }
    };
    #[cfg(unix)]
    if let Some(seconds) = options.timeout {
        nix::unistd::alarm::set(seconds);
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(End::Failed(code, what)) => {
            say(&what);
            ExitCode::from(code)
        }
        Err(End::Silent(code)) => ExitCode::from(code),
    }
}

fn say(what: &str) {
    // With standard error closed, the exit code still tells.
    let _ = writeln!(io::stderr(), "erl_call: {what}");
}

fn run(options: &Options) -> Result<(), End> {
    // Before anything else, as OTP's: who writes to us must not wait for a node.
    let module = options.module.then(stdin).transpose()?;
    let place = Place::find(options)?;
    let mut link = match place.connect(options) {
        Ok(link) => link,
        // That there is nothing to halt is what was wanted.
        Err(End::Failed(_, what)) if options.halt && !options.strict => {
            if options.verbose {
                say(&what);
            }
            return Ok(());
        }
        Err(end) => return Err(end),
    };
    if options.halt {
        // The node may be gone before it answers.
        let _ = rpc::call(&mut link, b"erlang", b"halt", &Args::none(), false);
        return Ok(());
    }
    if options.verbose || options.debug {
        say(&format!("connected to node {}", link.peer()));
    }
    if let Some(module) = module {
        compile(&mut link, &module, options)?;
    }
    if options.eval {
        let expressions = Args::binary(&stdin()?);
        let answer = rpc::call(
            &mut link,
            b"erl_eval",
            b"eval_str",
            &expressions,
            options.fetch_stdout,
        );
        let answer = answer.map_err(|error| failed(format!("evaluating input failed: {error}")))?;
        print(&answer, options)?;
        if options.strict && answer.is_tagged("error") {
            return Err(End::Silent(1));
        }
    }
    match &options.apply {
        Some(apply) => self::apply(&mut link, apply, options),
        None => Ok(()),
    }
}

/// Calls the function of `-a`.
fn apply(link: &mut Link, text: &OsStr, options: &Options) -> Result<(), End> {
    /// What OTP's erl_call returns as −1.
    const NO_RESULT: u8 = 255;
    let text = text.as_encoded_bytes();
    let (module, rest) = word(text);
    let (function, arguments) = word(rest);
    if module.is_empty() {
        return Err(failed("wrong format of apply string: there is no module"));
    }
    let function = if function.is_empty() {
        b"start"
    } else {
        function
    };
    let arguments = if arguments.is_empty() {
        b"[]"
    } else {
        arguments
    };
    let arguments = Args::parse(arguments).ok_or_else(|| {
        let arguments = String::from_utf8_lossy(arguments);
        let what = format!(
            "Failed to parse arguments: {arguments}\nThey are a list of atoms, integers, floats, strings, \
             tuples, lists and maps."
        );
        End::Failed(NO_RESULT, what)
    })?;
    let answer = rpc::call(link, module, function, &arguments, options.fetch_stdout);
    let answer =
        answer.map_err(|error| End::Failed(NO_RESULT, format!("the call failed: {error}")))?;
    print(&answer, options)
}

/// The first word of a text, and what follows it and the space after it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'\x0b';
    let skip = |text: &[u8]| {
        text.iter()
            .position(|byte| !is_space(byte))
            .unwrap_or(text.len())
    };
    let text = &text[skip(text)..];
    let (word, rest) = text.split_at(text.iter().position(is_space).unwrap_or(text.len()));
    (word, &rest[skip(rest)..])
}

/// Prints a result.
fn print(answer: &Answer, options: &Options) -> Result<(), End> {
    if !options.no_result_term {
        let printed = if options.pretty {
            answer.print_pretty()
        } else {
            answer.print()
        };
        printed.map_err(|error| failed(format!("cannot print the result: {error}")))?;
    }
    if options.strict && answer.is_tagged("badrpc") {
        return Err(End::Silent(1));
    }
    Ok(())
}

/// Writes a module to a file there, compiles and loads it. OTP's erl_call does not look at what comes of
/// that, and only says when there is no answer.
fn compile(link: &mut Link, source: &[u8], options: &Options) -> Result<(), End> {
    let Some(name) = module_name(source) else {
        let what = "there is no -module( on standard input";
        if options.strict {
            return Err(failed(what));
        }
        say(what);
        return Ok(());
    };
    let file = [name, b".erl"].concat();
    let shown = String::from_utf8_lossy(&file).into_owned();
    let written = rpc::call(
        link,
        b"file",
        b"write_file",
        &Args::file(&file, source),
        false,
    );
    let written =
        written.map_err(|error| failed(format!("can't write to source file {shown}: {error}")))?;
    let compiled = match rpc::call(link, b"c", b"c", &Args::compile(&file), false) {
        Ok(compiled) => compiled,
        Err(error) => return Err(failed(format!("can't compile file {shown}: {error}"))),
    };
    for (answer, what, good) in [
        (written, "written", !compiled.is_tagged("ok")),
        (compiled, "compiled", true),
    ] {
        let is_good = answer.is_tagged("ok") || answer.is_atom("ok");
        if good && !is_good {
            let what = format!("{shown} was not {what}: {}", answer.show());
            if options.strict {
                return Err(failed(what));
            }
            say(&what);
        }
    }
    Ok(())
}

fn module_name(source: &[u8]) -> Option<&[u8]> {
    const BEFORE: &[u8] = b"-module(";
    let at = source
        .windows(BEFORE.len())
        .position(|part| part == BEFORE)?;
    let rest = source[at + BEFORE.len()..].trim_ascii_start();
    let end = rest
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    Some(&rest[..end.unwrap_or(rest.len())])
}

fn stdin() -> Result<Vec<u8>, End> {
    let mut input = Vec::new();
    match io::stdin().lock().read_to_end(&mut input) {
        Ok(_) => Ok(input),
        Err(error) => Err(failed(format!("can't read stdin: {error}"))),
    }
}

/// Where the node is, and who we are to it.
struct Place {
    endpoint: Endpoint<Any>,
    target: Target,
    /// The name of our host.
    here: String,
    long: bool,
}

enum Target {
    Node(NodeName),
    Address(String, u16),
}

impl Place {
    fn find(options: &Options) -> Result<Self, End> {
        let long = options.node.as_ref().is_some_and(|(_, long)| *long);
        // Without a name that leads anywhere, our host's is what it says.
        let own = host::full();
        let here = canonical(&own).unwrap_or(own);
        let here = shortened(&here, long).to_owned();
        let target = match (&options.address, &options.node) {
            (Some((host, port)), _) => {
                let host = host.clone().unwrap_or_else(|| here.clone());
                Target::Address(host, *port)
            }
            (None, node) => {
                let name = node.as_ref().and_then(|(name, _)| name.to_str());
                let name = name.ok_or_else(|| failed("the name of the node is no text"))?;
                let (alive, host) = match name.split_once('@') {
                    Some((alive, host)) => {
                        let found = canonical(host);
                        let found =
                            found.ok_or_else(|| failed(format!("can't find host {host}")))?;
                        (alive, shortened(&found, long).to_owned())
                    }
                    None => (name, here.clone()),
                };
                let node = NodeName::new(&format!("{alive}@{host}"));
                Target::Node(node.map_err(|error| failed(format!("node {name}: {error}")))?)
            }
        };
        let config = Config::new(identity(options, &here)?, cookie(options)?);
        let endpoint = Endpoint::new(config).transport(transport(options)?);
        Ok(Self {
            endpoint,
            target,
            here,
            long,
        })
    }

    fn connect(&self, options: &Options) -> Result<Link, End> {
        let strict = options.strict;
        let reached = match (self.reach(strict), &self.target) {
            // A node that is there but does not want us would not go away by starting another.
            (Err(error), Target::Node(node))
                if options.start
                    && !options.halt
                    && !matches!(error, ConnectError::Handshake(_)) =>
            {
                self.start(node, options)?;
                self.reach(strict)
            }
            (reached, _) => reached,
        };
        reached.map_err(|error| {
            failed(match &self.target {
                Target::Node(node) => format!("failed to connect to node {node}: {error}"),
                Target::Address(host, port) => {
                    format!("failed to connect to node with address \"{host}:{port}\": {error}")
                }
            })
        })
    }

    /// Unless we are strict, whoever is registered by the name that was asked for is right, whatever its
    /// host calls itself: OTP's erl_call does not look. A cookie it must know all the same.
    fn reach(&self, strict: bool) -> Result<Link, ConnectError> {
        match &self.target {
            Target::Node(node) if strict => self.endpoint.connect(node),
            Target::Node(node) => {
                let until = Instant::now() + SETUP_TIME;
                let port = Epmd::on(node.host()).lookup(node, until)?;
                self.endpoint.connect_at(node.host(), port, None)
            }
            Target::Address(host, port) => self.endpoint.connect_at(host, *port, None),
        }
    }

    fn start(&self, node: &NodeName, options: &Options) -> Result<(), End> {
        let text = |text: &Option<OsString>| {
            text.as_ref()
                .map(|text| text.to_string_lossy().into_owned())
        };
        let address =
            |host: &str| address(host).ok_or_else(|| failed(format!("host {host} has no address")));
        let (script, cookie) = (text(&options.script), text(&options.cookie));
        let started = Start {
            alive: node.alive(),
            long: self.long,
            there: address(node.host())?,
            here: address(&self.here)?,
            script: script.as_deref().unwrap_or("erl"),
            cookie: cookie.as_deref(),
            debug: options.debug,
            verbose: options.verbose,
        };
        started
            .run()
            .map_err(|error| failed(format!("unable to start node {node}: {error}")))
    }
}

/// Up to the first dot, unless the name is to be full.
fn shortened(host: &str, long: bool) -> &str {
    match host.split_once('.') {
        Some((short, _)) if !long => short,
        _ => host,
    }
}

/// The name that the system has for a host, if it finds it.
fn canonical(host: &str) -> Option<String> {
    /// `AI_CANONNAME`, the same on Linux, the BSDs, macOS and Windows.
    const CANONICAL_NAME: i32 = 2;
    let hints = AddrInfoHints {
        flags: CANONICAL_NAME,
        socktype: dns_lookup::SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let mut found = getaddrinfo(Some(host), None, Some(hints)).ok()?;
    let first = found.next()?.ok()?;
    Some(first.canonname.unwrap_or_else(|| host.to_owned()))
}

/// An address of a host: of IPv4 if it has one, as OTP's erl_call wants.
fn address(host: &str) -> Option<IpAddr> {
    let found: Vec<IpAddr> = dns_lookup::lookup_host(host).ok()?.collect();
    found
        .iter()
        .find(|address| address.is_ipv4())
        .or(found.first())
        .copied()
}

fn identity(options: &Options, here: &str) -> Result<Identity, End> {
    let name = match &options.name {
        Some(name) => name.to_string_lossy().into_owned(),
        None if options.dynamic_name => {
            let host =
                HostName::new(here).map_err(|error| failed(format!("host {here}: {error}")))?;
            return Ok(host.into());
        }
        None if options.random_name => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            format!("c{}", now.unwrap_or_default().as_secs() % 997)
        }
        None => "c17".to_owned(),
    };
    let node = NodeName::new(&format!("{name}@{here}"));
    let node = node.map_err(|error| failed(format!("can't be node {name}@{here}: {error}")))?;
    Ok(node.into())
}

fn cookie(options: &Options) -> Result<Cookie, End> {
    let cookie = match &options.cookie {
        Some(cookie) => Cookie::new(cookie.as_encoded_bytes()).map_err(CookieError::from),
        None => match cookie::find() {
            // OTP's erl_call takes it, and so does whoever else can read the file.
            Err(CookieError::Exposed(file)) => {
                say(&format!(
                    "others can read the cookie file {}",
                    file.display()
                ));
                let cookie = std::fs::read(&file).unwrap_or_default();
                let line = cookie
                    .split(|&byte| byte == b'\n')
                    .next()
                    .unwrap_or_default();
                Cookie::new(line).map_err(CookieError::from)
            }
            found => found,
        },
    };
    cookie.map_err(|error| failed(error.to_string()))
}

#[cfg(feature = "tls")]
fn transport(options: &Options) -> Result<Any, End> {
    use einode::tls::{Tls, TlsOver};
    Ok(match &options.tls_optfile {
        None => Any::new(Tcp),
        Some(file) => {
            let tls = Tls::from_optfile(file).map_err(|error| failed(error.to_string()))?;
            Any::new(TlsOver::new(tls, Tcp))
        }
    })
}

#[cfg(not(feature = "tls"))]
fn transport(options: &Options) -> Result<Any, End> {
    match &options.tls_optfile {
        None => Ok(Any::new(Tcp)),
        Some(_) => Err(failed("this program is built without TLS")),
    }
}
