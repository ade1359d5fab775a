%% For `erl -eval`: compiles the module whose source is in the variable EINODE_SOURCE, and runs its main/0.
Forms = fun Forms(Text, Location) ->
    case erl_scan:tokens([], Text, Location) of
        {done, {ok, Tokens, Next}, Rest} ->
            {ok, Form} = erl_parse:parse_form(Tokens),
            [Form | Forms(Rest, Next)];
        _ ->
            []
    end
end,
Source = unicode:characters_to_list(unicode:characters_to_binary(os:getenv("EINODE_SOURCE"))),
{ok, Module, Code} = compile:forms(Forms(Source ++ "\n", 1), [binary, report_errors]),
{module, Module} = code:load_binary(Module, "xtask", Code),
Module:main().
