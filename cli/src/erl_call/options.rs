use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

pub(super) const USAGE: &str = "
Usage: erl_call NODE [OPTIONS]

The node:
  -sname NAME          NAME or NAME@HOST; the host is cut at its first dot
  -name NAME, -n NAME  NAME or NAME@HOST; the host has its full name
  -address [HOST:]PORT where it listens, without asking EPMD; [::1]:PORT for IPv6

What to do there:
  -a 'MOD FUN ARGS'    apply a function, such as -a 'lists sum [[1,2,39]]'; without ARGS to nothing,
                       without FUN to start
  -e                   evaluate the expressions on standard input, which end with a dot and a new line
  -m                   write the module on standard input to a file there, compile and load it
  -q                   halt the node, even with -s
  -fetch_stdout        print what -a or -e prints there
  -no_result_term      do not print the result
  -timeout SECONDS     end by SIGALRM after this time

How to get there:
  -c COOKIE            the cookie; by default the first line of ~/.erlang.cookie
  -h NAME              our own name up to the @, by default c17
  -r                   choose our own name, c0 to c996, by the time
  -R                   ask the node for our own name
  -s                   start the node if it is not there, by ssh on other hosts
  -x SCRIPT            start it by this command, not by erl
  -d                   append what the started node prints to ~/.erl_start.out.NAME
  -v                   tell on standard error what is done
  -?                   this text

Not in OTP's erl_call:
  --strict             exit with 1 when the call fails on the node, or -q or -m does
  --pretty             print the result in Erlang's syntax, and a line feed after it
  --tls-optfile FILE   connect over TLS with the client options of this file, as erl -ssl_dist_optfile
";

/// What the command line says.
#[derive(Default)]
pub(super) struct Options {
    /// The node by name, and whether its host has its full name.
    pub(super) node: Option<(OsString, bool)>,
    /// The node by host, if that is not this one, and port.
    pub(super) address: Option<(Option<String>, u16)>,
    pub(super) apply: Option<OsString>,
    pub(super) eval: bool,
    pub(super) module: bool,
    pub(super) halt: bool,
    pub(super) fetch_stdout: bool,
    pub(super) no_result_term: bool,
    pub(super) cookie: Option<OsString>,
    pub(super) name: Option<OsString>,
    pub(super) random_name: bool,
    pub(super) dynamic_name: bool,
    pub(super) start: bool,
    pub(super) script: Option<OsString>,
    pub(super) debug: bool,
    pub(super) verbose: bool,
    pub(super) timeout: Option<u32>,
    pub(super) strict: bool,
    pub(super) pretty: bool,
    pub(super) tls_optfile: Option<PathBuf>,
}

/// What is wrong about the usage, if anything is: `-?` is right, and leads here too.
pub(super) struct Usage(pub(super) Option<String>);

impl Options {
    /// Reads options as OTP's erl_call does: the last of a kind counts, and letters are not bundled.
    pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Usage> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(option) = arguments.next() {
            let mut argument = || {
                let missing = || {
                    Usage(Some(format!(
                        "Missing argument for '{}'.",
                        option.display()
                    )))
                };
                arguments.next().ok_or_else(missing)
            };
            match option.to_str().unwrap_or_default() {
                "-sname" => options.node = Some((argument()?, false)),
                "-name" | "-n" => options.node = Some((argument()?, true)),
                "-address" => {
                    let address = address(&argument()?).ok_or_else(|| illegal(&option))?;
                    options.address = Some(address);
                }
                "-timeout" => {
                    let seconds = number(argument()?.to_str().unwrap_or_default());
                    let seconds = seconds.filter(|seconds| (1..1 << 20).contains(seconds));
                    let seconds = seconds.ok_or_else(|| illegal(&option))?;
                    options.timeout = Some(seconds as u32);
                }
                "-fetch_stdout" => options.fetch_stdout = true,
                "-no_result_term" => options.no_result_term = true,
                // By which OTP tests what does not happen here.
                "-__uh_test__" => {}
                "-a" => options.apply = Some(argument()?),
                "-c" => options.cookie = Some(argument()?),
                "-h" => options.name = Some(argument()?),
                "-x" => options.script = Some(argument()?),
                "-d" => options.debug = true,
                "-e" => options.eval = true,
                "-m" => options.module = true,
                "-q" => options.halt = true,
                "-r" => options.random_name = true,
                "-R" => options.dynamic_name = true,
                "-s" => options.start = true,
                "-v" => options.verbose = true,
                "--strict" => options.strict = true,
                "--pretty" => options.pretty = true,
                "--tls-optfile" => options.tls_optfile = Some(argument()?.into()),
                "-?" => return Err(Usage(None)),
                _ => return Err(illegal(&option)),
            }
        }
        let by_address = options.address.is_some();
        let contradictory = options.module && options.eval
            || by_address && (options.start || options.node.is_some());
        // Wrong as this is, OTP's ends with 0.
        if contradictory || !by_address && options.node.is_none() {
            return Err(Usage(None));
        }
        Ok(options)
    }
}

fn illegal(option: &OsStr) -> Usage {
    Usage(Some(format!("Illegal argument '{}'.", option.display())))
}

/// `[HOST:]PORT`, where HOST may be an IPv6 address in brackets.
fn address(text: &OsStr) -> Option<(Option<String>, u16)> {
    let text = text.to_str()?;
    let bracketed = text
        .strip_prefix('[')
        .and_then(|text| text.split_once("]:"));
    let (host, port) = match bracketed.or_else(|| text.split_once(':')) {
        Some((host, port)) => (host, port),
        None => ("", text),
    };
    let port = u16::try_from(number(port)?).ok().filter(|port| *port > 0)?;
    Some(((!host.is_empty()).then(|| host.to_owned()), port))
}

/// The number at the beginning of a text, as C's `strtol` finds it.
fn number(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = text.len() - unsigned.len();
    let digits = unsigned.find(|char: char| !char.is_ascii_digit());
    text.get(..sign + digits.unwrap_or(unsigned.len()))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_have_a_host() {
        let address = |text: &str| address(OsStr::new(text));
        assert_eq!(address("4711"), Some((None, 4711)));
        assert_eq!(address(":4711"), Some((None, 4711)));
        assert_eq!(address("db:4711x"), Some((Some("db".into()), 4711)));
        assert_eq!(address("[::1]:4711"), Some((Some("::1".into()), 4711)));
        for wrong in ["", "db", "db:", "0", "-1", "65536", "db:0"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
