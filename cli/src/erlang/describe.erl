% What is told of a process; the beginning of other scripts.
Text = fun(Format, Terms) -> unicode:characters_to_binary(io_lib:format(Format, Terms)) end,
Mfa = fun
    ({Module, Function, Arity}) -> Text("~0tp:~0tp/~b", [Module, Function, Arity]);
    (_) -> undefined
end,
Initial = fun(Pid) ->
    case {proc_lib:translate_initial_call(Pid), process_info(Pid, initial_call)} of
        {{proc_lib, init_p, _}, {initial_call, Call}} -> Mfa(Call);
        {Call, _} -> Mfa(Call)
    end
end,
Label = fun(Pid) ->
    case erlang:function_exported(proc_lib, get_label, 1) andalso proc_lib:get_label(Pid) of
        false -> undefined;
        undefined -> undefined;
        Any -> Text("~0tP", [Any, 10])
    end
end,
Name = fun(Pid) ->
    case {process_info(Pid, registered_name), Label(Pid)} of
        {{registered_name, Registered}, _} -> Text("~0tp", [Registered]);
        {_, undefined} -> Initial(Pid);
        {_, Labelled} -> Labelled
    end
end,
% None of one that has ended.
Describe = fun({Reductions, Memory, Mailbox, Pid}) ->
    case process_info(Pid, [current_function, status]) of
        [{current_function, Current}, {status, Status}] ->
            [#{pid => list_to_binary(pid_to_list(Pid)), name => Name(Pid), reductions => Reductions,
               memory => Memory, mailbox => Mailbox, current => Mfa(Current), status => Status}];
        undefined ->
            []
    end
end,
Busiest = fun(Position, Rows, Limit) ->
    lists:sublist(lists:reverse(lists:keysort(Position, Rows)), Limit)
end,
% Functions of OTP go through all processes, and not expressions of ours, which are 20 times as slow.
Ask = fun(Pids, Item) ->
    lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Item))
end,
