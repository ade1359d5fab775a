%% One end of a measurement over TLS, or both.
-module(tls_peer).
-export([start/0, push/3, pull/3, ping/3]).

%% Makes this node one that others send to, are sent to by, and get their messages back from.
start() ->
    register(sink, spawn(fun sink/0)),
    register(source, spawn(fun source/0)),
    register(echo, spawn(fun echo/0)),
    ok.

sink() ->
    receive
        {data, _} -> sink();
        {done, From} -> From ! done, sink()
    end.

source() ->
    receive
        {send, To, Size, Count} ->
            Data = data(Size),
            repeat(Count, fun() -> To ! {data, Data} end),
            To ! done,
            source()
    end.

echo() ->
    receive
        {From, Data} -> From ! Data, echo()
    end.

%% Nanoseconds for as many messages to the node.
push(Node, Size, Count) ->
    Data = data(Size),
    timed(fun() ->
        repeat(Count, fun() -> {sink, Node} ! {data, Data} end),
        {sink, Node} ! {done, self()},
        receive done -> ok end
    end).

%% Nanoseconds for as many messages from the node.
pull(Node, Size, Count) ->
    timed(fun() ->
        {source, Node} ! {send, self(), Size, Count},
        repeat(Count, fun() -> receive {data, _} -> ok end end),
        receive done -> ok end
    end).

%% Nanoseconds for as many messages to the node and back.
ping(Node, Size, Count) ->
    Data = data(Size),
    timed(fun() ->
        repeat(Count, fun() ->
            {echo, Node} ! {self(), Data},
            receive Data -> ok end
        end)
    end).

data(Size) -> binary:copy(<<7>>, Size).

repeat(0, _) -> ok;
repeat(Count, Work) -> Work(), repeat(Count - 1, Work).

timed(Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Work(),
    erlang:monotonic_time(nanosecond) - Start.
