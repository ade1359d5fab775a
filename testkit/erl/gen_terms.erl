%% Random terms, as a node makes them.
-module(gen_terms).
-export([terms/1]).

%% Count terms, of any type but those that a fresh node has no values of.
terms(Count) ->
    [term(rand:uniform(4)) || _ <- lists:seq(1, Count)].

term(0) -> leaf(rand:uniform(13));
term(Depth) ->
    Elements = fun(Max) -> [term(rand:uniform(Depth) - 1) || _ <- lists:seq(1, rand:uniform(Max + 1) - 1)] end,
    case rand:uniform(7) of
        1 -> list_to_tuple(Elements(6));
        2 -> Elements(6);
        3 -> Elements(3) ++ term(Depth - 1);
        4 -> maps:from_list([{Key, term(Depth - 1)} || Key <- Elements(4)]);
        5 -> maps:from_list([{rand:uniform(1000), Value} || Value <- Elements(40)]);
        6 -> {ok, term(Depth - 1)};
        7 -> leaf(rand:uniform(13))
    end.

leaf(1) -> rand:uniform(512) - 256;
leaf(2) ->
    Edge = (1 bsl element(rand:uniform(9), {8, 27, 28, 31, 32, 59, 60, 63, 64})) + rand:uniform(5) - 3,
    case rand:uniform(2) of 1 -> Edge; 2 -> -Edge end;
leaf(3) -> binary:decode_unsigned(bytes(rand:uniform(300)));
leaf(4) -> (rand:uniform() - 0.5) * math:pow(10, rand:uniform(40) - 20);
leaf(5) -> float(rand:uniform(100));
leaf(6) -> element(rand:uniform(6), {ok, undefined, 'with space', 'ünï', '日本', 'A'});
leaf(7) -> list_to_atom([rand:uniform(16#d7ff) || _ <- lists:seq(1, rand:uniform(20))]);
leaf(8) -> bytes(rand:uniform(40) - 1);
leaf(9) -> Size = rand:uniform(30), <<Bits:Size/bitstring, _/bitstring>> = bytes(4), Bits;
leaf(10) -> [rand:uniform(95) + 31 || _ <- lists:seq(1, rand:uniform(20))];
leaf(11) -> fun lists:map/2;
leaf(12) -> element(rand:uniform(2), {self(), make_ref()});
leaf(13) -> element(rand:uniform(3), {[], {}, #{}}).

bytes(Count) -> list_to_binary([rand:uniform(256) - 1 || _ <- lists:seq(1, Count)]).
