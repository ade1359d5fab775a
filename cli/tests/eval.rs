//! Erlang and Elixir evaluated on nodes.

mod common;

use std::process::Command;

use common::{pipe, to};
use einode_testkit::{Beam, Otp};

#[test]
fn evaluates_several_expressions() {
    let beam = Beam::start();
    for (source, value) in [
        ("X = 20, X * 2 + 2", "42\n"),
        ("X = 20. Y = X + 1.\nX * Y % the product", "420\n"),
        ("-1", "-1\n"),
        (
            "F = fun F(0) -> 1; F(N) -> N * F(N - 1) end, F(20).",
            "2432902008176640000\n",
        ),
        (
            "[{K, V} || {K, V} <- [{a, 1}, {\"größe\", 2}]]",
            "[{a,1},{\"größe\",2}]\n",
        ),
        ("self() ! hello, receive X -> X end.", "hello\n"),
    ] {
        assert_eq!(to(&beam, "eval", &[source]).printed(), value, "{source}");
        assert_eq!(to(&beam, "eval", &["--rpc", source]).printed(), value);
    }
    let json = to(&beam, "eval", &["--json", "#{a => [1, <<\"ü\"/utf8>>]}"]);
    assert_eq!(json.printed(), "{\"a\":[1,\"ü\"]}\n");
}

#[test]
fn reads_what_to_evaluate() {
    let beam = Beam::start();
    let port = beam.epmd_port().to_string();
    let eval = ["eval", beam.name(), "--epmd-port", &port, "--cookie"];
    let eval = [&eval[..], &[beam.cookie()]].concat();
    assert_eq!(pipe(&eval, b"A = 1,\nA + 1.\n").printed(), "2\n");

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "lists:reverse([1, 2]).").unwrap();
    let of_file = [&eval[..], &["--file", file.path().to_str().unwrap()]].concat();
    assert_eq!(pipe(&of_file, b"").printed(), "[2,1]\n");
    assert_eq!(
        pipe(&eval, b" \n").complaint(64),
        "there is nothing to evaluate"
    );
}

#[test]
fn prints_and_reads_here() {
    let beam = Beam::start();
    let print = "io:format(\"größe ~p~n\", [1]), io:put_chars(\"x\"), ok";
    for how in [&[print][..], &["--rpc", print]] {
        let run = to(&beam, "eval", how);
        assert_eq!(run.printed(), "größe 1\nxok\n", "{how:?}");
    }
    let json = to(&beam, "eval", &["--json", print]);
    assert_eq!((json.code, json.err.as_str()), (0, "größe 1\nx"));
    assert_eq!(json.out, b"\"ok\"\n");
    assert!(!beam.output().contains("größe"), "{}", beam.output());

    let port = beam.epmd_port().to_string();
    let read = "{io:get_line(\"\"), io:get_line(\"\"), io:get_line(\"\")}";
    let eval = ["eval", beam.name(), "--epmd-port", &port, "--cookie"];
    let eval = [&eval[..], &[beam.cookie(), read]].concat();
    let read = pipe(&eval, "größe\nrest".as_bytes());
    assert_eq!(read.printed(), "{\"größe\\n\",\"rest\",eof}\n");
}

/// As `erl` tells it, without what is below the expressions themselves.
#[test]
fn tells_class_reason_and_stack() {
    let beam = Beam::start();
    let arithmetic =
        "exception error: an error occurred when evaluating an arithmetic expression\n";
    for (source, told) in [
        (
            "1 + a",
            arithmetic.to_owned() + "  in operator  +/2\n     called as 1 + a\n",
        ),
        (
            "no_such:function(1)",
            "exception error: undefined function no_such:function/1\n".into(),
        ),
        ("throw({ball, 1})", "exception throw: {ball,1}\n".into()),
        ("exit(bye)", "exception exit: bye\n".into()),
        ("X", "variable 'X' is unbound\n".into()),
    ] {
        for source in [&["--rpc", source][..], &[source]] {
            let run = to(&beam, "eval", source);
            assert_eq!((run.code, run.out.as_slice()), (1, &b""[..]), "{source:?}");
            assert_eq!(run.err, format!("einode: {told}"), "{source:?}");
        }
    }
    let deep = to(&beam, "eval", &["lists:map(fun(X) -> X + a end, [1])"]);
    assert_eq!(deep.code, 1);
    assert!(
        deep.err.contains("in call from lists:map/2"),
        "{}",
        deep.err
    );
    assert!(!deep.err.contains("erl_eval"), "{}", deep.err);
}

#[test]
fn wrong_syntax_is_64_and_nothing_is_evaluated() {
    let beam = Beam::start();
    for (source, told) in [
        ("X = [1,", "line 1, column 8: syntax error before: "),
        ("\n  \"abc", "line 2, column "),
        (
            "register(here, self()). {",
            "line 1, column 26: syntax error",
        ),
    ] {
        let wrong = to(&beam, "eval", &[source]);
        assert!(wrong.complaint(64).starts_with(told), "{}", wrong.err);
    }
    let quiet = "register(here, spawn(timer, sleep, [infinity])). {";
    assert_eq!(to(&beam, "eval", &[quiet]).code, 64);
    assert_eq!(beam.text("whereis(here)"), "undefined");
}

#[test]
fn evaluates_elixir() {
    let home = Command::new("elixir")
        .args(["-e", "IO.write(:code.lib_dir(:elixir))"])
        .output()
        .expect("elixir, which `cargo xtask test` installs");
    let ebin = format!("{}/ebin", String::from_utf8(home.stdout).unwrap());
    let beam = einode_testkit::Builder::of(Otp::installed())
        .arguments(["-pa", &ebin])
        .start();

    let none = to(&beam, "eval", &["--elixir", "1 + 1"]);
    assert_eq!(none.complaint(1), "the node does not run Elixir");

    beam.eval("{ok, _} = application:ensure_all_started(elixir)");
    for (source, value) in [
        ("Enum.map(1..3, & &1 * 2)", "[2, 4, 6]\n"),
        ("x = %{größe: \"ü\"}\nx.größe <> \"!\"", "\"ü!\"\n"),
        ("Enum.to_list(1..60) |> length()", "60\n"),
        ("nil", "nil\n"),
    ] {
        assert_eq!(to(&beam, "eval", &["--elixir", source]).printed(), value);
    }
    let json = to(&beam, "eval", &["--elixir", "--json", "%{a: nil}"]);
    assert_eq!(json.printed(), "{\"a\":null}\n");

    let port = beam.epmd_port().to_string();
    let gets = [
        "eval",
        "--elixir",
        "--epmd-port",
        &port,
        "--cookie",
        beam.cookie(),
    ];
    let gets = [&gets[..], &[beam.name(), "IO.puts(\"hi\"); IO.gets(\"\")"]].concat();
    assert_eq!(pipe(&gets, "ü\n".as_bytes()).printed(), "hi\n\"ü\\n\"\n");

    let failed = to(&beam, "eval", &["--elixir", "raise \"oops\""]);
    assert_eq!(failed.complaint(1), "** (RuntimeError) oops");
    let wrong = to(&beam, "eval", &["--elixir", "foo("]);
    assert_eq!((wrong.code, wrong.out.as_slice()), (64, &b""[..]));
    assert!(
        wrong.err.contains("1:5: missing terminator"),
        "{}",
        wrong.err
    );

    let upcase = to(&beam, "call", &["--elixir", "String.upcase(\"straße\")"]);
    assert_eq!(upcase.printed(), "\"STRASSE\"\n");
    let erlang = to(&beam, "call", &["--elixir", ":lists.seq(1, 3)"]);
    assert_eq!(erlang.printed(), "[1, 2, 3]\n");
    let no_call = to(&beam, "call", &["--elixir", "1 + 1"]);
    assert_eq!(
        no_call.complaint(64),
        "expected a call, Module.function(arguments)"
    );
}
