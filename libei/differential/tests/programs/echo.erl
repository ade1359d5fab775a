-module(echo).
-export([start/0, wait/1]).

%% A process that answers whoever sends {Pid, Request}.
start() ->
    Parent = self(),
    spawn(fun() ->
        register(echo, self()),
        process_flag(trap_exit, true),
        Parent ! ready,
        loop()
    end),
    receive ready -> ok end.

loop() ->
    receive
        {'EXIT', Pid, Reason} -> Pid ! {exited, Reason};
        {_, die} -> exit(died);
        {From, Request} when is_pid(From) ->
            case answer(Request, From) of
                nothing -> ok;
                Answer -> From ! Answer
            end;
        _ -> ok
    end,
    loop().

answer(link, From) -> link(From), linked;
answer(unlink, From) -> unlink(From), unlinked;
answer(leader, From) -> group_leader(self(), From), group_leader(From, self()), led;
answer(exit, From) -> exit(From, reason), told;
answer(monitor, From) -> put(monitor, monitor(process, From)), monitored;
answer(demonitor, _) -> demonitor(get(monitor)), demonitored;
answer(named, From) -> {named, node(From)} ! by_name, nothing;
answer(traced, From) ->
    seq_trace:set_token(label, 17),
    seq_trace:set_token(send, true),
    From ! traced,
    seq_trace:set_token([]),
    nothing;
answer(hello, _) -> {self(), hello};
answer(Other, _) -> {self(), size_of(Other), Other}.

size_of(Bytes) when is_binary(Bytes) -> byte_size(Bytes);
size_of(_) -> none.

%% Returns once `released` has been sent `go`.
wait(What) ->
    register(released, self()),
    receive go -> What end.
