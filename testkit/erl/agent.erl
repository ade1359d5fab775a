%% Not a module but an expression list, for `erl -eval`: what lets a test drive this node.
%%
%% The test listens on the port that `-einode_agent PORT` names. Packets have a four-byte length. A request is
%%     <<Length:32, Source:Length/binary, Input/binary>>
%% where Source is Erlang expressions, in which the variable Input is bound. The answer is
%%     <<$o, (term_to_binary(Value))/binary>>    or    <<$x, Text/binary>> for an exception.
%% All requests are evaluated by one process, which traps exits and keeps its mailbox and dictionary between them.
%% The node connects when it is up, and halts when the connection closes, so it cannot outlive its test.

Evaluate = fun(Source, Input) ->
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list([Source, "\n."])),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Expressions, [{'Input', Input}]),
    Value
end,

Evaluator = fun Loop() ->
    receive
        {einode_agent, Connection, <<Length:32, Source:Length/binary, Input/binary>>} ->
            Answer =
                try term_to_binary(Evaluate(Source, Input)) of
                    Bytes -> [$o, Bytes]
                catch
                    Class:Reason:Stack ->
                        [$x, unicode:characters_to_binary(io_lib:format("~tp: ~tP~nat ~tP", [Class, Reason, 50, Stack, 50]))]
                end,
            Connection ! {answer, Answer},
            Loop()
    end
end,

Connection = fun() ->
    (fun Wait() ->
        case init:get_status() of
            {started, _} -> up;
            {_, _} -> receive after 5 -> Wait() end
        end
    end)(),
    {ok, [[Port]]} = init:get_argument(einode_agent),
    case gen_tcp:connect({127, 0, 0, 1}, list_to_integer(Port), [binary, {packet, 4}, {nodelay, true}]) of
        {ok, Socket} ->
            {Pid, Monitor} = spawn_monitor(fun() -> process_flag(trap_exit, true), Evaluator() end),
            (fun Loop() ->
                receive
                    {tcp, Socket, Request} -> Pid ! {einode_agent, self(), Request}, Loop();
                    {answer, Answer} -> ok = gen_tcp:send(Socket, Answer), Loop();
                    {tcp_closed, Socket} -> halt(0, [{flush, false}]);
                    {tcp_error, Socket, _} -> halt(1, [{flush, false}]);
                    {'DOWN', Monitor, process, Pid, _} -> halt(1, [{flush, false}])
                end
            end)();
        {error, _} ->
            halt(1, [{flush, false}])
    end
end,

spawn(Connection).
