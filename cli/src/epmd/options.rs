use std::env;
use std::ffi::OsString;
use std::time::Duration;

use einode::epmd::DEFAULT_PORT;

pub(super) const USAGE: &str = "\
Usage: epmd [OPTIONS]                        serve the nodes of this host
       epmd [-port N] -names|-kill|-stop NAME   ask or tell the daemon of this host

Options of the daemon:
  -address LIST             listen on these IP addresses, with commas between them, and on the
                            loopback addresses; by default on all of this host, $ERL_EPMD_ADDRESS
  -port N                   the port; by default $ERL_EPMD_PORT, or else 4369
  -daemon                   run in the background: the command returns when the daemon listens
  -relaxed_command_check    let -kill end a daemon with nodes, and -stop end nodes;
                            $ERL_EPMD_RELAXED_COMMAND_CHECK does the same
  -systemd                  use the sockets of a systemd .socket unit
  -d, -debug                log to standard error: once what happens to nodes, twice connections too,
                            three times every byte; only 5 names of nodes that left are remembered
  -packet_timeout SECONDS   how long a connection may take that registers no node (60)
  -delay_accept SECONDS     play a busy daemon: wait before taking a connection
  -delay_write SECONDS      play a busy daemon: wait before an answer

Questions:
  -names                    list the nodes that are registered, and their ports
  -dump                     also those that left and are remembered
  -started                  say by the exit code alone whether there is a daemon
  -kill                     end the daemon; only without nodes, or with -relaxed_command_check
  -stop NAME                end the registration of a node; only with -relaxed_command_check
";

/// What the command line says.
pub(super) struct Options {
    pub(super) serve: Serve,
    pub(super) task: Task,
}

pub(super) enum Task {
    Serve,
    Ask(Question),
}

/// What a daemon is asked or told.
pub(super) enum Question {
    Names,
    Dump,
    Started,
    Kill,
    Stop(OsString),
}

/// How to serve.
#[cfg_attr(not(unix), expect(dead_code))]
pub(super) struct Serve {
    /// The port, or what is wrong with it.
    pub(super) port: Result<u16, String>,
    pub(super) addresses: String,
    pub(super) relaxed: bool,
    pub(super) daemon: bool,
    pub(super) systemd: bool,
    pub(super) debug: usize,
    pub(super) packet_timeout: Option<Duration>,
    pub(super) delay_accept: Duration,
    pub(super) delay_write: Duration,
}

impl Options {
    /// Reads options as OTP's epmd does: a question has to be the last. `None` if the usage is wrong.
    pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut serve = Serve::from_environment();
        let mut arguments = arguments.into_iter();
        while let Some(option) = arguments.next() {
            let question = match option.to_str()? {
                "-d" | "-debug" => {
                    serve.debug += 1;
                    continue;
                }
                "-daemon" => {
                    serve.daemon = true;
                    continue;
                }
                "-relaxed_command_check" => {
                    serve.relaxed = true;
                    continue;
                }
                "-systemd" => {
                    serve.systemd = true;
                    continue;
                }
                "-address" => {
                    serve.addresses = arguments.next()?.into_string().ok()?;
                    continue;
                }
                "-port" => {
                    serve.port = port(number(&arguments.next()?)?);
                    continue;
                }
                "-packet_timeout" => {
                    serve.packet_timeout = Some(seconds(&arguments.next()?)?);
                    continue;
                }
                "-delay_accept" => {
                    serve.delay_accept = seconds(&arguments.next()?)?;
                    continue;
                }
                "-delay_write" => {
                    serve.delay_write = seconds(&arguments.next()?)?;
                    continue;
                }
                "-names" => Question::Names,
                "-dump" => Question::Dump,
                "-started" => Question::Started,
                "-kill" => Question::Kill,
                "-stop" => Question::Stop(arguments.next()?),
                _ => return None,
            };
            let task = Task::Ask(question);
            return arguments.next().is_none().then_some(Self { serve, task });
        }
        let task = Task::Serve;
        Some(Self { serve, task })
    }
}

impl Serve {
    fn from_environment() -> Self {
        let port = match env::var_os("ERL_EPMD_PORT") {
            None => Ok(DEFAULT_PORT),
            Some(text) => match number(&text) {
                Some(number) => port(number),
                None => Err(format!("ERL_EPMD_PORT is no port: {}", text.display())),
            },
        };
        let addresses = env::var_os("ERL_EPMD_ADDRESS").unwrap_or_default();
        Self {
            port,
            addresses: addresses.to_string_lossy().into_owned(),
            relaxed: env::var_os("ERL_EPMD_RELAXED_COMMAND_CHECK").is_some(),
            daemon: false,
            systemd: false,
            debug: 0,
            packet_timeout: None,
            delay_accept: Duration::ZERO,
            delay_write: Duration::ZERO,
        }
    }
}

/// A number other than 0 at the beginning of a text, as C's `atoi` finds it.
fn number(text: &OsString) -> Option<i64> {
    let text = text.to_str()?.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|char: char| !char.is_ascii_digit());
    let digits = digits.get(..end.unwrap_or(digits.len()))?;
    let number = digits
        .parse()
        .unwrap_or(if digits.is_empty() { 0 } else { i64::MAX });
    (number != 0).then_some(sign * number)
}

fn port(number: i64) -> Result<u16, String> {
    u16::try_from(number).map_err(|_| format!("{number} is no port"))
}

/// A time that is over at once if it is negative.
fn seconds(text: &OsString) -> Option<Duration> {
    let seconds = number(text)?;
    Some(Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Option<Options> {
        Options::read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn numbers_are_read_as_atoi_does() {
        for (text, expected) in [
            ("4369", Some(4369)),
            (" 17x", Some(17)),
            ("+5", Some(5)),
            ("-5", Some(-5)),
            ("0", None),
            ("x", None),
            ("", None),
            ("99999999999999999999", Some(i64::MAX)),
        ] {
            assert_eq!(number(&text.into()), expected, "{text}");
        }
    }

    #[test]
    fn a_question_is_the_last() {
        assert!(matches!(
            read(&["-d", "-port", "1", "-names"]).unwrap().task,
            Task::Ask(Question::Names)
        ));
        assert!(matches!(read(&["-d"]).unwrap().task, Task::Serve));
        for wrong in [
            &["-names", "-d"][..],
            &["-stop"],
            &["-stop", "a", "b"],
            &["-port"],
            &["-port", "0"],
            &["-packet_timeout", "x"],
            &["names"],
            &["--names"],
        ] {
            assert!(read(wrong).is_none(), "{wrong:?}");
        }
    }
}
