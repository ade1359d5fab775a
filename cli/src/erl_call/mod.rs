//! `erl_call`: OTP's program that calls functions on nodes, starts and halts them.
//!
//! What it prints on standard output and its exit codes are OTP's, since scripts depend on them; on standard
//! error it says more.

mod options;
mod place;
mod rpc;
mod start;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::process::ExitCode;

use crate::connect::Link;
use options::{Options, Usage};
use place::Place;
use rpc::{Answer, Args};

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
