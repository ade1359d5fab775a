%% One end of messages, or both. The processes `echo', `sink' and `source' are sent {From, _}, and answer {self(), done} when
%% they are asked to.
-module(message_peer).
-export([start/0, ping/3, name/3, pid/3, pull/3, pull_name/3, callers/3, connect/3]).

start() ->
    register(echo, spawn(fun echo/0)),
    register(sink, spawn(fun sink/0)),
    register(source, spawn(fun source/0)),
    ok.

echo() ->
    receive {From, _} = Message -> From ! Message, echo() end.

sink() ->
    receive
        {From, done} -> From ! {self(), done}, sink();
        {_, _} -> sink()
    end.

source() ->
    receive
        {From, send, Count, Size} -> send(Count, From, data(Size)), done(From);
        {From, send_name, Count, Size} -> send(Count, {puller, node(From)}, data(Size)), done(From)
    end.

done(From) -> From ! {self(), done}, source().

data(Size) -> {data, binary:copy(<<7>>, Size)}.

send(0, _, _) -> ok;
send(Count, To, Message) -> To ! Message, send(Count - 1, To, Message).

%% ---- The other end, which measures: nanoseconds for Count messages ----

%% There and back, one by one.
ping(Node, Size, Count) ->
    timed(fun() -> echoes(Count, {echo, Node}, {self(), binary:copy(<<7>>, Size)}) end).

echoes(0, _, _) -> ok;
echoes(Count, To, Message) ->
    To ! Message,
    receive Message -> echoes(Count - 1, To, Message) end.

name(Node, Size, Count) ->
    timed(fun() -> send(Count, {sink, Node}, data(Size)), settle(Node) end).

pid(Node, Size, Count) ->
    Sink = settle(Node),
    timed(fun() -> send(Count, Sink, data(Size)), settle(Node) end).

%% Waits until the sink has seen all that was sent to it; its pid.
settle(Node) ->
    {sink, Node} ! {self(), done},
    receive {Sink, done} -> Sink end.

pull(Node, Size, Count) -> pull(send, Node, Size, Count).

pull_name(Node, Size, Count) ->
    register(puller, self()),
    Time = pull(send_name, Node, Size, Count),
    unregister(puller),
    Time.

pull(Wish, Node, Size, Count) ->
    timed(fun() ->
        {source, Node} ! {self(), Wish, Count, Size},
        take(Count),
        receive {_, done} -> ok end
    end).

take(0) -> ok;
take(Count) -> receive {data, _} -> take(Count - 1) end.

%% As many processes, each of which has its messages echoed one by one; Count messages in all.
callers(Node, Callers, Count) ->
    Each = max(1, Count div Callers),
    Self = self(),
    Time = timed(fun() ->
        [spawn(fun() ->
            echoes(Each, {echo, Node}, {self(), binary:copy(<<7>>, 100)}),
            Self ! ended
        end) || _ <- lists:seq(1, Callers)],
        [receive ended -> ok end || _ <- lists:seq(1, Callers)]
    end),
    Time * Count div (Each * Callers).

%% Connects with a node, and disconnects.
connect(Node, _, Count) ->
    erlang:disconnect_node(Node),
    timed(fun() ->
        [begin true = net_kernel:connect_node(Node), erlang:disconnect_node(Node) end || _ <- lists:seq(1, Count)]
    end).

timed(Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Work(),
    erlang:monotonic_time(nanosecond) - Start.
