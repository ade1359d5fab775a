% Of the node's logger: it sends each event to the process Follower, or counts it if too many wait there. Without
% that process it fails, and the logger removes it then. Asking the process how much it has waiting would take as
% long as it takes the process to answer.
fun(Event, _) ->
    case counters:get(Counters, 1) < 1000 of
        true ->
            counters:add(Counters, 1, 1),
            Follower ! {event, Event};
        false ->
            true = is_pid(whereis(Follower)),
            counters:add(Counters, 2, 1)
    end,
    ignore
end.
