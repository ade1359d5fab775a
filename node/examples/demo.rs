//! What a node in Rust and a node in Erlang do for each other: `cargo xtask demo`.
//!
//! Starts a real Erlang node, with an EPMD of its own. Where no Erlang is installed, a second node in
//! Rust stands in for it, and the two connect by address. All that is started ends with the demo.

use std::error::Error;
use std::fmt::Display;
use std::process::Command;
use std::thread;
use std::time::Duration;

use einode::blocking::{Endpoint, Link, Listener};
use einode::{Atom, Config, Cookie, NodeName, Payload, Pid, Term, term};
use einode_testkit::{Beam, Otp};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How long we wait for anything.
const WAIT: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    if erlang_is_installed() {
        let beam = Beam::start();
        println!("Erlang/OTP {} runs {}", beam.release(), beam.name());
        let config = Config::new(
            "rust@127.0.0.1".parse::<NodeName>()?,
            Cookie::new(beam.cookie())?,
        );
        let rust = Endpoint::new(config.epmd_port(beam.epmd_port()));
        call_functions(&rust, &beam)?;
        exchange_messages(&rust, &beam)?;
        serve_erlang(&rust, &beam)?;
    } else {
        println!(
            "No Erlang on PATH (Debian and Ubuntu: apt-get install erlang-base), so two Rust nodes talk"
        );
        serve_rust()?;
    }
    println!("\nDone: everything that was started has ended.");
    Ok(())
}

fn call_functions(rust: &Endpoint, beam: &Beam) -> Result<()> {
    title("Rust calls functions of the Erlang node");
    let mut link = rust.connect(&beam.name().parse()?)?;

    sends("rust", "erpc:call lists:sum([1,2,39])");
    let sum = link.erpc("lists", "sum", &[term!([1, 2, 39])], WAIT)?;
    answers("rust", &sum);
    assert_eq!(sum, term!(42));

    sends("rust", "rpc:call maps:from_list([{a,1},{b,2.5}])");
    let map = link.rpc("maps", "from_list", &[term!([{a, 1}, {b, 2.5}])], WAIT)?;
    answers("rust", &map);
    assert_eq!(map, term!(#{a => 1, b => 2.5}));

    sends("rust", "erpc:call erlang:binary_to_integer(<<\"four\">>)");
    let error = link
        .erpc("erlang", "binary_to_integer", &[term!(<<"four">>)], WAIT)
        .expect_err("four is no integer to Erlang");
    answers("rust", first_line(&error.to_string()));
    Ok(link.close(WAIT)?)
}

fn exchange_messages(rust: &Endpoint, beam: &Beam) -> Result<()> {
    title("Rust and an Erlang process send each other messages");
    let greeter =
        "register(greeter, spawn(fun() -> receive {From, Name} -> From ! {hello, Name} end end))";
    println!("  Erlang runs      {greeter}");
    beam.eval(greeter);

    let mut link = rust.connect(&beam.name().parse()?)?;
    let message = term!({(link.pid().clone()), <<"Grüße"/utf8>>});
    sends("rust", format_args!("greeter ! {message}"));
    link.send(Atom::from_static("greeter"), &message)?;
    let answer = next_message(&mut link)?;
    sends(
        "erlang",
        format_args!("{} ! {}", link.pid(), answer.term()?),
    );
    Ok(link.close(WAIT)?)
}

/// Now the Erlang node is the one that connects.
fn serve_erlang(rust: &Endpoint, beam: &Beam) -> Result<()> {
    title("The Erlang node finds the Rust node by its name, pings it and calls its server");
    let mut listener = rust.listen(&"127.0.0.1:0".parse()?)?;
    listener.publish()?;
    println!(
        "  Rust is rust@127.0.0.1 and listens on {}",
        listener.address()
    );

    thread::scope(|scope| {
        let server = scope.spawn(|| calculate(listener));
        sends("erlang", "{calculator,'rust@127.0.0.1'} ! {hello,self()}");
        beam.text("{calculator, 'rust@127.0.0.1'} ! {hello, self()}");
        let pong = beam.text("net_adm:ping('rust@127.0.0.1')");
        sends("erlang", "net_adm:ping('rust@127.0.0.1')");
        answers("erlang", &pong);
        assert_eq!(pong, "pong");
        sends(
            "erlang",
            "gen_server:call({calculator,'rust@127.0.0.1'}, {add,2,40})",
        );
        let sum = beam.text("gen_server:call({calculator, 'rust@127.0.0.1'}, {add, 2, 40})");
        answers("erlang", &sum);
        assert_eq!(sum, "42");
        server.join().expect("the server does not panic")
    })
}

/// The same server, with another node in Rust as its client.
fn serve_rust() -> Result<()> {
    title("One Rust node connects to another, pings it and calls its server");
    let (server, client): (NodeName, NodeName) =
        ("server@127.0.0.1".parse()?, "client@127.0.0.1".parse()?);
    let cookie = Cookie::new("known to both")?;
    let listener = Endpoint::new(Config::new(server.clone(), cookie.clone()))
        .listen(&"127.0.0.1:0".parse()?)?;
    let address = listener.address();

    thread::scope(|scope| {
        let served = scope.spawn(|| calculate(listener));
        let mut link =
            Endpoint::new(Config::new(client, cookie)).connect_to(&address, Some(&server))?;
        sends("client", format_args!("{{calculator,'{server}'}} ! hello"));
        link.send(Atom::from_static("calculator"), &term!(hello))?;
        let time = link.ping(WAIT)?;
        sends("client", format_args!("net_adm:ping('{server}')"));
        answers("client", format_args!("pong, after {time:.1?}"));
        sends(
            "client",
            format_args!("gen_server:call({{calculator,'{server}'}}, {{add,2,40}})"),
        );
        let sum = link.call("calculator", &term!({add, 2, 40}), WAIT)?;
        answers("client", &sum);
        assert_eq!(sum, term!(42));
        link.close(WAIT)?;
        served.join().expect("the server does not panic")
    })
}

/// A server of the name `calculator`, up to the first `gen_server:call/2` that it answers. Pings are
/// answered by the link itself.
fn calculate(listener: Listener) -> Result<()> {
    type Call = (Atom, (Pid, Term), (Atom, i64, i64));

    let mut link = listener.accept(WAIT)?;
    link.register(Atom::from_static("calculator"));
    loop {
        let message = next_message(&mut link)?;
        println!("  calculator gets  {}", message.term()?);
        if let Ok((_, (from, tag), (_, a, b))) = message.decode::<Call>() {
            link.send(from, &(tag, a + b))?;
            return Ok(link.close(WAIT)?);
        }
    }
}

/// The next message; there are also links and monitors among the signals.
fn next_message(link: &mut Link) -> Result<Payload> {
    loop {
        if let Some(message) = link.receive(WAIT)?.message() {
            return Ok(message.clone());
        }
    }
}

fn erlang_is_installed() -> bool {
    std::env::var_os(Otp::DIRECTORY).is_some()
        || Command::new("erl")
            .arg("-version")
            .output()
            .is_ok_and(|output| output.status.success())
}

fn title(text: &str) {
    println!("\n{text}");
}

fn sends(who: &str, what: impl Display) {
    println!("  {who:>6} ──►  {what}");
}

fn answers(who: &str, what: impl Display) {
    println!("  {who:>6} ◄──  {what}");
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
