//! Atoms and fragments: what a node says in headers, and understands of ours.

use einode_dist::{Control, Destination, Flags, limits};
use einode_etf::{Binary, Pid, Term};

use crate::{CREATION, NAME, PASS_THROUGH, Peer, atom, encoded, us};

/// The atoms `atom_1` and so on, as the node makes them.
const ATOMS: &str = r#"Atoms = fun(From, To) ->
    [list_to_atom("atom_" ++ integer_to_list(N)) || N <- lists:seq(From, To)]
end"#;

/// Another process of ours.
fn other() -> Pid {
    Pid::new(atom(NAME), 101, 0, CREATION)
}

fn from(from: Pid, to: Destination) -> Control {
    Control::Send {
        from: Some(from),
        to,
        priority: false,
        token: None,
    }
}

/// Ranges of atoms: new ones, some of them again, and more at once than a header can have.
fn ranges() -> Vec<(usize, usize)> {
    let mut ranges: Vec<_> = (0..5000).step_by(50).map(|n| (n + 1, n + 50)).collect();
    ranges.extend((0..5000).step_by(130).map(|n| (n + 1, n + 200)));
    ranges.extend([(1, 300), (200, 5000), (1, 250), (4000, 4254)]);
    ranges
}

#[test]
fn five_thousand_atoms_to_the_node() {
    for flags in [Flags::HIDDEN, PASS_THROUGH] {
        let mut peer = Peer::connect(flags);
        let to = || Destination::Pid(peer.them.clone());
        let messages: Vec<_> = ranges()
            .into_iter()
            .map(|(first, last)| {
                let atoms: Vec<_> = (first..=last).map(|n| atom(&format!("atom_{n}"))).collect();
                (to(), (first, last, atoms))
            })
            .collect();
        let count = messages.len();
        for (to, message) in messages {
            peer.send_to(to, None, &message);
        }
        let check = format!(
            "{ATOMS}, [receive {{F, L, Got}} -> Got = Atoms(F, L), ok end || _ <- lists:seq(1, {count})]"
        );
        assert_eq!(peer.beam.eval(&check).as_list().unwrap().len(), count);
        let atoms = peer.connection.outbound.statistics().atoms;
        assert_eq!(
            atoms.hits > 0 && atoms.new > 5000,
            flags == Flags::HIDDEN,
            "{atoms:?}"
        );
    }
}

#[test]
fn five_thousand_atoms_from_the_node() {
    for flags in [Flags::HIDDEN, PASS_THROUGH] {
        let mut peer = Peer::connect(flags);
        for (first, last) in ranges() {
            peer.beam
                .eval(&format!("{ATOMS}, get(us) ! Atoms({first}, {last}), ok"));
            let (_, term) = peer.receive_message::<Term>();
            let expected = (first..=last).map(|n| atom(&format!("atom_{n}")).into());
            assert_eq!(term, Term::list(expected.collect()));
        }
        let atoms = peer.connection.inbound.statistics().atoms;
        assert_eq!(
            atoms.hits > 0 && atoms.new > 2000,
            flags == Flags::HIDDEN,
            "{atoms:?}"
        );
    }
}

#[test]
fn atoms_of_255_characters() {
    for (erlang, name) in [
        ("$a", "a".repeat(255)),
        ("16#1f980", "\u{1f980}".repeat(255)),
    ] {
        let mut peer = Peer::connect(Flags::HIDDEN);
        let long = format!("list_to_atom(lists:duplicate(255, {erlang}))");
        peer.beam.eval(&format!(
            "register({long}, spawn(fun() -> receive M -> them ! M end end))"
        ));
        for round in 0..2 {
            let to = if round == 0 {
                atom(&name)
            } else {
                atom("them")
            };
            peer.send_to(Destination::Name(to), None, &(atom("short"), atom(&name)));
            let same = peer
                .beam
                .text(&format!("receive {{short, A}} -> A =:= {long} end"));
            assert_eq!(same, "true");
            peer.beam.eval(&format!("get(us) ! {{short, {long}}}, ok"));
            let (_, received) = peer.receive_message::<(einode_etf::Atom, einode_etf::Atom)>();
            assert_eq!(received, (atom("short"), atom(&name)));
        }
    }
}

/// Bytes in which any mistake shows.
fn pattern(size: usize) -> Vec<u8> {
    (0..=255_u8).collect::<Vec<_>>().repeat(size / 256)
}

/// One process sends a large message and 100 small ones, another 100 small ones. What each of them
/// says arrives in order, and the small ones of the other do not wait.
#[test]
fn large_messages_to_the_node() {
    for mebibytes in [10, 200] {
        let mut peer = Peer::connect(Flags::HIDDEN);
        let size = mebibytes << 20;
        let to = Destination::Pid(peer.them.clone());
        let outbound = &mut peer.connection.outbound;
        let large = encoded(&(atom("one"), 0, Binary(pattern(size))));
        outbound.send(&from(us(), to.clone()), Some(large)).unwrap();
        for n in 1..=100 {
            outbound
                .send(&from(us(), to.clone()), Some(encoded(&(atom("one"), n))))
                .unwrap();
            outbound
                .send(&from(other(), to.clone()), Some(encoded(&(atom("two"), n))))
                .unwrap();
        }
        peer.flush();
        assert_eq!(
            peer.connection.outbound.statistics().fragments,
            (size / limits::FRAGMENT) as u64 + 1
        );
        peer.beam
            .wait_until("{message_queue_len, 201} =:= process_info(self(), message_queue_len)");
        let order = "element(2, process_info(self(), messages))";
        let of = |who: &str| format!("[N || {{{who}, N}} <- {order}] =:= lists:seq(1, 100)");
        assert_eq!(peer.beam.text(&of("one")), "true");
        assert_eq!(peer.beam.text(&of("two")), "true");
        let passed =
            format!("length(lists:takewhile(fun({{two, _}}) -> true; (_) -> false end, {order}))");
        assert_eq!(peer.beam.eval(&passed).as_i64(), Some(100));
        let check = format!(
            "receive {{one, 0, B}} -> B =:= binary:copy(list_to_binary(lists:seq(0, 255)), {}) end",
            size / 256
        );
        assert_eq!(peer.beam.text(&check), "true");
    }
}

#[test]
fn large_messages_from_the_node() {
    for (mebibytes, flags) in [
        (10, Flags::HIDDEN),
        (200, Flags::HIDDEN),
        (10, PASS_THROUGH),
    ] {
        let mut peer = Peer::connect(flags);
        let size = mebibytes << 20;
        peer.beam.eval(&format!(
            "Us = get(us),
             spawn(fun() ->
                 Us ! {{one, 0, binary:copy(list_to_binary(lists:seq(0, 255)), {})}},
                 [Us ! {{one, N}} || N <- lists:seq(1, 100)]
             end),
             spawn(fun() -> [begin Us ! {{two, N}}, timer:sleep(1) end || N <- lists:seq(1, 100)] end),
             ok",
            size / 256
        ));
        let (mut one, mut two, mut large) = (Vec::new(), Vec::new(), 0);
        while one.len() + two.len() < 201 {
            let (_, payload) = peer.receive();
            let payload = payload.unwrap();
            let (name, n) = match payload.decode::<(einode_etf::Atom, usize)>() {
                Ok(small) => small,
                Err(_) => {
                    let (name, n, Binary(bytes)) = payload.decode().unwrap();
                    assert!(bytes == pattern(size), "the bytes are others");
                    large += 1;
                    (name, n)
                }
            };
            if name == "one" {
                one.push(n)
            } else {
                two.push(n)
            }
        }
        assert_eq!(large, 1);
        assert_eq!(one, (0..=100).collect::<Vec<_>>());
        assert_eq!(two, (1..=100).collect::<Vec<_>>());
        let counted = peer.connection.inbound.statistics();
        assert_eq!(
            counted.fragments > 100,
            flags == Flags::HIDDEN,
            "{counted:?}"
        );
        assert_eq!(counted.incomplete, 0);
    }
}

/// Whatever has a payload can be cut.
#[test]
fn large_reasons_and_arguments() {
    let mut peer = Peer::connect(Flags::HIDDEN);
    let (bytes, them) = (pattern(1 << 20), peer.them.clone());
    let same = "B =:= binary:copy(list_to_binary(lists:seq(0, 255)), 4096)";
    let exit = Control::Exit2 {
        from: us(),
        to: them.clone().into(),
        priority: false,
        token: None,
    };
    peer.beam.eval("process_flag(trap_exit, true)");
    peer.send(
        &exit,
        Some(encoded(&(atom("large"), Binary(bytes.clone())))),
    );
    let received = peer.beam.text(&format!(
        "receive {{'EXIT', _, {{large, B}}}} -> {same} end"
    ));
    assert_eq!(received, "true");

    peer.beam
        .eval("exit(get(us), {large, binary:copy(list_to_binary(lists:seq(0, 255)), 4096)})");
    let (control, reason) = peer.receive();
    assert!(matches!(control, Control::Exit2 { .. }), "{control:?}");
    let (_, Binary(reason)) = reason
        .unwrap()
        .decode::<(einode_etf::Atom, Binary)>()
        .unwrap();
    assert!(reason == bytes, "the bytes are others");

    let request = Control::SpawnRequest {
        request: crate::reference(9),
        from: us(),
        group_leader: them,
        call: einode_dist::Mfa {
            module: atom("erlang"),
            function: atom("send"),
            arity: 2,
        },
        options: encoded::<[Term; 0]>(&[]),
        token: None,
    };
    let arguments = (atom("them"), (atom("spawned"), Binary(bytes)));
    let (to, message) = (
        encoded(&arguments.0).term().unwrap(),
        encoded(&arguments.1).term().unwrap(),
    );
    peer.send(&request, Some(encoded(&[to, message])));
    let (control, _) = peer.receive();
    assert!(
        matches!(control, Control::SpawnReply { result: Ok(_), .. }),
        "{control:?}"
    );
    let received = peer
        .beam
        .text(&format!("receive {{spawned, B}} -> {same} end"));
    assert_eq!(received, "true");
}
