//! The EPMD daemon in memory: who may ask what, what is remembered, and any bytes at all.

use std::collections::HashMap;

use einode_dist::epmd::{Caller, Daemon, NodeId, Reply, Then};
use einode_dist::{Error, limits};
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000;

fn packet(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes(), body].concat()
}

fn alive(name: &str) -> Vec<u8> {
    let length = (name.len() as u16).to_be_bytes();
    let head = b"x\x12\x34M\0\0\x06\0\x05";
    [&head[..], &length, name.as_bytes(), b"\0\0"].concat()
}

fn ask(daemon: &mut Daemon, local: bool, body: &[u8]) -> Result<Reply, Error> {
    let reply = daemon.receive(&mut Caller::new(local, 7), &packet(body), NOW)?;
    Ok(reply.expect("a whole request is answered"))
}

/// Registers a node, and gives its creation.
fn register(daemon: &mut Daemon, name: &str) -> (NodeId, u32) {
    let reply = ask(daemon, true, &alive(name)).unwrap();
    let Then::Keep(Some(node)) = reply.then else {
        panic!("{name} is not registered: {reply:?}");
    };
    let [b'v', 0, creation @ ..] = &*reply.answer else {
        panic!("{reply:?}");
    };
    (node, u32::from_be_bytes(creation.try_into().unwrap()))
}

#[test]
fn others_may_only_look() {
    let mut daemon = Daemon::new(4369).relaxed(true);
    register(&mut daemon, "shop");
    let found = ask(&mut daemon, false, b"zshop").unwrap();
    assert_eq!(
        (&found.answer[..4], found.then),
        (&b"w\0\x12\x34"[..], Then::Close)
    );
    let names = ask(&mut daemon, false, b"n").unwrap();
    assert!(names.answer.ends_with(b"name shop at port 4660\n"));
    for body in [&alive("x")[..], &alive("\u{7f}"), b"d", b"k", b"sshop"] {
        let error = ask(&mut daemon, false, body).unwrap_err();
        assert!(error.to_string().contains("from this host"), "{error}");
    }
    // Nor is a name that cannot be read refused in the way that is for those of this host.
    let mut latin1 = alive("xx");
    latin1[11] = 0xff;
    assert!(ask(&mut daemon, false, &latin1).is_err());
    assert_eq!(daemon.nodes(), 1);
}

#[test]
fn the_lives_of_a_name_are_counted() {
    let mut daemon = Daemon::new(4369);
    let (node, first) = register(&mut daemon, "shop");
    assert_eq!(first, NOW as u32 + 1);
    daemon.left(node);
    let (node, second) = register(&mut daemon, "shop");
    assert_eq!(second, first + 1);
    // What has left before cannot leave again.
    daemon.left(node);
    daemon.left(node);
    assert_eq!(register(&mut daemon, "shop").1, first + 2);
    assert_eq!(register(&mut daemon, "other").1, first);
}

#[test]
fn the_oldest_names_are_forgotten() {
    let mut daemon = Daemon::new(4369);
    let names: Vec<_> = (0..=limits::EPMD_REMEMBERED)
        .map(|n| format!("n{n}"))
        .collect();
    for name in &names {
        let (node, _) = register(&mut daemon, name);
        daemon.left(node);
    }
    let dump = ask(&mut daemon, true, b"d").unwrap().answer;
    let lines = dump.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(lines, limits::EPMD_REMEMBERED);
    assert_eq!(register(&mut daemon, &names[1]).1, NOW as u32 + 2);
    assert_eq!(register(&mut daemon, &names[0]).1, NOW as u32 + 1);
}

#[test]
fn listings_are_shared_while_nothing_changes() {
    let mut daemon = Daemon::new(4369);
    register(&mut daemon, "a");
    let first = ask(&mut daemon, false, b"n").unwrap().answer;
    let second = ask(&mut daemon, false, b"n").unwrap().answer;
    assert!(std::ptr::eq(first.as_ptr(), second.as_ptr()));
    register(&mut daemon, "b");
    let third = ask(&mut daemon, false, b"n").unwrap().answer;
    assert!(third.len() > first.len());
}

/// What a caller does.
#[derive(Debug, Clone)]
enum Act {
    Says(Vec<u8>),
    Leaves(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let name = "[a-c]{0,2}";
    let body = prop_oneof![
        4 => name.prop_map(|name| alive(&name)),
        2 => name.prop_map(|name| [b"z", name.as_bytes()].concat()),
        1 => name.prop_map(|name| [b"s", name.as_bytes()].concat()),
        1 => Just(b"n".to_vec()),
        1 => Just(b"d".to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 0..20),
    ];
    prop_oneof![
        4 => body.prop_map(|body| Act::Says(packet(&body))),
        1 => proptest::collection::vec(any::<u8>(), 0..10).prop_map(Act::Says),
        2 => any::<usize>().prop_map(Act::Leaves),
    ]
}

proptest! {
    /// The same in any cut, and what is registered is what can be found.
    #[test]
    fn any_callers_are_survived(acts in proptest::collection::vec(act(), 0..60), cut in 1..9_usize) {
        let mut whole = Daemon::new(4369).relaxed(true).remembered(3);
        let mut pieces = Daemon::new(4369).relaxed(true).remembered(3);
        let mut live: Vec<(NodeId, Vec<u8>)> = Vec::new();
        for act in acts {
            match act {
                Act::Leaves(which) if !live.is_empty() => {
                    let (node, _) = live.swap_remove(which % live.len());
                    whole.left(node);
                    pieces.left(node);
                }
                Act::Leaves(_) => {}
                Act::Says(bytes) => {
                    let reply = whole.receive(&mut Caller::new(true, 1), &bytes, NOW);
                    let mut caller = Caller::new(true, 1);
                    let mut in_pieces = Ok(None);
                    for piece in bytes.chunks(cut) {
                        in_pieces = pieces.receive(&mut caller, piece, NOW);
                        if !matches!(in_pieces, Ok(None)) {
                            break;
                        }
                    }
                    let outcome = |reply: &Result<Option<Reply>, Error>| {
                        let reply = reply.as_ref().ok()?.as_ref()?;
                        Some((reply.answer.to_vec(), reply.then))
                    };
                    // A byte too many is only seen where it comes with the rest.
                    let announced = bytes.first_chunk().map(|length| u16::from_be_bytes(*length));
                    if announced.is_some_and(|length| bytes.len() > 2 + usize::from(length)) {
                        prop_assert!(reply.is_err());
                        return Ok(());
                    }
                    prop_assert_eq!(outcome(&reply), outcome(&in_pieces));
                    match outcome(&reply) {
                        Some((_, Then::Keep(Some(node)))) => {
                            let name = whole.node(node).unwrap().name.clone();
                            live.push((node, name.into_bytes()));
                        }
                        Some((_, Then::End(Some(ended)))) => live.retain(|(node, _)| *node != ended),
                        Some((_, Then::Terminate)) => return Ok(()),
                        _ => {}
                    }
                }
            }
            prop_assert_eq!(whole.nodes(), live.len());
            let names: HashMap<_, _> = live.iter().map(|(node, name)| (name, node)).collect();
            prop_assert_eq!(names.len(), live.len());
            for (_, name) in &live {
                let found = ask(&mut whole, false, &[b"z", &name[..]].concat()).unwrap();
                prop_assert!(found.answer.starts_with(b"w\0"));
            }
        }
    }
}
