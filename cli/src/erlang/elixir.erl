% Source, a binary: any Elixir, or one call of a function if Call. The value as a term if Term, or else its text.
Trim = fun Trim([{Module, _, _, _} | Frames] = Stack) ->
    case lists:member(Module, [erl_eval, erpc, rpc, elixir, lists, 'Elixir.Code', 'Elixir.Module.ParallelChecker']) of
        true -> Trim(Frames);
        false -> Stack
    end;
    Trim(Stack) -> Stack
end,
Syntax = ['Elixir.SyntaxError', 'Elixir.TokenMissingError', 'Elixir.MismatchedDelimiterError'],
IsCall = fun
    ({{'.', _, [_, Function]}, _, Arguments}) -> is_atom(Function) andalso is_list(Arguments);
    (_) -> false
end,
Evaluate = fun() ->
    Quoted = 'Elixir.Code':'string_to_quoted!'(Source, [{file, <<"einode">>}]),
    case not Call orelse IsCall(Quoted) of
        true ->
            {Value, _} = 'Elixir.Code':eval_quoted(Quoted, [], [{file, <<"einode">>}]),
            case Term of
                true -> {value, Value};
                false ->
                    All = [{limit, infinity}, {printable_limit, infinity}, {width, infinity}],
                    {text, 'Elixir.Kernel':inspect(Value, All)}
            end;
        false ->
            {wrong, <<"expected a call, Module.function(arguments)">>}
    end
end,
case lists:keymember(elixir, 1, application:which_applications()) of
    false -> no_elixir;
    true ->
        try Evaluate()
        catch
            Class:Reason:Stack ->
                Text = 'Elixir.Exception':format(Class, Reason, lists:reverse(Trim(lists:reverse(Stack)))),
                Name = is_map(Reason) andalso maps:get('__struct__', Reason, false),
                case lists:member(Name, Syntax) of
                    true -> {wrong, 'Elixir.Exception':message(Reason)};
                    false -> {exception, Text}
                end
        end
end.
