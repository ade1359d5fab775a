%% Writes test vectors to standard output: `# OTP 27`, the release, and then one line for each,
%%
%%     name TAB flags TAB bytes TAB text
%%
%% bytes is hexadecimal, where `61*300` stands for a byte that occurs 300 times in a row. text is what
%% io:format("~0tp") prints (keys of maps in order), and empty where that would be long. The flags are
%%     canonical   term_to_binary/1 of OTP 26 and later gives exactly these bytes for this term, on every node
%%     syntax      text is Erlang syntax of this very term
%%     compressed  the term is compressed
%%     local       the bytes mean something to the node that wrote them only
-module(vectors).
-export([main/0]).

main() ->
    ok = io:setopts([{encoding, unicode}]),
    io:put_chars(["# OTP ", erlang:system_info(otp_release), $\n]),
    [io:put_chars([line(Name, Bytes), $\n]) || {Name, Bytes} <- vectors()],
    halt().

vectors() ->
    lists:append([
        integers(), floats(), atoms(), lists(), tuples(), maps(), binaries(), pids(), ports(), references(),
        funs(), reserved(), records(), compressed(), local(), nested()
    ]).

integers() ->
    Powers = [7, 8, 15, 16, 26, 27, 28, 31, 32, 47, 48, 53, 59, 60, 62, 63, 64, 65, 127, 128, 129, 2031, 2032,
              2039, 2040, 2041, 2048, 4096],
    Edges = lists:usort([Sign * ((1 bsl P) + D) || P <- Powers, D <- [-1, 0, 1], Sign <- [1, -1]]),
    terms("integer", [-1, 0, 1, 10, 254, 255, 256 | Edges]) ++
    bytes("integer", [
        {"small_as_i32", <<98, 5:32>>},
        {"zero_as_big", <<110, 1, 0, 0>>},
        {"zero_as_negative_big", <<110, 1, 1, 0>>},
        {"zero_digits", <<110, 0, 0>>},
        {"small_as_big", <<110, 1, 0, 5>>},
        {"padded_big", <<110, 12, 0, 5:32/little, 0:64>>},
        {"padded_negative_big", <<110, 9, 1, 1:72/little>>},
        {"big_at_i32_edge", <<110, 4, 0, (1 bsl 31 - 1):32/little>>},
        {"i64_min_as_big", <<110, 8, 1, (1 bsl 63):64/little>>},
        {"small_as_large_big", <<111, 2:32, 0, 1, 2>>}
    ]).

floats() ->
    Values = [0.0, 1.0, -1.0, 0.1, -0.1, 0.5, 1.5, 100.0, 123456.789, 1.0e10, 1.0e15, 1.0e16, 1.0e21, 1.0e22, 1.0e23,
              1.0e100, 1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308, 5.0e-324,
              -5.0e-324, 1.0e-5, 0.001, 0.0001, 1.0e-10, 3.141592653589793, 2.718281828459045, 9007199254740991.0,
              9007199254740992.0, 9007199254740994.0, 4503599627370496.5, 0.30000000000000004, 1.0e-7, 123.0e-20],
    terms("float", Values) ++
    bytes("float", [{"negative_zero", <<70, 128, 0:56>>}]) ++
    [{name("float_text", N), term_to_binary(F, [{minor_version, 0}])} || {N, F} <- numbered(Values)].

atoms() ->
    Names = ["", "a", "ok", "true", "undefined", "nonode@nohost", "a_b@C1", "A", "_x", "1a", "a b", "'", "\\", "\n\t",
             "if", "begin", "Ünïcode", "ünïcode", "é", "ÿ", "ß", "ł", "日本語", "😀", "a😀b", [0], [127], [128], [159],
             lists:duplicate(255, $a), lists:duplicate(255, 16#e9), lists:duplicate(255, 16#65e5),
             lists:duplicate(255, 16#1f600), lists:duplicate(127, 16#e9), lists:duplicate(128, 16#e9)],
    terms("atom", [list_to_atom(Name) || Name <- Names]) ++
    [{name("atom_latin1", N), <<131, 100, (length(Name)):16, (list_to_binary(Name))/binary>>}
     || {N, Name} <- numbered(Names), lists:max([0 | Name]) < 256] ++
    [{name("atom_small_latin1", N), <<131, 115, (length(Name)), (list_to_binary(Name))/binary>>}
     || {N, Name} <- numbered(Names), lists:max([0 | Name]) < 256] ++
    bytes("atom", [{"long_form_of_short", <<118, 2:16, "ok">>}]).

lists() ->
    terms("list", [
        [], [0], [255], [256], [-1], "a", "hello", "with \"quotes\" and \\", "\e\b\d\f\n\r\s\t\v", [0, 1, 2], "grüße",
        [16#65e5, 16#672c], lists:seq(0, 255), lists:seq(1, 300), lists:duplicate(65535, $a),
        lists:duplicate(65536, $a), [a], [a, b, c], [[]], [[], []], [[[[[]]]]], ["ab", "cd"], [a | b], [1 | 2],
        [97, 98 | c], [a, b | {c}], [[] | []], [1.0, <<"x">>, {}, #{}], [$a, $b, 300]
    ]) ++
    bytes("list", [
        {"empty_string", <<107, 0:16>>},
        {"string_of_one", <<107, 1:16, 7>>},
        {"empty_list_ext", <<108, 0:32, 106>>},
        {"bytes_as_list", <<108, 2:32, 97, 1, 97, 2, 106>>},
        {"list_tail_is_string", <<108, 1:32, 97, 1, 107, 2:16, 2, 3>>},
        {"list_tail_is_list", <<108, 1:32, 119, 1, "a", 108, 1:32, 119, 1, "b", 106>>}
    ]).

tuples() ->
    terms("tuple", [
        {}, {a}, {1, 2}, {ok, "value", <<"x">>}, {{{{}}}}, erlang:make_tuple(255, x), erlang:make_tuple(256, x),
        list_to_tuple(lists:seq(1, 255)), {error, {enoent, [{file, "x"}]}}
    ]) ++
    bytes("tuple", [{"small_as_large", <<105, 2:32, 97, 1, 97, 2>>}, {"empty_as_large", <<105, 0:32>>}]).

maps() ->
    terms("map", [
        #{}, #{a => 1}, #{1 => a, 1.0 => b}, #{1 => one, 2 => two, -1 => minus_one}, #{"s" => <<"b">>, <<"b">> => "s"},
        #{1 => #{2 => #{3 => #{}}}}, #{[] => {}, {} => []}, #{{1, 2} => [3]}, #{1.5 => x, 2 => y},
        maps:from_list([{N, N * N} || N <- lists:seq(1, 32)]), maps:from_list([{N, -N} || N <- lists:seq(1, 33)]),
        maps:from_list([{integer_to_binary(N), N} || N <- lists:seq(1, 100)]), #{a => 1, b => 2, c => 3},
        #{1 => 0, 1.0 => 0, a => 0, {} => 0, #{} => 0, [] => 0, [1] => 0, <<>> => 0},
        #{-1.5 => 0, -1 => 0, 0 => 0, 1 => 0, 1.5 => 0, (1 bsl 70) => 0}
    ]) ++
    bytes("map", [{"keys_out_of_order", <<116, 2:32, 97, 2, 97, 20, 97, 1, 97, 10>>}]).

binaries() ->
    terms("binary", [
        <<>>, <<0>>, <<255>>, <<"hello">>, <<"with \"quotes\"\n">>, <<"grüße"/utf8>>, <<"日本語"/utf8>>, <<233>>,
        <<1, 2, 3>>, list_to_binary(lists:seq(0, 255)), binary:copy(<<"a">>, 70000)
    ]) ++
    terms("bits", [<<(16#5a3c):Size>> || Size <- lists:seq(1, 16)] ++ [<<"abc", 5:3>>, <<0:1>>, <<1:1>>, <<127:7>>]) ++
    bytes("bits", [
        {"eight_bits_used", <<77, 2:32, 8, 1, 2>>},
        {"unused_bits_set", <<77, 1:32, 3, 255>>}
    ]).

pids() ->
    bytes("pid", [
        {"local", <<88, (node_atom())/binary, 84:32, 0:32, 0:32>>},
        {"local_serial", <<88, (node_atom())/binary, 84:32, 7:32, 0:32>>},
        {"external", <<88, (atom("a@b"))/binary, 84:32, 1:32, 16#5f000001:32>>},
        {"external_wide", <<88, (atom("a@b"))/binary, 16#ffffffff:32, 16#ffffffff:32, 16#ffffffff:32>>},
        {"external_unicode", <<88, (atom("knöten@b"))/binary, 1:32, 0:32, 1:32>>},
        {"latin1_node", <<88, 100, 3:16, "a@b", 84:32, 1:32, 3:32>>},
        {"old", <<103, (atom("a@b"))/binary, 84:32, 1:32, 2>>},
        {"old_latin1_node", <<103, 100, 3:16, "a@b", 84:32, 1:32, 2>>}
    ]).

ports() ->
    bytes("port", [
        {"local", <<120, (node_atom())/binary, 5:64, 0:32>>},
        {"external", <<120, (atom("a@b"))/binary, 5:64, 16#5f000001:32>>},
        {"external_wide", <<120, (atom("a@b"))/binary, 16#123456789abcdef0:64, 16#ffffffff:32>>},
        {"new", <<89, (atom("a@b"))/binary, 5:32, 16#5f000001:32>>},
        {"old", <<102, (atom("a@b"))/binary, 5:32, 2>>}
    ]).

references() ->
    Node = atom("a@b"),
    bytes("reference", [
        {"local", <<90, 3:16, (node_atom())/binary, 0:32, 1:32, 2:32, 3:32>>},
        {"external_1", <<90, 1:16, Node/binary, 9:32, 1:32>>},
        {"external_2", <<90, 2:16, Node/binary, 9:32, 1:32, 2:32>>},
        {"external_3", <<90, 3:16, Node/binary, 16#ffffffff:32, 1:32, 16#ffffffff:32, 16#ffffffff:32>>},
        {"external_4", <<90, 4:16, Node/binary, 9:32, 1:32, 2:32, 3:32, 4:32>>},
        {"external_5", <<90, 5:16, Node/binary, 9:32, 1:32, 2:32, 3:32, 4:32, 5:32>>},
        {"external_wide_first_word", <<90, 3:16, Node/binary, 9:32, 16#ffffffff:32, 2:32, 3:32>>},
        {"new", <<114, 3:16, Node/binary, 2, 1:32, 2:32, 3:32>>},
        {"new_1", <<114, 1:16, Node/binary, 2, 1:32>>},
        {"old", <<101, Node/binary, 5:32, 2>>}
    ]).

funs() ->
    terms("export", [fun lists:map/2, fun erlang:node/0, fun 'A b':'C d'/255]) ++
    [{name("fun", N), term_to_binary(Fun)} || {N, Fun} <- numbered([
        fun() -> ok end, fun(X) -> X end,
        begin [A, B, C] = lists:append([[1], ["free"], [#{a => <<"variable">>}]]), fun() -> {A, B, C} end end
    ])] ++
    bytes("fun", [
        {"of_unknown_module", fun_bytes(1, [<<97, 7>>, <<119, 4, "free">>])},
        {"without_free", fun_bytes(3, [])}
    ]).

fun_bytes(Arity, Free) ->
    Md5 = list_to_binary(lists:seq(1, 16)),
    Rest = <<Arity, Md5/binary, 2:32, (length(Free)):32, (atom("no_such_module"))/binary, 97, 2, 98, 100000000:32,
             88, (atom("a@b"))/binary, 84:32, 1:32, 9:32, (list_to_binary(Free))/binary>>,
    <<112, (byte_size(Rest) + 4):32, Rest/binary>>.

%% Reserved words, hence printed with quotes, since OTP 27.
reserved() ->
    case release() >= 27 of
        true -> terms("reserved", ['maybe', 'else']);
        false -> []
    end.

%% Native records (EEP 79) exist since OTP 29.
records() ->
    case release() >= 29 of
        true ->
            bytes("record", [
                {"empty", <<67, 0:32, 1, (atom("m"))/binary, (atom("r"))/binary>>},
                {"exported", <<67, 2:32, 1, (atom("shapes"))/binary, (atom("point"))/binary,
                               (atom("x"))/binary, (atom("y"))/binary, 97, 1, 70, 2.5/float>>},
                {"private", <<67, 1:32, 0, (atom("shapes"))/binary, (atom("A r"))/binary,
                              (atom("A f"))/binary, 104, 1, 106>>}
            ]);
        false ->
            []
    end.

compressed() ->
    Terms = [lists:duplicate(1000, a), binary:copy(<<"abc">>, 500), maps:from_list([{N, "same"} || N <- lists:seq(1, 50)])],
    [{name("compressed", N), term_to_binary(T, [compressed, {minor_version, 2}])} || {N, T} <- numbered(Terms)].

local() ->
    try [{name("local", N), term_to_binary(T, [local])} || {N, T} <- numbered([a, {1, "b"}, self()])]
    catch error:badarg -> []
    end.

nested() ->
    Deep = lists:foldl(fun(_, T) -> {T} end, [], lists:seq(1, 1000)),
    Lists = lists:foldl(fun(_, T) -> [T] end, [], lists:seq(1, 1000)),
    terms("nested", [
        Deep, Lists, {'$gen_call', {a, [alias | b]}, {get, <<"key">>}}, [{name, "value"}, {list, [1, 2.5, <<>>]}, #{k => [v]}],
        {ok, #{1 => [#{2 => {[<<"deep">>]}}]}}
    ]) ++
    [{name("nested_minor_1", N), term_to_binary(T, [{minor_version, 1}])}
     || {N, T} <- numbered([{ok, 1.5}, [a, 'é'], #{a => 1}])].

release() ->
    list_to_integer(erlang:system_info(otp_release)).

terms(Name, Terms) ->
    [{name(Name, N), term_to_binary(T, [{minor_version, 2}])} || {N, T} <- numbered(Terms)].

bytes(Name, Encodings) ->
    [{Name ++ "_" ++ Suffix, <<131, Bytes/binary>>} || {Suffix, Bytes} <- Encodings].

numbered(List) ->
    lists:zip(lists:seq(1, length(List)), List).

name(Name, N) ->
    Name ++ "_" ++ integer_to_list(N).

node_atom() ->
    atom(atom_to_list(node())).

atom(Name) ->
    Utf8 = unicode:characters_to_binary(Name),
    <<119, (byte_size(Utf8)), Utf8/binary>>.

line(Name, Bytes) ->
    Term = binary_to_term(Bytes),
    Printed = lists:flatten(print(Term)),
    Text = case length(Printed) =< 1500 of true -> Printed; false -> "" end,
    Flags = [Flag || {Flag, true} <- [
        {"canonical", is_canonical(Term, Bytes)},
        {"syntax", is_syntax(Text, Term)},
        {"compressed", binary:at(Bytes, 1) =:= 80},
        {"local", binary:at(Bytes, 1) =:= 121}
    ]],
    [Name, $\t, lists:join($,, Flags), $\t, hex(Bytes), $\t, Text].

%% OTP 26 changed two things: atoms are UTF-8 always, and ports have a 64-bit number always. In which order a map's
%% keys are written depends on the node, except in small maps without atom keys.
is_canonical(Term, Bytes) ->
    not is_port(Term) andalso sorts_maps(Term) andalso term_to_binary(Term, [{minor_version, 2}]) =:= Bytes
        orelse is_port(Term) andalso binary:at(Bytes, 1) =:= 120.

sorts_maps([H | T]) -> sorts_maps(H) andalso sorts_maps(T);
sorts_maps(T) when is_tuple(T) -> sorts_maps(tuple_to_list(T));
sorts_maps(M) when is_map(M) ->
    Atoms = length(lists:filter(fun is_atom/1, maps:keys(M))),
    maps:size(M) =< 32 andalso Atoms =< 1 andalso sorts_maps(maps:to_list(M));
sorts_maps(_) -> true.

%% With the keys of maps in order, for which there is a modifier since OTP 26. Before, only large maps were without.
print(Term) ->
    case release() >= 26 of
        true -> io_lib:format("~0ktp", [Term]);
        false when is_map(Term), map_size(Term) > 32 -> "";
        false -> io_lib:format("~0tp", [Term])
    end.

is_syntax("", _) -> false;
is_syntax(Text, Term) ->
    case erl_scan:string(Text ++ ".") of
        {ok, Tokens, _} ->
            case erl_parse:parse_term(Tokens) of
                {ok, Parsed} -> Parsed =:= Term andalso term_to_binary(Parsed) =:= term_to_binary(Term);
                {error, _} -> false
            end;
        {error, _, _} -> false
    end.

hex(<<>>) -> [];
hex(<<Byte, _/binary>> = Bytes) ->
    case run(Byte, Bytes, 0) of
        N when N >= 8 ->
            <<_:N/binary, Rest/binary>> = Bytes,
            [$\s, byte(Byte), $*, integer_to_list(N), $\s | hex(Rest)];
        _ ->
            <<_, Rest/binary>> = Bytes,
            [byte(Byte) | hex(Rest)]
    end.

run(Byte, <<Byte, Rest/binary>>, N) -> run(Byte, Rest, N + 1);
run(_, _, N) -> N.

byte(Byte) -> io_lib:format("~2.16.0b", [Byte]).
