% The Limit busiest processes by the element at Position: reductions, memory or mailbox.
Pids = erlang:processes(),
Infos = Ask(Pids, [reductions, memory, message_queue_len]),
Found = {'$1', [{reductions, '$2'}, {memory, '$3'}, {message_queue_len, '$4'}]},
Others = {'=/=', '$1', {self}},
Match = ets:match_spec_compile([{Found, [Others], [{{'$2', '$3', '$4', '$1'}}]}]),
Rows = ets:match_spec_run(lists:zip(Pids, Infos), Match),
#{count => length(Rows), processes => lists:flatmap(Describe, Busiest(Position, Rows, Limit))}.
