//! Every operation, to the node and from it.

use std::num::NonZeroU64;

use einode_dist::{Control, Destination, Flags, Mfa, Target};
use einode_etf::{Atom, Pid, Term};

use crate::{NAME, OLD, PASS_THROUGH, Peer, atom, encoded, reference, us};

#[test]
fn messages_to_the_node() {
    for flags in [Flags::HIDDEN, PASS_THROUGH, OLD] {
        let mut peer = Peer::connect(flags);
        let them = peer.them.clone();
        peer.send_to(Destination::Pid(them.clone()), None, &atom("to_pid"));
        assert_eq!(peer.message(), "to_pid");
        peer.send_to(Destination::Name(atom("them")), None, &atom("to_name"));
        assert_eq!(peer.message(), "to_name");

        // A label that is no integer is for those who say that they understand it.
        let label = if flags == OLD {
            Term::from(17)
        } else {
            Term::from(atom("label"))
        };
        let text = label.to_string();
        let token = encoded(&(18, label, 1, us(), 0));
        peer.send_to(Destination::Pid(them), Some(token.clone()), &atom("traced"));
        let traced = "receive traced -> {label, L} = seq_trace:get_token(label), L end";
        assert_eq!(peer.beam.text(traced), text);
        peer.beam.eval("seq_trace:set_token([])");
        peer.send_to(
            Destination::Name(atom("them")),
            Some(token),
            &atom("traced"),
        );
        assert_eq!(peer.beam.text(traced), text);
        peer.beam.eval("seq_trace:set_token([])");
    }
}

#[test]
fn messages_to_aliases_of_the_node() {
    // With ALTACT_SIG they are another operation for OTP 28 and later.
    for flags in [Flags::HIDDEN, Flags::HIDDEN - Flags::ALTACT_SIG] {
        let mut peer = Peer::connect(flags);
        let alias = peer.beam.eval("alias()").as_reference().unwrap().clone();
        peer.send_to(Destination::Alias(alias), None, &atom("to_alias"));
        assert_eq!(peer.message(), "to_alias");
    }
}

#[test]
fn messages_from_the_node() {
    for flags in [Flags::HIDDEN, PASS_THROUGH, OLD] {
        let mut peer = Peer::connect(flags);
        peer.beam.eval("get(us) ! <<\"to_pid\">>");
        assert_eq!(
            peer.receive_message::<String>(),
            (Destination::Pid(us()), "to_pid".into())
        );
        peer.beam
            .eval(&format!("{{ours, '{NAME}'}} ! <<\"to_name\">>"));
        let to_name = (Destination::Name(atom("ours")), "to_name".into());
        assert_eq!(peer.receive_message::<String>(), to_name);

        peer.beam
            .eval("seq_trace:set_token(label, 17), get(us) ! hi, seq_trace:set_token([])");
        let (control, _) = peer.receive();
        let Control::Send {
            token: Some(token), ..
        } = control
        else {
            panic!("expected a message with a token, received {control:?}");
        };
        let (_, label, _, from, _) = token.decode::<(u32, u32, u32, Pid, u32)>().unwrap();
        assert_eq!((label, from), (17, peer.them.clone()));
    }
}

#[test]
fn messages_from_the_node_to_our_aliases() {
    for flags in [Flags::HIDDEN, Flags::HIDDEN - Flags::ALTACT_SIG] {
        let mut peer = Peer::connect(flags);
        let alias = reference(7);
        peer.send_to(Destination::Pid(peer.them.clone()), None, &alias);
        peer.beam
            .eval("receive Alias -> Alias ! <<\"to_alias\">> end");
        let to_alias = (Destination::Alias(alias), "to_alias".into());
        assert_eq!(peer.receive_message::<String>(), to_alias);
    }
}

/// Priority messages exist since OTP 28; older nodes get and send plain ones.
#[test]
fn priority_messages() {
    let mut peer = Peer::connect(Flags::HIDDEN);
    let known = peer.connection.outbound.flags().contains(Flags::ALTACT_SIG);
    assert_eq!(known, peer.beam.release() >= 28);

    let alias = if known {
        "alias([priority])"
    } else {
        "alias()"
    };
    let alias = peer.beam.eval(alias).as_reference().unwrap().clone();
    peer.send_to(Destination::Pid(peer.them.clone()), None, &atom("plain"));
    let (from, to) = (Some(us()), Destination::Alias(alias));
    let urgent = Control::Send {
        from,
        to,
        priority: true,
        token: None,
    };
    peer.send(&urgent, Some(encoded(&atom("urgent"))));
    peer.beam
        .wait_until("{message_queue_len, 2} =:= process_info(self(), message_queue_len)");
    assert_eq!(peer.message(), if known { "urgent" } else { "plain" });

    if known {
        let alias = reference(8);
        peer.send_to(Destination::Pid(peer.them.clone()), None, &alias);
        peer.beam
            .eval("receive plain -> ok end, receive Alias -> put(alias, Alias) end");
        peer.beam.eval("erlang:send(get(alias), quick, [priority])");
        let (from, to) = (Some(peer.them.clone()), Destination::Alias(alias.clone()));
        let quick = Control::Send {
            from,
            to,
            priority: true,
            token: None,
        };
        assert_eq!(peer.receive(), (quick, Some(encoded(&atom("quick")))));
        peer.beam.eval("exit(get(alias), dead, [priority])");
        let (from, to) = (peer.them.clone(), Destination::Alias(alias));
        let dead = Control::Exit2 {
            from,
            to,
            priority: true,
            token: None,
        };
        assert_eq!(peer.receive(), (dead, Some(encoded(&atom("dead")))));
    }
}

#[test]
fn links_and_exits() {
    for flags in [Flags::HIDDEN, PASS_THROUGH, OLD] {
        let mut peer = Peer::connect(flags);
        let (from, to) = (us(), peer.them.clone());
        let links = "element(2, process_info(self(), links))";

        // We link, and one of our processes ends.
        peer.send(
            &Control::Link {
                from: from.clone(),
                to: to.clone(),
            },
            None,
        );
        peer.beam
            .wait_until(&format!("lists:member(get(us), {links})"));
        let exit = Control::Exit {
            from: from.clone(),
            to: to.clone(),
            token: None,
        };
        peer.send(&exit, Some(encoded(&atom("ended"))));
        let is_exit = "receive {'EXIT', From, Why} -> {From =:= get(us), Why} end";
        assert_eq!(peer.beam.text(is_exit), "{true,ended}");

        // We send an exit signal.
        let destination = Destination::Pid(to.clone());
        let control = Control::Exit2 {
            from: from.clone(),
            to: destination,
            priority: false,
            token: None,
        };
        peer.send(&control, Some(encoded(&atom("told"))));
        assert_eq!(peer.beam.text(is_exit), "{true,told}");

        // We unlink.
        peer.send(
            &Control::Link {
                from: from.clone(),
                to: to.clone(),
            },
            None,
        );
        peer.beam
            .wait_until(&format!("lists:member(get(us), {links})"));
        let id = NonZeroU64::new(1 << 63).unwrap();
        peer.send(
            &Control::UnlinkId {
                id,
                from: from.clone(),
                to: to.clone(),
            },
            None,
        );
        let ack = Control::UnlinkIdAck {
            id,
            from: to.clone(),
            to: from.clone(),
        };
        assert_eq!(peer.receive(), (ack, None));
        assert_eq!(
            peer.beam.text(&format!("lists:member(get(us), {links})")),
            "false"
        );

        // The node links and unlinks.
        peer.beam.eval("link(get(us))");
        let link = Control::Link {
            from: to.clone(),
            to: from.clone(),
        };
        assert_eq!(peer.receive(), (link, None));
        peer.beam.eval("unlink(get(us))");
        let (unlink, _) = peer.receive();
        let Control::UnlinkId { id, .. } = unlink else {
            panic!("expected an unlink, received {unlink:?}");
        };
        assert_eq!(
            unlink,
            Control::UnlinkId {
                id,
                from: to.clone(),
                to: from.clone()
            }
        );
        peer.send(
            &Control::UnlinkIdAck {
                id,
                from: from.clone(),
                to: to.clone(),
            },
            None,
        );

        // A process of the node ends that is linked with us, and one sends an exit signal.
        peer.beam
            .eval("Us = get(us), spawn(fun() -> link(Us), exit({its, reason}) end)");
        assert!(matches!(peer.receive(), (Control::Link { .. }, None)));
        let (control, reason) = peer.receive();
        assert!(
            matches!(control, Control::Exit { token: None, .. }),
            "{control:?}"
        );
        let reason: (Atom, Atom) = reason.unwrap().decode().unwrap();
        assert_eq!(reason, (atom("its"), atom("reason")));
        peer.beam.eval("exit(get(us), enough)");
        let to_us = Destination::Pid(from);
        let exit = Control::Exit2 {
            from: to,
            to: to_us,
            priority: false,
            token: None,
        };
        assert_eq!(peer.receive(), (exit, Some(encoded(&atom("enough")))));
    }
}

#[test]
fn monitors() {
    let mut peer = Peer::connect(Flags::HIDDEN);
    let them = peer.them.clone();
    let monitor = |to, word| Control::MonitorP {
        from: us(),
        to,
        reference: reference(word),
    };
    let down = |from, word| Control::MonitorPExit {
        from,
        to: us(),
        reference: reference(word),
    };

    // We monitor what exists, what does not, and what ends.
    let nobody = Target::Name(atom("nobody"));
    peer.send(&monitor(nobody.clone(), 1), None);
    assert_eq!(
        peer.receive(),
        (down(nobody, 1), Some(encoded(&atom("noproc"))))
    );
    let doomed = "spawn(fun() -> register(doomed, self()), receive Why -> exit(Why) end end)";
    let doomed = Target::Pid(peer.beam.eval(doomed).as_pid().unwrap().clone());
    peer.beam.wait_until("whereis(doomed) =/= undefined");
    let by_name = Target::Name(atom("doomed"));
    peer.send(&monitor(doomed.clone(), 2), None);
    peer.send(&monitor(by_name.clone(), 3), None);
    peer.send(&monitor(by_name.clone(), 4), None);
    let to = by_name.clone();
    peer.send(
        &Control::DemonitorP {
            from: us(),
            to,
            reference: reference(4),
        },
        None,
    );
    let watchers = "length(element(2, process_info(whereis(doomed), monitored_by))) =:= 2";
    peer.beam.wait_until(watchers);
    peer.beam.eval("doomed ! fate");
    let mut downs = [peer.receive(), peer.receive()];
    downs.sort_by_key(|(control, _)| {
        matches!(
            control,
            Control::MonitorPExit {
                from: Target::Name(_),
                ..
            }
        )
    });
    let fate = Some(encoded(&atom("fate")));
    assert_eq!(
        downs,
        [(down(doomed, 2), fate.clone()), (down(by_name, 3), fate)]
    );

    // The node monitors us.
    for (expression, target) in [
        ("get(us)".to_owned(), Target::Pid(us())),
        (format!("{{ours, '{NAME}'}}"), Target::Name(atom("ours"))),
    ] {
        peer.beam
            .eval(&format!("put(monitor, monitor(process, {expression}))"));
        let (control, _) = peer.receive();
        let Control::MonitorP {
            from,
            to,
            reference,
        } = control
        else {
            panic!("expected a monitor, received {control:?}");
        };
        assert_eq!((&from, &to), (&them, &target));
        let to = them.clone();
        let down = Control::MonitorPExit {
            from: target.clone(),
            to,
            reference,
        };
        peer.send(&down, Some(encoded(&atom("over"))));
        let is_down = "Ref = get(monitor), receive {'DOWN', Ref, process, What, Why} -> \
                       {What =:= Expected, Why} end";
        let is_down = is_down.replace("Expected", &expression);
        assert_eq!(peer.beam.text(&is_down), "{true,over}");

        peer.beam
            .eval(&format!("demonitor(monitor(process, {expression}))"));
        let (monitor, _) = peer.receive();
        let (demonitor, _) = peer.receive();
        let Control::MonitorP {
            from,
            to,
            reference,
        } = monitor
        else {
            panic!("expected a monitor, received {monitor:?}");
        };
        assert_eq!(
            demonitor,
            Control::DemonitorP {
                from,
                to,
                reference
            }
        );
    }
}

#[test]
fn monitors_of_a_peer_that_handles_no_payload_of_exits() {
    let mut peer = Peer::connect(Flags::HIDDEN - Flags::EXIT_PAYLOAD);
    let nobody = Target::Name(atom("nobody"));
    let (from, reference) = (us(), reference(1));
    let to = nobody.clone();
    peer.send(
        &Control::MonitorP {
            from,
            to,
            reference: reference.clone(),
        },
        None,
    );
    let down = Control::MonitorPExit {
        from: nobody,
        to: us(),
        reference,
    };
    assert_eq!(peer.receive(), (down, Some(encoded(&atom("noproc")))));

    peer.beam.eval("put(monitor, monitor(process, get(us)))");
    let (Control::MonitorP { reference, .. }, _) = peer.receive() else {
        panic!("expected a monitor");
    };
    let (from, to) = (Target::Pid(us()), peer.them.clone());
    let down = Control::MonitorPExit {
        from,
        to,
        reference,
    };
    peer.send(&down, Some(encoded(&atom("over"))));
    let is_down = "Ref = get(monitor), receive {'DOWN', Ref, process, _, Why} -> Why end";
    assert_eq!(peer.beam.text(is_down), "over");
}

#[test]
fn group_leaders() {
    let mut peer = Peer::connect(Flags::HIDDEN);
    let victim = "spawn(fun() -> receive stop -> ok end end)";
    let victim = peer.beam.eval(&format!("V = {victim}, put(victim, V), V"));
    let to = victim.as_pid().unwrap().clone();
    peer.send(
        &Control::GroupLeader {
            from: us(),
            to: to.clone(),
        },
        None,
    );
    peer.beam
        .wait_until("{group_leader, get(us)} =:= process_info(get(victim), group_leader)");

    peer.beam.eval("group_leader(self(), get(us))");
    let control = Control::GroupLeader {
        from: peer.them.clone(),
        to: us(),
    };
    assert_eq!(peer.receive(), (control, None));
    assert_ne!(to, us());
}

#[test]
fn spawn_requests_to_the_node() {
    let mut peer = Peer::connect(Flags::HIDDEN);
    let call = |function| Mfa {
        module: atom("erlang"),
        function: atom(function),
        arity: 1,
    };
    let request = |word, call, options: &[Atom], token| Control::SpawnRequest {
        request: reference(word),
        from: us(),
        group_leader: us(),
        call,
        options: encoded(options),
        token,
    };
    let both = [atom("monitor"), atom("link")];
    let arguments = || Some(encoded(&[atom("done")][..]));
    peer.send(&request(1, call("exit"), &both, None), arguments());
    let (reply, _) = peer.receive();
    let Control::SpawnReply {
        result: Ok(pid), ..
    } = &reply
    else {
        panic!("expected a process, received {reply:?}");
    };
    let (result, from) = (Ok(pid.clone()), pid.clone());
    let expected = Control::SpawnReply {
        request: reference(1),
        to: us(),
        link: true,
        monitor: true,
        result,
        token: None,
    };
    assert_eq!(reply, expected);
    let mut ends = [peer.receive(), peer.receive()];
    ends.sort_by_key(|(control, _)| matches!(control, Control::MonitorPExit { .. }));
    let exit = Control::Exit {
        from: from.clone(),
        to: us(),
        token: None,
    };
    let down = Control::MonitorPExit {
        from: Target::Pid(from),
        to: us(),
        reference: reference(1),
    };
    let done = Some(encoded(&atom("done")));
    assert_eq!(ends, [(exit, done.clone()), (down, done)]);

    peer.send(
        &request(2, call("exit"), &[atom("nonsense")], None),
        arguments(),
    );
    let (reply, _) = peer.receive();
    let expected = Control::SpawnReply {
        request: reference(2),
        to: us(),
        link: false,
        monitor: false,
        result: Err(atom("badopt")),
        token: None,
    };
    assert_eq!(reply, expected);

    let token = encoded(&(18, 5, 1, us(), 0));
    peer.send(&request(3, call("exit"), &[], Some(token)), arguments());
    let (reply, _) = peer.receive();
    assert!(
        matches!(
            reply,
            Control::SpawnReply {
                token: Some(_),
                result: Ok(_),
                ..
            }
        ),
        "{reply:?}"
    );
}

#[test]
fn spawn_requests_from_the_node() {
    let mut peer = Peer::connect(Flags::HIDDEN);
    let spawn = format!("put(request, spawn_request('{NAME}', m, f, [1, 2], [monitor]))");
    for result in [Ok(us()), Err(atom("notsup"))] {
        peer.beam.eval(&spawn);
        let (control, arguments) = peer.receive();
        let Control::SpawnRequest {
            request,
            from,
            call,
            options,
            token: None,
            ..
        } = control
        else {
            panic!("expected a spawn request, received {control:?}");
        };
        let mfa = Mfa {
            module: atom("m"),
            function: atom("f"),
            arity: 2,
        };
        assert_eq!((&from, call), (&peer.them, mfa));
        assert_eq!(arguments.unwrap().decode::<Vec<u8>>().unwrap(), [1, 2]);
        assert_eq!(
            options.term().unwrap(),
            Term::list(vec![atom("monitor").into()])
        );

        let reply = Control::SpawnReply {
            request,
            to: from,
            link: false,
            monitor: result.is_ok(),
            result: result.clone(),
            token: None,
        };
        peer.send(&reply, None);
        let answer = "R = get(request), receive {spawn_reply, R, Ok, What} -> \
                      {Ok, What =:= get(us) orelse What} end";
        let expected = if result.is_ok() {
            "{ok,true}"
        } else {
            "{error,notsup}"
        };
        assert_eq!(peer.beam.text(answer), expected);
    }
}
