-module(sink).
-export([start/2, result/0]).

%% Sends numbered messages to a node while as many come from there.
start(Node, Count) ->
    spawn(fun() ->
        register(sink, self()),
        true = net_kernel:connect_node(Node),
        spawn_link(fun() -> [{any, Node} ! {N, bytes(N)} || N <- lists:seq(0, Count - 1)] end),
        [receive {N, Bytes} -> Bytes = bytes(N) end || N <- lists:seq(0, Count - 1)],
        persistent_term:put(sink, ok)
    end).

bytes(N) -> <<0:(N * 37 rem 5000)/unit:8>>.

result() -> persistent_term:get(sink, none).
