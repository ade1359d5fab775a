% Sends samples, one after the other.
Loop = fun Loop() ->
    Us ! Sample(),
    % What all processes were told of is much; nothing of it is needed while it waits.
    erlang:garbage_collect(),
    Loop()
end,
Loop().
