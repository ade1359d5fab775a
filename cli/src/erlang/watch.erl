% Tells which nodes come and go, as net_kernel does.
ok = net_kernel:monitor_nodes(true, [{node_type, all}, nodedown_reason]),
Us ! {nodes, erlang:nodes(visible), erlang:nodes(hidden) -- [node(Us)]},
Loop = fun Loop() ->
    receive
        {nodeup, Node, Info} -> Us ! {up, Node, proplists:get_value(node_type, Info), undefined};
        {nodedown, Node, Info} ->
            Reason = proplists:get_value(nodedown_reason, Info),
            Us ! {down, Node, proplists:get_value(node_type, Info), Reason};
        _ -> ok
    end,
    Loop()
end,
Loop().
