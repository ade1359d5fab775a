% The process that is named on the command line; the beginning of other scripts.
Find = fun
    ({name, Registered}) -> whereis(Registered);
    ({global, Global}) -> global:whereis_name(Global);
    ({pid, Numbers}) -> try list_to_pid(Numbers) catch error:badarg -> undefined end
end,
