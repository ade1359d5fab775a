use ei::types::{MAXATOMLEN_UTF8, erlang_pid, erlang_port, erlang_ref};
use einode_libei_differential::assert_same;

use crate::corpus::Random;

/// Few values, so that two identifiers often agree in most of them.
fn draw(random: &mut Random) -> (erlang_pid, erlang_port, erlang_ref) {
    let mut node = [0; MAXATOMLEN_UTF8];
    let names: [&[u8]; 4] = [b"a@b", b"a@c", b"a@", b"\xc3\xa5@b"];
    let name = names[random.below(4)];
    node.iter_mut()
        .zip(name)
        .for_each(|(to, &byte)| *to = byte.cast_signed());
    // What follows the NUL is not part of the name.
    node[name.len() + 1] = random.below(2) as i8;
    let mut word = || [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX][random.below(5)];
    let creation = word() % 3;
    let pid = erlang_pid {
        node,
        num: word(),
        serial: word(),
        creation,
    };
    let port = erlang_port {
        node,
        id: u64::from(word()) << 32 | u64::from(word()),
        creation,
    };
    let n = [(); 5].map(|()| word());
    let reference = erlang_ref {
        node,
        len: 1 + (word() % 5) as i32,
        n,
        creation,
    };
    (pid, port, reference)
}

#[test]
fn identifiers_have_the_same_order() {
    let mut random = Random(6);
    for _ in 0..50_000 {
        let (mut pid, mut port, mut reference) = draw(&mut random);
        let mut other = draw(&mut random);
        // Often nearly the same one.
        if random.below(2) == 0 {
            other.0.node = pid.node;
            other.1.node = port.node;
            other.2 = erlang_ref {
                len: other.2.len,
                ..reference
            };
        }
        assert_same!(
            [
                ei_cmp_pids(&mut pid, &mut other.0).signum(),
                ei_cmp_pids(&mut other.0, &mut pid).signum(),
                ei_cmp_pids(&mut pid, &mut pid).signum(),
            ],
            "pids"
        );
        assert_same!(
            [
                ei_cmp_ports(&mut port, &mut other.1).signum(),
                ei_cmp_ports(&mut other.1, &mut port).signum(),
            ],
            "ports {:x} {:x}",
            port.id,
            other.1.id
        );
        assert_same!(
            [
                ei_cmp_refs(&mut reference, &mut other.2).signum(),
                ei_cmp_refs(&mut other.2, &mut reference).signum(),
            ],
            "references {:x?} {:x?}",
            (reference.len, reference.n, reference.creation),
            (other.2.len, other.2.n, other.2.creation)
        );
    }
}
