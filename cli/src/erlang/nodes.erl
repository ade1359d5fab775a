% The cluster as this node and those that it is connected with see it. Us is not of it.
Ours = node(Us),
Seen = fun(Type) -> lists:sort(erlang:nodes(Type) -- [Ours]) end,
Visible = Seen(visible),
Hidden = Seen(hidden),
Others = Visible ++ Hidden,
Answers = fun(Type) -> erpc:multicall(Others, erlang, nodes, [Type], Timeout) end,
Told = fun
    ({Node, {ok, ItsVisible}, {ok, ItsHidden}}) ->
        #{node => Node, hidden => lists:member(Node, Hidden),
          sees => #{visible => lists:sort(ItsVisible), hidden => lists:sort(ItsHidden -- [Ours])}};
    ({Node, _, _}) ->
        % A node that is not of Erlang, or one that hangs.
        #{node => Node, hidden => lists:member(Node, Hidden), sees => undefined}
end,
[#{node => node(), hidden => init:get_argument(hidden) =/= error,
   sees => #{visible => Visible, hidden => Hidden}}
 | lists:map(Told, lists:zip3(Others, Answers(visible), Answers(hidden)))].
