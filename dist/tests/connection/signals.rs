//! Any signal over any connection.

use std::num::NonZeroU64;

use einode_dist::{Connection, Control, Destination, Event, Flags, Mfa, Payload, Settings, Target};
use einode_etf::{Pid, Reference, Term};
use einode_testkit::{Chunks, terms};
use proptest::prelude::*;

use crate::{drain, events, write};

/// Flags that decide how something is said, or whether it can be.
const CHOICES: &[Flags] = &[
    Flags::DIST_HDR_ATOM_CACHE,
    Flags::FRAGMENTS,
    Flags::SEND_SENDER,
    Flags::BIG_SEQTRACE_LABELS,
    Flags::EXIT_PAYLOAD,
    Flags::SPAWN,
    Flags::ALIAS,
    Flags::ALTACT_SIG,
    Flags::UNLINK_ID,
    Flags::DIST_MONITOR,
    Flags::DIST_MONITOR_NAME,
];

fn flags() -> impl Strategy<Value = Flags> {
    proptest::sample::subsequence(CHOICES, 0..=CHOICES.len()).prop_map(|without| {
        without
            .into_iter()
            .fold(Flags::HIDDEN, |set, flag| set - flag)
    })
}

fn pid() -> impl Strategy<Value = Pid> {
    (terms::atom(), 0..4_u32, any::<u32>())
        .prop_map(|(node, id, creation)| Pid::new(node, id, 0, creation))
}

fn reference() -> impl Strategy<Value = Reference> {
    (
        terms::atom(),
        any::<u32>(),
        proptest::collection::vec(any::<u32>(), 1..=5),
    )
        .prop_map(|(node, creation, words)| Reference::new(node, creation, &words).unwrap())
}

fn payload() -> impl Strategy<Value = Payload> {
    terms::term().prop_map(|term| Payload::encode(&term).unwrap())
}

fn token() -> impl Strategy<Value = Option<Payload>> {
    let token = (terms::close(29), pid())
        .prop_map(|(label, from)| Payload::encode(&(18, label, 1, from, 0)).unwrap());
    proptest::option::of(token)
}

fn destination() -> impl Strategy<Value = Destination> {
    prop_oneof![
        pid().prop_map(Destination::Pid),
        terms::atom().prop_map(Destination::Name),
        reference().prop_map(Destination::Alias),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        pid().prop_map(Target::Pid),
        terms::atom().prop_map(Target::Name)
    ]
}

fn control() -> impl Strategy<Value = Control> {
    let id = (1..=u64::MAX).prop_map(|id| NonZeroU64::new(id).unwrap());
    let spawn = (
        reference(),
        pid(),
        pid(),
        terms::atom(),
        any::<u8>(),
        payload(),
        token(),
    );
    let result = prop_oneof![pid().prop_map(Ok), terms::atom().prop_map(Err)];
    let reply = (
        reference(),
        pid(),
        any::<bool>(),
        any::<bool>(),
        result,
        token(),
    );
    prop_oneof![
        (
            proptest::option::of(pid()),
            destination(),
            any::<bool>(),
            token()
        )
            .prop_map(|(from, to, priority, token)| Control::Send {
                from,
                to,
                priority,
                token
            }),
        (pid(), pid(), token()).prop_map(|(from, to, token)| Control::Exit { from, to, token }),
        (pid(), destination(), any::<bool>(), token()).prop_map(|(from, to, priority, token)| {
            Control::Exit2 {
                from,
                to,
                priority,
                token,
            }
        }),
        (pid(), pid()).prop_map(|(from, to)| Control::Link { from, to }),
        (id.clone(), pid(), pid()).prop_map(|(id, from, to)| Control::UnlinkId { id, from, to }),
        (id, pid(), pid()).prop_map(|(id, from, to)| Control::UnlinkIdAck { id, from, to }),
        (pid(), pid()).prop_map(|(from, to)| Control::GroupLeader { from, to }),
        (pid(), target(), reference()).prop_map(|(from, to, reference)| Control::MonitorP {
            from,
            to,
            reference
        }),
        (pid(), target(), reference()).prop_map(|(from, to, reference)| Control::DemonitorP {
            from,
            to,
            reference
        }),
        (target(), pid(), reference()).prop_map(|(from, to, reference)| Control::MonitorPExit {
            from,
            to,
            reference
        }),
        spawn.prop_map(
            |(request, from, group_leader, module, arity, options, token)| {
                let call = Mfa {
                    function: module.clone(),
                    module,
                    arity,
                };
                Control::SpawnRequest {
                    request,
                    from,
                    group_leader,
                    call,
                    options,
                    token,
                }
            }
        ),
        reply.prop_map(|(request, to, link, monitor, result, token)| {
            Control::SpawnReply {
                request,
                to,
                link,
                monitor,
                result,
                token,
            }
        }),
    ]
}

/// What arrives of a signal: a peer is told no more than it understands.
fn told(mut control: Control, flags: Flags) -> Control {
    let has = |flag| flags.contains(flag);
    if let Control::UnlinkId { from, to, .. } = &control
        && !has(Flags::UNLINK_ID)
    {
        let (from, to) = (from.clone(), to.clone());
        return Control::Unlink { from, to };
    }
    if let Control::Send { token, .. }
    | Control::Exit { token, .. }
    | Control::Exit2 { token, .. }
    | Control::SpawnRequest { token, .. }
    | Control::SpawnReply { token, .. } = &mut control
    {
        let label = |token: &Payload| token.decode::<(Term, Term, Term, Term, Term)>().unwrap().1;
        token.take_if(|token| !has(Flags::BIG_SEQTRACE_LABELS) && label(token).as_i64().is_none());
    }
    match &mut control {
        Control::Send {
            from, to, priority, ..
        } => {
            let altact = has(Flags::ALTACT_SIG)
                && from.is_some()
                && (*priority || matches!(to, Destination::Alias(_)));
            *priority &= altact;
            if matches!(to, Destination::Pid(_)) && !altact && !has(Flags::SEND_SENDER) {
                *from = None;
            }
        }
        Control::Exit2 { priority, .. } => *priority &= has(Flags::ALTACT_SIG),
        _ => {}
    }
    control
}

proptest! {
    #[test]
    fn any_signal_over_any_connection(
        flags in flags(),
        signals in proptest::collection::vec((control(), payload(), 0..2000_usize), 0..20),
        chunks in proptest::collection::vec(1..200_usize, 1..8),
    ) {
        let Connection { mut outbound, mut inbound, .. } = Connection::new(flags, &Settings::default());
        let (mut expected, mut bytes) = (Vec::new(), Vec::new());
        for (control, payload, taken) in signals {
            let carries = matches!(
                control,
                Control::Send { .. }
                    | Control::Exit { .. }
                    | Control::Exit2 { .. }
                    | Control::MonitorPExit { .. }
                    | Control::SpawnRequest { .. }
            );
            let payload = carries.then_some(payload);
            // Those that cannot be said leave no trace.
            if outbound.send(&control, payload.clone()).is_ok() {
                expected.push(Event::Signal(told(control, flags), payload));
            }
            bytes.extend(write(&mut outbound, taken));
        }
        let mut chunks = Chunks::new(chunks);
        bytes.extend(drain(&mut outbound, &mut chunks));
        prop_assert_eq!(&events(&mut inbound, &bytes, &mut chunks), &expected);
        prop_assert_eq!(outbound.statistics().signals, expected.len() as u64);
        prop_assert_eq!(inbound.statistics().signals, expected.len() as u64);
        prop_assert_eq!(inbound.statistics().packets, outbound.statistics().packets);
        prop_assert_eq!(inbound.statistics().bytes, outbound.statistics().bytes);
        prop_assert_eq!(inbound.statistics().atoms, outbound.statistics().atoms);
    }
}
