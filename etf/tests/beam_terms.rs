//! What this crate makes of terms is what a real node makes of them.

use std::cmp::Ordering;

use einode_etf::{Term, from_slice, to_vec};
use einode_testkit::{Beam, GEN_TERMS, terms};

/// What `<`, `==` and `=:=` and the order of map keys say about a pair of terms.
#[derive(Debug, PartialEq)]
struct Verdict {
    by_value: Ordering,
    exact: Ordering,
    identical: bool,
}

#[test]
fn order_agrees_with_beam() {
    let node = Beam::alone();
    let any = || terms::sample(&terms::term_of(node.release()), 5_000);
    let close = || terms::sample(&terms::close(node.release()), 20_000);
    let mut pairs: Vec<(Term, Term)> = close().into_iter().zip(close()).collect();
    pairs.extend(any().into_iter().zip(any()));
    pairs.extend(any().into_iter().map(|term| (term.clone(), term)));

    let verdicts = node.binary(
        "list_to_binary([
            [case A < B of true -> 0; false when A == B -> 1; false -> 2 end,
             erts_internal:cmp_term(A, B) + 1,
             case A =:= B of true -> 1; false -> 0 end]
            || {A, B} <- binary_to_term(Input)])",
        &to_vec(&pairs).expect("pairs of terms"),
    );
    assert_eq!(verdicts.len(), 3 * pairs.len());
    let order = |byte: u8| byte.cmp(&1);
    for ((a, b), verdict) in pairs.iter().zip(verdicts.chunks(3)) {
        let beam = Verdict {
            by_value: order(verdict[0]),
            exact: order(verdict[1]),
            identical: verdict[2] == 1,
        };
        let ours = Verdict {
            by_value: a.compare(b),
            exact: a.cmp(b),
            identical: a == b,
        };
        assert_eq!(ours, beam, "of {a} and {b}");
    }
}

/// Gives each term's text, or `undefined` where releases differ or this crate differs on purpose:
///
/// - The order in which a map's keys are printed is a node's secret, unless it is asked for (`k`, since
///   OTP 26) or the map is small (before).
/// - The names in a fun follow rules of their own as soon as they are not plain words.
/// - Floats from 2^53 on are printed without an exponent before OTP 25.
/// - Binaries of Latin-1 text that start like UTF-8 are printed as numbers by OTP 29.
const PRINT: &str = r#"
    Release = list_to_integer(erlang:system_info(otp_release)),
    Format = if Release >= 26 -> "~0ktp"; true -> "~0tp" end,
    Plain = fun(F, Item) ->
                {Item, Name} = erlang:fun_info(F, Item),
                Text = lists:flatten(io_lib:format("~tp", [Name])),
                lists:all(fun(C) -> C < 128 andalso C =/= $@ andalso C =/= $' end, Text)
            end,
    Alike = fun Alike(M) when is_map(M), map_size(M) > 32, Release < 26 -> false;
                Alike(M) when is_map(M) -> Alike(maps:to_list(M));
                Alike([H | T]) -> Alike(H) andalso Alike(T);
                Alike(T) when is_tuple(T) -> Alike(tuple_to_list(T));
                Alike(F) when is_function(F) -> Plain(F, module) andalso Plain(F, name);
                Alike(F) when is_float(F) -> Release >= 25 orelse abs(F) < 1 bsl 53;
                Alike(B) when is_binary(B), Release >= 29 ->
                    is_list(unicode:characters_to_list(B))
                        orelse not io_lib:printable_latin1_list(binary_to_list(B));
                Alike(_) -> true
            end,
    [case Alike(T) of
        true -> unicode:characters_to_binary(io_lib:format(Format, [T]));
        false -> undefined
     end || T <- binary_to_term(Input)]
"#;

#[test]
fn printing_and_parsing_agree_with_beam() {
    let node = Beam::alone();
    let terms = terms::sample(&terms::plain(), 5_000);
    let printed = node.eval_bytes(PRINT, &to_vec(&terms).expect("terms"));
    let printed: Vec<Option<String>> = from_slice(&printed).expect("texts");
    assert_eq!(printed.len(), terms.len());
    assert!(printed.iter().flatten().count() > 3_000);
    for (term, printed) in terms.iter().zip(printed) {
        if let Some(printed) = printed {
            assert_same(&term.to_string(), &printed);
            assert!(printed.parse().as_ref() == Ok(term), "read from {printed}");
        }
    }
}

#[test]
fn beam_reads_what_is_printed() {
    let node = Beam::alone();
    let terms = terms::sample(&terms::plain(), 5_000);
    let printed: Vec<(String, &Term)> = terms.iter().map(|term| (term.to_string(), term)).collect();
    let read = node.binary(
        "list_to_binary([
            begin
                {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text) ++ \".\"),
                case erl_parse:parse_term(Tokens) of {ok, Term} -> 1; _ -> 0 end
            end || {Text, Term} <- binary_to_term(Input)])",
        &to_vec(&printed).expect("texts and terms"),
    );
    assert_eq!(read.len(), terms.len());
    for ((text, _), read) in printed.iter().zip(read) {
        assert_eq!(read, 1, "{text}");
    }
}

#[test]
fn terms_come_back_as_they_were() {
    let node = Beam::alone();
    let mut terms = terms::sample(&terms::term_of(node.release()), 5_000);
    terms.extend(terms::sample(&terms::deep(), 3));
    terms.extend(terms::sample(&terms::long_string(), 10));
    let echoed = node.eval_bytes("binary_to_term(Input)", &to_vec(&terms).expect("terms"));
    let echoed: Vec<Term> = from_slice(&echoed).expect("terms");
    assert!(echoed == terms);
}

#[test]
fn terms_of_a_node_are_read_and_written() {
    let node = Beam::alone();
    node.load(GEN_TERMS);
    let bytes = node.eval_bytes("put(terms, gen_terms:terms(5000)), get(terms)", &[]);
    let terms: Vec<Term> = from_slice(&bytes).expect("terms");
    assert_eq!(terms.len(), 5000);

    let written = to_vec(&terms).expect("terms that were read");
    node.eval_bytes("true = binary_to_term(Input) =:= get(terms)", &written);
}

/// Fails with what stands around the first difference of two texts that may be very long.
fn assert_same(ours: &str, beam: &str) {
    let same = ours
        .chars()
        .zip(beam.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let around = |text: &str| {
        text.chars()
            .skip(same.saturating_sub(40))
            .take(80)
            .collect::<String>()
    };
    assert!(
        ours == beam,
        "ours: {}\nBEAM: {}",
        around(ours),
        around(beam)
    );
}
