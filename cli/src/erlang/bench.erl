% The other end of a benchmark: a process that takes messages, which gen_event does in compiled code, and a process,
% this one, that sends them, by functions of OTP.
{ok, Sink} = gen_event:start_link(),
Us ! {sink, Sink},
Loop = fun Loop() ->
    receive
        {send, Count, Size} ->
            Message = binary:copy(<<0>>, Size),
            lists:zipwith(fun erlang:send/2, lists:duplicate(Count, Us), lists:duplicate(Count, Message)),
            Loop()
    end
end,
Loop().
