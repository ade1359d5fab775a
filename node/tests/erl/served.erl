%% What a node serves to Erlang programs: pings, servers, functions, processes that are asked for, and messages
%% of any size.
%%
%% The same runs against a node of Erlang, which has this module, and against others, which serve a server of
%% the same name and functions of the same names. With Erlang it shows that it expects the right thing.
-module(served).
-behaviour(gen_server).
-export([start/0, run/1]).
-export([add/2, fail/2, wait/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(WAIT, 20000).

%%% What an Erlang node serves.

start() ->
    [{ok, _} = gen_server:start({local, Name}, ?MODULE, 0, []) || Name <- [server, other]],
    ok.

add(A, B) -> A + B.

fail(Class, Reason) -> erlang:raise(Class, Reason, []).

wait() -> receive never -> ok end.

init(Sum) -> {ok, Sum}.

handle_call(sum, _, Sum) -> {reply, Sum, Sum};
handle_call(never, _, Sum) -> {noreply, Sum};
handle_call({tell, To, Message}, _, Sum) -> To ! Message, {reply, ok, Sum};
handle_call({later, Reply}, From, Sum) ->
    spawn(fun() -> gen_server:reply(From, Reply) end),
    {noreply, Sum};
handle_call(Other, _, Sum) -> {reply, Other, Sum}.

handle_cast({add, N}, Sum) -> {noreply, Sum + N}.

handle_info(_, Sum) -> {noreply, Sum}.

%%% Driving it.

%% Runs all cases; gives how many there are, and those that fail. Those with large messages have the node for
%% themselves.
run(Node) ->
    Cases = [{Name, fun() -> Case(Node) end} || {Name, Case} <- cases()] ++
        [{{spawn_request, Options, Function}, fun() -> requested(Node, Options, Function, Expected) end}
            || {Options, Function, Expected} <- requests()],
    Runs = [begin_case(Case) || Case <- Cases],
    Results = [end_case(Run) || Run <- Runs] ++
        [end_case(begin_case({Name, fun() -> Case(Node) end}))
            || {Name, Case} <- [{atoms, fun atoms/1}, {large_and_small, fun large_and_small/1}]],
    {length(Results), lists:append(Results)}.

begin_case({Name, Case}) -> {Name, spawn_monitor(fun() -> exit({done, catch Case()}) end)}.

end_case({Name, {_, Monitor}}) ->
    receive
        {'DOWN', Monitor, process, _, {done, ok}} -> [];
        {'DOWN', Monitor, process, _, Other} -> [{Name, Other}]
    end.

is(Expected, Expected) -> ok;
is(Expected, Got) -> throw({expected, Expected, got, Got}).

raised(Fun) ->
    try {returned, Fun()} catch Class:Reason -> {Class, without_stack(Reason)} end.

%% What differs between nodes is where a function is that has failed.
without_stack({Reason, [Frame | _]}) when is_tuple(Frame) -> Reason;
without_stack({Reason, []}) -> Reason;
without_stack({exception, Reason, _}) -> {exception, Reason};
without_stack(Reason) -> Reason.

%% All that was sent by what has ended has arrived, and it was nothing.
nothing_else(Node) ->
    settled = gen_server:call({server, Node}, settled, ?WAIT),
    receive Other -> throw({not_expected, Other}) after 0 -> ok end.

%%% The cases.

cases() -> [
    {ping, fun ping/1},
    {call, fun call/1},
    {cast, fun cast/1},
    {multi_call, fun multi_call/1},
    {nobody, fun nobody/1},
    {rpc, fun rpc/1},
    {rpc_raises, fun rpc_raises/1},
    {rpc_to_many, fun rpc_to_many/1},
    {erpc, fun erpc/1},
    {erpc_raises, fun erpc_raises/1},
    {erpc_to_many, fun erpc_to_many/1},
    {spawn, fun spawned/1},
    {spawn_link, fun spawned_with_link/1},
    {spawn_monitor, fun spawned_with_monitor/1},
    {spawn_opt, fun spawned_with_options/1},
    {request_with_alias, fun request_with_alias/1},
    {abandoned, fun abandoned/1},
    {only_of_local_processes, fun only_of_local_processes/1}].

ping(Node) ->
    is(pong, net_adm:ping(Node)),
    is(true, net_kernel:connect_node(Node)),
    is(true, lists:member(Node, nodes(connected))).

call(Node) ->
    Server = {server, Node},
    is({any, <<"term">>}, gen_server:call(Server, {any, <<"term">>}, ?WAIT)),
    is(reply, gen_server:call(Server, {later, reply}, ?WAIT)),
    is({exit, {timeout, {gen_server, call, [Server, never, 20]}}},
        raised(fun() -> gen_server:call(Server, never, 20) end)),
    is({reply, one}, gen_server:wait_response(gen_server:send_request(Server, one), ?WAIT)),
    Requests = [gen_server:send_request(Server, N) || N <- lists:seq(1, 100)],
    is([{reply, N} || N <- lists:seq(1, 100)], [gen_server:wait_response(R, ?WAIT) || R <- Requests]),
    nothing_else(Node).

cast(Node) ->
    Other = {other, Node},
    [is(ok, gen_server:cast(Other, {add, N})) || N <- lists:seq(1, 100)],
    is(5050, gen_server:call(Other, sum, ?WAIT)),
    is(abcast, gen_server:abcast([Node], other, {add, -5050})),
    is(0, gen_server:call(Other, sum, ?WAIT)).

multi_call(Node) ->
    is({[{Node, hello}], []}, gen_server:multi_call([Node], server, hello, ?WAIT)),
    is({[], [Node]}, gen_server:multi_call([Node], nobody, hello, ?WAIT)),
    is({[], [Node]}, gen_server:multi_call([Node], server, never, 20)),
    {Good, []} = gen_server:multi_call([node(), Node], server, hello, ?WAIT),
    is(lists:sort([{node(), hello}, {Node, hello}]), lists:sort(Good)).

nobody(Node) ->
    Nobody = {nobody_at_all, Node},
    is(lost, Nobody ! lost),
    is(ok, erlang:send(Nobody, lost, [noconnect])),
    is(ok, gen_server:cast(Nobody, lost)),
    is({exit, {noproc, {gen_server, call, [Nobody, lost]}}}, raised(fun() -> gen_server:call(Nobody, lost) end)),
    {error, {noproc, _}} = gen_server:wait_response(gen_server:send_request(Nobody, lost), ?WAIT),
    Monitor = monitor(process, Nobody),
    receive {'DOWN', Monitor, process, Nobody, noproc} -> ok after ?WAIT -> throw(no_down) end,
    nothing_else(Node).

rpc(Node) ->
    is(3, rpc:call(Node, served, add, [1, 2])),
    is(3, rpc:call(Node, served, add, [1, 2], ?WAIT)),
    is(3, rpc:block_call(Node, served, add, [1, 2])),
    is(3, rpc:yield(rpc:async_call(Node, served, add, [1, 2]))),
    is({value, 3}, rpc:nb_yield(rpc:async_call(Node, served, add, [1, 2]), ?WAIT)),
    is(true, rpc:cast(Node, served, add, [1, 2])),
    is({badrpc, timeout}, rpc:call(Node, served, wait, [], 20)),
    nothing_else(Node).

rpc_raises(Node) ->
    {badrpc, {'EXIT', {undef, [{no, no, [x], _} | _]}}} = rpc:call(Node, no, no, [x]),
    {badrpc, {'EXIT', {undef, [{served, add, [1], _} | _]}}} = rpc:call(Node, served, add, [1]),
    {badrpc, {'EXIT', {oops, _}}} = rpc:call(Node, served, fail, [error, oops]),
    is({badrpc, {'EXIT', oops}}, rpc:call(Node, served, fail, [exit, oops])),
    is(oops, rpc:call(Node, served, fail, [throw, oops])),
    nothing_else(Node).

rpc_to_many(Node) ->
    is({[3], []}, rpc:multicall([Node], served, add, [1, 2])),
    is({[3, 3], ['no@127.0.0.1']}, rpc:multicall([Node, 'no@127.0.0.1', node()], served, add, [1, 2], ?WAIT)),
    is(abcast, rpc:abcast([Node], server, hello)),
    is({[Node], []}, rpc:sbcast([Node], server, hello)),
    is({[], [Node]}, rpc:sbcast([Node], nobody, hello)),
    is(abcast, rpc:eval_everywhere([Node], served, add, [1, 2])),
    nothing_else(Node).

erpc(Node) ->
    is(3, erpc:call(Node, served, add, [1, 2])),
    is(3, erpc:call(Node, served, add, [1, 2], ?WAIT)),
    is(ok, erpc:cast(Node, served, add, [1, 2])),
    is(3, erpc:receive_response(erpc:send_request(Node, served, add, [1, 2]), ?WAIT)),
    is({response, 3}, erpc:wait_response(erpc:send_request(Node, served, add, [1, 2]), ?WAIT)),
    is(no_response, erpc:wait_response(erpc:send_request(Node, served, wait, []), 20)),
    is({error, {erpc, timeout}}, raised(fun() -> erpc:call(Node, served, wait, [], 20) end)),
    nothing_else(Node).

erpc_raises(Node) ->
    Raised = fun(M, F, A) -> raised(fun() -> erpc:call(Node, M, F, A, ?WAIT) end) end,
    is({error, {exception, undef}}, Raised(no, no, [])),
    is({error, {exception, undef}}, Raised(served, add, [1])),
    is({error, {exception, oops}}, Raised(served, fail, [error, oops])),
    is({exit, {exception, oops}}, Raised(served, fail, [exit, oops])),
    is({throw, oops}, Raised(served, fail, [throw, oops])),
    nothing_else(Node).

erpc_to_many(Node) ->
    is([{ok, 3}], erpc:multicall([Node], served, add, [1, 2])),
    is([{ok, 3}, {error, {erpc, noconnection}}, {ok, 3}],
        erpc:multicall([Node, 'no@127.0.0.1', node()], served, add, [1, 2], ?WAIT)),
    is([{throw, oops}], erpc:multicall([Node], served, fail, [throw, oops])),
    is([{exit, {exception, oops}}], erpc:multicall([Node], served, fail, [exit, oops])),
    is(ok, erpc:multicast([Node], served, add, [1, 2])),
    nothing_else(Node).

spawned(Node) ->
    Pid = spawn(Node, served, wait, []),
    is(Node, node(Pid)),
    Monitor = monitor(process, Pid),
    exit(Pid, kill),
    down(Monitor, Pid, killed),
    Undefined = spawn(Node, no, no, []),
    is(Node, node(Undefined)),
    nothing_else(Node).

spawned_with_link(Node) ->
    process_flag(trap_exit, true),
    Waits = spawn_link(Node, served, wait, []),
    exit(Waits, boom),
    exited(Waits, boom),
    exited(spawn_link(Node, served, add, [1, 2]), normal),
    exited(spawn_link(Node, served, fail, [error, oops]), oops),
    exited(spawn_link(Node, served, fail, [exit, oops]), oops),
    exited(spawn_link(Node, served, fail, [throw, oops]), {nocatch, oops}),
    exited(spawn_link(Node, no, no, []), undef),
    %% One that ends takes with it what it is linked with.
    Test = self(),
    {Linked, End} = spawn_monitor(fun() -> Test ! {waits, spawn_link(Node, served, wait, [])}, exit(boom) end),
    down(End, Linked, boom),
    receive {waits, There} -> down(monitor(process, There), There, [boom, noproc]) end,
    nothing_else(Node).

spawned_with_monitor(Node) ->
    [begin
        {Pid, Monitor} = spawn_monitor(Node, M, F, A),
        down(Monitor, Pid, Reason)
    end || {M, F, A, Reason} <- [
        {served, add, [1, 2], normal},
        {served, fail, [error, oops], oops},
        {served, fail, [exit, normal], normal},
        {served, fail, [throw, oops], {nocatch, oops}},
        {no, no, [], undef}]],
    {Waits, Ends} = spawn_monitor(Node, served, wait, []),
    exit(Waits, normal),
    exit(Waits, shutdown),
    down(Ends, Waits, shutdown),
    nothing_else(Node).

spawned_with_options(Node) ->
    process_flag(trap_exit, true),
    {Pid, Monitor} = spawn_opt(Node, served, add, [1, 2], [link, {priority, low}, monitor]),
    down(Monitor, Pid, normal),
    exited(Pid, normal),
    {error, badarg} = raised(fun() -> spawn_opt(Node, served, add, [1, 2], [nonsense]) end),
    nothing_else(Node).

down(Monitor, Pid, Reasons) when is_list(Reasons) ->
    receive {'DOWN', Monitor, process, Pid, Got} -> is(true, lists:member(Got, Reasons))
    after ?WAIT -> throw({no_down, Reasons})
    end;
down(Monitor, Pid, Reason) ->
    receive {'DOWN', Monitor, process, Pid, Got} -> is(Reason, without_stack(Got))
    after ?WAIT -> throw({no_down, Reason})
    end.

exited(Pid, Reason) ->
    receive {'EXIT', Pid, Got} -> is(Reason, without_stack(Got))
    after ?WAIT -> throw({no_exit, Reason})
    end.

%% Processes are asked for with every option of spawn_opt/5 and spawn_request/5: the options, what is run,
%% and what arrives in the end, in any order.
requests() ->
    Yes = {spawn_reply, ok},
    Down = {'DOWN', normal},
    Exit = {'EXIT', normal},
    [{Options, add, Expected} || {Options, Expected} <- [
        {[], [Yes]},
        {[link], [Yes, Exit]},
        {[monitor], [Yes, Down]},
        {[link, monitor], [Yes, Exit, Down]},
        {[{monitor, []}], [Yes, Down]},
        {[{monitor, [{tag, ended}]}], [Yes, {ended, normal}]},
        {[{reply, yes}], [Yes]},
        {[{reply, no}, monitor], [Down]},
        {[{reply, error_only}, monitor], [Down]},
        {[{reply, success_only}, monitor], [Yes, Down]},
        {[{reply_tag, told}], [{told, ok}]},
        {[{reply_tag, told}, {reply, success_only}, link], [{told, ok}, Exit]}]] ++
    [{[{monitor, [{alias, Kind}]}], add, [Yes, Down]} || Kind <- [explicit_unalias, demonitor, reply_demonitor]] ++
    [{[Option, monitor], add, [Yes, Down]} || Option <- valid()] ++
    [{[{link, Options}, {monitor, Options}], add, [Yes, Exit, Down]}
        || list_to_integer(erlang:system_info(otp_release)) >= 28, Options <- [[], [priority]]] ++
    [{[Option, Reply, link, monitor], add, Expected}
        || Option <- invalid(),
           {Reply, Expected} <- [
               {{reply, yes}, [{spawn_reply, error, badopt}]},
               {{reply, no}, []},
               {{reply, error_only}, [{spawn_reply, error, badopt}]},
               {{reply, success_only}, []},
               {{reply_tag, told}, [{told, error, badopt}]}]] ++
    [{[link, monitor, {reply, error_only}], Function, [{'EXIT', Reason}, {'DOWN', Reason}]}
        || {Function, Reason} <- [{fail, oops}, {no, undef}]].

valid() ->
    [{priority, Level} || Level <- [low, normal, high, max]] ++
    [{message_queue_data, Where} || Where <- [on_heap, off_heap]] ++
    [{async_dist, Whether} || list_to_integer(erlang:system_info(otp_release)) >= 26, Whether <- [true, false]] ++
    [{fullsweep_after, 0}, {fullsweep_after, 10}, {min_heap_size, 0}, {min_heap_size, 1000},
     {min_bin_vheap_size, 0}, {min_bin_vheap_size, 1000}, {max_heap_size, 0}, {max_heap_size, 1000000},
     {max_heap_size, #{size => 1000000}},
     {max_heap_size, #{size => 1000000, kill => false, error_logger => false, more => 1}}].

invalid() ->
    [nonsense, 7, {link}, {nonsense, 1}, {priority, high, 1},
     {priority, nonsense}, {priority, 1}, {message_queue_data, nonsense}, {async_dist, nonsense},
     {fullsweep_after, -1}, {fullsweep_after, x}, {min_heap_size, -1}, {min_heap_size, 1.0},
     {min_bin_vheap_size, x}, {max_heap_size, -1}, {max_heap_size, 1}, {max_heap_size, x},
     {max_heap_size, #{}}, {max_heap_size, #{size => x}}, {max_heap_size, #{size => 1000000, kill => x}},
     {max_heap_size, #{size => 1000000, error_logger => 1}}].

requested(Node, Options, Function, Expected) ->
    process_flag(trap_exit, true),
    {Module, Arguments} = case Function of
        add -> {served, [1, 2]};
        fail -> {served, [error, oops]};
        no -> {no, []}
    end,
    Request = spawn_request(Node, Module, Function, Arguments, Options),
    Got = [receive Message -> of_request(Request, Message) after ?WAIT -> nothing end || _ <- Expected],
    is(lists:sort(Expected), lists:sort(Got)),
    nothing_else(Node).

of_request(Request, {Tag, Request, ok, Pid}) when is_pid(Pid) -> {Tag, ok};
of_request(Request, {Tag, Request, error, Why}) -> {Tag, error, Why};
of_request(Request, {Tag, Request, process, _, Why}) -> {Tag, without_stack(Why)};
of_request(_, {'EXIT', _, Why}) -> {'EXIT', without_stack(Why)};
of_request(_, Other) -> Other.

%% The reference of a request with a monitor can be an alias.
request_with_alias(Node) ->
    Tell = fun(To, Message) -> is(ok, gen_server:call({server, Node}, {tell, To, Message}, ?WAIT)) end,
    [begin
        Request = spawn_request(Node, served, wait, [], [{monitor, [{alias, Kind}]}]),
        Pid = receive {spawn_reply, Request, ok, Waits} -> Waits after ?WAIT -> throw(no_reply) end,
        [Tell(Request, N) || N <- [1, 2]],
        Tell(self(), over),
        case Kind of
            reply_demonitor -> is([1], until_over());
            _ -> is([1, 2], until_over())
        end,
        exit(Pid, kill),
        case Kind of
            reply_demonitor -> down(monitor(process, Pid), Pid, [killed, noproc]);
            _ -> down(Request, Pid, killed)
        end,
        Tell(Request, 3),
        Tell(self(), over),
        case Kind of
            explicit_unalias -> is([3], until_over());
            _ -> is([], until_over())
        end
    end || Kind <- [explicit_unalias, demonitor, reply_demonitor]],
    nothing_else(Node).

until_over() -> receive over -> []; Message -> [Message | until_over()] after ?WAIT -> throw(not_over) end.

%% What is of no interest any more is not told.
abandoned(Node) ->
    process_flag(trap_exit, true),
    [begin
        Request = spawn_request(Node, served, add, [1, 2], [link, monitor]),
        case spawn_request_abandon(Request) of
            true -> ok;
            false -> [receive {spawn_reply, Request, ok, _} -> ok; {'DOWN', Request, _, _, _} -> ok; {'EXIT', _, _} -> ok end
                || _ <- [1, 2, 3]]
        end
    end || _ <- lists:seq(1, 20)],
    nothing_else(Node).

only_of_local_processes(Node) ->
    Pid = spawn(Node, served, wait, []),
    [is({error, badarg}, raised(fun() -> apply(erlang, Function, Arguments) end)) || {Function, Arguments} <- [
        {process_info, [Pid]},
        {process_info, [Pid, links]},
        {is_process_alive, [Pid]},
        {garbage_collect, [Pid]},
        {suspend_process, [Pid]},
        {register, [name_of_another, Pid]}]],
    exit(Pid, kill),
    nothing_else(Node).

%% More atoms than the cache of a connection has room for, there and back.
atoms(Node) ->
    [begin
        Atoms = [list_to_atom("atom_" ++ integer_to_list(N)) || N <- lists:seq(First, First + 149)],
        is(Atoms, gen_server:call({server, Node}, Atoms, ?WAIT))
    end || First <- lists:seq(1, 5000, 100)],
    ok.

%% Messages of up to 200 MiB by one process, and small ones by another meanwhile: each is heard in its order,
%% there and back.
large_and_small(Node) ->
    Sizes = [256, 10 bsl 20, 512, 200 bsl 20, 256, 65536],
    Small = spawn_link(fun() -> small(Node) end),
    [{server, Node} ! {'$gen_call', {self(), large}, {N, binary:copy(<<N>>, Size)}} || {N, Size} <- lists:enumerate(Sizes)],
    [receive
        {large, {Got, Body}} -> is({N, Size, Size}, {Got, byte_size(Body), count(Body, N, 0)})
    after 120000 -> throw({no_message, N})
    end || {N, Size} <- lists:enumerate(Sizes)],
    Small ! {stop, self()},
    receive {small, Count} when Count > 0 -> ok after ?WAIT -> throw(no_small_messages) end.

%% How many of the bytes are N. Compares blocks, which is faster.
count(Body, N, Count) when byte_size(Body) >= 65536 ->
    Block = binary:copy(<<N>>, 65536),
    case Body of
        <<Block:65536/binary, Rest/binary>> -> count(Rest, N, Count + 65536);
        _ -> Count
    end;
count(Body, N, Count) ->
    case Body =:= binary:copy(<<N>>, byte_size(Body)) of
        true -> Count + byte_size(Body);
        false -> Count
    end.

%% Asks ten questions at a time, until it is told to stop.
small(Node) -> small(Node, 1).

small(Node, First) ->
    Numbers = lists:seq(First, First + 9),
    [{other, Node} ! {'$gen_call', {self(), small}, {number, N}} || N <- Numbers],
    [receive {small, Got} -> is({number, N}, Got) after 120000 -> throw({no_message, N}) end || N <- Numbers],
    receive {stop, From} -> From ! {small, First + 9} after 0 -> small(Node, First + 10) end.
