% Source, a binary: expressions that commas or dots separate.
Trim = fun(Module, _, _) -> lists:member(Module, [erl_eval, erpc, rpc]) end,
Format = fun(Class, Reason, Stack) ->
    unicode:characters_to_binary(
        case code:ensure_loaded(erl_error) of
            {module, _} ->
                erl_error:format_exception(Class, Reason, Stack, #{stack_trim_fun => Trim});
            _ ->
                io_lib:format("exception ~s: ~tp~n  in ~tp", [Class, Reason, Stack])
        end)
end,
Wrong = fun({Line, Column}, Module, What) ->
    {wrong, Line, Column, unicode:characters_to_binary(Module:format_error(What))}
end,
% All of it is parsed before any of it is evaluated.
Parse = fun
    Parse([], _, Parsed) ->
        {ok, lists:reverse(Parsed)};
    Parse(Tokens, End, Parsed) ->
        {Group, Rest} = lists:splitwith(fun(Token) -> element(1, Token) =/= dot end, Tokens),
        {Dot, Later} = case Rest of
            [First | Others] -> {First, Others};
            [] -> {{dot, End}, []}
        end,
        case erl_parse:parse_exprs(Group ++ [Dot]) of
            {ok, Exprs} -> Parse(Later, End, [Exprs | Parsed]);
            {error, {Location, Module, What}} -> Wrong(Location, Module, What)
        end
end,
Evaluate = fun
    Evaluate([], Value, _) ->
        Value;
    Evaluate([Exprs | Later], _, Bindings) ->
        {value, Value, New} = erl_eval:exprs(Exprs, Bindings),
        Evaluate(Later, Value, New)
end,
case erl_scan:string(unicode:characters_to_list(Source), {1, 1}) of
    {ok, Tokens, End} ->
        case Parse(Tokens, End, []) of
            {ok, Groups} ->
                try
                    {value, Evaluate(Groups, ok, erl_eval:new_bindings())}
                catch
                    error:{unbound_var, Name} ->
                        {exception, unicode:characters_to_binary(["variable '", atom_to_list(Name), "' is unbound"])};
                    Class:Reason:Stack -> {exception, Format(Class, Reason, Stack)}
                end;
            Syntax ->
                Syntax
        end;
    {error, {Location, Module, What}, _} ->
        Wrong(Location, Module, What)
end.
