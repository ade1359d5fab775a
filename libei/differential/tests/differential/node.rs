use std::ffi::{CString, c_char, c_int};
use std::net::TcpListener;
use std::ptr::{null, null_mut};

use ei::types::{ei_cnode, erlang_pid, erlang_ref};
use einode_libei_differential::assert_same;

/// A string of C, or null.
fn text(text: Option<&str>) -> (Option<CString>, *const c_char) {
    let text = text.map(|text| CString::new(text).unwrap());
    let pointer = text.as_deref().map_or(null(), |text| text.as_ptr());
    (text, pointer)
}

fn nobody() -> ei_cnode {
    // SAFETY: a node is numbers and pointers.
    unsafe { std::mem::zeroed() }
}

fn string(name: &[c_char]) -> Vec<u8> {
    let bytes = name.iter().map(|&byte| byte.cast_unsigned());
    bytes.take_while(|&byte| byte != 0).collect()
}

/// What a program can see of a node. The pid of one without a name means nothing.
fn seen(ec: &ei_cnode) -> impl PartialEq + std::fmt::Debug + use<> {
    let own = &ec.self_;
    let named = ec.thisnodename[0] != 0;
    (
        [
            string(&ec.thishostname),
            string(&ec.thisalivename),
            string(&ec.thisnodename),
            string(&ec.ei_connect_cookie),
        ],
        (ec.creation, ec.pidsn),
        named.then(|| (string(&own.node), own.num, own.serial, own.creation)),
    )
}

#[test]
fn nodes_are_set_up_alike() {
    let long = |length| "x".repeat(length);
    let (host, alive, node) = ("host", Some("a"), Some("a@host"));
    for (host, alive, node, cookie, creation) in [
        (host, alive, node, "secret".into(), 0),
        (host, alive, node, "secret".into(), 3),
        (host, alive, node, "secret".into(), 4),
        (host, alive, node, "secret".into(), u32::MAX),
        (host, alive, node, String::new(), 9),
        (host, alive, node, long(512), 9),
        (host, alive, node, long(513), 9),
        (&long(254), alive, node, "secret".into(), 9),
        (&long(255), alive, node, "secret".into(), 9),
        (host, Some(&*long(254)), node, "secret".into(), 9),
        (host, Some(&*long(255)), node, "secret".into(), 9),
        (host, alive, Some(&*long(256)), "secret".into(), 9),
        (host, alive, Some(&*long(257)), "secret".into(), 9),
        (host, Some("a@b"), Some("a@b@host"), "secret".into(), 9),
        (host, None, None, "secret".into(), 9),
        (host, None, node, "secret".into(), 9),
    ] {
        let (_host, host) = text(Some(host));
        let (_alive, alive) = text(alive);
        let (_node, node) = text(node);
        let (_cookie, cookie) = text(Some(&cookie));
        assert_same!(
            {
                let mut ec = nobody();
                let done =
                    ei_connect_xinit(&mut ec, host, alive, node, null_mut(), cookie, creation);
                (done, (done == 0).then(|| seen(&ec)))
            },
            "{_host:?} {_alive:?} {_node:?} {_cookie:?} {creation}"
        );
    }
    for alive in [long(100), "a".into(), "a@b".into()] {
        let (_alive, alive) = text(Some(&alive));
        assert_same!(
            {
                let mut ec = nobody();
                let done = ei_connect_init(&mut ec, alive, c"secret".as_ptr(), 5);
                (done, (done == 0).then(|| seen(&ec)))
            },
            "{_alive:?}"
        );
    }
}

#[test]
fn pids_and_references_are_made_alike() {
    crate::prepare_otp();
    for pidsn in [0, 1, 0x7ffe, 0x7fff, 0x8000, 0xffff, 0x0fff_ffff, u32::MAX] {
        for name in [Some("a"), None] {
            let (_alive, alive) = text(name);
            let (_node, node) = text(name.map(|_| "a@host"));
            assert_same!(
                {
                    let mut ec = nobody();
                    let host = c"host".as_ptr();
                    ei_connect_xinit(&mut ec, host, alive, node, null_mut(), c"".as_ptr(), 9);
                    ec.pidsn = pidsn;
                    let mut pid: erlang_pid = std::mem::zeroed();
                    let made = [(); 3].map(|()| {
                        let made = ei_make_pid(&mut ec, &mut pid);
                        (
                            made,
                            string(&pid.node),
                            pid.num,
                            pid.serial,
                            pid.creation,
                            ec.pidsn,
                        )
                    });
                    let mut r#ref: erlang_ref = std::mem::zeroed();
                    let references = [(); 3].map(|()| {
                        let made = ei_make_ref(&mut ec, &mut r#ref);
                        (
                            made,
                            string(&r#ref.node),
                            r#ref.len,
                            r#ref.n,
                            r#ref.creation,
                        )
                    });
                    (made, references, ei_self(&mut ec).is_null())
                },
                "{name:?} {pidsn:#x}"
            );
        }
    }
}

#[test]
fn calls_fail_alike() {
    // A port that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = c_int::from(free.local_addr().unwrap().port());
    drop(free);
    for ms in [0, 5000] {
        assert_same!(
            {
                let errno = __erl_errno_place();
                let mut ec = nobody();
                let (alive, node) = (c"a".as_ptr(), c"a@host".as_ptr());
                ei_connect_xinit(&mut ec, alive, alive, node, null_mut(), c"".as_ptr(), 9);
                let long = CString::new(format!("{}@host", "x".repeat(252))).unwrap();
                let call = |run: &mut dyn FnMut() -> c_int| {
                    *errno = 0;
                    (run(), *errno)
                };
                let host = c"127.0.0.1".as_ptr().cast_mut();
                [
                    call(&mut || ei_connect_tmo(&mut ec, c"nowhere".as_ptr().cast_mut(), ms)),
                    call(&mut || ei_connect_tmo(&mut ec, long.as_ptr().cast_mut(), ms)),
                    call(&mut || {
                        ei_connect_tmo(&mut ec, c"a@256.256.256.256".as_ptr().cast_mut(), ms)
                    }),
                    call(&mut || ei_connect_host_port_tmo(&mut ec, host, port, ms)),
                    call(&mut || ei_accept_tmo(&mut ec, -1, null_mut(), ms)),
                    call(&mut || ei_close_connection(-1)),
                    call(&mut || ei_close_connection(0x10_0000)),
                    call(&mut || ei_distversion(0x10_0000)),
                    call(&mut || c_int::from(ei_fd_to_cnode(0x10_0000).is_null())),
                    call(&mut || *ei_getfdcookie(0x10_0000) as c_int),
                ]
            },
            "{ms} ms"
        );
    }
}

#[test]
fn mutexes_are_had_by_one_at_a_time() {
    assert_same!(
        {
            let mutex = ei_mutex_create();
            let mut made = vec![c_int::from(mutex.is_null())];
            for nblock in [0, 1] {
                made.push(ei_mutex_lock(mutex, nblock));
                made.push(ei_mutex_unlock(mutex));
            }
            made.push(ei_mutex_free(mutex, 0));
            made.push(ei_mutex_free(ei_mutex_create(), 1));
            made
        },
        "mutexes"
    );
}
