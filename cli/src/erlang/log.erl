% Sends what the node logs, by a filter of its logger that sees all events and stops none. The filter fails, and
% is so removed by the logger, when this process is not there any more; before that, this process removes it.
process_flag(trap_exit, true),
Lost = counters:new(1, []),
Filter = (fun(Follower) ->
    fun(Event, _) ->
        case process_info(Follower, message_queue_len) of
            {message_queue_len, Waiting} when Waiting < 1000 -> Follower ! {event, Event};
            {message_queue_len, _} -> counters:add(Lost, 1, 1)
        end,
        ignore
    end
end)(self()),
Format = fun(Event) ->
    unicode:characters_to_binary(
        logger_formatter:format(Event, #{template => [msg], single_line => false, depth => 100, chars_limit => 65536}))
end,
Mfa = fun
    ({Module, Function, Arity}) -> unicode:characters_to_binary(io_lib:format("~0tp:~0tp/~b", [Module, Function, Arity]));
    (_) -> undefined
end,
Show = fun
    (undefined) -> undefined;
    (Term) -> unicode:characters_to_binary(io_lib:format("~0tp", [Term]))
end,
Send = fun(#{level := EventLevel, meta := Meta} = Event) ->
    Us ! #{level => EventLevel, time => maps:get(time, Meta, undefined), pid => Show(maps:get(pid, Meta, undefined)),
           mfa => Mfa(maps:get(mfa, Meta, undefined)), line => maps:get(line, Meta, undefined),
           domain => Show(maps:get(domain, Meta, undefined)), text => Format(Event)}
end,
Loop = fun Loop(Told) ->
    Now = counters:get(Lost, 1),
    case Now of
        Told -> ok;
        _ -> Us ! {lost, Now - Told}
    end,
    receive
        {event, #{level := EventLevel} = Event} ->
            case logger:compare_levels(EventLevel, Level) of
                lt -> ok;
                _ -> Send(Event)
            end,
            Loop(Now);
        {'EXIT', Us, _} -> ok;
        _ -> Loop(Now)
    end
end,
% Not named after this process: names are never forgotten.
Add = fun Add(Number) ->
    Name = list_to_atom("einode_log_" ++ integer_to_list(Number)),
    case logger:add_primary_filter(Name, {Filter, []}) of
        ok -> Name;
        {error, {already_exist, _}} -> Add(Number + 1)
    end
end,
Id = Add(1),
Us ! {following, maps:get(level, logger:get_primary_config())},
try Loop(0) after logger:remove_primary_filter(Id) end.
