//! Shells of nodes, on a terminal and without one.

mod common;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{pipe, program, run};
use einode_testkit::{Beam, DEADLINE};
use tempfile::TempDir;

/// A terminal on which the program runs, by tmux.
struct Terminal<'a> {
    server: String,
    home: &'a Path,
}

impl<'a> Terminal<'a> {
    /// Starts a shell of a node, whose exit code is printed at the end.
    fn start(beam: &Beam, arguments: &str, home: &'a Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let server = format!("einode-{}-{count}", std::process::id());
        let terminal = Self { server, home };
        let shell = format!(
            "trap '' INT; {} shell {arguments} --cookie {} --epmd-port {} {}; echo exit code $?; read -r end",
            env!("CARGO_BIN_EXE_einode"),
            beam.cookie(),
            beam.epmd_port(),
            beam.name(),
        );
        let size = ["-x", "100", "-y", "40"];
        let mut start = terminal.tmux(&["-f", "/dev/null", "new-session", "-d"]);
        let start = start.args(size).arg(shell);
        assert!(start.status().unwrap().success());
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", &self.server])
            .args(arguments)
            .env("HOME", self.home)
            .env_remove("XDG_STATE_HOME")
            .env("LC_ALL", "C.UTF-8");
        tmux
    }

    /// Presses keys, of which some have names.
    fn press(&self, keys: &[&str]) {
        let sent = self.tmux(&["send-keys"]).args(keys).status();
        assert!(sent.unwrap().success());
    }

    fn enter(&self, line: &str) {
        assert!(
            self.tmux(&["send-keys", "-l", line])
                .status()
                .unwrap()
                .success()
        );
        self.press(&["Enter"]);
    }

    fn lines(&self) -> Vec<String> {
        let screen = self.tmux(&["capture-pane", "-p"]).output().unwrap();
        let screen = String::from_utf8(screen.stdout).unwrap();
        let lines = screen.trim_end().lines();
        lines.map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits until these are the last lines of the screen.
    #[track_caller]
    fn shows(&self, expected: &[&str]) {
        let end = Instant::now() + DEADLINE;
        loop {
            let lines = self.lines();
            if lines.ends_with(
                &expected
                    .iter()
                    .map(|&line| line.to_owned())
                    .collect::<Vec<_>>(),
            ) {
                return;
            }
            assert!(Instant::now() < end, "not {expected:#?}, but {lines:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).status();
    }
}

/// How many processes the node has without the shell and what served us.
fn processes(beam: &Beam) -> String {
    beam.text("erlang:system_info(process_count)")
}

#[test]
fn erlang_on_a_terminal() {
    let beam = Beam::start();
    let before = processes(&beam);
    let prompt = |count: u32| format!("({})%d> ", beam.name()).replace("%d", &count.to_string());
    let line = |count: u32, typed: &str| format!("{}{typed}", prompt(count)).trim_end().to_owned();
    let home = TempDir::new().unwrap();
    let shell = Terminal::start(&beam, "--erlang", home.path());
    shell.shows(&[&line(1, "")]);
    // Several lines, and what was typed before.
    shell.enter("X = 20 +");
    shell.enter("22.");
    shell.shows(&[&line(1, "X = 20 +"), &line(1, "22."), "42", &line(2, "")]);
    shell.enter("X * 2.");
    shell.shows(&["84", &line(3, "")]);
    shell.press(&["Up", "BSpace", "BSpace", "3", ".", "Enter"]);
    shell.shows(&[&line(3, "X * 3."), "126", &line(4, "")]);
    shell.enter("1/0.");
    shell.shows(&[
        "** exception error: an error occurred when evaluating an arithmetic expression",
        "     in operator  '/'/2",
        "        called as 1 / 0",
        &line(5, ""),
    ]);
    shell.enter("foo bar.");
    shell.shows(&["* 1:5: syntax error before: bar", &line(5, "")]);
    // The width of the terminal counts.
    shell.enter("{io:columns(), io:rows()}.");
    shell.shows(&["{{ok,100},{ok,40}}", &line(6, "")]);
    shell.enter("[io:format(\"~p~n\", [N]) || N <- lists:seq(1, 3000)], done.");
    shell.shows(&["2999", "3000", "done", &line(7, "")]);
    // A prompt continues what stands on the line.
    shell.enter("io:format(\"your \"), io:get_line(\"name: \").");
    shell.shows(&["your name:"]);
    shell.enter("J\u{f6}");
    shell.shows(&["your name: J\u{f6}", "\"J\u{f6}\\n\"", &line(8, "")]);
    shell.press(&["lists:rever", "Tab"]);
    shell.shows(&[&line(8, "lists:reverse(")]);
    shell.enter("[1, 2]).");
    shell.shows(&["[2,1]", &line(9, "")]);
    // What is printed while a line is edited stands above it.
    shell.enter("register(printer, spawn(fun() -> receive now -> io:format(\"late~n\") end end)).");
    shell.shows(&["true", &line(10, "")]);
    shell.press(&["half"]);
    shell.shows(&[&line(10, "half")]);
    beam.eval("printer ! now");
    shell.shows(&["late", &line(10, "half")]);
    shell.press(&["C-u"]);
    // What takes too long can be interrupted.
    shell.enter("receive after infinity -> ok end.");
    shell.shows(&[&line(10, "receive after infinity -> ok end.")]);
    shell.press(&["C-c"]);
    shell.shows(&["BREAK: (a)bort (i)nterrupt (c)ontinue"]);
    shell.enter("i");
    shell.shows(&["** exception exit: killed", &line(11, "")]);
    shell.press(&["half", "C-c"]);
    shell.shows(&["BREAK: (a)bort (i)nterrupt (c)ontinue"]);
    shell.enter("c");
    shell.shows(&[&line(11, "")]);
    shell.enter("X.");
    shell.shows(&["42", &line(12, "")]);
    shell.press(&["C-c"]);
    shell.shows(&["BREAK: (a)bort (i)nterrupt (c)ontinue"]);
    shell.press(&["C-c"]);
    shell.shows(&["exit code 0"]);
    beam.wait_until(&format!("erlang:system_info(process_count) =:= {before}"));

    // The history outlives the program.
    let shell = Terminal::start(&beam, "", home.path());
    shell.shows(&[&line(1, "")]);
    shell.press(&["Up", "Up"]);
    shell.shows(&[&line(1, "receive after infinity -> ok end.")]);
    shell.press(&["C-u", "C-d"]);
    shell.shows(&["exit code 0"]);
}

#[test]
fn iex_on_a_terminal() {
    let beam = Beam::start();
    let home = Command::new("elixir")
        .args(["-e", "IO.write(Path.dirname(:code.lib_dir(:elixir)))"])
        .output()
        .expect("elixir, which `cargo xtask test` installs");
    let home = String::from_utf8(home.stdout).unwrap();
    beam.eval(&format!(
        "true = code:add_path(\"{home}/elixir/ebin\"), true = code:add_path(\"{home}/iex/ebin\")"
    ));
    let line = |count: u32, typed: &str| {
        format!("iex({})%d> {typed}", beam.name())
            .replace("%d", &count.to_string())
            .trim_end()
            .to_owned()
    };
    let more = |count: u32, typed: &str| {
        format!("...({})%d> {typed}", beam.name()).replace("%d", &count.to_string())
    };
    let home = TempDir::new().unwrap();
    let shell = Terminal::start(&beam, "", home.path());
    shell.shows(&[&line(1, "")]);
    shell.enter("x = Enum.map([1, 2],");
    shell.enter("& &1 * 21)");
    shell.shows(&[
        &line(1, "x = Enum.map([1, 2],"),
        &more(1, "& &1 * 21)"),
        "[21, 42]",
        &line(2, ""),
    ]);
    shell.press(&["Up", "Up", "Enter"]);
    shell.shows(&[&line(2, "x = Enum.map([1, 2],"), more(2, "").trim_end()]);
    shell.enter("& &1)");
    shell.shows(&["[1, 2]", &line(3, "")]);
    shell.enter("1 / 0");
    shell.shows(&[
        "** (ArithmeticError) bad argument in arithmetic expression: 1 / 0",
        "    :erlang./(1, 0)",
        &line(3, ""),
    ]);
    shell.enter("for n <- 1..3000, do: IO.puts(n); :done");
    shell.shows(&["2999", "3000", ":done", &line(4, "")]);
    shell.enter("IO.gets(\"name: \")");
    shell.shows(&["name:"]);
    shell.enter("J\u{f6}");
    shell.shows(&["name: J\u{f6}", "\"J\u{f6}\\n\"", &line(5, "")]);
    shell.press(&["String.upc", "Tab"]);
    shell.shows(&[&line(5, "String.upcase")]);
    shell.enter("(\"\u{e9}\")");
    shell.shows(&["\"\u{c9}\"", &line(6, "")]);
    shell.enter("Process.sleep(:infinity)");
    shell.shows(&[&line(6, "Process.sleep(:infinity)")]);
    shell.press(&["C-c"]);
    shell.shows(&["BREAK: (a)bort (i)nterrupt (c)ontinue"]);
    shell.enter("i");
    shell.shows(&["** (EXIT) interrupted", &line(6, "")]);
    shell.press(&["C-d"]);
    shell.shows(&["exit code 0"]);
}

#[test]
fn lines_of_a_file() {
    let beam = Beam::start();
    let before = processes(&beam);
    let port = beam.epmd_port().to_string();
    let to = [
        "shell",
        "--cookie",
        beam.cookie(),
        "--epmd-port",
        &port,
        beam.name(),
    ];
    let source = "X = 1 +\n2.\nio:get_line(\"name> \").\nBob\nX * X.\n";
    let ran = pipe(&to, source.as_bytes());
    let printed = ran.printed();
    let (banner, results) = printed.split_once('\n').unwrap();
    assert!(banner.starts_with("Eshell V"), "{banner}");
    assert_eq!(results, "3\n\"Bob\\n\"\n9\n");
    beam.wait_until(&format!("erlang:system_info(process_count) =:= {before}"));

    let no_iex = pipe(&[&to[..], &["--iex"]].concat(), b"");
    assert_eq!(no_iex.complaint(1), format!("{} has no IEx", beam.name()));
    // With the node, the shell ends.
    let halted = pipe(&to, b"halt().\n");
    assert_eq!(halted.code, 2);
    let lost = format!("einode: the connection with {} is lost\n", beam.name());
    assert_eq!(halted.err, lost);
    let gone = run(program().args(to));
    assert_eq!(gone.code, 2);
}
