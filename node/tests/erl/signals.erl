%% What processes of two nodes do to each other, with links, monitors, exit signals and aliases.
%%
%% A scenario drives two puppets: processes that do what they are told and note what else arrives. Puppets
%% of Erlang and of others understand the same commands, so a scenario runs between any two nodes that have
%% a process `puppets' which makes them; between two Erlang nodes it shows that it expects the right thing.
-module(signals).
-export([start/0, run/2]).

-define(WAIT, 20000).

%%% The puppets of an Erlang node.

start() ->
    Self = self(),
    spawn(fun() -> register(puppets, self()), Self ! puppets, puppets() end),
    receive puppets -> ok end.

puppets() ->
    receive
        {spawn, From, Tag} ->
            From ! {spawned, Tag, spawn(fun() -> puppet([]) end)};
        {disconnect, From, Tag, Node} ->
            erlang:disconnect_node(Node),
            From ! {disconnected, Tag}
    end,
    puppets().

puppet(Log) ->
    receive
        {do, From, Tag, log} ->
            From ! {did, Tag, lists:reverse(Log)},
            puppet([]);
        {do, From, Tag, {unlink_and_forget, Other}} ->
            unlink(Other),
            receive {'EXIT', Other, _} -> ok after 0 -> ok end,
            From ! {did, Tag, ok},
            puppet([unlinked | Log]);
        {do, From, Tag, {when_waiting, Count, Command}} ->
            From ! {waiting, Tag},
            wait_for(Count),
            From ! {did, Tag, do(Command)},
            puppet(Log);
        {do, From, Tag, {stop, Reason}} ->
            From ! {did, Tag, ok},
            exit(Reason);
        {do, From, Tag, Command} ->
            From ! {did, Tag, do(Command)},
            puppet(Log);
        {sync, From, Tag} ->
            From ! {synced, Tag},
            puppet(Log);
        Other ->
            puppet([Other | Log])
    end.

wait_for(Count) ->
    case process_info(self(), message_queue_len) of
        {_, Waiting} when Waiting >= Count -> ok;
        _ -> receive after 1 -> wait_for(Count) end
    end.

do(nothing) -> ok;
do({link, Other}) -> link(Other), ok;
do({unlink, Other}) -> unlink(Other), ok;
do({monitor, Target}) -> monitor(process, Target);
do({monitor, Target, Kind}) -> monitor(process, Target, [{alias, Kind}]);
do({demonitor, Monitor}) -> erlang:demonitor(Monitor, [flush, info]);
do({alias, explicit}) -> alias();
do({alias, reply}) -> alias([reply]);
do({alias, priority}) -> alias([priority]);
do({unalias, Alias}) -> unalias(Alias);
do({trap_exit, Trap}) -> process_flag(trap_exit, Trap), ok;
do({register, Name}) -> register(Name, self()), ok;
do({unregister, Name}) -> unregister(Name), ok;
do({exit, To, Reason}) -> exit(To, Reason), ok;
do({exit_priority, To, Reason}) -> erlang:exit(To, Reason, [priority]), ok;
do({send, To, Message}) -> To ! Message, ok;
do({send_priority, To, Message}) -> erlang:send(To, Message, [priority]), ok;
do({count, Everyone, Count}) -> count(Everyone, Everyone, 1, Count).

%% Sends the numbers up to Count to one after the other.
count(_, _, Next, Count) when Next > Count -> ok;
count([], Everyone, Next, Count) -> count(Everyone, Everyone, Next, Count);
count([To | Rest], Everyone, Next, Count) -> To ! Next, count(Rest, Everyone, Next + 1, Count).

%%% Driving them.

%% Runs all scenarios between puppets of A and B; gives how many there are, and those that fail. All run at
%% once, but for the one that ends the connection.
run(A, B) ->
    {Count, Failed} = run_all(scenarios(), A, B),
    {Last, FailedLast} = run_all([{lost, fun lost/2}], A, B),
    {Count + Last, Failed ++ FailedLast}.

run_all(Scenarios, A, B) ->
    Runs = [spawn_monitor(fun() -> exit({done, catch Scenario(A, B)}) end) || {_, Scenario} <- Scenarios],
    Results = [receive {'DOWN', Monitor, process, _, Result} -> Result end || {_, Monitor} <- Runs],
    Failed = [{Name, Result} || {{Name, _}, Result} <- lists:zip(Scenarios, Results), Result =/= {done, ok}],
    {length(Scenarios), Failed}.

new(Node) ->
    Tag = make_ref(),
    {puppets, Node} ! {spawn, self(), Tag},
    receive {spawned, Tag, Puppet} -> put(Puppet, monitor(process, Puppet)), Puppet
    after ?WAIT -> throw({no_puppet, Node})
    end.

do(Puppet, Command) -> done(Puppet, Command, begin_to(Puppet, Command)).

begin_to(Puppet, Command) ->
    Tag = make_ref(),
    Puppet ! {do, self(), Tag, Command},
    Tag.

%% The puppet reads no messages until so many wait, and does something then.
begin_when_waiting(Puppet, Count, Command) ->
    Tag = begin_to(Puppet, {when_waiting, Count, Command}),
    receive {waiting, Tag} -> Tag
    after ?WAIT -> throw({no_answer, Puppet, when_waiting})
    end.

done(Puppet, Command, Tag) ->
    receive {did, Tag, Result} -> Result
    after ?WAIT -> throw({no_answer, Puppet, Command})
    end.

%% The puppet gets these, and so far no others.
expect(Puppet, Expected) -> expect(Puppet, Expected, do(Puppet, log), deadline()).

expect(_, Expected, Expected, _) -> ok;
expect(Puppet, Expected, Got, Deadline) ->
    (length(Got) >= length(Expected) orelse erlang:monotonic_time() > Deadline)
        andalso throw({expected, Expected, got, Got}),
    receive after 1 -> ok end,
    expect(Puppet, Expected, Got ++ do(Puppet, log), Deadline).

%% The same, in any order.
expect_all(Puppet, Expected) -> expect_all(Puppet, lists:sort(Expected), do(Puppet, log), deadline()).

expect_all(Puppet, Expected, Got, Deadline) ->
    case lists:sort(Got) of
        Expected -> ok;
        Sorted ->
            (length(Got) >= length(Expected) orelse erlang:monotonic_time() > Deadline)
                andalso throw({expected, Expected, got, Sorted}),
            receive after 1 -> ok end,
            expect_all(Puppet, Expected, Got ++ do(Puppet, log), Deadline)
    end.

deadline() -> erlang:monotonic_time() + erlang:convert_time_unit(?WAIT, millisecond, native).

%% The puppet ends, for this reason.
ends(Puppet, Reason) ->
    Monitor = get(Puppet),
    receive
        {'DOWN', Monitor, process, Puppet, Reason} -> ok;
        {'DOWN', Monitor, process, Puppet, Other} -> throw({expected_end, Reason, got, Other})
    after ?WAIT -> throw({no_end, Puppet, Reason})
    end.

%% All that the other's node has sent to the puppet has arrived.
settle(Puppet, Other) ->
    Tag = make_ref(),
    do(new(node(Other)), {send, Puppet, {sync, self(), Tag}}),
    receive {synced, Tag} -> ok
    after ?WAIT -> throw({not_settled, Puppet})
    end.

%% The puppet got nothing from the other's node that has not been expected.
quiet(Puppet, Other) -> settle(Puppet, Other), expect(Puppet, []).

name() -> list_to_atom("puppet_" ++ integer_to_list(erlang:unique_integer([positive]))).

two(A, B) -> {new(A), new(B)}.

trap(Puppet) -> do(Puppet, {trap_exit, true}).

stop(Puppet, Reason) -> do(Puppet, {stop, Reason}), ends(Puppet, Reason).

reasons() -> [normal, boom, kill, killed, shutdown, {shutdown, 7}, noproc, noconnection, <<"text">>].

%%% Scenarios: what a puppet of A has with one of B.

scenarios() ->
    [{{link, Reason, Who}, fun(A, B) -> link_ends(A, B, Reason, Who) end}
        || Reason <- reasons(), Who <- [first, second, both]] ++
    [{{untrapped, Reason}, fun(A, B) -> untrapped(A, B, Reason) end} || Reason <- reasons()] ++
    [{{monitor, Reason}, fun(A, B) -> monitors(A, B, Reason) end} || Reason <- reasons()] ++
    [{{exit, Reason}, fun(A, B) -> exit_signal(A, B, Reason) end} || Reason <- reasons()] ++
    [{{exit_self, Reason}, fun(A, _) -> exit_self(A, Reason) end} || Reason <- reasons()] ++
    [{Name, Scenario} || {Name, Scenario} <- [
        {killed_tells_killed, fun killed_tells_killed/2},
        {link_twice, fun link_twice/2},
        {not_there, fun not_there/2},
        {chain, fun chain/2},
        {unlink, fun unlink/2},
        {unlink_by_both, fun unlink_by_both/2},
        {unlink_crosses_exit, fun unlink_crosses_exit/2},
        {links_cross, fun links_cross/2},
        {demonitored, fun demonitored/2},
        {flush, fun flush/2},
        {names, fun names/2},
        {explicit_alias, fun explicit_alias/2},
        {reply_alias, fun reply_alias/2},
        {monitor_aliases, fun monitor_aliases/2},
        {order, fun order/2}]] ++
    [{Name, Scenario} || list_to_integer(erlang:system_info(otp_release)) >= 28, {Name, Scenario} <- [
        {priority_messages, fun priority_messages/2},
        {exit_to_alias, fun exit_to_alias/2}]].

link_ends(A, B, Reason, Who) ->
    {P, Q} = two(A, B),
    trap(P),
    Linkers = case Who of first -> [{P, Q}]; second -> [{Q, P}]; both -> [{P, Q}, {Q, P}] end,
    Begun = [{From, Link, begin_to(From, Link)} || {From, To} <- Linkers, Link <- [{link, To}]],
    [done(From, Link, Tag) || {From, Link, Tag} <- Begun],
    settle(P, Q),
    settle(Q, P),
    stop(Q, Reason),
    expect(P, [{'EXIT', Q, Reason}]),
    quiet(P, Q).

untrapped(A, B, Reason) ->
    {P, Q} = two(A, B),
    do(P, {link, Q}),
    settle(Q, P),
    stop(Q, Reason),
    case Reason of
        normal -> quiet(P, Q), stop(P, boom);
        _ -> ends(P, Reason)
    end.

monitors(A, B, Reason) ->
    {P, Q} = two(A, B),
    Name = name(),
    do(Q, {register, Name}),
    Pid = do(P, {monitor, Q}),
    ByName = do(P, {monitor, {Name, node(Q)}}),
    settle(Q, P),
    stop(Q, Reason),
    expect_all(P, [{'DOWN', Pid, process, Q, Reason}, {'DOWN', ByName, process, {Name, node(Q)}, Reason}]),
    quiet(P, Q),
    After = do(P, {monitor, {Name, node(Q)}}),
    expect(P, [{'DOWN', After, process, {Name, node(Q)}, noproc}]),
    Gone = do(P, {monitor, Q}),
    expect(P, [{'DOWN', Gone, process, Q, noproc}]).

exit_signal(A, B, Reason) ->
    {P, Q} = two(A, B),
    R = new(B),
    trap(Q),
    do(P, {exit, Q, Reason}),
    do(P, {exit, R, Reason}),
    case Reason of
        kill -> ends(Q, killed), ends(R, killed);
        normal -> expect(Q, [{'EXIT', P, normal}]), settle(R, P), expect(R, []), stop(R, boom);
        _ -> expect(Q, [{'EXIT', P, Reason}]), ends(R, Reason)
    end.

exit_self(A, Reason) ->
    P = new(A),
    begin_to(P, {exit, P, Reason}),
    ends(P, case Reason of kill -> killed; _ -> Reason end).

%% Who is killed does not kill those linked with it, but ends them as killed.
killed_tells_killed(A, B) ->
    {P, Q} = two(A, B),
    R = new(A),
    trap(P),
    do(P, {link, Q}),
    do(R, {link, Q}),
    Monitor = do(P, {monitor, Q}),
    settle(Q, P),
    do(new(A), {exit, Q, kill}),
    expect_all(P, [{'EXIT', Q, killed}, {'DOWN', Monitor, process, Q, killed}]),
    ends(R, killed),
    ends(Q, killed).

link_twice(A, B) ->
    {P, Q} = two(A, B),
    trap(P),
    [do(P, {link, Q}) || _ <- lists:seq(1, 3)],
    do(P, {link, P}),
    settle(Q, P),
    stop(Q, boom),
    expect(P, [{'EXIT', Q, boom}]),
    quiet(P, Q).

not_there(A, B) ->
    {P, Q} = two(A, B),
    stop(Q, normal),
    trap(P),
    do(P, {link, Q}),
    expect(P, [{'EXIT', Q, noproc}]),
    Monitor = do(P, {monitor, Q}),
    expect(P, [{'DOWN', Monitor, process, Q, noproc}]),
    Nobody = do(P, {monitor, {nobody_at_all, B}}),
    expect(P, [{'DOWN', Nobody, process, {nobody_at_all, B}, noproc}]),
    Far = 'nowhere@127.0.0.1',
    Unreachable = do(P, {monitor, {nobody_at_all, Far}}),
    expect(P, [{'DOWN', Unreachable, process, {nobody_at_all, Far}, noconnection}]),
    %% None of these is an error.
    do(P, {unlink, Q}),
    do(P, {send, Q, lost}),
    do(P, {send, {nobody_at_all, B}, lost}),
    do(P, {exit, Q, kill}),
    quiet(P, Q).

%% The end of one is the end of all that are linked in a row, over nodes and back.
chain(A, B) ->
    [First | Rest] = Puppets = [new(lists:nth(1 + N rem 2, [A, B])) || N <- lists:seq(1, 8)],
    lists:foldl(fun(Next, Previous) -> do(Previous, {link, Next}), Next end, First, Rest),
    [settle(From, To) || {From, To} <- lists:zip(lists:droplast(Puppets), Rest)],
    [settle(To, From) || {From, To} <- lists:zip(lists:droplast(Puppets), Rest)],
    do(lists:nth(4, Puppets), {stop, {shutdown, chain}}),
    [ends(Puppet, {shutdown, chain}) || Puppet <- Puppets],
    ok.

unlink(A, B) ->
    [unlink(A, B, Linker, Unlinker) || Linker <- [1, 2], Unlinker <- [1, 2]],
    ok.

unlink(A, B, Linker, Unlinker) ->
    {P, Q} = Both = two(A, B),
    trap(P),
    do(element(Linker, Both), {link, element(3 - Linker, Both)}),
    settle(P, Q),
    settle(Q, P),
    do(element(Unlinker, Both), {unlink, element(3 - Unlinker, Both)}),
    settle(P, Q),
    settle(Q, P),
    %% A second link is as good as the first.
    case Linker =:= Unlinker of
        true ->
            stop(Q, boom),
            quiet(P, Q);
        false ->
            do(P, {link, Q}),
            settle(Q, P),
            stop(Q, boom),
            expect(P, [{'EXIT', Q, boom}])
    end.

unlink_by_both(A, B) ->
    {P, Q} = two(A, B),
    trap(P),
    [begin
        do(P, {link, Q}),
        settle(Q, P),
        First = begin_to(P, {unlink, Q}),
        Second = begin_to(Q, {unlink, P}),
        done(P, unlink, First),
        done(Q, unlink, Second)
    end || _ <- lists:seq(1, 20)],
    settle(P, Q),
    settle(Q, P),
    do(Q, {link, P}),
    settle(P, Q),
    stop(Q, boom),
    expect(P, [{'EXIT', Q, boom}]),
    quiet(P, Q).

%% Once unlink has returned no exit signal arrives, however the two cross.
unlink_crosses_exit(A, B) ->
    P = new(A),
    trap(P),
    [begin
        Q = new(B),
        do(P, {link, Q}),
        settle(Q, P),
        Stop = begin_to(Q, {stop, boom}),
        do(P, {unlink_and_forget, Q}),
        done(Q, stop, Stop),
        ends(Q, boom),
        settle(P, Q),
        case do(P, log) of
            [unlinked] -> ok;
            [{'EXIT', Q, boom}, unlinked] -> ok;
            Other -> throw({after_unlink, Other})
        end
    end || _ <- lists:seq(1, 20)],
    ok.

%% Links and unlinks of both sides cross; the last word decides.
links_cross(A, B) ->
    [begin
        {P, Q} = two(A, B),
        trap(P),
        Storm = [{From, begin_to(From, {Verb, To})}
            || _ <- lists:seq(1, 10), {From, To, Verb} <- [{P, Q, link}, {Q, P, unlink}, {Q, P, link}, {P, Q, unlink}]],
        [done(From, storm, Tag) || {From, Tag} <- Storm],
        settle(P, Q),
        settle(Q, P),
        {From, To} = case Round rem 2 of 0 -> {P, Q}; 1 -> {Q, P} end,
        do(From, {Last, To}),
        settle(To, From),
        settle(From, To),
        stop(Q, boom),
        case Last of
            link -> expect(P, [{'EXIT', Q, boom}]);
            unlink -> ok
        end,
        %% An unlink by Q whose link only P has left behind would show here.
        quiet(P, Q)
    end || Last <- [link, unlink], Round <- lists:seq(1, 10)],
    ok.

demonitored(A, B) ->
    {P, Q} = two(A, B),
    Name = name(),
    do(Q, {register, Name}),
    Monitors = [do(P, {monitor, Target}) || _ <- lists:seq(1, 3), Target <- [Q, {Name, B}]],
    %% While a connection is under way, ERTS says false for a monitor by name.
    settle(Q, P),
    [true = do(P, {demonitor, Monitor}) || Monitor <- Monitors],
    Left = do(P, {monitor, Q}),
    settle(Q, P),
    stop(Q, boom),
    expect(P, [{'DOWN', Left, process, Q, boom}]),
    quiet(P, Q).

%% A message of a monitor that has fired goes with it.
flush(A, B) ->
    {P, Q} = two(A, B),
    Monitor = do(P, {monitor, Q}),
    settle(Q, P),
    Tag = begin_when_waiting(P, 2, {demonitor, Monitor}),
    do(Q, {send, P, before}),
    stop(Q, boom),
    false = done(P, demonitor, Tag),
    settle(P, Q),
    expect(P, [before]).

names(A, B) ->
    {P, Q} = two(A, B),
    Name = name(),
    do(Q, {register, Name}),
    do(P, {send, {Name, B}, one}),
    expect(Q, [one]),
    do(Q, {unregister, Name}),
    do(P, {send, {Name, B}, lost}),
    settle(Q, P),
    R = new(B),
    do(R, {register, Name}),
    do(P, {send, {Name, B}, two}),
    expect(R, [two]),
    quiet(Q, P),
    %% A monitor by name watches the process, whatever becomes of the name.
    Monitor = do(P, {monitor, {Name, B}}),
    settle(R, P),
    do(R, {unregister, Name}),
    do(Q, {register, Name}),
    stop(R, boom),
    expect(P, [{'DOWN', Monitor, process, {Name, B}, boom}]).

explicit_alias(A, B) ->
    {P, Q} = two(A, B),
    Alias = do(P, {alias, explicit}),
    [do(Q, {send, Alias, N}) || N <- [1, 2, 3]],
    expect(P, [1, 2, 3]),
    true = do(P, {unalias, Alias}),
    do(Q, {send, Alias, lost}),
    do(Q, {send, P, 4}),
    expect(P, [4]),
    false = do(P, {unalias, Alias}),
    quiet(P, Q).

reply_alias(A, B) ->
    {P, Q} = two(A, B),
    Alias = do(P, {alias, reply}),
    do(Q, {send, P, 0}),
    [do(Q, {send, Alias, N}) || N <- [1, 2, 3]],
    do(Q, {send, P, 4}),
    expect(P, [0, 1, 4]),
    false = do(P, {unalias, Alias}),
    quiet(P, Q).

monitor_aliases(A, B) ->
    P = new(A),
    [begin
        Q = new(B),
        R = new(B),
        %% A removed monitor.
        Removed = do(P, {monitor, Q, Kind}),
        do(Q, {send, Removed, 1}),
        expect(P, [1]),
        do(Q, {send, Removed, 2}),
        do(Q, {send, P, 3}),
        Second = case Kind of reply_demonitor -> [3]; _ -> [2, 3] end,
        expect(P, Second),
        %% The reply has ended the monitor, too.
        do(P, {demonitor, Removed}),
        do(Q, {send, Removed, 4}),
        do(Q, {send, P, 5}),
        Third = case Kind of explicit_unalias -> [4, 5]; _ -> [5] end,
        expect(P, Third),
        %% A monitor that fires.
        Fired = do(P, {monitor, Q, Kind}),
        settle(Q, P),
        stop(Q, boom),
        expect(P, [{'DOWN', Fired, process, Q, boom}]),
        do(R, {send, Fired, 6}),
        do(R, {send, P, 7}),
        Fourth = case Kind of explicit_unalias -> [6, 7]; _ -> [7] end,
        expect(P, Fourth),
        %% One that is answered does not fire.
        Answered = do(P, {monitor, R, Kind}),
        do(R, {send, Answered, 8}),
        expect(P, [8]),
        settle(R, P),
        stop(R, boom),
        case Kind of
            reply_demonitor -> ok;
            _ -> expect(P, [{'DOWN', Answered, process, R, boom}])
        end,
        quiet(P, R)
    end || Kind <- [explicit_unalias, demonitor, reply_demonitor]],
    ok.

%% What one process sends another arrives in order, whatever it is sent by.
order(A, B) ->
    {P, Q} = two(A, B),
    trap(Q),
    Name = name(),
    do(Q, {register, Name}),
    Alias = do(Q, {alias, explicit}),
    do(P, {count, [Q, {Name, B}, Alias], 1000}),
    do(P, {exit, Q, after_all}),
    do(P, {link, Q}),
    do(P, {send, Q, between}),
    begin_to(P, {stop, the_end}),
    expect(Q, lists:seq(1, 1000) ++ [{'EXIT', P, after_all}, between, {'EXIT', P, the_end}]),
    quiet(Q, P).

%% A connection that ends takes all links and monitors with it, on both sides.
lost(A, A) -> ok;
lost(A, B) ->
    {P, Q} = two(A, B),
    Name = name(),
    [begin
        trap(Puppet),
        do(Puppet, {register, Name})
    end || Puppet <- [P, Q]],
    do(P, {link, Q}),
    Monitors = [{Puppet, Target, do(Puppet, {monitor, Target})}
        || {Puppet, Other} <- [{P, Q}, {Q, P}], Target <- [Other, {Name, node(Other)}]],
    settle(P, Q),
    settle(Q, P),
    Tag = make_ref(),
    {puppets, A} ! {disconnect, self(), Tag, B},
    receive {disconnected, Tag} -> ok after ?WAIT -> throw(not_disconnected) end,
    [expect_all(Puppet, [{'EXIT', Other, noconnection} |
            [{'DOWN', Monitor, process, Target, noconnection} || {By, Target, Monitor} <- Monitors, By =:= Puppet]])
        || {Puppet, Other} <- [{P, Q}, {Q, P}]],
    %% And begins anew.
    do(Q, {link, P}),
    settle(P, Q),
    do(Q, {stop, boom}),
    expect(P, [{'EXIT', Q, boom}]).

%%% OTP 28 and later.

priority_messages(A, B) ->
    {P, Q} = two(A, B),
    Alias = do(P, {alias, priority}),
    Plain = do(P, {alias, explicit}),
    Tag = begin_when_waiting(P, 6, nothing),
    do(Q, {send, P, 1}),
    do(Q, {send, Alias, 2}),
    do(Q, {send_priority, Alias, 3}),
    do(Q, {send, P, 4}),
    do(Q, {send_priority, Plain, 5}),
    do(Q, {send_priority, Alias, 6}),
    done(P, when_waiting, Tag),
    expect(P, [3, 6, 1, 2, 4, 5]).

exit_to_alias(A, B) ->
    {P, Q} = two(A, B),
    trap(P),
    Alias = do(P, {alias, priority}),
    Tag = begin_when_waiting(P, 3, nothing),
    do(Q, {send, P, 1}),
    do(Q, {exit, Alias, two}),
    do(Q, {exit_priority, Alias, three}),
    done(P, when_waiting, Tag),
    expect(P, [{'EXIT', Q, three}, 1, {'EXIT', Q, two}]).
