% All about one process, Target.
Show = fun(Term) -> Text("~0tP", [Term, 40]) end,
Frame = fun({Module, Function, Arity, Location}) ->
    Where = case {proplists:get_value(file, Location), proplists:get_value(line, Location)} of
        {undefined, _} -> <<>>;
        {File, Line} -> Text(" (~ts:~w)", [File, Line])
    end,
    <<(Mfa({Module, Function, Arity}))/binary, Where/binary>>
end,
Items = [status, current_stacktrace, links, monitors, monitored_by, message_queue_len, memory, reductions, heap_size,
         total_heap_size, stack_size, group_leader, priority, trap_exit, dictionary],
Tell = fun(Pid) ->
    case process_info(Pid, Items) of
        undefined ->
            noproc;
        Infos ->
            Get = fun(Item) -> proplists:get_value(Item, Infos) end,
            Dictionary = Get(dictionary),
            Ancestors = proplists:get_value('$ancestors', Dictionary, []),
            #{pid => list_to_binary(pid_to_list(Pid)),
              name => case process_info(Pid, registered_name) of
                  {registered_name, Name1} -> Text("~0tp", [Name1]);
                  _ -> undefined
              end,
              label => Label(Pid),
              initial_call => Initial(Pid),
              status => Get(status),
              mailbox => Get(message_queue_len),
              memory => Get(memory),
              reductions => Get(reductions),
              heap_words => Get(heap_size),
              total_heap_words => Get(total_heap_size),
              stack_words => Get(stack_size),
              priority => Get(priority),
              trap_exit => Get(trap_exit),
              group_leader => Show(Get(group_leader)),
              ancestors => lists:map(Show, Ancestors),
              links => lists:map(Show, Get(links)),
              monitors => lists:map(fun({_, Whom}) -> Show(Whom) end, Get(monitors)),
              monitored_by => lists:map(Show, Get(monitored_by)),
              stack => lists:map(Frame, Get(current_stacktrace)),
              dictionary => [[Show(Key), Show(Value)] || {Key, Value} <- Dictionary, Key =/= '$ancestors']}
    end
end,
case Find(Target) of
    Pid when is_pid(Pid), node(Pid) =:= node() -> Tell(Pid);
    Pid when is_pid(Pid) -> {elsewhere, node(Pid)};
    _ -> noproc
end.
