%% The BEAM as a peer of the codec benchmark. Requests and answers are packets with a four-byte length on
%% file descriptors 0 and 1; the first byte of a request says what is wanted:
%%   $L Payload             remember the payload; answers its number of terms and the size of its encoding here
%%   $S Index Bytes         are the bytes the same term (=:=) as payload Index? answers 1 or 0
%%   $D Index Count         decode Count times; answers nanoseconds
%%   $E Index Count         encode Count times; answers nanoseconds
-module(codec_peer).
-export([main/0]).

main() ->
    loop(open_port({fd, 0, 1}, [binary, {packet, 4}, eof]), []).

loop(Port, Payloads) ->
    receive
        {Port, eof} ->
            halt(0);
        {Port, {data, <<$L, Payload/binary>>}} ->
            Own = binary:copy(Payload),
            Term = binary_to_term(Own),
            port_command(Port, <<(count(Term)):64, (byte_size(encode(Term))):64>>),
            loop(Port, Payloads ++ [Own]);
        {Port, {data, <<$S, Index:32, Bytes/binary>>}} ->
            Same = binary_to_term(Bytes) =:= payload(Index, Payloads),
            port_command(Port, <<(if Same -> 1; true -> 0 end):64>>),
            loop(Port, Payloads);
        {Port, {data, <<$D, Index:32, Count:32>>}} ->
            Payload = lists:nth(Index + 1, Payloads),
            port_command(Port, <<(timed(fun() -> decode(Count, Payload) end)):64>>),
            loop(Port, Payloads);
        {Port, {data, <<$E, Index:32, Count:32>>}} ->
            Term = payload(Index, Payloads),
            port_command(Port, <<(timed(fun() -> encode(Count, Term) end)):64>>),
            loop(Port, Payloads)
    end.

payload(Index, Payloads) ->
    binary_to_term(lists:nth(Index + 1, Payloads)).

%% In a process of its own, which starts without garbage. The final collection is part of the work, as
%% freeing the last result is for the others.
timed(Work) ->
    Parent = self(),
    {_, Monitor} = spawn_monitor(fun() ->
        erlang:garbage_collect(),
        Start = erlang:monotonic_time(nanosecond),
        Work(),
        erlang:garbage_collect(),
        Parent ! {took, erlang:monotonic_time(nanosecond) - Start}
    end),
    receive {'DOWN', Monitor, process, _, normal} -> ok end,
    receive {took, Time} -> Time end.

decode(0, _) -> ok;
decode(Count, Payload) ->
    _ = binary_to_term(Payload),
    decode(Count - 1, Payload).

encode(0, _) -> ok;
encode(Count, Term) ->
    _ = encode(Term),
    encode(Count - 1, Term).

%% Version 2 writes atoms in UTF-8, which is what goes between nodes; it is the default since OTP 26.
encode(Term) ->
    term_to_binary(Term, [{minor_version, 2}]).

%% A list of bytes that STRING_EXT can carry counts as one term, as it does on the wire.
count([]) -> 1;
count(List) when is_list(List) ->
    case length(List) < 65536 andalso lists:all(fun(X) -> is_integer(X) andalso X >= 0 andalso X < 256 end, List) of
        true -> 1;
        false -> lists:foldl(fun(X, Sum) -> Sum + count(X) end, 1, List)
    end;
count(Tuple) when is_tuple(Tuple) -> 1 + count_all(tuple_to_list(Tuple));
count(Map) when is_map(Map) -> 1 + count_all(maps:keys(Map)) + count_all(maps:values(Map));
count(_) -> 1.

count_all(Terms) -> lists:sum([count(Term) || Term <- Terms]).
