% Sends what the node logs, by a filter of its logger that sees all events and stops none. The filter fails, and
% is so removed by the logger, when this process is not there any more; before that, this process removes it.
process_flag(trap_exit, true),
% How many events wait here, and how many were left out.
Counters = counters:new(2, []),
{ok, Tokens, _} = erl_scan:string(Filtering),
{ok, Exprs} = erl_parse:parse_exprs(Tokens),
% Of the filter and of this process. Not named after this process: names are never forgotten.
Follow = fun Follow(Number) ->
    Name = list_to_atom("einode_log_" ++ integer_to_list(Number)),
    case catch register(Name, self()) of
        true ->
            % The filter is copied at each event: evaluated apart, it has nothing of this script in it.
            Bindings = [{'Counters', Counters}, {'Follower', Name}],
            {value, Filter, _} = erl_eval:exprs(Exprs, Bindings),
            case logger:add_primary_filter(Name, {Filter, []}) of
                ok -> Name;
                {error, {already_exist, _}} -> unregister(Name), Follow(Number + 1)
            end;
        {'EXIT', _} ->
            Follow(Number + 1)
    end
end,
Show = fun
    (_, undefined) -> undefined;
    (Format, Terms) -> unicode:characters_to_binary(io_lib:format(Format, Terms))
end,
Mfa = fun
    ({Module, Function, Arity}) -> Show("~0tp:~0tp/~b", [Module, Function, Arity]);
    (_) -> undefined
end,
Term = fun(Key, Meta) ->
    case Meta of
        #{Key := Value} -> Show("~0tp", [Value]);
        _ -> undefined
    end
end,
Text = fun(Event) ->
    Config = #{template => [msg], single_line => false, depth => 100, chars_limit => 65536},
    unicode:characters_to_binary(logger_formatter:format(Event, Config))
end,
Send = fun(#{level := EventLevel, meta := Meta} = Event) ->
    Us ! #{level => EventLevel, time => maps:get(time, Meta, undefined), pid => Term(pid, Meta),
           mfa => Mfa(maps:get(mfa, Meta, undefined)), line => maps:get(line, Meta, undefined),
           domain => Term(domain, Meta), text => Text(Event)}
end,
Loop = fun Loop(Told) ->
    Lost = counters:get(Counters, 2),
    case Lost of
        Told -> ok;
        _ -> Us ! {lost, Lost - Told}
    end,
    receive
        {event, #{level := EventLevel} = Event} ->
            counters:sub(Counters, 1, 1),
            case logger:compare_levels(EventLevel, Level) of
                lt -> ok;
                _ -> Send(Event)
            end,
            Loop(Lost);
        {'EXIT', Us, _} -> ok;
        _ -> Loop(Lost)
    end
end,
Id = Follow(1),
try Loop(0) after logger:remove_primary_filter(Id) end.
